package serde_test

import (
	"encoding/json/jsontext"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde"
)

// Errors name the serde and what is wrong, show a few bytes and never a whole payload.
func TestDecodeErrors(t *testing.T) {
	long := strings.Repeat("payload ", 1000)
	for _, c := range []struct {
		name, want string
		err        error
	}{
		{"too short", "serde: Int64: 3 bytes (01 02 03), want 8 bytes", decodeError(serde.Int64, "\x01\x02\x03")},
		{"nothing", "serde: Int32: 0 bytes, want 4 bytes", decodeError(serde.Int32, "")},
		{"too long", "serde: Float64: 8000 bytes (70 61 79 6c 6f 61 64 20 …), want 8 bytes", decodeError(serde.Float64, long)},
		{"float32", "serde: Float32: 1 bytes (00), want 4 bytes", decodeError(serde.For[float32](), "\x00")},
		{"time", "serde: Time: 1 bytes (00), want 8 bytes", decodeError(serde.Time, "\x00")},
		{"bool length", "serde: Bool: 2 bytes (00 01), want 1 bytes", decodeError(serde.Bool, "\x00\x01")},
		{"bool byte", "serde: Bool: byte 02, want 00 or 01", decodeError(serde.Bool, "\x02")},
		{"named type", "serde: Int16: 1 bytes (00), want 2 bytes", decodeError(serde.For[int16](), "\x00")},
		{"inside Nullable", "serde: Int64: 1 bytes (00), want 8 bytes", decodeError(serde.Nullable(serde.Int64), "\x00")},
		{"inside Pointer", "serde: Int64: 1 bytes (00), want 8 bytes", decodeError(serde.Pointer(serde.Int64), "\x00")},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("%s: error is %v\nwant %s", c.name, c.err, c.want)
		}
	}
}

func TestJSONDecodeErrors(t *testing.T) {
	orders := serde.JSON[order]()
	long := strings.Repeat("payload ", 1000)
	for name, text := range map[string]string{
		"nothing":                "",
		"not JSON":               long,
		"rest after the value":   `{} {}`,
		"cut":                    `{"ID":"a`,
		"other type":             `{"ID":5}`,
		"other type, long value": `{"Cents":"` + long + `"}`,
		"out of range":           `{"Cents":9223372036854775808}`,
		"fraction for integer":   `{"Cents":1.5}`,
		"name twice":             `{"ID":"a","ID":"b"}`,
		"long name twice":        `{"` + long + `":1,"` + long + `":2}`,
		"not UTF-8":              "{\"ID\":\"\xff\"}",
		"lone surrogate":         `{"ID":"\ud800"}`,
		"array too short":        `{"Place":[1]}`,
		"deep":                   strings.Repeat("[", 100_000),
	} {
		_, err := orders.Decode([]byte(text))
		switch {
		case err == nil:
			t.Errorf("%s: no error", name)
		case !strings.HasPrefix(err.Error(), "serde: JSON[serde_test.order]: "):
			t.Errorf("%s: error does not begin with the serde's name: %v", name, err)
		case len(err.Error()) > 400:
			t.Errorf("%s: error of %d bytes quotes the payload: %.100s…", name, len(err.Error()), err)
		}
	}

	// a type's own error quotes the whole text; the chain is kept
	_, err := serde.JSON[struct{ At time.Time }]().Decode([]byte(`{"At":"` + long + `"}`))
	var parse *time.ParseError
	if !errors.As(err, &parse) || len(err.Error()) > 400 {
		t.Errorf("error of %d bytes, a time.ParseError: %v", len(err.Error()), parse != nil)
	}
	_, err = orders.Decode([]byte(`{"ID":"a`))
	if syntactic := (*jsontext.SyntacticError)(nil); !errors.As(err, &syntactic) {
		t.Errorf("%v wraps no jsontext.SyntacticError", err)
	}
}

// Nothing of one value gets into the next (S6), nor of one that failed.
func TestJSONDecodesIntoAZeroValue(t *testing.T) {
	s := serde.JSON[order]()
	full := []byte(`{"ID":"a","Lines":[{"SKU":"x"}],"ByRegion":{"r":1},"Note":"n","Place":[1,2]}`)
	for _, before := range [][]byte{full, full[:len(full)-1]} {
		first, _ := s.Decode(before)
		if got, err := s.Decode([]byte(`{"ByRegion":{"q":2}}`)); err != nil || !reflect.DeepEqual(got, order{ByRegion: map[string]int64{"q": 2}}) {
			t.Errorf("after %s: %+v (%v)", before, got, err)
		}
		if len(before) == len(full) && (len(first.ByRegion) != 1 || first.ByRegion["r"] != 1) {
			t.Errorf("an earlier value changed: %+v", first)
		}
	}
}

// A failed Append returns what it was given (S1).
func TestAppendErrors(t *testing.T) {
	for name, err := range map[string]error{
		"time after the range":  appendError(t, serde.Time, time.UnixMilli(math.MaxInt64).Add(time.Millisecond)),
		"time before the range": appendError(t, serde.Time, time.UnixMilli(math.MinInt64).Add(-time.Nanosecond)),
		"string is not UTF-8":   appendError(t, serde.JSON[order](), order{ID: "ok", Lines: []line{{SKU: "\xff"}}}),
		"NaN in JSON":           appendError(t, serde.JSON[order](), order{Weight: math.NaN()}),
		"null":                  appendError(t, serde.Nullable(serde.String), serde.None[string]()),
		"nil pointer":           appendError(t, serde.Pointer(serde.String), nil),
		"nil in JSON":           appendError(t, serde.JSON[*order](), nil),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "serde: ") {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	for _, ok := range []time.Time{{}, time.UnixMilli(math.MaxInt64).Add(time.Millisecond - 1), time.UnixMilli(math.MinInt64)} {
		b, err := serde.Time.Append(nil, ok)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := serde.Time.Decode(b); err != nil || !back.Equal(ok.Truncate(time.Millisecond)) {
			t.Errorf("%v came back as %v (%v)", ok, back, err)
		}
	}
}

func decodeError[T any](s serde.Serde[T], b string) error {
	_, err := s.Decode([]byte(b))
	return err
}

func appendError[T any](t *testing.T, s serde.Serde[T], v T) error {
	t.Helper()
	got, err := s.Append([]byte("before"), v)
	if string(got) != "before" {
		t.Errorf("failed Append returned %q", got)
	}
	return err
}
