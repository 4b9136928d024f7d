package topologytest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

func upper(_ context.Context, v string) (string, error) {
	switch v {
	case "bad":
		return "", errors.New("it is bad")
	case "panic":
		panic("oh")
	}
	return strings.ToUpper(v), nil
}

// throughWays are the ways to run a pipe.
var throughWays = map[string]struct {
	store string
	opts  []topology.NodeOption
}{
	"one by one": {},
	"by key":     {"flights", []topology.NodeOption{topology.Concurrency(3)}},
	"in order":   {"flights", []topology.NodeOption{topology.Concurrency(3), topology.Ordering(operators.OrderByInput)}},
	"unordered":  {"flights", []topology.NodeOption{topology.Concurrency(3), topology.Ordering(operators.Unordered)}},
}

func TestThroughKeepsWhatComesWithAValue(t *testing.T) {
	for name, way := range throughWays {
		t.Run(name, func(t *testing.T) {
			topo := build(t, func(b *topology.Builder) {
				b.Stream("in", serde.String, serde.String).Through[string](pipes.Func[string, string](upper), way.store, way.opts...).To("out")
			})
			d := topologytest.New(t, topo)
			in := topologytest.Input(d, "in", serde.String, serde.String)
			out := topologytest.Output(d, "out", serde.String, serde.String)
			in.Send("k", "v", topologytest.AtMs(7), topologytest.Header("correlation-id", "c"))
			in.Send("", "no key", topologytest.NullKey(), topologytest.AtMs(8))
			in.Delete("k", topologytest.AtMs(9))
			got := out.ReadAll()
			if len(got) != 3 || fmt.Sprint(got) != "[k=V@7 null=NO KEY@8 k=null@9]" {
				t.Fatalf("results %v", got)
			}
			if h := got[0].Headers; len(h) != 1 || h[0].Key != "correlation-id" || string(h[0].Value) != "c" {
				t.Errorf("headers %v", h)
			}
		})
	}
}

func TestThroughFailures(t *testing.T) {
	for name, way := range throughWays {
		t.Run(name, func(t *testing.T) {
			var seen []pipes.Failure
			handler := func(_ context.Context, f pipes.Failure) pipes.Decision {
				seen = append(seen, f)
				if f.Value == "panic" {
					return pipes.Fail
				}
				return pipes.Skip
			}
			topo := build(t, func(b *topology.Builder) {
				b.Stream("in", serde.String, serde.String).
					Through[string](pipes.Named("upper", pipes.Func[string, string](upper)), way.store, append(way.opts, topology.OnError(topology.Handle(handler, "")), topology.Named("op"))...).To("out")
			})
			d := topologytest.New(t, topo)
			in := topologytest.Input(d, "in", serde.String, serde.String)
			in.Send("a", "bad")
			in.Send("a", "good")
			err := in.SendErr("b", "panic")
			want := `operator "op", task 0_0, topic "in", partition 0, offset 2, key "b": pipe "upper": panic: oh`
			if err == nil || err.Error() != want {
				t.Errorf("error is %v\nwant     %s", err, want)
			}
			if len(seen) != 2 || seen[0].Operator != "op" || seen[0].Key != "a" || seen[0].Value != "bad" || seen[0].Origin != (pipes.Origin{Source: "in"}) {
				t.Errorf("the handler saw %v", seen)
			}
			if got := fmt.Sprint(d.Dropped()); !strings.Contains(got, "op") || !strings.Contains(got, "failed") {
				t.Errorf("dropped %s", got)
			}
		})
	}
}

