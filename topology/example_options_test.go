package topology_test

import (
	"fmt"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// The order between the merged streams is open.
func ExampleStream_Merge() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		in.Merge(in.MapValues(func(_, v string) string { return v + v })).To("out")
	}, "k=a")
	// Unordered output:
	// k=a@0
	// k=aa@0
}

// Process may change keys, so the count would repartition. This one does not, and says so.
func ExampleStream_MarkAsPartitioned() {
	b := topology.NewBuilder("counts")
	b.Stream("in", serde.String, serde.String).
		Process(func(_ *operators.Context, forward operators.Forward[string, string]) (operators.Forward[string, string], error) {
			return forward, nil
		}).
		MarkAsPartitioned().
		GroupByKey().Count("counts").ToStream().To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(topo.Describe().Repartitions), "repartition topics")
	// Output: 0 repartition topics
}

func ExampleSkipUndecodable() {
	b := topology.NewBuilder("numbers")
	b.Stream("in", serde.String, serde.Int64, topology.SkipUndecodable()).To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	in := topologytest.Input(d, "in", serde.String, serde.Int64)
	in.Send("k", 0, topologytest.ValueBytes([]byte("seven")))
	in.Send("k", 7)
	fmt.Println(topologytest.Output(d, "out", serde.String, serde.Int64).ReadAll(), d.Dropped()[0].Reason)
	// Output: [k=7@0] undecodable
}

// A late record finds its window closed, and is dropped and counted; with grace it would not be.
func ExampleWindowed_Count() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Windowed(windows.Tumbling(10 * time.Millisecond)).Count("counts").
			ToStream(func(k string, w windows.Window) string { return fmt.Sprintf("%s[%d,%d)", k, w.Start, w.End) }).To("out")
	}, "k=@1", "k=@9", "k=@10", "k=@2")
	// Output:
	// k[0,10)=1@1
	// k[0,10)=2@9
	// k[10,20)=1@10
}

// The price that was valid when the order was made comes after it, and in time for its grace.
func ExampleGrace() {
	b := topology.NewBuilder("shop")
	prices := b.Table("prices", "prices", serde.String, serde.String, topology.Versioned(time.Hour))
	b.Stream("orders", serde.String, serde.String).
		JoinTable(prices, func(_, order, price string) string { return order + " for " + price },
			topology.Grace(time.Minute, "waiting-orders"), topology.Named("priced")).
		To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	rows := topologytest.Input(d, "prices", serde.String, serde.String)
	orders := topologytest.Input(d, "orders", serde.String, serde.String)
	at := func(seconds int64) topologytest.SendOption { return topologytest.AtMs(1000 * seconds) }
	rows.Send("tea", "3", at(0))
	orders.Send("tea", "order 1", at(100))
	rows.Send("tea", "4", at(90)) // late
	rows.Send("tea", "5", at(110))
	orders.Send("tea", "order 2", at(160))
	for _, r := range topologytest.Output(d, "out", serde.String, serde.String).ReadAll() {
		fmt.Println(r)
	}
	// Output: tea=order 1 for 4@100000
}

// Windows stay in the store for a processor or a query, long after they have closed.
func ExampleRetention() {
	b := topology.NewBuilder("counts")
	b.Stream("in", serde.String, serde.String).GroupByKey().
		Windowed(windows.Tumbling(10*time.Millisecond)).Count("counts", topology.Retention(time.Hour))
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "", topologytest.AtMs(1))
	in.Send("k", "", topologytest.AtMs(60_000))
	fmt.Println(len(topologytest.Windows[string, int64](d, "counts").All()), "windows")
	// Output: 2 windows
}

// Counts that lie as JSON in the store and its changelog, and so come out as JSON.
func ExampleStoreSerdes() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Count("counts", topology.StoreSerdes(serde.String, serde.JSON[int64]())).ToStream().To("out")
	}, "k=a", "k=b")
	// Output:
	// k=1@0
	// k=2@1
}

// A store in memory is restored from its changelog at each start; one without a changelog is gone after a crash.
func ExampleInMemory() {
	b := topology.NewBuilder("counts")
	counts := b.Stream("in", serde.String, serde.String).GroupByKey()
	counts.Count("in-memory", topology.InMemory())
	counts.Count("at-risk", topology.NoChangelog())
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	topologytest.Input(d, "in", serde.String, serde.String).Send("k", "")
	d.Restart(topologytest.EmptyState)
	for _, store := range []string{"in-memory", "at-risk"} {
		n, ok := topologytest.KeyValue[string, int64](d, store).Get("k")
		fmt.Println(store, n, ok)
	}
	// Output:
	// in-memory 1 true
	// at-risk 0 false
}

func ExampleNoChangelog() {
	b := topology.NewBuilder("counts")
	b.Stream("in", serde.String, serde.String).GroupByKey().Count("counts", topology.NoChangelog()).ToStream().To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("changelog %q\n", topo.Describe().SubTopologies[0].Stores[0].Changelog)
	// Output: changelog ""
}

// A new application reads the last day of the topic, not all of it.
func ExampleStartFrom() {
	b := topology.NewBuilder("recent")
	b.Stream("in", serde.String, serde.String, topology.StartFrom(topology.Ago(24*time.Hour))).To("out")
	_, err := b.Build()
	fmt.Println(err)
	// Output: <nil>
}
