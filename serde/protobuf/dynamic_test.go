package protobuf_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/protobuf"
	"github.com/rivusio/rivusio/serde/protobuf/internal/orderpb"
	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/serde/serdetest"
)

// A map is the last thing that a test wants to write in full.
type object = map[string]any

type list = []any

func dynamic(t testing.TB, schema, name string, references ...registry.Reference) *protobuf.Format[any] {
	t.Helper()
	f, err := protobuf.Dynamic(schema, name, references...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// own decodes what the format itself has written.
func own(t testing.TB, f *protobuf.Format[any]) func([]byte) (any, error) {
	t.Helper()
	read, err := f.Reader(f.Schema())
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func shopFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("internal/orderpb/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func money(t testing.TB) registry.Reference {
	return registry.Reference{Name: "shop/money.proto", Subject: "shop/money.proto", Schema: text(shopFile(t, "money.proto"))}
}

// The same bytes are a message of the Go type and a map, both ways.
func TestDynamicIsTheSameMessage(t *testing.T) {
	f := dynamic(t, shopFile(t, "order.proto"), "", money(t))
	if s := f.Schema(); s.Name != "shop.Order" || s.Type != registry.Protobuf {
		t.Errorf("schema %q of type %q", s.Name, s.Type)
	}
	b, err := format[*orderpb.Order](t).Append(nil, order())
	if err != nil {
		t.Fatal(err)
	}
	want := object{
		"id": "o-1", "total": object{"hundredths": int64(-1250), "currency": "EUR"}, "placed": "2024-02-29T03:04:05.678Z",
		"status": "STATUS_PAID",
		"lines": list{
			object{"sku": "a", "count": int64(2), "gifts": list{object{"text": "käse", "wrapped": true}}},
			object{"sku": "", "count": int64(0), "gifts": list{}},
		},
		"tags": object{"c": "3", "a": "1", "b": "2", "": ""}, "codes": list{int64(0), int64(1), int64(-1), int64(1 << 40)},
		"proof": []byte{0, 0xff}, "weight": 0.0,
		"company": object{"name": "x", "number": int64(7), "share": 0.5, "owner": object{"name": "", "number": int64(0), "share": 0.0}},
	}
	v, err := own(t, f)(b)
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("read as %#v, %v", v, err)
	}
	if again, err := f.Append(nil, v); err != nil || !bytes.Equal(again, b) {
		t.Errorf("written as %x (%v), want %x", again, err, b)
	}
	serdetest.Run(t, unframed(t, f), []any{want, object{"id": ""}}, serdetest.Equal(func(a, b any) bool {
		x, err := f.Append(nil, a)
		y, err2 := f.Append(nil, b)
		return err == nil && err2 == nil && bytes.Equal(x, y)
	}))
}

// unframed is the serde of a format by its own schema.
func unframed(t testing.TB, f *protobuf.Format[any]) serde.Serde[any] {
	return ownSerde{f, own(t, f)}
}

type ownSerde struct {
	*protobuf.Format[any]
	read func([]byte) (any, error)
}

func (s ownSerde) Decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	return s.read(b)
}

const everyKind = `syntax = "proto3"; package all;
import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto"; import "google/protobuf/field_mask.proto"; import "google/protobuf/any.proto";
message All {
  int32 i32 = 1; int64 i64 = 2; uint32 u32 = 3; uint64 u64 = 4; sint64 s64 = 5; fixed64 f64 = 6; sfixed32 sf32 = 7;
  float float = 8; double double = 9; bool bool = 10; string string = 11; bytes bytes = 12; E enum = 13;
  optional int32 maybe = 14; repeated int64 packed = 15; repeated string strings = 16; All self = 17;
  map<int32, string> by_number = 18; map<bool, All> by_bool = 19; map<uint64, E> by_u64 = 20; repeated E enums = 21;
  oneof either { string text = 22; All nested = 23; google.protobuf.NullValue nothing = 24; }
  google.protobuf.Timestamp at = 30; google.protobuf.Duration took = 31; google.protobuf.Struct document = 32;
  google.protobuf.Value value = 33; google.protobuf.ListValue values = 34; google.protobuf.Int64Value boxed = 35;
  google.protobuf.BytesValue boxed_bytes = 36; google.protobuf.FieldMask mask = 37; google.protobuf.Any any = 38;
  repeated google.protobuf.Value many = 39; map<string, google.protobuf.Timestamp> times = 40;
  google.protobuf.UInt64Value boxed_u64 = 41;
}
enum E { ZERO = 0; ONE = 1; }
`

// What is written, and what it is read as.
func TestDynamicForms(t *testing.T) {
	f := dynamic(t, everyKind, "all.All")
	read := own(t, f)
	at := time.Date(2024, 2, 29, 3, 4, 5, 678_000_000, time.UTC)
	for _, c := range []struct {
		name, field string
		write, want any
	}{
		{"int32", "i32", int64(math.MinInt32), int64(math.MinInt32)},
		{"whole float", "i32", -3.0, int64(-3)},
		{"negative zero", "i32", math.Copysign(0, -1), int64(0)},
		{"int64", "i64", int64(math.MaxInt64), int64(math.MaxInt64)},
		{"digits", "i64", "-9223372036854775808", int64(math.MinInt64)},
		{"uint32", "u32", int64(math.MaxUint32), int64(math.MaxUint32)},
		{"uint64", "u64", int64(math.MaxInt64), int64(math.MaxInt64)},
		{"uint64 beyond int64", "u64", "18446744073709551615", "18446744073709551615"},
		{"fixed64 beyond int64", "f64", uint64(1 << 63), "9223372036854775808"},
		{"zigzag", "s64", int64(-1), int64(-1)},
		{"float", "float", 0.1, float64(float32(0.1))},
		{"integer as float", "double", int64(3), 3.0},
		{"infinity", "float", "-Infinity", math.Inf(-1)},
		{"bool", "bool", true, true},
		{"string", "string", "käse 😀", "käse 😀"},
		{"bytes", "bytes", []byte{0, 0xff}, []byte{0, 0xff}},
		{"base64", "bytes", "AP8=", []byte{0, 0xff}},
		{"base64 of URLs", "bytes", "-_8", []byte{0xfb, 0xff}},
		{"enum", "enum", "ONE", "ONE"},
		{"number of an enum", "enum", int64(1), "ONE"},
		{"unknown enum", "enum", int64(7), int64(7)},
		{"optional zero", "maybe", int64(0), int64(0)},
		{"list", "packed", list{int64(1), 2.0, "3"}, list{int64(1), int64(2), int64(3)}},
		{"empty list", "strings", list{}, list{}},
		{"nil list", "strings", nil, list{}},
		{"numbers as keys", "by_number", object{"-5": "a", "7": ""}, object{"-5": "a", "7": ""}},
		{"large keys", "by_u64", object{"18446744073709551615": "ONE"}, object{"18446744073709551615": "ONE"}},
		{"JSON name", "byNumber", object{"1": "x"}, object{"1": "x"}},
		{"timestamp", "at", "2024-02-29T04:04:05.678+01:00", "2024-02-29T03:04:05.678Z"},
		{"timestamp of Go", "at", at, "2024-02-29T03:04:05.678Z"},
		{"timestamp in ms", "at", at.UnixMilli(), "2024-02-29T03:04:05.678Z"},
		{"nanoseconds", "at", "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"},
		{"duration", "took", "-1.5s", "-1.500s"},
		{"duration of Go", "took", -1500 * time.Millisecond, "-1.500s"},
		{"struct", "document", object{"a": nil, "b": list{1.5, int64(2), 3.0, "x", true, object{}}}, object{"a": nil, "b": list{1.5, int64(2), int64(3), "x", true, object{}}}},
		{"value", "value", "x", "x"},
		{"null value", "value", nil, nil},
		{"list value", "values", list{list{}, nil}, list{list{}, nil}},
		{"many values", "many", list{nil, int64(1)}, list{nil, int64(1)}},
		{"boxed zero", "boxed", int64(0), int64(0)},
		{"boxed bytes", "boxed_bytes", []byte{}, []byte{}},
		{"boxed uint64", "boxed_u64", "18446744073709551615", "18446744073709551615"},
		{"field mask", "mask", "a,bC.d", "a,bC.d"},
		{"any", "any", object{"type_url": "x/y", "value": []byte{1}}, object{"type_url": "x/y", "value": []byte{1}}},
		{"oneof", "text", "", ""},
		{"nothing of a oneof", "nothing", nil, nil},
		{"map of timestamps", "times", object{"a": "1970-01-01T00:00:00Z"}, object{"a": "1970-01-01T00:00:00Z"}},
	} {
		b, err := f.Append(nil, object{c.field: c.write})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		v, err := read(b)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		name := map[string]string{"byNumber": "by_number"}[c.field]
		if name == "" {
			name = c.field
		}
		got, ok := v.(object)[name]
		if !ok || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %#v came back as %#v (%v), want %#v", c.name, c.write, got, ok, c.want)
		}
	}
	// What is not set and can tell is not there; what cannot tell has its zero value.
	empty, err := read([]byte{0})
	want := object{"i32": int64(0), "i64": int64(0), "u32": int64(0), "u64": int64(0), "s64": int64(0), "f64": int64(0), "sf32": int64(0), "float": 0.0,
		"double": 0.0, "bool": false, "string": "", "bytes": []byte{}, "enum": "ZERO", "packed": list{}, "strings": list{}, "by_number": object{},
		"by_bool": object{}, "by_u64": object{}, "enums": list{}, "many": list{}, "times": object{}}
	if err != nil || !reflect.DeepEqual(empty, want) {
		t.Errorf("no bytes are %#v, %v", empty, err)
	}
}

