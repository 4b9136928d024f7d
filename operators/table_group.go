package operators

import (
	"bytes"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// Replacement is what a change of a table means for one group of its rows: New takes the place of Old. At least one of
// them is there.
type Replacement[V any] struct {
	Old, New       V
	HasOld, HasNew bool
}

// Regroup makes the groups' changes of the changes of a table, whose old rows must be known: f tells the group of a row
// and what of it is aggregated there. A row that moves to another group leaves the old one first; within one group there is
// one Replacement for both (KIP-904). Where f gives a null key or a null value, that row is in no group. Superseded changes
// are ignored without being counted (Kafka Streams, KIP-914).
//
// Keys are the same if their encodings by k are.
func Regroup[K, V, K2, V2 any](f func(K, V) (K2, V2), k serde.Serde[K2], nulls Nulls[K2, V2], next Forward[K2, Replacement[V2]]) Forward[K, Change[V]] {
	member := func(key K, row V, has bool) (g K2, v V2, ok bool) {
		if !has {
			return g, v, false
		}
		g, v = f(key, row)
		return g, v, (nulls.Key == nil || !nulls.Key(g)) && (nulls.Value == nil || !nulls.Value(v))
	}
	var scratch []byte
	same := func(a, b K2) (bool, error) {
		buf, err := k.Append(scratch[:0], a)
		if err != nil {
			return false, err
		}
		n := len(buf)
		if buf, err = k.Append(buf, b); err != nil {
			return false, err
		}
		scratch = buf
		return bytes.Equal(buf[:n], buf[n:]), nil
	}
	var o Record[K2, Replacement[V2]]
	return func(r *Record[K, Change[V]]) error {
		if r.Value.Superseded {
			return nil
		}
		from, old, was := member(r.Key, r.Value.Old, r.Value.HasOld)
		to, now, is := member(r.Key, r.Value.New, !r.NullValue)
		if !was && !is {
			return nil
		}
		o = Record[K2, Replacement[V2]]{Key: to, Timestamp: r.Timestamp, Headers: r.Headers}
		if was {
			stays := false
			if is {
				var err error
				if stays, err = same(from, to); err != nil {
					return err
				}
			}
			o.Value.Old, o.Value.HasOld = old, true
			if !stays {
				o.Key = from
				if err := next(&o); err != nil || !is {
					return err
				}
				o = Record[K2, Replacement[V2]]{Key: to, Timestamp: r.Timestamp, Headers: r.Headers}
			}
		}
		o.Value.New, o.Value.HasNew = now, true
		return next(&o)
	}
}

// TableAggregator is how the aggregate of a group of a table's rows follows them: rows come and go.
type TableAggregator[K, V, A any] struct {
	Aggregator[K, V, A]
	// Subtract takes a row that was added before out of an aggregate. It may change a in place and return it.
	Subtract func(k K, v V, a A) A
}

// AggregateTable keeps one aggregate for each group and forwards its updates. An old row is subtracted before the new one is
// added, and only from an aggregate that is there; a subtraction that gives null starts anew with the row that is added. A
// group without an aggregate forwards a delete. The timestamp of a result is the larger one of its record and of the aggregate
// before; its headers are those of the record (Kafka Streams, KTableAggregate).
func AggregateTable[K, V, A any](store *state.KeyValueStore[K, A], agg TableAggregator[K, V, A], emit Emit, next Forward[K, Change[A]]) Forward[K, Replacement[V]] {
	if emit == EmitOnCommit {
		store.OnCommit(commitChanges(store, agg.SendOld, next))
	}
	isNull := func(a A) bool { return agg.IsNull != nil && agg.IsNull(a) }
	var o Record[K, Change[A]]
	return func(r *Record[K, Replacement[V]]) error {
		slot, err := store.Lookup(r.Key)
		if err != nil {
			return err
		}
		change, err := agg.old(slot)
		if err != nil {
			return err
		}
		a, present, timestamp := slot.Value, slot.Present, r.Timestamp
		if present {
			timestamp = max(timestamp, slot.Timestamp)
			if r.Value.HasOld {
				a = agg.Subtract(r.Key, r.Value.Old, a)
				present = !isNull(a)
			}
		}
		if r.Value.HasNew {
			if present {
				a = agg.Add(r.Key, r.Value.New, a)
			} else {
				a = agg.First(r.Key, r.Value.New)
			}
			present = !isNull(a)
		}
		keepRow(store, slot, a, timestamp, present)
		if emit == EmitOnCommit {
			return nil
		}
		o = Record[K, Change[A]]{Key: r.Key, Value: change, Timestamp: timestamp, Headers: r.Headers, NullValue: !present}
		if present {
			o.Value.New = a
		}
		return next(&o)
	}
}
