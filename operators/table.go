package operators

import (
	"github.com/rivusio/rivusio/state"
)

// Lookup reads the present row of a key in a table; ok is false if there is none. The task's goroutine calls it.
type Lookup[K, V any] func(k K) (v V, timestamp int64, ok bool, err error)

// LookupAsOf reads the row that was valid at a time (ms) in a versioned table; ok is false if there was none or if it is
// older than the table's history.
type LookupAsOf[K, V any] func(k K, timestamp int64) (v V, from int64, ok bool, err error)

// Rows is the [Lookup] of a key-value store.
func Rows[K, V any](store *state.KeyValueStore[K, V]) Lookup[K, V] {
	return func(k K) (v V, timestamp int64, ok bool, err error) {
		slot, err := store.Lookup(k)
		if err != nil || !slot.Present {
			return v, 0, false, err
		}
		return slot.Value, slot.Timestamp, true, nil
	}
}

// ToTable reads each record as the new row of its key: a null value deletes it. Records with a null key are dropped and
// counted. With a nil store nothing is kept and the updates pass through. Offset order wins: a record with an older
// timestamp overwrites (Kafka Streams, KTableSource).
func ToTable[K, V any](c *Context, store *state.KeyValueStore[K, V], emit Emit, sendOld bool, next Forward[K, Change[V]]) Forward[K, V] {
	keep := keeper(store, emit, sendOld, next)
	var o Record[K, Change[V]]
	return func(r *Record[K, V]) error {
		if r.NullKey {
			c.Drop(NullKey)
			return nil
		}
		o = Record[K, Change[V]]{Key: r.Key, Timestamp: r.Timestamp, Headers: r.Headers, NullValue: r.NullValue}
		o.Value.New = r.Value
		return keep(&o)
	}
}

// keeper puts the new row of each change into a store and forwards the change with the store's old row, if that is asked
// for. With a nil store it is next.
func keeper[K, V any](store *state.KeyValueStore[K, V], emit Emit, sendOld bool, next Forward[K, Change[V]]) Forward[K, Change[V]] {
	if store == nil {
		return next
	}
	if emit == EmitOnCommit {
		store.OnCommit(commitChanges(store, sendOld, next))
	}
	return func(r *Record[K, Change[V]]) error {
		slot, err := store.Lookup(r.Key)
		if err != nil {
			return err
		}
		r.Value = Change[V]{New: r.Value.New} // not superseded either: the store has no history
		if sendOld {
			r.Value.Old, r.Value.HasOld = slot.Value, slot.Present
		}
		keepRow(store, slot, r.Value.New, r.Timestamp, !r.NullValue)
		if emit == EmitOnCommit {
			return nil
		}
		return next(r)
	}
}

// keepRow puts a row into its slot, or deletes it.
func keepRow[K, V any](store *state.KeyValueStore[K, V], slot *state.Slot[V], v V, timestamp int64, present bool) {
	if present {
		store.Set(slot, v, timestamp)
		return
	}
	store.Remove(slot)
	slot.Timestamp = timestamp
}

// DerivedTable is what the operators that make one row of one row have in common.
type DerivedTable[K, V any] struct {
	Store   *state.KeyValueStore[K, V] // nil: the rows are not kept
	Emit    Emit
	SendOld bool // of the result
	// Versioned says that the table above keeps versions. Then every delete is forwarded (KIP-914).
	Versioned bool
	// Clone copies a value before it is kept; see serde.Cloner. Nil if there is no need to.
	Clone func(V) (V, error)
}

// keep is keeper for rows that user code made or may still change.
func (d DerivedTable[K, V]) keep(next Forward[K, Change[V]]) Forward[K, Change[V]] {
	keep := keeper(d.Store, d.Emit, d.SendOld, next)
	if d.Store == nil || d.Clone == nil {
		return keep
	}
	return func(r *Record[K, Change[V]]) (err error) {
		if !r.NullValue {
			if r.Value.New, err = d.Clone(r.Value.New); err != nil {
				return err
			}
		}
		return keep(r)
	}
}

// FilterTable keeps the rows that keep accepts; a row that it refuses is a delete. keep never sees a delete. Where the old
// row is known, a delete of what was refused before is not forwarded (Kafka Streams, KTableFilter): with a store, or with
// parentSendsOld.
func FilterTable[K, V any](keep func(K, V) bool, d DerivedTable[K, V], parentSendsOld bool, next Forward[K, Change[V]]) Forward[K, Change[V]] {
	put := d.keep(next)
	var o Record[K, Change[V]]
	return func(r *Record[K, Change[V]]) error {
		o = *r
		o.Value.Old, o.Value.HasOld = *new(V), false
		if parentSendsOld && r.Value.HasOld && keep(r.Key, r.Value.Old) {
			o.Value.Old, o.Value.HasOld = r.Value.Old, true
		}
		if !r.NullValue && !keep(r.Key, r.Value.New) {
			o.Value.New, o.NullValue = *new(V), true
		}
		if o.NullValue && !d.Versioned {
			known, was, err := parentSendsOld, o.Value.HasOld, error(nil)
			if d.Store != nil && d.Emit != EmitOnCommit {
				var slot *state.Slot[V]
				if slot, err = d.Store.Lookup(r.Key); err != nil {
					return err
				}
				known, was = known || d.SendOld, slot.Present
			}
			if known && !was {
				return nil
			}
		}
		return put(&o)
	}
}

// MapTableValues makes a row of each row. f never sees a delete, which stays one; a null result is one too.
func MapTableValues[K, V, V2 any](f func(K, V) V2, isNull func(V2) bool, d DerivedTable[K, V2], next Forward[K, Change[V2]]) Forward[K, Change[V]] {
	put := d.keep(next)
	var o Record[K, Change[V2]]
	return func(r *Record[K, Change[V]]) error {
		o = Record[K, Change[V2]]{Key: r.Key, Timestamp: r.Timestamp, Headers: r.Headers, NullValue: r.NullValue}
		o.Value.Superseded = r.Value.Superseded
		if !r.NullValue {
			o.Value.New = f(r.Key, r.Value.New)
			o.NullValue = isNull != nil && isNull(o.Value.New)
		}
		if d.SendOld && d.Store == nil && r.Value.HasOld {
			o.Value.Old = f(r.Key, r.Value.Old)
			o.Value.HasOld = isNull == nil || !isNull(o.Value.Old)
		}
		return put(&o)
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
