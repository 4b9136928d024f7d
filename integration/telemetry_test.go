//go:build integration

package integration_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/rivusio/rivusio/telemetry"
)

// collector is a real OpenTelemetry Collector that writes what it receives into files.
type collector struct {
	t        *testing.T
	dir      string
	endpoint string // of OTLP over gRPC
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	script := exec.Command("otelcol/otelcol.sh")
	script.Stderr = os.Stderr
	path, err := script.Output()
	if err != nil {
		t.Fatalf("otelcol.sh: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	c := &collector{t: t, dir: t.TempDir(), endpoint: "http://127.0.0.1:" + port}
	config, err := os.ReadFile("otelcol/config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.dir, "config.yaml")
	text := strings.NewReplacer("DIR", c.dir, "PORT", port).Replace(string(config))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := newProgram(t, func() (string, error) { return strings.TrimSpace(string(path)), nil }, "otelcol", "--config", "file:"+file)
	p.start()
	until(t, 30*time.Second, "the collector listens", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return c
}

// lines decodes what the collector has written of a signal so far.
func lines[T any](c *collector, signal string) (all []T) {
	c.t.Helper()
	f, err := os.Open(filepath.Join(c.dir, signal+".json"))
	if err != nil {
		return nil
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var one T
		if json.Unmarshal(s.Bytes(), &one) == nil { // the last line may be half written
			all = append(all, one)
		}
	}
	return all
}

// What is looked at of OTLP in JSON.
type (
	otlpAttribute struct {
		Key   string
		Value struct{ StringValue, IntValue string }
	}
	otlpSpan struct {
		TraceID, SpanID, ParentSpanID, Name string
		Links                               []struct{ TraceID, SpanID string }
		Attributes                          []otlpAttribute
	}
	otlpTraces struct {
		ResourceSpans []struct {
			ScopeSpans []struct{ Spans []otlpSpan }
		}
	}
	otlpPoint struct {
		AsDouble   float64
		Count      string
		Attributes []otlpAttribute
	}
	otlpData    struct{ DataPoints []otlpPoint }
	otlpMetrics struct {
		ResourceMetrics []struct {
			Resource     struct{ Attributes []otlpAttribute }
			ScopeMetrics []struct {
				Metrics []struct {
					Name, Unit            string
					Sum, Gauge, Histogram otlpData
				}
			}
		}
	}
	otlpLogs struct {
		ResourceLogs []struct {
			ScopeLogs []struct {
				LogRecords []struct{ Body struct{ StringValue string } }
			}
		}
	}
)

func (c *collector) spans() (all []otlpSpan) {
	for _, line := range lines[otlpTraces](c, "traces") {
		for _, r := range line.ResourceSpans {
			for _, s := range r.ScopeSpans {
				all = append(all, s.Spans...)
			}
		}
	}
	return all
}

const observedTopology = `application: observed
streams:
  kept:
    topic: observed-input
    value_serde: string
    steps:
      - filter: value != "no"
        name: keep
  updates:
    from: kept
    steps:
      - group_by: value
        name: updates-by-value
      - window: {tumbling: 10s}
      - count: {store: updated}
      - to_stream:
      - to: observed-updates
  totals:
    from: kept
    steps:
      - group_by: value
        name: totals-by-value
      - window: {tumbling: 10s, emit: on_close}
      - count: {store: closed}
      - to_stream:
      - to: observed-totals
`

// producer is a client of its own that traces what it sends.
type producer struct {
	k      *cluster
	tracer trace.Tracer
	topic  string
}

func (p producer) send(ms int64, value string) trace.SpanContext {
	p.k.t.Helper()
	ctx, span := p.tracer.Start(context.Background(), "send "+p.topic, trace.WithSpanKind(trace.SpanKindProducer))
	defer span.End()
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	r := &kgo.Record{Topic: p.topic, Key: []byte("k"), Value: []byte(value), Timestamp: time.UnixMilli(ms)}
	for key, v := range carrier {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: []byte(v)})
	}
	p.k.produce(r)
	return span.SpanContext()
}

// TestCollectorReceivesTelemetry runs a processor against a broker and a real collector, and looks at what the collector wrote: one trace from
// the producing client to the result of a window that emits updates, the links of a window that emits on close, every
// documented metric, and logs.
func TestCollectorReceivesTelemetry(t *testing.T) {
	k := connect(t)
	c := startCollector(t)
	const application, input, updates, totals = "observed", "observed-input", "observed-updates", "observed-totals"
	k.clean(application, input, updates, totals)
	k.create(1, keepAll, input, updates, totals)
	file := filepath.Join(t.TempDir(), "observed.yaml")
	k.must("write the file", os.WriteFile(file, []byte(observedTopology), 0o600))
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.endpoint)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off") // so that only the client begins traces
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
	t.Setenv("OTEL_BLRP_SCHEDULE_DELAY", "200")

	exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpointURL(c.endpoint))
	k.must("make an exporter", err)
	traces := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter), sdktrace.WithSampler(sdktrace.AlwaysSample()))
	client := producer{k, traces.Tracer("client"), input}

	p := newProgram(t, processorBinary, "processor", "run", file, "--brokers", brokers(t), "--state-dir", t.TempDir(),
		"--telemetry-metric-interval", "1s", "--telemetry-time-one-in", "1", "--admin-address", "none")
	p.start()
	first := client.send(1000, "x")
	second := client.send(2000, "x")
	client.send(2500, "no")
	client.send(25_000, "x") // closes the window
	client.send(3000, "x")   // late
	k.consumed(application, p.died, input, "observed-updates-by-value-repartition", "observed-totals-by-value-repartition")

	var sent otlpSpan
	until(t, 30*time.Second, "the trace of the first record is there, up to its result", func() bool {
		sent, _ = find(c.spans(), func(s otlpSpan) bool { return s.TraceID == first.TraceID().String() && s.Name == "send "+updates })
		return sent.Name != ""
	})
	checkTrace(t, c.spans(), sent, first)
	var closed otlpSpan
	until(t, 30*time.Second, "the span of a result on close is there", func() bool {
		closed, _ = find(c.spans(), func(s otlpSpan) bool { return strings.HasPrefix(s.Name, "close ") })
		return closed.Name != ""
	})
	if closed.ParentSpanID != "" || len(closed.Links) != 2 {
		t.Errorf("the result on close has the parent %q and %d links, want none and 2", closed.ParentSpanID, len(closed.Links))
	}
	for i, of := range []trace.SpanContext{first, second} {
		if i < len(closed.Links) && closed.Links[i].TraceID != of.TraceID().String() {
			t.Errorf("link %d leads to trace %s, want %s", i, closed.Links[i].TraceID, of.TraceID())
		}
	}
	checkMetrics(t, c)
	until(t, 30*time.Second, "the log says that the processor runs", func() bool {
		for _, line := range lines[otlpLogs](c, "logs") {
			for _, r := range line.ResourceLogs {
				for _, s := range r.ScopeLogs {
					for _, l := range s.LogRecords {
						if l.Body.StringValue == "runs" {
							return true
						}
					}
				}
			}
		}
		return false
	})
	p.stop()
}

