package jsonschema_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde/internal/cost"
	"github.com/rivusio/rivusio/serde/jsonschema"
)

// maxCompile bounds what the compiler takes for a schema, which comes once for each schema that is met.
const maxCompile = 500 * time.Millisecond

// commas joins n parts, in which I is the number of the part.
func commas(n int, part string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = strings.ReplaceAll(part, "I", fmt.Sprint(i))
	}
	return strings.Join(parts, ",")
}

// What is near to the bounds of a schema is compiled within others, and what is beyond them is refused at once.
func TestLargeSchemas(t *testing.T) {
	if cost.RaceDetector {
		t.Skip("one goroutine, which takes twenty times as long")
	}
	const draft2020 = `"$schema":"https://json-schema.org/draft/2020-12/schema",`
	for _, c := range []struct {
		name, before, part, after string
		most                      int
	}{
		{"properties", `{"properties":{`, `"aI":{"type":"string"}`, `}}`, 2400},
		{"properties of 2020-12", `{` + draft2020 + `"properties":{`, `"aI":{"type":"string"}`, `}}`, 2400},
		{"definitions", `{"definitions":{`, `"aI":{"$ref":"#/definitions/a0"}`, `}}`, 2400},
		{"schemas", `{"allOf":[`, `true`, `]}`, 4900},
		{"empty schemas", `{"allOf":[`, `{}`, `]}`, 2400},
		{"ids", `{"definitions":{`, `"aI":{"$id":"http://x/I","not":{"$ref":"#"}}`, `}}`, 1200},
		{"anchors", `{` + draft2020 + `"$defs":{`, `"aI":{"$anchor":"bI"}`, `}}`, 2400},
		{"dynamic references", `{` + draft2020 + `"$dynamicAnchor":"x","$defs":{`, `"aI":{"$dynamicRef":"#x"}`, `}}`, 2400},
		{"patterns of properties", `{"patternProperties":{`, `"aI":true`, `}}`, 1800},
		{"mistakes", `{"properties":{`, `"aI":{"type":"strange"}`, `}}`, 2400},
		{"enum", `{"enum":[`, `I`, `]}`, 4900},
	} {
		compile := func(n int) func() error {
			schema := c.before + commas(n, c.part) + c.after
			return func() error { _, err := jsonschema.Any(schema); return err }
		}
		if err := cost.Within(t, c.name, maxCompile, compile(c.most)); err != nil && c.name != "mistakes" {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := cost.Message(t, c.name, compile(3*c.most)); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s, too many: %v", c.name, err)
		}
	}
	for name, pattern := range map[string]string{
		"long":     strings.Repeat("(a|b)*", 100_000),
		"repeated": strings.Repeat("a{1000}", 100),
		"in depth": "((a{100}){100}){10}",
		"classes":  strings.Repeat(`\\pL`, 2_000),
	} {
		if err := cost.Message(t, name, func() error { _, err := jsonschema.Any(`{"pattern":"` + pattern + `"}`); return err }); err == nil {
			t.Errorf("the pattern %s is taken", name)
		}
	}
	if err := cost.Message(t, "pattern", func() error {
		_, err := jsonschema.Any(`{"pattern":"` + strings.Repeat("a{900}", 10) + `"}`)
		return err
	}); err != nil {
		t.Error(err)
	}
}

