package serde_test

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
)

func TestJSONAny(t *testing.T) {
	s := serde.JSONAny()
	for _, c := range []struct {
		text string
		want any
		out  string // "": as text
	}{
		{"null", nil, "-"},
		{"true", true, ""},
		{" false ", false, "false"},
		{`"a\u00e9\n"`, "aé\n", `"aé\n"`},
		{"0", int64(0), ""},
		{"-0", int64(0), "0"},
		{"-0.0", int64(0), "0"},
		{"5.0", int64(5), "5"},
		{"5e2", int64(500), "500"},
		{"9223372036854775807", int64(math.MaxInt64), ""},
		{"-9223372036854775808", int64(math.MinInt64), ""},
		{"9007199254740993", int64(9007199254740993), ""}, // no float64
		{"9223372036854775808", float64(1 << 63), "9223372036854776000"},
		{"9223372036854774784.0", int64(9223372036854774784), "9223372036854774784"},
		{"0.1", 0.1, ""},
		{"-2.5e-9", -2.5e-9, ""},
		{"1e-10", 1e-10, ""},
		{"1e300", 1e300, "1e+300"},
		{"1e21", 1e21, "1e+21"},
		{"[]", []any{}, ""},
		{"{}", map[string]any{}, ""},
		{`{"b":[1,2.5,null,{"x":"y"}],"a":true}`, map[string]any{"a": true, "b": []any{int64(1), 2.5, nil, map[string]any{"x": "y"}}},
			`{"a":true,"b":[1,2.5,null,{"x":"y"}]}`},
	} {
		got, err := s.Decode([]byte(c.text))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %#v, %v, want %#v", c.text, got, err, c.want)
			continue
		}
		if c.out == "-" {
			continue
		}
		if c.out == "" {
			c.out = c.text
		}
		if out, err := s.Append([]byte("x"), got); err != nil || string(out) != "x"+c.out {
			t.Errorf("%s: written as %s, %v, want x%s", c.text, out, err, c.out)
		}
	}
}

func TestJSONAnyErrors(t *testing.T) {
	s := serde.JSONAny()
	deep := strings.Repeat("[", 1001) + strings.Repeat("]", 1001)
	for text, want := range map[string]string{
		"":               "unexpected EOF",
		" ":              "unexpected EOF",
		"{":              "unexpected EOF",
		`{"a"`:           "unexpected EOF",
		`{"a":`:          "unexpected EOF",
		"[1,":            "unexpected EOF",
		"[1 2]":          "invalid character '2'",
		"1 2":            "something follows the value",
		"1 x":            "invalid character 'x'",
		"tru":            "unexpected EOF",
		`{"a":1,"a":2}`:  "duplicate object member name",
		"1e400":          "number out of range: 1e400",
		"\"\xff\"":       "invalid UTF-8",
		deep:             "more than 1000 levels deep",
		`{"a":1,}`:       "invalid character ','",
		"nullx":          "invalid character 'x'",
		"[" + deep + "]": "more than 1000 levels deep",
	} {
		if v, err := s.Decode([]byte(text)); err == nil || v != nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "serde: JSONAny: ") {
			t.Errorf("%.20q: got %v, %v, want %s", text, v, err, want)
		}
	}
	loop := map[string]any{}
	loop["a"] = []any{loop}
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "a null has no encoding"},
		{math.NaN(), "JSON has no number NaN"},
		{[]any{math.Inf(-1)}, "JSON has no number -Inf"},
		{float32(math.Inf(1)), "+Inf"},
		{"\xff", "UTF-8"},
		{map[string]any{"\xff": 1}, "UTF-8"},
		{map[string]any{"x": func() {}}, "func()"},
		{loop, "more than 1000 levels deep"},
	} {
		out, err := s.Append([]byte("kept"), c.v)
		if err == nil || string(out) != "kept" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: got %s, %v, want %s", c.v, out, err, c.want)
		}
	}
}

