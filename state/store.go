package state

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/rivusio/rivusio/serde"
)

// Row is a row of a store. Timestamp is the event time (ms) of its last update.
type Row[K, V any] struct {
	Key       K
	Value     V
	Timestamp int64
}

// Store is one partition of a store, with its types erased: what a task needs to commit and to abort it. All calls come
// from the task's goroutine. After an error of EmitDirty or Flush the only way on is Abort or Close.
type Store interface {
	// Name is that of the store in its topology.
	Name() string

	// EmitDirty calls the listener of OnCommit, if there is one, for each row that changed since it was last emitted, in
	// the order of the first change. What the listener forwards may change other stores, so a task calls it in
	// topological order of the stores.
	EmitDirty() error

	// Flush encodes every changed row once, sorted by key, into a new generation, and calls log with each as a changelog
	// record; a nil value is a tombstone. Last comes the time record, if the times changed. Key and value stay valid and
	// unchanged until the generation is applied, or for ever if it is aborted. Without a changelog log is not called and
	// may be nil. Rows that expired are left out. If nothing changed there is no generation.
	Flush(log func(key, value []byte) error) error

	// Commit says that what the last Flush logged is committed: the changelog is complete up to offset (exclusive), -1
	// without a changelog. Without a generation it does nothing.
	Commit(offset int64)

	// Abort forgets everything since the last Commit: a flushed generation, every cached object, dirty or not, and the
	// changes of Times. Committed generations stay readable.
	Abort()

	// Pending hands out the committed generations that were not handed out before, oldest first. The caller passes them to
	// [Backend.Apply], on any goroutine, in this order. They stay readable here until they are applied.
	Pending() []*Generation

	// Times is the event time that is durable with the rows. The task and its operators change it in place, but for Put
	// and Kept, which are the store's.
	Times() *Times

	// DirtyBytes is what waits for a flush, in the measure of [Budget].
	DirtyBytes() int64

	// Close gives the cached bytes back to the budget. The partition's lease goes on.
	Close() error
}

// Config is what every store is made with.
type Config struct {
	Name      string
	Partition Partition // restored before: its checkpoint gives the times
	Budget    *Budget   // nil: no limit
	Changelog bool      // false: Flush logs nothing
	// Timestamp is the event time (ms) of the record in work, for rows that Put writes. Nil: they get [NoTime].
	Timestamp func() int64
}

// core is what the typed stores share: everything that does not need the type of the key.
type core[V any] struct {
	name      string
	id        StoreID
	partition Partition
	logs      bool
	timestamp func() int64
	values    serde.Serde[V]
	isNull    func(V) bool
	emit      func(*Slot[V]) error
	cache     cache[V]

	generations []*Generation // readable, oldest first: committed, the last one perhaps only flushed
	flushed     *Generation   // not committed
	pending     []*Generation
	committed   Times
	times       Times
	version     int // of the cached objects: an iterator does not survive a flush, commit or abort

	row          []byte // scratch for a value
	averageBytes int64  // of encoded values
	spareRows    []generationRow
	spareChunks  [][]byte
}

func newCore[V any](c Config, keyDepth int, values serde.Serde[V]) core[V] {
	budget := c.Budget
	if budget == nil {
		budget = NewBudget(0)
	}
	timestamp := c.Timestamp
	if timestamp == nil {
		timestamp = func() int64 { return NoTime }
	}
	times := c.Partition.Checkpoint().Times
	return core[V]{
		name: c.Name, id: c.Partition.ID(), partition: c.Partition, logs: c.Changelog, timestamp: timestamp,
		values: values, isNull: serde.IsNull(values), cache: newCache[V](budget, keyDepth),
		committed: times, times: times, averageBytes: 32,
	}
}

// Name implements [Store].
func (c *core[V]) Name() string { return c.name }

// Times implements [Store].
func (c *core[V]) Times() *Times { return &c.times }

// DirtyBytes implements [Store].
func (c *core[V]) DirtyBytes() int64 { return c.cache.dirtyBytes }

