package topology_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

func ExampleStream_Filter() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		long := in.Filter(func(_, v string) bool { return len(v) > 1 })
		long.FilterNot(func(k, _ string) bool { return k == "spam" }).To("out")
	}, "a=x", "a=xy", "spam=xyz")
	// Output: a=xy@1
}

func ExampleStream_FlatMapValues() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.FlatMapValues(func(_, line string) []string { return strings.Fields(line) }).
			MapValues(func(_, word string) string { return strings.ToUpper(word) }).To("out")
	}, "k=to be", "k=")
	// Output:
	// k=TO@0
	// k=BE@0
}

func ExampleStream_SelectKey() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		// The key changes, so that Count needs a topic in front of it: one that is named counts, as the store is.
		in.SelectKey(func(_, v string) string { return v[:1] }).GroupByKey().Count("counts").ToStream().To("out")
	}, "1=ann", "2=bob", "3=alice")
	// Output:
	// a=1@0
	// b=1@1
	// a=2@2
}

func ExampleStream_Map() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.Map(func(k, v string) (string, int64) { return v, int64(len(k)) }).To("out")
	}, "key=value")
	// Output: value=3@0
}

func ExampleStream_FlatMap() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.FlatMap(func(k, v string, emit func(string, string)) {
			for friend := range strings.SplitSeq(v, ",") {
				emit(friend, k)
			}
		}).To("out")
	}, "ann=bob,cid")
	// Output:
	// bob=ann@0
	// cid=ann@0
}

func ExampleStream_Peek() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.Peek(func(k, v string) { fmt.Println("saw", k, v) }).To("out")
	}, "k=v")
	// Output:
	// saw k v
	// k=v@0
}

func ExampleStream_ForEach() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		in.ForEach(func(k, v string) { fmt.Println(k, v) })
		in.Filter(func(_, _ string) bool { return false }).To("out")
	}, "k=v")
	// Output: k v
}

func ExampleStream_ToChosen() {
	b := topology.NewBuilder("router")
	last := topology.Partitioner(func(dst []int32, topic, _, _ string, partitions int32) []int32 {
		if topic == "eu" {
			return append(dst, partitions-1)
		}
		return append(dst, operators.DefaultPartition)
	})
	b.Stream("in", serde.String, serde.String).
		ToChosen(func(_, v string, _ operators.RecordContext) string { return v }, last)
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo, topologytest.Topics(3, "eu", "us"))
	topologytest.Input(d, "in", serde.String, serde.String).Send("k", "eu")
	r := topologytest.Output(d, "eu", serde.String, serde.String).Read()
	fmt.Println(r, "on partition", r.Partition)
	// Output: k=eu@0 on partition 2
}

// A grouping with a name is shared: both aggregates read one repartition topic.
func ExampleNamed() {
	b := topology.NewBuilder("shop")
	byShop := b.Stream("sales", serde.String, serde.String).
		GroupBy(func(_, shop string) string { return shop }, topology.Named("by-shop"))
	byShop.Count("total")
	byShop.Windowed(windows.Tumbling(time.Hour)).Count("hourly")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range topo.Describe().Repartitions {
		fmt.Println(r.Topic)
	}
	// Output: shop-by-shop-repartition
}

// The processor keeps the key, so that nothing is repartitioned in front of the count.
func ExampleStream_ProcessValues() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.ProcessValues(func(_ *operators.Context, forward operators.ForwardFixedKey[string, string]) (operators.ForwardFixedKey[string, string], error) {
			return forward, nil
		}).GroupByKey().Count("counts").ToStream().To("out")
	}, "k=a", "k=b")
	// Output:
	// k=1@0
	// k=2@1
}

func ExampleBuilder_Output() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		empty := b.Output("empty", serde.String, serde.String)
		full := in.Process(func(c *operators.Context, forward operators.Forward[string, string]) (operators.Forward[string, string], error) {
			empty := empty.In(c)
			return func(r *operators.Record[string, string]) error {
				if r.Value == "" {
					return empty(r)
				}
				return forward(r)
			}, nil
		}, empty)
		full.Merge(empty.Stream().MapValues(func(_, _ string) string { return "nothing" })).To("out")
	}, "a=x", "b=")
	// Output:
	// a=x@0
	// b=nothing@1
}

// One hook for every operator, here for a count of what comes to each.
func ExampleBuilder_Wrap() {
	seen := make(map[string]int)
	words(serde.String, func(b *topology.Builder, in stringStream) {
		b.Wrap(func(_ *operators.Context, op string) operators.Hook {
			return operators.Hook{Before: func(*operators.Watched) error { seen[op]++; return nil }}
		})
		in.Filter(func(_, v string) bool { return v != "" }).To("out")
	}, "a=x", "b=")
	fmt.Println(seen["filter"], seen["sink"])
	// Output:
	// a=x@0
	// 2 1
}

func ExampleTable_Filter() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.ToTable("rows").
			Filter(func(_, v string) bool { return v != "gone" }).
			MapValues(func(_, v string) string { return v + "!" }, topology.As("kept")).
			ToStream().To("out")
	}, "k=here", "l=gone", "k=gone")
	// Output:
	// k=here!@0
	// k=null@2
}

func ExampleStream_LeftJoinTable() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		names := in.Filter(func(_, v string) bool { return v == "Ann" }).ToTable("names")
		in.Filter(func(_, v string) bool { return v != "Ann" }).
			LeftJoinTable(names, func(_, v string, name serde.Optional[string]) string {
				if name.OK {
					return name.Value + " " + v
				}
				return "somebody " + v
			}).To("out")
	}, "1=came", "1=Ann", "1=left")
	// Output:
	// 1=somebody came@0
	// 1=Ann left@2
}
