package topologytest

import (
	"fmt"
	"strings"
	"time"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
)

// InputTopic writes records to a topic that the topology reads. Make one with [Input].
type InputTopic[K, V any] struct {
	d       *Driver
	topic   string
	k       serde.Serde[K]
	v       serde.Serde[V]
	keyless operators.Sticky
}

// Input is the way to write to a topic, with these serdes.
func Input[K, V any](d *Driver, topic string, k serde.Serde[K], v serde.Serde[V]) *InputTopic[K, V] {
	d.t.Helper()
	d.known(topic)
	return &InputTopic[K, V]{d: d, topic: topic, k: k, v: v}
}

func (d *Driver) known(topic string) int32 {
	d.t.Helper()
	n, ok := d.broker.Partitions(topic)
	if !ok {
		d.t.Fatalf("topologytest: there is no topic %q; topology %q has %s", topic, d.topo.Application(), strings.Join(d.broker.Topics(), ", "))
	}
	return n
}

type sending struct {
	at                 time.Time
	hasTime            bool
	headers            []operators.Header
	partition          int32
	nullKey, nullValue bool
	key, value         []byte
	rawKey, rawValue   bool
}

// SendOption is an option of Send.
type SendOption func(*sending)

// At sets the timestamp of a record. Default: the wall clock.
func At(t time.Time) SendOption { return func(s *sending) { s.at, s.hasTime = t, true } }

// AtMs is [At] for a time in ms since the epoch.
func AtMs(ms int64) SendOption { return At(time.UnixMilli(ms)) }

// Header adds a header to a record.
func Header(key, value string) SendOption {
	return func(s *sending) { s.headers = append(s.headers, operators.Header{Key: key, Value: []byte(value)}) }
}

// ToPartition sets the partition of a record. Default: that of its key, as any Kafka producer chooses it.
func ToPartition(p int) SendOption { return func(s *sending) { s.partition = int32(p) } }

// NullKey sends a null in the place of the key.
func NullKey() SendOption { return func(s *sending) { s.nullKey = true } }

// NullValue sends a null in the place of the value.
func NullValue() SendOption { return func(s *sending) { s.nullValue = true } }

// KeyBytes sends these bytes in the place of the key.
func KeyBytes(b []byte) SendOption { return func(s *sending) { s.key, s.rawKey = b, true } }

// ValueBytes sends these bytes in the place of the value, for instance some that do not decode.
func ValueBytes(b []byte) SendOption { return func(s *sending) { s.value, s.rawValue = b, true } }

// Send writes a record and runs the topology until nothing waits. An error fails the test.
func (in *InputTopic[K, V]) Send(k K, v V, opts ...SendOption) {
	in.d.t.Helper()
	in.d.check(in.SendErr(k, v, opts...))
}

// Delete sends a null value.
func (in *InputTopic[K, V]) Delete(k K, opts ...SendOption) {
	in.d.t.Helper()
	var none V
	in.d.check(in.SendErr(k, none, append(opts, NullValue())...))
}

// SendErr is Send that returns what an operator failed with. The driver then fails everything else with the same error,
// but for a [Driver.Restart], which runs the record again.
func (in *InputTopic[K, V]) SendErr(k K, v V, opts ...SendOption) error {
	in.d.t.Helper()
	s := sending{partition: operators.DefaultPartition}
	for _, opt := range opts {
		opt(&s)
	}
	r := operators.Input{Headers: s.headers, Timestamp: in.d.Now().UnixMilli()}
	if s.hasTime {
		r.Timestamp = s.at.UnixMilli()
	}
	var err error
	if r.Key, err = encode(in.k, k, s.key, s.nullKey, s.rawKey); err != nil {
		return fmt.Errorf("key for topic %q: %w", in.topic, err)
	}
	if r.Value, err = encode(in.v, v, s.value, s.nullValue, s.rawValue); err != nil {
		return fmt.Errorf("value for topic %q: %w", in.topic, err)
	}
	if s.partition == operators.DefaultPartition {
		s.partition = in.partition(r.Key)
	}
	if _, err := in.d.broker.Append(in.topic, s.partition, r); err != nil {
		return err
	}
	return in.d.runtime.Run()
}

