package deployment_test

import (
	"encoding/json/v2"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/internal/deployment"
	"github.com/rivusio/rivusio/telemetry"
)

func TestDashboard(t *testing.T) {
	metrics := telemetry.Metrics()
	made, err := deployment.Dashboard(metrics)
	if err != nil {
		t.Fatal(err)
	}
	held(t, "grafana/dashboards/rivusio.json", made)
	var d struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
			GridPos struct{ X, Y, W, H int } `json:"gridPos"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(made), &d, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	queries := make(map[string]string)
	places := make(map[[2]int]string)
	for _, p := range d.Panels {
		at := [2]int{p.GridPos.X, p.GridPos.Y}
		if places[at] != "" {
			t.Errorf("%s and %s are at the same place", p.Title, places[at])
		}
		places[at] = p.Title
		if len(p.Targets) > 0 {
			queries[p.Title] = p.Targets[0].Expr
		}
	}
	for _, m := range metrics {
		if !strings.Contains(queries[m.Name], m.Prometheus()) {
			t.Errorf("no panel of %s: %q", m.Name, queries[m.Name])
		}
	}
	for _, row := range deployment.Rows(metrics) {
		if row.Title == "Others" || len(row.Panels) == 0 {
			t.Errorf("row %q has %d panels", row.Title, len(row.Panels))
		}
	}
}

func TestAlerts(t *testing.T) {
	made, err := deployment.Alerts(telemetry.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	held(t, "prometheus/rules.yml", made)
	rules := at(documents(t, made)[0], "groups", 0, "rules").([]any)
	if len(rules) < 5 {
		t.Errorf("%d rules", len(rules))
	}
	for i := range rules {
		if expr := at(rules, i, "expr").(string); strings.Contains(expr, "<") {
			t.Errorf("a name is left in %s", expr)
		}
	}
	if _, err := deployment.Alerts(nil); err == nil || !strings.Contains(err.Error(), `there is no metric "rivusio.application.state"`) {
		t.Errorf("got %v without metrics", err)
	}
}