func TestJSONAnyOfOtherTypes(t *testing.T) {
	s := serde.JSONAny()
	v := map[string]any{"s": []string{"x"}, "u": uint64(math.MaxUint64), "n": 7, "m": map[string]any(nil), "l": []any(nil), "f": 3.0, "p": (*int)(nil)}
	want := `{"f":3,"l":[],"m":{},"n":7,"p":null,"s":["x"],"u":18446744073709551615}`
	if out, err := s.Append(nil, v); err != nil || string(out) != want {
		t.Errorf("got %s, %v, want %s", out, err, want)
	}
	if isNull := serde.IsNull(s); !isNull(nil) || isNull(false) {
		t.Error("nil and nothing else is null")
	}
	if v, err := s.Decode(nil); v != nil || err != nil {
		t.Error("Kafka's null is", v, err)
	}
}

// anyJSON makes values as JSONAny decodes them, up to some levels deep.
func anyJSON(depth int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.Float64().Filter(func(f float64) bool { return f != math.Trunc(f) || math.Abs(f) >= 1<<63 }), func(f float64) any { return f }),
	}
	if depth > 0 {
		leaves = append(leaves,
			rapid.Map(rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return anyJSON(depth - 1) }), 0, 4), func(l []any) any {
				if l == nil {
					l = []any{}
				}
				return l
			}),
			rapid.Map(rapid.MapOfN(rapid.String(), rapid.Deferred(func() *rapid.Generator[any] { return anyJSON(depth - 1) }), 0, 4), func(m map[string]any) any { return m }))
	}
	return rapid.OneOf(leaves...)
}

// What is decoded is equal to what was encoded, and encodes to the same bytes, which JSON of the same value has too.
func TestJSONAnyLaws(t *testing.T) {
	laws(serde.JSONAny(), anyJSON(3).Filter(func(v any) bool { return v != nil }))(t)
	other := serde.JSON[any]()
	rapid.Check(t, func(t *rapid.T) {
		v := anyJSON(3).Filter(func(v any) bool { return v != nil }).Draw(t, "v")
		a, err := serde.JSONAny().Append(nil, v)
		b, err2 := other.Append(nil, v)
		if err != nil || err2 != nil || string(a) != string(b) {
			t.Fatalf("%s, %v\n%s, %v", a, err, b, err2)
		}
	})
}

func FuzzJSONAny(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5e3,null,"x"],"b":{}}`))
	f.Add([]byte(`[[[`))
	s, strict := serde.JSONAny(), serde.JSON[any]()
	f.Fuzz(func(t *testing.T, b []byte) {
		if b == nil {
			b = []byte{}
		}
		v, err := s.Decode(b)
		if _, strictErr := strict.Decode(b); (err == nil) != (strictErr == nil) && !strings.Contains(fmt.Sprint(err), "levels deep") {
			t.Fatalf("%q: %v, but JSON says %v", b, err, strictErr)
		}
		if err != nil || v == nil {
			return
		}
		out, err := s.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := s.Decode(out); err != nil || !reflect.DeepEqual(again, v) {
			t.Fatalf("%q is %v, then %v, %v", b, v, again, err)
		}
	})
}

func BenchmarkJSONAny(b *testing.B) {
	s := serde.JSONAny()
	text := []byte(`{"id":"o-17","customer":"c-9","cents":12950,"paid":true,"lines":[{"sku":"a","n":2},{"sku":"b","n":1}],"weight":1.25}`)
	v, err := s.Decode(text)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Decode(text)
		}
	})
	b.Run("Append", func(b *testing.B) {
		b.ReportAllocs()
		var dst []byte
		for b.Loop() {
			dst, _ = s.Append(dst[:0], v)
		}
	})
}

func ExampleJSONAny() {
	s := serde.JSONAny()
	v, _ := s.Decode([]byte(`{"id": 9007199254740993, "tags": ["a", "b"], "rate": 0.5}`))
	v.(map[string]any)["paid"] = true
	b, _ := s.Append(nil, v)
	fmt.Println(string(b))
	// Output: {"id":9007199254740993,"paid":true,"rate":0.5,"tags":["a","b"]}
}
