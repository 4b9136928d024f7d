package operators

// MapValues forwards every record with its value replaced by f's. Key, timestamp and headers stay, so nothing is
// repartitioned. A null value that the serde cannot carry stays null, without a call of f.
func MapValues[K, V, V2 any](f func(K, V) V2, in Nulls[K, V], out Nulls[K, V2], next Forward[K, V2]) Forward[K, V] {
	var o Record[K, V2]
	return func(r *Record[K, V]) error {
		o = Record[K, V2]{Key: r.Key, Timestamp: r.Timestamp, Headers: r.Headers, NullKey: r.NullKey}
		if in.carries(r) {
			o.Value = f(r.Key, r.Value)
			o.NullValue = out.Value != nil && out.Value(o.Value)
		} else {
			o.NullValue = true
		}
		return next(&o)
	}
}

// Map forwards every record with key and value replaced by f's. A null value that the serde cannot
// carry cannot be mapped: the record is dropped and counted.
func Map[K, V, K2, V2 any](c *Context, f func(K, V) (K2, V2), in Nulls[K, V], out Nulls[K2, V2], next Forward[K2, V2]) Forward[K, V] {
	var o Record[K2, V2]
	return func(r *Record[K, V]) error {
		if !in.admits(c, r) {
			return nil
		}
		o = Record[K2, V2]{Timestamp: r.Timestamp, Headers: r.Headers}
		o.Key, o.Value = f(r.Key, r.Value)
		out.mark(&o)
		return next(&o)
	}
}

// SelectKey forwards every record with its key replaced by f's. A null value that the serde cannot carry
// gives no key: the record is dropped and counted.
func SelectKey[K, V, K2 any](c *Context, f func(K, V) K2, in Nulls[K, V], out Nulls[K2, V], next Forward[K2, V]) Forward[K, V] {
	var o Record[K2, V]
	return func(r *Record[K, V]) error {
		if !in.admits(c, r) {
			return nil
		}
		o = Record[K2, V]{Key: f(r.Key, r.Value), Value: r.Value, Timestamp: r.Timestamp, Headers: r.Headers, NullValue: r.NullValue}
		o.NullKey = out.Key != nil && out.Key(o.Key)
		return next(&o)
	}
}

// FlatMap forwards what f emits, in that order, with the timestamp and the headers of the record. A null value
// that the serde cannot carry is dropped and counted.
func FlatMap[K, V, K2, V2 any](c *Context, f func(k K, v V, emit func(K2, V2)), in Nulls[K, V], out Nulls[K2, V2], next Forward[K2, V2]) Forward[K, V] {
	var (
		o       Record[K2, V2]
		from    *Record[K, V]
		failure error
	)
	// One emit function serves all records: a task handles them one after the other.
	emit := func(k K2, v V2) {
		if failure != nil {
			return
		}
		o = Record[K2, V2]{Key: k, Value: v, Timestamp: from.Timestamp, Headers: from.Headers}
		out.mark(&o)
		failure = next(&o)
	}
	return func(r *Record[K, V]) error {
		if !in.admits(c, r) {
			return nil
		}
		from, failure = r, nil
		f(r.Key, r.Value, emit)
		from = nil
		return failure
	}
}

// FlatMapValues forwards one record for each value that f returns, in that order, with the key, the timestamp and the
// headers of the record. A null value that the serde cannot carry is dropped and counted.
func FlatMapValues[K, V, V2 any](c *Context, f func(K, V) []V2, in Nulls[K, V], out Nulls[K, V2], next Forward[K, V2]) Forward[K, V] {
	var o Record[K, V2]
	return func(r *Record[K, V]) error {
		if !in.admits(c, r) {
			return nil
		}
		for _, v := range f(r.Key, r.Value) {
			o = Record[K, V2]{Key: r.Key, Value: v, Timestamp: r.Timestamp, Headers: r.Headers, NullKey: r.NullKey}
			o.NullValue = out.Value != nil && out.Value(v)
			if err := next(&o); err != nil {
				return err
			}
		}
		return nil
	}
}

// Remark sets the null flags of records by the values that nulls names as null; where the serdes have none, the flags
// stay as they are. It stands behind operators whose serdes or records come from the user.
func Remark[K, V any](nulls Nulls[K, V], next Forward[K, V]) Forward[K, V] {
	if nulls.Key == nil && nulls.Value == nil {
		return next
	}
	var o Record[K, V]
	return func(r *Record[K, V]) error {
		o = *r
		nulls.mark(&o)
		return next(&o)
	}
}

// DropNullKeys keeps null keys from a repartition topic, without counting them (Kafka Streams does the same).
func DropNullKeys[K, V any](next Forward[K, V]) Forward[K, V] {
	return func(r *Record[K, V]) error {
		if r.NullKey {
			return nil
		}
		return next(r)
	}
}
