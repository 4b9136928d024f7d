package operators

import (
	"runtime/debug"
	"slices"

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

// RecordContext is what functions that choose something for a record may be told beside its key and value.
type RecordContext struct {
	Origin    Origin // place of the input record that is in work; without HasOrigin it means nothing
	HasOrigin bool   // false while a schedule runs
	Timestamp int64  // ms since the epoch
	Headers   []Header
}

// TimestampExtractor says when a record happened, in ms since the epoch; a negative result, or one beyond [MaxTimestamp],
// drops the record and counts it ([InvalidTime]). r.Timestamp is the timestamp that the record has on the topic.
// partitionTime is the largest timestamp that the task has read from the record's partition before, or [NoTime]; it is as
// durable as the offset of the partition. The result must depend on nothing else, or a replay differs.
type TimestampExtractor[K, V any] func(k K, v V, r RecordContext, partitionTime int64) int64

// Source is the entry of one topic into a task's operators.
type Source interface {
	// Extracts reports whether [Source.Timestamp] must be called for each record.
	Extracts() bool
	// Timestamp is when a record happened. It must be called before Process; the record is decoded only once.
	Timestamp(in *Input, o Origin, partitionTime int64) int64
	// Waits reports whether [Source.Wait] may have to wait for a record.
	Waits() bool
	// Wait is nil if a record can be decoded at once. Otherwise its serdes are fetching what they need for that, and the channel
	// is closed when they are done; then it is to be asked again.
	Wait(in *Input) <-chan struct{}
	// Process decodes a record and forwards it.
	Process(in *Input) error
}

// Read makes the sources of a node, one for each topic. They decode the records of a topic and forward them. A null key or
// value is decoded only by a serde that has a value for it. A nil extractor takes the timestamp of the record. Records with
// a null value that the serde cannot carry are not shown to an extractor: they keep their timestamp.
func Read[K, V any](c *Context, k serde.Serde[K], v serde.Serde[V], undecodable Undecodable, extract TimestampExtractor[K, V], next Forward[K, V]) func() Source {
	decode := decoder(k, v)
	if c.policy != nil {
		decode = caughtDecode(c, decode)
	}
	for _, h := range slices.Backward(c.hooks) {
		next = hooked(h, next)
	}
	carriesNull := serde.IsNull(v) != nil
	waitKey, waitValue := serde.WaiterOf(k), serde.WaiterOf(v)
	return func() Source {
		return &source[K, V]{receiver: newReceiver(c, k, v), waitKey: waitKey, waitValue: waitValue, c: c, decode: decode, carriesNull: carriesNull, undecodable: undecodable, extract: extract, next: next, decoded: NoTime}
	}
}

type source[K, V any] struct {
	c           *Context
	receiver    receiver[K, V]
	decode      func(*Input, *Record[K, V]) error
	carriesNull bool
	undecodable Undecodable
	extract     TimestampExtractor[K, V]
	next        Forward[K, V]
	o           Record[K, V]
	ahead       Record[K, V] // decoded for the extractor
	decoded     int64        // offset of ahead, or NoTime
	failure     error        // of the extractor, for the record at offset decoded
	// of the serdes; nil if they never wait
	waitKey, waitValue serde.Waiter
}

func (s *source[K, V]) Waits() bool { return s.waitKey != nil || s.waitValue != nil }

func (s *source[K, V]) Wait(in *Input) <-chan struct{} {
	if s.waitKey != nil && in.Key != nil {
		if missing := s.waitKey.Wait(in.Key); missing != nil {
			return missing
		}
	}
	if s.waitValue != nil && in.Value != nil {
		return s.waitValue.Wait(in.Value)
	}
	return nil
}

func (s *source[K, V]) Extracts() bool { return s.extract != nil }

func (s *source[K, V]) Timestamp(in *Input, o Origin, partitionTime int64) int64 {
	s.c.scope.current = s.c
	s.decoded = NoTime
	s.ahead = Record[K, V]{Headers: in.Headers, NullKey: in.Key == nil, NullValue: in.Value == nil}
	if err := s.decode(in, &s.ahead); err != nil {
		return in.Timestamp // Process says what is wrong, when it is the record's turn
	}
	s.decoded, s.failure = in.Offset, nil
	if s.ahead.NullValue && !s.carriesNull {
		return in.Timestamp
	}
	return s.extracted(in, o, partitionTime)
}

// extracted is what the extractor says. If it panics, and there is a policy to be asked about that, Process does so when it is
// the record's turn.
func (s *source[K, V]) extracted(in *Input, o Origin, partitionTime int64) (timestamp int64) {
	if s.c.policy != nil {
		defer func() {
			if v := recover(); v != nil {
				s.failure, timestamp = s.c.scope.Recovered(v, debug.Stack()), in.Timestamp
			}
		}()
	}
	return s.extract(s.ahead.Key, s.ahead.Value, RecordContext{Origin: o, HasOrigin: true, Timestamp: in.Timestamp, Headers: in.Headers}, partitionTime)
}

func (s *source[K, V]) Process(in *Input) error {
	c := s.c
	c.In++
	c.scope.current = c
	if in.Timestamp < 0 || in.Timestamp > MaxTimestamp {
		c.Drop(InvalidTime)
		return nil
	}
	if s.extract != nil && s.decoded == in.Offset {
		s.o = s.ahead
		s.o.Timestamp = in.Timestamp
		if s.failure != nil {
			return s.refuse(&s.o, s.failure)
		}
	} else {
		s.o = Record[K, V]{Timestamp: in.Timestamp, Headers: in.Headers, NullKey: in.Key == nil, NullValue: in.Value == nil}
		if in.Handed != nil && s.receiver.take(in, &s.o) {
			return s.forward()
		}
		if err := s.decode(in, &s.o); err != nil {
			if s.undecodable == SkipUndecodable {
				c.Drop(UndecodableRecord)
				return nil
			}
			return s.refuse(nil, err)
		}
	}
	return s.forward()
}

func (s *source[K, V]) forward() error {
	if err := s.next(&s.o); err != nil {
		return s.c.scope.failure(err)
	}
	return nil
}

// refuse does what the policy says about a record that cannot go on. It is not tried again: the bytes stay what they are.
func (s *source[K, V]) refuse(r failing, err error) error {
	if s.c.policy != nil {
		if e := s.c.own(err); e != nil {
			return s.c.conclude(r, e, 1)
		}
	}
	return s.c.scope.failure(err)
}

// caughtDecode makes panics of serdes errors.
func caughtDecode[K, V any](c *Context, decode func(*Input, *Record[K, V]) error) func(*Input, *Record[K, V]) error {
	return func(in *Input, r *Record[K, V]) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = c.scope.Recovered(v, debug.Stack())
			}
		}()
		return decode(in, r)
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
