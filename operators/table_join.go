package operators

import "github.com/rivusio/rivusio/serde"

// TableJoin is one side of a join of two tables on their key. Each side answers a change of its own table with a change of
// the result, from the row of the other table as it is then (Kafka Streams, KTableKTableJoin).
type TableJoin[K, V, V2, R any] struct {
	// Own and Other say without which rows there is no result: both in an inner join, the left one in a left join, neither in
	// an outer one.
	Own, Other bool
	// Row makes the row of the result; at least one side is there.
	Row    func(k K, own serde.Optional[V], other serde.Optional[V2]) R
	IsNull func(R) bool // nil: no row of the result is null
	// SendOld makes old rows of the result of the own side's old row and the other side's present one. That is the row before
	// unless the look-up shows a row whose change is still to come.
	SendOld bool
}

// Forward is the side's operator. A change without a row that the result needs on the other side gives nothing, and neither
// does a delete of what was not there if the other side is absent too. The timestamp is the larger one of both rows. Superseded
// changes are dropped and counted (KIP-914).
func (j TableJoin[K, V, V2, R]) Forward(c *Context, other Lookup[K, V2], next Forward[K, Change[R]]) Forward[K, Change[V]] {
	var o Record[K, Change[R]]
	return func(r *Record[K, Change[V]]) error {
		if r.Value.Superseded {
			c.Drop(Superseded)
			return nil
		}
		v2, timestamp, ok, err := other(r.Key)
		if err != nil {
			return err
		}
		if !ok && (j.Other || r.NullValue && !r.Value.HasOld) {
			return nil
		}
		o = Record[K, Change[R]]{Key: r.Key, Timestamp: r.Timestamp, Headers: r.Headers}
		if ok {
			o.Timestamp = max(o.Timestamp, timestamp)
		}
		row := serde.Optional[V2]{Value: v2, OK: ok}
		var present bool
		o.Value.New, present = j.row(r.Key, serde.Optional[V]{Value: r.Value.New, OK: !r.NullValue}, row)
		o.NullValue = !present
		if j.SendOld {
			o.Value.Old, o.Value.HasOld = j.row(r.Key, serde.Optional[V]{Value: r.Value.Old, OK: r.Value.HasOld}, row)
		}
		return next(&o)
	}
}

// row is the row of the result, if there is one.
func (j TableJoin[K, V, V2, R]) row(k K, own serde.Optional[V], other serde.Optional[V2]) (to R, ok bool) {
	if j.Own && !own.OK || j.Other && !other.OK || !own.OK && !other.OK {
		return to, false
	}
	to = j.Row(k, own, other)
	if j.IsNull != nil && j.IsNull(to) {
		return *new(R), false
	}
	return to, true
}

// Lookup is the result's [Lookup], computed of the rows of both tables.
func (j TableJoin[K, V, V2, R]) Lookup(own Lookup[K, V], other Lookup[K, V2]) Lookup[K, R] {
	return func(k K) (to R, timestamp int64, ok bool, err error) {
		v, timestamp, found, err := own(k)
		if err != nil {
			return to, 0, false, err
		}
		v2, timestamp2, found2, err := other(k)
		if err != nil {
			return to, 0, false, err
		}
		if !found || found2 && timestamp2 > timestamp {
			timestamp = timestamp2
		}
		to, ok = j.row(k, serde.Optional[V]{Value: v, OK: found}, serde.Optional[V2]{Value: v2, OK: found2})
		return to, timestamp, ok, nil
	}
}

// KeepJoined takes the changes of both sides into the rows of a join's result.
func KeepJoined[K, R any](d DerivedTable[K, R], next Forward[K, Change[R]]) Forward[K, Change[R]] {
	keep := d.keep(next)
	var o Record[K, Change[R]]
	return func(r *Record[K, Change[R]]) error {
		o = *r
		return keep(&o)
	}
}
