package config

import (
	"fmt"
	"net/url"
	"time"

	"github.com/rivusio/rivusio/telemetry"
)

func telemetryKeys() []Key {
	signal := func(name, what, variable string, field func(*Config) *telemetry.Exporter, more ...telemetry.Exporter) Key {
		choices := append([]telemetry.Exporter{telemetry.None, telemetry.OTLP, telemetry.Console}, more...)
		return one("telemetry."+name, choice(words(choices...)), "", field,
			"Where "+what+" go.").derived(variable + ", or otlp if there is an endpoint, else none")
	}
	return []Key{
		signal("metrics", "metrics", "OTEL_METRICS_EXPORTER", func(c *Config) *telemetry.Exporter { return &c.Telemetry.Metrics }, telemetry.Prometheus),
		signal("traces", "traces", "OTEL_TRACES_EXPORTER", func(c *Config) *telemetry.Exporter { return &c.Telemetry.Traces }),
		signal("logs", "logs, beside standard error,", "OTEL_LOGS_EXPORTER", func(c *Config) *telemetry.Exporter { return &c.Telemetry.Logs }),
		one("telemetry.endpoint", endpointURL, "", func(c *Config) *string { return &c.Telemetry.Endpoint },
			"URL of the receiver of OTLP; what else there is to say about it, the standard OTEL_EXPORTER_OTLP_ variables say.").derived("OTEL_EXPORTER_OTLP_ENDPOINT, or this machine"),
		one("telemetry.protocol", choice(words(telemetry.GRPC, telemetry.HTTPProtobuf)), "", func(c *Config) *telemetry.Protocol { return &c.Telemetry.Protocol },
			"How OTLP is spoken.").derived("OTEL_EXPORTER_OTLP_PROTOCOL, or " + string(telemetry.HTTPProtobuf)),
		one("telemetry.metric_interval", period(100*time.Millisecond), "", func(c *Config) *time.Duration { return &c.Telemetry.MetricInterval },
			"How often metrics are pushed.").derived("OTEL_METRIC_EXPORT_INTERVAL, or 1m"),
		one("telemetry.trace_one_in", oneIn, "", func(c *Config) *int { return &c.Telemetry.TraceOneIn },
			"In how many records without a trace one begins a trace, on average; records that bring a trace go on in it.").derived("OTEL_TRACES_SAMPLER, or 1000"),
		one("telemetry.trace_limit", oneIn, "100", func(c *Config) *int { return &c.Telemetry.TraceLimit },
			"How many traces begin so in a second at most, in the whole process."),
		one("telemetry.time_one_in", oneIn, "1024", func(c *Config) *int { return &c.Telemetry.TimeOneIn },
			"In how many records the time of one is measured, on average."),
	}
}

// oneIn is a number of at least 1 or the word none, which is -1.
var oneIn = kind[int]{"number or none", func(s string) (int, error) {
	if s == "none" {
		return -1, nil
	}
	return number(1, 1<<30).parse(s)
}}

// endpointURL is the URL of a server.
var endpointURL = kind[string]{"URL", func(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%q is not a URL such as http://localhost:4318", s)
	}
	return s, nil
}}
