package engine

import (
	"context"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// Each test here is about one trap of the client or the brokers that was measured before the engine was written.

func (r *rig) observe(keys ...kmsg.Key) *kfake.FaultHandle {
	return r.Fault(kfake.Fault{Keys: keys, Count: -1, Observe: true})
}

func joining(t *testing.T) *topology.Topology {
	b := topology.NewBuilder("join")
	rows := b.Table("rows", "rows", serde.String, serde.String)
	b.Stream("in", serde.String, serde.String).
		JoinTable(rows, func(_, left, right string) string { return left + "+" + right }).
		To("out")
	return must[*topology.Topology](t)(b.Build())
}

// Ending a transaction with nothing in it holds the session up for half a second, during which no rebalance can begin.
func TestTrapEmptyTransactionsAreNotMade(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		p := r.start(counting(t), r.config("one"))
		p.awaitRunning()
		ends := r.observe(kmsg.EndTxn, kmsg.TxnOffsetCommit)
		time.Sleep(30 * time.Second)
		if n := ends.Hits(); n != 0 {
			t.Errorf("an idle process made %d requests for transactions", n)
		}
		p.mustEnd()
	})
}

// A transaction that has nothing but offsets must be one for the client too: raw requests would be ignored. Offsets are
// committed under topic ids.
func TestTrapOffsetsOfFilteredRecordsAreCommitted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		b := topology.NewBuilder("filter")
		b.Stream("in", serde.String, serde.String).Filter(func(string, string) bool { return false }).To("out")
		topo := must[*topology.Topology](t)(b.Build())
		p := r.start(topo, r.config("one"))
		r.produce("in", traffic(0, 100, 3)...)
		r.awaitCaughtUp("filter", "in")
		p.mustEnd()
		r.wantCommitted("filter", "in", 0, 35)
	})
}

func (r *rig) wantCommitted(group, topic string, partition int32, offset int64) {
	r.t.Helper()
	offsets, err := r.adm.FetchOffsets(r.t.Context(), group)
	if err != nil {
		r.t.Fatal(err)
	}
	if o, _ := offsets.Lookup(topic, partition); o.At != offset {
		r.t.Errorf("committed offset of %s/%d is %d, want %d", topic, partition, o.At, offset)
	}
}

// When fewer records are committed than were polled, the client goes on, after an abort, behind the ones in between.
func TestTrapAbortSkipsNothingThatWasBuffered(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 1, "rows": 1, "out": 1})
			var seen tally
			c := r.config("one")
			c.Observer, c.Guarantee = &seen, g
			// Without a newer row the stream's records wait, and the row before them is committed.
			c.MaxTaskIdle = 15 * time.Second
			r.produce("rows", in{key: "k", value: "old", ms: 10})
			r.produce("in", in{"k", "a", 20, 0}, in{"k", "b", 30, 0}, in{"k", "c", 40, 0})
			p := r.start(joining(t), c)
			r.awaitCaughtUp("join", "rows")
			r.wantCommitted("join", "in", 0, 0)
			r.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit, kmsg.OffsetCommit}, Err: kerr.RebalanceInProgress, Count: 2})
			r.produce("rows", in{key: "k", value: "new", ms: 25})
			r.awaitCaughtUp("join", "rows", "in")
			p.mustEnd()
			if seen.aborts.Load() == 0 {
				t.Error("nothing was aborted")
			}
			counts := make(map[string]int)
			for _, rec := range r.read("out") {
				counts[string(rec.Value[:1])]++
			}
			for _, v := range []string{"a", "b", "c"} {
				if n := counts[v]; n == 0 || n > 1 && g == ExactlyOnce {
					t.Errorf("record %s came out %d times", v, n)
				}
			}
		})
	})
}

// An offset that is gone must stop the task: by default the client goes back a minute, or to the end, and says nothing.
func TestTrapLostRecordsAreAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		p := r.start(copying(t), r.config("one"))
		r.produce("in", traffic(0, 100, 1)...)
		r.awaitCaughtUp("copy", "in")
		p.mustEnd()
		r.produce("in", traffic(100, 100, 1)...)
		r.deleteBefore("in", 0, 150)
		err := r.start(copying(t), r.config("one")).wait()
		wantError(t, err, `topic "in", partition 0`, "expected offset 100, found 150")
	})
}

func (r *rig) deleteBefore(topic string, partition int32, offset int64) {
	r.t.Helper()
	purge := newPurger(r.adm, r.config("purge").Logger)
	purge.committed(topic, partition, offset)
	if err := purge.purge(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// A new group reads everything that is there: NoResetOffset alone would start at the end.
func TestTrapNewGroupStartsAtTheBeginning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		r.produce("in", traffic(0, 100, 1)...)
		r.deleteBefore("in", 0, 40) // which need not be offset 0
		p := r.start(copying(t), r.config("one"))
		r.awaitCaughtUp("copy", "in")
		p.mustEnd()
		if n := len(r.read("out")); n != 60 {
			t.Errorf("%d records came out, want 60", n)
		}
	})
}