// What does not fit is an error that names the place.
func TestDynamicMistakes(t *testing.T) {
	f := dynamic(t, everyKind, "")
	deep := any(object{})
	for range 100 {
		deep = object{"self": deep}
	}
	for _, c := range []struct {
		value any
		want  string
	}{
		{object{"colour": "x"}, `all.All: message all.All has no field "colour"`},
		{object{"by_bool": object{"true": object{"self": object{"enums": list{"ONE", "TWO"}}}}}, `field by_bool["true"].self.enums[1]: "TWO", want a value of enum all.E`},
		{object{"nested": object{"colour": 1}}, `field nested: message all.All has no field "colour"`},
		{object{strings.Repeat("x", 10_000): 1}, `has no field "xxx`},
		{object{"i32": int64(1 << 31)}, `field i32: "2147483648", want int32`},
		{object{"i32": 1.5}, "field i32: 1.5, want int32"},
		{object{"i32": math.NaN()}, "field i32: NaN, want int32"},
		{object{"i32": "1"}, "field i32: a string, want int32"},
		{object{"i64": 1e30}, "field i64: "},
		{object{"i64": "1e3"}, `field i64: "1e3", want int64`},
		{object{"u64": int64(-1)}, `field u64: "-1", want uint64`},
		{object{"u32": math.Inf(1)}, "field u32: "},
		{object{"float": 1e300}, "field float: 1e+300, which is beyond float"},
		{object{"float": "1"}, "field float: a string"},
		{object{"bool": int64(1)}, "field bool: a int64, want bool"},
		{object{"string": int64(1)}, "field string: a int64, want string"},
		{object{"string": "\xff"}, "UTF-8"},
		{object{"bytes": "a"}, "field bytes: a string that is not base64"},
		{object{"bytes": int64(1)}, "field bytes: a int64, want bytes"},
		{object{"enum": 1.5}, "field enum: a float64, want a value of enum all.E"},
		{object{"strings": "x"}, "field strings: a string, want a list"},
		{object{"strings": list{nil}}, "field strings[0]: nil, want string"},
		{object{"self": list{}}, "field self: a list, want a map for message all.All"},
		{object{"by_number": list{}}, "field by_number: a list, want a map"},
		{object{"by_number": object{"x": "a"}}, `field by_number["x"]: "x", want int32`},
		{object{"by_number": object{"01": "a"}}, `field by_number["01"]: want the key as 1`},
		{object{"by_bool": object{"1": object{}}}, `field by_bool["1"]: want true or false`},
		{object{"by_bool": object{"true": nil}}, `field by_bool["true"]: nil, want a map`},
		{object{"text": "a", "nested": object{}}, "field text: field nested of oneof either is there too"},
		{object{"by_number": object{}, "byNumber": object{}}, "field byNumber: it is the field by_number, which is there too"},
		{object{"at": "yesterday"}, `field at: "yesterday" is no Timestamp`},
		{object{"at": 1.5}, "field at: a float64, want a string for a Timestamp"},
		{object{"at": int64(math.MaxInt64)}, "is no Timestamp"},
		{object{"took": int64(1)}, "field took: a int64, want a string for a Duration"},
		{object{"document": object{"a": math.NaN()}}, `field document["a"]: NaN, which JSON does not have`},
		{object{"document": object{"a": int64(1<<53 + 1)}}, "cannot hold exactly"},
		{object{"document": object{"a": []byte{}}}, `field document["a"]: a []uint8, want JSON`},
		{object{"document": list{}}, "field document: a list, want a map"},
		{object{"boxed": nil, "values": "x"}, "field values: a string, want a list"},
		{list{}, "a list, want a map for message all.All"},
		{"x", "a string, want a map for message all.All"},
		{nil, "null"},
		{deep, "more than 100 levels deep"},
	} {
		b, err := f.Append([]byte("kept"), c.value)
		if err == nil || !strings.Contains(err.Error(), c.want) || string(b) != "kept" || len(err.Error()) > 600 {
			t.Errorf("%.200v is written as %q, %v; want %q", c.value, b, err, c.want)
		}
	}
	for hex, want := range map[string]string{
		"00f2010908ffffffffffffff7f": "field at: a Timestamp that has no text: out of range",
		"008a020911000000000000f07f": "field value: +Inf, which JSON does not have",
	} {
		if v, err := own(t, f)(bytesOf(t, hex)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %s", hex, v, err, want)
		}
	}
}

