package topologytest_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// A global table is looked up under any key, with nothing repartitioned in front.
func Example_globalTable() {
	b := topology.NewBuilder("shop")
	prices := b.GlobalTable("prices", "prices", serde.String, serde.Int64)
	b.Stream("orders", serde.String, serde.String).
		JoinGlobal(prices, func(_, item string) string { return item }, func(_, item string, cents int64) int64 { return cents }).
		To("costs")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(t, topo, topologytest.Partitions(3))
	price := topologytest.Input(d, "prices", serde.String, serde.Int64)
	orders := topologytest.Input(d, "orders", serde.String, serde.String)
	costs := topologytest.Output(d, "costs", serde.String, serde.Int64)

	price.Send("tea", 250)
	orders.Send("ann", "tea", topologytest.AtMs(1))
	orders.Send("bob", "cake", topologytest.AtMs(2))
	price.Send("cake", 400)
	orders.Send("bob", "cake", topologytest.AtMs(3))
	for _, r := range costs.ReadAll() {
		fmt.Println(r)
	}
	cents, _ := topologytest.KeyValue[string, int64](d, "prices").Get("cake")
	fmt.Println("a cake is", cents)
	// Output:
	// ann=250@1
	// bob=400@3
	// a cake is 400
}

// A processor writes the rows of a global store, and another one reads them.
func Example_globalStore() {
	b := topology.NewBuilder("shop")
	// The store has the number of articles of each producer.
	byProducer := b.GlobalStore("articles", serde.String, serde.String, "by-producer", serde.String, serde.Int64,
		func(_ *operators.Context, rows state.KeyValue[string, int64]) (operators.Forward[string, string], error) {
			return func(r *operators.Record[string, string]) error {
				n, _, err := rows.Get(r.Value)
				if err != nil {
					return err
				}
				return rows.Put(r.Value, n+1)
			}, nil
		})
	b.Stream("questions", serde.String, serde.String).
		Process(func(c *operators.Context, forward operators.Forward[string, int64]) (operators.Forward[string, string], error) {
			rows := byProducer.In(c)
			return func(r *operators.Record[string, string]) error {
				n, _, err := rows.Get(r.Key)
				if err != nil {
					return err
				}
				return forward(&operators.Record[string, int64]{Key: r.Key, Value: n, Timestamp: r.Timestamp})
			}, nil
		}).
		To("answers")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(t, topo, topologytest.Partitions(4))
	articles := topologytest.Input(d, "articles", serde.String, serde.String)
	for i, producer := range []string{"ann", "bob", "ann"} {
		articles.Send(fmt.Sprint("article-", i), producer)
	}
	topologytest.Input(d, "questions", serde.String, serde.String).Send("ann", "how many?", topologytest.AtMs(7))
	fmt.Println(topologytest.Output(d, "answers", serde.String, serde.Int64).Read())
	// Output:
	// ann=2@7
}

// globals joins, reads back what the topology itself wrote to a global table, and counts in a global store.
func globals(t testing.TB, opts ...topology.StoreOption) *topology.Topology {
	return build(t, func(b *topology.Builder) {
		rows := b.GlobalTable("rows", "rows", serde.String, serde.String, opts...)
		written := b.GlobalTable("written", "written", serde.String, serde.String, opts...)
		counts := b.GlobalStore("events", serde.String, serde.String, "counts", serde.String, serde.Int64,
			func(_ *operators.Context, rows state.KeyValue[string, int64]) (operators.Forward[string, string], error) {
				return func(r *operators.Record[string, string]) error {
					n, _, err := rows.Get(r.Value)
					if err != nil {
						return err
					}
					if r.Value == "boom" {
						panic("no boom")
					}
					return rows.Put(r.Value, n+1)
				}, nil
			}, opts...)
		s := b.Stream("in", serde.String, serde.String)
		s.LeftJoinGlobal(rows, func(_, v string) string { return v }, func(k, v string, row serde.Optional[string]) string {
			return fmt.Sprint(v, row.Value, row.OK)
		}).To("joined")
		s.Process(func(c *operators.Context, forward operators.Forward[string, string]) (operators.Forward[string, string], error) {
			return func(r *operators.Record[string, string]) error {
				before, _, err := written.In(c).Get("last")
				if err != nil {
					return err
				}
				n, _, err := counts.In(c).Get(r.Value)
				if err != nil {
					return err
				}
				if err := forward(&operators.Record[string, string]{Key: "seen", Value: fmt.Sprint(r.Value, " after ", before, ", counted ", n), Timestamp: r.Timestamp}); err != nil {
					return err
				}
				return forward(&operators.Record[string, string]{Key: "last", Value: r.Value, Timestamp: r.Timestamp})
			}, nil
		}).Branch(func(k, _ string) bool { return k == "last" })[0].To("written")
	})
}