// After a commit of which nobody knows how it ended the outcome must not be guessed.
func TestTrapAmbiguousCommit(t *testing.T) {
	for name, applied := range map[string]bool{"applied": true, "not applied": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, map[string]int32{"in": 3, "out": 2})
				p := r.start(counting(t), r.config("one"))
				p.awaitRunning()
				r.feed("count", 0, 300, time.Second)
				if applied {
					// This fake answers so after it did what was asked.
					r.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.RequestTimedOut, Count: 1})
				} else {
					r.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.UnknownServerError, Count: 1})
				}
				r.feed("count", 300, 300, time.Second)
				p.mustEnd()
				r.wantEachOnce("out", wantKeyed(600))
			})
		})
	}
}

// A task that writes without reading, from a schedule, must commit a position all the same: else the group does not fence it
// when it is a zombie (hard point 5).
func TestTrapEveryTransactionCommitsAPosition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		var without, with atomic.Int64
		offsets := make(map[string]bool)
		r.ControlKey(int16(kmsg.TxnOffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
			r.KeepControl()
			q := req.(*kmsg.TxnOffsetCommitRequest)
			offsets[q.TransactionalID] = len(q.Topics) > 0
			return nil, nil, false
		})
		r.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
			r.KeepControl()
			q := req.(*kmsg.EndTxnRequest)
			if q.Commit {
				if offsets[q.TransactionalID] {
					with.Add(1)
				} else {
					without.Add(1)
				}
				delete(offsets, q.TransactionalID)
			}
			return nil, nil, false
		})
		p := r.start(ticking(t, operators.WallClock), r.config("one"))
		p.awaitRunning()
		r.produce("in", in{key: "k", value: "v", ms: 1})
		time.Sleep(20 * time.Second)
		p.mustEnd()
		if with.Load() < 10 || without.Load() > 0 {
			t.Errorf("%d transactions with offsets, %d without", with.Load(), without.Load())
		}
	})
}

// ticking writes the time of a schedule every second.
func ticking(t *testing.T, clock operators.Clock) *topology.Topology {
	b := topology.NewBuilder("tick")
	b.Stream("in", serde.String, serde.String).
		Process(func(c *operators.Context, forward operators.Forward[string, int64]) (operators.Forward[string, string], error) {
			c.Schedule(time.Second, clock, func(ms int64) error {
				return forward(&operators.Record[string, int64]{Key: "tick", Value: c.StreamTime(), Timestamp: ms})
			})
			return func(*operators.Record[string, string]) error { return nil }, nil
		}).
		WithSerdes(serde.String, serde.Int64).
		To("out")
	return must[*topology.Topology](t)(b.Build())
}

// A task without a store keeps its stream time in the metadata of its offset: one that moves must not start at the beginning
// of time (hard point 2).
func TestTrapStreamTimeOfStatelessTasksIsDurable(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 1, "out": 1})
			c := r.config("one")
			c.Guarantee = g
			p := r.start(copying(t), c)
			r.produce("in", in{key: "k", value: "v", ms: 5000})
			r.awaitCaughtUp("copy", "in")
			p.mustEnd()
			c = r.config("two")
			c.Guarantee = g
			p = r.start(copying(t), c)
			p.awaitRunning()
			await(t, "the task to show its time", func() bool { return p.Tasks()[0].StreamTime == 5000 })
			p.mustEnd()
		})
	})
}

// At least once, time must not get ahead of the state and outputs that belong to it: else what is read again is late.
func TestTrapTimeIsLoggedLast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		c := r.config("one")
		c.Guarantee = AtLeastOnce
		p := r.start(counting(t), c)
		p.awaitRunning()
		// Outputs are refused for two seconds.
		refused := r.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.NotEnoughReplicas, Count: -1})
		r.produce("in", traffic(0, 100, 1)...)
		time.Sleep(2 * time.Second)
		if got := kinds(r.read("count-counts-changelog")); got[0] != 17 || got[1] != 0 {
			t.Errorf("before the outputs are acknowledged there are %v rows and times in the changelog, want 17 and 0", got)
		}
		refused.Remove()
		r.awaitCaughtUp("count", "in")
		if got := kinds(r.read("count-counts-changelog")); got[0] != 17 || got[1] != 1 {
			t.Errorf("at the end there are %v rows and times in the changelog, want 17 and 1", got)
		}
		p.mustEnd()
	})
}

func kinds(records []*kgo.Record) (n [2]int) {
	for _, rec := range records {
		n[rec.Key[0]]++
	}
	return n
}

