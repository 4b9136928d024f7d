package declarative_test

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/jsonlines"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/serde/registry/registrytest"
	"github.com/rivusio/rivusio/topology/topologytest"
)

const (
	orderSchema = `{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"cents","type":"long"}]}`
	totalSchema = `{"type":"record","name":"Total","fields":[{"name":"cents","type":"long"},{"name":"note","type":["null","string"],"default":null}]}`
	schemaFile  = `application: a
streams:
  s:
    topic: orders
    value_serde: avro
    steps:
      - map_values: {cents: value.cents * 2, note: value.id}
      - serdes: {value: {avro: {schema_file: total.avsc, topic: totals}}}
      - to: totals
`
)

func withSchemas(t *testing.T, file string, opts ...declarative.Option) (*declarative.File, error) {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "total.avsc"), []byte(totalSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "f.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return declarative.Read(path, opts...)
}

// With a registry values are read by its schemas, and written with that of the file.
func TestSchemasOfARegistry(t *testing.T) {
	r := registrytest.New(t, nil)
	r.Register(t, "orders-value", sr.Schema{Schema: orderSchema})
	r.Register(t, "totals-value", sr.Schema{Schema: totalSchema})
	c, err := registry.New(registry.Config{URLs: []string{r.URL()}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := withSchemas(t, schemaFile, declarative.Registry(c))
	if err != nil {
		t.Fatal(err)
	}
	d := topologytest.New(t, f.Topology)
	topologytest.Input(d, "orders", serde.String, serde.Bytes).Send("k", []byte("\x00\x00\x00\x00\x01\x04o1\x14")) // id o1, 10 cents
	got := topologytest.Output(d, "totals", serde.String, serde.Bytes).ReadAll()
	if len(got) != 1 || string(got[0].Value) != "\x00\x00\x00\x00\x02\x28\x02\x04o1" { // 20 cents, branch 1, o1
		t.Errorf("%q", got)
	}
	_, err = withSchemas(t, strings.Replace(schemaFile, ", topic: totals", "", 1), declarative.Registry(c))
	if err == nil || !strings.Contains(err.Error(), "f.yaml:8:25: ") || !strings.Contains(err.Error(), "want topic or subject") {
		t.Error(err)
	}
}

// Without one a file runs all the same, and what does not fit the schema of the file fails.
func TestSchemasWithoutARegistry(t *testing.T) {
	run := func(in string) (string, error) {
		f, err := withSchemas(t, schemaFile)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err = jsonlines.Pipe{File: f, In: strings.NewReader(in), Out: &out, Output: jsonlines.Bare}.Run(t.Context())
		return out.String(), err
	}
	if out, err := run(`{"id":"o1","cents":10}` + "\n"); out != `{"cents":20,"note":"o1"}`+"\n" || err != nil {
		t.Error(out, err)
	}
	if out, err := run(`{"id":7,"cents":10}` + "\n"); err == nil || !strings.Contains(err.Error(), "note") {
		t.Error(out, err)
	}
}

// Mistakes in what a file says about schemas have their place.
func TestSchemaMistakes(t *testing.T) {
	for serde, want := range map[string]string{
		"{avro: {schema_file: none.avsc}}":        "no such file",
		"{avro: {schema_file: f.yaml}}":           "f.yaml: avro",
		"{avro: {topic: a, subject: b}}":          "want topic or subject, not both",
		"{avro: {schema: x}}":                     `unknown key "schema"`,
		"{avro: {}, json: {}}":                    `unknown key "json"`,
		"avrro":                                   `no serde "avrro"`,
		"{avro: {schema_file: total.avsc}, x: 1}": `unknown key "x"`,
	} {
		file := "application: a\nstreams:\n  s:\n    topic: in\n    value_serde: " + serde + "\n    steps: [to: out]\n"
		if _, err := withSchemas(t, file); err == nil || !strings.Contains(err.Error(), "f.yaml:5:") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", serde, err, want)
		}
	}
}

// Bytes of Avro pass through expressions as they are.
func TestAvroBytes(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "blob.avsc"), []byte(`{"type":"record","name":"Blob","fields":[{"name":"b","type":"bytes"},{"name":"n","type":"int"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := declarative.Load("f.yaml", []byte(`application: a
streams:
  s:
    topic: in
    value_serde: {avro: {schema_file: blob.avsc}}
    steps:
      - map_values: {b: value.b, n: value.n + 1}
      - serdes: {value: {avro: {schema_file: blob.avsc}}}
      - to: out
`), declarative.Folder(dir))
	if err != nil {
		t.Fatal(err)
	}
	d := topologytest.New(t, f.Topology)
	topologytest.Input(d, "in", serde.String, serde.Bytes).Send("k", []byte("\x06\xff\x00\x07\x04"))
	if got := topologytest.Output(d, "out", serde.String, serde.Bytes).ReadAll(); len(got) != 1 || string(got[0].Value) != "\x06\xff\x00\x07\x06" {
		t.Errorf("%q", got)
	}
}
