package document_test

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/internal/document"
)

type window struct {
	Size  time.Duration `yaml:"size" required:"true" max:"24h" doc:"how long it is"`
	Grace time.Duration `yaml:"grace" default:"5s"`
}

type step struct {
	Name   string  `yaml:"name" required:"true"`
	Kind   string  `yaml:"kind" enum:"map,filter" default:"map"`
	Window *window `yaml:"window"`
}

type limits struct {
	Bytes int64   `yaml:"bytes" unit:"bytes" default:"64MiB" min:"1KiB" max:"1GiB"`
	Count uint16  `yaml:"count" default:"10" min:"1"`
	Rate  float64 `yaml:"rate" default:"0.5" min:"0" max:"1"`
}

type embedded struct {
	Verbose bool `yaml:"verbose" default:"true"`
}

type config struct {
	embedded `yaml:"-"`
	Shared   embedded          `yaml:",inline"`
	Steps    []step            `yaml:"steps" max:"3"`
	Limits   limits            `yaml:"limits"`
	Tags     []string          `yaml:"tags" enum:"a,b,c"`
	Headers  map[string]string `yaml:"headers"`
	Level    slog.Level        `yaml:"level" default:"warn"`
	Extra    any               `yaml:"extra"`
	Where    place             `yaml:"where"`
	Retries  *int              `yaml:"retries" min:"0"`
	Ports    []int             `yaml:"ports" default:"80,443"`
}

// place is a union: a text or a map with one key.
type place struct{ topic, file string }

func (p *place) DecodeDocument(n *document.Node) error {
	if n.Kind() == document.Scalar {
		p.topic = n.Text()
		return nil
	}
	if err := n.OnlyKeys("file"); err != nil {
		return err
	}
	if p.file = n.Get("file").Text(); p.file == "panic" {
		panic("as you wish")
	}
	if p.file == "" {
		return errors.New("no file")
	}
	return nil
}

func (place) DocumentSchema() map[string]any {
	return map[string]any{"type": []any{"string", "object"}}
}

func (w *window) Validate() error {
	if w.Grace > w.Size {
		return errors.Join(&document.KeyError{Key: "grace", Err: fmt.Errorf("%v is longer than the size", w.Grace)}, errors.New("no such window"))
	}
	return nil
}

func decode(text string, opts ...document.Option) (config, error) {
	n, err := document.Parse("f.yaml", []byte(text))
	if err != nil {
		return config{}, err
	}
	return document.Decode[config](n, opts...)
}

func defaults() config {
	return config{Shared: embedded{true}, Limits: limits{64 << 20, 10, 0.5}, Level: slog.LevelWarn, Ports: []int{80, 443}}
}

