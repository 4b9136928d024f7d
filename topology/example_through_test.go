package topology_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// price stands for a call of a service.
func price(_ context.Context, item string) (int64, error) {
	if item == "" {
		return 0, errors.New("no item")
	}
	return int64(100 * len(item)), nil
}

func ExampleStream_Through() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		lower := pipes.Func[string, string](func(_ context.Context, v string) (string, error) { return strings.ToLower(v), nil })
		in.Through[int64](pipes.Chain(lower, pipes.Func[string, int64](price)), "").To("out")
	}, "ann=TEA", "bob=Milk")
	// Output:
	// ann=300@0
	// bob=400@1
}

func ExampleConcurrency() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		// Up to 100 calls at once; what is in flight at a commit lies in the store "calls".
		in.Through[int64](pipes.Func[string, int64](price), "calls", topology.Concurrency(100)).To("out")
	}, "ann=tea", "bob=milk")
	// Output:
	// ann=300@0
	// bob=400@1
}

func ExampleOrdering() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		// Windows below want records in order, also those of different keys.
		in.Through[int64](pipes.Func[string, int64](price), "calls", topology.Concurrency(100), topology.Ordering(operators.OrderByInput)).To("out")
	}, "ann=tea", "bob=milk")
	// Output:
	// ann=300@0
	// bob=400@1
}

func ExampleOnError() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.Through[int64](pipes.Func[string, int64](price), "", topology.Named("price"), topology.OnError(topology.Handle(func(_ context.Context, f pipes.Failure) pipes.Decision {
			fmt.Println(f)
			return pipes.Skip
		}, ""))).To("out")
	}, "ann=tea", "bob=", "cid=milk")
	// Output:
	// operator "price", record in/0/1: pipe "topology_test.price": no item
	// ann=300@0
	// cid=400@2
}

func ExampleStream_ThroughMessages() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		type message = pipes.Message[string, string]
		split := pipes.Func[message, []message](func(_ context.Context, m message) ([]message, error) {
			var out []message
			for item := range strings.SplitSeq(m.Value, ",") {
				out = append(out, message{Key: item, Value: "of " + m.Key + ", from " + m.ID(), Headers: m.Headers})
			}
			return out, nil
		})
		in.ThroughMessages[string, string](split, "").To("out")
	}, "ann=tea,milk")
	// Output:
	// tea=of ann, from in/0/0@0
	// milk=of ann, from in/0/0@0
}

func ExampleStream_Batch() {
	b := topology.NewBuilder("batches")
	b.Stream("in", serde.String, serde.String).
		Batch(3, time.Second, func(_ string, values []string) string { return strings.Join(values, "+") }, "batches").
		To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	out := topologytest.Output(d, "out", serde.String, serde.String)
	for i, v := range strings.Split("abcd", "") {
		in.Send("k", v, topologytest.AtMs(int64(i)))
	}
	fmt.Println(out.ReadAll())
	d.Advance(time.Second) // nothing else comes
	fmt.Println(out.ReadAll())
	// Output:
	// [k=a+b+c@2]
	// [k=d@3]
}

func ExampleMessageIDs() {
	b := topology.NewBuilder("ids")
	b.Stream("in", serde.String, serde.String).
		FlatMapValues(func(_, line string) []string { return strings.Fields(line) }).
		To("out", topology.MessageIDs())
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	topologytest.Input(d, "in", serde.String, serde.String).Send("k", "to be")
	for _, r := range topologytest.Output(d, "out", serde.String, serde.String).ReadAll() {
		fmt.Printf("%s: %s\n", r.Value, r.Headers[0].Value)
	}
	// Output:
	// to: in/0/0
	// be: in/0/0/1
}

func ExampleStream_TryMapValues() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		prices, failures := in.TryMapValues(func(_, item string) (int64, error) { return price(context.Background(), item) }, topology.Named("price"))
		prices.MapValues(func(_ string, p int64) string { return fmt.Sprint(p) }).To("out")
		failures.MapValues(func(_ string, f operators.Failure) string { return f.Err.Error() }).To("out")
	}, "ann=tea", "bob=")
	// Output:
	// ann=300@0
	// bob=no item@1
}

func ExampleBuilder_OnError() {
	b := topology.NewBuilder("numbers")
	b.OnError(topology.Skip())
	b.Stream("in", serde.String, serde.Int64).To("out")
	topo, err := b.Build()
	fmt.Println(topo.Application(), err)
	// Output: numbers <nil>
}

func ExampleErrorPolicy_Retry() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.Through[int64](pipes.Func[string, int64](price), "", topology.Named("price"),
			topology.OnError(topology.Skip().Retry(topology.Retries{Attempts: 3, Backoff: time.Second, If: func(error) bool { return false }}))).To("out")
	}, "ann=tea", "bob=", "cid=milk")
	// Output:
	// ann=300@0
	// cid=400@2
}
