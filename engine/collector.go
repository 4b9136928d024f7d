package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

const (
	chunkBytes   = 128 << 10 // of one piece of the arena for encoded records
	minFreeBytes = 1 << 10   // that Buffer offers at least
	slabRecords  = 512       // of one piece of the arena for records
	keptChunks   = 128       // that are used again after a commit
	keptSlabs    = 128
)

// collector takes what the tasks of a worker write and gives it to the worker's producer. Bytes and records come from
// arenas that are used again once everything is acknowledged, which is at each commit.
type collector struct {
	w     *worker
	chunk []byte
	slab  []kgo.Record

	chunks, freeChunks [][]byte
	slabs, freeSlabs   [][]kgo.Record

	changelogs map[topicPartition]*changelog
	last       *changelog
	now        time.Time     // of the commit, for changelog records
	held       []*kgo.Record // time records that wait for everything else (at least once)
	sent       int64         // records since the last commit
	promise    func(*kgo.Record, error)
	failure    atomic.Pointer[produceError]
}

// changelog is one changelog partition as a destination.
type changelog struct {
	c         *collector
	topic     string
	partition int32
	end       atomic.Int64 // offset after the last acknowledged record and the marker that ends its transaction
	promise   func(*kgo.Record, error)
}

// produceError is the first record that a broker refused.
type produceError struct {
	topic     string
	partition int32
	err       error
}

func (e *produceError) Error() string {
	return fmt.Sprintf("engine: write to topic %q, partition %d: %v", e.topic, e.partition, e.err)
}
func (e *produceError) Unwrap() error { return e.err }

func newCollector(w *worker) *collector {
	c := &collector{w: w, changelogs: make(map[topicPartition]*changelog)}
	c.promise = c.acknowledged
	return c
}

// acknowledged is the promise of all records: it runs on goroutines of the client.
func (c *collector) acknowledged(r *kgo.Record, err error) {
	if err != nil {
		c.failure.CompareAndSwap(nil, &produceError{r.Topic, r.Partition, err})
	}
}

func (l *changelog) acknowledged(r *kgo.Record, err error) {
	if err != nil {
		l.c.acknowledged(r, err)
		return
	}
	end := r.Offset + 1
	if l.c.w.session != nil {
		end++ // the marker at the end of the transaction, which is the next in the partition
	}
	l.end.Store(end)
}

// Buffer implements operators.Collector.
func (c *collector) Buffer() []byte {
	n := len(c.chunk)
	if cap(c.chunk)-n < minFreeBytes {
		c.nextChunk()
		n = 0
	}
	return c.chunk[n:n:cap(c.chunk)]
}

func (c *collector) nextChunk() {
	if n := len(c.freeChunks); n > 0 {
		c.chunk, c.freeChunks = c.freeChunks[n-1], c.freeChunks[:n-1]
	} else {
		c.chunk = make([]byte, 0, chunkBytes)
	}
	c.chunks = append(c.chunks, c.chunk)
}

// take marks the part of the chunk that a record uses, if it is in there.
func (c *collector) take(o *operators.Output) {
	first, n := o.Key, len(o.Key)+len(o.Value)
	if len(first) == 0 {
		first = o.Value
	}
	if free := len(c.chunk); n > 0 && free+n <= cap(c.chunk) && &first[0] == &c.chunk[:free+1][free] {
		c.chunk = c.chunk[:free+n]
	}
}

func (c *collector) record() *kgo.Record {
	if len(c.slab) == 0 {
		if n := len(c.freeSlabs); n > 0 {
			c.slab, c.freeSlabs = c.freeSlabs[n-1], c.freeSlabs[:n-1]
		} else {
			c.slab = make([]kgo.Record, slabRecords)
		}
		c.slabs = append(c.slabs, c.slab)
	}
	r := &c.slab[0]
	c.slab = c.slab[1:]
	return r
}

// Send implements operators.Collector.
func (c *collector) Send(o *operators.Output) error {
	if err := c.w.begin(); err != nil {
		return err
	}
	c.take(o)
	r := c.record()
	*r = kgo.Record{Topic: o.Topic, Partition: o.Partition, Key: o.Key, Value: o.Value, Timestamp: time.UnixMilli(o.Timestamp)}
	if len(o.Headers) > 0 {
		r.Headers = make([]kgo.RecordHeader, len(o.Headers))
		for i, h := range o.Headers {
			r.Headers[i] = kgo.RecordHeader{Key: h.Key, Value: h.Value}
		}
	}
	c.sent++
	c.w.client.Produce(c.w.app.hard, r, c.promise)
	return nil
}

// Log implements task.Collector.
func (c *collector) Log(topic string, partition int32, key, value []byte) error {
	if err := c.w.begin(); err != nil {
		return err
	}
	l := c.last
	if l == nil || l.partition != partition || l.topic != topic {
		l = c.changelog(topic, partition)
		c.last = l
	}
	r := c.record()
	*r = kgo.Record{Topic: topic, Partition: partition, Key: key, Value: value, Timestamp: c.now}
	c.sent++
	if c.w.session == nil && len(key) > 0 && key[0] == byte(state.TimeRecord) {
		c.held = append(c.held, r)
		return nil
	}
	c.w.client.Produce(c.w.app.hard, r, l.promise)
	return nil
}

func (c *collector) changelog(topic string, partition int32) *changelog {
	at := topicPartition{topic, partition}
	l := c.changelogs[at]
	if l == nil {
		l = &changelog{c: c, topic: topic, partition: partition}
		l.promise = l.acknowledged
		c.changelogs[at] = l
	}
	return l
}

// restored tells up to where a changelog partition is known.
func (c *collector) restored(topic string, partition int32, end int64) {
	c.changelog(topic, partition).end.Store(end)
}

// end is the offset up to which a changelog partition holds what was sent; everything must be acknowledged.
func (c *collector) end(topic string, partition int32) int64 {
	return c.changelog(topic, partition).end.Load()
}

// flush waits until everything that was sent is acknowledged, and returns what was refused.
func (c *collector) flush(ctx context.Context) error {
	if err := c.w.client.Flush(ctx); err != nil {
		return err
	}
	if len(c.held) > 0 && c.failure.Load() == nil {
		// The time must not be ahead of the state: records that are read again would be late (hard point 2).
		for _, r := range c.held {
			c.w.client.Produce(c.w.app.hard, r, c.changelog(r.Topic, r.Partition).promise)
		}
		if err := c.w.client.Flush(ctx); err != nil {
			return err
		}
	}
	if f := c.failure.Load(); f != nil {
		return f
	}
	return nil
}

// reset makes the arenas free again. Nothing that was sent may be in flight.
func (c *collector) reset() {
	for _, chunk := range c.chunks {
		if len(c.freeChunks) < keptChunks {
			c.freeChunks = append(c.freeChunks, chunk[:0])
		}
	}
	for _, slab := range c.slabs {
		if len(c.freeSlabs) < keptSlabs {
			c.freeSlabs = append(c.freeSlabs, slab)
		}
	}
	c.chunks, c.slabs = c.chunks[:0], c.slabs[:0]
	c.chunk, c.slab, c.held, c.sent = nil, nil, nil, 0
	c.failure.Store(nil)
}
