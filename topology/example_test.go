package topology_test

import (
	"fmt"
	"strings"
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

type stringStream = topology.Stream[string, string]

// words runs a topology over the topic "in", in which each argument is a record KEY=VALUE@TIMESTAMP, and prints the topic
// "out".
func words[V any](value serde.Serde[V], build func(*topology.Builder, stringStream), records ...string) {
	b := topology.NewBuilder("example")
	build(b, b.Stream("in", serde.String, serde.String))
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	out := topologytest.Output(d, "out", serde.String, value)
	for i, r := range records {
		k, rest, _ := strings.Cut(r, "=")
		v, _, _ := strings.Cut(rest, "@")
		at := int64(i)
		if _, t, ok := strings.Cut(rest, "@"); ok {
			fmt.Sscan(t, &at)
		}
		in.Send(k, v, topologytest.AtMs(at))
	}
	for _, r := range out.ReadAll() {
		fmt.Println(r)
	}
}

func ExampleStream_GroupBy() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupBy(func(_, word string) string { return word }).Count("counts").ToStream().To("out")
	}, "1=rain", "2=sun", "3=rain")
	// Output:
	// rain=1@0
	// sun=1@1
	// rain=2@2
}

func ExampleGrouped_Reduce() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Reduce("longest", func(a, b string) string {
			if len(b) > len(a) {
				return b
			}
			return a
		}).ToStream().To("out")
	}, "k=aa", "k=b", "k=cccc")
	// Output:
	// k=aa@0
	// k=aa@1
	// k=cccc@2
}

func ExampleGrouped_Aggregate() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().
			Aggregate("letters", func() int64 { return 0 }, func(_, v string, n int64) int64 { return n + int64(len(v)) }).
			ToStream().To("out")
	}, "k=aa", "k=b")
	// Output:
	// k=2@0
	// k=3@1
}

func ExampleEmitOnCommit() {
	b := topology.NewBuilder("example")
	b.Stream("in", serde.String, serde.String).GroupByKey().Count("counts", topology.EmitOnCommit()).ToStream().To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo, topologytest.CommitEvery(3))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	for range 3 {
		in.Send("k", "v")
	}
	fmt.Println(topologytest.Output(d, "out", serde.String, serde.Int64).ReadAll())
	// Output:
	// [k=3@0]
}

func ExampleWindowed_OnClose() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().
			Windowed(windows.Tumbling(10 * time.Millisecond).Grace(2 * time.Millisecond)).
			OnClose().
			Count("counts").
			ToStream(func(k string, w windows.Window) string { return fmt.Sprintf("%s in [%d,%d)", k, w.Start, w.End) }).
			To("out")
	}, "a=x@1", "a=x@9", "b=x@11", "a=late but in time@3", "a=x@12", "a=too late@4", "b=x@30")
	// Output:
	// a in [0,10)=3@9
	// a in [10,20)=1@12
	// b in [10,20)=1@11
}

func ExampleStream_JoinTable() {
	b := topology.NewBuilder("example")
	colours := b.Table("colours", "colours", serde.String, serde.String)
	b.Stream("in", serde.String, serde.String).
		JoinTable(colours, func(_, animal, colour string) string { return colour + " " + animal }).To("inner")
	b.Stream("in", serde.String, serde.String).
		LeftJoinTable(colours, func(_, animal string, colour serde.Optional[string]) string {
			if !colour.OK {
				return "some " + animal
			}
			return colour.Value + " " + animal
		}).To("left")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	topologytest.Input(d, "colours", serde.String, serde.String).Send("1", "grey")
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("1", "wolf")
	in.Send("2", "fox")
	fmt.Println(topologytest.Output(d, "inner", serde.String, serde.String).ReadAll())
	fmt.Println(topologytest.Output(d, "left", serde.String, serde.String).ReadAll())
	// Output:
	// [1=grey wolf@0]
	// [1=grey wolf@0 2=some fox@0]
}

func ExampleStream_Branch() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		short := func(_, v string) bool { return len(v) < 3 }
		branches := in.Branch(short)
		branches[0].MapValues(func(_, v string) string { return "short " + v }).
			Merge(branches[1].MapValues(func(_, v string) string { return "long " + v })).
			To("out")
	}, "k=ab", "k=abc")
	// Output:
	// k=short ab@0
	// k=long abc@1
}

