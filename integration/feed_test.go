//go:build integration

package integration_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/integration"
	"github.com/rivusio/rivusio/serde"
)

// feed writes readings to a topic at a steady pace, and adds them to a reference.
type feed struct {
	topic    string
	from     *readings
	to       *reference
	perSec   int
	atLeast  int64              // readings to write
	goOn     func() bool        // asked when that many are written
	written  atomic.Int64       // so far
	done     chan error         // the result
	cancel   context.CancelFunc // ends it early
	finished time.Time
}

// start begins to write, beside the caller.
func (f *feed) start(t *testing.T) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers(t), ",")...), kgo.DefaultProduceTopic(f.topic), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f.cancel, f.done = cancel, make(chan error, 1)
	t.Cleanup(cancel)
	go func() {
		defer cl.Close()
		f.done <- f.run(ctx, cl)
	}()
}

func (f *feed) run(ctx context.Context, cl *kgo.Client) error {
	var failed atomic.Pointer[error]
	began, begun := time.Now(), f.from.made
	for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
		due := int64(time.Since(began).Seconds() * float64(f.perSec))
		for f.from.made-begun < due && (f.written.Load() < f.atLeast || f.goOn()) {
			r := f.from.next()
			f.to.add(r)
			cl.Produce(ctx, r.record(), func(_ *kgo.Record, err error) {
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			})
			f.written.Add(1)
		}
		switch err := failed.Load(); {
		case err != nil:
			return fmt.Errorf("write to topic %s: %w", f.topic, *err)
		case ctx.Err() != nil:
			return errors.New("the feed was ended early")
		case f.written.Load() >= f.atLeast && !f.goOn():
			f.finished = time.Now()
			return cl.Flush(ctx)
		}
	}
}

// record is the reading as the topic has it.
func (r reading) record() *kgo.Record {
	return &kgo.Record{Key: []byte(r.sensor), Value: binary.BigEndian.AppendUint64(nil, uint64(r.serial)), Timestamp: time.UnixMilli(r.timestamp)}
}

// feedNow writes a number of readings at once.
func (c *cluster) feedNow(topic string, from *readings, to *reference, n int) {
	c.t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		r := from.next()
		to.add(r)
		records[i] = r.record()
		records[i].Topic = topic
	}
	c.produce(records...)
}

var tallySerde = serde.For[integration.Tally]()

// compare reads the outputs of a topology.
func (c *cluster) compare(topics integration.Tallies, want *reference) *comparison {
	c.t.Helper()
	compared := want.compare()
	c.read(topics.Updates, func(r *kgo.Record) {
		key, err := integration.UpdateKey.Decode(r.Key)
		c.must("key of an update", err)
		tally, err := tallySerde.Decode(r.Value)
		c.must("value of an update", err)
		compared.update(key, tally)
	})
	c.read(topics.Totals, func(r *kgo.Record) {
		n, err := serde.Int64.Decode(r.Value)
		c.must("value of a total", err)
		compared.total(string(r.Key), n)
	})
	return compared
}

// setting is a number from the environment.
func setting[N int | int64 | uint64](t *testing.T, name string, byDefault N) N {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return byDefault
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		t.Fatalf("%s is %q, want a number", name, text)
	}
	return N(n)
}