// Values that take much, by schemas that make the most of them. An error says that it takes too many steps or that it is too much;
// where none is wanted, the value is large but not out of proportion.
func TestLargeValues(t *testing.T) {
	if cost.RaceDetector {
		t.Skip("one goroutine, which takes twenty times as long")
	}
	const mib = 1 << 20
	text := func(of string, n int) string { return `"` + strings.Repeat(of, n/len(of)) + `"` }
	for _, c := range []struct{ name, schema, value, want string }{
		{"distinct numbers", `{"uniqueItems":true}`, "[" + commas(10_000, "I") + "]", ""},
		{"too many distinct numbers", `{"uniqueItems":true}`, "[" + commas(40_000, "I") + "]", "steps"},
		{"distinct objects", `{"uniqueItems":true}`, "[" + commas(2_000, `{"a":I}`) + "]", ""},
		{"many small sets", `{"items":{"uniqueItems":true}}`, "[" + commas(2_900, `[[1],[2],[3],[4],[5],[6],[7],[8]]`) + "]", "steps"},
		{"enum of objects", `{"items":{"enum":[` + commas(2_000, `{"a":I}`) + `]}}`, "[" + commas(1_000, `{"a":-1}`) + "]", "steps"},
		{"large const", `{"items":{"const":[[` + commas(4_000, "1") + `]]}}`, "[" + commas(19, "[["+commas(4_000, "1")+"]]") + "]", ""},
		{"long text for a pattern", `{"pattern":"^[a-z]+$"}`, text("ab", mib/4), ""},
		{"text for many states", `{"pattern":"(.*a.{900})$"}`, text("ab", mib), "steps"},
		{"text for many stars", `{"pattern":"` + strings.Repeat("(a*)*", 300) + `c$"}`, text("ab", mib), "steps"},
		{"long names for a pattern", `{"patternProperties":{"(a|aa)*b":true}}`, `{` + commas(3, text("a", mib)[:mib]+`I":1`) + `}`, "steps"},
		{"lengths", `{"allOf":[` + commas(1_200, `{"maxLength":99999999}`) + `]}`, text("ü", 4*mib-10), "steps"},
		{"one length", `{"maxLength":99999999}`, text("ü", 4*mib-10), ""},
		{"addresses", `{"format":"email"}`, text("a.", mib/4), ""},
		{"a long pointer", `{"format":"json-pointer"}`, text("/a~", mib), "steps"},
		{"patterns as values", `{"items":{"format":"regex"}}`, "[" + commas(2_000, `"(a{1000}){1}"`) + "]", ""},
		{"a long pattern as value", `{"format":"regex"}`, text("(a|b)*", mib), "steps"},
		{"multiples", `{"items":{"multipleOf":1e-300}}`, "[" + commas(10_000, "1e300") + "]", ""},
		{"dates", `{"items":{"format":"date-time"}}`, "[" + commas(10_000, `"2024-02-29T03:04:05Z"`) + "]", ""},
		{"all wrong", `{"items":{"type":"string"}}`, "[" + commas(30_000, "1") + "]", "want string"},
		{"unwanted members", `{"additionalProperties":false}`, "{" + commas(49_000, `"aI":1`) + "}", "allowed"},
		{"what is required", `{"items":{"required":[` + commas(4_000, `"aI"`) + `]}}`, "[" + commas(30, "{}") + "]", "steps"},
		{"objects", `true`, "[" + commas(24_000, `{}`) + "]", ""},
		{"objects of one member", `true`, "[" + commas(24_000, `{"a":1}`) + "]", ""},
		{"members", `true`, "{" + commas(49_000, `"aI":1`) + "}", ""},
		{"numbers", `true`, "[" + commas(49_000, "1.5") + "]", ""},
		{"escapes", `true`, text(`\u00fc`, 4*mib-10), ""},
		{"a long number", `true`, strings.Repeat("1", 4*mib-10), ""},
		{"a long fraction", `true`, "1." + strings.Repeat("0", 4*mib-10), ""},
		{"spaces", `true`, strings.Repeat(" ", 4*mib-10) + "1", ""},
	} {
		f, err := jsonschema.Any(c.schema)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		read, err := f.Reader(f.Schema())
		if err != nil {
			t.Fatal(err)
		}
		value := []byte(c.value)
		err = cost.Message(t, c.name, func() error { _, err := read(value); return err })
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) || err != nil && len(err.Error()) > 700 {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if c.want == "" && err != nil && strings.Contains(err.Error(), "steps") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
