//go:build integration

package integration_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

const (
	overloadLimitBytes = 256 << 20
	overloadPartitions = 2
	overloadPerSecond  = 3_000 // records into each input
	// What a record costs in the slow operators: a hundred times as much for a while.
	overloadCost, overloadSlowCost = 30 * time.Microsecond, 3 * time.Millisecond
)

// overloaded has a sink and a stage behind a repartition topic that can be made slow.
type overloaded struct {
	c                  *cluster
	app                *engine.App
	slow               atomic.Bool
	sinkDone, stageSum atomic.Int64
	rebalances         atomic.Int64
	engine.NoObserver
	sent    atomic.Int64
	samples []overloadSample
}

// overloadSample is what the run was like at a moment.
type overloadSample struct {
	at                       time.Duration
	slow                     bool
	memoryBytes              int64
	sinkLag, stageLag, inLag int64 // records: of the input of the slow sink, of the repartition topic, of the input that feeds it
	pauses                   int64 // so far, of all input partitions
}

func (o *overloaded) Rebalanced(engine.RebalanceInfo) { o.rebalances.Add(1) }

func (o *overloaded) work(done *atomic.Int64) func(string, string) {
	return func(string, string) {
		if o.slow.Load() {
			time.Sleep(overloadSlowCost)
		} else {
			for began := time.Now(); time.Since(began) < overloadCost; {
			}
		}
		done.Add(1)
	}
}

func (o *overloaded) topology(application string) *topology.Topology {
	b := topology.NewBuilder(application)
	b.Stream(application+"-sink-in", serde.String, serde.String).Peek(o.work(&o.sinkDone)).To(application + "-sink-out")
	b.Stream(application+"-stage-in", serde.String, serde.String).
		Repartition("stage").Peek(o.work(&o.stageSum)).To(application + "-stage-out")
	built, err := b.Build()
	o.c.must("build", err)
	return built
}

// feed writes to both inputs, at an even rate, until the context ends.
func (o *overloaded) feed(ctx context.Context, topics ...string) {
	value := []byte(strings.Repeat("v", 100))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for range overloadPerSecond / 100 {
			for _, topic := range topics {
				o.c.cl.Produce(context.WithoutCancel(ctx), &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "%d", n), Value: value}, nil)
			}
			n++
		}
		o.sent.Store(int64(n))
	}
}

func (o *overloaded) sample(began time.Time) {
	use := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(use)
	s := overloadSample{at: time.Since(began), slow: o.slow.Load(), memoryBytes: int64(use[0].Value.Uint64() - use[1].Value.Uint64())}
	for _, info := range o.app.Tasks() {
		for _, in := range info.Inputs {
			s.pauses += in.Pauses
			switch lag := max(0, in.Lag); {
			case strings.HasSuffix(in.Topic, "-sink-in"):
				s.sinkLag += lag
			case strings.HasSuffix(in.Topic, "-repartition"):
				s.stageLag += lag
			default:
				s.inLag += lag
			}
		}
	}
	o.samples = append(o.samples, s)
}

