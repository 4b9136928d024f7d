package avro_test

import (
	"encoding/hex"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/avro"
	"github.com/rivusio/rivusio/serde/registry"
)

// javaCase is described in serde/testdata/java/README.md.
type javaCase struct {
	Name    string         `json:"name"`
	Writer  jsontext.Value `json:"writer"`
	Reader  jsontext.Value `json:"reader"`
	Blocks  bool           `json:"blocks"`
	ID      uint32         `json:"id"`
	Hex     string         `json:"hex"`
	Wrote   jsontext.Value `json:"wrote"`
	Read    jsontext.Value `json:"read"`
	Refused string         `json:"refused"`
}

// stricter are the cases that Java reads, as it looks at the value and not at the schema: another value of the same writer could not
// be read. Here Reader refuses such a schema (rule A1).
var stricter = map[string]string{
	"evolution: was optional, has a value":       "reader string vs writer null",
	"evolution: union loses a branch not in use": "writer union branch has no matching reader branch",
	"evolution: enum loses a symbol not in use":  `writer enum symbol "B" not in reader`,
}

// What Java wrote is read as the value that Java reads, by the same schema and by another one, and written as the same bytes.
// What Java refuses is refused.
func TestBytesAreThoseOfJava(t *testing.T) {
	text, err := os.ReadFile("../testdata/java/avro.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []javaCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 150 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { c.check(t) })
	}
}

func (c javaCase) check(t *testing.T) {
	framed, err := hex.DecodeString(c.Hex)
	if err != nil || len(framed) < 5 {
		t.Fatalf("%q: %v", c.Hex, err)
	}
	payload := framed[5:]
	own, err := avro.Dynamic(string(c.Writer))
	if err != nil {
		t.Fatal(err)
	}
	v, err := own.Decode(payload)
	if want := javaValue(t, c.Writer, c.Wrote); err != nil || !same(v, want) {
		t.Errorf("read as %#v (%v), Java reads %#v", v, err, want)
	}
	again, err := own.Append(nil, v)
	if err != nil || !c.Blocks && hex.EncodeToString(again) != c.Hex[10:] {
		t.Errorf("written as %x (%v), by Java as %x", again, err, payload)
	}
	if c.Reader == nil {
		return
	}
	other, err := avro.Dynamic(string(c.Reader))
	if err != nil {
		t.Fatal(err)
	}
	v = nil
	read, err := other.Reader(registry.Schema{Type: registry.Avro, Text: string(c.Writer)})
	if err == nil {
		v, err = read(payload)
	}
	if want := stricter[c.Name]; want != "" {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("read as %#v (%v), want the error %q", v, err, want)
		}
		return
	}
	if c.Refused != "" {
		if err == nil {
			t.Errorf("read as %#v, Java says %q", v, c.Refused)
		}
		return
	}
	if want := javaValue(t, c.Reader, c.Read); err != nil || !same(v, want) {
		t.Errorf("by the other schema read as %#v (%v), Java reads %#v", v, err, want)
	}
}

// same is equality, by which NaN is itself.
func same(a, b any) bool {
	return reflect.DeepEqual(a, b) || fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b)
}

// javaValue is a value of the file in the form of Dynamic.
func javaValue(t *testing.T, schema, value jsontext.Value) any {
	t.Helper()
	s, err := serde.JSONAny().Decode(schema)
	if err != nil {
		t.Fatal(err)
	}
	v, err := serde.JSONAny().Decode(value)
	if err != nil {
		t.Fatal(err)
	}
	return javaForms{named: map[string]any{}}.of(s, v)
}

// javaForms has the records, enums and fixed types of a schema by name.
type javaForms struct{ named map[string]any }

func (f javaForms) of(schema, v any) any {
	switch s := schema.(type) {
	case string:
		if named, ok := f.named[s]; ok {
			return f.of(named, v)
		}
		return f.primitive(s, v)
	case []any:
		for _, branch := range s {
			if v != nil && branch != "null" && f.fits(branch, v) {
				return f.of(branch, v)
			}
		}
		return nil
	case map[string]any:
		if name, ok := s["name"].(string); ok {
			f.named[name] = s
		}
		if logical, ok := s["logicalType"].(string); ok {
			return f.logical(logical, v)
		}
		return f.complex(s, v)
	}
	panic(fmt.Sprintf("schema %v", schema))
}

// fits tells the branches of the file's unions apart.
func (f javaForms) fits(branch, v any) bool {
	kind := branch
	s, ok := branch.(map[string]any)
	if ok {
		kind = s["type"]
	}
	switch v := v.(type) {
	case string:
		return kind == "string" || kind == "bytes" || s["logicalType"] != nil
	case bool:
		return kind == "boolean"
	case int64, float64:
		return kind == "int" || kind == "long" || kind == "float" || kind == "double"
	case []any:
		return kind == "array"
	case map[string]any:
		fields, _ := s["fields"].([]any)
		return kind == "map" || len(fields) == len(v) || f.named[fmt.Sprint(branch)] != nil
	}
	return false
}

func (f javaForms) primitive(kind string, v any) any {
	switch kind {
	case "bytes":
		b, err := hex.DecodeString(v.(string))
		if err != nil {
			panic(err)
		}
		return b
	case "float", "double":
		n, err := strconv.ParseFloat(strings.Replace(fmt.Sprint(v), "Infinity", "Inf", 1), 64)
		if err != nil {
			panic(err)
		}
		if kind == "float" {
			return float64(float32(n))
		}
		return n
	}
	return v
}

func (f javaForms) complex(s map[string]any, v any) any {
	switch s["type"] {
	case "record":
		out := map[string]any{}
		for _, field := range s["fields"].([]any) {
			field := field.(map[string]any)
			name := field["name"].(string)
			out[name] = f.of(field["type"], v.(map[string]any)[name])
		}
		return out
	case "array":
		out := []any{}
		for _, item := range v.([]any) {
			out = append(out, f.of(s["items"], item))
		}
		return out
	case "map":
		out := map[string]any{}
		for key, value := range v.(map[string]any) {
			out[key] = f.of(s["values"], value)
		}
		return out
	case "fixed":
		return f.primitive("bytes", v)
	case "enum":
		return v
	}
	return f.of(s["type"], v)
}

func (f javaForms) logical(kind string, v any) any {
	parse := func(layout string) time.Time {
		at, err := time.Parse(layout, strings.TrimSuffix(v.(string), "Z"))
		if err != nil {
			panic(err)
		}
		return at
	}
	switch kind {
	case "date":
		return parse(time.DateOnly).Unix() / 86400
	case "time-millis":
		return parse("15:04:05.999999").Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)).Milliseconds()
	case "time-micros":
		return parse("15:04:05.999999").Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)).Microseconds()
	case "timestamp-millis", "local-timestamp-millis":
		return parse("2006-01-02T15:04:05.999999999").UnixMilli()
	case "timestamp-micros", "local-timestamp-micros":
		return parse("2006-01-02T15:04:05.999999999").UnixMicro()
	case "timestamp-nanos":
		return parse("2006-01-02T15:04:05.999999999").UnixNano()
	}
	return v // decimal, uuid
}
