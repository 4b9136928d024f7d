package declarative_test

import (
	"bytes"
	"encoding/json/v2"
	"os"
	"testing"

	"github.com/rivusio/rivusio/declarative"
)

// The schemas beside the package are those of its types, and no part of them is missing.
func TestSchemas(t *testing.T) {
	for path, make := range map[string]func() ([]byte, error){"schema.json": declarative.Schema, "schema-of-tests.json": declarative.SchemaOfTests} {
		got, err := make()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not the schema of the types: go test ./declarative -run Schemas -update", path)
		}
		if bytes.Contains(got, []byte("$comment")) {
			t.Errorf("%s: a part has no schema", path)
		}
		var schema map[string]any
		if err := json.Unmarshal(got, &schema); err != nil || schema["$schema"] == nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
