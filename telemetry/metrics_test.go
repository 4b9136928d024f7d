package telemetry_test

import (
	"math"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/telemetry"
	"github.com/rivusio/rivusio/topology"
)

func recordOf(topic string, i int) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: []byte("a"), Value: []byte(strconv.Itoa(i % 7)), Timestamp: time.UnixMilli(int64(i))}
}

// points are the values of a metric with their attributes; of a histogram the counts.
type point struct {
	value float64
	attrs attribute.Set
}

func (r *rig) collect() map[string][]point {
	r.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(r.t.Context(), &rm); err != nil {
		r.t.Fatal(err)
	}
	all := make(map[string][]point)
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					all[m.Name] = append(all[m.Name], point{p.Value, p.Attributes})
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					all[m.Name] = append(all[m.Name], point{p.Value, p.Attributes})
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					all[m.Name] = append(all[m.Name], point{float64(p.Count), p.Attributes})
				}
			}
		}
	}
	return all
}

// sum adds up the points of a metric that have these attributes, given as pairs.
func sum(points []point, pairs ...string) (total float64) {
	for _, p := range points {
		ok := true
		for i := 0; i < len(pairs); i += 2 {
			v, has := p.attrs.Value(attribute.Key(pairs[i]))
			ok = ok && has && v.String() == pairs[i+1]
		}
		if ok {
			total += p.value
		}
	}
	return total
}

func TestMetricsOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, telemetry.Config{TraceOneIn: -1, TimeOneIn: 1}, "in", "out")
		const n = 700
		r.run(windowed(false), func(app *engine.App) {
			for i := range n {
				r.client.Produce(t.Context(), recordOf("in", i), nil)
			}
			if err := r.client.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.produce("in", 60_000, "a", "0", "")
			r.produce("in", 1000, "a", "0", "") // late
			r.read("out", n+1)
			time.Sleep(12 * time.Second)
			m := r.collect()
			checkTable(t, m)
			for _, c := range []struct {
				name  string
				want  float64
				pairs []string
			}{
				{"rivusio.operator.records.in", n + 2, []string{telemetry.AttrOperator, "keep"}},
				{"rivusio.operator.records.out", n + 2, []string{telemetry.AttrOperator, "keep"}},
				{"rivusio.operator.records.dropped", 1, []string{telemetry.AttrReason, "late"}},
				{"rivusio.operator.duration", n + 2, []string{telemetry.AttrOperator, "keep"}},
				{"messaging.process.duration", n + 2, []string{telemetry.AttrTopic, "in"}},
				{"messaging.client.consumed.messages", n + 2, []string{telemetry.AttrTopic, "in"}},
				{"messaging.client.sent.messages", n + 1, []string{telemetry.AttrTopic, "out"}},
				{"rivusio.input.lag", 0, nil},
				{"rivusio.input.lag.duration", 0, nil},
				{"rivusio.input.buffer.size", 0, nil},
				{"rivusio.application.state", 1, []string{telemetry.AttrState, "running"}},
				{"rivusio.application.state", 1, nil},
				{"rivusio.tasks", 2, []string{telemetry.AttrTaskState, "processing"}},
				{"rivusio.transaction.aborts", 0, nil},
				{"rivusio.restore.remaining", 0, nil},
			} {
				if got := sum(m[c.name], c.pairs...); got != c.want {
					t.Errorf("%s %v is %v, want %v", c.name, c.pairs, got, c.want)
				}
			}
			checkOccupation(t, r, m)
		})
	})
}

// checkTable compares what was collected with the table.
func checkTable(t *testing.T, collected map[string][]point) {
	// What there is only on some machines, or after something went wrong.
	optional := []string{"go.memory.limit", "process.memory.usage", "process.cpu.time", "rivusio.operator.failures"}
	var names []string
	for _, m := range telemetry.Metrics() {
		names = append(names, m.Name)
		points := collected[m.Name]
		if len(points) == 0 && !slices.Contains(optional, m.Name) {
			t.Errorf("%s has no value", m.Name)
		}
		for _, p := range points {
			for _, a := range p.attrs.ToSlice() {
				if key := string(a.Key); !slices.Contains(m.Attributes, key) && key != telemetry.AttrApplication {
					t.Errorf("%s has the attribute %s, which is not in the table", m.Name, key)
				}
			}
			if p.value < 0 || math.IsNaN(p.value) || math.IsInf(p.value, 0) {
				t.Errorf("%s is %v", m.Name, p.value)
			}
		}
	}
	for name := range collected {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not in the table", name)
		}
	}
}

