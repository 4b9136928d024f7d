package topology_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// twoStreams runs a topology over the topics "views" and "clicks", of which each argument is a record
// TOPIC KEY=VALUE@TIMESTAMP, and prints the topic "out".
func twoStreams(build func(views, clicks stringStream), records ...string) {
	b := topology.NewBuilder("example")
	build(b.Stream("views", serde.String, serde.String), b.Stream("clicks", serde.String, serde.String))
	topo, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	d := topologytest.New(exampleT{}, topo)
	in := map[string]*topologytest.InputTopic[string, string]{
		"views":  topologytest.Input(d, "views", serde.String, serde.String),
		"clicks": topologytest.Input(d, "clicks", serde.String, serde.String),
	}
	for _, r := range records {
		var at int64
		r, ms, _ := strings.Cut(r, "@")
		fmt.Sscan(ms, &at)
		topic, row, _ := strings.Cut(r, " ")
		k, v, _ := strings.Cut(row, "=")
		in[topic].Send(k, v, topologytest.AtMs(at))
	}
	for _, r := range topologytest.Output(d, "out", serde.String, serde.String).ReadAll() {
		fmt.Println(r)
	}
}

// Views and clicks of the same user at most 10 ms apart.
func ExampleStream_Join() {
	twoStreams(func(views, clicks stringStream) {
		views.Join(clicks, windows.Within(10*time.Millisecond), "seen", func(_, view, click string) string {
			return view + "+" + click
		}).To("out")
	}, "views ann=page@0", "clicks ann=buy@10", "clicks ann=late@11", "views ann=other@12")
	// Output:
	// ann=page+buy@10
	// ann=other+buy@12
	// ann=other+late@12
}

// Views that no click follows within 10 ms leave when time has passed that.
func ExampleStream_LeftJoin() {
	twoStreams(func(views, clicks stringStream) {
		views.LeftJoin(clicks, windows.Within(10*time.Millisecond).Before(0), "seen", func(_, view string, click serde.Optional[string]) string {
			if !click.OK {
				return view + " without a click"
			}
			return view + "+" + click.Value
		}).To("out")
	}, "views ann=page@0", "views bob=page@1", "clicks bob=buy@3", "clicks cid=buy@20")
	// Output:
	// bob=page+buy@3
	// ann=page without a click@0
}

func ExampleStream_OuterJoin() {
	twoStreams(func(views, clicks stringStream) {
		views.OuterJoin(clicks, windows.Within(10*time.Millisecond).Grace(5*time.Millisecond), "seen", func(_ string, view, click serde.Optional[string]) string {
			return fmt.Sprintf("%q %q", view.Value, click.Value)
		}).To("out")
	}, "views ann=page@0", "clicks bob=buy@1", "clicks ann=buy@7", "views cid=page@30")
	// Output:
	// ann="page" "buy"@7
	// bob="" "buy"@1
}

