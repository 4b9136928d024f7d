package topologytest_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// countsOf is a topology that counts the records of each key.
func countsOf(value func(_, v string) string) *topology.Topology {
	b := topology.NewBuilder("counts")
	b.Stream("in", serde.String, serde.String).
		MapValues(value, topology.Named("check")).
		GroupByKey().Count("counts").ToStream().To("out")
	topo, err := b.Build()
	if err != nil {
		panic(err)
	}
	return topo
}

func same(_, v string) string { return v }

func ExampleFailRecord() {
	down := errors.New("the service is down")
	d := topologytest.New(t, countsOf(same), topologytest.CommitEvery(3), topologytest.FailRecord("check", 2, down))
	in, out := topologytest.Input(d, "in", serde.String, serde.String), topologytest.Output(d, "out", serde.String, serde.Int64)
	in.Send("a", "1", topologytest.AtMs(1))
	fmt.Println(in.SendErr("a", "2", topologytest.AtMs(2)))
	d.Abort() // both records run again
	in.Send("a", "3", topologytest.AtMs(3))
	fmt.Println(out.ReadAll())
	// Output:
	// operator "check", task 0_0, topic "in", partition 0, offset 1, key "a": the service is down
	// [a=1@1 a=2@2 a=3@3]
}

func ExampleFailCommit() {
	d := topologytest.New(t, countsOf(same), topologytest.FailCommit(2, errors.New("fenced")))
	in, out := topologytest.Input(d, "in", serde.String, serde.String), topologytest.Output(d, "out", serde.String, serde.Int64)
	in.Send("a", "1", topologytest.AtMs(1))
	fmt.Println(in.SendErr("a", "2", topologytest.AtMs(2)))
	fmt.Println(out.ReadAll())
	d.Restart(topologytest.KeptState)
	fmt.Println(out.ReadAll())
	// Output:
	// commit: fenced
	// [a=1@1]
	// [a=2@2]
}

func ExampleFailWrite() {
	d := topologytest.New(t, countsOf(same), topologytest.FailWrite("counts", 2, errors.New("no space left")))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("a", "1", topologytest.AtMs(1))
	fmt.Println(in.SendErr("a", "2", topologytest.AtMs(2)))
	d.Restart(topologytest.KeptState) // the disk has one commit, the changelog two
	n, _ := topologytest.KeyValue[string, int64](d, "counts").Get("a")
	fmt.Println(n, "of which the second was restored:", d.Restored("counts") > 0)
	// Output:
	// apply: write store counts, partition 0: no space left
	// 2 of which the second was restored: true
}

func ExamplePartitions() {
	d := topologytest.New(t, countsOf(same), topologytest.Partitions(4, "in"))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("a", "1")
	in.Send("b", "2", topologytest.ToPartition(3))
	counts := topologytest.KeyValue[string, int64](d, "counts")
	fmt.Println(d.Tasks(), len(counts.All()), counts.Partition(3).All())
	// Output: [0_0 0_1 0_2 0_3] 2 [{b 1 0}]
}

func ExampleHeader() {
	b := topology.NewBuilder("traces")
	b.Stream("in", serde.String, serde.String).
		ProcessValues(func(_ *operators.Context, forward operators.ForwardFixedKey[string, string]) (operators.ForwardFixedKey[string, string], error) {
			return forward, nil
		}).To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(t, topo)
	topologytest.Input(d, "in", serde.String, serde.String).Send("k", "v", topologytest.Header("trace", "7"))
	trace, _ := topologytest.Output(d, "out", serde.String, serde.String).Read().Header("trace")
	fmt.Println(trace)
	// Output: 7
}

func ExampleSessions() {
	b := topology.NewBuilder("visits")
	b.Stream("in", serde.String, serde.String).GroupByKey().Sessions(windows.Session(10*time.Millisecond)).Count("visits", topology.Retention(time.Second))
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	for _, ms := range []int64{1, 8, 30} {
		in.Send("ann", "click", topologytest.AtMs(ms))
	}
	for _, r := range topologytest.Sessions[string, int64](d, "visits").Of("ann") {
		fmt.Println(r.Key.Start, r.Key.End, r.Value)
	}
	// Output:
	// 1 8 2
	// 30 30 1
}

func ExampleVersions() {
	b := topology.NewBuilder("prices")
	b.Table("prices", "prices", serde.String, serde.Int64, topology.Versioned(time.Second))
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "prices", serde.String, serde.Int64)
	in.Send("tea", 3, topologytest.AtMs(10))
	in.Send("tea", 5, topologytest.AtMs(50))
	prices := topologytest.Versions[string, int64](d, "prices")
	before, _ := prices.GetAsOf("tea", time.UnixMilli(49))
	now, _ := prices.Get("tea")
	fmt.Println(before, now)
	// Output: 3 5
}

func ExampleLists() {
	b := topology.NewBuilder("pairs")
	in := b.Stream("in", serde.String, serde.String)
	in.Join(b.Stream("other", serde.String, serde.String), windows.Within(time.Second), "pairs",
		func(_, a, b string) string { return a + b }).To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(t, topo)
	topologytest.Input(d, "in", serde.String, serde.String).Send("k", "waits", topologytest.AtMs(5))
	fmt.Println(topologytest.Lists[string, string](d, "pairs-left").All())
	// Output: [{k waits 5}]
}

func ExampleDriver_Dropped() {
	b := topology.NewBuilder("lengths")
	b.Stream("in", serde.String, serde.Int64, topology.SkipUndecodable(), topology.Named("read")).
		GroupByKey().Count("counts", topology.Named("count")).ToStream().To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.Int64)
	in.Send("k", 0, topologytest.ValueBytes([]byte("no number")))
	in.Send("", 1, topologytest.NullKey())
	for _, drop := range d.Dropped() {
		fmt.Println(drop.Operator, drop.Reason, drop.Records)
	}
	// Output:
	// read undecodable 1
	// count null_key 1
}
