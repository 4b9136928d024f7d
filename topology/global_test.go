package topology_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

func enriched(t testing.TB, table string, opts ...topology.StoreOption) *topology.Topology {
	t.Helper()
	b := topology.NewBuilder("app")
	rows := b.GlobalTable(table, "rows", serde.String, serde.String, opts...)
	b.Stream("in", serde.String, serde.String).
		SelectKey(func(_, v string) string { return v }).
		JoinGlobal(rows, func(_, v string) string { return v }, func(_, v, row string) string { return v + row }, topology.Named("enrich")).
		To("out")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

func TestGlobalTableInDescriptions(t *testing.T) {
	d := enriched(t, "prices", topology.InMemory()).Describe()
	want := `Topology: app
  Sub-topology: 0
    Source: source-0 (topic: in)
      --> select-key-1
    Operator: select-key-1
      --> enrich
    Operator: enrich (stores: rows)
      --> sink-3
    Sink: sink-3 (topic: out)
  Global store: rows (key-value; in memory), fed without tasks from all partitions of prices
    Source: rows-source (topic: prices)
      --> rows-global-table
    Operator: rows-global-table (stores: rows)
`
	if got := d.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	asJSON, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for form, text := range map[string][]string{
		string(asJSON): {`"global_stores"`, `"topic": "prices"`, `"in_memory": true`},
		d.DOT():        {`label="global store rows"`, `"topic prices" -> "rows-source"`, `"rows-global-table" -> "store rows"`, `"enrich" -> "store rows"`},
		d.Mermaid():    {`[global store rows]`},
	} {
		for _, part := range text {
			if !strings.Contains(form, part) {
				t.Errorf("%s is missing in\n%s", part, form)
			}
		}
	}
}

// A global table is in no sub-topology: it makes no tasks and needs no partitions like those of the stream, but its topic
// must be there, and who joins with another one is another topology.
func TestPlanWithAGlobalTable(t *testing.T) {
	topo := enriched(t, "prices")
	if got := topo.Sources(); !slices.Equal(got, []string{"in", "prices"}) {
		t.Errorf("sources are %v", got)
	}
	counts := map[string]int32{"in": 3, "prices": 50, "out": 1}
	plan, err := topo.Graph().NewPlan(func(topic string) (int32, bool) { n, ok := counts[topic]; return n, ok }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(plan.Tasks, []int32{3}) || plan.Partitions["prices"] != 50 || len(plan.Internal) != 0 {
		t.Errorf("plan is %+v, want three tasks and no internal topic", plan)
	}
	delete(counts, "prices")
	_, err = topo.Graph().NewPlan(func(topic string) (int32, bool) { n, ok := counts[topic]; return n, ok }, nil)
	if want := `input topic "prices" of "rows-source" does not exist`; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
	hash := func(t *topology.Topology) uint64 { return t.Graph().SubTopologies[0].Hash }
	if hash(topo) != hash(enriched(t, "prices")) || hash(topo) == hash(enriched(t, "costs")) {
		t.Error("the hash of the sub-topology does not follow the global table")
	}
}

func TestMistakesWithGlobalTables(t *testing.T) {
	key := func(k, _ string) string { return k }
	join := func(_, v, row string) string { return v + row }
	for want, add := range map[string]func(*topology.Builder){
		`topic "rows" is read as a stream and as a global table`: func(b *topology.Builder) {
			b.Stream("rows", serde.String, serde.String)
			b.GlobalTable("rows", "rows", serde.String, serde.String)
		},
		`topic "rows" is read as a global table and as a stream`: func(b *topology.Builder) {
			b.GlobalTable("rows", "rows", serde.String, serde.String)
			b.Stream("rows", serde.String, serde.String)
		},
		`topic "rows" is read as a global table and as a table`: func(b *topology.Builder) {
			b.GlobalTable("rows", "rows", serde.String, serde.String)
			b.Table("rows", "more", serde.String, serde.String)
		},
		`topic "rows" is read as a global table and as a global store`: func(b *topology.Builder) {
			b.GlobalTable("rows", "rows", serde.String, serde.String)
			b.GlobalStore("rows", serde.String, serde.String, "more", serde.String, serde.String,
				func(*operators.Context, state.KeyValue[string, string]) (operators.Forward[string, string], error) {
					return nil, nil
				})
		},
		`topic "rows" is read by two sources of different topics: rows, and pattern ro.*`: func(b *topology.Builder) {
			b.GlobalTable("rows", "rows", serde.String, serde.String)
			b.StreamOf(topology.Pattern("ro.*"), serde.String, serde.String)
		},
		`topic "rows" is read as a stream and as a global store`: func(b *topology.Builder) {
			b.StreamOf(topology.Topics("other", "rows"), serde.String, serde.String)
			b.GlobalStore("rows", serde.String, serde.String, "rows", serde.String, serde.String,
				func(*operators.Context, state.KeyValue[string, string]) (operators.Forward[string, string], error) {
					return nil, nil
				})
		},
		`two stores are named "rows"`: func(b *topology.Builder) {
			b.GlobalTable("a", "rows", serde.String, serde.String)
			b.Table("b", "rows", serde.String, serde.String)
		},
		`operator "rows-source" reads topic "app-n-changelog", which is the changelog of store n`: func(b *topology.Builder) {
			b.GlobalTable("app-n-changelog", "rows", serde.String, serde.String)
			b.Stream("s", serde.String, serde.String).GroupByKey().Count("n")
		},
		`topic name "a b" is not`: func(b *topology.Builder) { b.GlobalTable("a b", "rows", serde.String, serde.String) },
		`store name is empty`:     func(b *topology.Builder) { b.GlobalTable("rows", "", serde.String, serde.String) },
		`operator "rows-source" needs a serde for values of type chan int`: func(b *topology.Builder) {
			b.GlobalTable("rows", "rows", serde.String, serde.For[chan int]())
		},
		`GlobalTable of rows does not take the option EmitOnCommit`: func(b *topology.Builder) {
			b.GlobalTable("rows", "rows", serde.String, serde.String, topology.EmitOnCommit())
		},
		`operator "rows-global-process" has a nil function`: func(b *topology.Builder) {
			b.GlobalStore[string, string]("rows", serde.String, serde.String, "rows", serde.String, serde.String, nil)
		},
		`operator "enrich" has a nil function`: func(b *topology.Builder) {
			rows := b.GlobalTable("rows", "rows", serde.String, serde.String)
			b.Stream("s", serde.String, serde.String).JoinGlobal(rows, nil, join, topology.Named("enrich"))
		},
		`operator "enrich" joins with a global table of another builder`: func(b *topology.Builder) {
			other := topology.NewBuilder("other").GlobalTable("rows", "rows", serde.String, serde.String)
			b.Stream("s", serde.String, serde.String).JoinGlobal(other, key, join, topology.Named("enrich"))
		},
		`joins with a global table of another builder`: func(b *topology.Builder) {
			var zero topology.GlobalTable[string, string]
			b.Stream("s", serde.String, serde.String).LeftJoinGlobal(zero, key, func(_, v string, _ serde.Optional[string]) string { return v })
		},
	} {
		b := topology.NewBuilder("app")
		b.Stream("in", serde.String, serde.String).To("out")
		add(b)
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

// With nothing but a global table there is nothing to do.
func TestGlobalTableIsNoSource(t *testing.T) {
	b := topology.NewBuilder("app")
	b.GlobalTable("rows", "rows", serde.String, serde.String)
	if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), "it reads no topic as a stream or table") {
		t.Errorf("error is %v", err)
	}
}

func ExampleStream_JoinGlobal() {
	b := topology.NewBuilder("shop")
	prices := b.GlobalTable("prices", "prices", serde.String, serde.Int64)
	b.Stream("orders", serde.String, serde.String).
		JoinGlobal(prices, func(_, item string) string { return item }, func(_, _ string, cents int64) int64 { return cents }).
		To("costs")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(topo.Sources(), "and", len(topo.Describe().Repartitions), "repartition topics")
	// Output:
	// [orders prices] and 0 repartition topics
}

// An item without a price is sold for nothing.
func ExampleStream_LeftJoinGlobal() {
	b := topology.NewBuilder("shop")
	prices := b.GlobalTable("prices", "prices", serde.String, serde.Int64)
	b.Stream("orders", serde.String, serde.String).
		LeftJoinGlobal(prices, func(_, item string) string { return item }, func(_, _ string, cents serde.Optional[int64]) int64 { return cents.Value }).
		To("costs")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	topologytest.Input(d, "prices", serde.String, serde.Int64).Send("tea", 300)
	orders := topologytest.Input(d, "orders", serde.String, serde.String)
	orders.Send("ann", "tea")
	orders.Send("bob", "air")
	fmt.Println(topologytest.Output(d, "costs", serde.String, serde.Int64).ReadAll())
	// Output: [ann=300@0 bob=0@0]
}
