package operators

import (
	"github.com/rivusio/rivusio/state"
)

// Aggregator is how an aggregate grows by records. Count, reduce and aggregate differ in nothing else.
type Aggregator[K, V, A any] struct {
	// First makes the aggregate of a key's first record, also after a delete.
	First func(k K, v V) A
	// Add adds a record to an aggregate. It may change a in place and return it.
	Add func(k K, v V, a A) A
	// IsNull tells which aggregates are null; such a result deletes the row. Nil means none.
	IsNull func(A) bool
	// SendOld forwards the row before each update too. Clone then copies it before Add may change it in place; nil if
	// aggregates of this type cannot be changed in place (serde.Cloner).
	SendOld bool
	Clone   func(A) (A, error)
}

// Reduce starts with the first value, without a call of f, and then applies f to the aggregate and the next value.
func Reduce[K, V any](f func(a, b V) V, isNull func(V) bool) Aggregator[K, V, V] {
	return Aggregator[K, V, V]{
		First:  func(_ K, v V) V { return v },
		Add:    func(_ K, v V, a V) V { return f(a, v) },
		IsNull: isNull,
	}
}

// Fold starts with init and adds every record, the first too.
func Fold[K, V, A any](init func() A, add func(K, V, A) A, isNull func(A) bool) Aggregator[K, V, A] {
	return Aggregator[K, V, A]{
		First:  func(k K, v V) A { return add(k, v, init()) },
		Add:    add,
		IsNull: isNull,
	}
}

// Emit says when an aggregate forwards its results.
type Emit uint8

const (
	// EmitOnUpdate forwards every update.
	EmitOnUpdate Emit = iota
	// EmitOnClose forwards one final result of each window, when it closes.
	EmitOnClose
	// EmitOnCommit forwards the last update of each row at every commit.
	EmitOnCommit
)

// Aggregate keeps one aggregate per key and forwards its updates. Records with a null key or a null value are dropped
// and counted, whatever the serdes carry (Kafka Streams, KStreamAggregate). The timestamp of a result is the largest of its
// records; its headers are those of the record that caused it, and none with [EmitOnCommit].
func Aggregate[K, V, A any](c *Context, store *state.KeyValueStore[K, A], agg Aggregator[K, V, A], emit Emit, next Forward[K, Change[A]]) Forward[K, V] {
	var o Record[K, Change[A]]
	if emit == EmitOnCommit {
		store.OnCommit(commitChanges(store, agg.SendOld, next))
	}
	return func(r *Record[K, V]) error {
		if r.NullKey {
			c.Drop(NullKey)
			return nil
		}
		if r.NullValue {
			c.Drop(NullValue)
			return nil
		}
		slot, err := store.Lookup(r.Key)
		if err != nil {
			return err
		}
		old, err := agg.old(slot)
		if err != nil {
			return err
		}
		a, timestamp := agg.apply(slot, r)
		null := agg.IsNull != nil && agg.IsNull(a)
		keepRow(store, slot, a, timestamp, !null)
		if emit == EmitOnCommit {
			return nil
		}
		old.New = a
		o = Record[K, Change[A]]{Key: r.Key, Value: old, Timestamp: timestamp, Headers: r.Headers, NullValue: null}
		return next(&o)
	}
}

// commitChanges forwards the row of a slot as it is at a commit, beside the row of the commit before if that is asked for.
func commitChanges[K, V any](store *state.KeyValueStore[K, V], sendOld bool, next Forward[K, Change[V]]) func(K, *state.Slot[V]) error {
	var o Record[K, Change[V]]
	return func(k K, slot *state.Slot[V]) (err error) {
		o = Record[K, Change[V]]{Key: k, Timestamp: slot.Timestamp, NullValue: !slot.Present}
		o.Value.New = slot.Value
		if sendOld {
			if o.Value.Old, o.Value.HasOld, err = store.Previous(slot); err != nil {
				return err
			}
		}
		return next(&o)
	}
}

// old is the Change of a slot's present row, which is about to become the old one, as far as that is asked for.
func (g *Aggregator[K, V, A]) old(slot *state.Slot[A]) (c Change[A], err error) {
	if !g.SendOld || !slot.Present {
		return c, nil
	}
	c.Old, c.HasOld = slot.Value, true
	if g.Clone != nil {
		c.Old, err = g.Clone(slot.Value)
	}
	return c, err
}

// apply adds a record to the aggregate of a slot and returns the new one with its timestamp. It leaves the slot alone.
func (g *Aggregator[K, V, A]) apply(slot *state.Slot[A], r *Record[K, V]) (A, int64) {
	if !slot.Present {
		return g.First(r.Key, r.Value), r.Timestamp
	}
	return g.Add(r.Key, r.Value, slot.Value), max(slot.Timestamp, r.Timestamp)
}
