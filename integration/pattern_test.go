//go:build integration

package integration_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// TestPattern counts the words of all topics that a pattern matches. It starts while there is none; topics are made one after
// the other while it runs, so each time the group gets other tasks while its members stay.
func TestPattern(t *testing.T) {
	const application, counts, partitions, words, records = "pattern", "pattern-counts", 4, 100, 10_000
	topics := []string{"pattern-in-a", "pattern-in-b", "pattern-in-c"}
	c := connect(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	c.clean(application, append(topics, counts)...)
	c.create(partitions, keepAll, counts)

	b := topology.NewBuilder(application)
	b.StreamOf(topology.Pattern("pattern-in-.*"), serde.String, serde.String).
		GroupBy(func(_, word string) string { return word }, topology.Named("words")).
		Count("words").
		ToStream().To(counts)
	topo, err := b.Build()
	c.must("build", err)
	app, err := engine.New(topo, engine.Config{
		Brokers: strings.Split(brokers(t), ","), StateDir: t.TempDir(), Workers: 2, Instance: "one", Logger: slog.New(slog.DiscardHandler),
		PatternInterval: 500 * time.Millisecond,
	})
	c.must("new", err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()

	for _, topic := range topics {
		c.create(partitions, keepAll, topic)
		in := make([]*kgo.Record, records)
		for i := range in {
			in[i] = &kgo.Record{Topic: topic, Partition: int32(i % partitions), Value: fmt.Appendf(nil, "word-%d", i%words)}
		}
		c.produce(in...)
		c.consumed(application, func() error {
			select {
			case err := <-done:
				return fmt.Errorf("Run ended: %w", err)
			default:
				return nil
			}
		}, topic)
	}
	c.consumed(application, func() error { return nil }, application+"-words-repartition")
	cancel()
	c.must("stop", <-done)

	last := map[string]int64{}
	c.read(counts, func(r *kgo.Record) {
		n, err := serde.Int64.Decode(r.Value)
		c.must("decode", err)
		last[string(r.Key)] = n
	})
	for i := range words {
		word := fmt.Sprintf("word-%d", i)
		if want := int64(len(topics) * records / words); last[word] != want {
			t.Errorf("%s is counted %d times, want %d", word, last[word], want)
		}
	}
}