type model struct {
	rows, written map[string]string
	counts        map[string]int64
}

// The rows are those of a model after every record, over partitions, restarts and lost disks, on disk and in memory; the
// join sees what was in the table when its record came.
func TestGlobalTablesAgainstAModel(t *testing.T) {
	for name, opts := range map[string][]topology.StoreOption{"on disk": nil, "in memory": {topology.InMemory()}} {
		topo := globals(t, opts...)
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				d := topologytest.New(t, topo, topologytest.Partitions(rapid.IntRange(1, 3).Draw(rt, "partitions")),
					topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 2000}).Draw(rt, "cache")))
				m := model{map[string]string{}, map[string]string{}, map[string]int64{}}
				rows := topologytest.Input(d, "rows", serde.String, serde.String)
				events := topologytest.Input(d, "events", serde.String, serde.String)
				in := topologytest.Input(d, "in", serde.String, serde.String)
				joined := topologytest.Output(d, "joined", serde.String, serde.String)
				keys := rapid.SampledFrom([]string{"a", "b", "c", "d"})
				for i := range rapid.IntRange(1, 30).Draw(rt, "steps") {
					k, v := keys.Draw(rt, "key"), keys.Draw(rt, "value")
					switch rapid.IntRange(0, 6).Draw(rt, "what") {
					case 0, 1:
						rows.Send(k, fmt.Sprint(v, i))
						m.rows[k] = fmt.Sprint(v, i)
					case 2:
						rows.Delete(k)
						delete(m.rows, k)
					case 3:
						events.Send(k, v)
						m.counts[v]++
					case 4:
						d.Restart(topologytest.State(rapid.Bool().Draw(rt, "empty")))
					default:
						in.Send(k, v)
						row, ok := m.rows[v]
						if got, want := joined.Read().Value, fmt.Sprint(v, row, ok); got != want {
							rt.Fatalf("step %d: joined %s, want %s", i, got, want)
						}
						m.written["last"] = v
					}
					if got := tableOf[string](d, "rows"); !maps.Equal(got, m.rows) {
						rt.Fatalf("step %d: rows are %v, want %v", i, got, m.rows)
					}
					if got := tableOf[string](d, "written"); !maps.Equal(got, m.written) {
						rt.Fatalf("step %d: written are %v, want %v", i, got, m.written)
					}
					if got := tableOf[int64](d, "counts"); !maps.Equal(got, m.counts) {
						rt.Fatalf("step %d: counts are %v, want %v", i, got, m.counts)
					}
				}
			})
		})
	}
}

func tableOf[V any](d *topologytest.Driver, store string) map[string]V {
	rows := map[string]V{}
	for _, r := range topologytest.KeyValue[string, V](d, store).All() {
		rows[r.Key] = r.Value
	}
	return rows
}

func TestGlobalTableDropsAndRefuses(t *testing.T) {
	b := topology.NewBuilder("app")
	rows := b.GlobalTable("rows", "rows", serde.String, serde.Int64, topology.SkipUndecodable())
	strict := b.GlobalTable("strict", "strict", serde.String, serde.Int64)
	s := b.Stream("in", serde.String, serde.String)
	s.JoinGlobal(rows, func(k, _ string) string { return k }, func(_, _ string, n int64) int64 { return n }).To("out")
	s.JoinGlobal(strict, func(k, _ string) string { return k }, func(_, _ string, n int64) int64 { return n }).To("out")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	d := topologytest.New(t, topo, topologytest.Partitions(2))
	in := topologytest.Input(d, "rows", serde.String, serde.Int64)
	in.Send("", 1, topologytest.NullKey())
	in.Send("a", 0, topologytest.ValueBytes([]byte("x")))
	in.Send("a", 2, topologytest.AtMs(-1))
	in.Send("a", 3)
	want := "[{rows-source undecodable 1} {rows-source invalid_time 1} {rows-global-table null_key 1}]"
	if got := fmt.Sprint(d.Dropped()); got != want {
		t.Errorf("dropped %s, want %s", got, want)
	}
	if got := d.Received("rows-global-table"); got != 2 {
		t.Errorf("received %d records", got)
	}
	err = topologytest.Input(d, "strict", serde.String, serde.Int64).SendErr("the key", 0, topologytest.ValueBytes([]byte("x")), topologytest.ToPartition(1))
	var failure *operators.Error
	if place := `operator "strict-source", task global, topic "strict", partition 1, offset 0, key "the key": decode value: `; !errors.As(err, &failure) || !strings.Contains(err.Error(), place) {
		t.Errorf("error is %v\nwant %s", err, place)
	}
}

