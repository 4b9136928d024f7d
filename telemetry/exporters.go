package telemetry

import (
	"context"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutlog"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// path is the URL of a signal at the endpoint over HTTP.
func (c *Config) path(signal string) string {
	return strings.TrimSuffix(c.Endpoint, "/") + "/v1/" + signal
}

// scraped is the reader that the handler for Prometheus asks.
func (t *Telemetry) scraped() (sdkmetric.Reader, error) {
	registry := prometheus.NewRegistry()
	t.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry})
	return otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
}

// metricReader is the reader that pushes to the configured exporter; nil for none.
func (t *Telemetry) metricReader(ctx context.Context) (sdkmetric.Reader, error) {
	c := &t.cfg
	var exporter sdkmetric.Exporter
	var err error
	switch c.Metrics {
	case None, Prometheus:
		return nil, nil
	case Console:
		exporter, err = stdoutmetric.New()
	case OTLP:
		exporter, err = c.otlpMetrics(ctx)
	}
	if err != nil {
		return nil, err
	}
	var opts []sdkmetric.PeriodicReaderOption
	if c.MetricInterval > 0 {
		opts = append(opts, sdkmetric.WithInterval(c.MetricInterval))
	}
	return sdkmetric.NewPeriodicReader(exporter, opts...), nil
}

func (c *Config) otlpMetrics(ctx context.Context) (sdkmetric.Exporter, error) {
	p, err := c.protocol("METRICS")
	if err != nil {
		return nil, err
	}
	if p == GRPC {
		var opts []otlpmetricgrpc.Option
		if c.Endpoint != "" {
			opts = append(opts, otlpmetricgrpc.WithEndpointURL(c.Endpoint))
		}
		return otlpmetricgrpc.New(ctx, opts...)
	}
	var opts []otlpmetrichttp.Option
	if c.Endpoint != "" {
		opts = append(opts, otlpmetrichttp.WithEndpointURL(c.path("metrics")))
	}
	return otlpmetrichttp.New(ctx, opts...)
}

// spanProcessor is the processor of the configured exporter; nil for none.
func (c *Config) spanProcessor(ctx context.Context) (sdktrace.SpanProcessor, error) {
	var exporter sdktrace.SpanExporter
	var err error
	switch c.Traces {
	case None:
		return nil, nil
	case Console:
		exporter, err = stdouttrace.New()
	case OTLP:
		exporter, err = c.otlpTraces(ctx)
	}
	if err != nil {
		return nil, err
	}
	return sdktrace.NewBatchSpanProcessor(exporter), nil
}

func (c *Config) otlpTraces(ctx context.Context) (sdktrace.SpanExporter, error) {
	p, err := c.protocol("TRACES")
	if err != nil {
		return nil, err
	}
	if p == GRPC {
		var opts []otlptracegrpc.Option
		if c.Endpoint != "" {
			opts = append(opts, otlptracegrpc.WithEndpointURL(c.Endpoint))
		}
		return otlptracegrpc.New(ctx, opts...)
	}
	var opts []otlptracehttp.Option
	if c.Endpoint != "" {
		opts = append(opts, otlptracehttp.WithEndpointURL(c.path("traces")))
	}
	return otlptracehttp.New(ctx, opts...)
}

// logProcessor is the processor of the configured exporter; nil for none.
func (c *Config) logProcessor(ctx context.Context) (sdklog.Processor, error) {
	var exporter sdklog.Exporter
	var err error
	switch c.Logs {
	case None:
		return nil, nil
	case Console:
		exporter, err = stdoutlog.New()
	case OTLP:
		exporter, err = c.otlpLogs(ctx)
	}
	if err != nil {
		return nil, err
	}
	return sdklog.NewBatchProcessor(exporter), nil
}

func (c *Config) otlpLogs(ctx context.Context) (sdklog.Exporter, error) {
	p, err := c.protocol("LOGS")
	if err != nil {
		return nil, err
	}
	if p == GRPC {
		var opts []otlploggrpc.Option
		if c.Endpoint != "" {
			opts = append(opts, otlploggrpc.WithEndpointURL(c.Endpoint))
		}
		return otlploggrpc.New(ctx, opts...)
	}
	var opts []otlploghttp.Option
	if c.Endpoint != "" {
		opts = append(opts, otlploghttp.WithEndpointURL(c.path("logs")))
	}
	return otlploghttp.New(ctx, opts...)
}
