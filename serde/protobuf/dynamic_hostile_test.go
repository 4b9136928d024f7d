package protobuf_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde/internal/cost"
	"github.com/rivusio/rivusio/serde/protobuf"
)

// hostileShapes are messages that take much for few bytes, each with how many pieces of a payload are still taken.
var hostileShapes = []struct {
	name, schema, piece string
	most                int
	packed              bool
}{
	{"messages of 1,000 fields", "message M { repeated W w = 1; } message W { " + fields(1000, "int32 a%d = %d;") + "}", "0a00", 320, false},
	{"messages of 2,000 optional fields", "message M { repeated W w = 1; } message W { " + fields(2000, "optional int32 a%d = %d;") + "}", "0a00", 30_000, false},
	{"messages of 200 maps", "message M { repeated W w = 1; } message W { " + fields(200, "map<int32, int32> a%d = %d;") + "}", "0a00", 1500, false},
	{"messages of nothing", "message M { repeated W w = 1; } message W { }", "0a00", 30_000, false},
	{"messages of one field", "message M { repeated W w = 1; } message W { optional int32 a = 1; }", "0a020801", 20_000, false},
	{"messages of messages", "message M { repeated W w = 1; } message W { W w = 1; W x = 2; W y = 3; }", "0a060a0012001a00", 7_500, false},
	{"packed bools", "message M { repeated bool w = 1; }", "01", 190_000, true},
	{"packed numbers", "message M { repeated int64 w = 1; }", "ffff7f", 60_000, true},
	{"packed numbers beyond int64", "message M { repeated uint64 w = 1; }", "ffffffffffffffffff01", 18_000, true},
	{"packed enums", "enum E { Z = 0; } message M { repeated E w = 1; }", "00", 190_000, true},
	{"a list not packed", "message M { repeated int64 w = 1; }", "0801", 110_000, false},
	{"strings", "message M { repeated string w = 1; }", "0a0161", 70_000, false},
	{"bytes", "message M { repeated bytes w = 1; }", "0a0161", 70_000, false},
	{"unknown fields", "message M { }", "1000", 330_000, false},
	{"one field again", "message M { int64 w = 1; }", "0801", 60_000, false},
	{"a oneof again", "message M { oneof o { int64 w = 1; M m = 2; } }", "08011200", 18_000, false},
	{"one key again", "message M { map<string, M> w = 1; }", "0a00", 16_000, false},
	{"timestamps", wellKnownImports + "message M { repeated google.protobuf.Timestamp w = 1; }", "0a00", 20_000, false},
	{"field masks", wellKnownImports + "message M { repeated google.protobuf.FieldMask w = 1; }", "0a00", 20_000, false},
	{"values", wellKnownImports + "message M { repeated google.protobuf.Value w = 1; }", "0a020801", 20_000, false},
	{"structs", wellKnownImports + "message M { repeated google.protobuf.Struct w = 1; }", "0a040a020a00", 9_500, false},
}

const wellKnownImports = `import "google/protobuf/timestamp.proto"; import "google/protobuf/struct.proto"; import "google/protobuf/field_mask.proto"; `

func fields(n int, each string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, each, i, i+1)
	}
	return b.String()
}

func TestHostileDynamicMessages(t *testing.T) {
	if cost.RaceDetector {
		t.Skip("one goroutine, which takes twenty times as long")
	}
	for _, c := range hostileShapes {
		f := dynamic(t, head+c.schema, "shop.M")
		index, err := f.Append(nil, object{})
		if err != nil {
			t.Fatal(err)
		}
		payload := func(n int) []byte {
			b := bytes.Repeat(bytesOf(t, c.piece), n)
			if c.packed {
				b = wrapped(0x0a, b)
			}
			return append(bytes.Clone(index), b...)
		}
		read := own(t, f)
		if err := bounded(t, c.name, payload(c.most), read); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := bounded(t, c.name, payload(8*c.most), read); err == nil || !strings.Contains(err.Error(), "bytes of memory") {
			t.Errorf("%s, too many: %v", c.name, err)
		}
	}
}

