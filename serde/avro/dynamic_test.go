package avro_test

import (
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde/avro"
	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/serde/serdetest"
)

const everything = `{"type":"record","name":"shop.All","fields":[
	{"name":"n","type":"null"}, {"name":"b","type":"boolean"}, {"name":"i","type":"int"}, {"name":"l","type":"long"},
	{"name":"f","type":"float"}, {"name":"d","type":"double"}, {"name":"s","type":"string"}, {"name":"y","type":"bytes"},
	{"name":"x","type":{"type":"fixed","name":"Two","size":2}},
	{"name":"e","type":{"type":"enum","name":"Color","symbols":["RED","GREEN"]}},
	{"name":"a","type":{"type":"array","items":"int"}},
	{"name":"m","type":{"type":"map","values":{"type":"map","values":"float"}}},
	{"name":"u","type":["null","string","long","double","Two",{"type":"array","items":["null","Color"]},{"type":"record","name":"P","fields":[{"name":"q","type":"int"}]}]},
	{"name":"ts","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"day","type":{"type":"int","logicalType":"date"}},
	{"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}},
	{"name":"fdec","type":["null",{"type":"fixed","name":"Dec","size":8,"logicalType":"decimal","precision":10,"scale":3}]},
	{"name":"id","type":{"type":"string","logicalType":"uuid"}},
	{"name":"fid","type":{"type":"fixed","name":"Uuid","size":16,"logicalType":"uuid"}},
	{"name":"next","type":["null","All"]}
]}`

func all(changes map[string]any) map[string]any {
	v := map[string]any{"n": nil, "b": false, "i": int64(0), "l": int64(0), "f": 0.0, "d": 0.0, "s": "", "y": []byte{}, "x": []byte{0, 1}, "e": "RED",
		"a": []any{}, "m": map[string]any{}, "u": nil, "ts": int64(0), "day": int64(0), "dec": "0.00", "fdec": nil,
		"id": "123e4567-e89b-12d3-a456-426614174000", "fid": "123e4567-e89b-12d3-a456-426614174000", "next": nil}
	maps.Copy(v, changes)
	return v
}

func TestDynamicLaws(t *testing.T) {
	serdetest.Run(t, avro.Must(avro.Dynamic(everything)), []any{
		all(nil),
		all(map[string]any{"b": true, "i": int64(-1 << 31), "l": int64(1<<63 - 1), "f": 1.5, "d": -0.1, "s": "käse", "y": []byte{255},
			"e": "GREEN", "a": []any{int64(1), int64(-2)}, "m": map[string]any{"z": map[string]any{"b": 1.0, "a": 2.0}, "a": map[string]any{}, "q": map[string]any{"": 0.5}},
			"u": []any{"RED", nil, "GREEN"}, "dec": "-1234.56", "fdec": "0.001", "next": all(map[string]any{"u": map[string]any{"q": int64(3)}})}),
		all(map[string]any{"u": "text"}), all(map[string]any{"u": int64(5)}), all(map[string]any{"u": 2.5}), all(map[string]any{"u": []byte{1, 2}}),
		all(map[string]any{"dec": "9999.99", "fdec": "-9999999.999"}), all(map[string]any{"dec": "-0.01", "fdec": "-0.128"}),
	})
}

// What encoding takes beside the forms that decoding gives.
func TestDynamicForms(t *testing.T) {
	at := time.Date(1969, 12, 30, 23, 59, 59, 999_000_000, time.UTC)
	for _, test := range []struct {
		schema   string
		in, want any
	}{
		{`"int"`, 5.0, int64(5)}, {`"int"`, 5, int64(5)}, {`"long"`, int32(5), int64(5)}, {`"double"`, int64(5), 5.0}, {`"float"`, 5, 5.0},
		{`"bytes"`, "ab", []byte("ab")},
		{`{"type":"long","logicalType":"timestamp-millis"}`, at, at.UnixMilli()},
		{`{"type":"long","logicalType":"timestamp-micros"}`, at, at.UnixMicro()},
		{`{"type":"int","logicalType":"date"}`, at, int64(-2)},
		{`{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`, int64(-3), "-3.00"},
		{`{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`, 0.1, "0.10"},
		{`["null","double"]`, int64(5), 5.0},
		{`["double","long"]`, int64(5), int64(5)},
		{`["float","double"]`, 0.1, 0.1},
		{`["bytes","string"]`, "a", "a"},
		{`[{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]},{"type":"map","values":"string"}]`, map[string]any{"a": "x"}, map[string]any{"a": int64(0)}},
		{`{"type":"record","name":"A","fields":[{"name":"a","type":"int","default":7},{"name":"b","type":["null","string"]},{"name":"c","type":["string","null"],"default":"x"}]}`,
			map[string]any{}, map[string]any{"a": int64(7), "b": nil, "c": "x"}},
	} {
		f, err := avro.Dynamic(test.schema)
		if err != nil {
			t.Fatalf("%s: %v", test.schema, err)
		}
		b, err := f.Append(nil, test.in)
		if reflect.DeepEqual(test.want, map[string]any{"a": int64(0)}) { // the record fits by its names, so its types are held to
			wantError(t, err, "field a", "a string", "want int")
			continue
		}
		got, err2 := f.Decode(b)
		if err != nil || err2 != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v (%T) comes back as %v (%T), want %v (%v, %v)", test.schema, test.in, test.in, got, got, test.want, err, err2)
		}
	}
}

