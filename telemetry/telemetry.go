package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/operators"
)

// scope is the name of instruments, spans and logs.
const scope = "github.com/rivusio/rivusio"

// Telemetry is the exporters of a process. All methods may be called from any goroutine.
type Telemetry struct {
	cfg     Config
	handler http.Handler // nil without Prometheus
	meters  *sdkmetric.MeterProvider
	traces  *sdktrace.TracerProvider
	logs    *sdklog.LoggerProvider

	observer *observer // nil if neither metrics nor traces are exported
	tracer   *tracer   // nil if no traces are exported
	timer    *timer    // nil if no metrics are exported
	counts   counts

	mu   sync.Mutex
	apps []*engine.App
}

// New makes exporters. The error has all mistakes of the configuration and the environment. Exporters connect later, and their
// failures are logged, never returned. Shutdown must be called at the end.
func New(ctx context.Context, c Config) (_ *Telemetry, err error) {
	t := new(Telemetry)
	if t.cfg, err = c.withDefaults(); err != nil {
		return nil, err
	}
	of, err := t.resource(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Shutdown(ctx))
		}
	}()
	if err := t.openMetrics(ctx, of); err != nil {
		return nil, err
	}
	if err := t.openTraces(ctx, of); err != nil {
		return nil, err
	}
	if err := t.openLogs(ctx, of); err != nil {
		return nil, err
	}
	if t.meters != nil || t.traces != nil {
		t.observer = newObserver(t)
	}
	if t.Enabled() {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.cfg.Logger.Warn("telemetry was not exported", "error", err) }))
	}
	return t, nil
}

// resource is what all signals are about.
func (t *Telemetry) resource(ctx context.Context) (*resource.Resource, error) {
	named := []attribute.KeyValue{}
	if t.cfg.Service != "" {
		named = append(named, semconv.ServiceName(t.cfg.Service))
	}
	if t.cfg.Version != "" {
		named = append(named, semconv.ServiceVersion(t.cfg.Version))
	}
	// What comes later wins: the environment.
	r, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(), resource.WithAttributes(named...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("telemetry: resource: %w", err)
	}
	return r, nil
}

func (t *Telemetry) openMetrics(ctx context.Context, of *resource.Resource) error {
	readers := t.cfg.Readers
	r, err := t.metricReader(ctx)
	if err != nil {
		return fmt.Errorf("telemetry: exporter of metrics: %w", err)
	}
	if r != nil {
		readers = append(readers, r)
	}
	if t.cfg.Metrics == Prometheus || t.cfg.Scrape {
		if r, err = t.scraped(); err != nil {
			return fmt.Errorf("telemetry: exporter of metrics: %w", err)
		}
		readers = append(readers, r)
	}
	if len(readers) == 0 {
		return nil
	}
	opts := []sdkmetric.Option{sdkmetric.WithResource(of)}
	for _, r := range readers {
		opts = append(opts, sdkmetric.WithReader(r))
	}
	t.meters = sdkmetric.NewMeterProvider(opts...)
	if err := t.register(t.meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))); err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	return nil
}

func (t *Telemetry) openTraces(ctx context.Context, of *resource.Resource) error {
	processors := t.cfg.SpanProcessors
	p, err := t.cfg.spanProcessor(ctx)
	if err != nil {
		return fmt.Errorf("telemetry: exporter of traces: %w", err)
	}
	if p != nil {
		processors = append(processors, p)
	}
	if len(processors) == 0 {
		return nil
	}
	// What is asked for has been chosen already.
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(of), sdktrace.WithSampler(sdktrace.AlwaysSample())}
	for _, p := range processors {
		opts = append(opts, sdktrace.WithSpanProcessor(p))
	}
	t.traces = sdktrace.NewTracerProvider(opts...)
	t.tracer = &tracer{t.traces.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))}
	return nil
}

func (t *Telemetry) openLogs(ctx context.Context, of *resource.Resource) error {
	processors := t.cfg.LogProcessors
	p, err := t.cfg.logProcessor(ctx)
	if err != nil {
		return fmt.Errorf("telemetry: exporter of logs: %w", err)
	}
	if p != nil {
		processors = append(processors, p)
	}
	if len(processors) == 0 {
		return nil
	}
	opts := []sdklog.LoggerProviderOption{sdklog.WithResource(of)}
	for _, p := range processors {
		opts = append(opts, sdklog.WithProcessor(p))
	}
	t.logs = sdklog.NewLoggerProvider(opts...)
	return nil
}

// Enabled reports whether anything is exported.
func (t *Telemetry) Enabled() bool { return t.meters != nil || t.traces != nil || t.logs != nil }

// Handler serves the metrics to Prometheus; nil unless that is their exporter.
func (t *Telemetry) Handler() http.Handler { return t.handler }

// Configure makes an App tell what happens in it, beside the observer that the configuration has, and has its records traced
// and timed. It changes nothing if neither metrics nor traces are exported.
func (t *Telemetry) Configure(c *engine.Config) {
	if t.observer == nil {
		return
	}
	if c.Observer == nil {
		c.Observer = t.observer
	} else {
		c.Observer = engine.Observers(c.Observer, t.observer)
	}
	c.Watch = t.Watch()
}

// Watch says which records are traced and timed.
func (t *Telemetry) Watch() operators.Watch {
	var w operators.Watch
	if t.tracer != nil {
		w.Tracer, w.TraceOneIn = t.tracer, max(0, t.cfg.TraceOneIn)
		if t.cfg.TraceLimit > 0 {
			w.TraceAllowed = newLimiter(t.cfg.TraceLimit).allow
		}
	}
	if t.timer != nil && t.cfg.TimeOneIn > 0 {
		w.Timer, w.TimeOneIn = t.timer, t.cfg.TimeOneIn
	}
	return w
}

// Observe makes the figures of an App metrics, until stop is called.
func (t *Telemetry) Observe(app *engine.App) (stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.apps = append(t.apps, app)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for i, a := range t.apps {
			if a == app {
				t.apps = append(t.apps[:i:i], t.apps[i+1:]...)
				return
			}
		}
	}
}

// LogHandler is h with what [Annotate] and [Limit] do, and exports what it handles if logs are exported.
func (t *Telemetry) LogHandler(h slog.Handler) slog.Handler {
	if t.logs != nil {
		h = slog.NewMultiHandler(h, levelled{otelslog.NewHandler(scope, otelslog.WithLoggerProvider(t.logs)), h})
	}
	return Annotate(Limit(h, LimitBurst, LimitInterval))
}

// Shutdown exports what is left and ends.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var errs []error
	if t.traces != nil {
		errs = append(errs, t.traces.Shutdown(ctx))
	}
	if t.meters != nil {
		errs = append(errs, t.meters.Shutdown(ctx))
	}
	if t.logs != nil {
		errs = append(errs, t.logs.Shutdown(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	return nil
}