func encode[T any](s serde.Serde[T], v T, raw []byte, null, isRaw bool) ([]byte, error) {
	isNull := serde.IsNull(s)
	switch {
	case null:
		return nil, nil
	case isRaw:
		return raw, nil
	case isNull != nil && isNull(v):
		return nil, nil
	}
	return s.Append([]byte{}, v)
}

func (in *InputTopic[K, V]) partition(key []byte) int32 {
	n := in.d.known(in.topic)
	if key == nil {
		return in.keyless.Next(n)
	}
	if base := serde.PartitionKey(in.k); base != nil {
		key = base(key)
	}
	return operators.KeyPartition(key, n)
}

// Record is a record that was read from a topic. Where NullKey or NullValue is set, the field is the null of its serde or,
// if that has none, the zero value.
type Record[K, V any] struct {
	operators.Record[K, V]
	Partition int32
	Offset    int64
}

// String shows the record for messages: KEY=VALUE@TIMESTAMP, the timestamp in ms.
func (r Record[K, V]) String() string {
	return fmt.Sprintf("%s=%s@%d", show(r.Key, r.NullKey), show(r.Value, r.NullValue), r.Timestamp)
}

func show(v any, null bool) string {
	if null {
		return "null"
	}
	return fmt.Sprint(v)
}

// Header is the value of the first header with that key; ok is false if there is none.
func (r Record[K, V]) Header(key string) (value string, ok bool) {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value), true
		}
	}
	return "", false
}

// OutputTopic reads the records of a topic, each once. Make one with [Output].
type OutputTopic[K, V any] struct {
	d       *Driver
	topic   string
	k       serde.Serde[K]
	v       serde.Serde[V]
	next    local.Positions
	waiting []local.Record
}

// Output is the way to read a topic, from its start, with these serdes. Internal topics can be read too.
func Output[K, V any](d *Driver, topic string, k serde.Serde[K], v serde.Serde[V]) *OutputTopic[K, V] {
	d.t.Helper()
	d.known(topic)
	return &OutputTopic[K, V]{d: d, topic: topic, k: k, v: v}
}

func (out *OutputTopic[K, V]) fetch() {
	more, next := out.d.broker.Read(out.topic, out.next)
	out.waiting, out.next = append(out.waiting, more...), next
}

// Empty reports whether everything committed has been read.
func (out *OutputTopic[K, V]) Empty() bool {
	out.fetch()
	return len(out.waiting) == 0
}

// Read returns the next record; over several partitions, in the order in which they were written. Without one the test
// fails.
func (out *OutputTopic[K, V]) Read() Record[K, V] {
	out.d.t.Helper()
	if out.Empty() {
		out.d.t.Fatalf("topologytest: topic %q has no more records", out.topic)
	}
	r := out.decode(out.waiting[0])
	out.waiting = out.waiting[1:]
	return r
}

// ReadAll returns all records that were not read yet, none at all as nil.
func (out *OutputTopic[K, V]) ReadAll() []Record[K, V] {
	out.d.t.Helper()
	var records []Record[K, V]
	for !out.Empty() {
		records = append(records, out.Read())
	}
	return records
}

func (out *OutputTopic[K, V]) decode(in local.Record) Record[K, V] {
	out.d.t.Helper()
	r := Record[K, V]{Partition: in.Partition, Offset: in.Offset}
	r.Timestamp, r.Headers, r.NullKey, r.NullValue = in.Timestamp, in.Headers, in.Key == nil, in.Value == nil
	var err error
	if r.Key, err = decode(out.k, in.Key); err != nil {
		out.d.t.Fatalf("topologytest: topic %q, partition %d, offset %d: key: %v", out.topic, in.Partition, in.Offset, err)
	}
	if r.Value, err = decode(out.v, in.Value); err != nil {
		out.d.t.Fatalf("topologytest: topic %q, partition %d, offset %d: value: %v", out.topic, in.Partition, in.Offset, err)
	}
	return r
}

func decode[T any](s serde.Serde[T], b []byte) (v T, err error) {
	if b == nil && serde.IsNull(s) == nil {
		return v, nil
	}
	return s.Decode(b)
}