func TestDynamicErrors(t *testing.T) {
	f := avro.Must(avro.Dynamic(everything))
	for _, test := range []struct {
		change map[string]any
		want   []string
	}{
		{map[string]any{"s": 5}, []string{"shop.All: field s: a int, want string"}},
		{map[string]any{"i": int64(1 << 31)}, []string{"field i", "want int"}},
		{map[string]any{"i": 1.5}, []string{"field i", "want int"}},
		{map[string]any{"e": "BLUE"}, []string{`field e: "BLUE", want a symbol of enum shop.Color`}},
		{map[string]any{"x": []byte{1}}, []string{"field x: 1 bytes, want the 2 of fixed shop.Two"}},
		{map[string]any{"a": []any{int64(1), "x"}}, []string{"field a[1]: a string, want int"}},
		{map[string]any{"m": map[string]any{"k": map[string]any{"j": true}}}, []string{`field m["k"]["j"]: a bool, want float`}},
		{map[string]any{"u": true}, []string{"field u: a bool, want one of null, string, long, double, shop.Two, array, shop.P"}},
		{map[string]any{"dec": "1.234"}, []string{"field dec: a decimal with more than 2 places"}},
		{map[string]any{"dec": "12345.67"}, []string{"field dec: a decimal of 7 digits, want at most 6"}},
		{map[string]any{"dec": "1e999999999"}, []string{"field dec: a text that is no decimal"}},
		{map[string]any{"fid": "x"}, []string{"field fid: a text that is no uuid"}},
		{map[string]any{"zz": 1}, []string{`record shop.All has no field "zz"`}},
	} {
		dst := []byte("x")
		b, err := f.Append(dst, all(test.change))
		wantError(t, err, test.want...)
		if string(b) != "x" {
			t.Errorf("Append gave %q with an error", b)
		}
	}
	without := all(nil)
	delete(without, "b")
	_, err := f.Append(nil, without)
	wantError(t, err, "field b: it is missing and has no default")
	deep := map[string]any{}
	for range 2000 {
		deep = map[string]any{"next": deep}
	}
	_, err = avro.Must(avro.Dynamic(`{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}`)).Append(nil, deep)
	wantError(t, err, "more than 1000 levels deep")
}

// A schema may refer to others, which refer to others, and to one of them twice.
func TestReferences(t *testing.T) {
	money := registry.Schema{Type: registry.Avro, Text: `{"type":"record","name":"shop.Money","fields":[{"name":"cents","type":"long"}]}`}
	line := registry.Schema{Type: registry.Avro, Text: `{"type":"record","name":"shop.Line","fields":[{"name":"price","type":"shop.Money"}]}`,
		References: []registry.Reference{{Name: "shop.Money", Schema: money}}}
	text := `{"type":"record","name":"shop.Order","fields":[{"name":"line","type":"Line"},{"name":"total","type":"shop.Money"}]}`
	refs := []registry.Reference{{Name: "shop.Line", Schema: line}, {Name: "shop.Money", Schema: money}}

	type moneyOf struct {
		Cents int64 `avro:"cents"`
	}
	type lineOf struct {
		Price moneyOf `avro:"price"`
	}
	type orderOf struct {
		Line  lineOf  `avro:"line"`
		Total moneyOf `avro:"total"`
	}
	typed := avro.Must(avro.Typed[orderOf](text, avro.References(refs...)))
	dynamic := avro.Must(avro.Dynamic(text, avro.References(refs...)))
	b, err := typed.Append(nil, orderOf{lineOf{moneyOf{5}}, moneyOf{7}})
	if err != nil {
		t.Fatal(err)
	}
	read, err := dynamic.Reader(typed.Schema())
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(b)
	want := map[string]any{"line": map[string]any{"price": map[string]any{"cents": int64(5)}}, "total": map[string]any{"cents": int64(7)}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	_, err = avro.Dynamic(text)
	wantError(t, err, "Line")
	_, err = avro.Dynamic(text, avro.References(registry.Reference{Name: "shop.Line", Schema: registry.Schema{Text: line.Text}}))
	wantError(t, err, `reference "shop.Line"`, "shop.Money")
}
