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

// merge merges a run of changes that are not flushed, if there is one, over the generations and the backend.
func (l *layers) merge(live run, lower, upper []byte, reverse bool) *merge {
	l.collect()
	var runs []run
	if live != nil {
		runs = append(runs, live)
	}
	for i := len(l.generations) - 1; i >= 0; i-- {
		runs = append(runs, newGenerationRun(l.generations[i], lower, upper, reverse))
	}
	return newMerge(reverse, append(runs, cursorRun{l.partition.Scan(lower, upper, reverse)})...)
}

// below reads the rows with lower <= key < upper that the generations and the backend have, until f returns false. Key and
// row are good until the next ones.
func (l *layers) below(lower, upper []byte, f func(key, row []byte) (more bool, err error)) (err error) {
	l.collect()
	for _, g := range l.generations {
		if g.has(lower, upper) {
			return l.belowMerged(lower, upper, f)
		}
	}
	c := l.partition.Scan(lower, upper, false)
	for more := true; more && err == nil && c.Next(); {
		more, err = f(c.Key(), c.Value())
	}
	if e := c.Close(); e != nil && err == nil {
		err = l.errorf("read: %w", e)
	}
	return err
}

func (l *layers) belowMerged(lower, upper []byte, f func(key, row []byte) (more bool, err error)) (err error) {
	m := l.merge(nil, lower, upper, false)
	for more := true; more && err == nil && m.next(); {
		if row := m.row(); row.value() != nil {
			more, err = f(row.key(), row.value())
		}
	}
	if e := m.close(); e != nil && err == nil {
		err = l.errorf("read: %w", e)
	}
	return err
}

// prefixes calls f with the first n bytes of row keys from lower on, each once for every layer that has it, with one seek
// for each.
func (l *layers) prefixes(n int, lower []byte, f func(prefix []byte)) error {
	l.collect()
	for _, g := range l.generations {
		for i := g.search(lower); i < len(g.rows); {
			prefix := g.key(i)[:n]
			f(prefix)
			if prefix = after(prefix); prefix == nil {
				break
			}
			i = g.search(prefix)
		}
	}
	for more := true; more; {
		c := l.partition.Scan(lower, nil, false)
		if more = c.Next(); more {
			f(c.Key()[:n])
			lower = after(c.Key()[:n])
			more = lower != nil
		}
		if err := c.Close(); err != nil {
			return l.errorf("read: %w", err)
		}
	}
	return nil
}

// scan yields the rows with lower <= key < upper that are in the store, with their values decoded. Nil bounds are none.
// The key is good until the next row.
func (c *core[V]) scan(lower, upper []byte, reverse bool, groups []*group, yield func(key []byte, v V, timestamp int64) bool) error {
	return c.each(lower, upper, reverse, groups, func(r run, live *slotRun[V]) (bool, error) {
		v, timestamp, present, err := c.merged(r, live)
		if err != nil || !present {
			return true, err
		}
		return yield(r.key(), v, timestamp), nil
	})
}

// each calls f with the uppermost row of each key with lower <= key < upper, tombstones included, until it returns false.
// live is the run of those that are not flushed.
func (c *core[V]) each(lower, upper []byte, reverse bool, groups []*group, f func(r run, live *slotRun[V]) (more bool, err error)) (err error) {
	live := &slotRun[V]{cache: &c.cache, at: -1}
	for _, g := range groups {
		live.indexes = c.cache.dirtyRange(live.indexes, g, string(lower), string(upper))
	}
	if reverse {
		slices.Reverse(live.indexes)
	}
	m := c.layers.merge(live, lower, upper, reverse)
	defer func() {
		if e := m.close(); e != nil && err == nil {
			err = c.layers.errorf("read: %w", e)
		}
	}()
	version := c.layers.version
	for m.next() {
		more, err := f(m.row(), live)
		if err != nil || !more {
			return err
		}
		if err := c.layers.since(version); err != nil {
			return err
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
	v, timestamp, err = c.codec.decode(row)
	return v, timestamp, err == nil, err
}
