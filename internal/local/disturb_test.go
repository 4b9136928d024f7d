package local_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// shapes are topologies that together have every kind of state and every way of a record between tasks. All read the
// topics a and b, and rows as a table.
var shapes = map[string]func(b *topology.Builder){
	"counts of counts": func(b *topology.Builder) {
		byValue := b.Stream("a", serde.String, serde.String).
			GroupBy(func(_, v string) string { return v }).Count("by-value").ToStream()
		byValue.To("by-value")
		byValue.SelectKey(func(_ string, n int64) string { return fmt.Sprint(n % 3) }).
			GroupByKey(topology.Named("by-rest")).Reduce("sums", func(a, b int64) int64 { return a + b }).
			ToStream().To("sums")
	},
	"windows": func(b *topology.Builder) {
		s := b.Stream("a", serde.String, serde.String).Merge(b.Stream("b", serde.String, serde.String))
		g := s.GroupBy(func(k, v string) string { return v }, topology.Named("by-value"))
		g.Windowed(windows.Tumbling(10 * time.Millisecond).Grace(5 * time.Millisecond)).OnClose().
			Count("closed").ToStream(windows.Key).To("closed")
		g.Windowed(windows.Hopping(12*time.Millisecond, 5*time.Millisecond)).
			Aggregate("texts", func() string { return "" }, func(k, v, a string) string { return a + v }, topology.Retention(20*time.Millisecond)).
			ToStream(func(k string, w windows.Window) string { return fmt.Sprint(k, w.Start) }).
			GroupByKey(topology.Named("again")).Windowed(windows.Tumbling(7*time.Millisecond)).
			Count("again", topology.InMemory()).ToStream(windows.Key).To("again")
	},
	"sessions": func(b *topology.Builder) {
		g := b.Stream("a", serde.String, serde.String).GroupByKey()
		s := g.Sessions(windows.Session(4 * time.Millisecond).Grace(3 * time.Millisecond))
		s.Count("sessions").ToStream(windows.Key).To("sessions")
		s.OnClose().Count("closed").ToStream(windows.Key).To("closed")
		s.OnClose().Aggregate("texts", func() string { return "" }, func(_, v, a string) string { return a + v },
			func(_, a, b string) string { return a + b }).ToStream(windows.Key).To("texts")
	},
	"sliding windows": func(b *topology.Builder) {
		g := b.Stream("a", serde.String, serde.String).GroupByKey()
		w := g.Windowed(windows.Sliding(5 * time.Millisecond).Grace(3 * time.Millisecond))
		w.Count("sliding").ToStream(windows.Key).To("sliding")
		w.OnClose().Reduce("closed", func(a, b string) string { return a + b }).ToStream(windows.Key).To("closed")
	},
	"count windows": func(b *topology.Builder) {
		g := b.Stream("a", serde.String, serde.String).GroupByKey()
		g.Windowed(windows.HoppingCount(5, 2)).Count("counted").ToStream(windows.Key).To("counted")
		g.Windowed(windows.TumblingCount(3)).OnClose().Reduce("full", func(a, b string) string { return a + b }).ToStream(windows.Key).To("full")
		g.Windowed(windows.Unlimited().StartOn(time.UnixMilli(3))).Count("unlimited").ToStream(windows.Key).To("unlimited")
	},
	"panes": func(b *topology.Builder) {
		g := b.Stream("a", serde.String, serde.String).GroupByKey()
		g.Windowed(windows.Hopping(12*time.Millisecond, 2*time.Millisecond).Grace(4*time.Millisecond)).OnClose().
			Count("panes", topology.Combine(func(a, b int64) int64 { return a + b })).ToStream(windows.Key).To("panes")
	},
	"pipes": func(b *topology.Builder) {
		twice := pipes.Func[string, string](func(_ context.Context, v string) (string, error) { return v + v, nil })
		s := b.Stream("a", serde.String, serde.String).
			Through[string](twice, "by-key", topology.Concurrency(2)).
			Through[string](twice, "by-input", topology.Concurrency(3), topology.Ordering(operators.OrderByInput))
		s.To("twice")
		s.Batch(3, 0, func(_ string, values []string) string { return fmt.Sprint(values) }, "threes").To("threes")
		s.SelectKey(func(_, v string) string { return v }).GroupByKey(topology.Named("by-value")).Count("counts").ToStream().To("counts")
	},
	"joins": func(b *topology.Builder) {
		rows := b.Table("rows", "rows", serde.String, serde.String)
		s := b.Stream("a", serde.String, serde.String)
		s.JoinTable(rows, func(k, v, row string) string { return v + row }).To("joined")
		left := s.SelectKey(func(k, v string) string { return v }).
			LeftJoinTable(rows, func(k, v string, row serde.Optional[string]) string { return fmt.Sprint(v, row) }, topology.Named("by-value"))
		left.To("left")
		left.ToTable("last", topology.InMemory()).ToStream().To("last")
	},
	// What tasks make of global tables depends on when they look, so only the tables are compared here.
	"global stores": func(b *topology.Builder) {
		b.GlobalTable("rows", "rows", serde.String, serde.String)
		b.GlobalStore("b", serde.String, serde.String, "lengths", serde.String, serde.Int64,
			func(_ *operators.Context, rows state.KeyValue[string, int64]) (operators.Forward[string, string], error) {
				return func(r *operators.Record[string, string]) error {
					n, _, err := rows.Get(r.Value)
					if err != nil {
						return err
					}
					if n == 3 {
						return rows.Delete(r.Value)
					}
					return rows.PutRow(state.Row[string, int64]{Key: r.Value, Value: n + 1})
				}, nil
			}, topology.InMemory())
		b.GlobalTable("written", "written", serde.String, serde.String)
		b.Stream("a", serde.String, serde.String).To("written")
	},
	"joins of streams": func(b *topology.Builder) {
		one, two := b.Stream("a", serde.String, serde.String), b.Stream("b", serde.String, serde.String)
		w := windows.Within(5 * time.Millisecond).Grace(3 * time.Millisecond)
		one.Join(two, w, "inner", func(_, l, r string) string { return l + r }, topology.InMemory()).To("inner")
		one.OuterJoin(two, w.Before(9*time.Millisecond), "outer", func(_ string, l, r serde.Optional[string]) string {
			return fmt.Sprint(l, r)
		}).To("outer")
		byValue := func(_, v string) string { return v }
		one.SelectKey(byValue).LeftJoin(two.SelectKey(byValue), w, "by-value", func(k, l string, r serde.Optional[string]) string {
			return fmt.Sprint(k, l, r)
		}).To("left")
		self := two.SelectKey(byValue)
		self.LeftJoin(self, w.After(0), "self", func(k, l string, r serde.Optional[string]) string { return fmt.Sprint(k, l, r) }).To("self")
	},
	"process": func(b *topology.Builder) {
		seen := b.KeyValueStore("seen", serde.String, serde.Int64)
		b.Stream("a", serde.String, serde.String).Process(func(c *operators.Context, forward operators.Forward[string, int64]) (operators.Forward[string, string], error) {
			seen := seen.In(c)
			c.Schedule(8*time.Millisecond, operators.StreamClock, func(ms int64) error {
				for row, err := range seen.All() {
					if err != nil {
						return err
					}
					if row.Value%3 == 0 {
						if err := seen.Delete(row.Key); err != nil {
							return err
						}
					}
					if err := forward(&operators.Record[string, int64]{Key: row.Key, Value: row.Value, Timestamp: ms}); err != nil {
						return err
					}
				}
				return nil
			})
			return func(r *operators.Record[string, string]) error {
				n, _, err := seen.Get(r.Value)
				if err != nil {
					return err
				}
				if r.Value == "d" {
					c.Commit()
				}
				return seen.Put(r.Value, n+1)
			}, nil
		}, seen).To("seen")
	},
	"time without a store": func(b *topology.Builder) {
		b.Stream("a", serde.String, serde.String).Process(func(c *operators.Context, forward operators.Forward[string, int64]) (operators.Forward[string, string], error) {
			c.Schedule(6*time.Millisecond, operators.StreamClock, func(ms int64) error {
				return forward(&operators.Record[string, int64]{Key: c.Task(), Value: c.StreamTime(), Timestamp: ms})
			})
			return func(r *operators.Record[string, string]) error {
				return forward(&operators.Record[string, int64]{Key: r.Key, Value: c.StreamTime(), Timestamp: r.Timestamp})
			}, nil
		}).To("times")
	},
	"cogroup": func(b *topology.Builder) {
		texts := func(_, v, a string) string { return a + v }
		byValue := b.Stream("b", serde.String, serde.String).GroupBy(func(_, v string) string { return v })
		b.Stream("a", serde.String, serde.String).GroupByKey().Cogroup(texts).And(byValue, texts).And(byValue, func(_, v, a string) string {
			if len(a) > 9 {
				return ""
			}
			return a + "-"
		}).Aggregate("texts", func() string { return "" }).ToStream().To("texts")
	},
	"windowed cogroup": func(b *topology.Builder) {
		texts := func(_, v, a string) string { return a + v }
		empty := func() string { return "" }
		byValue := b.Stream("b", serde.String, serde.String).GroupBy(func(_, v string) string { return v }, topology.Named("by-value"))
		c := b.Stream("a", serde.String, serde.String).GroupByKey().Cogroup(texts).And(byValue, texts)
		c.Windowed(windows.Hopping(9*time.Millisecond, 4*time.Millisecond)).Aggregate("hopping", empty, topology.Retention(30*time.Millisecond)).
			Suppress(topology.UntilWindowCloses("open")).ToStream(windows.Key).To("hopping")
		c.Windowed(windows.Sliding(5*time.Millisecond)).Aggregate("sliding", empty).ToStream(windows.Key).To("sliding")
		c.Sessions(windows.Session(4*time.Millisecond)).Aggregate("sessions", empty, func(_, a, b string) string { return a + "|" + b }).
			Suppress(topology.UntilWindowCloses("open-sessions")).ToStream(windows.Key).To("sessions")
	},
	"suppress": func(b *topology.Builder) {
		s := b.Stream("a", serde.String, serde.String)
		lists := s.GroupByKey().Windowed(windows.Hopping(12*time.Millisecond, 5*time.Millisecond).Grace(4*time.Millisecond)).
			Aggregate("lists", func() []string { return nil }, func(_, v string, l []string) []string { return append(l, v) })
		lists.Suppress(topology.UntilWindowCloses("closing")).ToStream(windows.Key).To("closed")
		lists.Suppress(topology.UntilTimeLimit("waiting", 6*time.Millisecond)).ToStream(windows.Key).To("calm")
		few := b.Table("rows", "rows", serde.String, serde.String).
			Suppress(topology.UntilTimeLimit("few", time.Second).MaxRecords(3).MaxBytes(150).EmitEarly(), topology.InMemory())
		few.ToStream().To("few")
		s.LeftJoinTable(few, func(_, v string, row serde.Optional[string]) string { return fmt.Sprint(v, row) }).To("joined")
	},
	"versions and times to live": func(b *topology.Builder) {
		versions := b.Table("rows", "versions", serde.String, serde.String, topology.Versioned(12*time.Millisecond))
		versions.ToStream().To("rows-out")
		short := versions.Filter(func(_, v string) bool { return v != "b" }).
			MapValues(func(_, v string) string { return v + v }, topology.As("doubled"), topology.TTL(20*time.Millisecond))
		short.ToStream().To("doubled")
		a := b.Stream("a", serde.String, serde.String)
		a.GroupByKey().Count("fading", topology.TTL(9*time.Millisecond)).
			Filter(func(_ string, n int64) bool { return n != 2 }).ToStream().To("fading")
		a.ToTable("last", topology.TTL(5*time.Millisecond), topology.EmitOnCommit())
	},
	"read back": func(b *topology.Builder) {
		b.Stream("a", serde.String, serde.String).Filter(func(k, v string) bool { return v != "c" }).To("middle")
		b.Stream("middle", serde.String, serde.String).Repartition("hop", topology.Partitions(3)).
			GroupByKey().Aggregate("lists", func() []string { return nil }, func(_, v string, l []string) []string {
			if l = append(l, v); len(l) > 4 {
				return nil
			}
			return l
		}, topology.StoreSerdes[string, []string](serde.String, listSerde{serde.JSON[[]string]()})).ToStream().To("lists")
	},
}