func TestThroughMessages(t *testing.T) {
	for name, way := range throughWays {
		t.Run(name, func(t *testing.T) {
			split := func(_ context.Context, m pipes.Message[string, string]) ([]pipes.Message[string, string], error) {
				var out []pipes.Message[string, string]
				for word := range strings.FieldsSeq(m.Value) {
					to := m
					to.Key, to.Value = word, m.ID()+" "+m.CorrelationID()
					out = append(out, to)
				}
				if len(out) > 1 {
					out[1].Time = m.Time.Add(time.Second)
				}
				return out, nil
			}
			topo := build(t, func(b *topology.Builder) {
				b.Stream("in", serde.String, serde.String).
					ThroughMessages[string, string](pipes.Func[pipes.Message[string, string], []pipes.Message[string, string]](split), way.store, way.opts...).
					To("out", topology.MessageIDs())
			})
			d := topologytest.New(t, topo)
			in := topologytest.Input(d, "in", serde.String, serde.String)
			out := topologytest.Output(d, "out", serde.String, serde.String)
			in.Send("k", "a b c", topologytest.AtMs(5), topologytest.Header("correlation-id", "c"))
			in.Send("k", "", topologytest.AtMs(6))
			in.Delete("k")
			in.Send("k", "d", topologytest.AtMs(7), topologytest.Header("message-id", "mine"))
			got := out.ReadAll()
			if fmt.Sprint(got) != "[a=in/0/0 c@5 b=in/0/0 c@1005 c=in/0/0 c@5 d=mine @7]" {
				t.Errorf("results %v", got)
			}
			var ids []string
			for _, r := range got {
				for _, h := range r.Headers {
					if h.Key == pipes.MessageIDHeader {
						ids = append(ids, string(h.Value))
					}
				}
			}
			if fmt.Sprint(ids) != "[in/0/0 in/0/0/1 in/0/0/2 mine]" {
				t.Errorf("ids %v", ids)
			}
		})
	}
}

// TestBatches has G4 and checklist 5: 0 to 9 in threes; the last one leaves by time, with no further input, also when the
// process has been restarted or has aborted in between.
func TestBatches(t *testing.T) {
	for name, between := range map[string]func(*topologytest.Driver){
		"":            func(*topologytest.Driver) {},
		"abort":       (*topologytest.Driver).Abort,
		"restart":     func(d *topologytest.Driver) { d.Restart(topologytest.KeptState) },
		"empty state": func(d *topologytest.Driver) { d.Restart(topologytest.EmptyState) },
	} {
		t.Run(name, func(t *testing.T) {
			topo := build(t, func(b *topology.Builder) {
				b.Stream("in", serde.String, serde.Int64).Batch(3, 100*time.Millisecond, func(_ string, values []int64) int64 {
					var sum int64
					for _, v := range values {
						sum += v
					}
					return sum
				}, "batches").To("out")
			})
			d := topologytest.New(t, topo, topologytest.CommitEvery(4))
			in := topologytest.Input(d, "in", serde.String, serde.Int64)
			out := topologytest.Output(d, "out", serde.String, serde.Int64)
			for v := range int64(10) {
				in.Send("k", v, topologytest.AtMs(100-v))
				between(d)
			}
			in.Send("", 5, topologytest.NullKey(), topologytest.AtMs(1))
			d.Commit()
			if got := fmt.Sprint(out.ReadAll()); got != "[k=3@100 k=12@97 k=21@94]" {
				t.Errorf("by count: %s", got)
			}
			d.Advance(99 * time.Millisecond)
			if got := out.ReadAll(); len(got) > 0 {
				t.Errorf("too early: %v", got)
			}
			between(d)
			d.Advance(time.Millisecond)
			if got := fmt.Sprint(out.ReadAll()); got != "[k=9@91 null=5@1]" {
				t.Errorf("by time: %s", got)
			}
			if rows := topologytest.KeyValue[[]byte, operators.Parked](d, "batches").All(); len(rows) > 0 {
				t.Errorf("%d rows are left", len(rows))
			}
		})
	}
}

// counted is a pipe that counts its lifetimes.
type counted struct{ opened, closed int }

func (c *counted) Open(context.Context) error { c.opened++; return nil }
func (c *counted) Close() error               { c.closed++; return nil }

func (c *counted) Process(_ context.Context, v string) (string, error) { return v, nil }

