package telemetry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/telemetry"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

const (
	traceID  = "0af7651916cd43dd8448eb211c80319c"
	parentID = "b7ad6b7169203331"
)

func sampledParent(n int) string { return fmt.Sprintf("00-%s-b7ad6b71692033%02x-01", traceID, n) }

// windowed counts values per ten seconds behind a repartition topic.
func windowed(onClose bool) *topology.Builder {
	b := topology.NewBuilder("app")
	grouped := b.Stream("in", serde.String, serde.String).
		Filter(func(_, v string) bool { return v != "no" }, topology.Named("keep")).
		GroupBy(func(_, v string) string { return v }, topology.Named("by-value")).
		Windowed(windows.Tumbling(10 * time.Second))
	if onClose {
		grouped = grouped.OnClose()
	}
	grouped.Count("counts").
		ToStream(func(k string, w windows.Window) string { return fmt.Sprintf("%s@%d", k, w.Start) }).
		To("out")
	return b
}

func named(spans tracetest.SpanStubs, name string) (found tracetest.SpanStubs) {
	for _, s := range spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// lineage are the names of a span and of all that it is in, from the outermost on.
func lineage(spans tracetest.SpanStubs, s tracetest.SpanStub) []string {
	names := []string{s.Name}
	for s.Parent.IsValid() {
		i := slices.IndexFunc(spans, func(o tracetest.SpanStub) bool { return o.SpanContext.SpanID() == s.Parent.SpanID() })
		if i < 0 {
			names = append(names, "-"+s.Parent.SpanID().String())
			break
		}
		s = spans[i]
		names = append(names, s.Name)
	}
	slices.Reverse(names)
	return names
}

// A result on update is in the trace of the record that caused it, through a repartition topic and a window.
func TestTraceGoesOnThroughRepartitionAndWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, telemetry.Config{TraceOneIn: -1}, "in", "out")
		r.run(windowed(false), func(*engine.App) {
			r.produce("in", 1000, "a", "x", fmt.Sprintf("00-%s-%s-01", traceID, parentID))
			r.produce("in", 1000, "a", "no", "")                                           // no trace begins
			r.produce("in", 1000, "a", "x", fmt.Sprintf("00-%s-%s-00", traceID, parentID)) // not recorded
			out := r.read("out", 2)
			if got := header(out[0], "traceparent"); !strings.HasPrefix(got, "00-"+traceID+"-") || strings.Contains(got, parentID) {
				t.Errorf("the result has the context %q, want a span of its own in trace %s", got, traceID)
			}
			if got := header(out[1], "traceparent"); !strings.HasSuffix(got, parentID+"-00") {
				t.Errorf("the result of a record whose trace is not recorded has the context %q, want that of the record", got)
			}
		})
		spans := r.spans.GetSpans()
		sent := named(spans, "send out")
		if len(sent) != 1 {
			t.Fatalf("%d spans send out, want 1", len(sent))
		}
		got := strings.Join(lineage(spans, sent[0]), " > ")
		for _, s := range spans {
			if s.SpanContext.TraceID().String() != traceID && !strings.HasPrefix(s.Name, "poll") && s.Name != "commit" && s.Name != "rebalance" && !strings.HasPrefix(s.Name, "restore") {
				t.Errorf("span %s is in another trace", s.Name)
			}
		}
		for _, part := range []string{"-" + parentID + " > process in > keep > ", " > send app-by-value-repartition > process app-by-value-repartition > ", " > send out"} {
			if !strings.Contains(got, part) {
				t.Errorf("the result was caused by %s, which is without %s", got, part)
			}
		}
		for _, s := range named(spans, "process in") {
			if len(s.Links) != 1 || len(named(spans, "poll in")) == 0 || s.Links[0].SpanContext.SpanID() != named(spans, "poll in")[0].SpanContext.SpanID() {
				t.Errorf("the span of a record is not linked to that of its poll")
			}
		}
		commits := named(spans, "commit")
		if !slices.ContainsFunc(commits, func(s tracetest.SpanStub) bool { return len(s.Links) > 0 }) {
			t.Errorf("no commit is linked to the record that it is about: %d commits", len(commits))
		}
		if len(named(spans, "restore counts")) == 0 || len(named(spans, "rebalance")) == 0 {
			t.Error("there is no span of the restore, or of the rebalance")
		}
	})
}

