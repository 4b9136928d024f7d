package topology_test

import (
	"strings"
	"testing"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

func value(_, v string) string     { return v }
func concat(_, v, a string) string { return a + v }
func empty() string                { return "" }

// A grouping that is used twice, and one with a name, share their repartition topics; all lie in one sub-topology.
func TestCogroupRepartitionsEachGroupingOnce(t *testing.T) {
	b := topology.NewBuilder("app")
	in := b.Stream("in", serde.String, serde.String)
	g := in.GroupBy(value)
	named := in.GroupBy(value, topology.Named("by-value"))
	g.Cogroup(concat).And(named, concat).And(g, concat).And(b.Stream("more", serde.String, serde.String).GroupByKey(), concat).
		Aggregate("texts", empty).ToStream().To("out")
	named.Count("counts")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	d := topo.Describe()
	if len(d.Repartitions) != 2 || d.Repartitions[0].Topic != "app-texts-repartition" || d.Repartitions[1].Topic != "app-by-value-repartition" {
		t.Errorf("repartition topics are %v", d.Repartitions)
	}
	want := "app-by-value-repartition app-texts-repartition more"
	if len(d.CoPartitioned) != 1 || strings.Join(d.CoPartitioned[0].Topics, " ") != want {
		t.Errorf("co-partitioned are %v, want %s", d.CoPartitioned, want)
	}
	if len(d.SubTopologies) != 2 {
		t.Errorf("%d sub-topologies, want 2", len(d.SubTopologies))
	}
}

func TestCogroupMistakes(t *testing.T) {
	other := topology.NewBuilder("other").Stream("in", serde.String, serde.String).GroupByKey()
	for want, add := range map[string]func(g topology.Grouped[string, string], in stringStream){
		`cogroup "c" has a nil function`: func(g topology.Grouped[string, string], in stringStream) {
			g.Cogroup(concat).And(g, (func(_, _, _ string) string)(nil)).Aggregate("c", empty)
		},
		`cogroup "d" has a nil function`: func(g topology.Grouped[string, string], in stringStream) {
			g.Cogroup(concat).Aggregate("d", nil)
		},
		`cogroup "c" got a grouping of another builder`: func(g topology.Grouped[string, string], in stringStream) {
			g.Cogroup(concat).And(other, concat).Aggregate("c", empty)
		},
		`cogroup "c" repartitions more than one of its inputs`: func(g topology.Grouped[string, string], in stringStream) {
			in.GroupBy(value).Cogroup(concat).And(in.GroupBy(value), concat).Aggregate("c", empty)
		},
		`cogroup "c": the keys of its inputs have different serdes`: func(g topology.Grouped[string, string], in stringStream) {
			g.Cogroup(concat).And(in.WithSerdes(serde.JSON[string](), serde.String).GroupByKey(), concat).Aggregate("c", empty)
		},
		`cogroup c does not take the option Retention`: func(g topology.Grouped[string, string], in stringStream) {
			g.Cogroup(concat).Aggregate("c", empty, topology.Retention(1))
		},
	} {
		b := topology.NewBuilder("app")
		in := b.Stream("in", serde.String, serde.String)
		add(in.GroupByKey(), in)
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}