// Which message of a file, and which file.
func TestDynamicMessages(t *testing.T) {
	const file = head + `message First { int32 a = 1; } message Second { message Within { int32 b = 1; } }`
	for name, want := range map[string]string{"": "00" + "0801", "shop.First": "00" + "0801", "shop.Second.Within": "040200" + "0801"} {
		field := "a"
		if name == "shop.Second.Within" {
			field = "b"
		}
		f := dynamic(t, file, name)
		b, err := f.Append(nil, object{field: 1})
		if err != nil || hexOf(b) != want {
			t.Errorf("%q: %x, %v; want %s", name, b, err, want)
		}
		if v, err := own(t, f)(b); err != nil || !reflect.DeepEqual(v, object{field: int64(1)}) {
			t.Errorf("%q: %v, %v", name, v, err)
		}
	}
	if _, err := own(t, dynamic(t, file, ""))(bytesOf(t, "0402000801")); err == nil || !strings.Contains(err.Error(), "shop.Second.Within, want [0] for shop.First") {
		t.Error(err)
	}
	for _, c := range []struct{ schema, name, want string }{
		{file, "First", "it has no message First but shop.First, shop.Second"},
		{file, strings.Repeat("x", 10_000), "it has no message xxx"},
		{head, "", "none at all"},
		{head + `enum E { A = 0; }`, "", "none at all"},
		{`message {`, "", "syntax error"},
		{head + `import "shop/money.proto"; message A { Money m = 1; }`, "", "not among the references"},
		{head + `message ` + strings.Repeat("x", 100_000) + ` {}`, "x", "it has no message x but shop.xxx"},
	} {
		if _, err := protobuf.Dynamic(c.schema, c.name); err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 600 {
			t.Errorf("%.80s: %v, want %q", c.schema, err, c.want)
		}
	}
}

