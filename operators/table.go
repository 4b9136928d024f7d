package operators

import "github.com/rivusio/rivusio/state"

// ToTable reads each record as the new row of its key: a null value deletes it. Records with a null key are dropped and
// counted. With a nil store nothing is kept and the updates pass through. Offset order wins: a record with an older
// timestamp overwrites (Kafka Streams, KTableSource).
func ToTable[K, V any](c *Context, store *state.KeyValueStore[K, V], emit Emit, next Forward[K, Change[V]]) Forward[K, V] {
	var o Record[K, Change[V]]
	if store != nil && emit == EmitOnCommit {
		store.OnCommit(func(k K, slot *state.Slot[V]) error {
			o = Record[K, Change[V]]{Key: k, Timestamp: slot.Timestamp, NullValue: !slot.Present}
			o.Value.New = slot.Value
			return next(&o)
		})
	}
	return func(r *Record[K, V]) error {
		if r.NullKey {
			c.Drop(NullKey)
			return nil
		}
		if store != nil {
			slot, err := store.Lookup(r.Key)
			if err != nil {
				return err
			}
			if r.NullValue {
				store.Remove(slot)
				slot.Timestamp = r.Timestamp
			} else {
				store.Set(slot, r.Value, r.Timestamp)
			}
			if emit == EmitOnCommit {
				return nil
			}
		}
		o = Record[K, Change[V]]{Key: r.Key, Timestamp: r.Timestamp, Headers: r.Headers, NullValue: r.NullValue}
		o.Value.New = r.Value
		return next(&o)
	}
}

// ToStream forwards the changes of a table as records; a delete is a null value.
func ToStream[K, V, K2 any](key func(K) K2, nulls Nulls[K2, V], next Forward[K2, V]) Forward[K, Change[V]] {
	var o Record[K2, V]
	return func(r *Record[K, Change[V]]) error {
		o = Record[K2, V]{Key: key(r.Key), Value: r.Value.New, Timestamp: r.Timestamp, Headers: r.Headers, NullValue: r.NullValue}
		o.NullKey = nulls.Key != nil && nulls.Key(o.Key)
		return next(&o)
	}
}
