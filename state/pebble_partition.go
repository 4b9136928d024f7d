package state

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/rivusio/rivusio/windows"
)

// pebblePartition is a lease of a partition, or a twin under the lease.
type pebblePartition struct {
	tenure  tenure
	backend *Pebble
	place   [8]byte // store id and partition
	prefix  []byte  // of the row keys
	end     []byte  // after all rows
	key     []byte  // scratch of reads
	twinOf  *pebblePartition

	// highest is a row key above which there is no row; nil: not known. Windows come in the order of time, so most look-ups of a
	// window that has just begun end here.
	highest atomic.Pointer[string]

	mu         sync.Mutex // for the checkpoint, which an apply changes
	checkpoint Checkpoint
}

func (p *pebblePartition) tenureOf() *tenure { return &p.tenure }

func (p *pebblePartition) ID() StoreID { return p.tenure.id }

func (p *pebblePartition) errorf(format string, args ...any) error {
	return p.tenure.id.errorf(format, args...)
}

// open finds the partition in the database.
func (p *pebblePartition) open() error {
	id, err := p.backend.catalogue.id(p.backend, p.tenure.id)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(p.place[:], id)
	binary.BigEndian.PutUint32(p.place[4:], uint32(p.tenure.id.Partition))
	b, err := get(p.backend.db, p.in(areaCheckpoint))
	if err != nil {
		return p.errorf("read the checkpoint: %w", err)
	}
	incarnation := byte(0)
	p.checkpoint = noCheckpoint()
	if b != nil {
		if incarnation, p.checkpoint, err = decodeCheckpoint(b); err != nil {
			return p.errorf("%w", err)
		}
	}
	p.incarnate(incarnation)
	if err := p.findHighest(); err != nil {
		return p.errorf("find the last row: %w", err)
	}
	return nil
}

// findHighest looks for the last row.
func (p *pebblePartition) findHighest() error {
	if !p.tenure.id.Kind.timed() {
		return nil
	}
	return p.backend.guard(func() error {
		rows, err := p.backend.db.NewIter(&pebble.IterOptions{LowerBound: p.prefix, UpperBound: p.end})
		if err != nil {
			return err
		}
		last := ""
		if rows.Last() {
			last = string(rows.Key()[rowPrefixBytes:])
		}
		p.highest.Store(&last)
		return rows.Close()
	})
}

// raise says that a row is about to be written.
func (p *pebblePartition) raise(key []byte) {
	if h := p.highest.Load(); h != nil && *h < string(key) {
		to := string(key)
		p.highest.Store(&to)
	}
}

// in is the partition's key in an area of the catalogue.
func (p *pebblePartition) in(area byte) []byte { return append([]byte{area}, p.place[:]...) }

func (p *pebblePartition) incarnate(incarnation byte) {
	p.prefix = append(p.in(areaRow), incarnation)
	p.end = after(p.prefix)
}

func (p *pebblePartition) incarnation() byte { return p.prefix[len(p.prefix)-1] }

// rowKey appends the database key of a row.
func (p *pebblePartition) rowKey(dst, key []byte) []byte {
	return append(append(dst, p.prefix...), key...)
}

// put writes a row, or deletes it if value is nil.
func (p *pebblePartition) put(b *pebble.Batch, key, value []byte) {
	if value == nil {
		d := b.DeleteDeferred(len(p.prefix) + len(key))
		copy(d.Key[copy(d.Key, p.prefix):], key)
		// Finish fails only on an indexed batch.
		_ = d.Finish()
		return
	}
	d := b.SetDeferred(len(p.prefix)+len(key), len(value))
	copy(d.Key[copy(d.Key, p.prefix):], key)
	copy(d.Value, value)
	if p.backend.written != nil {
		p.backend.written.add(d.Key)
	}
	_ = d.Finish()
}

// expire deletes the rows of windows that start before a time. Those before another time are gone already; ranges that
// overlapped would make each other dear.
func (p *pebblePartition) expire(b *pebble.Batch, gone, kept int64) error {
	if !p.tenure.id.Kind.timed() || kept <= gone {
		return nil
	}
	from := p.prefix
	if gone > NoTime {
		from = p.rowKey(nil, windows.AppendTime(nil, gone))
	}
	return b.DeleteRange(from, p.rowKey(nil, windows.AppendTime(nil, kept)), nil)
}

func (p *pebblePartition) putCheckpoint(b *pebble.Batch, c Checkpoint) error {
	area := byte(areaCheckpoint)
	if p.twinOf != nil {
		area = areaTwin
	}
	return b.Set(p.in(area), appendCheckpoint(nil, p.incarnation(), c), nil)
}

func (p *pebblePartition) setCheckpoint(c Checkpoint) {
	p.mu.Lock()
	p.checkpoint = c
	p.mu.Unlock()
}

func (p *pebblePartition) Checkpoint() Checkpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.checkpoint
}

func (p *pebblePartition) Get(dst, key []byte) (value []byte, found bool, err error) {
	if h := p.highest.Load(); h != nil && *h < string(key) {
		return dst, false, nil
	}
	p.key = p.rowKey(p.key[:0], key)
	if w := p.backend.written; w != nil && !w.has(p.key) {
		return dst, false, nil
	}
	err = p.backend.guard(func() error {
		v, closer, err := p.backend.db.Get(p.key)
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		dst, found = append(dst, v...), true
		return closer.Close()
	})
	if err != nil {
		return dst, false, p.errorf("read a row: %w", err)
	}
	return dst, found, nil
}

// Reader implements [Partition]. It has no lease, so it can but read.
func (p *pebblePartition) Reader() Reader {
	return &pebblePartition{tenure: tenure{id: p.tenure.id}, backend: p.backend, prefix: p.prefix, end: p.end}
}