// A result on close begins a trace, linked to the traced records of its window and to no others.
func TestResultOnCloseIsLinked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, telemetry.Config{TraceOneIn: -1}, "in", "out")
		r.run(windowed(true), func(*engine.App) {
			r.produce("in", 1000, "a", "x", sampledParent(1))
			r.produce("in", 2000, "a", "x", "")
			r.produce("in", 3000, "a", "x", sampledParent(2))
			r.produce("in", 4000, "a", "y", "")
			r.produce("in", 12000, "a", "x", sampledParent(3)) // closes the window, is not in it
			for _, rec := range r.read("out", 2) {
				got := header(rec, "traceparent")
				switch string(rec.Key) {
				case "x@0":
					if got == "" || strings.Contains(got, traceID) {
						t.Errorf("the result has the context %q, want one of a trace of its own", got)
					}
				case "y@0":
					if got != "" {
						t.Errorf("a result without traced records has the context %q", got)
					}
				}
			}
		})
		var closed tracetest.SpanStubs
		for _, s := range r.spans.GetSpans() {
			if strings.HasPrefix(s.Name, "close ") {
				closed = append(closed, s)
			}
		}
		if len(closed) != 1 {
			t.Fatalf("%d spans of results on close, want 1", len(closed))
		}
		s := closed[0]
		if s.Parent.IsValid() || len(s.Links) != 2 {
			t.Errorf("the span has the parent %v and %d links, want none and 2", s.Parent.SpanID(), len(s.Links))
		}
		for _, l := range s.Links {
			if l.SpanContext.TraceID().String() != traceID {
				t.Errorf("a link leads to trace %s, want %s", l.SpanContext.TraceID(), traceID)
			}
		}
		sent := named(r.spans.GetSpans(), "send out")
		if len(sent) != 1 || sent[0].SpanContext.TraceID() != s.SpanContext.TraceID() {
			t.Errorf("what was sent is not in the trace of the result")
		}
	})
}

// Without a context one record in TraceOneIn begins a trace, but never in the middle of a topology, and no more than TraceLimit
// do in a second.
func TestHeadSampling(t *testing.T) {
	const n = 2000
	t.Run("without a limit", func(t *testing.T) {
		headSampling(t, n, telemetry.Config{TraceOneIn: 10, TraceLimit: -1}, n/10/2, n/10*2)
	})
	t.Run("with a limit", func(t *testing.T) { headSampling(t, n, telemetry.Config{TraceOneIn: 10, TraceLimit: 20}, 20, 60) })
}

func headSampling(t *testing.T, n int, cfg telemetry.Config, least, most int) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, cfg, "in", "out")
		r.run(windowed(false), func(*engine.App) {
			for i := range n {
				r.client.Produce(t.Context(), recordOf("in", i), nil)
			}
			if err := r.client.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.read("out", n)
		})
		spans := r.spans.GetSpans()
		begun := len(named(spans, "process in"))
		if begun < least || begun > most {
			t.Errorf("%d of %d records began a trace, want %d to %d", begun, n, least, most)
		}
		if got := len(named(spans, "send out")); got != begun {
			t.Errorf("%d traces reached the end, want all %d", got, begun)
		}
	})
}

// The span of a record whose operator fails says so.
func TestFailedSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, telemetry.Config{TraceOneIn: 1}, "in", "out")
		b := topology.NewBuilder("app")
		b.Stream("in", serde.String, serde.String).
			MapValues(func(_, v string) string {
				if v == "bad" {
					panic("no")
				}
				return v
			}, topology.Named("work")).
			To("out")
		topo, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		c := engine.Config{Brokers: r.broker.ListenAddrs(), Instance: "one", StateDir: t.TempDir(), Dialer: r.network.DialContext}
		r.tel.Configure(&c)
		app, err := engine.New(topo, c)
		if err != nil {
			t.Fatal(err)
		}
		r.produce("in", 1, "a", "bad", "")
		if err := app.Run(t.Context()); err == nil {
			t.Fatal("Run returned nil")
		}
		for _, name := range []string{"process in", "work"} {
			s := named(r.spans.GetSpans(), name)
			if len(s) != 1 || s[0].Status.Code != codes.Error {
				t.Errorf("span %s: %v, want one with an error", name, s)
			}
		}
	})
}
