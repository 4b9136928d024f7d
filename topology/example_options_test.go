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
