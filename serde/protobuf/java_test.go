package protobuf_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/json/jsontext"
	"os"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/rivusio/rivusio/serde/protobuf/internal/orderpb"
)

// javaCase is described in serde/testdata/java/README.md.
type javaCase struct {
	Name    string
	Message string
	ID      uint32
	Hex     string
	Wrote   jsontext.Value
}

func javaCases(t testing.TB) []javaCase {
	t.Helper()
	text, err := os.ReadFile("../testdata/java/protobuf.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []javaCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// What Java wrote is read as the value that Java reads, and written as the same bytes.
func TestBytesAreThoseOfJava(t *testing.T) {
	check := map[string]func(*testing.T, javaCase){
		"shop.Order":                sameAsJava[*orderpb.Order],
		"shop.Company":              sameAsJava[*orderpb.Company],
		"shop.Order.Line":           sameAsJava[*orderpb.Order_Line],
		"shop.Order.Line.Gift":      sameAsJava[*orderpb.Order_Line_Gift],
		"shop.Money":                sameAsJava[*orderpb.Money],
		"shop.Kinds":                sameAsJava[*orderpb.Kinds],
		"google.protobuf.Timestamp": sameAsJava[*timestamppb.Timestamp],
	}
	seen := map[string]bool{}
	for _, c := range javaCases(t) {
		if check[c.Message] == nil {
			t.Fatalf("case %q: unknown message %q", c.Name, c.Message)
		}
		seen[c.Message] = true
		t.Run(c.Name, func(t *testing.T) { check[c.Message](t, c) })
	}
	if len(seen) != len(check) {
		t.Errorf("cases of %d messages, want %d", len(seen), len(check))
	}
}

func sameAsJava[M proto.Message](t *testing.T, c javaCase) {
	b := bytesOf(t, c.Hex)
	if b[0] != 0 || binary.BigEndian.Uint32(b[1:]) != c.ID {
		t.Fatalf("the header is % x", b[:5])
	}
	payload := b[5:]
	f := format[M](t)
	read, err := f.Reader(f.Schema())
	if err != nil {
		t.Fatal(err)
	}
	v, err := read(payload)
	if err != nil {
		t.Fatal(err)
	}
	want := v.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal(c.Wrote, want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(v, want) {
		t.Errorf("read as %v, Java reads %v", v, want)
	}
	if again, err := f.Append(nil, v); err != nil || !bytes.Equal(again, payload) {
		t.Errorf("written as %x (%v), by Java as %x", again, err, payload)
	}
}
