package local_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// More rows than leave in one turn are due at once: results leave in turns, with commits, aborts and restarts in between, and
// are those that come without, in the same order and with the headers of the record that closed them. A second operator
// below, whose windows close by those results, gives what it would give as well.
func TestManyRowsLeaveInTurns(t *testing.T) {
	const keys = 1100
	shapes := map[string]func(b *topology.Builder, s topology.Stream[string, string]) topology.Stream[string, int64]{
		"time": func(_ *topology.Builder, s topology.Stream[string, string]) topology.Stream[string, int64] {
			return s.GroupByKey().Windowed(windows.Hopping(10*time.Millisecond, 5*time.Millisecond)).OnClose().Count("n").ToStream(plainKey)
		},
		"panes": func(_ *topology.Builder, s topology.Stream[string, string]) topology.Stream[string, int64] {
			return s.GroupByKey().Windowed(windows.Hopping(10*time.Millisecond, 5*time.Millisecond)).OnClose().
				Count("n", topology.Combine(func(a, b int64) int64 { return a + b })).ToStream(plainKey)
		},
		"sliding": func(_ *topology.Builder, s topology.Stream[string, string]) topology.Stream[string, int64] {
			return s.GroupByKey().Windowed(windows.Sliding(10 * time.Millisecond).Grace(5 * time.Millisecond)).OnClose().Count("n").ToStream(plainKey)
		},
		"sessions": func(_ *topology.Builder, s topology.Stream[string, string]) topology.Stream[string, int64] {
			return s.GroupByKey().Sessions(windows.Session(10 * time.Millisecond)).OnClose().Count("n").ToStream(plainKey)
		},
		"outer join": func(b *topology.Builder, s topology.Stream[string, string]) topology.Stream[string, int64] {
			none := b.Stream("none", serde.String, serde.String)
			return s.OuterJoin(none, windows.Within(10*time.Millisecond).Grace(5*time.Millisecond), "joined", sides)
		},
		"delayed join": func(b *topology.Builder, s topology.Stream[string, string]) topology.Stream[string, int64] {
			rows := b.Table("none", "rows", serde.String, serde.String, topology.Versioned(time.Second))
			return s.LeftJoinTable(rows, func(_, v string, row serde.Optional[string]) int64 { return sides("", serde.Some(v), row) },
				topology.Grace(10*time.Millisecond, "waiting"))
		},
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			topo := build(t, func(b *topology.Builder) {
				s := shape(b, b.Stream("in", serde.String, serde.String))
				s.To("out")
				s.MarkAsPartitioned().GroupByKey().Windowed(windows.Tumbling(3 * time.Millisecond)).OnClose().Count("again").ToStream(plainKey).To("again")
			})
			results := func(disturb func(r *local.Runtime, turn int, cfg local.Config) *local.Runtime, cfg local.Config) (out, again []string) {
				b := broker(t, map[string]int32{"in": 1, "none": 1, "out": 1, "again": 1})
				cfg.Graph, cfg.Broker, cfg.Backend = topo.Graph(), b, state.NewMemory()
				r := start(t, cfg)
				add := func(key string, ts int64) {
					in := operators.Input{Key: []byte(key), Value: []byte("v"), Timestamp: ts, Headers: []operators.Header{{Key: "h", Value: []byte(key)}, {Key: "nil"}}}
					if _, err := b.Append("in", 0, in); err != nil {
						t.Fatal(err)
					}
				}
				for i := range keys {
					add(fmt.Sprint("k", i), 20+int64(i%3))
				}
				add("last", 1000)
				add("end", 2000)
				for turn := 0; ; turn++ {
					if err := r.Run(); err == nil {
						break
					}
					r = disturb(r, turn, cfg)
				}
				if err := r.Commit(); err != nil {
					t.Fatal(err)
				}
				lines := func(topic string) (lines []string) {
					records, _ := b.Read(topic, nil)
					for _, r := range records {
						lines = append(lines, fmt.Sprintf("%s=%x@%d %v", r.Key, r.Value, r.Timestamp, r.Headers))
					}
					return lines
				}
				return lines("out"), lines("again")
			}
			wantOut, wantAgain := results(nil, local.Config{CommitEvery: 1 << 30})
			if len(wantOut) < keys || len(wantAgain) < keys {
				t.Fatalf("%d and %d results, want %d at least", len(wantOut), len(wantAgain), keys)
			}
			commits := 0
			cfg := local.Config{CommitEvery: 1, CacheBytes: 1, BeforeCommit: func() error {
				if commits++; commits > keys && commits%2 == 0 {
					return errCommit
				}
				return nil
			}}
			out, again := results(func(r *local.Runtime, turn int, cfg local.Config) *local.Runtime {
				switch turn % 3 {
				case 0, 1:
					if err := r.Abort(); err != nil {
						t.Fatal(err)
					}
					return r
				}
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				cfg.EmptyState = true
				return start(t, cfg)
			}, cfg)
			if !slices.Equal(out, wantOut) {
				t.Errorf("%d results, want %d; or they differ", len(out), len(wantOut))
			}
			if !slices.Equal(again, wantAgain) {
				t.Errorf("%d results further down, want %d; or they differ", len(again), len(wantAgain))
			}
		})
	}
}

func plainKey(k string, w windows.Window) string { return fmt.Sprint(k, "/", w.Start) }

// sides tells which sides a joined record has.
func sides(_ string, left, right serde.Optional[string]) (n int64) {
	if left.OK {
		n |= 1
	}
	if right.OK {
		n |= 2
	}
	return n
}