// listSerde takes an empty list for null.
type listSerde struct{ serde.Serde[[]string] }

func (listSerde) IsNull(l []string) bool { return len(l) == 0 }
func (s listSerde) Decode(b []byte) ([]string, error) {
	if b == nil {
		return nil, nil
	}
	return s.Serde.Decode(b)
}

type sent struct {
	topic     string
	partition int32
	record    operators.Input
}

// lossy is a backend that may stop to apply, as if the process died before.
type lossy struct {
	state.Backend
	losing bool
}

func (l *lossy) Apply(ctx context.Context, g []*state.Generation) error {
	if l.losing {
		return nil
	}
	return l.Backend.Apply(ctx, g)
}

// run sends records and returns what the topology wrote and what its stores have in the end. After each record, disturb
// may do what must not change any of that.
type run struct {
	t       *rapid.T
	cfg     local.Config
	backend *lossy
	runtime *local.Runtime
	fail    bool // the next commit
}

var errCommit = errors.New("the commit failed")

func newRun(t *rapid.T, topo *topology.Topology, partitions int32, backend state.Backend) *run {
	x := &run{t: t, backend: &lossy{Backend: backend}}
	t.Cleanup(func() { x.check(x.runtime.Close()) })
	x.cfg = local.Config{Graph: topo.Graph(), Broker: local.NewBroker(), Backend: x.backend}
	x.cfg.BeforeCommit = func() error {
		if x.fail {
			x.fail = false
			return errCommit
		}
		return nil
	}
	for _, topic := range append(topo.Sources(), topo.Sinks()...) {
		x.check(x.cfg.Broker.Create(topic, partitions))
	}
	return x
}

