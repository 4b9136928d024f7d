package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// remote is a pipe that calls a service that takes 10 ms.
func remote(calls *atomic.Int64) pipes.Pipe[string, string] {
	return pipes.Func[string, string](func(ctx context.Context, v string) (string, error) {
		calls.Add(1)
		select {
		case <-time.After(10 * time.Millisecond):
			return v, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
}

func calling(t *testing.T, p pipes.Pipe[string, string], store string, opts ...topology.NodeOption) *topology.Topology {
	b := topology.NewBuilder("call")
	b.Stream("in", serde.String, serde.String).Through[string](p, store, opts...).To("out")
	return must[*topology.Topology](t)(b.Build())
}

// TestCallsGoOnBesideCommits runs 100 calls of 10 ms at once, which could be 10,000 a second, on one partition with a commit
// every 100 ms. Virtual time counts what is waited for, not what is computed.
func TestCallsGoOnBesideCommits(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			const n = 10_000
			r := newRig(t, map[string]int32{"in": 1, "out": 1})
			c := r.config("one")
			c.Guarantee, c.CommitInterval = g, 100*time.Millisecond
			for _, part := range chunks(numbered(n), 1000) {
				r.produce("in", part...)
			}
			var calls atomic.Int64
			p := r.start(calling(t, remote(&calls), "calls", topology.Concurrency(100)), c)
			p.awaitRunning()
			began := time.Now()
			r.awaitCaughtUp("call", "in")
			await(t, "all results", func() bool { return len(r.read("out")) == n })
			if took := time.Since(began); took > n*time.Second/9_000 {
				t.Errorf("%d calls took %v, want at least 9,000 a second", n, took)
			}
			p.mustEnd()
			r.wantNumbered(n)
			if got := calls.Load(); got != n {
				t.Errorf("%d calls of %d records", got, n)
			}
		})
	})
}

// numbered are records with a key of their own.
func numbered(n int) []in {
	ins := make([]in, n)
	for i := range ins {
		ins[i] = in{key: fmt.Sprint(i), value: fmt.Sprint(i), ms: int64(i)}
	}
	return ins
}

// wantNumbered wants each of them in the output once.
func (r *rig) wantNumbered(n int) {
	r.t.Helper()
	seen := make(map[string]bool)
	for _, rec := range r.read("out") {
		if seen[string(rec.Key)] || string(rec.Key) != string(rec.Value) {
			r.t.Errorf("result %s=%s, seen %v", rec.Key, rec.Value, seen[string(rec.Key)])
		}
		seen[string(rec.Key)] = true
	}
	if len(seen) != n {
		r.t.Errorf("%d results, want %d", len(seen), n)
	}
}

func chunks(all []in, size int) (parts [][]in) {
	for len(all) > size {
		parts, all = append(parts, all[:size]), all[size:]
	}
	return append(parts, all)
}

// What is in flight when the application stops is called again by the next one, and what is in flight at a commit does not
// hold it up.
func TestCallsInFlightOutliveAStop(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 1, "out": 1})
			c := r.config("one")
			c.Guarantee = g
			var hang atomic.Bool
			hang.Store(true)
			p := pipes.Func[string, string](func(ctx context.Context, v string) (string, error) {
				if hang.Load() {
					<-ctx.Done()
					return "", ctx.Err()
				}
				return v, nil
			})
			topo := calling(t, p, "calls", topology.Concurrency(10))
			first := r.start(topo, c)
			first.awaitRunning()
			r.produce("in", numbered(15)...)
			r.awaitCaughtUp("call", "in") // committed, and in flight
			began := time.Now()
			first.mustEnd()
			if took := time.Since(began); took > time.Second {
				t.Errorf("the stop took %v", took)
			}
			if n := len(r.read("out")); n > 0 {
				t.Fatalf("%d results of calls that hang", n)
			}
			hang.Store(false)
			second := r.start(topo, c)
			await(t, "all results", func() bool { return len(r.read("out")) == 15 })
			second.mustEnd()
			r.wantNumbered(15)
		})
	})
}

// A pipe that waits on the task's goroutine does not hold up commits for longer than a few of its calls.
func TestSlowPipesDoNotHoldUpCommits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		c := r.config("one")
		c.CommitInterval = 100 * time.Millisecond
		o := &commitGaps{}
		c.Observer = o
		r.produce("in", numbered(500)...)
		var calls atomic.Int64
		p := r.start(calling(t, remote(&calls), ""), c)
		await(t, "all results", func() bool { return len(r.read("out")) == 500 })
		p.mustEnd()
		if o.most > 200*time.Millisecond {
			t.Errorf("%v passed between two commits", o.most)
		}
	})
}

type commitGaps struct {
	NoObserver
	last time.Time
	most time.Duration
}

func (o *commitGaps) CommitEnded(CommitInfo) {
	now := time.Now()
	if !o.last.IsZero() {
		o.most = max(o.most, now.Sub(o.last))
	}
	o.last = now
}

// An error of the policy's stops the application, with the place of the record, also when others are in flight.
func TestFailureBesideStopsTheApp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		p := pipes.Func[string, string](func(ctx context.Context, v string) (string, error) {
			if v == "2" {
				return "", fmt.Errorf("no %s", v)
			}
			<-ctx.Done()
			return "", ctx.Err()
		})
		app := r.start(calling(t, p, "calls", topology.Concurrency(10), topology.Ordering(operators.Unordered), topology.Named("ask")), r.config("one"))
		r.produce("in", in{key: "a", value: "1"}, in{key: "b", value: "2"}, in{key: "c", value: "3"})
		wantError(t, app.wait(), `operator "ask"`, `offset 1`, `key "b"`, "no 2")
	})
}
