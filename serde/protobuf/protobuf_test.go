package protobuf_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/protobuf"
	"github.com/rivusio/rivusio/serde/protobuf/internal/orderpb"
	"github.com/rivusio/rivusio/serde/registry"
)

func order() *orderpb.Order {
	return &orderpb.Order{
		Id:     "o-1",
		Total:  &orderpb.Money{Hundredths: -1250, Currency: "EUR"},
		Placed: &timestamppb.Timestamp{Seconds: 1709175845, Nanos: 678000000},
		Status: orderpb.Status_STATUS_PAID,
		Lines: []*orderpb.Order_Line{
			{Sku: "a", Count: 2, Gifts: []*orderpb.Order_Line_Gift{{Text: "käse", Wrapped: true}}},
			{},
		},
		Tags:   map[string]string{"c": "3", "a": "1", "b": "2", "": ""},
		Codes:  []int64{0, 1, -1, 1 << 40},
		Proof:  []byte{0, 0xff},
		Weight: new(float64),
		Buyer:  &orderpb.Order_Company{Company: &orderpb.Company{Name: "x", Number: 7, Share: 0.5, Owner: &orderpb.Company{}}},
	}
}

func format[M proto.Message](t testing.TB) *protobuf.Format[M] {
	t.Helper()
	f, err := protobuf.Of[M]()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func plain[M proto.Message](t testing.TB) serde.Serde[M] {
	t.Helper()
	s, err := protobuf.Message[M]()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// text is a schema of one file.
func text(proto string) registry.Schema {
	return registry.Schema{Type: registry.Protobuf, Text: proto}
}

func TestRoundTrip(t *testing.T) {
	s, f := plain[*orderpb.Order](t), format[*orderpb.Order](t)
	read, err := f.Reader(f.Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []*orderpb.Order{order(), {}, {Buyer: &orderpb.Order_Person{}}} {
		b, err := s.Append([]byte("x"), v)
		if err != nil || b[0] != 'x' {
			t.Fatalf("%x, %v", b, err)
		}
		back, err := s.Decode(b[1:])
		if err != nil || !proto.Equal(back, v) {
			t.Errorf("%v came back as %v, %v", v, back, err)
		}
		framed, err := f.Append(nil, v)
		if err != nil || !bytes.Equal(framed[1:], b[1:]) || framed[0] != 0 {
			t.Fatalf("with the index: %x, %v; without: %x", framed, err, b[1:])
		}
		if back, err = read(framed); err != nil || !proto.Equal(back, v) {
			t.Errorf("%v came back as %v, %v", v, back, err)
		}
		for range 50 { // the maps of Go come in another order each time
			again, err := s.Append(nil, proto.Clone(v).(*orderpb.Order))
			if err != nil || !bytes.Equal(again, b[1:]) {
				t.Fatalf("equal values give %x and %x", again, b[1:])
			}
		}
	}
}

func TestUnknownFieldsAreKept(t *testing.T) {
	s := plain[*orderpb.Money](t)
	in := protowire.AppendTag([]byte{0x08, 0x02}, 99, protowire.BytesType)
	in = protowire.AppendString(in, "later")
	v, err := s.Decode(in)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.Append(nil, v); err != nil || !bytes.Equal(out, in) {
		t.Errorf("%x came back as %x, %v", in, out, err)
	}
}

func TestNull(t *testing.T) {
	s := plain[*orderpb.Money](t)
	isNull := serde.IsNull(s)
	if isNull == nil || !isNull(nil) || isNull(&orderpb.Money{}) {
		t.Error("nil and nothing else is null")
	}
	if v, err := s.Decode(nil); v != nil || err != nil {
		t.Errorf("null decodes to %v, %v", v, err)
	}
	if v, err := s.Decode([]byte{}); v == nil || err != nil {
		t.Errorf("no bytes decode to %v, %v; want an empty message", v, err)
	}
	for _, dst := range [][]byte{nil, []byte("kept")} {
		for name, appends := range map[string]func([]byte, *orderpb.Money) ([]byte, error){
			"Message": s.Append, "Of": format[*orderpb.Money](t).Append,
		} {
			if b, err := appends(dst, nil); err == nil || !bytes.Equal(b, dst) {
				t.Errorf("%s: nil is written as %x, %v", name, b, err)
			}
		}
	}
	bad := &orderpb.Money{Currency: "\xff"}
	if b, err := s.Append([]byte("kept"), bad); err == nil || string(b) != "kept" {
		t.Errorf("a string that is not UTF-8 is written as %q, %v", b, err)
	}
}

func TestTypesThatAreNoGeneratedMessages(t *testing.T) {
	if _, err := protobuf.Of[proto.Message](); err == nil || !strings.Contains(err.Error(), "protoreflect.ProtoMessage is not a pointer") {
		t.Errorf("got %v", err)
	}
	if _, err := protobuf.Message[*dynamicpb.Message](); err == nil || !strings.Contains(err.Error(), "*dynamicpb.Message") {
		t.Errorf("got %v", err)
	}
}

// What is printed must be what the code was generated from, but for the comments.
func TestSchemaIsTheFile(t *testing.T) {
	s := format[*orderpb.Company](t).Schema()
	if s.Type != registry.Protobuf || s.Name != "shop.Company" {
		t.Errorf("type %q, name %q", s.Type, s.Name)
	}
	if len(s.References) != 1 || s.References[0].Name != "shop/money.proto" || s.References[0].Subject != "shop/money.proto" {
		t.Fatalf("references %+v", s.References)
	}
	for path, got := range map[string]string{"order.proto": s.Text, "money.proto": s.References[0].Schema.Text} {
		want, err := os.ReadFile("internal/orderpb/" + path)
		if err != nil {
			t.Fatal(err)
		}
		if squeezed(got) != squeezed(string(want)) {
			t.Errorf("%s is printed as\n%s", path, got)
		}
	}
}

// squeezed is a .proto file without comments, white space and the order of its lines.
func squeezed(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line, _, _ = strings.Cut(strings.TrimSpace(line), "//"); line != "" {
			lines = append(lines, line)
		}
	}
	return sorted(lines)
}

func TestMessageIndex(t *testing.T) {
	checkIndex(t, &orderpb.Order{}, "00")
	checkIndex(t, &orderpb.Company{}, "0202")
	checkIndex(t, &orderpb.Order_Line{}, "040000")        // not 040002, though Order.tags has a hidden message before it
	checkIndex(t, &orderpb.Order_Line_Gift{}, "06000000") // two steps down
	checkIndex(t, &structpb.ListValue{}, "0204")          // google/protobuf/struct.proto
	checkIndex(t, &timestamppb.Timestamp{}, "00")         // the only message of its file
}

func checkIndex[M proto.Message](t *testing.T, v M, want string) {
	t.Helper()
	b, err := format[M](t).Append(nil, v)
	if err != nil || hexOf(b) != want {
		t.Errorf("%T: index %x (%v), want %s", v, b, err, want)
	}
}

func TestReadingTheMessageIndex(t *testing.T) {
	f := format[*orderpb.Order_Line](t)
	read, err := f.Reader(f.Schema())
	if err != nil {
		t.Fatal(err)
	}
	first, err := format[*orderpb.Order](t).Reader(f.Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ hex, err string }{
		{"040000" + "0a0161", ""},
		{"040002" + "0a0161", ""}, // by writers that count the entries of maps
		{"00", "index [0] stands for shop.Order, want [0 0] for shop.Order.Line"},
		{"0202", "stands for shop.Company"},
		{"040004", "stands for no message of the file"},
		{"06000000", "stands for shop.Order.Line.Gift"},
		{"", "message index"},
		{"04", "message index"},
		{"0400", "message index"},
		{"03", "-2 steps"},
		{"feffffffffffffffff01", "steps"},
		{"ffffffffffffffffff01", "steps"},
		{"d00f", "1000 steps"},
		{"0201", "step to -1"},
		{"02feffffffffffffffff01", "step to"},
	} {
		v, err := read(bytesOf(t, c.hex))
		if c.err == "" && (err != nil || v.Sku != "a") || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v, %v; want %q", c.hex, v, err, c.err)
		}
	}
	if v, err := first(bytesOf(t, "02000a0161")); err != nil || v.Id != "a" { // the long form of [0]
		t.Errorf("the long form: %v, %v", v, err)
	}
}

const head = `syntax = "proto3"; package shop; `

func TestReader(t *testing.T) {
	for _, c := range []struct{ name, writer, err string }{
		{"same", `message Money { sint64 hundredths = 1; string currency = 2; }`, ""},
		{"a field less", `message Money { string currency = 2; }`, ""},
		{"a field more", `message Money { sint64 hundredths = 1; string currency = 2; bytes more = 3; }`, ""},
		{"another name", `message Money { sint64 cents = 1; }`, ""},
		{"other width", `message Money { sint32 hundredths = 1; }`, ""},
		{"bytes as string", `message Money { bytes currency = 2; }`, ""},
		{"comments", "/* {{{ */ // ((( \n message Money { string currency = 2 [json_name = \"{[(<\\\"{\"]; }", ""},
		{"not zigzag", `message Money { int64 hundredths = 1; }`, "field 1 is hundredths (int64) in the writer's shop.Money and hundredths (sint64) in shop.Money"},
		{"both fields", `message Money { string a = 1; int32 b = 2; }`, "field 2 is b (int32)"},
		{"a list", `message Money { repeated sint64 hundredths = 1; }`, "repeated sint64"},
		{"a list of strings", `message Money { repeated string currency = 2; }`, ""},
		{"another message", `message Cash { sint64 hundredths = 1; }`, "has no message shop.Money but shop.Cash"},
		{"no message", ``, "none at all"},
		{"no schema", `message Money {`, "syntax error"},
		{"a missing import", `import "other.proto"; message Money { }`, `import "other.proto" is not among the references`},
		{"no import of files", `import "/etc/passwd"; message Money { }`, `not among the references`},
		{"an import of Protobuf's", `import "google/protobuf/any.proto"; message Money { google.protobuf.Any a = 3; }`, ""},
	} {
		_, err := format[*orderpb.Money](t).Reader(text(head + c.writer))
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
	}
	if _, err := format[*orderpb.Money](t).Reader(registry.Schema{Type: registry.Avro, Text: `"string"`}); err == nil {
		t.Error("a schema of Avro is taken")
	}
	nested := head + `message Order { Cash total = 2; message Line { int64 sku = 1; } repeated Line lines = 5; } message Cash { string hundredths = 1; }`
	_, err := format[*orderpb.Order](t).Reader(text(nested))
	if err == nil || !strings.Contains(err.Error(), "shop.Cash") || !strings.Contains(err.Error(), "shop.Order.Line") {
		t.Errorf("fields of messages in fields: %v, want both", err)
	}
}

// A registry gives descriptors too.
func TestReaderOfADescriptor(t *testing.T) {
	p := protodesc.ToFileDescriptorProto((&orderpb.Money{}).ProtoReflect().Descriptor().ParentFile())
	b, err := proto.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	read, err := format[*orderpb.Money](t).Reader(text(base64.StdEncoding.EncodeToString(b)))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := read([]byte{0, 0x08, 0x03}); err != nil || v.Hundredths != -2 {
		t.Errorf("%v, %v", v, err)
	}
}

// An older writer's bytes, read by today's type.
func TestEvolution(t *testing.T) {
	read, err := format[*orderpb.Order](t).Reader(text(head + `message Other {} message Order { string id = 1; int32 status = 4; bool gone = 50; }`))
	if err != nil {
		t.Fatal(err)
	}
	v, err := read(bytesOf(t, "0202"+"0a0161"+"2002"+"900301"))
	if err != nil || v.Id != "a" || v.Status != orderpb.Status_STATUS_PAID || len(v.ProtoReflect().GetUnknown()) == 0 {
		t.Errorf("%v, %v", v, err)
	}
}