// A message that calls itself like one of Protobuf's is one like any other.
func TestDynamicOfFalseNames(t *testing.T) {
	f := dynamic(t, `syntax = "proto3"; package google.protobuf; message Timestamp { string seconds = 1; } message Value { int32 a = 9; }`, "")
	v, err := own(t, f)(bytesOf(t, "000a0178"))
	if err != nil || !reflect.DeepEqual(v, object{"seconds": "x"}) {
		t.Errorf("%v, %v", v, err)
	}
	f = dynamic(t, `syntax = "proto3"; package google.protobuf; message Value { int32 a = 9; }`, "")
	if v, err = own(t, f)(bytesOf(t, "004801")); err != nil || !reflect.DeepEqual(v, object{"a": int64(1)}) {
		t.Errorf("%v, %v", v, err)
	}
}

// proto2: what is not set is not there, whatever its default; closed enums, groups, required fields.
func TestDynamicOfProto2(t *testing.T) {
	f := dynamic(t, `syntax = "proto2"; package p; message M { required int32 a = 1; optional string b = 2 [default = "x"];
		optional group G = 3 { optional int32 c = 1; } optional E e = 4; extensions 100; } enum E { ONE = 1; } extend M { optional int32 x = 100; }`, "")
	b, err := f.Append(nil, object{"a": 1, "g": object{"c": 2}, "e": "ONE"})
	if err != nil || hexOf(b) != "00"+"0801"+"1b08021c"+"2001" {
		t.Fatalf("%x, %v", b, err)
	}
	if v, err := own(t, f)(append(b, 0xa0, 0x06, 0x01)); err != nil || !reflect.DeepEqual(v, object{"a": int64(1), "g": object{"c": int64(2)}, "e": "ONE"}) {
		t.Errorf("%v, %v", v, err)
	}
	for want, v := range map[string]any{"required": object{}, "want a value of enum p.E": object{"a": 1, "e": 5}} {
		if b, err := f.Append(nil, v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v is written as %x, %v; want %s", v, b, err, want)
		}
	}
	if v, err := own(t, f)([]byte{0}); err == nil {
		t.Errorf("a message without what it requires is read as %v", v)
	}
}

