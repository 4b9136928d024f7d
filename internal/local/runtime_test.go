package local_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

func build(t *testing.T, add func(b *topology.Builder)) *topology.Topology {
	t.Helper()
	b := topology.NewBuilder("app")
	add(b)
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

func broker(t *testing.T, partitions map[string]int32) *local.Broker {
	t.Helper()
	b := local.NewBroker()
	for topic, n := range partitions {
		if err := b.Create(topic, n); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func start(t *testing.T, cfg local.Config) *local.Runtime {
	t.Helper()
	r, err := local.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func send(t *testing.T, b *local.Broker, topic string, timestamp int64, key, value string) {
	t.Helper()
	if _, err := b.Append(topic, 0, operators.Input{Key: []byte(key), Value: []byte(value), Timestamp: timestamp}); err != nil {
		t.Fatal(err)
	}
}

func read(b *local.Broker, topic string) string {
	records, _ := b.Read(topic, nil)
	var out []string
	for _, r := range records {
		out = append(out, fmt.Sprintf("%s=%s@%d", r.Key, r.Value, r.Timestamp))
	}
	return strings.Join(out, " ")
}

// L1: internal records go first, by timestamp; those from outside follow as they came.
func TestOrder(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		emit := func(k, v string, emit func(string, string)) {
			for _, ts := range strings.Fields(v) {
				emit(k, ts)
			}
		}
		first := b.Stream("in", serde.String, serde.String).FlatMap(emit).
			Process(func(_ *operators.Context, forward operators.Forward[string, string]) (operators.Forward[string, string], error) {
				return func(r *operators.Record[string, string]) error {
					o := *r
					_, err := fmt.Sscan(r.Value, &o.Timestamp)
					if err != nil {
						return err
					}
					return forward(&o)
				}, nil
			})
		branches := first.Branch(func(_, v string) bool { return len(v) == 1 })
		branches[0].Repartition("short").To("out")
		branches[1].Repartition("long").To("out")
		b.Stream("other", serde.String, serde.String).To("out")
	})
	b := broker(t, map[string]int32{"in": 1, "other": 1, "out": 1})
	r := start(t, local.Config{Graph: topo.Graph(), Broker: b})
	send(t, b, "in", 100, "x", "5 11 3 10 7")
	send(t, b, "other", 1, "y", "outside")
	send(t, b, "in", 0, "z", "6")
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	// The heads of "short" (5, then 3, 7) and of "long" (11, then 10) compete; each topic keeps its own order.
	want := "x=5@5 x=3@3 x=7@7 x=11@11 x=10@10 y=outside@1 z=6@6"
	if got := read(b, "out"); got != want {
		t.Errorf("order is %s\nwant     %s", got, want)
	}
}

func TestStartIsRefused(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).GroupByKey().Count("counts").ToStream().To("out")
	})
	b := broker(t, map[string]int32{"in": 2, "out": 1})
	backend := state.NewMemory()
	r := start(t, local.Config{Graph: topo.Graph(), Broker: b, Backend: backend})
	send(t, b, "in", 1, "k", "v")
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for want, cfg := range map[string]local.Config{
		`topology "app": input topic "in" of "source-0" does not exist`: {Broker: local.NewBroker()},
		`internal topic: topic "app-counts-changelog" has 1 partitions, want 2`: {
			Broker: broker(t, map[string]int32{"in": 2, "out": 1, "app-counts-changelog": 1}),
		},
		// The state of one broker on another.
		`store "counts", partition 0: its state is complete up to offset 2 of changelog "app-counts-changelog", which ends at 0`: {
			Broker: broker(t, map[string]int32{"in": 2, "out": 1}), Backend: backend,
		},
	} {
		cfg.Graph = topo.Graph()
		if _, err := local.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v\nwant %s", err, want)
		}
	}
	// A refused start has let go of what it had.
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	p, err := backend.Acquire(ctx, state.StoreID{Name: "counts", Partition: 0, Kind: state.KindKeyValue})
	if err != nil {
		t.Fatal(err)
	}
	p.Release()
}

func TestRestoresWhatTheBackendLacks(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		g := b.Stream("in", serde.String, serde.String).GroupByKey()
		g.Count("kept").ToStream().To("out")
		g.Count("in-memory", topology.InMemory())
		g.Count("not-logged", topology.NoChangelog())
	})
	b := broker(t, map[string]int32{"in": 1, "out": 1})
	backend := &lossy{Backend: state.NewMemory()}
	cfg := local.Config{Graph: topo.Graph(), Broker: b, Backend: backend}
	r := start(t, cfg)
	for i := range 10 {
		if i == 7 {
			backend.losing = true
		}
		send(t, b, "in", int64(i), "k", "v")
		if err := r.Run(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	backend.losing = false
	// Each commit logs a row and a time record.
	for _, c := range []struct {
		empty          bool
		kept, inMemory int
		counted        int64
	}{
		{false, 3 * 2, 10 * 2, 7},
		{false, 0, 10 * 2, 7},
		{true, 10 * 2, 10 * 2, 0},
	} {
		cfg.EmptyState = c.empty
		r := start(t, cfg)
		if kept, inMemory := r.Restored("kept"), r.Restored("in-memory"); kept != c.kept || inMemory != c.inMemory {
			t.Errorf("restored %d and %d records, want %d and %d", kept, inMemory, c.kept, c.inMemory)
		}
		for name, want := range map[string]int64{"kept": 10, "in-memory": 10, "not-logged": c.counted} {
			n, _, err := r.Stores(name)[0].(*state.KeyValueStore[string, int64]).Get("k")
			if n != want || err != nil {
				t.Errorf("store %s has %d, %v, want %d", name, n, err, want)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnAbortHidesWhatWasWritten(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).To("out")
	})
	b := broker(t, map[string]int32{"in": 1, "out": 1})
	r := start(t, local.Config{Graph: topo.Graph(), Broker: b, CommitEvery: 2})
	send(t, b, "in", 1, "k", "1")
	if err := r.Run(); err != nil || read(b, "out") != "" || b.Committed("app", "in", 0) != 0 {
		t.Fatalf("before a commit: %v, %q, offset %d", err, read(b, "out"), b.Committed("app", "in", 0))
	}
	if err := r.Abort(); err != nil {
		t.Fatal(err)
	}
	send(t, b, "in", 2, "k", "2")
	if err := r.Run(); err != nil || read(b, "out") != "k=1@1 k=2@2" || b.Committed("app", "in", 0) != 2 {
		t.Errorf("after a commit: %v, %q, offset %d", err, read(b, "out"), b.Committed("app", "in", 0))
	}
	records, next := b.Read("out", nil)
	if len(records) != 2 || records[0].Offset != 1 || next[0] != 3 {
		t.Errorf("the aborted record has no offset of its own: %v, next %v", records, next)
	}
	if err := r.Advance(-time.Second); err == nil {
		t.Error("the clock went back")
	}
}
