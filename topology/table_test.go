package topology_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

func pair(_, l, r string) string { return l + r }

func whole(k, v string) (string, string) { return v, k }

// What a table operator needs and does not get is refused by an error that names it.
func TestTableMistakes(t *testing.T) {
	kept := func(b *topology.Builder, name string) stringTable {
		return b.Table(name, name, serde.String, serde.String)
	}
	unkept := func(b *topology.Builder, name string) stringTable {
		return b.Table(name, "", serde.String, serde.String)
	}
	value := func(_, v string) string { return v }
	for want, mistake := range map[string]func(b *topology.Builder){
		`operator "groups-regroup" needs the old rows of a table that keeps none`: func(b *topology.Builder) {
			unkept(b, "a").GroupBy(whole).Count("groups")
		},
		`operator "groups-table-count" has a nil function`: func(b *topology.Builder) {
			kept(b, "a").GroupBy(whole).Aggregate("groups", func() string { return "" }, nil, nil, topology.Named("groups-table-count"))
		},
		`operator "groups-regroup" has a nil function`: func(b *topology.Builder) {
			var f func(string, string) (string, string)
			kept(b, "a").GroupBy(f).Count("groups")
		},
		`operator "j-left" needs the rows of a table that keeps none ("table-`: func(b *topology.Builder) {
			kept(b, "a").Join(unkept(b, "b"), pair, topology.Named("j"))
		},
		`operator "j-right" needs the rows of a table that keeps none ("table-`: func(b *topology.Builder) {
			unkept(b, "b").Join(kept(b, "a"), pair, topology.Named("j"))
		},
		`operator "j" has a nil function`: func(b *topology.Builder) {
			kept(b, "a").Join[string, string](kept(b, "b"), nil, topology.Named("j"))
		},
		`operator "j" has options of a store, but no store name`: func(b *topology.Builder) {
			kept(b, "a").Join(kept(b, "b"), pair, topology.Named("j"), topology.InMemory())
		},
		"table-join with a table of another builder": func(b *topology.Builder) {
			kept(b, "a").Join(kept(topology.NewBuilder("other"), "b"), pair)
		},
		`operator "j" joins tables whose keys have different serdes`: func(b *topology.Builder) {
			kept(b, "a").Join(b.Table("b", "b", serde.JSON[string](), serde.String), pair, topology.Named("j"))
		},
		`operator "g-regroup" needs the old rows of the join "self", which keeps none`: func(b *topology.Builder) {
			a := kept(b, "a")
			a.Join(a.MapValues(value), pair, topology.Named("self")).Filter(func(_, _ string) bool { return true }).GroupBy(whole).Count("g")
		},
		`operator "late-regroup" needs the old rows of the join "j", which keeps none`: func(b *topology.Builder) {
			b.Table("a", "a", serde.String, serde.String, topology.EmitOnCommit()).Join(kept(b, "b"), pair, topology.Named("j")).GroupBy(whole).Count("late")
		},
		`operator "fk-subscribe" needs the old rows of a table that keeps none`: func(b *topology.Builder) {
			unkept(b, "a").JoinForeign(kept(b, "b"), value, "fk", pair)
		},
		`operator "fk-answer" needs the rows of a table that keeps none`: func(b *topology.Builder) {
			kept(b, "a").JoinForeign(unkept(b, "b"), value, "fk", pair)
		},
		`operator "fk-foreign-join" has a nil function`: func(b *topology.Builder) {
			kept(b, "a").JoinForeign(kept(b, "b"), nil, "fk", pair)
		},
		`operator "fk-foreign-join" has options for the rows of its result, but no store name for them`: func(b *topology.Builder) {
			kept(b, "a").JoinForeign(kept(b, "b"), value, "fk", pair, topology.EmitOnCommit())
		},
		`needs the old rows of a table that keeps none ("fk-foreign-join")`: func(b *topology.Builder) {
			kept(b, "a").JoinForeign(kept(b, "b"), value, "fk", pair).GroupBy(whole).Count("groups")
		},
		`foreign-join "fk" with a table of another builder`: func(b *topology.Builder) {
			kept(b, "a").JoinForeign(kept(topology.NewBuilder("other"), "b"), value, "fk", pair)
		},
		"name of a repartition topic": func(b *topology.Builder) {
			kept(b, "a").JoinForeign(kept(b, "b"), value, "not a name", pair)
		},
		`two repartition topics are named "same", one behind operator "a-table" and one behind "b-table": to share one, keep the grouping`: func(b *topology.Builder) {
			kept(b, "a").GroupBy(whole, topology.Named("same")).Count("one")
			kept(b, "b").GroupBy(whole, topology.Named("same")).Count("two")
		},
	} {
		b := topology.NewBuilder("app")
		mistake(b)
		b.Stream("in", serde.String, serde.String).To("out")
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

// Joins of windows and joins with a store below a table joined with itself are possible.
func TestTablesThatAreAllowed(t *testing.T) {
	b := topology.NewBuilder("app")
	a := b.Table("a", "a", serde.String, serde.String)
	a.Join(a, pair, topology.As("self")).GroupBy(whole).Count("g")
	w := b.Stream("b", serde.String, serde.String).GroupByKey().Windowed(windows.Tumbling(time.Second))
	w.Count("counts").Join(w.Reduce("last", func(_, v string) string { return v }), func(_ string, _ windows.Window, n int64, v string) string {
		return fmt.Sprint(n, v)
	}).GroupBy(func(k string, _ windows.Window, v string) (string, string) { return k, v }).Count("windows")
	if _, err := b.Build(); err != nil {
		t.Error(err)
	}
}

// A grouping with a name has one repartition topic for all its aggregates.
func TestNamedGroupingOfATableIsShared(t *testing.T) {
	for named, want := range map[bool][]string{true: {"app-groups-repartition"}, false: {"app-one-repartition", "app-two-repartition"}} {
		var opts []topology.NodeOption
		if named {
			opts = append(opts, topology.Named("groups"))
		}
		b := topology.NewBuilder("app")
		g := b.Table("a", "a", serde.String, serde.String).GroupBy(whole, opts...)
		g.Count("one")
		g.Reduce("two", func(a, b string) string { return a + b }, func(a, b string) string { return a })
		topo, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range topo.Describe().Repartitions {
			got = append(got, r.Topic)
		}
		if !slices.Equal(got, want) {
			t.Errorf("topics are %v, want %v", got, want)
		}
	}
}

// The topics of a foreign-key join follow the tables that they lead to, also where those are behind repartition topics.
func TestPartitionsOfAForeignKeyJoin(t *testing.T) {
	b := topology.NewBuilder("app")
	value := func(_, v string) string { return v }
	left := b.Stream("left", serde.String, serde.String).SelectKey(value).ToTable("l")
	right := b.Stream("right", serde.String, serde.String).SelectKey(value).Repartition("r", topology.Partitions(7)).ToTable("r-rows")
	left.JoinForeign(right, value, "fk", pair).ToStream().To("out")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int32{"left": 2, "right": 3, "out": 1}
	plan, err := topo.Graph().NewPlan(func(topic string) (int32, bool) { n, ok := counts[topic]; return n, ok }, nil)
	if err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]int32{
		"app-l-repartition": 2, "app-fk-answer-repartition": 2, "app-l-changelog": 2,
		"app-r-repartition": 7, "app-fk-subscription-repartition": 7, "app-r-rows-changelog": 7, "app-fk-changelog": 7,
	} {
		i := slices.IndexFunc(plan.Internal, func(n graph.InternalTopic) bool { return n.Name == topic })
		if i < 0 || plan.Internal[i].Partitions != want {
			t.Errorf("topics are %+v, want %d partitions for %s", plan.Internal, want, topic)
		}
	}
}
