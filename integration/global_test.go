//go:build integration

package integration_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// TestGlobalTable joins orders with the prices of two stores, one on disk and one in memory: every order sees all prices
// that were there before the start, whether written by a transaction or not, and none of one that was aborted. A start on
// kept state reads what came since; one whose topic has lost records that it did not see builds the table anew.
func TestGlobalTable(t *testing.T) {
	const application, orders, prices, costs, partitions, items = "global", "global-orders", "global-prices", "global-costs", 4, 20_000
	c := connect(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	c.clean(application, orders, prices, costs, prices+"-copy")
	c.create(partitions, keepAll, orders, prices, costs, prices+"-copy")
	write := func(from, to int, cents int64) {
		t.Helper()
		var records []*kgo.Record
		for _, topic := range []string{prices, prices + "-copy"} {
			for i := from; i < to; i++ {
				value, err := serde.Int64.Append(nil, cents+int64(i))
				c.must("encode", err)
				records = append(records, &kgo.Record{Topic: topic, Partition: int32(i % partitions), Key: fmt.Appendf(nil, "item-%d", i), Value: value})
			}
		}
		c.produce(records...)
	}
	abort(c, prices, "item-0")

	b := topology.NewBuilder(application)
	item := func(_, item string) string { return item }
	disk := b.GlobalTable(prices, "prices", serde.String, serde.Int64)
	memory := b.GlobalTable(prices+"-copy", "prices-copy", serde.String, serde.Int64, topology.InMemory())
	b.Stream(orders, serde.String, serde.String).
		LeftJoinGlobal(disk, item, func(_, item string, cents serde.Optional[int64]) string { return fmt.Sprint(item, " ", cents.Value) }).
		LeftJoinGlobal(memory, func(_, v string) string { return strings.Fields(v)[0] }, func(_, v string, cents serde.Optional[int64]) string {
			return fmt.Sprint(v, " ", cents.Value)
		}).
		To(costs)
	topo, err := b.Build()
	c.must("build", err)

	stateDir := t.TempDir()
	// run processes one order of each item and compares the prices; the table on disk has none of items below missingBelow.
	run := func(name string, missingBelow int, cents func(i int) int64, restored func(disk engine.RestoreProgress) bool) {
		t.Helper()
		app, err := engine.New(topo, engine.Config{
			Brokers: strings.Split(brokers(t), ","), StateDir: stateDir, Workers: 3, Instance: "one", Logger: slog.New(slog.DiscardHandler),
		})
		c.must(name, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		var records []*kgo.Record
		for i := range items {
			records = append(records, &kgo.Record{Topic: orders, Partition: int32(i * 7 % partitions), Key: []byte(name), Value: fmt.Appendf(nil, "item-%d", i)})
		}
		c.produce(records...)
		go func() { done <- app.Run(ctx) }()
		c.consumed(application, func() error {
			select {
			case err := <-done:
				return fmt.Errorf("Run ended: %w", err)
			default:
				return nil
			}
		}, orders)
		globals := app.Globals()
		cancel()
		c.must(name+": stop", <-done)
		if got := globals[0].Restore; !restored(got) || !globals[0].Ready {
			t.Errorf("%s: the table on disk was restored as %+v", name, got)
		}
		if got := globals[1].Restore; got.Empty != 1 || got.Missing > 0 {
			t.Errorf("%s: the table in memory was restored as %+v", name, got)
		}
		answers := 0
		c.read(costs, func(r *kgo.Record) {
			if string(r.Key) != name {
				return
			}
			answers++
			var i int
			var fromDisk, fromMemory int64
			if _, err := fmt.Sscanf(string(r.Value), "item-%d %d %d", &i, &fromDisk, &fromMemory); err != nil {
				t.Fatalf("%s: answer %q: %v", name, r.Value, err)
			}
			want := cents(i)
			wantDisk := want
			if i < missingBelow {
				wantDisk = 0
			}
			if fromDisk != wantDisk || fromMemory != want {
				t.Errorf("%s: item %d costs %d and %d, want %d and %d", name, i, fromDisk, fromMemory, wantDisk, want)
			}
		})
		if answers != items {
			t.Errorf("%s: %d answers to %d orders", name, answers, items)
		}
	}

	write(0, items, 1)
	run("first", 0, func(i int) int64 { return 1 + int64(i) }, func(p engine.RestoreProgress) bool { return p.Empty == 1 && p.Records == items })
	write(0, 500, 1_000_000)
	changed := func(i int) int64 {
		if i < 500 {
			return 1_000_000 + int64(i)
		}
		return 1 + int64(i)
	}
	run("tail", 0, changed, func(p engine.RestoreProgress) bool { return p.Kept == 1 && p.Records == 500 })
	run("nothing new", 0, changed, func(p engine.RestoreProgress) bool { return p.Kept == 1 && p.Records == 0 })

	// What is lost of the topic is lost in the table, if the table has not seen it: items below 1000 after these deletes.
	write(0, 1000, 2_000_000)
	var below kadm.Offsets
	for partition, end := range c.ends(prices, true) {
		below.Add(kadm.Offset{Topic: prices, Partition: partition, At: end})
	}
	write(1000, items, 3_000_000)
	deleted, err := c.adm.DeleteRecords(t.Context(), below)
	if err == nil {
		err = deleted.Error()
	}
	c.must("delete records", err)
	run("lost", 1000, func(i int) int64 {
		if i < 1000 {
			return 2_000_000 + int64(i)
		}
		return 3_000_000 + int64(i)
	}, func(p engine.RestoreProgress) bool { return p.Rebuilt == 1 && p.Records == items-1000 })
}

// abort leaves a record of an aborted transaction in a topic.
func abort(c *cluster, topic, key string) {
	c.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers(c.t), ",")...), kgo.TransactionalID(topic+"-abort"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	c.must("client", err)
	defer cl.Close()
	c.must("begin", cl.BeginTransaction())
	c.must("write", cl.ProduceSync(c.t.Context(), &kgo.Record{Topic: topic, Key: []byte(key), Value: make([]byte, 8)}).FirstErr())
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	c.must("abort", cl.EndTransaction(ctx, kgo.TryAbort))
}
