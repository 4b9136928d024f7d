package state

import (
	"encoding/binary"

	"github.com/rivusio/rivusio/serde"
)

// layers is what lies below the cache of a store, and needs no type: generations over the backend, and the times.
type layers struct {
	name      string
	id        StoreID
	partition Partition
	logs      bool
	timestamp func() int64

	generations []*Generation // readable, oldest first: committed, the last one perhaps only flushed
	flushed     *Generation   // not committed
	pending     []*Generation
	committed   Times
	times       Times
	version     int // of the cached objects: an iterator does not survive a flush, commit or abort

	row         []byte // scratch for a value
	spareRows   []generationRow
	spareChunks [][]byte
}

func newLayers(c Config) *layers {
	timestamp := c.Timestamp
	if timestamp == nil {
		timestamp = func() int64 { return NoTime }
	}
	times := c.Partition.Checkpoint().Times
	return &layers{
		name: c.Name, id: c.Partition.ID(), partition: c.Partition, logs: c.Changelog, timestamp: timestamp,
		committed: times, times: times,
	}
}

func (l *layers) errorf(format string, args ...any) error {
	return l.id.errorf(format, args...)
}

func (l *layers) keyError(err error) error { return l.id.keyError(err) }

// read finds the committed or flushed row of a key. The value is good until the next read.
func (l *layers) read(rowKey []byte) (value []byte, found bool, err error) {
	l.collect()
	for i := len(l.generations) - 1; i >= 0; i-- {
		if value, found = l.generations[i].get(rowKey); found {
			return value, value != nil, nil
		}
	}
	l.row, found, err = l.partition.Get(l.row[:0], rowKey)
	return l.row, found, err
}

func (l *layers) newGeneration() *Generation {
	g := &Generation{
		partition: l.partition, rows: l.spareRows[:0], arena: arena{spare: l.spareChunks},
		times: l.times, kept: l.committed.Kept,
	}
	l.spareRows, l.spareChunks = nil, nil
	return g
}

// beginFlush makes the generation of a flush, or none if nothing changed.
func (l *layers) beginFlush(dirty bool) (*Generation, error) {
	if l.flushed != nil {
		return nil, l.errorf("flushed again before a commit or an abort")
	}
	l.collect()
	if !dirty && l.times == l.committed {
		return nil, nil
	}
	l.version++
	return l.newGeneration(), nil
}

// logRow logs the last row of a generation.
func (l *layers) logRow(g *Generation, log func(key, value []byte) error) error {
	if !l.logs {
		return nil
	}
	i := len(g.rows) - 1
	return log(g.logKey(i), g.value(i))
}

// endFlush logs the times and makes the generation readable.
func (l *layers) endFlush(g *Generation, log func(key, value []byte) error) error {
	if l.logs && l.times != l.committed {
		if err := log([]byte{byte(TimeRecord)}, l.times.Append(nil)); err != nil {
			return err
		}
	}
	l.flushed = g
	l.generations = append(l.generations, g)
	return nil
}

// commit is Commit of a [Store].
func (l *layers) commit(offset int64) {
	if l.flushed == nil {
		return
	}
	l.flushed.offset = offset
	l.committed = l.flushed.times
	l.pending = append(l.pending, l.flushed)
	l.flushed = nil
}

// abort forgets what was not committed.
func (l *layers) abort() {
	if n := len(l.generations); l.flushed != nil && n > 0 {
		l.generations = l.generations[:n-1]
	}
	l.flushed = nil
	l.times = l.committed
	l.version++
}

// handOut is Pending of a [Store].
func (l *layers) handOut() []*Generation {
	p := l.pending
	l.pending = nil
	return p
}

// collect forgets the generations that the backend has, and keeps the memory of one for the next.
func (l *layers) collect() {
	n := 0
	for n < len(l.generations) && l.generations[n].Applied() {
		if g := l.generations[n]; g.pins == 0 {
			l.recycle(g)
		}
		l.generations[n] = nil
		n++
	}
	if n > 0 {
		l.generations = l.generations[n:]
	}
}

func (l *layers) recycle(g *Generation) {
	if cap(g.rows) > cap(l.spareRows) {
		l.spareRows = g.rows[:0]
	}
	if chunks := append(g.arena.chunks, g.arena.spare...); len(chunks) > len(l.spareChunks) {
		l.spareChunks = chunks[:0]
		for _, chunk := range chunks {
			if cap(chunk) <= maxChunkBytes {
				l.spareChunks = append(l.spareChunks, chunk)
			}
		}
	}
	g.rows, g.arena = nil, arena{}
}

// codec writes and reads the rows of layers, whose values have a type.
//
// It and what is built on it are fields, and only what has the methods of a store's interface is embedded in that store:
// methods of embedded parts are compiled anew for each type of each store.
type codec[V any] struct {
	layers       *layers
	values       serde.Serde[V]
	isNull       func(V) bool
	averageBytes int64 // of encoded values
}

func newCodec[V any](l *layers, values serde.Serde[V]) codec[V] {
	return codec[V]{layers: l, values: values, isNull: serde.IsNull(values), averageBytes: 32}
}

// decode decodes a row value.
func (c *codec[V]) decode(row []byte) (v V, timestamp int64, err error) {
	timestamp, value, err := ParseRowValue(row)
	if err == nil {
		v, err = c.values.Decode(value)
	}
	if err != nil {
		return v, 0, c.layers.errorf("value of a row: %w", err)
	}
	return v, timestamp, nil
}

// beginRow begins a row of a generation; its key, of so many bytes, is to be appended to what is returned.
func (c *codec[V]) beginRow(g *Generation, keyBytes int) []byte {
	return append(g.arena.begin(1+keyBytes+timestampBytes+int(c.averageBytes)*2), byte(RowRecord))
}

// endRow adds a row that beginRow began, with its value or, not present, as a tombstone.
func (c *codec[V]) endRow(g *Generation, row []byte, v V, timestamp int64, present bool) (valueBytes int, err error) {
	keyBytes := len(row) - 1
	if !present {
		g.add(row, keyBytes, true)
		return 0, nil
	}
	row = binary.BigEndian.AppendUint64(row, uint64(timestamp))
	encoded, err := c.values.Append(row, v)
	if err != nil {
		return 0, c.layers.errorf("value of a row: %w", err)
	}
	valueBytes = len(encoded) - 1 - keyBytes
	c.averageBytes += (int64(valueBytes) - c.averageBytes) / 16
	g.add(encoded, keyBytes, false)
	return valueBytes, nil
}
