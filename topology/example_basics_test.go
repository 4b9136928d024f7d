package topology_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

func ExampleStream_MapValues() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.MapValues(func(_, v string) int64 { return int64(len(v)) }).To("out")
	}, "k=one", "k=three")
	// Output:
	// k=3@0
	// k=5@1
}

func ExampleStream_FilterNot() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.FilterNot(func(_, v string) bool { return v == "" }).To("out")
	}, "k=", "k=v")
	// Output: k=v@1
}

// A type without a serde that Kafka's other clients would read: numbers as text.
func ExampleStream_WithSerdes() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.MapValues(func(_, v string) int64 { return int64(len(v)) }).WithSerdes(serde.String, serde.JSON[int64]()).To("out")
	}, "k=three")
	// Output: k=5@0
}

// The key is that of the topic, so nothing is repartitioned.
func ExampleStream_GroupByKey() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Count("counts").ToStream().To("out")
	}, "a=x", "b=x", "a=y")
	// Output:
	// a=1@0
	// b=1@1
	// a=2@2
}

// Records with a null value do not count, and are dropped and counted as such.
func ExampleGrouped_Count() {
	b := topology.NewBuilder("counts")
	b.Stream("in", serde.String, serde.String).GroupByKey().Count("counts")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "v")
	in.Delete("k")
	in.Send("k", "v")
	n, _ := topologytest.KeyValue[string, int64](d, "counts").Get("k")
	fmt.Println(n, d.Dropped()[0].Reason)
	// Output: 2 null_value
}

// Each input has its own function; the aggregate is one.
func ExampleCogrouped_And() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.Filter(func(_, v string) bool { return v == "in" }).GroupByKey().
			Cogroup(func(_, _ string, n int64) int64 { return n + 1 }).
			And(in.Filter(func(_, v string) bool { return v == "out" }).GroupByKey(), func(_, _ string, n int64) int64 { return n - 1 }).
			Aggregate("present", func() int64 { return 0 }).
			ToStream().To("out")
	}, "door=in", "door=in", "door=out")
	// Output:
	// door=1@0
	// door=2@1
	// door=1@2
}

// A table passes updates on as they come, the older one too.
func ExampleBuilder_Table() {
	tables(serde.String, serde.String, func(left, _ stringTable) topology.Table[string, string] { return left },
		"left k=1", "left k=2", "left k")
	// Output:
	// k=1@0
	// k=2@1
	// k=null@2
}

// What never passed is not deleted.
func ExampleTable_FilterNot() {
	tables(serde.String, serde.String, func(left, _ stringTable) topology.Table[string, string] {
		return left.FilterNot(func(_, v string) bool { return v == "secret" })
	}, "left k=secret", "left k=open", "left k=secret")
	// Output:
	// k=open@1
	// k=null@2
}

func ExampleTable_MapValues() {
	tables(serde.String, serde.String, func(left, _ stringTable) topology.Table[string, string] {
		return left.MapValues(func(_, v string) string { return strings.ToUpper(v) })
	}, "left k=a", "left k")
	// Output:
	// k=A@0
	// k=null@1
}

// With a store of its own a table can be read by its name.
func ExampleAs() {
	b := topology.NewBuilder("upper")
	b.Table("in", "rows", serde.String, serde.String).
		MapValues(func(_, v string) string { return strings.ToUpper(v) }, topology.As("upper"))
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	topologytest.Input(d, "in", serde.String, serde.String).Send("k", "v")
	fmt.Println(topologytest.KeyValue[string, string](d, "upper").Get("k"))
	// Output: V true
}

// A delete is a record with a null value, which the serde of the values may show to functions.
func ExampleTable_ToStream() {
	b := topology.NewBuilder("changes")
	b.Table("in", "rows", serde.String, serde.Nullable(serde.String)).ToStream().
		MapValues(func(_ string, v serde.Optional[string]) string {
			if !v.OK {
				return "gone"
			}
			return "now " + v.Value
		}).To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "v")
	in.Delete("k")
	fmt.Println(topologytest.Output(d, "out", serde.String, serde.String).ReadAll())
	// Output: [k=now v@0 k=gone@0]
}

// The key of a result is made of the key and the window: here it is the end of the window.
func ExampleWindowedTable_ToStream() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Windowed(windows.Tumbling(10 * time.Millisecond)).Count("counts").
			ToStream(func(k string, w windows.Window) string { return fmt.Sprint(k, "@", w.End) }).To("out")
	}, "k=@1", "k=@12")
	// Output:
	// k@10=1@1
	// k@20=1@12
}

// Every process has all prices, so an order finds that of its item, whatever the order's key is.
func ExampleBuilder_GlobalTable() {
	b := topology.NewBuilder("shop")
	prices := b.GlobalTable("prices", "prices", serde.String, serde.Int64)
	b.Stream("orders", serde.String, serde.String).
		JoinGlobal(prices, func(_, item string) string { return item }, func(_, item string, cents int64) string {
			return fmt.Sprintf("%s for %d", item, cents)
		}).To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo, topologytest.Partitions(3))
	topologytest.Input(d, "prices", serde.String, serde.Int64).Send("tea", 300)
	topologytest.Input(d, "orders", serde.String, serde.String).Send("ann", "tea")
	fmt.Println(topologytest.Output(d, "out", serde.String, serde.String).ReadAll())
	// Output: [ann=tea for 300@0]
}

// The rows are made by a processor: how many articles each producer has.
func ExampleBuilder_GlobalStore() {
	b := topology.NewBuilder("shop")
	counts := b.GlobalStore("articles", serde.String, serde.String, "by-producer", serde.String, serde.Int64,
		func(_ *operators.Context, rows state.KeyValue[string, int64]) (operators.Forward[string, string], error) {
			return func(r *operators.Record[string, string]) error {
				n, _, err := rows.Get(r.Value)
				if err != nil {
					return err
				}
				return rows.Put(r.Value, n+1)
			}, nil
		})
	b.Stream("producers", serde.String, serde.String).
		JoinGlobal(counts, func(k, _ string) string { return k }, func(_, _ string, n int64) int64 { return n }).To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	articles := topologytest.Input(d, "articles", serde.String, serde.String)
	articles.Send("tea", "acme")
	articles.Send("mug", "acme")
	topologytest.Input(d, "producers", serde.String, serde.String).Send("acme", "")
	fmt.Println(topologytest.Output(d, "out", serde.String, serde.Int64).ReadAll())
	// Output: [acme=2@0]
}

// The table is restored from its own topic: there is no changelog.
func ExampleSourceAsChangelog() {
	b := topology.NewBuilder("limits")
	b.Table("limits", "limits", serde.String, serde.String, topology.SourceAsChangelog()).ToStream().To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	store := topo.Describe().SubTopologies[0].Stores[0]
	fmt.Printf("changelog %q, restored from %q\n", store.Changelog, store.Source)
	// Output: changelog "", restored from "limits"
}
