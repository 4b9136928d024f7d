//go:build integration

package integration_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// TestCallsAtOnce measures a pipe that waits 10 ms for each record, on one partition with exactly-once: up to 100 at once, and
// one by one. CALLS is the number of records of the first. Timers are late, on a busy machine very, so what is looked at is how
// much of the time there were as many calls as there may be; engine.TestCallsGoOnBesideCommits holds the figure itself.
func TestCallsAtOnce(t *testing.T) {
	c := connect(t)
	for _, way := range []struct {
		name   string
		n      int
		atOnce float64
		store  string
		opts   []topology.NodeOption
	}{
		{"100 at once", setting(t, "CALLS", 50_000), 100, "calls", []topology.NodeOption{topology.Concurrency(100)}},
		{"one by one", 300, 1, "", nil},
	} {
		t.Run(way.name, func(t *testing.T) {
			perSecond, mean := c.call(way.n, way.store, way.opts...)
			used := perSecond * mean.Seconds() / way.atOnce
			t.Logf("%.0f calls a second, which took %v each: %.0f %% of what can be", perSecond, mean.Round(10*time.Microsecond), 100*used)
			if used < 0.25 { // far above one by one, also on a machine that does other things
				t.Errorf("calls were made %.0f %% of the time", 100*used)
			}
		})
	}
}

// call returns how many calls a second are made of n records, and how long one takes.
func (c *cluster) call(n int, store string, opts ...topology.NodeOption) (perSecond float64, mean time.Duration) {
	application := fmt.Sprintf("integration-calls-%d", n) // the client remembers topics of the same name
	in, out := application+"-in", application+"-out"
	c.clean(application, in, out)
	c.create(1, keepAll, in, out)
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: in, Key: fmt.Append(nil, i), Value: binary.BigEndian.AppendUint64(nil, uint64(i))}
	}
	c.produce(records...)
	var first, last atomic.Int64
	var calls, took atomic.Int64
	p := pipes.Func[int64, int64](func(ctx context.Context, v int64) (int64, error) {
		began := time.Now()
		first.CompareAndSwap(0, began.UnixNano())
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		calls.Add(1)
		took.Add(int64(time.Since(began)))
		last.Store(time.Now().UnixNano())
		return v, nil
	})
	b := topology.NewBuilder(application)
	b.Stream(in, serde.String, serde.Int64).Through[int64](p, store, opts...).To(out)
	topo, err := b.Build()
	c.must("build", err)
	app, err := engine.New(topo, engine.Config{Brokers: strings.Split(brokers(c.t), ","), StateDir: c.t.TempDir()})
	c.must("make the application", err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	until(c.t, 2*time.Minute, "all calls are made", func() bool { return calls.Load() >= int64(n) })
	until(c.t, time.Minute, "all results are committed", func() bool { return c.count(out) == int64(n) })
	cancel()
	c.must("run", <-done)
	return float64(n) / time.Duration(last.Load()-first.Load()).Seconds(), time.Duration(took.Load() / int64(n))
}