// The last records of an input may be a marker, or aborted: nothing that a task could see. It must not wait for them
// (hard point 6).
func TestTrapMarkersAtTheEndOfAnInputAreNotWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "rows": 1, "out": 1})
		r.produce("rows", in{key: "k", value: "row", ms: 10})
		aborted := r.openTransaction("writer", "rows", 0)
		if err := aborted.EndTransaction(context.Background(), kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		r.produce("in", in{key: "k", value: "v", ms: 20})
		p := r.start(joining(t), r.config("one"))
		r.awaitCaughtUp("join", "in", "rows")
		p.mustEnd()
		if got := r.read("out"); len(got) != 1 || string(got[0].Value) != "v+row" {
			t.Errorf("got %v", got)
		}
	})
}

// An input that nobody ever wrote to has nothing to wait for either.
func TestTrapEmptyInputIsNotWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "rows": 1, "out": 1})
		r.produce("in", in{key: "k", value: "v", ms: 20})
		p := r.start(joining(t), r.config("one"))
		r.awaitCaughtUp("join", "in")
		p.mustEnd()
	})
}

// The buffers of a task that merges are bounded, and the bound must not stop what it waits for.
func TestTrapBoundedBuffersDoNotStopAJoin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "rows": 1, "out": 1})
		c := r.config("one")
		c.BufferBytes, c.BufferResumeBytes, c.FetchBytes = 64<<10, 16<<10, 32<<10
		c.MaxTaskIdle = 15 * time.Second
		r.produce("rows", in{key: "k", value: "first", ms: 0})
		var late, early []in
		for i := range 2000 {
			late = append(late, in{key: "k", value: string(make([]byte, 100)), ms: int64(1_000_000 + i)})
			early = append(early, in{key: "k", value: string(make([]byte, 1000)), ms: int64(i)})
		}
		p := r.start(joining(t), c)
		for i := range 20 {
			r.produce("in", late[i*100:(i+1)*100]...)
			time.Sleep(200 * time.Millisecond)
		}
		var most int64
		paused := false
		for _, input := range p.Tasks()[0].Inputs {
			most = max(most, input.BufferedBytes)
			paused = paused || input.Paused
		}
		r.produce("rows", early...)
		r.awaitCaughtUp("join", "in", "rows")
		p.mustEnd()
		if !paused {
			t.Error("no input was ever paused")
		}
		if n := len(r.read("out")); n != 2000 {
			t.Errorf("%d records came out", n)
		}
		if most < c.BufferBytes || most > c.BufferBytes+2*int64(c.FetchBytes) {
			t.Errorf("%d bytes were buffered, want %d and a fetch", most, c.BufferBytes)
		}
	})
}

// State that has not seen its changelog for longer than deletes are kept in there is built anew (hard point 7).
func TestTrapOldStateIsBuiltAnew(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		c := r.config("one")
		p := r.start(counting(t), c)
		r.feed("count", 0, 500, time.Second)
		p.mustEnd()
		// Another instance goes on meanwhile: what is kept is not only old, it is behind.
		p = r.start(counting(t), r.config("two"))
		r.feed("count", 500, 250, time.Second)
		p.mustEnd()
		time.Sleep(DeleteRetention/2 + time.Minute)
		p = r.start(counting(t), c)
		p.awaitRunning()
		if got := p.restored(); got.Rebuilt != 3 || got.Records == 0 {
			t.Errorf("restored %+v, want three stores built anew", got)
		}
		r.feed("count", 750, 250, time.Second)
		p.mustEnd()
		if got, want := r.counts("out"), wantKeyed(1000); !maps.Equal(got, want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
	})
}

// The hook that breaks the commit order loses records when a process dies: a test that passes with it shows nothing.
func TestFaultOffsetsFirstLosesRecords(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		c := r.config("one")
		// The process dies after the fault has committed the offsets, and long before its first transaction ends.
		c.CommitInterval = 9 * time.Second
		c.Faults.OffsetsFirst = true
		p := r.start(counting(t), c)
		p.awaitRunning()
		r.produce("in", traffic(0, 500, 3)...)
		r.awaitCaughtUp("count", "in")
		p.kill()
		c.Faults.OffsetsFirst = false
		p = r.start(counting(t), c)
		r.produce("in", traffic(500, 500, 3)...)
		r.awaitCaughtUp("count", "in")
		p.mustEnd()
		if maps.Equal(r.counts("out"), wantKeyed(1000)) {
			t.Error("nothing was lost")
		}
	})
}

// Brokers refuse the first records of a transaction while they write the markers of the one before (KIP-890), and the client
// then asks for metadata before it sends them again. That must not take the seconds that it waits by default.
func TestTrapRefusedRecordsAreSentAgainAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		c := r.config("one")
		c.tune = nil
		p := r.start(counting(t), c)
		p.awaitRunning()
		refused := r.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "out", Err: kerr.ConcurrentTransactions, Count: 3})
		began := time.Now()
		r.produce("in", traffic(0, 100, 1)...)
		r.awaitCaughtUp("count", "in")
		if took := time.Since(began); took > time.Second || refused.Hits() != 3 {
			t.Errorf("with %d refusals it took %v, want 3 and at most a second", refused.Hits(), took)
		}
		p.mustEnd()
	})
}