// A side whose key may have changed goes through a topic of its own, and both have the partitions of the other side.
func TestSidesOfAJoinAreRepartitioned(t *testing.T) {
	byValue := func(_, v string) string { return v }
	pair := func(_, a, b string) string { return a + b }
	w := windows.Within(time.Second)
	for _, c := range []struct {
		name  string
		build func(a, b stringStream)
		want  []string
	}{
		{"none", func(a, b stringStream) { a.Join(b, w, "j", pair).To("out") }, nil},
		{"right", func(a, b stringStream) { a.Join(b.SelectKey(byValue), w, "j", pair).To("out") }, []string{"app-j-right-repartition 3"}},
		{"both", func(a, b stringStream) { a.SelectKey(byValue).Join(b.SelectKey(byValue), w, "j", pair).To("out") }, []string{"app-j-left-repartition 4", "app-j-right-repartition 4"}},
		{"named", func(a, b stringStream) {
			a.SelectKey(byValue).Join(b, w, "j", pair, topology.Named("by-value")).To("out")
		}, []string{"app-by-value-left-repartition 4"}},
		{"with itself", func(a, _ stringStream) { a = a.SelectKey(byValue); a.Join(a, w, "j", pair).To("out") }, []string{"app-j-left-repartition 3"}},
		{"named before", func(a, b stringStream) { a.SelectKey(byValue).Repartition("early").Join(b, w, "j", pair).To("out") }, []string{"app-early-repartition 4"}},
	} {
		b := topology.NewBuilder("app")
		c.build(b.Stream("a", serde.String, serde.String), b.Stream("b", serde.String, serde.String))
		topo, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int32{"a": 3, "b": 4, "out": 1}
		if c.name == "none" {
			counts["b"] = 3
		}
		plan, err := topo.Graph().NewPlan(func(topic string) (int32, bool) { n, ok := counts[topic]; return n, ok }, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, topic := range plan.Internal {
			if topic.Repartition {
				got = append(got, fmt.Sprint(topic.Name, " ", topic.Partitions))
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: repartition topics are %v, want %v", c.name, got, c.want)
		}
	}
}

func TestMistakesInJoinsOfStreams(t *testing.T) {
	pair := func(_, a, b string) string { return a + b }
	w := windows.Within(time.Second)
	for want, add := range map[string]func(a, b stringStream){
		`join: name of its stores is empty`:                                func(a, b stringStream) { a.Join(b, w, "", pair) },
		`join "j": windows: before 1s and after -2s leave no time to join`: func(a, b stringStream) { a.Join(b, w.After(-2*time.Second), "j", pair) },
		`join "j" has a retention of 1s, want at least before + after`:     func(a, b stringStream) { a.Join(b, w, "j", pair, topology.Retention(time.Second)) },
		`join j does not take the option EmitOnCommit`:                     func(a, b stringStream) { a.Join(b, w, "j", pair, topology.EmitOnCommit()) },
		`operator "j-join" has a nil function`:                             func(a, b stringStream) { a.Join[string, string](b, w, "j", nil) },
		`left-join "j" got a stream of another builder`: func(a, _ stringStream) {
			a.LeftJoin(stringStream{}, w, "j", func(_, a string, _ serde.Optional[string]) string { return a })
		},
		`join "j": the keys of the two streams have different serdes`: func(a, b stringStream) { a.Join(b.WithSerdes(serde.JSON[string](), serde.String), w, "j", pair) },
		`two stores are named "j-left"`:                               func(a, b stringStream) { a.Join(b, w, "j", pair); a.Join(b, w, "j", pair, topology.Named("again")) },
		`operator "j-join-right" needs a serde for values of type chan int`: func(a, b stringStream) {
			a.Join(b.MapValues(func(_, _ string) chan int { return nil }), w, "j", func(_, a string, _ chan int) string { return a })
		},
	} {
		b := topology.NewBuilder("app")
		add(b.Stream("a", serde.String, serde.String), b.Stream("b", serde.String, serde.String))
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
	b := topology.NewBuilder("app")
	rows := b.Table("rows", "rows", serde.String, serde.String)
	b.Stream("a", serde.String, serde.String).JoinTable(rows, pair, topology.Grace(time.Second, "buffer")).To("out")
	want := `join-table with grace (operator "buffer-delay") needs a versioned table, and that of "rows-table" is not`
	if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want %q", err, want)
	}
}

func TestSidesOfAJoinMustHaveTheSamePartitions(t *testing.T) {
	pair := func(_, a, b string) string { return a + b }
	b := topology.NewBuilder("app")
	b.Stream("a", serde.String, serde.String).Join(b.Stream("b", serde.String, serde.String), windows.Within(time.Second), "j", pair).To("out")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int32{"a": 3, "b": 4, "out": 1}
	_, err = topo.Graph().NewPlan(func(topic string) (int32, bool) { n, ok := counts[topic]; return n, ok }, nil)
	if err == nil || err.Error() != `operator "j-join" needs inputs with the same number of partitions, but "a" has 3 and "b" has 4` {
		t.Errorf("error is %v", err)
	}
}

// Null keys go through the repartition topics of a left join, on both sides, and not of an inner one.
func TestNullKeysReachALeftJoin(t *testing.T) {
	b := topology.NewBuilder("app")
	keys, w := serde.Nullable(serde.String), windows.Within(10*time.Millisecond)
	byText := func(_ serde.Optional[string], v string) serde.Optional[string] {
		return serde.Optional[string]{Value: v, OK: v != "x"}
	}
	left := b.Stream("a", keys, serde.String).SelectKey(byText)
	right := b.Stream("b", keys, serde.String).SelectKey(byText)
	left.LeftJoin(right, w, "left", func(k serde.Optional[string], a string, b serde.Optional[string]) string {
		return fmt.Sprint(k, a, b)
	}).To("left-out")
	left.Join(right, w, "inner", func(_ serde.Optional[string], a, b string) string { return a + b }).To("inner-out")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	d := topologytest.New(t, topo)
	one, two := topologytest.Input(d, "a", keys, serde.String), topologytest.Input(d, "b", keys, serde.String)
	one.Send(serde.Some("1"), "x", topologytest.AtMs(1))
	two.Send(serde.Some("1"), "x", topologytest.AtMs(2))
	if got := fmt.Sprint(topologytest.Output(d, "left-out", keys, serde.String).ReadAll()); got != "[null={ false}x{ false}@1]" {
		t.Errorf("left join gives %s", got)
	}
	if got := fmt.Sprint(d.Dropped()); got != "[{left-left-join-right null_key 1}]" {
		t.Errorf("dropped are %s, want the one null key of the right side", got)
	}
}
