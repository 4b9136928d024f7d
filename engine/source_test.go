package engine

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

func copyingFrom(t *testing.T, p topology.StartPosition) *topology.Topology {
	b := topology.NewBuilder("copy")
	b.Stream("in", serde.String, serde.String, topology.StartFrom(p)).To("out")
	return must[*topology.Topology](t)(b.Build())
}

// Where a group begins that has committed nothing; afterwards only its offsets count.
func TestStartFrom(t *testing.T) {
	for name, c := range map[string]struct {
		from topology.StartPosition
		want string
	}{
		"earliest": {topology.Earliest(), "[old young new later]"},
		"ago":      {topology.Ago(90 * time.Minute), "[young new later]"},
		"latest":   {topology.Latest(), "[new later]"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, map[string]int32{"in": 1, "out": 1})
				now := time.Now()
				r.produce("in", in{"k", "old", now.Add(-2 * time.Hour).UnixMilli(), 0}, in{"k", "young", now.Add(-time.Hour).UnixMilli(), 0})
				cfg := r.config("one")
				p := r.start(copyingFrom(t, c.from), cfg)
				p.awaitRunning()
				// A position that was found is committed before it is left, or what comes meanwhile would be skipped.
				await(t, "the start to be committed", func() bool {
					committed, err := r.adm.FetchOffsets(t.Context(), "copy")
					_, ok := committed.Lookup("in", 0)
					return err == nil && ok
				})
				p.mustEnd()
				r.produce("in", in{"k", "new", now.UnixMilli(), 0})
				p = r.start(copyingFrom(t, c.from), cfg)
				r.produce("in", in{"k", "later", now.UnixMilli(), 0})
				r.awaitCaughtUp("copy", "in")
				p.mustEnd()
				var got []string
				for _, rec := range r.read("out") {
					got = append(got, string(rec.Value))
				}
				if fmt.Sprint(got) != c.want {
					t.Errorf("got %v, want %s", got, c.want)
				}
			})
		})
	}
}

func TestStartFromCommittedOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		r.produce("in", in{"k", "v", 1, 0})
		err := r.start(copyingFrom(t, topology.CommittedOnly()), r.config("one")).wait()
		wantError(t, err, `group "copy" has committed no offset of topic "in", partition 0`)

		p := r.start(copying(t), r.config("two"))
		r.awaitCaughtUp("copy", "in")
		p.mustEnd()
		p = r.start(copyingFrom(t, topology.CommittedOnly()), r.config("three"))
		r.produce("in", in{"k", "w", 2, 0})
		r.awaitCaughtUp("copy", "in")
		p.mustEnd()
	})
}

// The state of a table without a changelog is the same after the loss of the disk.
func TestSourceAsChangelogRestoresTheSame(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 3, "asked": 3, "out": 3})
			b := topology.NewBuilder("rows")
			rows := b.Table("in", "rows", serde.String, serde.String, topology.SourceAsChangelog())
			b.Stream("asked", serde.String, serde.String).LeftJoinTable(rows, func(_, _ string, row serde.Optional[string]) string {
				return fmt.Sprint(row.Value, row.OK)
			}).To("out")
			topo := must[*topology.Topology](t)(b.Build())
			c := r.config("one")
			c.Guarantee = g
			p := r.start(topo, c)
			r.produce("in", traffic(0, 500, 3)...)
			r.awaitCaughtUp("rows", "in")
			p.mustEnd()
			if topics, err := r.adm.ListTopics(t.Context()); err != nil || topics.Has("rows-rows-changelog") {
				t.Errorf("topics are %v, %v", topics.Names(), err)
			}
			p = r.start(topo, c)
			p.awaitRunning()
			if got := p.restored(); got != (RestoreProgress{Kept: 3}) {
				t.Errorf("with the disk: restored %+v, want three kept stores and no record", got)
			}
			p.mustEnd()

			c.StateDir = t.TempDir()
			p = r.start(topo, c)
			p.awaitRunning()
			if got := p.restored(); got.Records == 0 || got.Empty != 3 {
				t.Errorf("without the disk: restored %+v, want all rows of three empty stores", got)
			}
			r.produce("in", traffic(500, 7, 3)...)
			r.awaitCaughtUp("rows", "in")
			want := make(map[string]string)
			for _, i := range traffic(0, 507, 3) {
				want[i.key] = i.value + "true"
			}
			for k := range want {
				part := slices.IndexFunc(traffic(0, 17, 3), func(i in) bool { return i.key == k })
				r.produce("asked", in{k, "?", 1 << 30, traffic(0, 17, 3)[part].partition})
			}
			r.awaitCaughtUp("rows", "asked")
			p.mustEnd()
			got := make(map[string]string)
			for _, rec := range r.read("out") {
				got[string(rec.Key)] = string(rec.Value)
			}
			if !maps.Equal(got, want) {
				t.Errorf("got %v\nwant %v", got, want)
			}
		})
	})
}

