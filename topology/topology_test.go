package topology_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

type order struct {
	Customer string
	Cents    int64
}

type sale struct {
	Tier  string
	Cents int64
}

// orders has one of nearly everything: a table, a join behind a repartition topic, a windowed aggregate behind another.
func orders(t testing.TB) *topology.Topology {
	b := topology.NewBuilder("orders")
	tiers := b.Table("customers", "tiers", serde.String, serde.String)
	b.Stream("orders", serde.String, serde.JSON[order](), topology.SkipUndecodable()).
		Filter(func(_ string, o order) bool { return o.Cents > 0 }).
		SelectKey(func(_ string, o order) string { return o.Customer }).
		JoinTable(tiers, func(_ string, o order, tier string) sale { return sale{tier, o.Cents} }, topology.Named("orders-by-customer")).
		GroupBy(func(_ string, s sale) string { return s.Tier }).
		Windowed(windows.Tumbling(time.Minute).Grace(10*time.Second)).
		OnClose().
		Aggregate("spend", func() int64 { return 0 }, func(_ string, s sale, sum int64) int64 { return sum + s.Cents }).
		ToStream(windows.Key).
		To("spend-by-tier")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return topo
}

func TestDescriptions(t *testing.T) {
	d := orders(t).Describe()
	asJSON, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{
		"orders.txt": d.String(), "orders.dot": d.DOT(), "orders.mmd": d.Mermaid(), "orders.json": string(asJSON) + "\n",
	} {
		path := filepath.Join("testdata", name)
		if *rewrite {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s\n(-rewrite accepts it)", name, got, want)
		}
	}
}

// Nothing durable depends on a position: adding an operator renames no topic and no store.
func TestAddingAnOperatorRenamesNothing(t *testing.T) {
	build := func(more bool) (names []string) {
		b := topology.NewBuilder("app")
		s := b.Stream("in", serde.String, serde.String)
		if more {
			s = s.Peek(func(string, string) {}).Filter(func(string, string) bool { return true })
		}
		s.GroupBy(func(_, v string) string { return v }).Count("counts").ToStream().To("out")
		topo, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		d := topo.Describe()
		for _, sub := range d.SubTopologies {
			for _, st := range sub.Stores {
				names = append(names, st.Name, st.Changelog)
			}
		}
		for _, r := range d.Repartitions {
			names = append(names, r.Topic)
		}
		return names
	}
	if a, b := fmt.Sprint(build(false)), fmt.Sprint(build(true)); a != b || !strings.Contains(a, "app-counts-changelog") {
		t.Errorf("names are %s and, with two operators more, %s", a, b)
	}
}

// Behind Process the key may be another one; who knows that it is not saves the repartition topic.
func TestMarkAsPartitioned(t *testing.T) {
	for marked, want := range map[bool]int{false: 1, true: 0} {
		b := topology.NewBuilder("app")
		s := b.Stream("in", serde.String, serde.String).
			Process(func(_ *operators.Context, next operators.Forward[string, string]) (operators.Forward[string, string], error) {
				return next, nil
			})
		if marked {
			s = s.MarkAsPartitioned()
		}
		s.GroupByKey().Count("counts").ToStream().To("out")
		topo, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		if got := len(topo.Describe().Repartitions); got != want {
			t.Errorf("marked %v: %d repartition topics, want %d", marked, got, want)
		}
	}
}

