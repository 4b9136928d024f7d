package state

import (
	"context"
	"hash/maphash"
	"sync/atomic"

	"github.com/rivusio/rivusio/serde"
)

// Shared is a partition of a key-value store that one goroutine writes and any number of them read, each through a view
// of its own ([NewKeyValueView]).
//
// A view reads what has been applied, row by row: a read sees a row as it was after some apply, never a part of it, and
// never an older state of the row than an earlier read of the same view did. Two reads may have an apply in between, but
// for a loop over rows, which sees the rows of one moment.
type Shared struct {
	partition Partition
	seed      maphash.Seed
	// A number for the rows of each hash of keys: odd while one of them changes, and larger afterwards. A view keeps a row
	// for as long as the number is even and stays.
	changes [sharedChanges]atomic.Uint64
}

// sharedChanges is a power of two. Rows of one number are read again when one of them changes.
const sharedChanges = 1 << 12

// NewShared shares a partition. Its rows are to be changed through [Shared.Apply] only, once there are views.
func NewShared(p Partition) *Shared { return &Shared{partition: p, seed: maphash.MakeSeed()} }

// Apply is [Backend.Apply] that lets the views see the changes of the shared partition. One goroutine at a time calls it.
func (s *Shared) Apply(ctx context.Context, b Backend, generations []*Generation) error {
	s.mark(generations, 1)
	defer s.mark(generations, 0)
	return b.Apply(ctx, generations)
}

// mark makes the numbers of the generations' rows odd or even.
func (s *Shared) mark(generations []*Generation, odd uint64) {
	id := s.partition.ID()
	for _, g := range generations {
		if g.ID() != id {
			continue
		}
		for i := range g.rows {
			if n := s.change(g.key(i)); n.Load()&1 != odd {
				n.Add(1)
			}
		}
	}
}

func (s *Shared) change(key []byte) *atomic.Uint64 {
	return &s.changes[maphash.Bytes(s.seed, key)&(sharedChanges-1)]
}

// View is a view of a [Shared] partition, with its types erased.
type View interface {
	// Close gives the cached bytes back to the budget.
	Close() error
}

// KeyValueView reads the rows of a [Shared] key-value store for one goroutine, and keeps the decoded rows that it read in
// the goroutine's budget. It implements [KeyValueReader].
type KeyValueView[K, V any] struct {
	shared *Shared
	rows   Reader
	ranges[K, V]
	values  serde.Serde[V]
	cache   cache[viewed[V]]
	group   *group
	scratch []byte // an encoded key
	row     []byte
}

// viewed is a value as it was read at some number of changes.
type viewed[V any] struct {
	value  V
	change uint64
}

// NewKeyValueView makes a view. A nil budget is no limit.
func NewKeyValueView[K, V any](s *Shared, budget *Budget, k serde.Serde[K], v serde.Serde[V]) *KeyValueView[K, V] {
	if budget == nil {
		budget = NewBudget(0)
	}
	view := &KeyValueView[K, V]{
		shared: s, rows: s.partition.Reader(), values: v, cache: newCache[viewed[V]](budget, 0),
	}
	view.ranges = ranges[K, V]{id: s.partition.ID(), keys: k, between: view.scan}
	budget.join(&view.cache)
	view.group = view.cache.addGroup(0)
	return view
}

// lookup returns the slot of a key as the row is now.
func (v *KeyValueView[K, V]) lookup(k K) (*Slot[viewed[V]], error) {
	key, err := v.keys.Append(v.scratch[:0], k)
	if err != nil {
		return nil, v.id.keyError(err)
	}
	v.scratch = key
	// The number is read before the row, so a change in between makes the next look-up read again. While it is odd another
	// read may have seen the new row already.
	change := v.shared.change(key).Load()
	slot := v.cache.find(v.group, key)
	if slot != nil && slot.Value.change == change && change&1 == 0 {
		return slot, nil
	}
	row, found, err := v.rows.Get(v.row[:0], key)
	v.row = row
	if err != nil {
		return nil, err
	}
	var value V
	var timestamp int64
	if found {
		if value, timestamp, err = v.decode(row); err != nil {
			return nil, err
		}
	}
	if slot == nil {
		v.cache.budget.room()
		slot = v.cache.insert(v.group, key, len(row))
	} else {
		v.cache.resize(slot, len(row))
	}
	slot.Value, slot.Timestamp, slot.Present = viewed[V]{value, change}, timestamp, found
	return slot, nil
}

func (v *KeyValueView[K, V]) decode(row []byte) (value V, timestamp int64, err error) {
	timestamp, encoded, err := ParseRowValue(row)
	if err == nil {
		value, err = v.values.Decode(encoded)
	}
	if err != nil {
		return value, 0, v.id.errorf("value of a row: %w", err)
	}
	return value, timestamp, nil
}

// Get implements [KeyValueReader].
func (v *KeyValueView[K, V]) Get(k K) (value V, found bool, err error) {
	slot, err := v.lookup(k)
	if err != nil {
		return value, false, err
	}
	return slot.Value.value, slot.Present, nil
}

// GetRow implements [KeyValueReader].
func (v *KeyValueView[K, V]) GetRow(k K) (r Row[K, V], found bool, err error) {
	slot, err := v.lookup(k)
	if err != nil || !slot.Present {
		return r, false, err
	}
	return Row[K, V]{Key: k, Value: slot.Value.value, Timestamp: slot.Timestamp}, true, nil
}

// Count implements [KeyValueReader].
func (v *KeyValueView[K, V]) Count() (n int64, err error) {
	rows := v.rows.Scan(nil, nil, false)
	for rows.Next() {
		n++
	}
	if err := rows.Close(); err != nil {
		return 0, v.id.errorf("read: %w", err)
	}
	return n, nil
}

func (v *KeyValueView[K, V]) scan(lower, upper []byte, reverse bool, yield func(Row[K, V], error) bool) {
	rows := v.rows.Scan(lower, upper, reverse)
	closed := false
	end := func() error { closed = true; return rows.Close() }
	defer func() { // when the loop's body panics
		if !closed {
			_ = rows.Close()
		}
	}()
	for rows.Next() {
		k, err := v.keys.Decode(rows.Key())
		if err != nil {
			err = v.id.errorf("key of a row: %w", err)
		}
		var value V
		var timestamp int64
		if err == nil {
			value, timestamp, err = v.decode(rows.Value())
		}
		if err != nil {
			_ = end()
			yield(Row[K, V]{}, err)
			return
		}
		if !yield(Row[K, V]{Key: k, Value: value, Timestamp: timestamp}, nil) {
			_ = end()
			return
		}
	}
	if err := end(); err != nil {
		yield(Row[K, V]{}, v.id.errorf("read: %w", err))
	}
}

// Close implements [View].
func (v *KeyValueView[K, V]) Close() error {
	v.cache.reset()
	v.cache.budget.leave(&v.cache)
	return nil
}
