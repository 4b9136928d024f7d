package jsonschema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/serde/internal/cost"
	"github.com/rivusio/rivusio/serde/jsonschema"
	"github.com/rivusio/rivusio/serde/registry"
)

const orderSchema = `{
	"$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object",
	"properties": {"id": {"type": "string", "pattern": "^o-[0-9]+$"}, "count": {"type": "integer", "minimum": 1}},
	"required": ["id"], "additionalProperties": false}`

type order struct {
	ID    string `json:"id"`
	Count int    `json:"count,omitzero"`
}

func schema(text string, references ...registry.Reference) registry.Schema {
	return registry.Schema{Type: registry.JSONSchema, Text: text, References: references}
}

func mustOf[T any](t testing.TB, text string) *jsonschema.Format[T] {
	t.Helper()
	f, err := jsonschema.Of[T](text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestTyped(t *testing.T) {
	f := mustOf[order](t, orderSchema)
	if s := f.Schema(); s.Type != registry.JSONSchema || s.Text != orderSchema || s.Name != "Order" {
		t.Errorf("schema %+v", s)
	}
	read, err := f.Reader(f.Schema())
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Append([]byte("x"), order{ID: "o-1", Count: 2})
	if err != nil || string(b) != `x{"id":"o-1","count":2}` {
		t.Fatalf("%s, %v", b, err)
	}
	if v, err := read(b[1:]); err != nil || v != (order{ID: "o-1", Count: 2}) {
		t.Errorf("%v, %v", v, err)
	}
	for _, v := range []order{{}, {ID: "x"}, {ID: "o-1", Count: -1}} {
		if b, err := f.Append([]byte("x"), v); err == nil || string(b) != "x" {
			t.Errorf("%v is written as %s, %v", v, b, err)
		}
	}
	for text, want := range map[string]string{
		`{"id":"o-1","count":0}`:   "/count",
		`{"count":1}`:              "id",
		`{"id":"o-1","more":true}`: "more",
		`{"id":5}`:                 "/id",
		`{"id":"o-1"`:              "unexpected EOF",
		``:                         "JSONAny",
		`[]`:                       "want object",
	} {
		if _, err := read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// A reader goes by what the writer promised, not by what it would write itself.
func TestReaderIsTheWritersSchema(t *testing.T) {
	f := mustOf[order](t, orderSchema)
	read, err := f.Reader(schema(`{"type":"object","required":["count"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := read([]byte(`{"id":"any","count":0,"more":1}`)); err != nil || v.ID != "any" {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := read([]byte(`{"id":"o-1"}`)); err == nil {
		t.Error("a value without what the writer's schema requires is taken")
	}
	if _, err := f.Reader(registry.Schema{Type: registry.Avro, Text: `"string"`}); err == nil {
		t.Error("a schema of Avro is taken")
	}
}

func TestAny(t *testing.T) {
	f, err := jsonschema.Any(`{"type":["object","null"],"maxProperties":1}`)
	if err != nil {
		t.Fatal(err)
	}
	read, err := f.Reader(f.Schema())
	if err != nil {
		t.Fatal(err)
	}
	v, err := read([]byte(`{"a":[1,2.5,"x",null,true]}`))
	if err != nil || fmt.Sprint(v) != "map[a:[1 2.5 x <nil> true]]" {
		t.Errorf("%v, %v", v, err)
	}
	if b, err := f.Append(nil, v); err != nil || string(b) != `{"a":[1,2.5,"x",null,true]}` {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := f.Append(nil, map[string]any{"a": 1, "b": 2}); err == nil {
		t.Errorf("written as %s", b)
	}
	if !f.IsNull(nil) || f.IsNull(map[string]any{}) {
		t.Error("nil and nothing else is null")
	}
	if v, err := read([]byte("null")); err != nil || v != nil {
		t.Errorf("the text null: %v, %v", v, err)
	}
	if _, err := read(nil); err == nil {
		t.Error("no bytes are a value")
	}
}

func TestReferences(t *testing.T) {
	item := registry.Reference{Name: "item.json", Subject: "item", Schema: schema(
		`{"type":"object","properties":{"price":{"$ref":"money.json#/definitions/amount"}}}`,
		registry.Reference{Name: "money.json", Schema: schema(`{"definitions":{"amount":{"type":"integer"}}}`)})}
	for _, main := range []string{
		`{"type":"array","items":{"$ref":"item.json"}}`,
		`{"$id":"https://example.com/schemas/list.json","type":"array","items":{"$ref":"item.json"}}`,
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"array","items":{"$ref":"item.json"}}`,
	} {
		f, err := jsonschema.Any(main, item)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Append(nil, []any{map[string]any{"price": 5}}); err != nil {
			t.Error(err)
		}
		if b, err := f.Append(nil, []any{map[string]any{"price": "5"}}); err == nil || !strings.Contains(err.Error(), "/0/price") {
			t.Errorf("%s, %v", b, err)
		}
	}
}

func TestSchemasThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                                      "unexpected EOF",
		`{"type":"strange"}`:                     "/type",
		`{"$ref":"other.json"}`:                  "not among the references",
		`{"$ref":"https://example.com/s.json"}`:  "not among the references",
		`{"$ref":"file:///etc/passwd"}`:          "not among the references",
		`{"$schema":"https://example.com/meta"}`: "not among the references",
		`{"$ref":"#/definitions/none"}`:          "none",
		`{"pattern":"(?=x)"}`:                    "pattern",
		`{"minimum":1e999999999}`:                "1e999999999",
		`[]`:                                     "",
		`{"$ref":"#", "enum":[` + strings.Repeat("1,", 30_000) + `1]}`:     "5000 values",
		strings.Repeat(" ", 2<<20):                                         "1048576 bytes",
		strings.Repeat(`{"not":`, 300) + "true" + strings.Repeat("}", 300): "200 levels",
	} {
		_, err := jsonschema.Any(text)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 700 {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}

// doubling is a schema of 60 definitions, each of which has the next one twice.
func doubling(keyword, last string) string {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/definitions/0","definitions":{`)
	for i := range 60 {
		fmt.Fprintf(&b, `"%d":{%q:[{"$ref":"#/definitions/%d"},{"$ref":"#/definitions/%d"}]},`, i, keyword, i+1, i+1)
	}
	fmt.Fprintf(&b, `"60":%s}}`, last)
	return b.String()
}

// Schemas that take forever, or all of the stack.
func TestHostileSchemas(t *testing.T) {
	chain := `{"$ref":"#/definitions/0","definitions":{`
	for i := range 1000 {
		chain += fmt.Sprintf(`"%d":{"allOf":[{"$ref":"#/definitions/%d"}]},`, i, i+1)
	}
	chain += `"1000":{"items":{"$ref":"#/definitions/0"}}}}`
	down := `{"properties":{"x":{"$ref":"#"}},"patternProperties":{"x":{"$ref":"#"}}%s}`
	deep := func(before, after string) string { return strings.Repeat(before, 990) + after }
	for name, c := range map[string]struct{ schema, value string }{
		"doubling":              {doubling("allOf", "true"), `1`},
		"doubling that fails":   {doubling("anyOf", "false"), `1`},
		"down twice":            {fmt.Sprintf(down, ""), deep(`{"x":`, "1") + strings.Repeat("}", 990)},
		"down twice and fails":  {`{"not":` + fmt.Sprintf(down, `,"type":"object"`) + `}`, deep(`{"x":`, "1") + strings.Repeat("}", 990)},
		"a chain at each level": {chain, deep("[", "") + strings.Repeat("]", 990)},
	} {
		f, err := jsonschema.Any(c.schema)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		read, err := f.Reader(f.Schema())
		if err != nil {
			t.Fatal(err)
		}
		err = cost.Message(t, name, func() error { _, err := read([]byte(c.value)); return err })
		if err == nil || !strings.Contains(err.Error(), "steps") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := read([]byte(c.value)); err == nil {
			t.Errorf("%s: it is taken the second time", name)
		}
	}
}

func TestHostileValues(t *testing.T) {
	f, err := jsonschema.Any(`{"uniqueItems":true,"multipleOf":1e-300}`)
	if err != nil {
		t.Fatal(err)
	}
	read, err := f.Reader(f.Schema())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"a million lists":   "[" + strings.Repeat("[],", 1<<20) + "[]]",
		"a million objects": "[" + strings.Repeat("{},", 1<<20) + "{}]",
		"too long":          `"` + strings.Repeat("x", jsonschema.MaxBytes) + `"`,
		"deep":              strings.Repeat("[", 1<<20),
		"huge number":       "1e999999999",
		"open string":       `"` + strings.Repeat("x", 1<<20),
	} {
		if err := cost.Message(t, name, func() error { _, err := read([]byte(value)); return err }); err == nil || len(err.Error()) > 700 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFormatsAreOfTheDraft(t *testing.T) {
	for draft, checked := range map[string]bool{"http://json-schema.org/draft-07/schema#": true, "https://json-schema.org/draft/2020-12/schema": false} {
		f, err := jsonschema.Any(fmt.Sprintf(`{"$schema":%q,"properties":{"at":{"format":"date-time"},"re":{"format":"regex"}}}`, draft))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []map[string]any{{"at": "today"}, {"re": "("}} {
			if b, err := f.Append(nil, v); (err != nil) != checked {
				t.Errorf("%s: %v is written as %s, %v", draft, v, b, err)
			}
		}
		if _, err := f.Append(nil, map[string]any{"at": "2024-02-29T03:04:05Z", "re": "a+"}); err != nil {
			t.Error(err)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	f := mustOf[order](t, orderSchema)
	read, err := f.Reader(schema(`{"required":["id"]}`))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for i := range 8 {
		go func() {
			for n := range 200 {
				b, err := f.Append(nil, order{ID: "o-1", Count: i*1000 + n + 1})
				if err == nil {
					var v order
					if v, err = read(b); err == nil && v.Count != i*1000+n+1 {
						err = fmt.Errorf("%v came back from %s", v, b)
					}
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(orderSchema, `{"id":"o-1"}`)
	f.Add(`{"allOf":[{"$ref":"#/definitions/a"}],"definitions":{"a":{"not":{"enum":[1]}}}}`, `2`)
	f.Add(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$dynamicRef":"#a","$defs":{"x":{"$dynamicAnchor":"a","prefixItems":[true]}}}`, `[[]]`)
	format, err := jsonschema.Any("true")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, text, value string) {
		if read, err := format.Reader(schema(text)); err == nil {
			read([]byte(value))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	f := mustOf[order](b, orderSchema)
	read, err := f.Reader(f.Schema())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := read([]byte(`{"id":"o-1","count":2}`)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	f := mustOf[order](b, orderSchema)
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buffer, err = f.Append(buffer[:0], order{ID: "o-1", Count: 2}); err != nil {
			b.Fatal(err)
		}
	}
}