// checkOccupation checks that the time of each task adds up to that of the clock.
func checkOccupation(t *testing.T, r *rig, before map[string][]point) {
	const passed = 30 * time.Second
	time.Sleep(passed)
	after := r.collect()
	for _, task := range []string{"0_0", "1_0"} {
		got := sum(after["rivusio.task.time"], telemetry.AttrTask, task) - sum(before["rivusio.task.time"], telemetry.AttrTask, task)
		if math.Abs(got-passed.Seconds()) > 0.3 {
			t.Errorf("task %s has spent %.2f s of %v", task, got, passed)
		}
		if idle := sum(after["rivusio.task.time"], telemetry.AttrTask, task, telemetry.AttrActivity, "idle"); idle < 25 {
			t.Errorf("task %s was idle for %.2f s only", task, idle)
		}
	}
}

// The names of the table are those that Prometheus sees.
func TestPrometheusNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, telemetry.Config{Metrics: telemetry.Prometheus, TimeOneIn: 1}, "in", "out")
		r.run(windowed(false), func(*engine.App) {
			r.produce("in", 60_000, "a", "0", "")
			r.produce("in", 1000, "a", "0", "") // late
			r.read("out", 1)
			time.Sleep(time.Second)
			w := httptest.NewRecorder()
			r.tel.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
			page := w.Body.String()
			for _, m := range telemetry.Metrics() {
				if slices.Contains([]string{"go.memory.limit", "process.memory.usage", "rivusio.operator.failures"}, m.Name) {
					continue
				}
				name := m.Prometheus()
				if m.Kind == telemetry.Histogram {
					name += "_bucket"
				}
				if !regexp.MustCompile(`(?m)^` + name + `[{ ]`).MatchString(page) {
					t.Errorf("%s is not on the page as %s", m.Name, name)
				}
			}
			if t.Failed() {
				t.Log(page)
			}
		})
	})
}

// The documentation has the table.
func TestDocumentedMetrics(t *testing.T) {
	page, err := os.ReadFile("../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := telemetry.Reference(); !strings.Contains(string(page), want) {
		if os.Getenv("UPDATE") != "" {
			begin, end := "<!-- metrics -->\n", "<!-- end of metrics -->\n"
			head, rest, _ := strings.Cut(string(page), begin)
			_, tail, found := strings.Cut(rest, end)
			if !found {
				t.Fatal("docs/observability.md has no place for the table")
			}
			if err := os.WriteFile("../docs/observability.md", []byte(head+begin+want+end+tail), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Errorf("docs/observability.md does not have the table of metrics; write it with UPDATE=1")
	}
}

func TestNothingIsExportedByDefault(t *testing.T) {
	tel, err := telemetry.New(t.Context(), telemetry.Config{Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	var c engine.Config
	tel.Configure(&c)
	if tel.Enabled() || tel.Handler() != nil || c.Observer != nil || c.Watch.Tracer != nil || c.Watch.Timer != nil {
		t.Errorf("something is exported: %+v", c.Watch)
	}
}

// What the observer is told is counted where the table says.
func TestToldCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, telemetry.Config{})
		var c engine.Config
		r.tel.Configure(&c)
		b := topology.NewBuilder("app")
		b.Stream("in", serde.String, serde.String).To("out")
		topo, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		app, err := engine.New(topo, engine.Config{Brokers: []string{"localhost:9092"}})
		if err != nil {
			t.Fatal(err)
		}
		stop := r.tel.Observe(app)
		c.Observer.OperatorFailed(engine.FailureInfo{Operator: "work", Outcome: "skip"})
		c.Observer.CommitEnded(engine.CommitInfo{Worker: 2, Aborted: true, Took: time.Second})
		c.Observer.CommitEnded(engine.CommitInfo{Worker: 2, Written: 5, Took: time.Second, Transaction: 2 * time.Second})
		m := r.collect()
		checks := map[string]float64{
			"rivusio.operator.failures":    sum(m["rivusio.operator.failures"], telemetry.AttrOperator, "work", telemetry.AttrOutcome, "skip"),
			"rivusio.transaction.aborts":   sum(m["rivusio.transaction.aborts"], telemetry.AttrWorker, "2"),
			"rivusio.commit.records":       sum(m["rivusio.commit.records"]) / 5,
			"rivusio.transaction.duration": sum(m["rivusio.transaction.duration"], telemetry.AttrOutcome, "committed"),
		}
		for name, got := range checks {
			if got != 1 {
				t.Errorf("%s is %v times what was told", name, got)
			}
		}
		if spans := named(r.spans.GetSpans(), "commit"); len(spans) != 1 {
			t.Errorf("%d spans of commits, want one of that which was aborted", len(spans))
		}
		stop()
		if m := r.collect(); len(m["rivusio.application.state"]) != 0 {
			t.Error("an App that is not observed any more is collected")
		}
	})
}
