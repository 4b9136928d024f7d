package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

const (
	pieceBytes   = 128 << 10 // of encoded records in one piece of the arena
	pieceRecords = 512       // in one piece of the arena
	minFreeBytes = 1 << 10   // that Buffer offers at least
	keptPieces   = 64        // that are free and kept to be used again
	keptSlabs    = 64
)

// collector takes what the tasks of a worker write and gives it to the worker's producer. Records and their bytes lie in
// pieces that are used again once everything in them is acknowledged, so what is in use is bounded by what the producer
// buffers (I7), however long the commit interval is.
type collector struct {
	w     *worker
	piece *piece // that is being filled

	mu   sync.Mutex // of free: promises give pieces back
	free []*piece

	// Records for changelogs; their bytes are those of generations. They are used again after the commit.
	slab             []kgo.Record
	slabs, freeSlabs [][]kgo.Record

	limits  *topicLimits // of the topic limited
	limited string

	changelogs map[topicPartition]*changelog
	last       *changelog
	now        time.Time     // of the commit, for changelog records
	held       []*kgo.Record // time records that wait for everything else (at least once)
	sent       int64         // records since the last commit
	promise    func(*kgo.Record, error)
	failure    atomic.Pointer[produceError]

	blocked time.Duration // that the producer did not take more
	near    bool          // it may be about to be full
}

// piece is a part of the arena.
type piece struct {
	c       *collector
	bytes   task.Arena
	records []kgo.Record
	// balance is records sent minus records acknowledged once the piece is full, and only the latter, negative, before.
	// So it becomes 0 exactly once, when the piece is full and nobody needs it any more.
	balance atomic.Int32
	promise func(*kgo.Record, error)
}

func (p *piece) acknowledged(r *kgo.Record, err error) {
	p.c.acknowledged(r, err)
	if p.balance.Add(-1) == 0 {
		p.c.give(p)
	}
}

// give takes a piece back.
func (c *collector) give(p *piece) {
	p.bytes, p.records = p.bytes[:0], p.records[:0]
	c.mu.Lock()
	if len(c.free) < keptPieces {
		c.free = append(c.free, p)
	}
	c.mu.Unlock()
}

// next changes to an empty piece.
func (c *collector) next() {
	if p := c.piece; p != nil && p.balance.Add(int32(len(p.records))) == 0 {
		c.give(p)
	}
	c.mu.Lock()
	if n := len(c.free); n > 0 {
		c.piece, c.free = c.free[n-1], c.free[:n-1]
	} else {
		c.piece = nil
	}
	c.mu.Unlock()
	if c.piece == nil {
		c.piece = &piece{c: c, bytes: make(task.Arena, 0, pieceBytes), records: make([]kgo.Record, 0, pieceRecords)}
		c.piece.promise = c.piece.acknowledged
	}
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
	if p := c.piece; p == nil || cap(p.bytes)-len(p.bytes) < minFreeBytes || len(p.records) == cap(p.records) {
		c.next()
	}
	p := c.piece
	return p.bytes.Buffer()
}

// Send implements operators.Collector. A record that its topic does not take is an *operators.RefusedError, and is not sent.
func (c *collector) Send(o *operators.Output) error {
	if c.limits == nil || c.limited != o.Topic {
		c.limits, c.limited = c.w.app.limits.of(o.Topic), o.Topic
	}
	if err := c.limits.refuse(o); err != nil {
		return err
	}
	if c.w.app.cfg.Mute && !c.w.app.repartition[o.Topic] {
		return nil
	}
	if err := c.w.begin(); err != nil {
		return err
	}
	if p := c.piece; p == nil || len(p.records) == cap(p.records) {
		c.next() // the bytes, if any, are of an earlier piece that was given a record without Buffer
	}
	p := c.piece
	p.bytes.Take(o)
	p.records = append(p.records, kgo.Record{
		Topic: o.Topic, Partition: o.Partition, Key: o.Key, Value: o.Value, Timestamp: time.UnixMilli(o.Timestamp),
	})
	r := &p.records[len(p.records)-1]
	if len(o.Headers) > 0 {
		r.Headers = make([]kgo.RecordHeader, len(o.Headers))
		for i, h := range o.Headers {
			r.Headers[i] = kgo.RecordHeader{Key: h.Key, Value: h.Value}
		}
	}
	c.produce(r, p.promise)
	return nil
}

// nearly is how many records short of the bound the producer counts as nearly full, and how often that is looked at.
const nearly = 128

// produce gives a record to the producer. That waits while the producer is full, which is what blocked counts.
func (c *collector) produce(r *kgo.Record, promise func(*kgo.Record, error)) {
	if c.sent++; c.sent%nearly == 0 {
		c.near = c.w.client.BufferedProduceRecords() >= maxBufferedRecords-2*nearly
	}
	if !c.near {
		c.w.client.Produce(c.w.app.hard, r, promise)
		return
	}
	began := time.Now()
	c.w.client.Produce(c.w.app.hard, r, promise)
	c.blocked += time.Since(began)
}

// record is one for a changelog.
func (c *collector) record() *kgo.Record {
	if len(c.slab) == 0 {
		if n := len(c.freeSlabs); n > 0 {
			c.slab, c.freeSlabs = c.freeSlabs[n-1], c.freeSlabs[:n-1]
		} else {
			c.slab = make([]kgo.Record, pieceRecords)
		}
		c.slabs = append(c.slabs, c.slab)
	}
	r := &c.slab[0]
	c.slab = c.slab[1:]
	return r
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
	if c.w.session == nil && len(key) > 0 && key[0] == byte(state.TimeRecord) {
		c.sent++
		c.held = append(c.held, r)
		return nil
	}
	c.produce(r, l.promise)
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

// reset makes the records of changelogs free again. Nothing that was sent may be in flight.
func (c *collector) reset() {
	for _, slab := range c.slabs {
		if len(c.freeSlabs) < keptSlabs {
			c.freeSlabs = append(c.freeSlabs, slab)
		}
	}
	c.slabs = c.slabs[:0]
	c.slab, c.held, c.sent = nil, nil, 0
	c.failure.Store(nil)
}
