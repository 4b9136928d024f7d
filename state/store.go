package state

import (
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

	// Figures are what the cache is and did since the store was made.
	Figures() Figures

	// Close gives the cached bytes back to the budget. The partition's lease goes on.
	Close() error
}

// Figures are those of the cache of one partition of a store.
type Figures struct {
	CachedBytes int64 // in the measure of [Budget]
	DirtyBytes  int64 // of them, what waits for a flush
	Hits        int64 // look-ups of rows that were cached
	Misses      int64 // look-ups that had to read below the cache
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

// budget is that of the config, or one without a limit.
func (c Config) budget() *Budget {
	if c.Budget == nil {
		return NewBudget(0)
	}
	return c.Budget
}

// read is a read of rows that calls yield with each, until that is false.
type read[R any] func(yield func(R) bool) error

// loop ends with the error of the read, if there was one.
func (r read[R]) loop(yield func(R, error) bool) {
	stopped := false
	err := r(func(row R) bool {
		stopped = !yield(row, nil)
		return !stopped
	})
	if err != nil && !stopped {
		var none R
		yield(none, err)
	}
}

// core is what the stores of one row per key share: everything that does not need the type of the key.
type core[V any] struct {
	layers *layers
	codec  codec[V]
	emit   func(*Slot[V]) error
	cache  cache[V]
}

func newCore[V any](c Config, keyDepth int, values serde.Serde[V]) core[V] {
	l := newLayers(c)
	return core[V]{layers: l, codec: newCodec(l, values), cache: newCache[V](c.budget(), keyDepth)}
}

// rowStore is what the stores of one row per key have of [Store] in common.
type rowStore[V any] struct{ core core[V] }

// Name implements [Store].
func (s *rowStore[V]) Name() string { return s.core.layers.name }

// Times implements [Store].
func (s *rowStore[V]) Times() *Times { return &s.core.layers.times }

// Pending implements [Store].
func (s *rowStore[V]) Pending() []*Generation { return s.core.layers.handOut() }

// EmitDirty implements [Store].
func (s *rowStore[V]) EmitDirty() error { return s.core.emitDirty() }

// DirtyBytes implements [Store].
func (s *rowStore[V]) DirtyBytes() int64 { return s.core.cache.dirtyBytes }

// Figures implements [Store].
func (s *rowStore[V]) Figures() Figures {
	c := &s.core.cache
	return Figures{CachedBytes: c.usedBytes, DirtyBytes: c.dirtyBytes, Hits: c.hits, Misses: c.misses}
}

// Close implements [Store].
func (s *rowStore[V]) Close() error {
	c := &s.core
	c.layers.version++
	c.cache.reset()
	c.cache.budget.leave(&c.cache)
	return nil
}

// previous is the row of a slot as of the last flush, under what is cached.
func (c *core[V]) previous(s *Slot[V]) (v V, found bool, err error) {
	row, found, err := c.layers.read([]byte(s.key))
	if err != nil || !found {
		return v, false, err
	}
	v, _, err = c.codec.decode(row)
	return v, err == nil, err
}

// load makes the slot of a row that is not cached, and reads the row.
func (c *core[V]) load(start int64, rowKey []byte) (*Slot[V], error) {
	c.cache.misses++
	row, found, err := c.layers.read(rowKey)
	if err != nil {
		return nil, err
	}
	if !found {
		return c.insert(start, rowKey, int(c.codec.averageBytes)), nil
	}
	v, timestamp, err := c.codec.decode(row)
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
	if c.codec.isNull != nil && c.codec.isNull(v) {
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

// emitDirty is EmitDirty of a [Store].
func (c *core[V]) emitDirty() error {
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
	g, err := c.layers.beginFlush(len(groups) > 0)
	if g == nil {
		return err
	}
	for _, group := range groups {
		for _, e := range c.cache.sortDirty(group) {
			if err := c.encode(g, c.cache.at(e.index)); err != nil {
				return err
			}
			if err := c.layers.logRow(g, log); err != nil {
				return err
			}
		}
		group.dirty, group.sorted = group.dirty[:0], 0
	}
	return c.layers.endFlush(g, log)
}

// encode appends a slot to a generation and counts it as clean.
func (c *core[V]) encode(g *Generation, s *Slot[V]) error {
	c.cache.clean(s)
	row := append(c.codec.beginRow(g, len(s.key)), s.key...)
	valueBytes, err := c.codec.endRow(g, row, s.Value, s.Timestamp, s.Present)
	if err == nil && s.Present {
		c.cache.resize(s, valueBytes)
	}
	return err
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

// abort implements Abort but for what the typed stores keep besides.
func (c *core[V]) abort() {
	c.layers.abort()
	c.cache.reset()
}
