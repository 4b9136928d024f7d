package plan_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/plan"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

func TestBrokers(t *testing.T) {
	hour := topology.Retention(time.Hour)
	day := int64(24 * 60 * 60 * 1000)
	for name, c := range map[string]struct {
		old, new func(b *builder)
		brokers  plan.Brokers
		want     string // kinds and subjects
	}{
		"as it was": {counts("n"), counts("n"), plan.Brokers{Partitions: map[string]int32{"a": 2, "out": 2, "app-n-changelog": 2}}, ""},
		"the input has more partitions": {
			counts("n"), counts("n"),
			plan.Brokers{Partitions: map[string]int32{"a": 4, "out": 2, "app-n-changelog": 2}}, "partitions-changed app-n-changelog",
		},
		"the task has another input that is larger": {
			both(counts("n"), copies("b", "out")),
			func(b *builder) {
				in(b, "a").Merge(in(b, "b")).GroupByKey().Count("n").ToStream().To("out")
			},
			plan.Brokers{Partitions: map[string]int32{"a": 2, "b": 4, "out": 2, "app-n-changelog": 2}},
			"operator-added merge-2, partitions-changed app-n-changelog, sub-topologies-merged sub-topology 0",
		},
		"input and output are not there": {
			counts("n"), counts("n"), plan.Brokers{Partitions: map[string]int32{"app-n-changelog": 2}}, "topic-missing a, topic-missing out",
		},
		"topics are left": {
			counts("n"), counts("n"),
			plan.Brokers{Partitions: map[string]int32{"a": 2, "out": 2, "app-n-changelog": 2, "app-m-changelog": 2, "app-x-repartition": 1, "other-m-changelog": 1, "app-results": 3}},
			"topic-orphaned app-m-changelog, topic-orphaned app-x-repartition",
		},
		"the retention was not raised": {
			windowCounts(tumbling(10 * ms)), windowCounts(tumbling(10*ms), hour),
			plan.Brokers{Partitions: map[string]int32{"a": 2, "out": 2, "app-n-changelog": 2}, RetentionMs: map[string]int64{"app-n-changelog": day + 10}},
			"retention-longer n",
		},
		"the retention was raised": {
			windowCounts(tumbling(10 * ms)), windowCounts(tumbling(10*ms), hour),
			plan.Brokers{Partitions: map[string]int32{"a": 2, "out": 2, "app-n-changelog": 2}, RetentionMs: map[string]int64{"app-n-changelog": day + 3600_000}},
			"",
		},
		"the repartition topic has the number that was set": {
			byValueCounts("one"), byValueCounts("one", topology.Partitions(2)),
			plan.Brokers{Partitions: map[string]int32{"a": 2, "out": 2, "app-one-repartition": 2, "app-n-changelog": 2}}, "",
		},
		"the repartition topic has another number": {
			byValueCounts("one"), byValueCounts("one", topology.Partitions(3)),
			plan.Brokers{Partitions: map[string]int32{"a": 2, "out": 2, "app-one-repartition": 2, "app-n-changelog": 2}},
			"partitions-changed app-n-changelog, partitions-changed app-one-repartition",
		},
		"a pattern finds a larger topic": {
			func(b *builder) { pattern(b) }, func(b *builder) { pattern(b) },
			plan.Brokers{Partitions: map[string]int32{"in-1": 2, "in-2": 3, "app-n-changelog": 2, "out": 1}}, "partitions-changed app-n-changelog",
		},
	} {
		t.Run(name, func(t *testing.T) {
			old, new := build(t, "app", c.old), build(t, "app", c.new)
			p := plan.Compare(old.Describe(), new.Describe(), &c.brokers)
			found := make(map[string]bool)
			for _, change := range p.Changes {
				if change.Kind != "operator-removed" && change.Kind != "input-removed" {
					found[string(change.Kind)+" "+change.Subject] = true
				}
			}
			if got := strings.Join(slices.Sorted(maps.Keys(found)), ", "); got != c.want {
				t.Errorf("changes are %s\nwant %s", got, c.want)
			}
		})
	}
}

func pattern(b *builder) {
	b.StreamOf(topology.Pattern("in-.*"), serde.String, serde.String).GroupByKey().Count("n").ToStream().To("out")
}

// A skeleton made of a description plans as the topology does.
func TestPartitionsOfDescriptions(t *testing.T) {
	for i, c := range upgradeCases {
		topo := build(t, "app", c.old)
		partitions := map[string]int32{"a": 3, "b": 3, "rows": 3, "rows2": 3, "out": 2, "out2": 2}
		want, err := topo.Graph().NewPlan(func(topic string) (int32, bool) { n, ok := partitions[topic]; return n, ok }, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range want.Internal {
			partitions[topic.Name] = topic.Partitions
		}
		p := plan.Compare(topo.Describe(), topo.Describe(), &plan.Brokers{Partitions: partitions})
		if len(p.Changes) > 0 {
			t.Errorf("case %d: a topology on its own topics has changes %+v", i, p.Changes)
		}
		for _, topic := range want.Internal {
			partitions[topic.Name]++
			p := plan.Compare(topo.Describe(), topo.Describe(), &plan.Brokers{Partitions: partitions})
			if len(p.Changes) != 1 || p.Changes[0].Kind != "partitions-changed" || p.Changes[0].Subject != topic.Name {
				t.Errorf("case %d: with a partition more of %s the changes are %+v", i, topic.Name, p.Changes)
			}
			partitions[topic.Name]--
		}
	}
}

// With more partitions of an input the new version does not start, as the plan says.
func TestChangedPartitionsAreRefused(t *testing.T) {
	topo := build(t, "app", counts("n"))
	b := local.NewBroker()
	for topic, n := range map[string]int32{"a": 3, "out": 1, "app-n-changelog": 2} {
		if err := b.Create(topic, n); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := local.New(local.Config{Graph: topo.Graph(), Broker: b, Backend: state.NewMemory()}); err == nil || !strings.Contains(err.Error(), "app-n-changelog") {
		t.Errorf("error %v, want one about the changelog", err)
	}
}

func TestWaive(t *testing.T) {
	old, new := build(t, "app", both(counts("n"), counts("m"))), build(t, "app", copies("a", "out"))
	p := plan.Compare(old.Describe(), new.Describe(), nil)
	for _, step := range []struct {
		accept string
		want   plan.Verdict
	}{{"store-removed:n", plan.Breaks}, {"store-renamed", plan.Breaks}, {"store-removed", plan.Safe}} {
		if err := p.Waive(step.accept); err != nil || p.Verdict != step.want {
			t.Errorf("with %s accepted: %s, %v, want %s", step.accept, p.Verdict, err, step.want)
		}
	}
	if err := p.Waive("store-remove"); err == nil {
		t.Error("a kind that there is not was accepted")
	}
}

func TestSavedPlansAreDescriptions(t *testing.T) {
	for i, c := range upgradeCases {
		topo := build(t, "app", c.new)
		text, err := topo.Describe().JSON()
		if err != nil {
			t.Fatal(err)
		}
		d, err := plan.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		if p := plan.Compare(d, topo.Describe(), nil); len(p.Changes) > 0 {
			t.Errorf("case %d: saved and read there are changes %+v", i, p.Changes)
		}
	}
	for _, text := range []string{"", "[]", "{}", `{"application": "app"}`, `{"application": 3}`} {
		if _, err := plan.Read([]byte(text)); err == nil || !strings.Contains(err.Error(), "no saved plan") {
			t.Errorf("%q is read with error %v", text, err)
		}
	}
}
