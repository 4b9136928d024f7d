package engine

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/rivusio/rivusio/plan"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

const hourMs = int64(time.Hour / time.Millisecond)

func version(t *testing.T, f func(b *topology.Builder)) *topology.Topology {
	b := topology.NewBuilder("count")
	f(b)
	return must[*topology.Topology](t)(b.Build())
}

func countsIn(store string, opts ...topology.StoreOption) func(b *topology.Builder) {
	return func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).GroupByKey().Count(store, opts...).ToStream().To("out")
	}
}

func windowsKept(retention time.Duration) func(b *topology.Builder) {
	return func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).GroupByKey().Windowed(windows.Tumbling(time.Hour)).
			Count("counts", topology.Retention(retention)).ToStream(func(k string, _ windows.Window) string { return k }).To("out")
	}
}

func tableOf(opts ...topology.StoreOption) func(b *topology.Builder) {
	return func(b *topology.Builder) {
		b.Table("in", "counts", serde.String, serde.String, opts...).ToStream().MapValues(func(string, string) int64 { return 1 }).To("out")
	}
}

// What package plan says of an upgrade is what an App does, on a broker that keeps offsets and topics and on a disk that is kept
// or lost.
func TestUpgrades(t *testing.T) {
	filtered := func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).Filter(func(_, _ string) bool { return true }, topology.Named("all")).
			GroupByKey().Count("counts", topology.InMemory()).ToStream().To("out")
	}
	repartitioned := func(partitions int) func(b *topology.Builder) {
		return func(b *topology.Builder) {
			b.Stream("in", serde.String, serde.String).Repartition("again", topology.Partitions(partitions)).GroupByKey().Count("counts").ToStream().To("out")
		}
	}
	goesOn := func(r *rig, err error) {
		if err != nil {
			r.t.Errorf("Run: %v", err)
		}
		r.wantEachOnce("out", wantKeyed(200))
	}
	beginsAnew := func(r *rig, err error) {
		if got := r.counts("out")["key-0"]; err != nil || got >= wantKeyed(200)["key-0"] {
			r.t.Errorf("the last count of key-0 is %d, error %v, want less than all", got, err)
		}
	}
	refuses := func(parts ...string) func(r *rig, err error) {
		return func(r *rig, err error) { wantError(r.t, err, parts...) }
	}
	for name, c := range map[string]struct {
		old, new func(b *topology.Builder)
		want     plan.Kind
		loses    bool
		prepare  func(r *rig) // between the versions
		check    func(r *rig, err error)
	}{
		"operator added, rows to memory": {countsIn("counts"), filtered, "store-in-memory", false, nil, goesOn},
		"the same on an empty disk":      {countsIn("counts"), filtered, "store-in-memory", true, nil, goesOn},
		"rows to disk":                   {filtered, countsIn("counts"), "store-in-memory", false, nil, goesOn},
		"store renamed":                  {countsIn("counts"), countsIn("other"), "store-renamed", false, nil, beginsAnew},
		"no changelog, empty disk":       {countsIn("counts"), countsIn("counts", topology.NoChangelog()), "changelog-off", true, nil, beginsAnew},
		"kind of store": {
			countsIn("counts"), windowsKept(2 * time.Hour), "store-kind", false, nil, refuses("store counts", "is a window store", "is a key-value store"),
		},
		"partitions of a repartition topic": {repartitioned(3), repartitioned(2), "repartition-partitions", false, nil, refuses("count-again-repartition", "3 partitions, expected 2")},
		"retention longer":                  {windowsKept(2 * time.Hour), windowsKept(3 * time.Hour), "retention-longer", false, nil, refuses("retention.ms", "records would be lost")},
		"retention longer, topic changed before": {
			windowsKept(2 * time.Hour), windowsKept(3 * time.Hour), "retention-longer", false,
			func(r *rig) { r.setRetention("count-counts-changelog", 3*hourMs+changelogMargin.Milliseconds()) }, goesOn,
		},
		"table gets a changelog": {tableOf(topology.SourceAsChangelog()), tableOf(), "table-gets-a-changelog", false, nil, refuses("the changelog ends before the state")},
		"topic becomes the changelog": {tableOf(), tableOf(topology.SourceAsChangelog()), "table-topic-as-changelog", false, nil, func(r *rig, err error) {
			if got := len(r.read("out")); err != nil || got != 200 {
				r.t.Errorf("%d results, error %v, want 200", got, err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				old, new := version(t, c.old), version(t, c.new)
				p := plan.Compare(old.Describe(), new.Describe(), nil)
				if !slices.ContainsFunc(p.Changes, func(change plan.Change) bool { return change.Kind == c.want }) {
					t.Fatalf("the plan is %+v, want %s", p, c.want)
				}
				r := newRig(t, map[string]int32{"in": 3, "out": 3})
				cfg := r.config("one")
				r.produce("in", traffic(0, 100, 3)...)
				before := r.start(old, cfg)
				before.awaitRunning()
				r.awaitCaughtUp("count", "in")
				before.mustEnd()
				if c.prepare != nil {
					c.prepare(r)
				}
				if c.loses {
					cfg.StateDir = t.TempDir()
				}
				r.produce("in", traffic(100, 100, 3)...)
				after := r.start(new, cfg)
				c.check(r, after.endCaughtUp(r))
			})
		})
	}
}

// endCaughtUp ends a process when it has processed everything, and is what Run returned if it ended before.
func (p *process) endCaughtUp(r *rig) error {
	for range 600 {
		select {
		case err := <-p.done:
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
	r.awaitCaughtUp(p.graph.Application, "in")
	return p.end()
}

func (r *rig) setRetention(topic string, ms int64) {
	r.t.Helper()
	value := strconv.FormatInt(ms, 10)
	changed, err := r.adm.AlterTopicConfigs(r.t.Context(), []kadm.AlterConfig{{Name: retentionMs, Value: &value}}, topic)
	if err != nil || changed[0].Err != nil {
		r.t.Fatal(err, changed)
	}
}
