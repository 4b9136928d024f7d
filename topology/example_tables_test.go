package topology_test

import (
	"fmt"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

func ExampleGrouped_Cogroup() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		paid := in.Filter(func(_, v string) bool { return v != "refund" }).GroupByKey()
		refunded := in.Filter(func(_, v string) bool { return v == "refund" }).GroupByKey()
		paid.Cogroup(func(_, v, balance string) string { return balance + "+" + v }).
			And(refunded, func(_, _, balance string) string { return "0" }).
			Aggregate("balances", func() string { return "0" }).
			ToStream().To("out")
	}, "ada=5", "ada=7", "bob=1", "ada=refund")
	// Output:
	// ada=0+5@0
	// ada=0+5+7@1
	// bob=0+1@2
	// ada=0@3
}

func ExampleWindowedTable_Suppress() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Windowed(windows.Tumbling(10 * time.Millisecond)).
			Count("counts").
			Suppress(topology.UntilWindowCloses("waiting")).
			ToStream(func(k string, w windows.Window) string { return fmt.Sprintf("%s[%d,%d)", k, w.Start, w.End) }).
			To("out")
	}, "rain=@1", "rain=@4", "sun=@9", "rain=@12")
	// Output:
	// rain[0,10)=2@4
	// sun[0,10)=1@9
}

func ExampleTable_Suppress() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Count("counts").
			Suppress(topology.UntilTimeLimit("waiting", 10*time.Millisecond).MaxRecords(1000).EmitEarly()).
			ToStream().To("out")
	}, "rain=@1", "rain=@4", "rain=@11", "sun=@12", "rain=@30")
	// Output:
	// rain=3@11
	// sun=1@12
}

func ExampleVersioned() {
	words(serde.String, func(b *topology.Builder, in stringStream) {
		prices := in.ToTable("prices", topology.Versioned(time.Hour))
		prices.Filter(func(_, price string) bool { return price != "0" }).ToStream().To("out")
	}, "tea=3@10", "tea=4@20", "tea=0@15", "tea=2@5")
	// Output:
	// tea=3@10
	// tea=4@20
	// tea=null@15
	// tea=2@5
}

func ExampleTTL() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Count("visits", topology.TTL(10*time.Millisecond)).ToStream().To("out")
	}, "ada=@0", "ada=@9", "bob=@18", "bob=@19", "ada=@20")
	// Output:
	// ada=1@0
	// ada=2@9
	// bob=1@18
	// ada=null@19
	// bob=2@19
	// ada=1@20
}

func ExampleCogrouped_Windowed() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		clicks := in.Filter(func(_, v string) bool { return v == "click" }).GroupByKey(topology.Named("clicks"))
		buys := in.Filter(func(_, v string) bool { return v == "buy" }).GroupByKey(topology.Named("buys"))
		clicks.Cogroup(func(_, _, seen string) string { return seen + "c" }).
			And(buys, func(_, _, seen string) string { return seen + "$" }).
			Windowed(windows.Tumbling(10*time.Millisecond)).
			Aggregate("visits", func() string { return "" }).
			Suppress(topology.UntilWindowCloses("open-visits")).
			ToStream(func(k string, w windows.Window) string { return fmt.Sprint(k, " from ", w.Start) }).
			To("out")
	}, "ada=click@1", "ada=click@4", "ada=buy@9", "bob=click@12", "ada=buy@21")
	// Output:
	// ada from 0=cc$@9
	// bob from 10=c@12
}

func ExampleCogrouped_Sessions() {
	words(serde.String, func(_ *topology.Builder, in stringStream) {
		clicks := in.Filter(func(_, v string) bool { return v == "click" }).GroupByKey(topology.Named("clicks"))
		buys := in.Filter(func(_, v string) bool { return v == "buy" }).GroupByKey(topology.Named("buys"))
		clicks.Cogroup(func(_, _, seen string) string { return seen + "c" }).
			And(buys, func(_, _, seen string) string { return seen + "$" }).
			Sessions(windows.Session(5*time.Millisecond)).
			Aggregate("visits", func() string { return "" }, func(_, a, b string) string { return a + b }).
			ToStream(func(k string, w windows.Window) string { return fmt.Sprintf("%s %d-%d", k, w.Start, w.End) }).
			To("out")
	}, "ada=click@1", "ada=click@4", "ada=buy@9")
	// Output:
	// ada 1-1=c@1
	// ada 1-1=null@1
	// ada 1-4=cc@4
	// ada 1-4=null@4
	// ada 1-9=cc$@9
}

// The aggregate may be of another type than the values.
func ExampleCogrouped_Aggregate() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Cogroup(func(_, v string, n int64) int64 { return n + int64(len(v)) }).
			Aggregate("sizes", func() int64 { return 100 }).
			ToStream().To("out")
	}, "k=a", "k=bcd")
	// Output:
	// k=101@0
	// k=104@1
}

func ExampleWindowedCogroup_Aggregate() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Cogroup(func(_, _ string, n int64) int64 { return n + 1 }).
			Windowed(windows.Tumbling(10*time.Millisecond)).
			Aggregate("counts", func() int64 { return 0 }).
			ToStream(spans).To("out")
	}, "k=@1", "k=@9", "k=@10")
	// Output:
	// k[0,10)=1@1
	// k[0,10)=2@9
	// k[10,20)=1@10
}

func ExampleSessionCogroup_Aggregate() {
	words(serde.Int64, func(_ *topology.Builder, in stringStream) {
		in.GroupByKey().Cogroup(func(_, _ string, n int64) int64 { return n + 1 }).
			Sessions(windows.Session(10*time.Millisecond)).
			Aggregate("visits", func() int64 { return 0 }, func(_ string, a, b int64) int64 { return a + b }).
			Suppress(topology.UntilWindowCloses("open")).
			ToStream(func(k string, w windows.Window) string { return fmt.Sprintf("%s %d-%d", k, w.Start, w.End) }).To("out")
	}, "k=@1", "k=@9", "k=@50")
	// Output: k 1-9=2@9
}

func ExampleGroupedTable_Count() {
	tables(serde.String, serde.Int64, func(homes, _ stringTable) topology.Table[string, int64] {
		return homes.GroupBy(func(person, city string) (string, string) { return city, person }).Count("people")
	}, "left ann=rome", "left bob=rome", "left ann=oslo")
	// Output:
	// rome=1@0
	// rome=2@1
	// rome=1@2
	// oslo=1@2
}
