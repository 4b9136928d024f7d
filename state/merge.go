package state

import (
	"bytes"
	"slices"
)

// A read over many rows merges what lies in the layers of a store: dirty slots over generations, youngest first, over the
// backend. The uppermost row of a key hides the others.

// run is the rows of one layer, in order.
type run interface {
	next() bool
	key() []byte   // good until next
	value() []byte // nil for a tombstone
	close() error
}

// slotRun is the dirty slots.
type slotRun[V any] struct {
	cache   *cache[V]
	indexes []int32
	at      int
	buffer  []byte
}

func (r *slotRun[V]) slot() *Slot[V] { return r.cache.at(r.indexes[r.at]) }
func (r *slotRun[V]) key() []byte    { return r.buffer }
func (r *slotRun[V]) value() []byte  { return nil }
func (r *slotRun[V]) close() error   { return nil }
func (r *slotRun[V]) next() bool {
	r.at++
	if r.at >= len(r.indexes) {
		return false
	}
	r.buffer = append(r.buffer[:0], r.slot().key...)
	return true
}

// generationRun is a part of a generation, from row at+by to row end, which is not in it.
type generationRun struct {
	g           *Generation
	at, end, by int
}

func newGenerationRun(g *Generation, lower, upper []byte, reverse bool) *generationRun {
	from, to := 0, len(g.rows)
	if lower != nil {
		from = g.search(lower)
	}
	if upper != nil {
		to = max(from, g.search(upper))
	}
	g.pins++
	if reverse {
		return &generationRun{g: g, at: to, end: from - 1, by: -1}
	}
	return &generationRun{g: g, at: from - 1, end: to, by: 1}
}

func (r *generationRun) next() bool    { r.at += r.by; return r.at != r.end }
func (r *generationRun) key() []byte   { return r.g.key(r.at) }
func (r *generationRun) value() []byte { return r.g.value(r.at) }
func (r *generationRun) close() error  { r.g.pins--; return nil }

// cursorRun is the backend's rows.
type cursorRun struct{ Cursor }

func (r cursorRun) next() bool    { return r.Next() }
func (r cursorRun) key() []byte   { return r.Key() }
func (r cursorRun) value() []byte { return r.Value() }
func (r cursorRun) close() error  { return r.Close() }

// merge goes through the rows of runs in order. The first of runs that have the same key wins.
type merge struct {
	runs    []run // with a row
	done    []run
	winner  int // of the present row; -1 before the first
	reverse bool
}

func newMerge(reverse bool, runs ...run) *merge {
	m := &merge{winner: -1, reverse: reverse}
	for _, r := range runs {
		if r.next() {
			m.runs = append(m.runs, r)
		} else {
			m.done = append(m.done, r)
		}
	}
	return m
}

// next moves to the next row, tombstones included.
func (m *merge) next() bool {
	if m.winner >= 0 {
		m.advance()
	}
	if len(m.runs) == 0 {
		return false
	}
	m.winner = 0
	for i := 1; i < len(m.runs); i++ {
		if c := bytes.Compare(m.runs[i].key(), m.runs[m.winner].key()); c != 0 && (c < 0) != m.reverse {
			m.winner = i
		}
	}
	return true
}

// advance moves the winner past its row, and so the runs below it that have the same key.
func (m *merge) advance() {
	for i := len(m.runs) - 1; i >= m.winner; i-- {
		if i > m.winner && !bytes.Equal(m.runs[i].key(), m.runs[m.winner].key()) {
			continue
		}
		if r := m.runs[i]; !r.next() {
			m.done = append(m.done, r)
			m.runs = append(m.runs[:i], m.runs[i+1:]...)
		}
	}
}

func (m *merge) row() run { return m.runs[m.winner] }

// close returns the first error that ended a run early.
func (m *merge) close() (err error) {
	for _, r := range append(m.done, m.runs...) {
		if e := r.close(); err == nil {
			err = e
		}
	}
	return err
}

// scan yields the rows with lower <= key < upper that are in the store, with their values decoded. Nil bounds are none.
// The key is good until the next row.
func (c *core[V]) scan(lower, upper []byte, reverse bool, groups []*group, yield func(key []byte, v V, timestamp int64) bool) (err error) {
	c.collect()
	live := &slotRun[V]{cache: &c.cache, at: -1}
	for _, g := range groups {
		live.indexes = c.cache.dirtyRange(live.indexes, g, string(lower), string(upper))
	}
	if reverse {
		slices.Reverse(live.indexes)
	}
	runs := []run{live}
	for i := len(c.generations) - 1; i >= 0; i-- {
		runs = append(runs, newGenerationRun(c.generations[i], lower, upper, reverse))
	}
	runs = append(runs, cursorRun{c.partition.Scan(lower, upper, reverse)})
	m := newMerge(reverse, runs...)
	defer func() {
		if e := m.close(); e != nil && err == nil {
			err = c.errorf("read: %w", e)
		}
	}()
	version := c.version
	for m.next() {
		v, timestamp, present, err := c.merged(m.row(), live)
		if err != nil {
			return err
		}
		if !present {
			continue
		}
		if !yield(m.row().key(), v, timestamp) {
			return nil
		}
		if c.version != version {
			return c.errorf("the store was flushed, aborted or closed while it was being read")
		}
	}
	return nil
}

// merged is the present row of a run; a tombstone is not present.
func (c *core[V]) merged(r run, live *slotRun[V]) (v V, timestamp int64, present bool, err error) {
	if r == run(live) {
		s := live.slot()
		return s.Value, s.Timestamp, s.Present, nil
	}
	row := r.value()
	if row == nil {
		return v, 0, false, nil
	}
	v, timestamp, err = c.decode(row)
	return v, timestamp, err == nil, err
}
