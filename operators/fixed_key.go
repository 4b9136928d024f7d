package operators

import "errors"

// FixedKeyRecord is a record whose key cannot be changed, so that what a processor makes of it lies on the right partition
// (Kafka Streams' FixedKeyRecord). A copy may be kept and forwarded later, also in a schedule.
type FixedKeyRecord[K, V any] struct {
	Value     V
	Timestamp int64 // ms since the epoch
	Headers   []Header
	NullValue bool // see [Record]

	key     K
	nullKey bool
	made    bool // of a record, not by hand
}

// ForwardFixedKey is [Forward] for such records.
type ForwardFixedKey[K, V any] func(*FixedKeyRecord[K, V]) error

// Key is the key; null says that it is a null that the serde cannot carry, or one that it can.
func (r *FixedKeyRecord[K, V]) Key() (k K, null bool) { return r.key, r.nullKey }

// WithValue is a record with the same key, timestamp and headers, and another value.
func (r *FixedKeyRecord[K, V]) WithValue[V2 any](v V2) FixedKeyRecord[K, V2] {
	return FixedKeyRecord[K, V2]{Value: v, Timestamp: r.Timestamp, Headers: r.Headers, key: r.key, nullKey: r.nullKey, made: r.made}
}

var errKeyMadeUp = errors.New("the record forwarded was not made of one that came in: use WithValue, which keeps the key")

// FixedKey makes records whose key is fixed of the records of a stream.
func FixedKey[K, V any](next ForwardFixedKey[K, V]) Forward[K, V] {
	var o FixedKeyRecord[K, V]
	return func(r *Record[K, V]) error {
		o = FixedKeyRecord[K, V]{
			Value: r.Value, Timestamp: r.Timestamp, Headers: r.Headers, NullValue: r.NullValue,
			key: r.Key, nullKey: r.NullKey, made: true,
		}
		return next(&o)
	}
}

// FreeKey is the way back from [FixedKey] to a stream.
func FreeKey[K, V any](next Forward[K, V]) ForwardFixedKey[K, V] {
	var o Record[K, V]
	return func(r *FixedKeyRecord[K, V]) error {
		if !r.made {
			return errKeyMadeUp
		}
		o = Record[K, V]{
			Key: r.key, Value: r.Value, Timestamp: r.Timestamp, Headers: r.Headers, NullKey: r.nullKey, NullValue: r.NullValue,
		}
		return next(&o)
	}
}
