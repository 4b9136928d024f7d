package telemetry

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Exporter is where a signal goes.
type Exporter string

// The exporters, under the names that OTEL_METRICS_EXPORTER and its like have for them.
const (
	None       Exporter = "none"
	OTLP       Exporter = "otlp"
	Console    Exporter = "console"    // standard output, as JSON
	Prometheus Exporter = "prometheus" // metrics only: [Telemetry.Handler]
)

// Protocol is how OTLP is spoken.
type Protocol string

// The protocols of OTLP.
const (
	GRPC         Protocol = "grpc"
	HTTPProtobuf Protocol = "http/protobuf"
)

// Config says what is exported and where to. What is not set comes from the standard OTEL_ variables: OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES, OTEL_METRICS_EXPORTER, OTEL_TRACES_EXPORTER, OTEL_LOGS_EXPORTER, OTEL_EXPORTER_OTLP_PROTOCOL and
// its forms for one signal, OTEL_TRACES_SAMPLER with OTEL_TRACES_SAMPLER_ARG, OTEL_SDK_DISABLED; and what the exporters
// read themselves, from OTEL_EXPORTER_OTLP_ENDPOINT to OTEL_METRIC_EXPORT_INTERVAL and OTEL_BSP_SCHEDULE_DELAY. With neither nothing is
// exported.
type Config struct {
	// Service and Version name the program in what is exported. Service is used if OTEL_SERVICE_NAME is not set.
	Service, Version string
	// Metrics, Traces and Logs are where the signals go. Empty: what the environment says; if that has an endpoint of
	// OTLP and no exporter, OTLP.
	Metrics, Traces, Logs Exporter
	// Scrape makes a [Telemetry.Handler] for Prometheus, whatever else the metrics go to.
	Scrape bool
	// Endpoint is the URL of the OTLP receiver, such as http://localhost:4317. Default: what the environment says.
	Endpoint string
	// Protocol is how OTLP is spoken. Default: what the environment says, or else HTTPProtobuf.
	Protocol Protocol
	// TraceOneIn is in how many records without a context of a trace one begins a trace. Negative: none does. Default: what
	// OTEL_TRACES_SAMPLER says, or else 1000.
	TraceOneIn int
	// TraceLimit bounds how many traces begin so in a second, all tasks of the process together: what a trace costs does not
	// depend on how many records there are. Negative: nothing bounds it. Default 100.
	TraceLimit int
	// TimeOneIn is in how many records the time of one is measured. Negative: of none. Default 1024.
	TimeOneIn int
	// MetricInterval is how often metrics are pushed. Default: OTEL_METRIC_EXPORT_INTERVAL, or else a minute.
	MetricInterval time.Duration

	// Readers, SpanProcessors and LogProcessors are more destinations, for programs with ones of their own.
	Readers        []sdkmetric.Reader
	SpanProcessors []sdktrace.SpanProcessor
	LogProcessors  []sdklog.Processor

	// Logger takes what goes wrong with exporting. Default slog.Default. It must not export logs itself.
	Logger *slog.Logger
	// Getenv reads a variable. Default os.Getenv.
	Getenv func(string) string
}

const (
	defaultTraceOneIn = 1000
	defaultTraceLimit = 100
	defaultTimeOneIn  = 1024
)

// withDefaults fills in what is not set, from the environment first. The error has all mistakes.
func (c Config) withDefaults() (Config, error) {
	if c.Getenv == nil {
		c.Getenv = os.Getenv
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	var errs []error
	for _, s := range []struct {
		signal   string
		exporter *Exporter
	}{{"METRICS", &c.Metrics}, {"TRACES", &c.Traces}, {"LOGS", &c.Logs}} {
		errs = append(errs, c.chooseExporter(s.signal, s.exporter))
	}
	switch c.Protocol {
	case "", GRPC, HTTPProtobuf:
	default:
		errs = append(errs, fmt.Errorf("telemetry: protocol %q is not %s or %s", c.Protocol, GRPC, HTTPProtobuf))
	}
	if c.TraceOneIn == 0 {
		var err error
		if c.TraceOneIn, err = c.sampler(); err != nil {
			errs = append(errs, err)
		}
	}
	c.TraceLimit = cmp.Or(c.TraceLimit, defaultTraceLimit)
	c.TimeOneIn = cmp.Or(c.TimeOneIn, defaultTimeOneIn)
	return c, errors.Join(errs...)
}

// chooseExporter finds the exporter of a signal.
func (c *Config) chooseExporter(signal string, e *Exporter) error {
	from := "the configuration"
	if *e == "" {
		from = "OTEL_" + signal + "_EXPORTER"
		*e = Exporter(c.Getenv(from))
	}
	if *e == "" {
		*e = None
		if c.Endpoint != "" || c.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || c.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != "" {
			*e = OTLP
		}
	}
	if c.Getenv("OTEL_SDK_DISABLED") == "true" {
		*e, c.Scrape = None, false
	}
	choices := []Exporter{None, OTLP, Console}
	if signal == "METRICS" {
		choices = append(choices, Prometheus)
	}
	if !slices.Contains(choices, *e) {
		return fmt.Errorf("telemetry: %s: exporter %q of %s is not one of %v", from, *e, strings.ToLower(signal), choices)
	}
	return nil
}

// sampler is what the variables of the sampler make of TraceOneIn. All of them heed the decision that a record brings; that is
// what the names with parentbased say.
func (c *Config) sampler() (oneIn int, err error) {
	name, arg := c.Getenv("OTEL_TRACES_SAMPLER"), c.Getenv("OTEL_TRACES_SAMPLER_ARG")
	switch strings.TrimPrefix(name, "parentbased_") {
	case "":
		return defaultTraceOneIn, nil
	case "always_on":
		return 1, nil
	case "always_off":
		return -1, nil
	case "traceidratio":
		ratio, err := strconv.ParseFloat(cmp.Or(arg, "1"), 64)
		switch {
		case err != nil || ratio < 0 || ratio > 1:
			return 0, fmt.Errorf("telemetry: OTEL_TRACES_SAMPLER_ARG: %q is not between 0 and 1", arg)
		case ratio == 0:
			return -1, nil
		}
		return int(1/ratio + 0.5), nil
	}
	return 0, fmt.Errorf("telemetry: OTEL_TRACES_SAMPLER: %q is not always_on, always_off, traceidratio, or one of these after parentbased_", name)
}

// protocol is how OTLP is spoken for a signal.
func (c *Config) protocol(signal string) (Protocol, error) {
	p := cmp.Or(c.Protocol, Protocol(c.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_PROTOCOL")), Protocol(c.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")), HTTPProtobuf)
	if p != GRPC && p != HTTPProtobuf {
		return "", fmt.Errorf("telemetry: protocol %q of %s is not %s or %s", p, strings.ToLower(signal), GRPC, HTTPProtobuf)
	}
	return p, nil
}
