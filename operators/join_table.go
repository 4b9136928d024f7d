package operators

import (
	"github.com/rivusio/rivusio/serde"
)

// AtPresent reads the present row of a table without versions, whatever the time.
func AtPresent[K, V any](table Lookup[K, V]) LookupAsOf[K, V] {
	return func(k K, _ int64) (V, int64, bool, error) { return table(k) }
}

// JoinTable joins each record of a stream with the row of its key in a table: the present one, or in a versioned table the
// one that was valid at the record's timestamp. A record without one gives no result. Only records of the stream give
// results, with their own timestamp and headers. Null keys, and null values whatever the serde, are dropped and counted
// (Kafka Streams, KStreamKTableJoin).
func JoinTable[K, V, V2, R any](c *Context, table LookupAsOf[K, V2], f func(K, V, V2) R, out Nulls[K, R], next Forward[K, R]) Forward[K, V] {
	var o Record[K, R]
	return func(r *Record[K, V]) error {
		if r.NullKey {
			c.Drop(NullKey)
			return nil
		}
		if r.NullValue {
			c.Drop(NullValue)
			return nil
		}
		row, _, ok, err := table(r.Key, r.Timestamp)
		if err != nil || !ok {
			return err
		}
		o = Record[K, R]{Key: r.Key, Value: f(r.Key, r.Value, row), Timestamp: r.Timestamp, Headers: r.Headers}
		o.NullValue = out.Value != nil && out.Value(o.Value)
		return next(&o)
	}
}

// LeftJoinTable is [JoinTable] that gives a result for every record; f is told when the table has no row. A null key has
// none (KIP-962).
func LeftJoinTable[K, V, V2, R any](c *Context, table LookupAsOf[K, V2], f func(K, V, serde.Optional[V2]) R, out Nulls[K, R], next Forward[K, R]) Forward[K, V] {
	var o Record[K, R]
	return func(r *Record[K, V]) error {
		if r.NullValue {
			c.Drop(NullValue)
			return nil
		}
		var row serde.Optional[V2]
		if !r.NullKey {
			var err error
			if row.Value, _, row.OK, err = table(r.Key, r.Timestamp); err != nil {
				return err
			}
		}
		o = Record[K, R]{Key: r.Key, Value: f(r.Key, r.Value, row), Timestamp: r.Timestamp, Headers: r.Headers, NullKey: r.NullKey}
		o.NullValue = out.Value != nil && out.Value(o.Value)
		return next(&o)
	}
}