// Writer and reader have other versions of a schema: fields go by their numbers.
func TestDynamicEvolution(t *testing.T) {
	const old = `message Other {} message M { int32 a = 1; string gone = 2; repeated int32 many = 3; Sub sub = 4; } message Sub { int64 n = 1; }`
	const new = `message M { int64 renamed = 1; repeated int32 many = 3; Sub sub = 4; string more = 5; optional bool also = 6; } message Sub { int32 n = 1; string text = 2; }`
	writer, reader := dynamic(t, head+old, "shop.M"), dynamic(t, head+new, "shop.M")
	b, err := writer.Append(nil, object{"a": 7, "gone": "x", "many": list{1, 2}, "sub": object{"n": 3}})
	if err != nil {
		t.Fatal(err)
	}
	read, err := reader.Reader(writer.Schema())
	if err != nil {
		t.Fatal(err)
	}
	v, err := read(b)
	want := object{"renamed": int64(7), "many": list{int64(1), int64(2)}, "sub": object{"n": int64(3), "text": ""}, "more": ""}
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("new reads old as %v, %v", v, err)
	}
	if b, err = reader.Append(nil, object{"renamed": 8, "more": "y", "also": true, "sub": object{"text": "z"}}); err != nil {
		t.Fatal(err)
	}
	if read, err = writer.Reader(reader.Schema()); err != nil {
		t.Fatal(err)
	}
	v, err = read(b)
	want = object{"a": int64(8), "gone": "", "many": list{}, "sub": object{"n": int64(0)}}
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("old reads new as %v, %v", v, err)
	}
	_, err = reader.Reader(text(head + `message M { string s = 1; Sub sub = 4; } message Sub { string n = 1; }`))
	if err == nil || !strings.Contains(err.Error(), "field 1 is s (string) in the writer's shop.M and renamed (int64) in shop.M") || !strings.Contains(err.Error(), "shop.Sub") {
		t.Errorf("%v, want both fields", err)
	}
}

// What Java wrote is read as the value that Java reads, and written as the same bytes.
func TestDynamicBytesAreThoseOfJava(t *testing.T) {
	files := map[string]string{"shop.Kinds": "kinds.proto", "shop.Money": "money.proto"}
	for _, c := range javaCases(t) {
		name := files[c.Message]
		switch {
		case c.Message == "google.protobuf.Timestamp":
			continue // its schema is Protobuf's own file
		case name == "":
			name = "order.proto"
		}
		f := dynamic(t, shopFile(t, name), c.Message, money(t))
		payload := bytesOf(t, c.Hex)[5:]
		v, err := own(t, f)(payload)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if again, err := f.Append(nil, v); err != nil || !bytes.Equal(again, payload) {
			t.Errorf("%s: read as %v and written as %x (%v), by Java as %x", c.Name, v, again, err, payload)
		}
		// The JSON that Java prints is taken too, with its int64 as strings and its names in camel case.
		var printed any
		if err := json.Unmarshal(c.Wrote, &printed); err != nil {
			t.Fatal(err)
		}
		if again, err := f.Append(nil, printed); err != nil || !bytes.Equal(again, payload) {
			t.Errorf("%s: the JSON %s is written as %x (%v), by Java as %x", c.Name, c.Wrote, again, err, payload)
		}
	}
}

func ExampleDynamic() {
	f, err := protobuf.Dynamic(`syntax = "proto3"; package shop; message Order { string id = 1; int64 cents = 2; }`, "")
	if err != nil {
		panic(err)
	}
	b, err := f.Append(nil, map[string]any{"id": "o-1", "cents": int64(250)})
	fmt.Printf("% x %v\n", b, err)
	read, err := f.Reader(f.Schema())
	if err != nil {
		panic(err)
	}
	fmt.Println(read(b))

	_, err = f.Append(nil, map[string]any{"id": "o-1", "total": 5})
	fmt.Println(err)
	// Output:
	// 00 0a 03 6f 2d 31 10 fa 01 <nil>
	// map[cents:250 id:o-1] <nil>
	// protobuf: shop.Order: message shop.Order has no field "total"
}