func TestHostileDynamicMessagesOfAllSorts(t *testing.T) {
	f := dynamic(t, shopFile(t, "order.proto"), "", money(t))
	read := own(t, f)
	for name, input := range hostileOrders(t) {
		if err := bounded(t, name, append([]byte{0}, input...), read); err == nil || len(err.Error()) > 300 || !strings.Contains(err.Error(), "shop.Order") {
			t.Errorf("%s: %v", name, err)
		}
	}
	values := own(t, dynamic(t, `syntax = "proto3"; import "google/protobuf/struct.proto"; message M { google.protobuf.Value v = 1; }`, ""))
	for name, input := range map[string][]byte{
		"lists of nothing":    wrapped(0x32, bytes.Repeat([]byte{0x0a, 0}, 4<<20)),
		"entries of nothing":  wrapped(0x2a, bytes.Repeat([]byte{0x0a, 0}, 4<<20)),
		"lists within lists":  nested(5_000, 0x0a, 0x32),
		"half a million keys": wrapped(0x2a, entries(500_000)),
	} {
		if err := bounded(t, name, append([]byte{0}, wrapped(0x0a, input)...), values); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := bounded(t, "10,000 keys", append([]byte{0}, wrapped(0x0a, wrapped(0x2a, entries(10_000)))...), values); err != nil {
		t.Error(err)
	}
}

// maxCompile bounds what the compiler takes for a schema, which comes once for each schema that is met.
const maxCompile = 500 * time.Millisecond

// What is near to the bounds of a schema is compiled within others.
func TestLargeSchemas(t *testing.T) {
	if cost.RaceDetector {
		t.Skip("one goroutine, which takes twenty times as long")
	}
	const proto2 = `syntax = "proto2"; package shop; import "google/protobuf/descriptor.proto"; `
	const options = proto2 + `message O { optional O o = 1; repeated int32 i = 2; } extend google.protobuf.MessageOptions { optional O o = 50000; } `
	for _, c := range []struct {
		name, before, each, after string
		parts                     int // of each, in which I is a number from 0 and N the next one
	}{
		{"messages", head, "message AI{}", "", 4},
		{"fields", head + "message A{", "int32 aI=N;", "}", 5},
		{"optional fields", head + "message A{", "optional int32 aI=N;", "}", 6},
		{"oneofs", head + "message A{", "oneof xI{int32 aI=N;}", "}", 9},
		{"maps", head + "message A{", "map<int32,A> aI=N;", "}", 10},
		{"reserved numbers", head + "message A{", "reserved N;", "}", 3},
		{"reserved strings", head + "message A{reserved \"a\"", ",\"aI\"", ";}", 11},
		{"reserved names", `edition = "2023"; message A{reserved a`, ",aI", ";}", 11},
		{"imports", head, "import \"aI\";", "", 12},
		{"unknown types", head + "message A{", "BI aI=N;", "}", 5},
		{"nested", head + "message A{" + strings.Repeat("message B{", 28), "C aI=N;", strings.Repeat("}", 29) + "message C{}", 5},
		{"options", options + "message A{", "option (o).o.o.o.o.o.i=I;", "}", 19},
		{"enum values", head + "enum A{option allow_alias=true;", "AI=0;", "}", 4},
		{"extensions", proto2 + "message A{extensions 1 to max;}", "extend A{optional int32 aI=N;}", "", 10},
	} {
		compile := func(n int) func() error {
			var b strings.Builder
			for i := range n {
				b.WriteString(strings.ReplaceAll(strings.ReplaceAll(c.each, "N", fmt.Sprint(i+1)), "I", fmt.Sprint(i)))
			}
			schema := c.before + b.String() + c.after
			return func() error { _, err := protobuf.Dynamic(schema, ""); return err }
		}
		if err := cost.Within(t, c.name, maxCompile, compile(29_500/c.parts)); err != nil && strings.Contains(err.Error(), "names, numbers and signs") {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := cost.Message(t, c.name, compile(31_000/c.parts)); err == nil || !strings.Contains(err.Error(), "more than 30000 names, numbers and signs") {
			t.Errorf("%s, too many: %v", c.name, err)
		}
	}
}

// Any bytes are an error or a value that has one form from then on.
func FuzzDynamic(f *testing.F) {
	format := dynamic(f, everyKind, "")
	read := own(f, format)
	for _, v := range []object{
		{}, {"i32": 1, "packed": list{1, 2}, "self": object{"text": "x"}, "by_number": object{"1": "a"}, "by_bool": object{"true": object{}}},
		{"at": 1, "took": "1s", "document": object{"a": list{nil, true, 1.5}}, "mask": "a,b", "boxed": 1, "any": object{}, "nothing": nil},
	} {
		b, err := format.Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		input := bytes.Clone(b)
		v, err := read(b)
		if !bytes.Equal(b, input) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		clear(b)
		form, err := format.Append(nil, v)
		if err != nil {
			t.Fatalf("%x is read as %v, which is not written: %v", input, v, err)
		}
		back, err := read(form)
		if err != nil {
			t.Fatalf("%x is written as %x, which is not read: %v", input, form, err)
		}
		if again, err := format.Append(nil, back); err != nil || !bytes.Equal(again, form) {
			t.Fatalf("%x is written as %x and then as %x, %v", input, form, again, err)
		}
	})
}

// Any schema, and any bytes by it.
func FuzzDynamicSchema(f *testing.F) {
	f.Add(everyKind, []byte{0, 8, 1})
	f.Add(head+`message M { map<string, M> m = 1; oneof o { bytes a = 3; } enum E { X = 0; } repeated E e = 4; }`, []byte{0, 0x0a, 2, 0x12, 0})
	f.Add(`edition = "2023"; message A { reserved 1 to 5; int32 a = 6 [features.field_presence = LEGACY_REQUIRED]; }`, []byte{0, 0x30, 1})
	f.Add(`syntax = "proto2"; message A { optional group G = 1 { optional A a = 2; } extensions 5; }`, []byte{0, 0x0b, 0x12, 0, 0x0c})
	f.Add(`syntax = "proto3"; package google.protobuf; message Value { oneof kind { int32 a = 9; } } message Timestamp { }`, []byte{0, 0x48, 1})
	f.Fuzz(func(t *testing.T, schema string, b []byte) {
		format, err := protobuf.Dynamic(schema, "")
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		read, err := format.Reader(format.Schema())
		if err != nil {
			t.Fatalf("%s does not read itself: %v", schema, err)
		}
		v, err := read(b)
		if err != nil || v == nil {
			return
		}
		form, err := format.Append(nil, v)
		if err != nil {
			return // such as an unknown value of a closed enum
		}
		if _, err := read(form); err != nil {
			t.Fatalf("%s: %x is read as %v and written as %x: %v", schema, b, v, form, err)
		}
	})
}

// Random values come back as they were.
func TestDynamicRoundTrips(t *testing.T) {
	f := dynamic(t, everyKind, "")
	read := own(t, f)
	rng := rand.New(rand.NewPCG(1, 2))
	empty, err := read([]byte{0})
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		v := randomAll(rng, empty.(object), 3)
		b, err := f.Append(nil, v)
		if err != nil {
			t.Fatalf("%v: %v", v, err)
		}
		if back, err := read(b); err != nil || !reflect.DeepEqual(back, any(v)) {
			t.Fatalf("%v came back as %v, %v", v, back, err)
		}
	}
}

