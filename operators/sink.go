package operators

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/rivusio/rivusio/serde"
)

// DefaultPartition, named by a [Partitioner], stands for the partition that the sink would choose by itself.
const DefaultPartition int32 = -1

// Partitioner chooses the partitions of a record in a topic: it appends them to dst, each from 0 to partitions-1, which is how
// many the topic has, or [DefaultPartition], and returns the result. Several send the record to each of them, none drops it (it is counted).
// It must be deterministic, or a replay differs.
type Partitioner[K, V any] func(dst []int32, topic string, k K, v V, partitions int32) []int32

// Write encodes the records of a stream and sends them to a topic. A nil partitioner is Kafka's default: murmur2 of the
// key bytes (of a windowed key: of its base key), so other clients find the keys where they expect them; records without a
// key stay on one partition for some hundred records and then move to the next, for larger batches.
func Write[K, V any](c *Context, topic string, k serde.Serde[K], v serde.Serde[V], partitioner Partitioner[K, V]) Forward[K, V] {
	return newWriter(c, topic, c.scope.Runtime.Partitions(topic), k, v, partitioner).write
}

// TopicChooser names the topic of a record. It must be deterministic, or a replay differs.
type TopicChooser[K, V any] func(k K, v V, r RecordContext) string

// WriteChosen is [Write] to the topic that choose names for each record; the topic must exist. A null value that the serde
// cannot carry cannot be shown to it: the record is dropped and counted.
func WriteChosen[K, V any](c *Context, choose TopicChooser[K, V], nulls Nulls[K, V], k serde.Serde[K], v serde.Serde[V], partitioner Partitioner[K, V]) Forward[K, V] {
	writers := make(map[string]*writer[K, V])
	var last *writer[K, V]
	return func(r *Record[K, V]) error {
		if !nulls.admits(c, r) {
			return nil
		}
		o, ok := c.Origin()
		topic := choose(r.Key, r.Value, RecordContext{Origin: o, HasOrigin: ok, Timestamp: r.Timestamp, Headers: r.Headers})
		if last == nil || last.topic != topic {
			if last = writers[topic]; last == nil {
				partitions, err := c.scope.Runtime.FindPartitions(topic)
				if err != nil {
					return fmt.Errorf("chosen topic %q: %w", topic, err)
				}
				last = newWriter(c, topic, partitions, k, v, partitioner)
				writers[topic] = last
			}
		}
		return last.write(r)
	}
}

func newWriter[K, V any](c *Context, topic string, partitions int32, k serde.Serde[K], v serde.Serde[V], partitioner Partitioner[K, V]) *writer[K, V] {
	return &writer[K, V]{
		topicWriter: topicWriter{
			c: c, topic: topic, out: c.scope.Runtime.Collector(), partitions: partitions,
			base: serde.PartitionKey(k), keyless: Sticky{next: c.Partition()},
		},
		k: k, v: v, partitioner: partitioner, hand: newHandover(c, k, v),
	}
}

// writer writes records of a type to a topic.
type writer[K, V any] struct {
	topicWriter
	k           serde.Serde[K]
	v           serde.Serde[V]
	partitioner Partitioner[K, V]
	chosen      []int32
	hand        *handover[K, V] // nil: nothing is handed over
}

func (w *writer[K, V]) write(r *Record[K, V]) error {
	if r.Timestamp < 0 {
		return w.beforeEpoch(r.Timestamp)
	}
	if w.partitioner == nil {
		return w.send(r, DefaultPartition)
	}
	w.chosen = w.partitioner(w.chosen[:0], w.topic, r.Key, r.Value, w.partitions)
	if len(w.chosen) == 0 {
		w.c.Drop(NoPartition)
		return nil
	}
	for _, p := range w.chosen {
		if err := w.check(p); err != nil {
			return err
		}
		if err := w.send(r, p); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer[K, V]) send(r *Record[K, V], partition int32) error {
	buf := w.out.Buffer()
	w.o = Output{Topic: w.topic, Timestamp: r.Timestamp, Headers: r.Headers}
	keyBytes := 0
	var err error
	if !r.NullKey {
		if buf, err = w.k.Append(buf, r.Key); err != nil {
			return w.unencodable("key", err)
		}
		keyBytes = len(buf)
	}
	if !r.NullValue {
		if buf, err = w.v.Append(buf, r.Value); err != nil {
			return w.unencodable("value", err)
		}
		w.o.Value = notNil(buf[keyBytes:])
	}
	if !r.NullKey {
		w.o.Key = notNil(buf[:keyBytes:keyBytes])
	}
	if w.hand != nil && !r.NullKey && !r.NullValue {
		w.o.Handed = w.hand.give(r)
	}
	return w.sendEncoded(partition)
}

// topicWriter is what a [writer] does whatever the types of its records.
type topicWriter struct {
	c          *Context
	topic      string
	out        Collector
	partitions int32
	base       func([]byte) []byte
	keyless    Sticky
	o          Output // the record in work
}

func (w *topicWriter) beforeEpoch(timestamp int64) error {
	return fmt.Errorf("record for topic %q has the timestamp %d, which is before the epoch", w.topic, timestamp)
}

func (w *topicWriter) unencodable(part string, err error) error {
	return &EncodeError{Part: part + " for topic " + strconv.Quote(w.topic), Err: err}
}

// check is an error if there is no partition of that number.
func (w *topicWriter) check(partition int32) error {
	if partition < DefaultPartition || partition >= w.partitions {
		return fmt.Errorf("partitioner chose partition %d of topic %q, which has %d", partition, w.topic, w.partitions)
	}
	return nil
}

// sendEncoded sends the record in work.
func (w *topicWriter) sendEncoded(partition int32) (err error) {
	w.o.Partition = partition
	if partition == DefaultPartition {
		w.o.Partition = w.choose()
	}
	w.c.Out++
	if w.c.scope.watch.span != nil {
		err = w.sendTraced()
	} else {
		err = w.out.Send(&w.o)
	}
	if err != nil {
		return sendError(err)
	}
	return nil
}

// sendError tells a record that the topic does not take, which is the record's fault, from all that the runtime cannot do.
func sendError(err error) error {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return err
	}
	return &RuntimeError{err}
}

func (w *topicWriter) choose() int32 {
	if w.o.Key == nil {
		return w.keyless.Next(w.partitions)
	}
	key := w.o.Key
	if w.base != nil {
		key = w.base(key)
	}
	return KeyPartition(key, w.partitions)
}

// notNil keeps an empty key or value from being taken for a null one.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
