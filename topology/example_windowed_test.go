package topology_test

import (
	"fmt"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// clicksOf runs what add makes of the topic "clicks" on clicks at these times (ms) and returns what comes out.
func clicksOf(add func(clicks topology.Grouped[string, string]) topology.WindowedTable[string, int64], times ...int64) []topologytest.Record[windows.Keyed[string], int64] {
	b := topology.NewBuilder("clicks")
	add(b.Stream("clicks", serde.String, serde.String).GroupByKey()).ToStream(windows.Key).
		WithSerdes(windows.KeySerde(serde.String), serde.Int64).To("out")
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return nil
	}
	d := topologytest.New(exampleT{}, topo)
	in := topologytest.Input(d, "clicks", serde.String, serde.String)
	for _, ms := range times {
		in.Send("home", "", topologytest.AtMs(ms))
	}
	return topologytest.Output(d, "out", windows.KeySerde(serde.String), serde.Int64).ReadAll()
}

// A session grows with each click that is near enough; what it was before is deleted first.
func ExampleGrouped_Sessions() {
	for _, r := range clicksOf(func(clicks topology.Grouped[string, string]) topology.WindowedTable[string, int64] {
		return clicks.Sessions(windows.Session(10 * time.Millisecond)).Count("visits")
	}, 0, 5, 30) {
		fmt.Println(r.Key.Start, r.Key.End, r.Value, r.NullValue)
	}
	// Output:
	// 0 0 1 false
	// 0 0 0 true
	// 0 5 2 false
	// 30 30 1 false
}

func ExampleSessions_OnClose() {
	for _, r := range clicksOf(func(clicks topology.Grouped[string, string]) topology.WindowedTable[string, int64] {
		return clicks.Sessions(windows.Session(10 * time.Millisecond)).OnClose().Count("visits")
	}, 0, 5, 30) {
		fmt.Println(r.Key.Start, r.Key.End, r.Value)
	}
	// Output: 0 5 2
}

// The click at 8 brings two sessions together.
func ExampleSessions_Aggregate() {
	for _, r := range clicksOf(func(clicks topology.Grouped[string, string]) topology.WindowedTable[string, int64] {
		return clicks.Sessions(windows.Session(10*time.Millisecond).Grace(20*time.Millisecond)).OnClose().Aggregate("visits",
			func() int64 { return 0 },
			func(_, _ string, n int64) int64 { return n + 1 },
			func(_ string, a, b int64) int64 { return a + b })
	}, 0, 15, 8, 100) {
		fmt.Println(r.Key.Start, r.Key.End, r.Value)
	}
	// Output: 0 15 3
}

// Two clicks share a sliding window if they are at most the difference apart.
func ExampleGrouped_Windowed_sliding() {
	for _, r := range clicksOf(func(clicks topology.Grouped[string, string]) topology.WindowedTable[string, int64] {
		return clicks.Windowed(windows.Sliding(10 * time.Millisecond)).OnClose().Count("near")
	}, 20, 25, 100) {
		fmt.Println(r.Key.Start, r.Key.End, r.Value)
	}
	// Output:
	// 10 20 1
	// 15 25 2
	// 21 31 1
}

// Every third click makes a result, whenever it comes.
func ExampleGrouped_Windowed_count() {
	for _, r := range clicksOf(func(clicks topology.Grouped[string, string]) topology.WindowedTable[string, int64] {
		return clicks.Windowed(windows.TumblingCount(3)).OnClose().Count("threes")
	}, 1, 2, 3, 50, 7, 9) {
		fmt.Println(r.Key.Start, r.Key.End, r.Value, r.Timestamp)
	}
	// Output:
	// 0 3 3 3
	// 3 6 3 50
}

func ExampleGrouped_Windowed_unlimited() {
	for _, r := range clicksOf(func(clicks topology.Grouped[string, string]) topology.WindowedTable[string, int64] {
		return clicks.Windowed(windows.Unlimited().StartOn(time.UnixMilli(10))).Count("since")
	}, 5, 10, 900) {
		fmt.Println(r.Key.Start, r.Value)
	}
	// Output:
	// 10 1
	// 10 2
}

// A record is added to one pane, not to six windows.
func ExampleCombine() {
	for _, r := range clicksOf(func(clicks topology.Grouped[string, string]) topology.WindowedTable[string, int64] {
		return clicks.Windowed(windows.Hopping(60*time.Millisecond, 30*time.Millisecond)).OnClose().
			Count("minutes", topology.Combine(func(a, b int64) int64 { return a + b }))
	}, 10, 40, 70, 100) {
		fmt.Println(r.Key.Start, r.Key.End, r.Value)
	}
	// Output:
	// 0 60 2
	// 30 90 2
}
