package engine

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A partition that is lost and comes again before the worker looks must not be fetched before its new task runs: what came
// until then would be passed over.
func TestLostPartitionsThatComeAgainStayPaused(t *testing.T) {
	client := must[*kgo.Client](t)(kgo.NewClient())
	defer client.Close()
	w := &worker{client: client, feeds: make(map[topicPartition]*feed), byTopic: make(map[string][]*feed)}
	w.group.wake = func() {}
	in := map[string][]int32{"in": {0}}
	w.addPartitions(in)
	w.group.onLost(t.Context(), client, in)
	w.group.onAssigned(t.Context(), client, in)
	w.removePartitions(in)
	w.addPartitions(in)
	if paused := client.PauseFetchPartitions(nil); len(paused["in"]) != 1 {
		t.Errorf("paused are %v", paused)
	}
}

// A planned rebalance waits for the commit, so it aborts nothing (hard point 12).
func TestPlannedRebalanceAbortsNothing(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 3, "out": 2})
			var seen [2]tally
			first, second := r.config("one"), r.config("two")
			first.Guarantee, second.Guarantee = g, g
			first.Observer, second.Observer = &seen[0], &seen[1]
			first.Workers = 2
			a := r.start(counting(t), first)
			a.awaitRunning()
			go func() {
				time.Sleep(3 * time.Second)
				second.StopPolicy = Handover
				b := r.start(counting(t), second)
				time.Sleep(10 * time.Second)
				b.mustEnd()
			}()
			r.feed("count", 0, 5000, 20*time.Second)
			a.mustEnd()
			r.wantEachOnce("out", wantKeyed(5000))
			for i := range seen {
				if n := seen[i].aborts.Load(); n != 0 {
					t.Errorf("process %d: %d transactions were aborted", i, n)
				}
			}
			if seen[1].commits.Load() == 0 {
				t.Error("the second process had no part in it")
			}
		})
	})
}

func TestHandoverIsImmediate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		first, second := r.config("one"), r.config("two")
		first.StopPolicy, second.StopPolicy = Handover, Handover
		a, b := r.start(counting(t), first), r.start(counting(t), second)
		a.awaitRunning()
		b.awaitRunning()
		r.feed("count", 0, 500, time.Second)
		a.mustEnd()
		began := time.Now()
		await(t, "the other process to have everything", func() bool { return len(b.Tasks()) == 3 && b.Ready() })
		// The remaining member hears of it with its next heartbeat.
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
		r.feed("count", 500, 500, time.Second)
		b.mustEnd()
		r.wantEachOnce("out", wantKeyed(1000))
	})
}

// The fake broker rebalances a group when a static member is back, since its metadata says what it owned before; Kafka does
// not. In both cases it must have its partitions back without a session timeout.
func TestStayTakesThePartitionsBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		first, second := r.config("one"), r.config("two")
		a, b := r.start(counting(t), first), r.start(counting(t), second)
		a.awaitRunning()
		await(t, "tasks on both", func() bool { return len(a.Tasks()) > 0 && len(b.Tasks()) > 0 && a.Ready() && b.Ready() })
		r.feed("count", 0, 500, time.Second)
		had := len(a.Tasks())
		a.mustEnd()
		time.Sleep(2 * time.Second)
		a = r.start(counting(t), first)
		began := time.Now()
		a.awaitRunning()
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v to run again", took)
		}
		r.feed("count", 500, 500, time.Second)
		if len(a.Tasks()) != had {
			t.Errorf("%d tasks, before %d", len(a.Tasks()), had)
		}
		a.mustEnd()
		b.mustEnd()
		r.wantEachOnce("out", wantKeyed(1000))
	})
}

func TestKilledProcessIsReplaced(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 3, "out": 2})
			first, second := r.config("one"), r.config("two")
			first.Guarantee, second.Guarantee = g, g
			a, b := r.start(windowedCount(t), first), r.start(windowedCount(t), second)
			a.awaitRunning()
			b.awaitRunning()
			killed := make(chan struct{})
			go func() {
				defer close(killed)
				time.Sleep(3*time.Second + 50*time.Millisecond)
				a.kill()
			}()
			r.feed("windowed", 0, 2000, 20*time.Second)
			r.awaitCaughtUp("windowed", "windowed-by-value-repartition")
			<-killed
			b.mustEnd()
			if g == ExactlyOnce {
				r.wantEachOnce("out", wantWindowed(2000))
				return
			}
			got := r.counts("out")
			for k, n := range wantWindowed(2000) {
				if got[k] < n {
					t.Errorf("%s: last count is %d, want at least %d", k, got[k], n)
				}
			}
		})
	})
}

// A run with fewer workers takes the members that it does not have any more out of the group, or their partitions would
// stand still until the session timeout.
func TestUnusedMembersLeave(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		c := r.config("one")
		c.Workers = 3
		c.SessionTimeout = 5 * time.Minute
		p := r.start(counting(t), c)
		p.awaitRunning()
		r.feed("count", 0, 300, time.Second)
		p.mustEnd()
		c.Workers = 1
		p = r.start(counting(t), c)
		began := time.Now()
		await(t, "one worker to have all tasks", func() bool { return len(p.Tasks()) == 3 && p.Ready() })
		if took := time.Since(began); took > 100*time.Second {
			t.Errorf("it took %v", took)
		}
		r.feed("count", 300, 300, time.Second)
		p.mustEnd()
		r.wantEachOnce("out", wantKeyed(600))
	})
}
