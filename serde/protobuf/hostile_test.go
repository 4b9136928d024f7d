package protobuf_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/rivusio/rivusio/serde/internal/cost"
	"github.com/rivusio/rivusio/serde/protobuf"
	"github.com/rivusio/rivusio/serde/protobuf/internal/orderpb"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

func sorted(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// nested is fields of bytes within one another.
func nested(depth int, tags ...byte) []byte {
	var b []byte
	for range depth {
		for _, tag := range tags {
			b = wrapped(tag, b)
		}
	}
	return b
}

func wrapped(tag byte, content []byte) []byte {
	b := []byte{tag}
	for n := len(content); ; n >>= 7 {
		if n < 0x80 {
			return append(append(b, byte(n)), content...)
		}
		b = append(b, byte(n)|0x80)
	}
}

// bounded holds f to what one message may take.
func bounded[M any](t *testing.T, name string, input []byte, f func([]byte) (M, error)) error {
	t.Helper()
	return cost.Message(t, name, func() error { _, err := f(input); return err })
}

// hostileOrders are no messages of shop.Order, or take too much.
func hostileOrders(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"truncated":                bytesOf(t, "0a05"),
		"length beyond the end":    bytesOf(t, "0affffffff07"),
		"negative length":          bytesOf(t, "0affffffffffffffffff01"),
		"varint of eleven bytes":   bytesOf(t, "20ffffffffffffffffffff01"),
		"field number 0":           bytesOf(t, "0201"),
		"end of no group":          bytesOf(t, "0c"),
		"group without end":        bytes.Repeat([]byte{0x9b, 0x06}, 1<<19),
		"not UTF-8":                bytesOf(t, "0a01ff"),
		"a million empty lines":    bytes.Repeat([]byte{0x2a, 0}, 1<<20),
		"a million empty gifts":    wrapped(0x2a, bytes.Repeat([]byte{0x1a, 0}, 1<<20)),
		"empty companies, persons": bytes.Repeat([]byte{0x5a, 0, 0x52, 0}, 1<<20),
		"4 million unknown fields": bytes.Repeat([]byte{0x78, 0x01}, 1<<22),
		"a million companies":      bytes.Repeat([]byte{0x5a, 0}, 1<<20),
		"more than MaxBytes":       wrapped(0x42, make([]byte, protobuf.MaxBytes)),
		"deep":                     wrapped(0x5a, nested(5_000, 0x22)),
	}
}

