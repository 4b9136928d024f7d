package operators

import "github.com/rivusio/rivusio/serde"

// JoinGlobal joins each record of a stream with the present row of a global table whose key the function key makes of the
// record; without such a row there is no result. Results keep key, timestamp and headers of the record, and no update of
// the table gives any. Null values, whatever the serde, and null looked-up keys (nullKey, nil for none) are dropped and
// counted; the key of the record may be null (Kafka Streams, KStreamKTableJoinProcessor).
func JoinGlobal[K, V, K2, V2, R any](c *Context, table Lookup[K2, V2], key func(K, V) K2, nullKey func(K2) bool, f func(K, V, V2) R, out Nulls[K, R], next Forward[K, R]) Forward[K, V] {
	var o Record[K, R]
	return func(r *Record[K, V]) error {
		if r.NullValue {
			c.Drop(NullValue)
			return nil
		}
		k := key(r.Key, r.Value)
		if nullKey != nil && nullKey(k) {
			c.Drop(NullKey)
			return nil
		}
		row, _, ok, err := table(k)
		if err != nil || !ok {
			return err
		}
		o = Record[K, R]{Key: r.Key, Value: f(r.Key, r.Value, row), Timestamp: r.Timestamp, Headers: r.Headers, NullKey: r.NullKey}
		o.NullValue = out.Value != nil && out.Value(o.Value)
		return next(&o)
	}
}

// LeftJoinGlobal is [JoinGlobal] with a result for every record that has a value; f is told when there is no row, as for a
// null looked-up key.
func LeftJoinGlobal[K, V, K2, V2, R any](c *Context, table Lookup[K2, V2], key func(K, V) K2, nullKey func(K2) bool, f func(K, V, serde.Optional[V2]) R, out Nulls[K, R], next Forward[K, R]) Forward[K, V] {
	var o Record[K, R]
	return func(r *Record[K, V]) error {
		if r.NullValue {
			c.Drop(NullValue)
			return nil
		}
		var row serde.Optional[V2]
		if k := key(r.Key, r.Value); nullKey == nil || !nullKey(k) {
			var err error
			if row.Value, _, row.OK, err = table(k); err != nil {
				return err
			}
		}
		o = Record[K, R]{Key: r.Key, Value: f(r.Key, r.Value, row), Timestamp: r.Timestamp, Headers: r.Headers, NullKey: r.NullKey}
		o.NullValue = out.Value != nil && out.Value(o.Value)
		return next(&o)
	}
}