func find(spans []otlpSpan, ok func(otlpSpan) bool) (otlpSpan, bool) {
	i := slices.IndexFunc(spans, ok)
	if i < 0 {
		return otlpSpan{}, false
	}
	return spans[i], true
}

// checkTrace follows a span up to the one that the client began.
func checkTrace(t *testing.T, spans []otlpSpan, s otlpSpan, client trace.SpanContext) {
	t.Helper()
	names := []string{s.Name}
	for s.ParentSpanID != "" && s.SpanID != client.SpanID().String() {
		up, ok := find(spans, func(o otlpSpan) bool { return o.SpanID == s.ParentSpanID })
		if !ok {
			t.Fatalf("span %s has no parent in the trace; below it: %v", s.Name, names)
		}
		if up.TraceID != client.TraceID().String() {
			t.Errorf("span %s is in trace %s, want %s", up.Name, up.TraceID, client.TraceID())
		}
		s = up
		names = append(names, s.Name)
	}
	slices.Reverse(names)
	got := strings.Join(names, " > ")
	for _, part := range []string{
		"send observed-input > process observed-input > ", " > send observed-updates-by-value-repartition > process observed-updates-by-value-repartition > ", " > send observed-updates",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("the trace is %s, without %s", got, part)
		}
	}
}

// checkMetrics waits until every documented metric has arrived, with values that make sense.
func checkMetrics(t *testing.T, c *collector) {
	t.Helper()
	// What there is only with a limit, or after something went wrong.
	optional := []string{"go.memory.limit", "rivusio.transaction.aborts", "rivusio.operator.failures"}
	var missing []string
	values := make(map[string]float64) // the largest, of histograms the count
	until(t, 30*time.Second, "every documented metric is there", func() bool {
		missing = nil
		clear(values)
		for _, line := range lines[otlpMetrics](c, "metrics") {
			for _, r := range line.ResourceMetrics {
				for _, s := range r.ScopeMetrics {
					for _, m := range s.Metrics {
						for _, p := range slices.Concat(m.Sum.DataPoints, m.Gauge.DataPoints, m.Histogram.DataPoints) {
							v := p.AsDouble
							if p.Count != "" {
								fmt.Sscan(p.Count, &v)
							}
							values[m.Name] = max(values[m.Name], v)
							if v < 0 || math.IsNaN(v) {
								t.Fatalf("%s is %v", m.Name, v)
							}
							checkAttributes(t, m.Name, p.Attributes)
						}
					}
				}
			}
		}
		for _, m := range telemetry.Metrics() {
			if _, ok := values[m.Name]; !ok && !slices.Contains(optional, m.Name) {
				missing = append(missing, m.Name)
			}
		}
		// Five records came in; the last collections have seen them.
		return len(missing) == 0 && values["rivusio.operator.records.in"] >= 5 && values["rivusio.operator.records.dropped"] >= 1
	})
	for name, least := range map[string]float64{
		"messaging.client.consumed.messages": 5, "messaging.client.sent.messages": 3, "messaging.process.duration": 3, "rivusio.commit.duration": 1,
		"rivusio.task.time": 0.1, "process.memory.usage": 1 << 20, "go.memory.used": 1 << 20, "rivusio.tasks": 3, "rivusio.database.size": 1,
		"rivusio.cache.limit": 1 << 20, "rivusio.application.state": 1,
	} {
		if values[name] < least {
			t.Errorf("%s is at most %v, want %v or more", name, values[name], least)
		}
	}
}

// checkAttributes looks for attributes that the table does not have, or that show a key.
func checkAttributes(t *testing.T, name string, attributes []otlpAttribute) {
	t.Helper()
	i := slices.IndexFunc(telemetry.Metrics(), func(m telemetry.Metric) bool { return m.Name == name })
	if i < 0 {
		t.Fatalf("%s is not documented", name)
	}
	for _, a := range attributes {
		if a.Key != telemetry.AttrApplication && !slices.Contains(telemetry.Metrics()[i].Attributes, a.Key) {
			t.Errorf("%s has the attribute %s, which is not documented", name, a.Key)
		}
	}
}