func (c *core[V]) errorf(format string, args ...any) error {
	return fmt.Errorf("state: %v: %w", c.id, fmt.Errorf(format, args...))
}

// read finds the committed or flushed row of a key. The value is good until the next read.
func (c *core[V]) read(rowKey []byte) (value []byte, found bool, err error) {
	c.collect()
	for i := len(c.generations) - 1; i >= 0; i-- {
		if value, found = c.generations[i].get(rowKey); found {
			return value, value != nil, nil
		}
	}
	c.row, found, err = c.partition.Get(c.row[:0], rowKey)
	return c.row, found, err
}

// decode decodes a row value.
func (c *core[V]) decode(row []byte) (v V, timestamp int64, err error) {
	timestamp, value, err := ParseRowValue(row)
	if err == nil {
		v, err = c.values.Decode(value)
	}
	if err != nil {
		return v, 0, c.errorf("value of a row: %w", err)
	}
	return v, timestamp, nil
}

// previous is the row of a slot as of the last flush, under what is cached.
func (c *core[V]) previous(s *Slot[V]) (v V, found bool, err error) {
	row, found, err := c.read([]byte(s.key))
	if err != nil || !found {
		return v, false, err
	}
	v, _, err = c.decode(row)
	return v, err == nil, err
}

// load makes the slot of a row that is not cached, and reads the row.
func (c *core[V]) load(start int64, rowKey []byte) (*Slot[V], error) {
	row, found, err := c.read(rowKey)
	if err != nil {
		return nil, err
	}
	if !found {
		return c.insert(start, rowKey, int(c.averageBytes)), nil
	}
	v, timestamp, err := c.decode(row)
	if err != nil {
		return nil, err
	}
	s := c.insert(start, rowKey, len(row))
	s.Value, s.Timestamp, s.Present = v, timestamp, true
	return s, nil
}

// insert makes the slot of a row that is not cached, without reading it.
func (c *core[V]) insert(start int64, rowKey []byte, valueBytes int) *Slot[V] {
	c.cache.budget.room()
	g := c.cache.group(start)
	if g == nil {
		g = c.cache.addGroup(start)
	}
	return c.cache.insert(g, rowKey, valueBytes)
}

func (c *core[V]) set(s *Slot[V], v V, timestamp int64) {
	if c.isNull != nil && c.isNull(v) {
		c.remove(s)
		s.Timestamp = timestamp
		return
	}
	s.Value, s.Timestamp, s.Present = v, timestamp, true
	if !s.dirty || c.cache.listening {
		c.cache.mark(s)
	}
}

func (c *core[V]) remove(s *Slot[V]) {
	var none V
	s.Value, s.Present = none, false
	c.cache.mark(s)
}

// EmitDirty implements [Store].
func (c *core[V]) EmitDirty() error {
	for i := 0; i < len(c.cache.changed); i++ {
		s := c.cache.at(c.cache.changed[i])
		s.changed = false
		if err := c.emit(s); err != nil {
			return err
		}
	}
	c.cache.changed = c.cache.changed[:0]
	return nil
}

func (c *core[V]) listen(emit func(*Slot[V]) error) {
	c.emit = emit
	c.cache.listening = true
}

// flush encodes the dirty slots of groups, which are in order, and ends with the times.
func (c *core[V]) flush(groups []*group, log func(key, value []byte) error) error {
	if c.flushed != nil {
		return c.errorf("flushed again before a commit or an abort")
	}
	c.collect()
	if len(groups) == 0 && c.times == c.committed {
		return nil
	}
	c.version++
	if !c.logs {
		log = nil
	}
	g := c.newGeneration()
	for _, group := range groups {
		for _, e := range c.cache.sortDirty(group) {
			s := c.cache.at(e.index)
			if err := c.encode(g, s); err != nil {
				return err
			}
			if log != nil {
				i := len(g.rows) - 1
				if err := log(g.logKey(i), g.value(i)); err != nil {
					return err
				}
			}
		}
		group.dirty, group.sorted = group.dirty[:0], 0
	}
	if log != nil && c.times != c.committed {
		if err := log([]byte{byte(TimeRecord)}, c.times.Append(nil)); err != nil {
			return err
		}
	}
	c.flushed = g
	c.generations = append(c.generations, g)
	return nil
}

