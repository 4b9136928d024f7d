package engine

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// mapping copies through a function of the test's.
func mapping(t *testing.T, f func(string) string) *topology.Topology {
	b := topology.NewBuilder("copy")
	b.Stream("in", serde.String, serde.String).
		MapValues(func(_, v string) string { return f(v) }, topology.Named("mapper")).
		To("out")
	return must[*topology.Topology](t)(b.Build())
}

func TestErrorOfUserCodeStopsTheApp(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 1, "out": 1})
			c := r.config("one")
			c.Guarantee = g
			var states []State
			c.OnStateChange = func(_, to State) { states = append(states, to) }
			p := r.start(mapping(t, func(v string) string {
				if v == "bad" {
					panic("boom")
				}
				return v
			}), c)
			r.produce("in", in{key: "k", value: "good"})
			r.awaitCaughtUp("copy", "in")
			r.produce("in", in{key: "k", value: "good"}, in{key: "the key", value: "bad"}, in{key: "k", value: "good"})
			err := p.wait()
			var failed *operators.Error
			if !errors.As(err, &failed) || failed.Origin.Offset < 1 {
				t.Fatalf("Run returned %v", err)
			}
			wantError(t, err, `operator "mapper"`, `topic "in", partition 0`, "the key", "boom")
			if got := states[len(states)-1]; got != Failed || p.State() != Failed || p.Live() {
				t.Errorf("states are %v", states)
			}
			if n := len(r.read("out")); g == ExactlyOnce && n != 1 {
				t.Errorf("%d records are committed, want those before the transaction of the failure: 1", n)
			}
		})
	})
}

func TestStopCommitsWhatIsDone(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 3, "out": 2})
			c := r.config("one")
			c.Guarantee, c.CommitInterval = g, 5*time.Second
			p := r.start(counting(t), c)
			p.awaitRunning()
			r.produce("in", traffic(0, 100, 3)...)
			time.Sleep(time.Second)
			began := time.Now()
			p.mustEnd()
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("the stop took %v", took)
			}
			r.wantEachOnce("out", wantKeyed(100))
			r.wantCommitted("count", "in", 0, 35)
		})
	})
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		c := r.config("one")
		c.StopTimeout = 5 * time.Second
		gate := make(chan struct{})
		p := r.start(mapping(t, func(v string) string { <-gate; return v }), c)
		p.awaitRunning()
		r.produce("in", in{key: "k", value: "v"})
		time.Sleep(time.Second)
		began := time.Now()
		wantError(t, p.end(), "the stop took longer than 5s")
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("the stop took %v", took)
		}
		close(gate)
	})
}

// User code that holds a worker up loses it its tasks, and the process is not live meanwhile (hard point 14).
func TestStalledWorkerGivesItsTasksUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		first := r.config("one")
		first.StallTimeout = 10 * time.Second
		gate := make(chan struct{})
		var stuck atomic.Bool
		a := r.start(mapping(t, func(v string) string {
			if v == "stuck" && stuck.CompareAndSwap(false, true) {
				<-gate
			}
			return v
		}), first)
		a.awaitRunning()
		r.produce("in", in{key: "k", value: "before"}, in{key: "k", value: "stuck"}, in{key: "k", value: "after"})
		b := r.start(mapping(t, strings.ToUpper), r.config("two"))
		r.awaitCaughtUp("copy", "in")
		if a.Live() {
			t.Error("the process says that it is live")
		}
		close(gate)
		await(t, "the process to be live again", a.Live)
		a.mustEnd()
		b.mustEnd()
		var got []string
		for _, rec := range r.read("out") {
			got = append(got, string(rec.Value))
		}
		if strings.Join(got, " ") != "BEFORE STUCK AFTER" {
			t.Errorf("got %q", got)
		}
	})
}

func TestPauseAndResume(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		p := r.start(counting(t), r.config("one"))
		p.awaitRunning()
		r.feed("count", 0, 100, time.Second)
		p.Pause()
		time.Sleep(time.Second)
		r.produce("in", traffic(100, 100, 3)...)
		time.Sleep(30 * time.Second)
		r.wantEachOnce("out", wantKeyed(100))
		p.Resume()
		r.awaitCaughtUp("count", "in")
		p.mustEnd()
		r.wantEachOnce("out", wantKeyed(200))
	})
}

func TestBrokerThatIsDownIsOneError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		c := r.config("one")
		c.Brokers = []string{"nowhere.example:9092", "neither.example:9092"}
		began := time.Now()
		err := r.start(copying(t), c).wait()
		wantError(t, err, "no answer from brokers nowhere.example:9092, neither.example:9092 within 15s")
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestBrokersThatGoAwayAreWaitedFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 3, "out": 2})
		c := r.config("one")
		dial := c.Dialer
		network := &freezer{dial: dial}
		c.Dialer = network.dialContext
		p := r.start(counting(t), c)
		p.awaitRunning()
		r.feed("count", 0, 200, time.Second)
		r.produce("in", traffic(200, 200, 3)...)
		network.freeze()
		time.Sleep(3 * time.Minute)
		network.thaw()
		r.feed("count", 400, 200, time.Second)
		p.mustEnd()
		r.wantEachOnce("out", wantKeyed(600))
	})
}

func TestMissingTopicIsOneError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"out": 1})
		wantError(t, r.start(copying(t), r.config("one")).wait(), `input topic "in"`, "does not exist")
	})
}

func TestRunTwiceIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		p := r.start(copying(t), r.config("one"))
		p.mustEnd()
		wantError(t, p.Run(t.Context()), "called twice")
	})
}

func TestConfigMistakesAreReportedTogether(t *testing.T) {
	err := Config{
		Brokers: []string{"host"}, Instance: "no good", Workers: -1, Guarantee: 7, CommitInterval: 20 * time.Second,
		BufferBytes: 10, BufferResumeBytes: 20, Compression: "best", SASL: &SASL{Mechanism: "PLAIN"}, StopTimeout: -1,
	}.Validate()
	wantError(t, err, `Brokers: "host"`, `Instance "no good"`, "Workers is -1", "Guarantee is 7", "BufferResumeBytes is 20",
		`Compression is "best"`, "SASL.User is empty", "StopTimeout is -1ns")
	if err := (Config{Brokers: []string{"localhost:9092"}}).Validate(); err != nil {
		t.Errorf("brokers alone are not enough: %v", err)
	}
	wantError(t, Config{}.Validate(), "Brokers is empty")
}
