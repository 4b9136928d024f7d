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

// A .proto file is compared with what it imports: first that, each in its own subject.
func TestSchemaCheckOfProtobuf(t *testing.T) {
	const money = `syntax = "proto3"; package shop; message Money { int64 cents = 1; }`
	const total = `syntax = "proto3"; package shop; import "shop/money.proto"; message Total { Money sum = 1; }`
	refused := ""
	r := registrytest.New(t, func(reader, _ string) error {
		if reader == refused {
			return errors.New("cents were text")
		}
		return nil
	})
	r.Register(t, "shop/money.proto", sr.Schema{Type: sr.TypeProtobuf, Schema: strings.Replace(money, "int64", "int32", 1)})
	r.Register(t, "totals-value", sr.Schema{Type: sr.TypeProtobuf, Schema: `syntax = "proto3"; package shop; message Total { }`})
	file := writeFile(t, "totals.yaml", `application: a
streams:
  s:
    topic: in
    steps:
      - serdes: {value: {protobuf: {schema_file: total.proto, topic: totals}}}
      - to: totals
`)
	folder := filepath.Dir(file)
	if err := os.Mkdir(filepath.Join(folder, "shop"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"total.proto": total, "shop/money.proto": money} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	checks := func(code int, parts ...string) {
		t.Helper()
		got := command(t.Context(), nil, "schema", "check", file, "--registry-urls", r.URL())
		for _, part := range parts {
			if got.code != code || !strings.Contains(got.out+got.errors, part) {
				t.Errorf("%+v, want %s", got, part)
			}
		}
	}
	checks(ExitFailure, "totals-value  not checked", `reference "shop/money.proto"`) // this one is not registered yet
	refused = money
	checks(ExitFailure, "totals-value  incompatible", `latest one of subject "shop/money.proto": cents were text`)
	refused = ""
	r.Register(t, "shop/money.proto", sr.Schema{Type: sr.TypeProtobuf, Schema: money})
	checks(ExitOK, "totals-value  compatible")
	refused = total
	checks(ExitFailure, "totals-value  incompatible", `latest one of subject "totals-value": cents were text`)
}