// All tasks of a process share one lifetime of a pipe.
func TestThroughOpensAPipeOnce(t *testing.T) {
	for name, way := range throughWays {
		t.Run(name, func(t *testing.T) {
			c := &counted{}
			topo := build(t, func(b *topology.Builder) {
				b.Stream("in", serde.String, serde.String).Through[string](c, way.store, way.opts...).To("out")
			})
			t.Run("lifetime", func(t *testing.T) {
				d := topologytest.New(t, topo, topologytest.Partitions(3))
				in := topologytest.Input(d, "in", serde.String, serde.String)
				for _, k := range []string{"a", "b", "c", "d"} {
					in.Send(k, "v")
				}
				if c.opened != 1 || c.closed != 0 {
					t.Errorf("opened %d, closed %d", c.opened, c.closed)
				}
				d.Restart(topologytest.KeptState)
			})
			if c.opened != 2 || c.closed != 2 {
				t.Errorf("at the end opened %d, closed %d", c.opened, c.closed)
			}
		})
	}
}

func TestThroughMistakes(t *testing.T) {
	p := pipes.Func[string, string](upper)
	for want, add := range map[string]func(topology.Stream[string, string]){
		`operator "flights-through" has store "flights", which nothing needs without Concurrency`: func(s topology.Stream[string, string]) {
			s.Through[string](p, "flights").To("out")
		},
		`operator "op" has a concurrency of 0, want at least 1`: func(s topology.Stream[string, string]) {
			s.Through[string](p, "flights", topology.Concurrency(0), topology.Named("op")).To("out")
		},
		"store name is empty": func(s topology.Stream[string, string]) { s.Through[string](p, "", topology.Concurrency(1)).To("out") },
		`operator "op" has an Ordering, but no Concurrency`: func(s topology.Stream[string, string]) {
			s.Through[string](p, "", topology.Ordering(operators.Unordered), topology.Named("op")).To("out")
		},
		`operator "op" has a nil function`: func(s topology.Stream[string, string]) {
			s.Through[string](nil, "", topology.Named("op")).To("out")
		},
		`operator "batches-batch" makes batches of 0, want at least 1`: func(s topology.Stream[string, string]) {
			s.Batch(0, 0, func(string, []string) string { return "" }, "batches").To("out")
		},
		`operator "batches-batch" has a linger of 1µs, want whole milliseconds, 0 or more`: func(s topology.Stream[string, string]) {
			s.Batch(1, time.Microsecond, func(string, []string) string { return "" }, "batches").To("out")
		},
		"filter does not take the option Concurrency": func(s topology.Stream[string, string]) {
			s.Filter(func(string, string) bool { return true }, topology.Concurrency(1)).To("out")
		},
	} {
		b := topology.NewBuilder("app")
		add(b.Stream("in", serde.String, serde.String))
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v\nwant %s", err, want)
		}
	}
}

// TestOnePipelineOverEverything runs one pipeline over a slice, a channel, a file of JSON lines and a topic.
func TestOnePipelineOverEverything(t *testing.T) {
	trim := pipes.Func[string, string](func(_ context.Context, v string) (string, error) { return strings.TrimSpace(v), nil })
	pipeline := pipes.Chain[string, string, string](trim, pipes.Func[string, string](upper))
	values := []string{" a", "b ", "c"}
	channel := make(chan string, len(values))
	var file strings.Builder
	for _, v := range values {
		channel <- v
		fmt.Fprintf(&file, "%q\n", v)
	}
	close(channel)
	results := map[string][]string{}
	for name, items := range map[string]pipes.Stream[string]{
		"slice": pipes.Slice(values), "channel": pipes.Channel(channel), "file": pipes.Lines[string](strings.NewReader(file.String())),
	} {
		got, err := pipes.Collect(t.Context(), pipes.Each(items, pipeline))
		if err != nil {
			t.Fatal(name, err)
		}
		results[name] = got
	}
	d := topologytest.New(t, build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).Through[string](pipeline, "").To("out")
	}))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	for _, v := range values {
		in.Send("k", v)
	}
	for _, r := range topologytest.Output(d, "out", serde.String, serde.String).ReadAll() {
		results["topic"] = append(results["topic"], r.Value)
	}
	if got := fmt.Sprint(results); got != "map[channel:[A B C] file:[A B C] slice:[A B C] topic:[A B C]]" {
		t.Error(got)
	}
}
