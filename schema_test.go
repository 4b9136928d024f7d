package rivusio

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/rivusio/rivusio/serde/registry/registrytest"
)

func TestSchemaCheck(t *testing.T) {
	const schema = `{"type":"record","name":"Total","fields":[{"name":"cents","type":"long"}]}`
	taken := true
	r := registrytest.New(t, func(string, string) error {
		if !taken {
			return errors.New("cents were text")
		}
		return nil
	})
	r.Register(t, "totals-value", sr.Schema{Schema: schema})
	file := writeFile(t, "totals.yaml", `application: a
streams:
  s:
    topic: in
    steps:
      - serdes: {value: {avro: {schema_file: total.avsc, topic: totals}}}
      - to: totals
`)
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "total.avsc"), []byte(schema), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(args ...string) result {
		return command(t.Context(), nil, append([]string{"schema", "check", file}, args...)...)
	}
	if got := check("--registry-urls", r.URL()); got.code != ExitOK || got.out != "SUBJECT       RESULT\ntotals-value  compatible\n" {
		t.Errorf("%+v", got)
	}
	taken = false
	fails := func(got result, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if got.code != ExitFailure || !strings.Contains(got.out+got.errors, part) {
				t.Errorf("%+v, want %s", got, part)
			}
		}
	}
	fails(check("--registry-urls", r.URL()), "totals-value  incompatible", `subject "totals-value": cents were text`)
	r.Require("Bearer x")
	fails(check("--registry-urls", r.URL()), "totals-value  not checked", "who are you")
	fails(check(), "no schema of a registry")
	fails(command(t.Context(), []Constructor{double}, "schema", "check"), "no schema of a registry")
}
