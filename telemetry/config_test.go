package telemetry_test

import (
	"strings"
	"testing"

	"github.com/rivusio/rivusio/telemetry"
)

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		name    string
		env     map[string]string
		cfg     telemetry.Config
		enabled bool
		oneIn   int // of traces; 0: no traces
		wrong   string
	}{
		{name: "nothing"},
		{name: "endpoint", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1"}, enabled: true, oneIn: 1000},
		{name: "one signal", env: map[string]string{"OTEL_METRICS_EXPORTER": "prometheus"}, enabled: true},
		{name: "disabled", env: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}},
		{name: "always", env: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": "always_on"}, enabled: true, oneIn: 1},
		{name: "ratio", env: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}, enabled: true, oneIn: 100},
		{name: "key before variable", env: map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_TRACES_SAMPLER": "always_on"}, cfg: telemetry.Config{Traces: telemetry.OTLP, TraceOneIn: 7}, enabled: true, oneIn: 7},
		{name: "grpc", env: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, enabled: true, oneIn: 1000},
		{name: "bad exporter", env: map[string]string{"OTEL_LOGS_EXPORTER": "prometheus"}, wrong: "OTEL_LOGS_EXPORTER"},
		{name: "bad sampler", env: map[string]string{"OTEL_TRACES_SAMPLER": "jaeger_remote"}, wrong: "OTEL_TRACES_SAMPLER"},
		{name: "bad ratio", env: map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, wrong: "OTEL_TRACES_SAMPLER_ARG"},
		{name: "bad protocol", env: map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, wrong: "http/json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Getenv = func(name string) string { return c.env[name] }
			tel, err := telemetry.New(t.Context(), c.cfg)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("the error is %v, want one about %s", err, c.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tel.Enabled() != c.enabled {
				t.Errorf("Enabled is %v", tel.Enabled())
			}
			if w := tel.Watch(); (w.Tracer != nil) != (c.oneIn > 0) || w.TraceOneIn != c.oneIn {
				t.Errorf("one record in %d begins a trace, want %d", w.TraceOneIn, c.oneIn)
			}
		})
	}
}