func (x *run) check(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *run) start(empty bool) {
	cfg := x.cfg
	cfg.EmptyState = empty
	x.backend.losing = false
	var err error
	x.runtime, err = local.New(cfg)
	x.check(err)
}

func (x *run) restart(empty bool) {
	x.check(x.runtime.Close())
	x.start(empty)
}

func (x *run) all(records []sent, disturb func()) map[string][]string {
	x.start(true)
	for _, s := range records {
		if _, ok := x.cfg.Broker.Partitions(s.topic); !ok {
			continue // the shape does not read it
		}
		_, err := x.cfg.Broker.Append(s.topic, s.partition, s.record)
		x.check(err)
		x.settle(x.runtime.Run)
		if disturb != nil {
			disturb()
		}
	}
	x.settle(x.runtime.Commit)
	return x.results()
}

// settle runs until a commit that was made to fail has been done again.
func (x *run) settle(f func() error) {
	err := f()
	for errors.Is(err, errCommit) {
		x.check(x.runtime.Abort())
		err = f()
	}
	x.check(err)
}

// results are the committed records by topic and partition, and the rows by store and partition.
func (x *run) results() map[string][]string {
	results := make(map[string][]string)
	for _, topic := range x.cfg.Graph.ExternalSinks() {
		records, _ := x.cfg.Broker.Read(topic, nil)
		for _, r := range records {
			at := fmt.Sprintf("topic %s/%d", topic, r.Partition)
			results[at] = append(results[at], fmt.Sprintf("%q=%q@%d %v", r.Key, r.Value, r.Timestamp, r.Headers))
		}
	}
	for _, s := range x.cfg.Graph.Stores {
		for i, store := range x.runtime.Stores(s.Name) {
			at := fmt.Sprintf("store %s/%d", s.Name, i)
			results[at] = x.rows(store)
		}
	}
	for _, g := range x.cfg.Graph.Globals {
		results["global store "+g.Name] = x.rows(x.runtime.Stores(g.Name)[0])
	}
	return results
}

