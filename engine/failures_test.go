package engine

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/twmb/franz-go/pkg/kadm"
)

// fragile passes strings on and fails for some, under a policy.
func fragile(t *testing.T, p topology.ErrorPolicy) *topology.Topology {
	b := topology.NewBuilder("fragile")
	b.OnError(p)
	b.Stream("in", serde.String, serde.String, topology.Named("read")).
		MapValues(func(_, v string) string {
			if strings.HasPrefix(v, "panic") {
				panic("mapped")
			}
			return v
		}, topology.Named("map")).
		To("out", topology.Named("write"))
	return must[*topology.Topology](t)(b.Build())
}

// A record that is too large for the topic is a failure like any other: the ones around it come out, in the same transactions.
func TestRecordsThatATopicDoesNotTake(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 2, "dead": 1})
			limit := "2000"
			if _, err := r.adm.CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": &limit}, "out"); err != nil {
				t.Fatal(err)
			}
			c := r.config("one")
			c.Guarantee = g
			p := r.start(fragile(t, topology.DeadLetter("dead")), c)
			p.awaitRunning()
			large := strings.Repeat("x", 2000)
			for i := range 100 {
				value := fmt.Sprint("value ", i, strings.Repeat(".", 50*(i%30)))
				switch i % 10 {
				case 3:
					value = large
				case 7:
					value = "panic"
				}
				r.produce("in", in{key: fmt.Sprint("key-", i), value: value, partition: int32(i % 2)})
			}
			r.awaitCaughtUp("fragile", "in")
			failures := p.App.Failures()
			p.mustEnd()
			if n := len(r.read("out")); n != 80 {
				t.Errorf("%d results, want 80", n)
			}
			letters := r.read("dead")
			if len(letters) != 20 {
				t.Fatalf("%d dead letters, want 20", len(letters))
			}
			for _, rec := range letters {
				d := deadLetterOf(rec)
				operator, message := "map", "panic: mapped"
				if string(d.Value) == large {
					operator, message = "write", "bytes, and the topic takes less than 2000 (max.message.bytes)"
				}
				if d.Operator != operator || !strings.HasSuffix(d.Message, message) || !d.OfInput || d.Origin.Topic != "in" {
					t.Errorf("dead letter at %d is of operator %s at %v: %s", d.Offset, d.Operator, d.Origin, d.Message)
				}
			}
			if len(failures) != 2*keptFailures || failures[0].Operator != "map" || failures[0].Outcome != "dead-letter" || failures[0].Topic != "in" {
				t.Errorf("failures are %+v", failures)
			}
		})
	})
}

// Dead letters go where they came from, each once, and what fails again becomes a new one that is left for the next time.
func TestRedrive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 2, "out": 1, "dead": 2})
		p := r.start(fragile(t, topology.DeadLetter("dead")), r.config("one"))
		p.awaitRunning()
		for i := range 20 {
			r.produce("in", in{key: fmt.Sprint("key-", i), value: "panic", ms: int64(1000 + i), partition: int32(i % 2)})
		}
		r.awaitCaughtUp("fragile", "in")
		c := r.config("tool")
		count := func() (n int) {
			if err := ReadDeadLetters(t.Context(), c, "dead", func(DeadLetter) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		redrive := func(d Redrive, sent, all int) {
			t.Helper()
			d.Topic = "dead"
			done, err := RedriveDeadLetters(t.Context(), c, d)
			if err != nil || done.Sent != sent || done.Left != 0 {
				t.Fatalf("redriven %+v (%v), want %d", done, err, sent)
			}
			r.awaitCaughtUp("fragile", "in")
			if n := count(); n != all {
				t.Errorf("%d dead letters, want %d", n, all)
			}
		}
		redrive(Redrive{DryRun: true}, 20, 20)
		redrive(Redrive{}, 20, 40)
		redrive(Redrive{Select: func(d DeadLetter) bool { return d.Offset == 0 && d.Partition == 0 }}, 1, 41)
		redrive(Redrive{}, 21, 62)
		p.mustEnd()
		p = r.start(fragile(t, topology.Skip()), r.config("one"))
		p.awaitRunning()
		redrive(Redrive{}, 21, 62)
		redrive(Redrive{}, 0, 62)
		p.mustEnd()
		for _, rec := range r.read("in") {
			if len(rec.Headers) != 0 || rec.Timestamp.UnixMilli() < 1000 || rec.Timestamp.UnixMilli() >= 1020 {
				t.Errorf("record %+v was sent again", rec)
			}
		}
		redrive(Redrive{To: "out", Select: func(d DeadLetter) bool { return d.Offset == 1 }}, 2, 62)
		if got := r.read("out"); len(got) != 2 {
			t.Errorf("%d records were sent to another topic", len(got))
		}
	})
}

// An operator that is tried again holds up neither commits nor other keys, and its record comes out when it can.
func TestRetriesGoOnBesideCommits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		var up atomic.Bool
		b := topology.NewBuilder("retry")
		b.Stream("in", serde.String, serde.String).
			Process(func(_ *operators.Context, next operators.Forward[string, string]) (operators.Forward[string, string], error) {
				return func(rec *operators.Record[string, string]) error {
					if rec.Key == "a" && !up.Load() {
						return errors.New("down")
					}
					return next(rec)
				}, nil
			}, topology.Named("call"), topology.OnError(topology.Stop().Retry(topology.Retries{Attempts: 1000, MaxBackoff: time.Second}))).
			To("out")
		topo := must[*topology.Topology](t)(b.Build())
		p := r.start(topo, r.config("one"))
		p.awaitRunning()
		r.produce("in", in{key: "a", value: "1"}, in{key: "b", value: "1"}, in{key: "a", value: "2"}, in{key: "b", value: "2"})
		r.awaitCaughtUp("retry", "in")
		if got := values(r, "out"); got != "b1 b2" {
			t.Errorf("results are %s", got)
		}
		p.mustEnd()
		p = r.start(topo, r.config("two")) // another disk
		p.awaitRunning()
		time.Sleep(20 * time.Second)
		up.Store(true)
		await(t, "results", func() bool { return len(r.read("out")) == 4 })
		p.mustEnd()
		if got := values(r, "out"); got != "b1 b2 a1 a2" {
			t.Errorf("results are %s", got)
		}
		lags, err := r.adm.Lag(t.Context(), "retry")
		if err != nil {
			t.Fatal(err)
		}
		lags.Each(func(l kadm.DescribedGroupLag) {
			if n := l.Lag.Total(); n > 1 {
				t.Errorf("lag is %d", n)
			}
		})
	})
}

func values(r *rig, topic string) string {
	var all []string
	for _, rec := range r.read(topic) {
		all = append(all, string(rec.Key)+string(rec.Value))
	}
	return strings.Join(all, " ")
}
