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

// The files of a topology whose orders and totals are Protobuf.
var protobufFiles = map[string]string{
	"shop/money.proto": `syntax = "proto3"; package shop; message Money { int64 cents = 1; string currency = 2; }`,
	"totals.proto": `syntax = "proto3"; package shop; import "shop/money.proto"; import "google/protobuf/timestamp.proto";
		message Other {} message Total { bytes proof = 7; repeated bytes proofs = 8; string order_id = 1; Money total = 2; google.protobuf.Timestamp at = 3; Size size = 4; oneof who { string person = 5; int64 company = 6; } }
		enum Size { SMALL = 0; LARGE = 1; }`,
	"f.yaml": `application: a
streams:
  s:
    topic: orders
    value_serde: {protobuf: {message: shop.Order}}
    steps:
      - filter: value.total.cents > 5
      - map_values: {order_id: value.id, total: {cents: value.total.cents * 2, currency: "value.total.currency"}, at: timestamp, proof: value.proof, proofs: "value.proof == nil ? [] : [value.proof]", size: 'value.total.cents > 50 ? "LARGE" : "SMALL"', company: value.company}
      - serdes: {value: {protobuf: {schema_file: totals.proto, message: shop.Total, topic: totals}}}
      - to: totals
`,
}

// protobufFile reads f.yaml with some files in the place of others.
func protobufFile(t *testing.T, changed map[string]string, opts ...declarative.Option) (*declarative.File, error) {
	t.Helper()
	folder := t.TempDir()
	for _, files := range []map[string]string{protobufFiles, changed} {
		for name, text := range files {
			path := filepath.Join(folder, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return declarative.Read(filepath.Join(folder, "f.yaml"), opts...)
}

func quietClient(t *testing.T, r *registrytest.Registry, c registry.Config) *registry.Client {
	t.Helper()
	c.URLs, c.Logger = []string{r.URL()}, slog.New(slog.NewTextHandler(io.Discard, nil))
	client, err := registry.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// Messages of two versions of a schema are read by their own, and written with that of the file, which is registered with what it
// imports.
func TestProtobufOfARegistry(t *testing.T) {
	r := registrytest.New(t, nil)
	money := []sr.SchemaReference{{Name: "shop/money.proto", Subject: "shop/money.proto", Version: 1}}
	r.Register(t, "shop/money.proto", sr.Schema{Type: sr.TypeProtobuf, Schema: protobufFiles["shop/money.proto"]})
	r.Register(t, "orders-value", sr.Schema{Type: sr.TypeProtobuf, References: money, // schema 2
		Schema: `syntax = "proto3"; package shop; import "shop/money.proto"; message Order { string id = 1; Money total = 2; }`})
	r.Register(t, "orders-value", sr.Schema{Type: sr.TypeProtobuf, References: money, // schema 3
		Schema: `syntax = "proto3"; package shop; import "shop/money.proto"; message Line {} message Order { Money total = 2; string id = 1; optional int64 company = 3; bytes proof = 4; }`})
	f, err := protobufFile(t, nil, declarative.Registry(quietClient(t, r, registry.Config{AutoRegister: true})))
	if err != nil {
		t.Fatal(err)
	}
	d := topologytest.New(t, f.Topology)
	in := topologytest.Input(d, "orders", serde.String, serde.Bytes)
	in.Send("k", []byte("\x00\x00\x00\x00\x02"+"\x00"+"\x0a\x02o1"+"\x12\x07\x08\x0a\x12\x03EUR"), topologytest.AtMs(1000))                              // o1, 10 EUR cents
	in.Send("k", []byte("\x00\x00\x00\x00\x03"+"\x02\x02"+"\x0a\x02o2"+"\x12\x02\x08\x3c"+"\x18\x07\x22\x02\x00\xff"), topologytest.AtMs(2000))          // o2, 60 cents, company 7
	in.Send("k", []byte("\x00\x00\x00\x00\x03"+"\x02\x02"+"\x0a\x02o3"+"\x12\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), topologytest.AtMs(3000)) // o3, -1 cent
	got := topologytest.Output(d, "totals", serde.String, serde.Bytes).ReadAll()
	want := []string{
		"\x00\x00\x00\x00\x04" + "\x02\x02" + "\x0a\x02o1" + "\x12\x07\x08\x14\x12\x03EUR" + "\x1a\x02\x08\x01",
		"\x00\x00\x00\x00\x04" + "\x02\x02" + "\x0a\x02o2" + "\x12\x02\x08\x78" + "\x1a\x02\x08\x02" + "\x20\x01" + "\x3a\x02\x00\xff" + "\x42\x02\x00\xff" + "\x30\x07",
	}
	if len(got) != len(want) || string(got[0].Value) != want[0] || string(got[1].Value) != want[1] {
		t.Errorf("%q, want %q", got, want)
	}
}

// Without one a file runs over lines of JSON all the same; what does not fit its schema fails, with the field.
func TestProtobufWithoutARegistry(t *testing.T) {
	run := func(in string) (string, error) {
		f, err := protobufFile(t, nil)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err = jsonlines.Pipe{File: f, In: strings.NewReader(in), Out: &out, Output: jsonlines.Bare}.Run(t.Context())
		return out.String(), err
	}
	out, err := run(`{"id":"o1","total":{"cents":10,"currency":"EUR"}}` + "\n")
	if err != nil || !strings.Contains(out, `"order_id":"o1"`) || !strings.Contains(out, `"total":{"cents":20,"currency":"EUR"}`) || !strings.Contains(out, `"size":"SMALL"`) {
		t.Error(out, err)
	}
	if out, err := run(`{"id":7,"total":{"cents":10}}` + "\n"); err == nil || !strings.Contains(err.Error(), "field order_id: a int64, want string") {
		t.Error(out, err)
	}
}

// Mistakes in what a file says about messages have their place.
func TestProtobufMistakes(t *testing.T) {
	const empty = `syntax = "proto3"; `
	for _, c := range []struct {
		serde, want string
		changed     map[string]string
	}{
		{"{protobuf: {schema_file: totals.proto, message: Total}}", "totals.proto: protobuf: schema: it has no message Total but shop.Other, shop.Total", nil},
		{"{protobuf: {schema_file: none.proto}}", "no such file", nil},
		{"{protobuf: {schema_file: f.yaml}}", "f.yaml: protobuf: schema: ", nil},
		{"{protobuf: {schema: x}}", `unknown key "schema"`, nil},
		{"{avro: {message: x}}", `unknown key "message"`, nil},
		{"{protobuf: {topic: a, subject: b}}", "want topic or subject, not both", nil},
		{"{protobuf: {schema_file: totals.proto}}", "gone.proto: no such file", map[string]string{"totals.proto": empty + `import "gone.proto"; message M {}`}},
		{"{protobuf: {schema_file: totals.proto}}", "totals.proto imports itself", map[string]string{"totals.proto": empty + `import "b.proto"; message M {}`, "b.proto": empty + `import "totals.proto";`}},
		{"{protobuf: {schema_file: totals.proto}}", `"../x.proto" is not a path from the folder`, map[string]string{"totals.proto": empty + `import "../x.proto"; message M {}`}},
		{"{protobuf: {schema_file: totals.proto}}", "unknown type Gone", map[string]string{"totals.proto": empty + `message M { Gone a = 1; }`}},
	} {
		file := "application: a\nstreams:\n  s:\n    topic: in\n    value_serde: " + c.serde + "\n    steps: [to: out]\n"
		changed := map[string]string{"f.yaml": file}
		for name, text := range c.changed {
			changed[name] = text
		}
		if _, err := protobufFile(t, changed); err == nil || !strings.Contains(err.Error(), "f.yaml:5:") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.serde, err, c.want)
		}
	}
}