func TestHostileMessages(t *testing.T) {
	s := plain[*orderpb.Order](t)
	for name, input := range hostileOrders(t) {
		if err := bounded(t, name, input, s.Decode); err == nil {
			t.Errorf("%s is taken", name)
		} else if len(err.Error()) > 300 || !strings.Contains(err.Error(), "shop.Order") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, input := range map[string][]byte{ // large, but not out of proportion
		"a large proof":     wrapped(0x42, make([]byte, protobuf.MaxBytes-10)),
		"many codes":        wrapped(0x3a, make([]byte, 1<<20)),
		"one tag again":     bytes.Repeat([]byte{0x32, 0}, 1<<16),
		"one company again": bytes.Repeat([]byte{0x5a, 0}, 1<<14),
		"unknown fields":    bytes.Repeat([]byte{0x98, 0x06, 0x01}, 1<<17),
		"98 levels":         wrapped(0x5a, nested(98, 0x22)),
	} {
		if err := bounded(t, name, input, s.Decode); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// google.protobuf.Struct is recursive through a map, a list and a oneof.
func TestHostileStructs(t *testing.T) {
	s := plain[*structpb.Value](t)
	for name, input := range map[string][]byte{
		"lists of nothing":    wrapped(0x32, bytes.Repeat([]byte{0x0a, 0}, 4<<20)),
		"entries of nothing":  wrapped(0x2a, bytes.Repeat([]byte{0x0a, 0}, 4<<20)),
		"lists within lists":  nested(5_000, 0x0a, 0x32),
		"half a million keys": wrapped(0x2a, entries(500_000)),
	} {
		if err := bounded(t, name, input, s.Decode); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := bounded(t, "20,000 keys", wrapped(0x2a, entries(20_000)), s.Decode); err != nil {
		t.Error(err)
	}
}

func entries(n int) []byte {
	var b []byte
	for i := range n {
		key := []byte{byte('a' + i%26), byte('a' + i/26%26), byte('a' + i/676%26), byte('a' + i/17576%26)}
		b = append(b, wrapped(0x0a, append(wrapped(0x0a, key), 0x12, 0))...)
	}
	return b
}

func TestHostileSchemas(t *testing.T) {
	f := format[*orderpb.Money](t)
	for name, schema := range map[string]string{
		"empty":               "",
		"no text":             "\x00\xff",
		"deep messages":       strings.Repeat("message A {", 100_000),
		"deep options":        head + `message Money { string a = 1 [(b) = ` + strings.Repeat("{a:", 100_000),
		"deep lists":          head + `option x = ` + strings.Repeat("[", 100_000),
		"deep types":          head + `message Money { ` + strings.Repeat("map<", 100_000),
		"open comment":        "/*" + strings.Repeat("{", 100_000),
		"open string":         `syntax = "` + strings.Repeat("{", 100_000),
		"imports itself":      `syntax = "proto3"; import "/schema.proto"; message Money {}`,
		"too long":            strings.Repeat(" ", 2<<20),
		"a message in itself": `syntax = "proto3"; package shop; message Money { message Money { } Money.Money.Money m = 1; }`,
	} {
		read := func([]byte) (any, error) { return f.Reader(text(schema)) }
		if err := bounded(t, name, []byte(schema), read); err == nil {
			t.Errorf("%s is taken", name)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
}

func FuzzDecode(f *testing.F) {
	s, typed := plain[*orderpb.Order](f), format[*orderpb.Order](f)
	read, err := typed.Reader(typed.Schema())
	if err != nil {
		f.Fatal(err)
	}
	b, err := typed.Append(nil, order())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(bytesOf(f, "02000a0161"))
	f.Add(bytesOf(f, "005a022200"))
	f.Add(bytesOf(f, "0032040a001200"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := read(b)
		if err != nil {
			return
		}
		out, err := s.Append([]byte{}, v) // not nil: an empty message has no bytes, and is not null
		if err != nil {
			t.Fatalf("what was decoded from %x is not encoded: %v", b, err)
		}
		again, err := s.Decode(out)
		if err != nil {
			t.Fatalf("%x is decoded and %x, which it encodes to, is not: %v", b, out, err)
		}
		// By bytes, since a NaN is not equal to itself.
		if twice, err := s.Append(nil, again); err != nil || !bytes.Equal(twice, out) {
			t.Fatalf("encoded to %x and then to %x, %v", out, twice, err)
		}
	})
}

func FuzzReader(f *testing.F) {
	typed := format[*orderpb.Order](f)
	f.Add(typed.Schema().Text)
	f.Add(head + `message Order { string id = 1; map<string, int32> m = 2; oneof o { bytes a = 3; } enum E { X = 0; } E e = 4; }`)
	f.Add(`edition = "2023"; message A { reserved 1 to max; extensions 5; }`)
	f.Add("ChBzaG9wL21vbmV5LnByb3Rv")
	f.Fuzz(func(_ *testing.T, schema string) { typed.Reader(text(schema)) })
}

func TestAllocations(t *testing.T) {
	s, f := plain[*orderpb.Money](t), format[*orderpb.Order](t)
	read, err := f.Reader(f.Schema())
	if err != nil {
		t.Fatal(err)
	}
	money := &orderpb.Money{Hundredths: 5, Currency: "EUR"}
	small := &orderpb.Order{Id: "o-1", Codes: []int64{1, 2}}
	buffer := make([]byte, 0, 1024)
	encoded, err := s.Append(nil, money)
	if err != nil {
		t.Fatal(err)
	}
	framed, err := f.Append(nil, small)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		want float64
		f    func()
	}{
		{"encode", 0, func() { buffer, _ = s.Append(buffer[:0], money) }},
		{"encode with index", 0, func() { buffer, _ = f.Append(buffer[:0], small) }},
		{"decode", 2, func() { s.Decode(encoded) }},       // the message and its string
		{"decode with index", 3, func() { read(framed) }}, // the message, its string and its list
	} {
		if got := testing.AllocsPerRun(100, c.f); got > c.want && !raceDetector {
			t.Errorf("%s: %v allocations, want %v", c.name, got, c.want)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	s, v := plain[*orderpb.Order](b), order()
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer, _ = s.Append(buffer[:0], v)
	}
	b.SetBytes(int64(len(buffer)))
}

func BenchmarkDecode(b *testing.B) {
	s := plain[*orderpb.Order](b)
	encoded, err := s.Append(nil, order())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

// What counting costs, for a message that is too long to go without.
func BenchmarkDecodeLong(b *testing.B) {
	s := plain[*orderpb.Order](b)
	long := &orderpb.Order{}
	for range 20_000 {
		proto.Merge(long, &orderpb.Order{Lines: []*orderpb.Order_Line{{Sku: "a long name of what is in the line", Count: 2}}})
	}
	encoded, err := s.Append(nil, long)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
}