// encode appends a slot to a generation and counts it as clean.
func (c *core[V]) encode(g *Generation, s *Slot[V]) error {
	row := g.arena.begin(1 + len(s.key) + timestampBytes + int(c.averageBytes)*2)
	row = append(row, byte(RowRecord))
	row = append(row, s.key...)
	r := generationRow{keyBytes: int32(len(s.key)), valueBytes: -1}
	c.cache.clean(s)
	if s.Present {
		row = binary.BigEndian.AppendUint64(row, uint64(s.Timestamp))
		encoded, err := c.values.Append(row, s.Value)
		if err != nil {
			return c.errorf("value of a row: %w", err)
		}
		row = encoded
		r.valueBytes = int32(len(row) - 1 - len(s.key))
		c.averageBytes += (int64(r.valueBytes) - c.averageBytes) / 16
		c.cache.resize(s, int(r.valueBytes))
	}
	r.chunk, r.offset = g.arena.end(row)
	g.rows = append(g.rows, r)
	return nil
}

func (c *core[V]) newGeneration() *Generation {
	g := &Generation{
		partition: c.partition, rows: c.spareRows[:0], arena: arena{spare: c.spareChunks},
		times: c.times, kept: c.committed.Kept,
	}
	c.spareRows, c.spareChunks = nil, nil
	return g
}

// expire drops the cached rows of groups that start before kept. A row that has yet to be emitted stays, but is not flushed.
func (c *core[V]) expire(kept int64) {
	c.cache.dirty = slices.DeleteFunc(c.cache.dirty, func(g *group) bool { return g.start < kept })
	for start, g := range c.cache.groups {
		if start >= kept {
			continue
		}
		g.dirty, g.sorted = nil, 0
		for _, i := range g.slots {
			slot := c.cache.at(i)
			if slot.dirty {
				c.cache.clean(slot)
			}
			if !slot.changed {
				c.cache.drop(slot)
			}
		}
		if len(g.slots) == 0 {
			c.cache.dropGroup(g)
		}
	}
}

// Commit implements [Store].
func (c *core[V]) Commit(offset int64) {
	if c.flushed == nil {
		return
	}
	c.flushed.offset = offset
	c.committed = c.flushed.times
	c.pending = append(c.pending, c.flushed)
	c.flushed = nil
}

// abort implements Abort but for what the window store keeps besides.
func (c *core[V]) abort() {
	if n := len(c.generations); c.flushed != nil && n > 0 {
		c.generations = c.generations[:n-1]
	}
	c.flushed = nil
	c.times = c.committed
	c.version++
	c.cache.reset()
}

// Pending implements [Store].
func (c *core[V]) Pending() []*Generation {
	p := c.pending
	c.pending = nil
	return p
}

// collect forgets the generations that the backend has, and keeps the memory of one for the next.
func (c *core[V]) collect() {
	n := 0
	for n < len(c.generations) && c.generations[n].Applied() {
		if g := c.generations[n]; g.pins == 0 {
			c.recycle(g)
		}
		c.generations[n] = nil
		n++
	}
	if n > 0 {
		c.generations = c.generations[n:]
	}
}

func (c *core[V]) recycle(g *Generation) {
	if cap(g.rows) > cap(c.spareRows) {
		c.spareRows = g.rows[:0]
	}
	if chunks := append(g.arena.chunks, g.arena.spare...); len(chunks) > len(c.spareChunks) {
		c.spareChunks = chunks[:0]
		for _, chunk := range chunks {
			if cap(chunk) <= maxChunkBytes {
				c.spareChunks = append(c.spareChunks, chunk)
			}
		}
	}
	g.rows, g.arena = nil, arena{}
}

// Close implements [Store].
func (c *core[V]) Close() error {
	c.version++
	c.cache.reset()
	c.cache.budget.leave(&c.cache)
	return nil
}
