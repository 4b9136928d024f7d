package task_test

import (
	"context"
	"slices"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rivusio/rivusio/telemetry"
)

// discard is an exporter that forgets spans.
type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }

// What telemetry costs a record of a filter and a map, without Kafka, and a traced record: rounds of a task without it and of one with
// it take turns, so that both see the same machine, and the medians are compared.
func BenchmarkTelemetry(b *testing.B) {
	path := func(s stream) stream {
		return s.Filter(func(_, v int64) bool { return v%16 != 0 }).MapValues(func(_, v int64) int64 { return v + 1 })
	}
	loopOf := func(c telemetry.Config) *loop {
		t, err := telemetry.New(b.Context(), c)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := t.Shutdown(context.Background()); err != nil {
				b.Error(err)
			}
		})
		return newWatchedLoop(b, path, t.Watch())
	}
	metrics := func() []sdkmetric.Reader { return []sdkmetric.Reader{sdkmetric.NewManualReader()} }
	loops := []*loop{
		newLoop(b, path),
		loopOf(telemetry.Config{Readers: metrics()}),
		loopOf(telemetry.Config{Readers: metrics(), SpanProcessors: []sdktrace.SpanProcessor{sdktrace.NewBatchSpanProcessor(discard{})}, TraceOneIn: 100}),
		loopOf(telemetry.Config{Readers: metrics(), SpanProcessors: []sdktrace.SpanProcessor{sdktrace.NewBatchSpanProcessor(discard{})}, TraceOneIn: 1, TraceLimit: -1}),
	}
	took := make([][]time.Duration, len(loops))
	for b.Loop() {
		for i, l := range loops {
			began := time.Now()
			l.round()
			took[i] = append(took[i], time.Since(began))
			l.commit()
		}
	}
	perRecord := func(i int) float64 {
		slices.Sort(took[i])
		return float64(took[i][len(took[i])/2].Nanoseconds()) / loopRecords
	}
	none := perRecord(0)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(none, "ns/record")
	b.ReportMetric(perRecord(1)-none, "metrics-ns/record")
	b.ReportMetric(perRecord(2)-none, "limited-traces-ns/record")
	b.ReportMetric(perRecord(3)-none, "ns/trace")
}