// After a failure the store is as it was applied last, and the failed record runs again.
func TestGlobalStoreAfterAFailure(t *testing.T) {
	fail := true
	topo := build(t, func(b *topology.Builder) {
		b.GlobalStore("events", serde.String, serde.String, "counts", serde.String, serde.Int64,
			func(_ *operators.Context, rows state.KeyValue[string, int64]) (operators.Forward[string, string], error) {
				return func(r *operators.Record[string, string]) error {
					n, _, err := rows.Get("all")
					if err != nil {
						return err
					}
					if err := rows.Put("all", n+1); err != nil {
						return err
					}
					if fail && r.Value == "boom" {
						panic("no boom")
					}
					return nil
				}, nil
			})
		b.Stream("in", serde.String, serde.String).To("out")
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "events", serde.String, serde.String)
	in.Send("k", "fine")
	err := in.SendErr("k", "boom")
	if want := `operator "counts-global-process", task global, topic "events", partition 0, offset 1, key "k": panic: no boom`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v\nwant %s", err, want)
	}
	fail = false
	d.Restart(topologytest.KeptState)
	if n, _ := topologytest.KeyValue[string, int64](d, "counts").Get("all"); n != 2 {
		t.Errorf("counted %d, want 2", n)
	}
	if n := d.Restored("counts"); n != 1 {
		t.Errorf("read %d records, want the one that failed", n)
	}
	d.Restart(topologytest.EmptyState)
	if n := d.Restored("counts"); n != 2 {
		t.Errorf("read %d records, want all", n)
	}
}

func TestFailuresOfAGlobalInit(t *testing.T) {
	type process = operators.Forward[string, string]
	for want, init := range map[string]func(*operators.Context, state.KeyValue[string, int64]) (process, error){
		`operator "counts-global-process", task global, at its start: user error`: func(*operators.Context, state.KeyValue[string, int64]) (process, error) {
			return nil, errUser
		},
		`operator "counts-global-process", task global, at its start: init returned no function`: func(*operators.Context, state.KeyValue[string, int64]) (process, error) {
			return nil, nil
		},
		`operator "counts-global-process", task global, at its start: panic: user error`: func(*operators.Context, state.KeyValue[string, int64]) (process, error) {
			panic(errUser)
		},
		`operator "counts-global-process", task global, at its start: a processor of a global store cannot schedule`: func(c *operators.Context, _ state.KeyValue[string, int64]) (process, error) {
			c.Schedule(time.Second, operators.WallClock, func(int64) error { return nil })
			return func(*operators.Record[string, string]) error { return nil }, nil
		},
	} {
		topo := build(t, func(b *topology.Builder) {
			b.GlobalStore("events", serde.String, serde.String, "counts", serde.String, serde.Int64, init)
			b.Stream("in", serde.String, serde.String).To("out")
		})
		if got := failureOf(func() { topologytest.New(failing{t}, topo) }); !strings.Contains(got, want) {
			t.Errorf("error is %s\nwant %s", got, want)
		}
	}
}

func TestScansOfAGlobalTable(t *testing.T) {
	var got []string
	topo := build(t, func(b *topology.Builder) {
		rows := b.GlobalTable("rows", "rows", serde.String, serde.String)
		b.Stream("in", serde.String, serde.String).Process(func(c *operators.Context, _ operators.Forward[string, string]) (operators.Forward[string, string], error) {
			return func(r *operators.Record[string, string]) error {
				got = nil
				for row, err := range rows.In(c).Prefix([]byte(r.Key)) {
					if err != nil {
						return err
					}
					got = append(got, row.Key+row.Value)
				}
				return nil
			}, nil
		})
	})
	d := topologytest.New(t, topo, topologytest.Partitions(3))
	in := topologytest.Input(d, "rows", serde.String, serde.String)
	for _, k := range []string{"b2", "a1", "a3", "b1", "a2"} {
		in.Send(k, "!")
	}
	in.Delete("a3")
	topologytest.Input(d, "in", serde.String, serde.String).Send("a", "")
	if want := []string{"a1!", "a2!"}; !slices.Equal(got, want) {
		t.Errorf("rows are %v, want %v", got, want)
	}
}
