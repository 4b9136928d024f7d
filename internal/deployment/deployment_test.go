package deployment_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/rivusio/rivusio/internal/deployment"
)

var rewrite = flag.Bool("rewrite", false, "write the files under deployments/ anew")

const example = "../../examples/declarative/word-count.yaml"

// held checks that a file is what is made, or writes it.
func held(t *testing.T, path, made string) {
	t.Helper()
	path = filepath.Join("..", "..", "deployments", path)
	if *rewrite {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	there, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(there) != made {
		t.Errorf("%s is not what is made: run go test ./internal/deployment -rewrite", path)
	}
}

func topologyText(t *testing.T) string {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents parses YAML of several documents.
func documents(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for part := range strings.SplitSeq(text, "\n---\n") {
		var d map[string]any
		if err := yaml.Unmarshal([]byte(part), &d); err != nil {
			t.Fatalf("%v in\n%s", err, part)
		}
		all = append(all, d)
	}
	return all
}

// at is what is at a path; numbers are indices of lists.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func TestCompose(t *testing.T) {
	made, err := deployment.Compose(deployment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	held(t, "docker-compose.yml", made)
	d := documents(t, made)[0]
	for _, name := range []string{"processor-1", "processor-2"} {
		if got := at(d, "services", name, "environment", "RIVUSIO_INSTANCE"); got != name {
			t.Errorf("the instance of %s is %v", name, got)
		}
	}
	if other, err := deployment.Compose(deployment.Options{Image: "shop/orders:1", File: "./orders.yaml", Input: "orders"}); err != nil ||
		strings.Contains(other, "word-count") || !strings.Contains(other, "image: shop/orders:1\n") || !strings.Contains(other, "--topic orders\n") {
		t.Errorf("got %v\n%s", err, other)
	}
}

func TestKubernetes(t *testing.T) {
	made, err := deployment.Kubernetes(deployment.Options{Topology: topologyText(t)})
	if err != nil {
		t.Fatal(err)
	}
	held(t, "kubernetes/word-count.yaml", made)
	checkManifests(t, documents(t, made), "word-count")
	if got := at(documents(t, made)[0], "data", "topology.yaml"); strings.TrimSpace(got.(string)) != strings.TrimSpace(topologyText(t)) {
		t.Errorf("the topology is\n%v", got)
	}
}

// checkManifests checks what a pod needs to run as the processor wants it.
func checkManifests(t *testing.T, manifests []map[string]any, name string) {
	t.Helper()
	kinds := make(map[string]map[string]any)
	for _, m := range manifests {
		kinds[m["kind"].(string)] = m
	}
	set := kinds["StatefulSet"]
	for _, kind := range []string{"ConfigMap", "Service", "PodDisruptionBudget", "StatefulSet"} {
		if at(kinds[kind], "metadata", "name") != name {
			t.Errorf("%s is named %v, want %s", kind, at(kinds[kind], "metadata", "name"), name)
		}
	}
	pod := at(set, "spec", "template", "spec")
	container := at(pod, "containers", 0)
	for _, want := range []struct {
		in    any
		path  []any
		value any
	}{
		{kinds["Service"], []any{"spec", "clusterIP"}, "None"},
		{set, []any{"spec", "serviceName"}, name},
		{set, []any{"spec", "volumeClaimTemplates", 0, "metadata", "name"}, "state"},
		{pod, []any{"enableServiceLinks"}, false}, // else RIVUSIO_… variables that are no keys
		{pod, []any{"securityContext", "runAsNonRoot"}, true},
		{pod, []any{"securityContext", "runAsUser"}, 65532},
		{pod, []any{"terminationGracePeriodSeconds"}, 45},
		{container, []any{"securityContext", "readOnlyRootFilesystem"}, true},
		{container, []any{"securityContext", "allowPrivilegeEscalation"}, false},
		{container, []any{"startupProbe", "httpGet", "path"}, "/startupz"},
		{container, []any{"livenessProbe", "httpGet", "path"}, "/livez"},
		{container, []any{"readinessProbe", "httpGet", "path"}, "/readyz"},
		{container, []any{"ports", 0, "name"}, "admin"},
	} {
		if got := at(want.in, want.path...); got != want.value {
			t.Errorf("%v is %v, want %v", want.path, got, want.value)
		}
	}
	labels := at(set, "spec", "selector", "matchLabels")
	for key, value := range labels.(map[string]any) {
		if at(set, "spec", "template", "metadata", "labels", key) != value {
			t.Errorf("the pods have no label %s: %v", key, value)
		}
	}
}

func TestMistakes(t *testing.T) {
	for want, o := range map[string]deployment.Options{
		`name "Word_Count"`:       {Name: "Word_Count", Topology: "x"},
		"-1 replicas":             {Replicas: -1, Topology: "x"},
		"the text of a topology":  {},
		`image "a b" has`:         {Image: "a b", Topology: "x"},
		`brokers "a:1\nb: c" has`: {Brokers: "a:1\nb: c", Topology: "x"},
	} {
		if _, err := deployment.Kubernetes(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := deployment.Compose(deployment.Options{File: "{x}"}); err == nil {
		t.Error("a path with braces was taken")
	}
}