func TestBuildReportsAllMistakesAtOnce(t *testing.T) {
	b := topology.NewBuilder("bad app")
	ins := b.Stream("in", serde.String, serde.String)
	b.Table("in", "rows", serde.String, serde.String)
	passing := b.Table("other", "", serde.String, serde.String)
	ins.SelectKey(func(_, v string) string { return v }).JoinTable(passing, func(_, a, b string) string { return a + b })
	ins.MapValues(func(_, v string) chan int { return nil }, topology.Named("to channels")).To("channels")
	ins.GroupByKey().Count("rows")
	ins.GroupByKey().Windowed(windows.Tumbling(0)).Count("windowed", topology.Retention(-time.Second))
	ins.Filter(nil, topology.Partitions(3))
	b.KeyValueStore("unused", serde.String, serde.String)
	b.Stream("app-rows-changelog", serde.String, serde.String)
	ins.To("out", topology.Partitioner(func(dst []int32, _ string, _ int64, _ string, _ int32) []int32 { return dst }))
	_, err := b.Build()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`application name "bad app" is not`,
		`topic "in" is read as a stream and as a table`,
		`join-table needs a repartition topic`,
		`needs the rows of a table that keeps none`,
		`operator name "to channels" is not`,
		`needs a serde for values of type chan int`,
		`two stores are named "rows"`,
		`windows: size is 0s`,
		`has a retention of -1s, want at least size + grace`,
		`filter does not take the option Partitions`,
		`has a nil function`,
		`store "unused" is used by no operator`,
		`a partitioner of other types`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func TestTopologyThatDoesNothingIsRefused(t *testing.T) {
	for want, add := range map[string]func(*topology.Builder){
		"it reads no topic as a stream or table": func(*topology.Builder) {},
		"it has no sink":                         func(b *topology.Builder) { b.Stream("in", serde.String, serde.String) },
	} {
		b := topology.NewBuilder("app")
		add(b)
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

func TestPlan(t *testing.T) {
	topo := orders(t)
	counts := map[string]int32{"orders": 4, "customers": 6, "spend-by-tier": 2}
	plan, err := topo.Graph().NewPlan(func(topic string) (int32, bool) { n, ok := counts[topic]; return n, ok }, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The repartition topic of the join follows the table, the one behind it follows the join.
	for topic, want := range map[string]int32{
		"orders-orders-by-customer-repartition": 6, "orders-spend-repartition": 6, "spend-by-tier": 2,
	} {
		if plan.Partitions[topic] != want {
			t.Errorf("%s has %d partitions, want %d", topic, plan.Partitions[topic], want)
		}
	}
	_, err = topo.Graph().NewPlan(func(string) (int32, bool) { return 0, false }, nil)
	if err == nil || !strings.Contains(err.Error(), `input topic "orders" of "source-2" does not exist`) || !strings.Contains(err.Error(), `output topic "spend-by-tier"`) {
		t.Errorf("error for missing topics is %v", err)
	}
}

func TestCoPartitioningIsChecked(t *testing.T) {
	b := topology.NewBuilder("app")
	rows := b.Table("rows", "rows", serde.String, serde.String)
	b.Stream("in", serde.String, serde.String).JoinTable(rows, func(_, a, b string) string { return a + b }, topology.Named("enrich")).To("out")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int32{"rows": 4, "in": 3, "out": 1}
	_, err = topo.Graph().NewPlan(func(topic string) (int32, bool) { n, ok := counts[topic]; return n, ok }, nil)
	want := `operator "enrich" needs inputs with the same number of partitions, but "in" has 3 and "rows" has 4`
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
}

func ExampleBuilder() {
	b := topology.NewBuilder("clean")
	b.Stream("lines", serde.String, serde.String).
		FilterNot(func(_, line string) bool { return line == "" }).
		MapValues(func(_, line string) string { return strings.ToUpper(line) }).
		To("clean-lines")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(topo.Describe())
	// Output:
	// Topology: clean
	//   Sub-topology: 0
	//     Source: source-0 (topic: lines)
	//       --> filter-not-1
	//     Operator: filter-not-1
	//       --> map-values-2
	//     Operator: map-values-2
	//       --> sink-3
	//     Sink: sink-3 (topic: clean-lines)
}

func TestRepartitionTopicsOfOneName(t *testing.T) {
	key := func(_, v string) string { return v }
	for name, mistake := range map[string]func(in, other topology.Stream[string, string]){
		"groupings": func(in, other topology.Stream[string, string]) {
			in.SelectKey(key, topology.Named("first")).GroupByKey(topology.Named("same")).Count("one")
			other.SelectKey(key, topology.Named("second")).GroupByKey(topology.Named("same")).Count("two")
		},
		"repartitions": func(in, other topology.Stream[string, string]) {
			in.Filter(func(_, _ string) bool { return true }, topology.Named("first")).Repartition("same").To("out")
			other.SelectKey(key, topology.Named("second")).Repartition("same").To("out")
		},
		"a grouping and a repartition": func(in, other topology.Stream[string, string]) {
			in.SelectKey(key, topology.Named("first")).Repartition("same").To("out")
			other.SelectKey(key, topology.Named("second")).GroupByKey(topology.Named("same")).Count("two")
		},
	} {
		b := topology.NewBuilder("app")
		in := b.Stream("in", serde.String, serde.String)
		mistake(in, in)
		_, err := b.Build()
		want := `topology "app": two repartition topics are named "same", one behind operator "first" and one behind "second": ` +
			`to share one, keep the grouping or the repartitioned stream and use it twice`
		if err == nil || err.Error() != want {
			t.Errorf("%s: error is %v\nwant %s", name, err, want)
		}
	}
}
