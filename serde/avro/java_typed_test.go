package avro_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json/v2"
	"math/big"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde/avro"
)

// holder is the record V of the cases: one field.
type holder[T any] struct {
	V T `avro:"v"`
}

type node struct {
	Value int32 `avro:"value"`
	Next  *node `avro:"next"`
}

// typedCases are the Go types of the cases that have one, by what their names begin with.
var typedCases = map[string]func(*testing.T, javaCase){
	"boolean ": typedCase[holder[bool]], "int ": typedCase[holder[int32]], "long ": typedCase[holder[int64]],
	"float ": typedCase[holder[float32]], "double ": typedCase[holder[float64]], "bytes ": typedCase[holder[[]byte]],
	"string ": typedCase[holder[string]], "fixed ": typedCase[holder[[4]byte]], "enum ": typedCase[holder[string]],
	"array of int ": typedCase[holder[[]int32]], "array of arrays ": typedCase[holder[[][]string]], "map of long ": typedCase[holder[map[string]int64]],
	"optional string": typedCase[holder[*string]], "decimal in bytes ": typedCase[holder[*big.Rat]], "decimal in fixed ": typedCase[holder[*big.Rat]],
	"timestamp-millis ": typedCase[holder[time.Time]], "optional timestamp ": typedCase[holder[*time.Time]], "uuid ": typedCase[holder[string]],
	"array in blocks": typedCase[holder[[]string]], "map in blocks": typedCase[holder[map[string]int64]],
	"arrays within arrays": typedCase[holder[[][]int64]], "recursive": typedCase[node],
}

// What Java wrote is read into Go types as the value that Java reads, and written as the same bytes.
func TestTypedBytesAreThoseOfJava(t *testing.T) {
	text, err := os.ReadFile("../testdata/java/avro.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []javaCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range cases {
		for prefix, check := range typedCases {
			if strings.HasPrefix(c.Name, prefix) {
				seen[prefix] = true
				t.Run(c.Name, func(t *testing.T) { check(t, c) })
			}
		}
	}
	if len(seen) != len(typedCases) {
		t.Errorf("cases of %d types, want %d", len(seen), len(typedCases))
	}
}

func typedCase[T any](t *testing.T, c javaCase) {
	f, err := avro.Typed[T](string(c.Writer))
	if err != nil {
		t.Fatal(err)
	}
	framed, err := hex.DecodeString(c.Hex)
	if err != nil {
		t.Fatal(err)
	}
	payload := framed[5:]
	v, err := f.Decode(payload)
	if want := javaValue(t, c.Writer, c.Wrote); err != nil || !same(untyped(reflect.ValueOf(v), c.scale(t)), want) {
		t.Errorf("read as %+v (%v), Java reads %#v", v, err, want)
	}
	if again, err := f.Append(nil, v); err != nil || !c.Blocks && !bytes.Equal(again, payload) {
		t.Errorf("written as %x (%v), by Java as %x", again, err, payload)
	}
}

// scale is that of the decimal of a case, if it has one.
func (c javaCase) scale(t *testing.T) int {
	var s struct {
		Fields []struct {
			Type any `json:"type"`
		} `json:"fields"`
	}
	if err := json.Unmarshal(c.Writer, &s); err != nil {
		t.Fatal(err)
	}
	of, _ := s.Fields[0].Type.(map[string]any)
	scale, _ := of["scale"].(float64)
	return int(scale)
}

// untyped is a value of Go types in the form of Dynamic.
func untyped(v reflect.Value, scale int) any {
	switch x := v.Interface().(type) {
	case time.Time:
		return x.UnixMilli()
	case *big.Rat:
		return x.FloatString(scale)
	case []byte:
		return x
	}
	switch v.Kind() {
	case reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Float32, reflect.Float64:
		return v.Float()
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return untyped(v.Elem(), scale)
	case reflect.Array:
		out := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(out), v)
		return out
	case reflect.Slice:
		out := []any{}
		for i := range v.Len() {
			out = append(out, untyped(v.Index(i), scale))
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for key, x := range v.Seq2() {
			out[key.String()] = untyped(x, scale)
		}
		return out
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			out[v.Type().Field(i).Tag.Get("avro")] = untyped(v.Field(i), scale)
		}
		return out
	}
	return v.Interface()
}