func (x *run) rows(store state.Store) (lines []string) {
	switch s := store.(type) {
	case *state.KeyValueStore[string, int64]:
		return rowsOf(x, s.All())
	case *state.KeyValueStore[string, string]:
		return rowsOf(x, s.All())
	case *state.KeyValueStore[string, []string]:
		return rowsOf(x, s.All())
	case *state.KeyValueStore[[]byte, operators.Subscriber]:
		return rowsOf(x, s.All())
	case *state.VersionedStore[string, string]:
		lines = rowsOf(x, s.All())
		for _, k := range []string{"a", "b", "c", "d", "e"} {
			lines = append(lines, rowsOf(x, s.History(k, 0, 1<<40))...)
		}
		return lines
	case *state.WindowStore[string, []byte]:
		return rowsOf(x, s.All())
	case *state.KeyValueStore[[]byte, []byte]:
		return rowsOf(x, s.All())
	case *operators.ParkedRows:
		return rowsOf(x, s.All())
	case *state.KeyValueStore[string, []byte]:
		return rowsOf(x, s.All())
	case *state.KeyValueStore[windows.Keyed[string], []byte]:
		return rowsOf(x, s.All())
	case *state.WindowStore[windows.Keyed[string], []byte]:
		return rowsOf(x, s.All())
	case *state.WindowStore[string, []string]:
		return rowsOf(x, s.All())
	case *state.SessionStore[string, int64]:
		return rowsOf(x, s.All())
	case *state.SessionStore[string, string]:
		return rowsOf(x, s.All())
	case *state.DenseWindowStore[string, int64]:
		return rowsOf(x, s.All())
	case *state.DenseWindowStore[string, string]:
		return rowsOf(x, s.All())
	case *state.KeyValueStore[string, operators.CountRow[int64]]:
		return rowsOf(x, s.All())
	case *state.KeyValueStore[string, operators.CountRow[string]]:
		return rowsOf(x, s.All())
	case *state.WindowStore[string, int64]:
		return rowsOf(x, s.All())
	case *state.WindowStore[string, string]:
		return rowsOf(x, s.All())
	case *state.ListStore[string, string]:
		return rowsOf(x, s.All())
	case *state.KeyValueStore[[]byte, operators.Unmatched[string, string]]:
		return rowsOf(x, s.All())
	}
	x.t.Fatalf("store %s is a %T", store.Name(), store)
	return nil
}