func TestDecode(t *testing.T) {
	three := 3
	for _, c := range []struct {
		text string
		want func(*config)
	}{
		{"", func(*config) {}},
		{"# only a comment\n", func(*config) {}},
		{"limits:\n", func(*config) {}},
		{"verbose: false", func(c *config) { c.Shared.Verbose = false }},
		{"steps: [{name: 5, window: {size: 10s}}]\n", func(c *config) { c.Steps = []step{{"5", "map", &window{10 * time.Second, 5 * time.Second}}} }},
		{"steps: []", func(c *config) { c.Steps = []step{} }},
		{"limits: {bytes: 2KiB, count: 7, rate: 1}", func(c *config) { c.Limits = limits{2048, 7, 1} }},
		{"limits: {bytes: 5000}", func(c *config) { c.Limits.Bytes = 5000 }},
		{"tags: [a, c]\nheaders: {x: 'y', z: 1}", func(c *config) { c.Tags, c.Headers = []string{"a", "c"}, map[string]string{"x": "y", "z": "1"} }},
		{"level: debug\nretries: 3\nports: [1]", func(c *config) { c.Level, c.Retries, c.Ports = slog.LevelDebug, &three, []int{1} }},
		{"extra: {a: [1, 2.5, '3', true, null, 1e3, 9223372036854775807, 2024-01-02]}", func(c *config) {
			c.Extra = map[string]any{"a": []any{int64(1), 2.5, "3", true, nil, int64(1000), int64(9223372036854775807), "2024-01-02"}}
		}},
		{"extra: 9223372036854775808", func(c *config) { c.Extra = float64(1 << 63) }},
		{"where: orders", func(c *config) { c.Where = place{topic: "orders"} }},
		{"where: {file: x}", func(c *config) { c.Where = place{file: "x"} }},
		{"extra: &x [1]\nports: *x", func(c *config) { c.Extra, c.Ports = []any{int64(1)}, []int{1} }},
	} {
		want := defaults()
		c.want(&want)
		if got, err := decode(c.text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v", c.text, got, err, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"a: b: c":                                "f.yaml:1: mapping values are not allowed in this context",
		"[1":                                     "f.yaml:1: did not find expected ',' or ']'",
		"5":                                      "f.yaml:1:1: want keys with values, have the number 5",
		"tags: [a]\n---\ntags: [b]":              "f.yaml:2:1: a second document begins here, want one",
		"limits: {count: 1}\nlimits: {}":         `f.yaml:2:1: the key "limits" is there twice, first in line 1`,
		"? [a]\n: b":                             "f.yaml:1:3: a key is one text",
		"extra: &a [*a]":                         "f.yaml:1:12: extra[0][0]: the alias *a is inside of what it stands for",
		"extra: !mine x":                         "f.yaml:1:8: extra: the tag !mine is not known",
		"limits: &l {count: 1}\nextra: {<<: *l}": "f.yaml:2:9: extra: the merge key << is not known: write the keys out",
		"step: []":                               `f.yaml:1:1: unknown key "step", did you mean "steps"?`,
		"zzz: 1\nlimits: {ports: 1}":             "f.yaml:1:1: unknown key \"zzz\"\nf.yaml:2:10: limits: unknown key \"ports\"",
		"steps:\n- kind: mapp\n  name: x\n- name: ''\n- {}": "f.yaml:2:9: steps[0].kind: \"mapp\" is not one of map or filter, did you mean \"map\"?\n" +
			"f.yaml:4:9: steps[1].name: it is empty\nf.yaml:5:3: steps[2].name: it is required",
		"steps: [{name: a, window: {size: 1x}}]":  `f.yaml:1:34: steps[0].window.size: not a duration: "1x", write a number with a unit, such as 100ms, 5s or 2m30s`,
		"steps: [{name: a, window: {size: 1}}]":   `f.yaml:1:34: steps[0].window.size: not a duration: "1", write a number with a unit, such as 100ms, 5s or 2m30s`,
		"steps: [{name: a, window: {size: -1s}}]": "f.yaml:1:34: steps[0].window.size: -1s is less than 0",
		"steps: [{name: a, window: {size: 25h}}]": "f.yaml:1:34: steps[0].window.size: 25h0m0s is more than 24h",
		"steps: [{name: a, window: {grace: 1s}}]": "f.yaml:1:27: steps[0].window.size: it is required",
		"steps: [{name: a, window: {size: 1s, grace: 2s}}]": "f.yaml:1:27: steps[0].window: no such window\n" +
			"f.yaml:1:45: steps[0].window.grace: 2s is longer than the size",
		"steps: {a: b}": "f.yaml:1:8: steps: want a list, have a map",
		"steps: [a]":    `f.yaml:1:9: steps[0]: want keys with values, have the text "a"`,
		"steps: [{name: a},{name: b},{name: c},{name: d}]": "f.yaml:1:8: steps: the number of items, 4, is more than 3",
		"limits: {bytes: 1B}":                              "f.yaml:1:17: limits.bytes: 1 is less than 1KiB",
		"limits: {bytes: 2GiB}":                            "f.yaml:1:17: limits.bytes: 2GiB is more than 1GiB",
		"limits: {bytes: x}":                               `f.yaml:1:17: limits.bytes: not a size: "x", write a number with a unit, such as 512KiB, 64MiB or 1.5GiB`,
		"limits: {count: 70000}":                           "f.yaml:1:17: limits.count: 70000 is out of range",
		"limits: {count: 1.5}":                             "f.yaml:1:17: limits.count: want a whole number, have the number 1.5",
		"limits: {count: '5'}":                             `f.yaml:1:17: limits.count: want a whole number, have the text "5"`,
		"limits: {count: 0}":                               "f.yaml:1:17: limits.count: 0 is less than 1",
		"limits: {rate: 2}":                                "f.yaml:1:16: limits.rate: 2 is more than 1",
		"limits: {rate: .nan}":                             "f.yaml:1:16: limits.rate: .nan is no number that fits",
		"limits: {rate: yes}":                              `f.yaml:1:16: limits.rate: want a number, have the text "yes"`,
		"verbose: 1":                                       "f.yaml:1:10: verbose: want true or false, have the number 1",
		"verbose:":                                         "f.yaml:1:9: verbose: it has no value",
		"level: loud":                                      `f.yaml:1:8: level: slog: level string "loud": unknown name`,
		"tags: [a, d]":                                     `f.yaml:1:11: tags[1]: "d" is not one of a, b or c`,
		"headers: [a]":                                     "f.yaml:1:10: headers: want keys with values, have a list",
		"headers: {\"a.b\": [1]}":                          `f.yaml:1:18: headers["a.b"]: want a text, have a list`,
		"where: {files: x}":                                `f.yaml:1:9: where: unknown key "files", did you mean "file"?`,
		"where: {file: }":                                  "f.yaml:1:8: where: no file",
		"where: {file: panic}":                             "f.yaml:1:8: where: document_test.place.DecodeDocument panicked: as you wish",
		"retries: -1":                                      "f.yaml:1:10: retries: -1 is less than 0",
		"ports: [x]\nverbose: maybe\n":                     "f.yaml:1:9: ports[0]: want a whole number, have the text \"x\"\nf.yaml:2:10: verbose: want true or false, have the text \"maybe\"",
	} {
		_, err := decode(text)
		if err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
		if e := (*document.Error)(nil); !errors.As(err, &e) || e.Place.File != "f.yaml" || e.Place.Line == 0 {
			t.Errorf("%s: no place in %v", text, err)
		}
	}
}

// A document of a few hundred bytes must not become gigabytes.
func TestBombs(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	for text, want := range map[string]string{
		bomb.String(): "more than 1048576 values, with those that aliases repeat",
		strings.Repeat("[", 300) + strings.Repeat("]", 300): "more than 200 levels deep",
		strings.Repeat("#", 17<<20):                         "it is longer than 16777216 bytes",
	} {
		if _, err := document.Parse("bomb.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 20000 {
			t.Errorf("got %.200v, want %s", err, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	env := document.Environ("APP", []string{"PATH=/bin", "APPLE=1", "APP_LIMITS_COUNT=7", "APP_PORTS=1, 2", "APP_HEADERS={a: b}", "APP_STEPS=[{name: s}]",
		"APP_TAGS=", "APP_VERBOSE=false", "APP_RETRIES=3", "APP_EXTRA={n: [1]}", "APP_WHERE={file: x}"})
	got, err := decode("limits: {count: 5, rate: 1}\nports: [9]", env)
	three := 3
	want := defaults()
	want.Limits, want.Ports, want.Headers, want.Tags, want.Retries = limits{64 << 20, 7, 1}, []int{1, 2}, map[string]string{"a": "b"}, []string{}, &three
	want.Steps, want.Shared.Verbose, want.Extra, want.Where = []step{{Name: "s", Kind: "map"}}, false, map[string]any{"n": []any{int64(1)}}, place{file: "x"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	for variable, want := range map[string]string{
		"APP_LIMIT_COUNT=1":    `APP_LIMIT_COUNT: unknown environment variable, did you mean "APP_LIMITS_COUNT"?`,
		"APP_LIMITS=1":         "APP_LIMITS: unknown environment variable",
		"APP_LIMITS_COUNT=x":   `APP_LIMITS_COUNT: limits.count: want a whole number, have the text "x"`,
		"APP_LIMITS_COUNT=":    `APP_LIMITS_COUNT: limits.count: want a whole number, have the text ""`,
		"APP_STEPS=[{nam: s}]": `APP_STEPS:1:2: steps[0].name: it is required` + "\n" + `APP_STEPS:1:3: steps[0]: unknown key "nam", did you mean "name"?`,
		"APP_EXTRA={":          "APP_EXTRA:1: extra: did not find expected node content",
	} {
		if _, err := decode("", document.Environ("APP", []string{variable})); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", variable, err, want)
		}
	}
	s, err := document.Decode[step](nil, document.Environ("S", []string{"S_NAME=x", "S_WINDOW_SIZE=7s"}))
	if err != nil || s.Window == nil || s.Window.Size != 7*time.Second || s.Window.Grace != 5*time.Second {
		t.Errorf("a section of variables only: %+v, %v", s, err)
	}
	if _, err := document.Decode[window](nil, document.Environ("W", []string{"W_SIZE=1s", "W_GRACE=2s"})); err == nil || !strings.Contains(err.Error(), "W_GRACE: grace: 2s is longer") {
		t.Error(err)
	}
}

func TestBase(t *testing.T) {
	base := defaults()
	base.Limits = limits{Count: 99, Rate: 0.25}
	base.Steps = []step{{Name: "code"}}
	got, err := decode("limits: {rate: 1}", document.Base(base))
	want := base
	want.Limits = limits{64 << 20, 99, 1}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	base.Limits.Rate = 3
	if _, err := decode("", document.Base(base)); err == nil || err.Error() != "limits.rate: 3 is more than 1" {
		t.Error(err)
	}
	if _, err := decode("", document.Base(config{Tags: []string{"a", "z"}})); err == nil || err.Error() != `tags[1]: "z" is not one of a, b or c` {
		t.Error(err)
	}
	if _, err := decode("", document.Base(1)); err == nil || err.Error() != "document: the base is a int, want a document_test.config" {
		t.Error(err)
	}
	if s, err := document.Decode[step](nil, document.Base(step{Name: "a"})); err != nil || s.Name != "a" || s.Kind != "map" {
		t.Error(s, err)
	}
}

type loop struct {
	Next *loop `yaml:"next"`
}

func TestTypesThatCannotBeDecoded(t *testing.T) {
	for want, err := range map[string]error{
		"document_test.loop contains itself": document.Check[loop](),
		"chan int cannot be read from a document": document.Check[struct {
			C chan int `yaml:"c"`
		}](),
		"func() cannot be read":               document.Check[[]func()](),
		"map[int]string cannot be read":       document.Check[map[int]string](),
		`field A: it wants a tag yaml:"name"`: document.Check[struct{ A int }](),
		`the key "a" is that of another field`: document.Check[struct {
			A, B int `yaml:"a"`
		}](),
		"field A: default: not a duration": document.Check[struct {
			A time.Duration `yaml:"a" default:"x"`
		}](),
		"field A: default: 1 is more than 0": document.Check[struct {
			A int `yaml:"a" default:"1" max:"0"`
		}](),
		"field A: min: strconv.ParseInt": document.Check[struct {
			A int `yaml:"a" min:"x"`
		}](),
		"field A: max: a text has no bounds": document.Check[struct {
			A string `yaml:"a" max:"1"`
		}](),
		"field A: only texts have an enum": document.Check[struct {
			A int `yaml:"a" enum:"1"`
		}](),
		"field A: default: what is required has none": document.Check[struct {
			A int `yaml:"a" default:"1" required:"true"`
		}](),
		`field A: the unit "kg" is not known`: document.Check[struct {
			A int `yaml:"a" unit:"kg"`
		}](),
		"field A: default: a struct has those of its fields": document.Check[struct {
			A window `yaml:"a" default:"1"`
		}](),
		"field A: only a struct can be inline": document.Check[struct {
			A int `yaml:",inline"`
		}](),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	type twins struct {
		A struct {
			B int `yaml:"b"`
		} `yaml:"a"`
		C int `yaml:"a_b"`
	}
	if _, err := document.Decode[twins](nil, document.Environ("X", nil)); err == nil || err.Error() != "document: the variable X_A_B is both a.b and a_b" {
		t.Error(err)
	}
	if err := document.Check[config](); err != nil {
		t.Error(err)
	}
}

func TestSchema(t *testing.T) {
	got, err := document.Schema[struct {
		Where  place          `yaml:"where"`
		Names  []string       `yaml:"names" enum:"a,b" required:"true"`
		Limits limits         `yaml:"limits"`
		Steps  []step         `yaml:"steps" max:"3"`
		Head   map[string]int `yaml:"head"`
		Any    any            `yaml:"any"`
		Ports  []int          `yaml:"ports" default:"1,2"`
	}]()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"$schema": "https://json-schema.org/draft/2020-12/schema"`, `"additionalProperties": false`, `"description": "how long it is"`,
		`"default": "64MiB"`, `"minimum": 1024`, `"maxItems": 3`, `"default": 0.5`, `"minItems": 1`, `"enum"`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if again, err := document.Schema[limits](); err != nil || string(again) != `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "additionalProperties": false,
  "properties": {
    "bytes": {
      "default": "64MiB",
      "maximum": 1073741824,
      "minimum": 1024,
      "pattern": "^[0-9]+(\\.[0-9]+)? *([kKMGT]B|[KMGT]iB|B)?$",
      "type": [
        "integer",
        "string"
      ]
    },
    "count": {
      "default": 10,
      "minimum": 1,
      "type": "integer"
    },
    "rate": {
      "default": 0.5,
      "maximum": 1,
      "minimum": 0,
      "type": "number"
    }
  },
  "type": "object"
}` {
		t.Errorf("%s, %v", again, err)
	}
}

func TestKeys(t *testing.T) {
	keys, err := document.Keys(reflect.TypeFor[config]())
	var lines []string
	for _, k := range keys {
		lines = append(lines, fmt.Sprintf("%s|%s|%s|%v", k.Path, k.Type, k.Default, k.Required))
	}
	want := `verbose|true or false|true|false
steps|list of section, at most 3||false
steps[].name|text||true
steps[].kind|map or filter|map|false
steps[].window|section||false
steps[].window.size|duration, at most 24h||true
steps[].window.grace|duration|5s|false
limits|section||false
limits.bytes|size, at least 1KiB, at most 1GiB|64MiB|false
limits.count|whole number, at least 1|10|false
limits.rate|number, at least 0, at most 1|0.5|false
tags|a, b or c||false
headers|map of text||false
level|text|warn|false
extra|any||false
where|value||false
retries|whole number, at least 0||false
ports|list of whole number|80,443|false`
	if got := strings.Join(lines, "\n"); err != nil || got != want {
		t.Errorf("got\n%s\n%v", got, err)
	}
}

func TestNodes(t *testing.T) {
	n, err := document.Parse("f.yaml", []byte("b: [x, 2]\na: ~\n"))
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for key, value := range n.Entries() {
		seen = append(seen, fmt.Sprint(key.Text(), " ", key.Place(), " ", value.Place(), " ", value.Path(), " ", value.Len(), value.IsNull()))
	}
	for i, item := range n.Get("b").Items() {
		seen = append(seen, fmt.Sprint(i, item.Text(), item.Kind(), item.Any()))
	}
	if got, want := strings.Join(seen, "; "), "b f.yaml:1:1 f.yaml:1:4 b 2 false; a f.yaml:2:1 f.yaml:2:4 a 0 true; 0x0x; 120 2"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	var none *document.Node
	if !none.IsNull() || none.Len() != 0 || none.Text() != "" || none.Get("x") != nil || none.Any() != nil || none.Errorf("bad").Error() != "bad" {
		t.Error("a node that is not there")
	}
	var w window
	if err := n.Decode(w); err == nil {
		t.Error("no error for what is no pointer")
	}
	if err := n.Get("b").Decode(&w); err == nil || err.Error() != "f.yaml:1:4: b: want keys with values, have a list" {
		t.Error(err)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"filter", "flatten", "map", "throttle"}
	for wrong, want := range map[string]string{"fliter": "filter", "flaten": "flatten", "mpa": "map", "ma": "map", "x": "", "throttel": "throttle", "": ""} {
		if got := document.Nearest(wrong, known); got != want {
			t.Errorf("%q: got %q, want %q", wrong, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("steps: [{name: a, window: {size: 1s}}]\nextra: &a {x: *b}\n"))
	f.Add([]byte("a: &a [*a]\n--- \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := document.Parse("f.yaml", b)
		if err == nil {
			document.Decode[config](n)
			n.Any()
		}
	})
}

func ExampleDecode() {
	type throttle struct {
		Rate  float64       `yaml:"rate" required:"true" min:"0.001" doc:"records per second"`
		Burst int           `yaml:"burst" default:"1" min:"1"`
		Wait  time.Duration `yaml:"wait" default:"1s"`
	}
	n, err := document.Parse("pipe.yaml", []byte("rate: 100\nburts: 5\nwait: 10\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = document.Decode[throttle](n)
	fmt.Println(err)
	// Output:
	// pipe.yaml:2:1: unknown key "burts", did you mean "burst"?
	// pipe.yaml:3:7: wait: not a duration: "10", write a number with a unit, such as 100ms, 5s or 2m30s
}
