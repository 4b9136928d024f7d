package topology_test

import (
	"fmt"
	"strings"
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

// spans names windows by their bounds.
func spans(k string, w windows.Window) string { return fmt.Sprintf("%s[%d,%d)", k, w.Start, w.End) }

func ExampleWindowed_Reduce() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Windowed(windows.Tumbling(10*time.Millisecond)).
			Reduce("longest", func(a, b string) string {
				if len(b) > len(a) {
					return b
				}
				return a
			}).ToStream(spans).To("out")
	}, "k=a@1", "k=abc@4", "k=ab@9", "k=x@10")
	// Output:
	// k[0,10)=a@1
	// k[0,10)=abc@4
	// k[0,10)=abc@9
	// k[10,20)=x@10
}

// A record lies in two hopping windows, and adds to both.
func ExampleWindowed_Aggregate() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Windowed(windows.Hopping(10*time.Millisecond, 5*time.Millisecond)).
			Aggregate("seen", func() string { return "" }, func(_, v, seen string) string { return seen + v }).
			ToStream(spans).To("out")
	}, "k=a@6", "k=b@11")
	// Output:
	// k[0,10)=a@6
	// k[5,15)=a@6
	// k[5,15)=ab@11
	// k[10,20)=b@11
}

func ExampleSessions_Count() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Sessions(windows.Session(10 * time.Millisecond)).OnClose().Count("visits").
			ToStream(func(k string, w windows.Window) string { return fmt.Sprintf("%s %d-%d", k, w.Start, w.End) }).To("out")
	}, "ada=@1", "ada=@8", "bob=@9", "ada=@40", "bob=@60")
	// Output:
	// ada 1-8=2@8
	// bob 9-9=1@9
	// ada 40-40=1@40
}

// The same function adds a record to its session and joins two sessions.
func ExampleSessions_Reduce() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Sessions(windows.Session(5*time.Millisecond).Grace(20*time.Millisecond)).OnClose().
			Reduce("visits", func(a, b string) string { return a + b }).
			ToStream(func(k string, w windows.Window) string { return fmt.Sprintf("%s %d-%d", k, w.Start, w.End) }).To("out")
	}, "ada=x@1", "ada=y@10", "ada=z@6", "bob=@60")
	// Output: ada 1-10=xyz@10
}

// A window whose count is not large enough gives nothing: it was never there.
func ExampleWindowedTable_Filter() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Windowed(windows.Tumbling(10 * time.Millisecond)).Count("counts").
			Filter(func(_ string, _ windows.Window, n int64) bool { return n > 1 }).
			ToStream(spans).To("out")
	}, "k=@1", "k=@2", "k=@3")
	// Output:
	// k[0,10)=2@2
	// k[0,10)=3@3
}

func ExampleWindowedTable_FilterNot() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Windowed(windows.Tumbling(10 * time.Millisecond)).Count("counts").
			FilterNot(func(_ string, w windows.Window, _ int64) bool { return w.Start == 0 }).
			ToStream(spans).To("out")
	}, "k=@1", "k=@12")
	// Output: k[10,20)=1@12
}

func ExampleWindowedTable_MapValues() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Windowed(windows.Tumbling(time.Second)).Count("counts").
			MapValues(func(_ string, w windows.Window, n int64) string { return fmt.Sprintf("%d in %d ms", n, w.End-w.Start) }).
			ToStream(func(k string, _ windows.Window) string { return k }).To("out")
	}, "k=@1", "k=@12")
	// Output:
	// k=1 in 1000 ms@1
	// k=2 in 1000 ms@12
}

func ExampleGrouped_CountAs() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		// Counts as texts, in the store as in the stream.
		in.GroupByKey().CountAs("counts", func(n int64) string { return strings.Repeat("|", int(n)) }, func(s string) int64 { return int64(len(s)) }).
			ToStream().To("out")
	}, "a=x", "a=y")
	// Output:
	// a=|@0
	// a=||@1
}

func ExampleKeySerde() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Windowed(windows.Tumbling(time.Second)).Count("counts").
			ToStream(func(k string, _ windows.Window) string { return k }, topology.KeySerde(serde.JSON[string]())).To("out")
	}, "a=x")
	// Output: "a"=1@0
}
