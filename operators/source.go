package operators

import (
	"github.com/rivusio/rivusio/serde"
)

// Undecodable says what a source does with bytes that its serdes refuse.
type Undecodable uint8

const (
	// FailUndecodable stops the task with a [DecodeError].
	FailUndecodable Undecodable = iota
	// SkipUndecodable drops the record and counts it.
	SkipUndecodable
)

// Read decodes the records of a topic and forwards them. A null key or value is decoded only by a serde that has a
// value for it.
func Read[K, V any](c *Context, k serde.Serde[K], v serde.Serde[V], undecodable Undecodable, next Forward[K, V]) func(*Input) error {
	var o Record[K, V]
	decode := decoder(k, v)
	return func(in *Input) error {
		c.In++
		c.scope.current = c
		if in.Timestamp < 0 || in.Timestamp > MaxTimestamp {
			c.Drop(InvalidTime)
			return nil
		}
		o = Record[K, V]{Timestamp: in.Timestamp, Headers: in.Headers, NullKey: in.Key == nil, NullValue: in.Value == nil}
		if err := decode(in, &o); err != nil {
			if undecodable == SkipUndecodable {
				c.Drop(UndecodableRecord)
				return nil
			}
			return c.scope.failure(err)
		}
		if err := next(&o); err != nil {
			return c.scope.failure(err)
		}
		return nil
	}
}

func decoder[K, V any](k serde.Serde[K], v serde.Serde[V]) func(*Input, *Record[K, V]) error {
	nullableKey, nullableValue := serde.IsNull(k) != nil, serde.IsNull(v) != nil
	return func(in *Input, o *Record[K, V]) (err error) {
		if in.Key != nil || nullableKey {
			if o.Key, err = k.Decode(in.Key); err != nil {
				return &DecodeError{Part: "key", Err: err}
			}
		}
		if in.Value != nil || nullableValue {
			if o.Value, err = v.Decode(in.Value); err != nil {
				return &DecodeError{Part: "value", Err: err}
			}
		}
		return nil
	}
}
