package rivusio

import (
	"os"
	"strings"
	"testing"
)

// What generate prints by default lies in the repository.
func TestGenerate(t *testing.T) {
	for path, args := range map[string][]string{
		"deployments/docker-compose.yml":              {"generate", "compose"},
		"deployments/grafana/dashboards/rivusio.json": {"generate", "dashboards"},
		"deployments/prometheus/rules.yml":            {"generate", "alerts"},
		"deployments/kubernetes/word-count.yaml":      {"generate", "k8s", "examples/declarative/word-count.yaml"},
	} {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if r := command(t.Context(), nil, args...); r.code != ExitOK || r.out != string(want) {
			t.Errorf("%v does not print %s: %+v", args, path, r)
		}
	}
	r := command(t.Context(), nil, "generate", "k8s", "examples/declarative/orders.yaml", "--replicas", "5", "--brokers", "a:1,b:2", "--image", "shop/orders:7")
	for _, text := range []string{"replicas: 5\n", `value: "a:1,b:2"`, "image: shop/orders:7\n", "name: orders\n"} {
		if !strings.Contains(r.out, text) {
			t.Errorf("no %q in %+v", text, r)
		}
	}
	expect(t, command(t.Context(), nil, "generate", "k8s", "none.yaml"), ExitUsage, "processor: open none.yaml")
	expect(t, command(t.Context(), nil, "generate", "k8s", "examples/declarative/orders.yaml", "--replicas", "0"), ExitUsage, "processor: --replicas: 0 is less than 1")
	expect(t, command(t.Context(), nil, "generate", "compose", "--image", "a b"), ExitUsage, `processor: deployment: image "a b" has`)
}