func rowsOf[R any](x *run, rows func(func(R, error) bool)) (lines []string) {
	for r, err := range rows {
		x.check(err)
		lines = append(lines, fmt.Sprint(r))
	}
	return lines
}

func randomRecords(t *rapid.T, partitions int32) []sent {
	n := rapid.IntRange(1, 60).Draw(t, "records")
	records := make([]sent, n)
	now := int64(0)
	for i := range records {
		now += rapid.SampledFrom([]int64{0, 0, 1, 2, 3, 15}).Draw(t, "step")
		ts := max(0, now-rapid.SampledFrom([]int64{0, 0, 0, 1, 7, 20}).Draw(t, "late"))
		key := []byte(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "key"))
		r := sent{
			topic:     rapid.SampledFrom([]string{"a", "a", "a", "b", "rows"}).Draw(t, "topic"),
			partition: operators.KeyPartition(key, partitions),
			record:    operators.Input{Key: key, Timestamp: ts},
		}
		if v := rapid.SampledFrom([]string{"a", "b", "c", "d", ""}).Draw(t, "value"); v != "" {
			r.record.Value = []byte(v)
		}
		if rapid.Bool().Draw(t, "header") {
			r.record.Headers = []operators.Header{{Key: "n", Value: []byte{byte('0' + i%10)}}}
		}
		records[i] = r
	}
	return records
}

// I4 and I6: what comes out does not depend on when commits happen, on the size of the cache, on aborts, or on restarts on
// whatever is left of the state.
func TestResultsDoNotDependOnDisturbances(t *testing.T) {
	for name, shape := range shapes {
		b := topology.NewBuilder("app")
		shape(b)
		topo, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			disk, err := state.OpenPebble(state.PebbleOptions{Dir: "state", FS: vfs.NewMem(), MemTableBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer disk.Close()
			rapid.Check(t, func(t *rapid.T) { checkDisturbed(t, topo, disk) })
		})
	}
}

func checkDisturbed(t *rapid.T, topo *topology.Topology, disk state.Backend) {
	partitions := int32(rapid.IntRange(1, 3).Draw(t, "partitions"))
	records := randomRecords(t, partitions)
	want := newRun(t, topo, partitions, state.NewMemory()).all(records, nil)

	backend := state.NewMemory()
	if rapid.IntRange(0, 4).Draw(t, "on disk") == 4 {
		backend = disk
	}
	x := newRun(t, topo, partitions, backend)
	x.cfg.CommitEvery = rapid.SampledFrom([]int{1, 2, 3, 7, 20, 1000}).Draw(t, "commit every")
	x.cfg.CacheBytes = rapid.SampledFrom([]int64{0, 0, 1, 1500}).Draw(t, "cache bytes")
	got := x.all(records, func() { disturb(t, x) })
	compare(t, "disturbed", got, want)

	x.restart(true)
	compare(t, "restored from the changelogs", x.results(), want)
}

func disturb(t *rapid.T, x *run) {
	switch rapid.SampledFrom([]string{"", "", "", "", "abort", "commit", "fail", "keep", "lose", "empty"}).Draw(t, "disturbance") {
	case "abort":
		x.check(x.runtime.Abort())
	case "commit":
		x.settle(x.runtime.Commit)
	case "fail":
		x.fail = true
		x.settle(x.runtime.Commit)
	case "keep":
		x.restart(false)
	case "lose":
		x.backend.losing = true
	case "empty":
		x.restart(true)
	}
	x.settle(x.runtime.Run)
}