// TestOverload makes a sink a hundred times slower, and a stage ten times slower than the source that feeds it, for a while
// (OVERLOAD, default 20 s): memory stays bounded, fetching does not go to and fro, the group stays as it is, nothing is lost,
// and afterwards the application is at full speed at once. OVERLOAD_SVG is a file for a plot of it.
func TestOverload(t *testing.T) {
	const application = "integration-overload"
	slowFor := 20 * time.Second
	if text := os.Getenv("OVERLOAD"); text != "" {
		var err error
		if slowFor, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	o := &overloaded{c: connect(t)}
	inputs := []string{application + "-sink-in", application + "-stage-in"}
	outputs := []string{application + "-sink-out", application + "-stage-out"}
	o.c.clean(application, append(inputs, outputs...)...)
	o.c.create(overloadPartitions, nil, append(inputs, outputs...)...)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(overloadLimitBytes))
	app, err := engine.New(o.topology(application), engine.Config{
		Brokers: strings.Split(brokers(t), ","), StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Workers: 2, Observer: o,
		MemoryLimit: overloadLimitBytes, Backpressure: engine.Backpressure{HighLag: 20_000, LowLag: 4_000},
	})
	o.c.must("new", err)
	o.app = app
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	until(t, time.Minute, "the application runs", app.Ready)
	feeding, stopFeeding := context.WithCancel(t.Context())
	fed := make(chan struct{})
	go func() { defer close(fed); o.feed(feeding, inputs...) }()

	began := time.Now()
	watch := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
			o.sample(began)
		}
	}
	watch(5 * time.Second)
	settled, before := o.rebalances.Load(), o.samples[len(o.samples)-1].pauses
	o.slow.Store(true)
	watch(slowFor)
	paused := o.samples[len(o.samples)-1].pauses - before
	o.slow.Store(false)
	watch(5 * time.Second)
	atFive := o.stageSum.Load() + o.sinkDone.Load()
	watch(2 * time.Second)
	perSecond := (o.stageSum.Load() + o.sinkDone.Load() - atFive) / 2
	stopFeeding()
	<-fed
	o.c.must("write", o.c.cl.Flush(t.Context()))
	until(t, 10*time.Minute, "everything came out", func() bool {
		o.sample(began)
		time.Sleep(250 * time.Millisecond)
		return o.c.lag(application, inputs[0])+o.c.lag(application, inputs[1])+o.c.lag(application, application+"-stage-repartition") == 0
	})
	if n := o.rebalances.Load() - settled; n != 0 {
		t.Errorf("there were %d rebalances", n)
	}
	stop()
	o.c.must("run", <-ended)

	for _, out := range outputs {
		seen := make(map[string]int)
		o.c.read(out, func(r *kgo.Record) { seen[string(r.Key)]++ })
		if int64(len(seen)) != o.sent.Load() {
			t.Errorf("%s has %d of %d records", out, len(seen), o.sent.Load())
		}
		for key, n := range seen {
			if n != 1 {
				t.Fatalf("%s has record %s %d times", out, key, n)
			}
		}
	}
	var most, mostStage int64
	for _, s := range o.samples {
		most, mostStage = max(most, s.memoryBytes), max(mostStage, s.stageLag)
	}
	if most > overloadLimitBytes*11/10 {
		t.Errorf("memory was up to %d MiB, want at most %d and a tenth", most>>20, overloadLimitBytes>>20)
	}
	// Each pause is two changes; both inputs have two partitions, and so has the repartition topic.
	perMinute := float64(2*paused) / slowFor.Minutes() / (3 * overloadPartitions)
	if perMinute > 6 && paused > 3*overloadPartitions {
		t.Errorf("%.1f changes a minute and partition, want at most 6", perMinute)
	}
	// Full speed is what comes in, or more while something waits; a busy machine may make it less, but not much.
	if least := int64(2*overloadPerSecond) * 6 / 10; perSecond < least {
		t.Errorf("five seconds after, %d records a second, want at least %d", perSecond, least)
	}
	t.Logf("memory up to %d MiB of %d; %d pauses, %.1f changes a minute and partition; up to %d records before the slow stage; %d records a second five seconds after",
		most>>20, overloadLimitBytes>>20, paused, perMinute, mostStage, perSecond)
	if path := os.Getenv("OVERLOAD_SVG"); path != "" {
		o.c.must("write the plot", os.WriteFile(path, []byte(o.plot()), 0o644))
	}
}

// plot shows the samples as SVG: lag, memory and pauses, one above the other.
func (o *overloaded) plot() string {
	const width, height, left = 900, 150, 70
	end := o.samples[len(o.samples)-1].at.Seconds()
	x := func(s *overloadSample) float64 { return left + s.at.Seconds()/end*(width-left-10) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12"><rect width="100%%" height="100%%" fill="white"/>`+"\n", width, 3*(height+40))
	panel := func(number int, title string, colors []string, values ...func(*overloadSample) float64) {
		top := float64(number*(height+40) + 25)
		highest := 1.0
		for i := range o.samples {
			for _, v := range values {
				highest = max(highest, v(&o.samples[i]))
			}
		}
		for from, i := 0, 0; i < len(o.samples); i++ { // one rectangle for each stretch of overload
			if s := &o.samples[i]; !s.slow || i == len(o.samples)-1 {
				if i > from {
					fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="#fff0d0"/>`, x(&o.samples[from]), top, x(s)-x(&o.samples[from]), height)
				}
				from = i + 1
			}
		}
		fmt.Fprintf(&b, `<text x="%d" y="%.1f">%s</text><text x="5" y="%.1f">%.0f</text><text x="5" y="%.1f">0</text>`, left, top-8, title, top+10, highest, top+height)
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="%d" height="%d" fill="none" stroke="#888"/>`+"\n", left, top, width-left-10, height)
		for n, v := range values {
			b.WriteString(`<polyline fill="none" stroke="` + colors[n] + `" points="`)
			for i := 0; i < len(o.samples); {
				at, most := int(x(&o.samples[i])), 0.0 // the largest value of each pixel
				for ; i < len(o.samples) && int(x(&o.samples[i])) == at; i++ {
					most = max(most, v(&o.samples[i]))
				}
				fmt.Fprintf(&b, "%d,%.1f ", at, top+height-most/highest*height)
			}
			b.WriteString(`"/>` + "\n")
		}
	}
	panel(0, "lag in records: the repartition topic before the slow stage (red), the input that feeds it (blue), the input of the slow sink (green)", []string{"#c00", "#06c", "#080"},
		func(s *overloadSample) float64 { return float64(s.stageLag) },
		func(s *overloadSample) float64 { return float64(s.inLag) },
		func(s *overloadSample) float64 { return float64(s.sinkLag) })
	panel(1, fmt.Sprintf("memory of the process in MiB, load generator included; the limit is %d", overloadLimitBytes>>20), []string{"#c00"},
		func(s *overloadSample) float64 { return float64(s.memoryBytes >> 20) })
	panel(2, "pauses of input partitions so far", []string{"#c00"}, func(s *overloadSample) float64 { return float64(s.pauses) })
	b.WriteString("</svg>\n")
	return b.String()
}
