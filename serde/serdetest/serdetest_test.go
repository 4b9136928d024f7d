package serdetest_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/serdetest"
)

// The serdes of package serde pass.
func TestRun(t *testing.T) {
	type point struct {
		X, Y int
		Tags map[string]string
	}
	t.Run("String", func(t *testing.T) { serdetest.Run(t, serde.String, []string{"", "käse", "\xff"}) })
	t.Run("Int64", func(t *testing.T) { serdetest.Run(t, serde.Int64, []int64{0, -1, 1 << 40}) })
	t.Run("JSON", func(t *testing.T) {
		serdetest.Run(t, serde.JSON[point](), []point{{}, {1, -2, map[string]string{"a": "b", "c": "d", "e": "f"}}})
	})
	t.Run("Nullable", func(t *testing.T) {
		serdetest.Run(t, serde.Nullable(serde.String), []serde.Optional[string]{serde.None[string](), serde.Some(""), serde.Some("a")})
	})
	t.Run("JSONAny", func(t *testing.T) {
		serdetest.Run(t, serde.JSONAny(), []any{nil, "a", map[string]any{"b": []any{int64(1)}, "c": 1.5}})
	})
}

// broken is a serde of strings with one thing wrong.
type broken struct {
	append func(dst []byte, v string) ([]byte, error)
	decode func(b []byte) (string, error)
}

func (s broken) Append(dst []byte, v string) ([]byte, error) {
	if s.append != nil {
		return s.append(dst, v)
	}
	return append(dst, v...), nil
}

func (s broken) Decode(b []byte) (string, error) {
	if s.decode != nil {
		return s.decode(b)
	}
	return string(b), nil
}

// brokenNull has a null besides.
type brokenNull struct{ broken }

func (brokenNull) IsNull(v string) bool { return v == "" }

// Every rule is missed when it is broken.
func TestCheckFindsBrokenSerdes(t *testing.T) {
	var calls atomic.Int64
	var last string
	for _, test := range []struct {
		name, rule string
		serde      serde.Serde[string]
	}{
		{"writes over the bytes before", "S1", broken{append: func(dst []byte, v string) ([]byte, error) {
			if len(dst) > 0 {
				dst[0] = 'x'
			}
			return append(dst, v...), nil
		}}},
		{"begins anew", "S1", broken{append: func(dst []byte, v string) ([]byte, error) { return append(dst[:0], v...), nil }}},
		{"keeps its input", "S2", broken{decode: func(b []byte) (string, error) { return unsafe.String(unsafe.SliceData(b), len(b)), nil }}},
		{"changes its input", "S2", broken{decode: func(b []byte) (string, error) {
			s := string(b)
			clear(b)
			return s, nil
		}}},
		{"loses case", "S3", broken{append: func(dst []byte, v string) ([]byte, error) { return append(dst, strings.ToLower(v)...), nil }}},
		{"counts", "S4", broken{
			append: func(dst []byte, v string) ([]byte, error) { return append(append(dst, byte(calls.Add(1))), v...), nil },
			decode: func(b []byte) (string, error) {
				if len(b) == 0 {
					return "", errors.New("empty")
				}
				return string(b[1:]), nil
			},
		}},
		{"panics", "S5", prefixed(func(b []byte, n uint64) (string, error) { return string(b[:n]), nil })},
		{"believes a length", "S5", prefixed(func(b []byte, n uint64) (string, error) {
			text := make([]byte, min(n, 1<<27))
			copy(text, b)
			if n != uint64(len(b)) {
				return "", errors.New("cut")
			}
			return string(text), nil
		})},
		{"shows payloads", "S5", prefixed(func(b []byte, n uint64) (string, error) {
			if n != uint64(len(b)) {
				return "", fmt.Errorf("cannot decode %x", b)
			}
			return string(b), nil
		})},
		{"shares a variable", "S6", broken{decode: func(b []byte) (string, error) {
			last = string(b)
			runtime.Gosched()
			return last, nil
		}}},
		{"writes nulls", "S7", brokenNull{}},
		{"has no null", "S7", brokenNull{broken{
			append: func(dst []byte, v string) ([]byte, error) {
				if v == "" {
					return dst, errors.New("null")
				}
				return append(dst, v...), nil
			},
			decode: func(b []byte) (string, error) { return "x" + string(b[min(len(b), 1):]), nil },
		}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.rule == "S6" && raceDetector {
				t.Skip("it is a data race, which ends the test before it is found")
			}
			err := serdetest.Check(test.serde, []string{"", "K", "Käse with a longer text"})
			if err == nil || !strings.Contains("\n"+err.Error(), "\n"+test.rule) {
				t.Fatalf("got %v, want %s broken", err, test.rule)
			}
		})
	}
	if err := serdetest.Check(serde.String, nil); err == nil {
		t.Error("there is nothing to test with")
	}
	if err := serdetest.Check[string](nil, []string{""}); err == nil {
		t.Error("nil is no serde")
	}
}

// prefixed is a serde of strings behind their length, decoded as told.
func prefixed(decode func(b []byte, n uint64) (string, error)) serde.Serde[string] {
	return broken{
		append: func(dst []byte, v string) ([]byte, error) {
			return append(binary.AppendUvarint(dst, uint64(len(v))), v...), nil
		},
		decode: func(b []byte) (string, error) {
			n, used := binary.Uvarint(b)
			if used <= 0 {
				return "", errors.New("no length")
			}
			return decode(b[used:], n)
		},
	}
}

func ExampleRun() {
	_ = func(t *testing.T) { // in a test of yours
		serdetest.Run(t, serde.JSON[[]string](), [][]string{nil, {}, {"a", "b"}})
	}
	fmt.Println(serdetest.Check(serde.Int64, []int64{0, -1}))
	// Output: <nil>
}
