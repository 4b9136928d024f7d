package telemetry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rivusio/rivusio/operators"
)

// ofProcess reports whether a metric is about the process, and so the same for all Apps.
func (m Metric) ofProcess() bool {
	return !strings.HasPrefix(m.Name, "rivusio.") && !strings.HasPrefix(m.Name, "messaging.")
}

// register makes the instruments of the table.
func (t *Telemetry) register(meter metric.Meter) error {
	var observables []metric.Observable
	var observed []Metric
	histograms := make(map[string]metric.Float64Histogram)
	for _, m := range Metrics() {
		unit, text := metric.WithUnit(m.Unit), metric.WithDescription(m.Description)
		var o metric.Float64Observable
		var err error
		switch m.Kind {
		case Counter:
			o, err = meter.Float64ObservableCounter(m.Name, unit, text)
		case UpDownCounter:
			o, err = meter.Float64ObservableUpDownCounter(m.Name, unit, text)
		case Gauge:
			o, err = meter.Float64ObservableGauge(m.Name, unit, text)
		case Histogram:
			histograms[m.Name], err = meter.Float64Histogram(m.Name, unit, text, metric.WithExplicitBucketBoundaries(m.boundaries()...))
		}
		if err != nil {
			return fmt.Errorf("metric %s: %w", m.Name, err)
		}
		if o != nil {
			observables, observed = append(observables, o), append(observed, m)
		}
	}
	t.timer = &timer{process: histograms["messaging.process.duration"], operator: histograms["rivusio.operator.duration"]}
	t.timer.histograms = histograms
	_, err := meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		t.observe(to, observables, observed)
		return nil
	}, observables...)
	return err
}

// boundaries are those of a histogram in seconds: for what brokers do those of the semantic conventions, and more at the
// lower end for what happens here.
func (m Metric) boundaries() []float64 {
	remote := []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
	switch m.Name {
	case "rivusio.operator.duration", "messaging.process.duration":
		return append([]float64{1e-7, 2.5e-7, 5e-7, 1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3}, remote...)
	case "messaging.client.operation.duration":
		return remote
	}
	return append(append([]float64{0.001, 0.0025}, remote...), 30, 60, 300)
}

// observe reads every metric of every App.
func (t *Telemetry) observe(to metric.Observer, observables []metric.Observable, observed []Metric) {
	t.mu.Lock()
	apps := slices.Clone(t.apps)
	t.mu.Unlock()
	for i, app := range apps {
		c := collect(app, &t.counts)
		for n, m := range observed {
			if m.ofProcess() && i > 0 {
				continue
			}
			of := attribute.String(AttrApplication, c.group)
			m.observe(c, func(value float64, attributes ...attribute.KeyValue) {
				if !m.ofProcess() {
					attributes = append(attributes, of)
				}
				to.ObserveFloat64(observables[n].(metric.Float64Observable), value, metric.WithAttributes(attributes...))
			})
		}
	}
}

// timer records times.
type timer struct {
	process, operator metric.Float64Histogram
	histograms        map[string]metric.Float64Histogram
	of                options // attribute sets by what they are made of
}

func (t *timer) Processed(application string, o operators.Origin, took time.Duration, err error) {
	failed := ""
	if err != nil {
		failed = errorType(err)
	}
	t.process.Record(context.Background(), took.Seconds(), t.of.get(optionKey{"process", application, o.Topic, failed}, func() []attribute.KeyValue {
		of := []attribute.KeyValue{
			str(AttrSystem, "kafka"), str(AttrOperationName, "process"), str(AttrTopic, o.Topic), str(AttrGroup, application), str(AttrApplication, application),
		}
		if failed != "" {
			of = append(of, str(AttrErrorType, failed))
		}
		return of
	})...)
}

func (t *timer) Operated(c *operators.Context, took time.Duration) {
	t.operator.Record(context.Background(), took.Seconds(), t.of.get(optionKey{"operator", c.Application(), c.Operator(), ""}, func() []attribute.KeyValue {
		return []attribute.KeyValue{str(AttrOperator, c.Operator()), str(AttrOperation, c.Op()), str(AttrApplication, c.Application())}
	})...)
}
