package engine

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

func TestRestartOnKeptStateRestoresOnlyTheTail(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 3, "out": 2})
			c := r.config("one")
			c.Guarantee = g
			p := r.start(counting(t), c)
			for i := range 10 {
				r.produce("in", traffic(i*100, 100, 3)...)
				r.awaitCaughtUp("count", "in")
			}
			p.mustEnd()
			p = r.start(counting(t), c)
			p.awaitRunning()
			// What was committed last is applied before the process ends, so there is no tail, but for its marker.
			if got := p.restored(); got != (RestoreProgress{Kept: 3}) {
				t.Errorf("after a stop: restored %+v, want three kept stores and no record", got)
			}
			r.produce("in", traffic(1000, 100, 3)...)
			r.awaitCaughtUp("count", "in")
			p.kill()
			p = r.start(counting(t), c)
			p.awaitRunning()
			if got := p.restored(); got.Records > 2*17 || got.Kept != 3 {
				t.Errorf("after a kill: restored %+v, want the records of two commits at most", got)
			}
			r.produce("in", traffic(1100, 100, 3)...)
			r.awaitCaughtUp("count", "in")
			p.mustEnd()
			if got, want := r.counts("out"), wantKeyed(1200); !maps.Equal(got, want) {
				t.Errorf("got %v\nwant %v", got, want)
			}
		})
	})
}

func TestRestartOnEmptyStateRestoresTheSame(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 3, "out": 2})
			c := r.config("one")
			c.Guarantee = g
			p := r.start(windowedCount(t), c)
			r.produce("in", traffic(0, 1000, 3)...)
			r.awaitCaughtUp("windowed", "in")
			r.awaitCaughtUp("windowed", "windowed-by-value-repartition")
			p.mustEnd()
			c.StateDir = t.TempDir()
			p = r.start(windowedCount(t), c)
			p.awaitRunning()
			if got := p.restored(); got.Records == 0 || got.Empty != 3 {
				t.Errorf("restored %+v, want all rows of three empty stores", got)
			}
			r.produce("in", traffic(1000, 1000, 3)...)
			r.awaitCaughtUp("windowed", "in")
			r.awaitCaughtUp("windowed", "windowed-by-value-repartition")
			p.mustEnd()
			if got, want := r.counts("out"), wantWindowed(2000); !maps.Equal(got, want) {
				t.Errorf("got %v\nwant %v", got, want)
			}
		})
	})
}

func TestInMemoryStoreIsRestoredAtEveryStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		b := topology.NewBuilder("count")
		b.Stream("in", serde.String, serde.String).GroupByKey().Count("counts", topology.InMemory()).ToStream().To("out")
		topo := must[*topology.Topology](t)(b.Build())
		c := r.config("one")
		for i := range 3 {
			p := r.start(topo, c)
			p.awaitRunning()
			if got := p.restored(); i > 0 && (got.Records < 17 || got.Empty != 3) {
				t.Errorf("start %d: restored %+v", i, got)
			}
			r.produce("in", traffic(i*500, 500, 3)...)
			r.awaitCaughtUp("count", "in")
			p.mustEnd()
		}
		if got, want := r.counts("out"), wantKeyed(1500); !maps.Equal(got, want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
	})
}

// The open transaction of a killed process must not hold up, or be part of, what its successor restores.
func TestSuccessorFencesTheDeadOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		p := r.start(counting(t), r.config("one"))
		r.produce("in", traffic(0, 500, 3)...)
		r.awaitCaughtUp("count", "in")
		p.kill()
		dead := r.openTransaction("count-gone-0", "count-counts-changelog", 0)
		defer dead.Close()

		p = r.start(counting(t), r.config("two"))
		began := time.Now()
		p.awaitRunning()
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("it took %v, the session timeout is 10 s and that of the transaction a minute", took)
		}
		r.produce("in", traffic(500, 500, 3)...)
		r.awaitCaughtUp("count", "in")
		p.mustEnd()
		if got, want := r.counts("out"), wantKeyed(1000); !maps.Equal(got, want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
	})
}

func TestChangelogShorterThanStateIsDataLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		c := r.config("one")
		p := r.start(counting(t), c)
		r.produce("in", traffic(0, 100, 1)...)
		r.awaitCaughtUp("count", "in")
		p.mustEnd()
		if _, err := r.adm.DeleteTopics(t.Context(), "count-counts-changelog"); err != nil {
			t.Fatal(err)
		}
		err := r.start(counting(t), c).wait()
		want := fmt.Sprintf("topic %q, partition 0: expected offset", "count-counts-changelog")
		wantError(t, err, want, "found 0")
	})
}

// A client that has forgotten a partition is replaced, and the restore goes on where it was.
func TestStalledRestoreGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"log": 1})
		var records []*kgo.Record
		for i := range 10 {
			records = append(records, &kgo.Record{
				Topic: "log", Key: append(state.AppendChangelogKey(nil, state.RowRecord, nil), byte(i)), Value: state.AppendRowValue(nil, 1, []byte("v")),
			})
		}
		if err := r.cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		backend := state.NewMemory()
		defer backend.Close()
		p := must[state.Partition](t)(backend.Acquire(t.Context(), state.StoreID{Name: "rows", Kind: state.KindKeyValue}))
		defer p.Release()
		c := r.config("one").withDefaults()
		rs := newRestorer(&App{cfg: c, adm: r.adm})
		defer rs.closeClient()
		j := &restore{
			ctx: t.Context(), store: &graph.Store{Name: "rows"}, partition: p, target: p, topic: "log", end: 10, shown: new(restoreProgress),
			done: make(chan error, 1), until: -1,
		}
		rs.add(j)
		rs.cl.RemoveConsumePartitions(map[string][]int32{"log": {0}})
		for began := time.Now(); len(rs.running) > 0; {
			rs.turn(t.Context())
			if time.Since(began) > time.Minute {
				t.Fatal("it stands still")
			}
		}
		if err := <-j.done; err != nil || j.records != 10 {
			t.Errorf("restored %d records: %v", j.records, err)
		}
	})
}