func ExampleStream_ToTable() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.ToTable("latest").ToStream().To("out")
	}, "k=a", "k=b")
	// Output:
	// k=a@0
	// k=b@1
}

func ExampleStream_Repartition() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.SelectKey(func(_, v string) string { return v[:1] }).Repartition("by-letter").To("out")
	}, "1=abc")
	// Output:
	// a=abc@0
}

func ExamplePartitioner() {
	b := topology.NewBuilder("example")
	everywhere := func(dst []int32, _, _, _ string, partitions int32) []int32 {
		for p := range partitions {
			dst = append(dst, p)
		}
		return dst
	}
	b.Stream("in", serde.String, serde.String).To("out", topology.Partitioner(everywhere))
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo, topologytest.Partitions(3, "out"))
	topologytest.Input(d, "in", serde.String, serde.String).Send("k", "v")
	for _, r := range topologytest.Output(d, "out", serde.String, serde.String).ReadAll() {
		fmt.Println(r.Partition, r.Value)
	}
	// Output:
	// 0 v
	// 1 v
	// 2 v
}

// A processor that forwards what it has not seen before, and says every ten milliseconds of stream time how much it has
// seen.
func ExampleStream_Process() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		seen := b.KeyValueStore("seen", serde.String, serde.Bool)
		in.Process(func(c *operators.Context, forward operators.Forward[string, string]) (operators.Forward[string, string], error) {
			rows, n := seen.In(c), 0
			c.Schedule(10*time.Millisecond, operators.StreamClock, func(ms int64) error {
				return forward(&operators.Record[string, string]{Key: "seen", Value: fmt.Sprint(n), Timestamp: ms})
			})
			return func(r *operators.Record[string, string]) error {
				if _, again, err := rows.Get(r.Value); again || err != nil {
					return err
				}
				n++
				if err := rows.Put(r.Value, true); err != nil {
					return err
				}
				return forward(r)
			}, nil
		}, seen).To("out")
	}, "k=a@0", "k=b@3", "k=a@5", "k=c@12")
	// Output:
	// k=a@0
	// seen=1@0
	// k=b@3
	// k=c@12
	// seen=3@12
}

func ExampleBuilder_StreamOf() {
	b := topology.NewBuilder("audit")
	// The topics of all regions are one source, also those of regions that come later.
	b.StreamOf(topology.Pattern("logins-[a-z]+"), serde.String, serde.String).
		Merge(b.StreamOf(topology.Topics("logouts", "lockouts"), serde.String, serde.String)).
		To("events")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(topo.Describe())
	// Output:
	// Topology: audit
	//   Sub-topology: 0
	//     Source: source-0 (pattern: logins-[a-z]+)
	//       --> merge-2
	//     Source: source-1 (topics: lockouts, logouts)
	//       --> merge-2
	//     Operator: merge-2
	//       --> sink-3
	//     Sink: sink-3 (topic: events)
}

func ExampleTimestamp() {
	type reading struct {
		TakenMs int64
		Celsius float64
	}
	taken := topology.Timestamp(func(_ string, r reading, at operators.RecordContext, partitionTime int64) int64 {
		if r.TakenMs == 0 {
			return max(partitionTime, 0) // an old sensor without a clock
		}
		return r.TakenMs
	})
	b := topology.NewBuilder("weather")
	b.Stream("readings", serde.String, serde.JSON[reading](), taken).
		MapValues(func(_ string, r reading) float64 { return r.Celsius }).
		To("celsius")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	readings := topologytest.Input(d, "readings", serde.String, serde.JSON[reading]())
	celsius := topologytest.Output(d, "celsius", serde.String, serde.Float64)
	readings.Send("roof", reading{TakenMs: 1000, Celsius: 3.5}, topologytest.AtMs(9999))
	readings.Send("roof", reading{Celsius: 4}, topologytest.AtMs(9999))
	fmt.Println(celsius.ReadAll())
	// Output: [roof=3.5@1000 roof=4@1000]
}
