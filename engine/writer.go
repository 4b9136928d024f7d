package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/operators"
)

// Writer writes records to topics outside of any application, each to its partition. Make one with [OpenWriter]. It is used from one
// goroutine.
type Writer struct {
	client *kgo.Client
	adm    *kadm.Client
	cfg    Config
	topics map[string]int32
	made   []string

	mu  sync.Mutex
	err error // the first that brokers told
}

// OpenWriter connects.
func OpenWriter(ctx context.Context, c Config) (*Writer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	check, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	check.Close()
	cl, err := kgo.NewClient(append(c.clientOptions(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(max(0, c.Linger)),
		kgo.ProducerBatchCompression(c.codec()), kgo.MaxBufferedRecords(maxBufferedRecords), kgo.MaxBufferedBytes(32<<20), kgo.MetadataMinAge(topicsRetry))...)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return &Writer{client: cl, adm: kadm.NewClient(cl), cfg: c, topics: make(map[string]int32)}, nil
}

// Create makes a topic with so many partitions. One that is there must have as many and no records.
func (w *Writer) Create(ctx context.Context, topic string, partitions int32) error {
	counts, err := countPartitions(ctx, w.adm, []string{topic})
	if err != nil {
		return err
	}
	if n, ok := counts[topic]; ok {
		if n != partitions {
			return fmt.Errorf("engine: topic %q has %d partitions, want %d", topic, n, partitions)
		}
		starts, err := listed(w.adm.ListStartOffsets(ctx, topic))
		if err != nil {
			return err
		}
		ends, err := listed(w.adm.ListEndOffsets(ctx, topic))
		if err != nil {
			return err
		}
		for p := range n {
			start, _ := starts.Lookup(topic, p)
			if end, _ := ends.Lookup(topic, p); end.Offset > start.Offset {
				return fmt.Errorf("engine: topic %q has records already", topic)
			}
		}
	} else {
		made, err := w.adm.CreateTopic(ctx, partitions, w.cfg.ReplicationFactor, nil, topic)
		if err = errors.Join(err, made.Err); err != nil {
			return fmt.Errorf("engine: topic %q: %w", topic, err)
		}
		w.made = append(w.made, topic)
	}
	w.topics[topic] = partitions
	return nil
}

// Write sends a record, whose slices are the writer's from then on. A topic that was not created is made with one partition. What
// brokers say about earlier records may be this one's error.
func (w *Writer) Write(ctx context.Context, o *operators.Output) error {
	if _, ok := w.topics[o.Topic]; !ok {
		if err := w.Create(ctx, o.Topic, 1); err != nil {
			return err
		}
	}
	r := &kgo.Record{Topic: o.Topic, Partition: o.Partition, Key: o.Key, Value: o.Value}
	if o.Timestamp >= 0 {
		r.Timestamp = time.UnixMilli(o.Timestamp)
	}
	for _, h := range o.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader(h))
	}
	w.client.Produce(ctx, r, func(r *kgo.Record, err error) {
		if err == nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.err == nil {
			w.err = fmt.Errorf("engine: topic %q, partition %d: %w", r.Topic, r.Partition, err)
		}
	})
	return w.failure()
}

func (w *Writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Flush waits until the brokers have everything.
func (w *Writer) Flush(ctx context.Context) error {
	if err := w.client.Flush(ctx); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	return w.failure()
}

// Discard deletes the topics that the writer has made.
func (w *Writer) Discard(ctx context.Context) error {
	if len(w.made) == 0 {
		return nil
	}
	deleted, err := w.adm.DeleteTopics(ctx, slices.Clone(w.made)...)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		return fmt.Errorf("engine: delete topics %q: %w", w.made, err)
	}
	w.made = nil
	return nil
}

// Close ends the connection. What was not flushed may be lost.
func (w *Writer) Close() { w.client.Close() }
