package serde_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/serde"
)

// testdata/kafka-bytes.txt is written by Kafka's own serializers (testdata/java-bytes). Each type of it is read into Go and
// must encode to the same bytes, and decode from them to what encodes to them again.
func TestBytesAreThoseOfKafkasSerializers(t *testing.T) {
	check := map[string]func(t *testing.T, value string, want []byte){
		"String":    sameBytes(serde.String, strconv.Unquote),
		"Long":      sameBytes(serde.Int64, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }),
		"Integer":   sameBytes(serde.Int32, parseInt[int32](32)),
		"Short":     sameBytes(serde.For[int16](), parseInt[int16](16)),
		"Double":    sameBytes(serde.Float64, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }),
		"Float":     sameBytes(serde.For[float32](), parseFloat32),
		"Boolean":   sameBytes(serde.Bool, strconv.ParseBool),
		"ByteArray": sameBytes(serde.Bytes, hex.DecodeString),
	}
	text, err := os.ReadFile("testdata/kafka-bytes.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for line := range strings.Lines(string(text)) {
		column := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		kind, value := column[0], column[1]
		want, err := hex.DecodeString(column[2])
		if err != nil || check[kind] == nil {
			t.Fatalf("line %q: unknown type or bad hex (%v)", line, err)
		}
		seen[kind]++
		t.Run(kind+" "+value, func(t *testing.T) { check[kind](t, value, want) })
	}
	for kind := range check {
		if seen[kind] < 2 {
			t.Errorf("%d lines of %s, want 2 or more", seen[kind], kind)
		}
	}
}

func sameBytes[T any](s serde.Serde[T], parse func(string) (T, error)) func(*testing.T, string, []byte) {
	return func(t *testing.T, value string, want []byte) {
		v, err := parse(value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Append(nil, v)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v encodes to %x (%v), Kafka's serializer to %x", v, got, err, want)
		}
		back, err := s.Decode(want)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := s.Append(nil, back); err != nil || !bytes.Equal(again, want) {
			t.Errorf("%x decodes to %v, which encodes to %x (%v)", want, back, again, err)
		}
	}
}

func parseInt[T int16 | int32](bits int) func(string) (T, error) {
	return func(s string) (T, error) {
		n, err := strconv.ParseInt(s, 10, bits)
		return T(n), err
	}
}

func parseFloat32(s string) (float32, error) {
	f, err := strconv.ParseFloat(s, 32)
	return float32(f), err
}