// randomAll is a value of all.All with some fields set.
func randomAll(rng *rand.Rand, empty object, depth int) object {
	out := object{}
	for name, v := range empty {
		out[name] = v
	}
	set := func(name string, v any) {
		if rng.IntN(3) == 0 {
			out[name] = v
		}
	}
	set("i32", int64(int32(rng.Uint32())))
	set("i64", int64(rng.Uint64()))
	set("u32", int64(rng.Uint32()))
	set("u64", int64(rng.Uint64()>>1))
	set("double", rng.NormFloat64())
	set("string", strings.Repeat("ü", rng.IntN(5)))
	set("bytes", append([]byte{}, make([]byte, rng.IntN(5))...))
	set("enum", []any{"ZERO", "ONE", int64(-1)}[rng.IntN(3)])
	set("maybe", int64(rng.IntN(2)))
	set("packed", list{int64(rng.Uint64()), int64(0)})
	set("by_number", object{fmt.Sprint(int32(rng.Uint32())): "x", "0": ""})
	set("at", time.Unix(rng.Int64N(1<<33), 0).UTC().Format(time.RFC3339))
	set("document", object{"a": list{nil, int64(rng.IntN(10)), 0.5, "x", object{}}})
	if depth > 0 {
		set("self", randomAll(rng, empty, depth-1))
		set("by_bool", object{"false": randomAll(rng, empty, depth-1)})
		set("nested", randomAll(rng, empty, depth-1))
	} else {
		set("text", "t")
	}
	return out
}