// A table on its own topic was read on by another instance while this one was down, for longer than the topic is sure to have
// kept deletes: what this one kept may hold rows that are gone.
func TestTableThatMayHaveMissedDeletesIsBuiltAnew(t *testing.T) {
	for _, c := range []struct {
		policy, retentionMs string
		rebuilt             int64
	}{{"compact", "14400000", 1}, {"compact", "86400000", 0}, {"delete", "14400000", 0}} {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 1, "out": 1})
			if _, err := r.adm.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{
				{Op: kadm.SetConfig, Name: cleanupPolicy, Value: &c.policy}, {Op: kadm.SetConfig, Name: deleteRetention, Value: &c.retentionMs},
			}, "in"); err != nil {
				t.Fatal(err)
			}
			b := topology.NewBuilder("rows")
			b.Table("in", "rows", serde.String, serde.String, topology.SourceAsChangelog()).ToStream().To("out")
			topo := must[*topology.Topology](t)(b.Build())
			run := func(cfg Config, from int) RestoreProgress {
				p := r.start(topo, cfg)
				p.awaitRunning()
				restored := p.restored()
				records := traffic(from, 10, 1)
				for i := range records {
					records[i].ms = time.Now().UnixMilli()
				}
				r.produce("in", records...)
				r.awaitCaughtUp("rows", "in")
				p.mustEnd()
				return restored
			}
			one, two := r.config("one"), r.config("two")
			one.StopPolicy, two.StopPolicy = Handover, Handover
			run(one, 0)
			run(two, 10)
			time.Sleep(3 * time.Hour)
			if got := run(one, 20); int64(got.Rebuilt) != c.rebuilt || got.Records == 0 {
				t.Errorf("%s, deletes kept for %s ms: restored %+v, want %d rebuilt", c.policy, c.retentionMs, got, c.rebuilt)
			}
		})
	}
}

func TestTopicsChosenByRecord(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 1, "eu": 3, "us": 1})
			b := topology.NewBuilder("route")
			b.Stream("in", serde.String, serde.String).ToChosen(func(_, v string, _ operators.RecordContext) string { return v }, topology.Named("route"))
			topo := must[*topology.Topology](t)(b.Build())
			c := r.config("one")
			c.Guarantee = g
			p := r.start(topo, c)
			r.produce("in", in{"a", "eu", 1, 0}, in{"b", "us", 2, 0}, in{"a", "eu", 3, 0})
			r.awaitCaughtUp("route", "in")
			if eu, us := r.read("eu"), r.read("us"); len(eu) != 2 || len(us) != 1 || eu[0].Partition != operators.KeyPartition([]byte("a"), 3) {
				t.Errorf("eu has %v, us has %v", eu, us)
			}
			r.produce("in", in{"a", "mars", 4, 0})
			wantError(t, p.wait(), `operator "route", task 0_0, topic "in", partition 0`, `chosen topic "mars": it does not exist`)
		})
	})
}
