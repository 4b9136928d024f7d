package topologytest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// exampleT stands for the *testing.T that a test has and an example has not.
type exampleT struct{ testing.TB }

func (exampleT) Helper()                           {}
func (exampleT) Cleanup(func())                    {}
func (exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

var t exampleT

func Example() {
	type Order struct {
		Customer string
		Cents    int64
	}
	b := topology.NewBuilder("shop")
	b.Stream("orders", serde.String, serde.JSON[Order]()).
		GroupBy(func(_ string, o Order) string { return o.Customer }).
		Aggregate("spent", func() int64 { return 0 }, func(_ string, o Order, sum int64) int64 { return sum + o.Cents }).
		ToStream().
		To("spent")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}

	d := topologytest.New(t, topo, topologytest.Partitions(4))
	orders := topologytest.Input(d, "orders", serde.String, serde.JSON[Order]())
	spent := topologytest.Output(d, "spent", serde.String, serde.Int64)

	orders.Send("o-1", Order{"ann", 250}, topologytest.AtMs(10))
	orders.Send("o-2", Order{"bob", 100}, topologytest.AtMs(20))
	orders.Send("o-3", Order{"ann", 50}, topologytest.AtMs(15))
	for _, r := range spent.ReadAll() {
		fmt.Println(r)
	}
	sum, _ := topologytest.KeyValue[string, int64](d, "spent").Get("ann")
	fmt.Println("ann has spent", sum)
	// Output:
	// ann=250@10
	// bob=100@20
	// ann=300@15
	// ann has spent 300
}

func ExampleWindows() {
	b := topology.NewBuilder("clicks")
	b.Stream("clicks", serde.String, serde.String).
		GroupByKey().
		Windowed(windows.Tumbling(time.Minute)).
		OnClose().
		Count("per-minute").
		ToStream(windows.Key).
		To("per-minute")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(t, topo)
	clicks := topologytest.Input(d, "clicks", serde.String, serde.String)
	perMinute := topologytest.Output(d, "per-minute", windows.TimeKeySerde(serde.String, time.Minute), serde.Int64)

	start := time.UnixMilli(0)
	clicks.Send("home", "a", topologytest.At(start.Add(10*time.Second)))
	clicks.Send("home", "b", topologytest.At(start.Add(20*time.Second)))
	n, _ := topologytest.Windows[string, int64](d, "per-minute").Get("home", start)
	fmt.Println("so far", n, "and nothing has left:", perMinute.Empty())

	clicks.Send("cart", "c", topologytest.At(start.Add(time.Minute)))
	r := perMinute.Read()
	fmt.Println("final", r.Key.Key, r.Value)

	clicks.Send("home", "late", topologytest.At(start.Add(30*time.Second)))
	fmt.Println("dropped", d.Dropped())
	// Output:
	// so far 2 and nothing has left: true
	// final home 2
	// dropped [{per-minute-window-count late 1}]
}

func ExampleDriver_Advance() {
	b := topology.NewBuilder("heartbeat")
	b.Stream("in", serde.String, serde.String).
		Process(func(c *operators.Context, forward operators.Forward[string, string]) (operators.Forward[string, string], error) {
			seen := ""
			c.Schedule(10*time.Second, operators.WallClock, func(ms int64) error {
				return forward(&operators.Record[string, string]{Key: "last", Value: seen, Timestamp: ms})
			})
			return func(r *operators.Record[string, string]) error {
				seen = r.Value
				return nil
			}, nil
		}).
		To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(t, topo)
	topologytest.Input(d, "in", serde.String, serde.String).Send("k", "hello")
	out := topologytest.Output(d, "out", serde.String, serde.String)

	d.Advance(9 * time.Second)
	fmt.Println(out.ReadAll())
	d.Advance(time.Second)
	fmt.Println(out.ReadAll())
	// Output:
	// []
	// [last=hello@10000]
}

func ExampleDriver_Restart() {
	b := topology.NewBuilder("counts")
	b.Stream("in", serde.String, serde.String).GroupByKey().Count("counts").ToStream().To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("a", "x", topologytest.AtMs(1))
	in.Send("a", "y", topologytest.AtMs(2))

	d.Restart(topologytest.KeptState)
	fmt.Println("kept state restores", d.Restored("counts"), "records")
	d.Restart(topologytest.EmptyState)
	n, _ := topologytest.KeyValue[string, int64](d, "counts").Get("a")
	fmt.Println("an empty one has", n, "again")
	// Output:
	// kept state restores 0 records
	// an empty one has 2 again
}