func (p *pebblePartition) Scan(lower, upper []byte, reverse bool) Cursor {
	o := &pebble.IterOptions{LowerBound: p.rowKey(nil, lower), UpperBound: p.end}
	if upper != nil {
		o.UpperBound = p.rowKey(nil, upper)
	}
	c := &pebbleCursor{backend: p.backend, reverse: reverse}
	c.err = p.backend.guard(func() (err error) {
		c.rows, err = p.backend.db.NewIter(o)
		return err
	})
	return c
}

func (p *pebblePartition) Restore(rows []ChangelogRow, offset int64) error {
	if err := p.tenure.begin(); err != nil {
		return err
	}
	defer p.tenure.end()
	before := p.Checkpoint()
	c, err := newChunk(p.tenure.id, rows, before.Times)
	if err != nil {
		return err
	}
	size := 1 << 10
	for _, e := range c.order {
		r := &rows[e.index]
		size += len(r.Key) + len(r.Value) + rowPrefixBytes + 8
	}
	checkpoint := Checkpoint{Offset: offset, At: time.Now(), Times: c.times}
	if n := len(c.order); n > 0 {
		p.raise(rows[c.order[n-1].index].Key[1:])
	}
	err = p.backend.write(size, func(b *pebble.Batch) error {
		for _, e := range c.order {
			p.put(b, rows[e.index].Key[1:], rows[e.index].Value)
		}
		return errors.Join(p.expire(b, before.Times.Kept, c.times.Kept), p.putCheckpoint(b, checkpoint))
	})
	if err != nil {
		return p.errorf("restore up to offset %d: %w", offset, err)
	}
	p.setCheckpoint(checkpoint)
	return nil
}

func (p *pebblePartition) Rebuild(context.Context) (Twin, error) {
	if err := p.tenure.begin(); err != nil {
		return nil, err
	}
	defer p.tenure.end()
	twin := &pebblePartition{tenure: p.tenure, backend: p.backend, place: p.place, twinOf: p, checkpoint: noCheckpoint()}
	twin.incarnate(1 - p.incarnation())
	if p.tenure.id.Kind.timed() {
		twin.highest.Store(new(string))
	}
	err := p.backend.write(1<<8, func(b *pebble.Batch) error {
		return errors.Join(b.DeleteRange(twin.prefix, twin.end, nil), twin.putCheckpoint(b, twin.checkpoint))
	})
	if err != nil {
		return nil, p.errorf("rebuild: %w", err)
	}
	return twin, nil
}

func (p *pebblePartition) Swap() error {
	if err := p.tenure.begin(); err != nil {
		return err
	}
	defer p.tenure.end()
	old, checkpoint := p.twinOf, p.Checkpoint()
	err := p.backend.write(1<<8, func(b *pebble.Batch) error {
		return errors.Join(
			b.Set(p.in(areaCheckpoint), appendCheckpoint(nil, p.incarnation(), checkpoint), nil),
			b.Delete(p.in(areaTwin), nil),
			b.DeleteRange(old.prefix, old.end, nil),
		)
	})
	if err != nil {
		return p.errorf("swap: %w", err)
	}
	old.incarnate(p.incarnation())
	old.highest.Store(p.highest.Load())
	old.setCheckpoint(checkpoint)
	p.tenure.epoch = 0 // nothing goes through the twin any more
	return nil
}

// Bytes implements [Partition]: rows that are only in a memtable are not counted.
func (p *pebblePartition) Bytes() (bytes int64, err error) {
	err = p.backend.guard(func() error {
		n, err := p.backend.db.EstimateDiskUsage(p.prefix, p.end)
		bytes = int64(n)
		return err
	})
	if err != nil {
		return 0, p.errorf("size: %w", err)
	}
	return bytes, nil
}

func (p *pebblePartition) Drop() error {
	if err := p.tenure.begin(); err != nil {
		return err
	}
	defer p.tenure.end()
	err := p.backend.write(1<<8, func(b *pebble.Batch) error {
		area := byte(areaCheckpoint)
		if p.twinOf != nil {
			area = areaTwin
		}
		return errors.Join(b.DeleteRange(p.prefix, p.end, nil), b.Delete(p.in(area), nil))
	})
	if err != nil {
		return p.errorf("drop: %w", err)
	}
	p.setCheckpoint(noCheckpoint())
	return nil
}

func (p *pebblePartition) Release() {
	if p.twinOf == nil {
		p.tenure.release()
		return
	}
	if err := p.Drop(); err != nil && !errors.Is(err, ErrLeaseEnded) {
		// The twin is forgotten when the database is opened next.
		p.backend.log.Warn("state: the twin of a partition could not be deleted", "error", err)
	}
}

// pebbleCursor reads a snapshot of the database.
type pebbleCursor struct {
	backend *Pebble
	rows    *pebble.Iterator
	reverse bool
	started bool
	err     error
}

func (c *pebbleCursor) Next() (more bool) {
	if c.err != nil {
		return false
	}
	c.err = c.backend.guard(func() error {
		switch {
		case c.started && c.reverse:
			more = c.rows.Prev()
		case c.started:
			more = c.rows.Next()
		case c.reverse:
			more = c.rows.Last()
		default:
			more = c.rows.First()
		}
		return c.rows.Error()
	})
	c.started = true
	return more && c.err == nil
}

func (c *pebbleCursor) Key() []byte   { return c.rows.Key()[rowPrefixBytes:] }
func (c *pebbleCursor) Value() []byte { return c.rows.Value() }

func (c *pebbleCursor) Close() error {
	if c.rows == nil {
		return c.err
	}
	rows := c.rows
	c.rows = nil
	err := rows.Close()
	if c.err != nil {
		return c.err
	}
	return err
}
