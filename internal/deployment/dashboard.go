package deployment

import (
	"encoding/json/v2"
	"fmt"
	"strings"

	"encoding/json/jsontext"

	"github.com/rivusio/rivusio/telemetry"
)

// Panel is a graph of one metric.
type Panel struct {
	Title, Description, Unit string
	Query                    string // PromQL
	Legend                   string
}

// Row is the panels of the metrics whose names begin alike.
type Row struct {
	Title  string
	Panels []Panel
}

// titles are the rows, in their order, by how the names of metrics begin.
var titles = []struct{ prefix, title string }{
	{"rivusio.operator.", "Operators"}, {"rivusio.task", "Tasks"}, {"rivusio.input.", "Inputs"}, {"rivusio.commit.", "Commits"},
	{"rivusio.transaction.", "Commits"}, {"rivusio.store.", "Stores"}, {"rivusio.restore.", "Restores"}, {"rivusio.database.", "State on disk"},
	{"rivusio.", "Process"}, {"process.", "Process"}, {"go.", "Process"}, {"messaging.", "Clients of the brokers"},
}

// Rows are the rows of the dashboard: every metric has a panel.
func Rows(metrics []telemetry.Metric) []Row {
	var rows []Row
	for _, t := range titles {
		if len(rows) == 0 || rows[len(rows)-1].Title != t.title {
			rows = append(rows, Row{Title: t.title})
		}
	}
	for _, m := range metrics {
		title := "Others"
		for _, t := range titles {
			if strings.HasPrefix(m.Name, t.prefix) {
				title = t.title
				break
			}
		}
		found := false
		for i := range rows {
			if rows[i].Title == title {
				rows[i].Panels = append(rows[i].Panels, panelOf(m))
				found = true
			}
		}
		if !found {
			rows = append(rows, Row{Title: title, Panels: []Panel{panelOf(m)}})
		}
	}
	return rows
}

// panelOf is the graph that the kind of a metric wants.
func panelOf(m telemetry.Metric) Panel {
	var labels []string
	for _, a := range m.Attributes {
		if a != telemetry.AttrPartition { // too many lines
			labels = append(labels, strings.ReplaceAll(a, ".", "_"))
		}
	}
	by := append([]string{"instance"}, labels...)
	name, which := m.Prometheus(), `{rivusio_application=~"$application",instance=~"$instance"}`
	if !strings.HasPrefix(m.Name, "rivusio.") { // of the process, not of an application
		which = `{instance=~"$instance"}`
	}
	p := Panel{Title: m.Name, Description: m.Description, Unit: grafanaUnit(m), Legend: legend(by)}
	switch m.Kind {
	case telemetry.Counter:
		p.Query = fmt.Sprintf("sum by (%s) (rate(%s%s[1m]))", strings.Join(by, ", "), name, which)
	case telemetry.Histogram:
		p.Query = fmt.Sprintf("histogram_quantile(0.99, sum by (%s) (rate(%s_bucket%s[1m])))", strings.Join(append([]string{"le"}, by...), ", "), name, which)
		p.Description += " The 99th percentile."
	case telemetry.UpDownCounter:
		p.Query = fmt.Sprintf("sum by (%s) (%s%s)", strings.Join(by, ", "), name, which)
	default:
		p.Query = fmt.Sprintf("max by (%s) (%s%s)", strings.Join(by, ", "), name, which)
	}
	return p
}

func legend(by []string) string {
	parts := make([]string, len(by))
	for i, label := range by {
		parts[i] = "{{" + label + "}}"
	}
	return strings.Join(parts, " ")
}

func grafanaUnit(m telemetry.Metric) string {
	switch {
	case m.Unit == "By":
		return "bytes"
	case m.Unit == "s" && m.Kind != telemetry.Counter:
		return "s"
	case m.Kind == telemetry.Counter && m.Unit != "s":
		return "ops"
	}
	return "short"
}

const (
	panelWidth  = 8
	panelHeight = 7
	gridColumns = 24
)

// Dashboard is a Grafana dashboard of all metrics, as JSON.
func Dashboard(metrics []telemetry.Metric) (string, error) {
	var panels []any
	id, y := 1, 0
	for _, row := range Rows(metrics) {
		if len(row.Panels) == 0 {
			continue
		}
		panels = append(panels, map[string]any{"id": id, "type": "row", "title": row.Title, "collapsed": false, "panels": []any{},
			"gridPos": map[string]int{"x": 0, "y": y, "w": gridColumns, "h": 1}})
		id, y = id+1, y+1
		for i, p := range row.Panels {
			x := i * panelWidth % gridColumns
			if i > 0 && x == 0 {
				y += panelHeight
			}
			panels = append(panels, p.grafana(id, x, y))
			id++
		}
		y += panelHeight
	}
	text, err := json.Marshal(map[string]any{
		"uid": "rivusio", "title": "Rivusio", "tags": []string{"rivusio"}, "schemaVersion": 39, "editable": true, "refresh": "10s",
		"time": map[string]string{"from": "now-30m", "to": "now"}, "panels": panels,
		"templating": map[string]any{"list": []any{
			variable("application", "label_values(rivusio_application_state, rivusio_application)"),
			variable("instance", `label_values(rivusio_application_state{rivusio_application=~"$application"}, instance)`),
		}},
	}, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return "", fmt.Errorf("deployment: %w", err)
	}
	return string(text) + "\n", nil
}

func (p Panel) grafana(id, x, y int) map[string]any {
	source := map[string]string{"type": "prometheus", "uid": "prometheus"}
	return map[string]any{
		"id": id, "type": "timeseries", "title": p.Title, "description": p.Description, "datasource": source,
		"gridPos":     map[string]int{"x": x, "y": y, "w": panelWidth, "h": panelHeight},
		"fieldConfig": map[string]any{"defaults": map[string]any{"unit": p.Unit, "min": 0}, "overrides": []any{}},
		"targets":     []any{map[string]any{"refId": "A", "datasource": source, "expr": p.Query, "legendFormat": p.Legend}},
	}
}

func variable(name, query string) map[string]any {
	return map[string]any{
		"name": name, "type": "query", "query": query, "datasource": map[string]string{"type": "prometheus", "uid": "prometheus"},
		"refresh": 2, "multi": true, "includeAll": true, "allValue": ".*", "current": map[string]any{"text": "All", "value": "$__all"},
	}
}
