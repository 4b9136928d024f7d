package deployment_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v3"
)

const chart = "../../deployments/helm/rivusio"

// render fills the templates of the chart as Helm does, with the functions that they use.
func render(t *testing.T, release string, change func(values map[string]any)) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(values)
	}
	functions := template.FuncMap{
		"toYaml": func(v any) (string, error) {
			text, err := yaml.Marshal(v)
			return strings.TrimSuffix(string(text), "\n"), err
		},
		"indent": func(n int, text string) string {
			pad := strings.Repeat(" ", n)
			return pad + strings.ReplaceAll(text, "\n", "\n"+pad)
		},
		"sha256sum": func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) },
	}
	files, err := filepath.Glob(filepath.Join(chart, "templates", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	var manifests []map[string]any
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		made, err := template.New(filepath.Base(file)).Option("missingkey=error").Funcs(functions).Parse(string(text))
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := made.Execute(&b, map[string]any{
			"Values": values, "Release": map[string]any{"Name": release}, "Chart": map[string]any{"Name": "rivusio"},
		}); err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, documents(t, b.String())...)
	}
	return manifests
}

func TestChart(t *testing.T) {
	for name, topology := range map[string]string{"of the image": "", "of a file": topologyText(t)} {
		t.Run(name, func(t *testing.T) {
			manifests := render(t, "orders", func(values map[string]any) {
				values["topology"] = topology
				values["secrets"] = []any{"kafka"}
				values["env"] = []any{map[string]any{"name": "A", "value": "b"}}
			})
			checkManifests(t, manifests, "orders")
			for _, m := range manifests {
				switch m["kind"] {
				case "ConfigMap":
					if got := at(m, "data", "topology.yaml"); (got == nil) != (topology == "") {
						t.Errorf("the topology is %v", got)
					}
					var config map[string]any
					if err := yaml.Unmarshal([]byte(at(m, "data", "rivusio.yaml").(string)), &config); err != nil || at(config, "brokers", 0) != "kafka:9092" {
						t.Errorf("the configuration is %v, %v", config, err)
					}
				case "StatefulSet":
					container := at(m, "spec", "template", "spec", "containers", 0)
					if args := at(container, "args").([]any); (len(args) == 3) != (topology != "") || args[len(args)-1] != "--config=/etc/rivusio/rivusio.yaml" {
						t.Errorf("the arguments are %v", args)
					}
					if at(container, "env", 3, "name") != "A" || at(container, "volumeMounts", 2, "mountPath") != "/run/secrets/kafka" {
						t.Errorf("env or secrets are missing: %v", container)
					}
				}
			}
		})
	}
	sum := func(change func(map[string]any)) any {
		for _, m := range render(t, "orders", change) {
			if m["kind"] == "StatefulSet" {
				return at(m, "spec", "template", "metadata", "annotations", "rivusio/config")
			}
		}
		return nil
	}
	if plain := sum(nil); plain == nil || plain == sum(func(v map[string]any) { v["topology"] = "x" }) {
		t.Error("another topology does not restart the pods")
	}
}
