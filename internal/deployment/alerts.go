package deployment

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rivusio/rivusio/telemetry"
)

// alert is a rule. In its expression NAME in angle brackets is a metric of the table, by its name there.
type alert struct {
	name, expression, lasts, severity, summary string
}

// alerts are few: each asks for something to be done, which docs/operations.md says.
func alerts() []alert {
	return []alert{
		{"RivusioDown", `up{job="rivusio"} == 0`, "2m", "critical", "A processor does not answer."},
		{"RivusioFailed", `<rivusio.application.state>{rivusio_application_state="failed"} == 1`, "0m", "critical", "A processor has failed and ends."},
		{"RivusioNotReady", `sum by (instance, rivusio_application) (<rivusio.application.state>{rivusio_application_state=~"starting|rebalancing"}) == 1`, "15m", "warning", "A processor has been starting, rebalancing or restoring for 15 minutes."},
		{"RivusioLag", `max by (rivusio_application, messaging_destination_name) (<rivusio.input.lag.duration>) > 60`, "5m", "warning", "An input is read more than a minute behind."},
		{"RivusioRestoreStuck", `<rivusio.restore.remaining> > 0 and delta(<rivusio.restore.remaining>[10m]) >= 0`, "10m", "warning", "A restore makes no progress."},
		{"RivusioAborts", `sum by (instance, rivusio_application) (rate(<rivusio.transaction.aborts>[5m])) > 0.1`, "10m", "warning", "Transactions are aborted again and again."},
		{"RivusioRebalancing", `sum by (rivusio_application) (increase(<rivusio.rebalances>[10m])) > 20`, "10m", "warning", "The group does not come to rest."},
		{"RivusioDropping", `sum by (rivusio_application, rivusio_operator_name, rivusio_drop_reason) (rate(<rivusio.operator.records.dropped>{rivusio_drop_reason=~"undecodable|failed|null_key|invalid_time"}[5m])) > 0`, "5m", "warning", "An operator discards records that it cannot use."},
		{"RivusioBackpressured", `sum by (instance, rivusio_application, rivusio_task_id) (rate(<rivusio.task.time>{rivusio_task_activity="backpressured"}[5m])) > 0.8`, "10m", "warning", "A task has records and is held up most of the time."},
		{"RivusioDatabaseBehind", `<rivusio.database.l0.tables> > 15`, "5m", "warning", "The disk does not keep up with the state; writes are about to stall."},
	}
}

// Alerts is a file of rules for Prometheus.
func Alerts(metrics []telemetry.Metric) (string, error) {
	var b strings.Builder
	b.WriteString("# Made by: processor generate alerts. docs/operations.md says what to do about each.\ngroups:\n  - name: rivusio\n    rules:\n")
	for _, a := range alerts() {
		expression, err := inPrometheus(a.expression, metrics)
		if err != nil {
			return "", fmt.Errorf("deployment: alert %s: %w", a.name, err)
		}
		fmt.Fprintf(&b, "      - alert: %s\n        expr: >-\n          %s\n        for: %s\n        labels: {severity: %s}\n", a.name, expression, a.lasts, a.severity)
		fmt.Fprintf(&b, "        annotations:\n          summary: %s\n          runbook_url: https://github.com/rivusio/rivusio/blob/main/docs/operations.md#%s\n", a.summary, strings.ToLower(a.name))
	}
	return b.String(), nil
}

// inPrometheus puts the names that Prometheus has in the place of those of the table.
func inPrometheus(expression string, metrics []telemetry.Metric) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(expression, "<")
		name, after, closed := strings.Cut(rest, ">")
		if !ok || !closed || strings.ContainsAny(name, " =") {
			b.WriteString(expression)
			return b.String(), nil
		}
		i := slices.IndexFunc(metrics, func(m telemetry.Metric) bool { return m.Name == name })
		if i < 0 {
			return "", fmt.Errorf("there is no metric %q", name)
		}
		b.WriteString(before + metrics[i].Prometheus())
		expression = after
	}
}
