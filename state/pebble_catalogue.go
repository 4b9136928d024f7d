package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// The keys of the database, by their first byte. Numbers are big-endian.
//
//	00                                            format of the database: one byte, 1
//	01 name                                       store: version 1, kind, store id (4 bytes)
//	02 store id (4)  partition (4)                checkpoint: version 1, incarnation, offset (8), wall clock (8: ns, 0 for never), times
//	03 store id (4)  partition (4)                the same of a twin that is being built
//	10 store id (4)  partition (4)  incarnation   followed by the row key: a row value
//
// A store id is given once to a name and never again. The incarnation is 0 or 1: a twin has the one that its original
// does not have, and a swap is a new checkpoint.
const (
	areaFormat     = 0x00
	areaStore      = 0x01
	areaCheckpoint = 0x02
	areaTwin       = 0x03
	areaRow        = 0x10

	databaseFormat    = 1
	storeVersion      = 1
	checkpointVersion = 1

	rowPrefixBytes = 1 + 4 + 4 + 1
)

// catalogue is the stores that the database knows.
type catalogue struct {
	mu     sync.Mutex
	stores map[string]storeEntry
	next   uint32
}

type storeEntry struct {
	kind Kind
	id   uint32
}

// get reads a value; nil if there is none.
func get(db *pebble.DB, key []byte) ([]byte, error) {
	v, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return append([]byte{}, v...), closer.Close()
}

// each calls f with the keys of an area, without their first byte, and the values.
func each(db *pebble.DB, area byte, f func(key, value []byte) error) error {
	i, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{area}, UpperBound: []byte{area + 1}})
	if err != nil {
		return err
	}
	for i.First(); i.Valid(); i.Next() {
		if err := f(i.Key()[1:], i.Value()); err != nil {
			return errors.Join(err, i.Close())
		}
	}
	return i.Close()
}

func (c *catalogue) open(p *Pebble) error {
	format, err := get(p.db, []byte{areaFormat})
	if err != nil {
		return err
	}
	if format == nil {
		if err := p.db.Set([]byte{areaFormat}, []byte{databaseFormat}, pebble.NoSync); err != nil {
			return err
		}
	} else if len(format) != 1 || format[0] != databaseFormat {
		return fmt.Errorf("the database has format %x, this program reads %d", format, databaseFormat)
	}
	c.stores = map[string]storeEntry{}
	err = each(p.db, areaStore, func(name, value []byte) error {
		if len(value) != 6 || value[0] != storeVersion {
			return fmt.Errorf("entry of store %q is not of version %d: %x", name, storeVersion, value)
		}
		e := storeEntry{Kind(value[1]), binary.BigEndian.Uint32(value[2:])}
		c.stores[string(name)] = e
		c.next = max(c.next, e.id+1)
		return nil
	})
	if err != nil {
		return err
	}
	return c.forgetTwins(p)
}

// forgetTwins deletes what rebuilds left that a crash ended.
func (c *catalogue) forgetTwins(p *Pebble) error {
	return each(p.db, areaTwin, func(key, value []byte) error {
		if len(key) != 8 {
			return fmt.Errorf("key of a twin's checkpoint has %d bytes, want 9", len(key)+1)
		}
		incarnation, _, err := decodeCheckpoint(value)
		if err != nil {
			return err
		}
		prefix := append(append([]byte{areaRow}, key...), incarnation)
		return p.write(1<<8, func(b *pebble.Batch) error {
			return errors.Join(b.DeleteRange(prefix, after(prefix), nil), b.Delete(append([]byte{areaTwin}, key...), nil))
		})
	})
}

// id returns the number of a store, and gives it one if it is new.
func (c *catalogue) id(p *Pebble, id StoreID) (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.stores[id.Name]; ok {
		if e.kind != id.Kind {
			return 0, kindError(id, e.kind)
		}
		return e.id, nil
	}
	e := storeEntry{id.Kind, c.next}
	value := binary.BigEndian.AppendUint32([]byte{storeVersion, byte(e.kind)}, e.id)
	if err := p.db.Set(append([]byte{areaStore}, id.Name...), value, pebble.NoSync); err != nil {
		return 0, fmt.Errorf("state: %v: %w", id, err)
	}
	c.stores[id.Name] = e
	c.next++
	return e.id, nil
}

func (c *catalogue) partitions(p *Pebble) (ids []StoreID, err error) {
	c.mu.Lock()
	byID := make(map[uint32]StoreID, len(c.stores))
	for name, e := range c.stores {
		byID[e.id] = StoreID{Name: name, Kind: e.kind}
	}
	c.mu.Unlock()
	err = each(p.db, areaCheckpoint, func(key, _ []byte) error {
		if len(key) != 8 {
			return fmt.Errorf("state: database in %s: key of a checkpoint has %d bytes, want 9", p.dir, len(key)+1)
		}
		id, ok := byID[binary.BigEndian.Uint32(key)]
		if !ok {
			return fmt.Errorf("state: database in %s: checkpoint of unknown store %d", p.dir, binary.BigEndian.Uint32(key))
		}
		id.Partition = int32(binary.BigEndian.Uint32(key[4:]))
		ids = append(ids, id)
		return nil
	})
	return ids, err
}

// appendCheckpoint encodes a checkpoint; see above.
func appendCheckpoint(dst []byte, incarnation byte, c Checkpoint) []byte {
	dst = append(dst, checkpointVersion, incarnation)
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.Offset))
	var at int64
	if !c.At.IsZero() {
		at = c.At.UnixNano()
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(at))
	return c.Times.Append(dst)
}

func decodeCheckpoint(b []byte) (incarnation byte, c Checkpoint, err error) {
	if len(b) == 0 || b[0] != checkpointVersion {
		return 0, c, fmt.Errorf("checkpoint is not of version %d: %x", checkpointVersion, b)
	}
	const head = 1 + 1 + 8 + 8
	if len(b) < head || b[1] > 1 {
		return 0, c, fmt.Errorf("checkpoint is damaged: %x", b)
	}
	c.Offset = int64(binary.BigEndian.Uint64(b[2:]))
	if at := int64(binary.BigEndian.Uint64(b[10:])); at != 0 {
		c.At = time.Unix(0, at)
	}
	c.Times, err = DecodeTimes(b[head:])
	return b[1], c, err
}
