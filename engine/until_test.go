package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// application counts by value behind a repartition topic.
func application(t *testing.T, name string) *topology.Topology {
	b := topology.NewBuilder(name)
	b.Stream("in", serde.String, serde.String).GroupBy(func(_, v string) string { return v }).Count("counts").ToStream().To("out")
	return must[*topology.Topology](t)(b.Build())
}

func wantByValue(n int) map[string]int64 {
	want := make(map[string]int64)
	for _, i := range traffic(0, n, 1) {
		want[i.value]++
	}
	return want
}

// A new application takes an output over from the old one: the old one stops anywhere and drains, the new one catches up without
// writing, and goes on. Each update of each key is there once.
func TestSwitchOver(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		for _, after := range []time.Duration{0, 130, 350} {
			t.Run(fmt.Sprint(int64(after)), func(t *testing.T) {
				bubble(t, func(t *testing.T) { switchOver(t, g, after*time.Millisecond) })
			})
		}
	})
}

func switchOver(t *testing.T, g Guarantee, after time.Duration) {
	r := newRig(t, map[string]int32{"in": 3, "out": 1})
	config := func(workers int) Config {
		c := r.config("")
		c.Guarantee, c.Workers, c.StopPolicy = g, workers, Handover
		return c
	}
	old, new := application(t, "old"), application(t, "new")
	oldConfig, newConfig := config(1), config(2)
	r.produce("in", traffic(0, 100, 3)...)
	p := r.start(old, oldConfig)
	p.awaitRunning()
	r.produce("in", traffic(100, 200, 3)...)
	time.Sleep(after)

	// The new one catches up while the old one runs, which changes nothing.
	catchUp := func() {
		c := newConfig
		c.Mute = true
		c.Until = must[Marks](t)(CommittedMarks(t.Context(), new, c, "old"))
		if err := r.start(new, c).wait(); err != nil {
			t.Fatalf("catch up: %v", err)
		}
	}
	catchUp()
	r.produce("in", traffic(300, 100, 3)...)
	time.Sleep(after / 2)
	p.mustEnd()
	r.produce("in", traffic(400, 100, 3)...)

	drained := oldConfig
	drained.Until = must[Marks](t)(CommittedMarks(t.Context(), old, oldConfig, "old"))
	if err := r.start(old, drained).wait(); err != nil {
		t.Fatalf("drain: %v", err)
	}
	group := must[*Group](t)(GroupOf(t.Context(), oldConfig, "old"))
	if len(group.Members) > 0 || len(group.Behind) > 0 {
		t.Fatalf("the old group is %+v after it was drained", group)
	}
	written := len(r.read("out"))
	before := must[Marks](t)(CommittedMarks(t.Context(), old, oldConfig, "old"))
	var read int64
	for _, at := range before["in"] {
		read += at
	}
	if int64(written) != read {
		t.Fatalf("the old one has read %d records and written %d", read, written)
	}
	catchUp()
	if n := len(r.read("out")); n != written {
		t.Fatalf("while it caught up the new one has written %d results", n-written)
	}
	at := must[Marks](t)(CommittedMarks(t.Context(), new, newConfig, "new"))
	if fmt.Sprint(at) != fmt.Sprint(before) {
		t.Errorf("the new one is at %v, want %v", at, before)
	}
	q := r.start(new, newConfig)
	q.awaitRunning()
	r.produce("in", traffic(500, 100, 3)...)
	r.awaitCaughtUp("new", "in")
	r.awaitCaughtUp("new", "new-counts-repartition")
	q.mustEnd()
	r.wantEachOnce("out", wantByValue(600))
}

func TestMarksThatDoNotFit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 2, "out": 1})
		c := r.config("one")
		c.Until = Marks{"in": {0: 0}}
		wantError(t, r.start(application(t, "some"), c).wait(), `Until has no mark for topic "in", partition 1`)
		r.produce("in", traffic(0, 10, 2)...)
		c.Until = nil
		p := r.start(application(t, "some"), c)
		p.awaitRunning()
		r.awaitCaughtUp("some", "in")
		p.mustEnd()
		c.Until = Marks{"in": {0: 1, 1: 1}}
		wantError(t, r.start(application(t, "some"), c).wait(), `Until is 1 for topic "in", partition 0, of which group "some" has processed`)
	})
}

// Marks are met behind the markers of transactions, and the topic's own end does not matter.
func TestMarksBehindTransactions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		open := r.openTransaction("writer", "in", 0)
		if err := open.EndTransaction(context.Background(), kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		open.Close()
		c := r.config("one")
		for _, mark := range []int64{1, 2} { // the marker is at 1
			c.Until = Marks{"in": {0: mark}}
			if err := r.start(application(t, "some"), c).wait(); err != nil {
				t.Fatal(err)
			}
			at := must[Marks](t)(CommittedMarks(t.Context(), application(t, "some"), c, "some"))
			if at["in"][0] != mark {
				t.Errorf("committed is %d, want %d", at["in"][0], mark)
			}
		}
		if n := len(r.read("out")); n != 1 {
			t.Errorf("%d results, want 1", n)
		}
	})
}
