package protobuf_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/rivusio/rivusio/serde/protobuf/internal/orderpb"
	"github.com/rivusio/rivusio/serde/registry"
)

// What is printed for the registry is what another compiler makes the descriptors of the generated code from.
func TestSchemaCompilesToTheSameDescriptors(t *testing.T) {
	for message, schema := range map[proto.Message]registry.Schema{
		&orderpb.Order{}:  format[*orderpb.Order](t).Schema(),
		&orderpb.Kinds{}:  format[*orderpb.Kinds](t).Schema(),
		&orderpb.Money{}:  format[*orderpb.Money](t).Schema(),
		&structpb.Value{}: format[*structpb.Value](t).Schema(),
	} {
		file := message.ProtoReflect().Descriptor().ParentFile()
		texts := map[string]string{file.Path(): schema.Text}
		for _, r := range schema.References {
			texts[r.Name] = r.Schema.Text
		}
		c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(texts)})}
		files, err := c.Compile(context.Background(), file.Path())
		if err != nil {
			t.Errorf("%s: %v", file.Path(), err)
			continue
		}
		if got, want := withoutForm(protodesc.ToFileDescriptorProto(files[0])), withoutForm(protodesc.ToFileDescriptorProto(file)); !bytes.Equal(got, want) {
			t.Errorf("%s: the printed schema is another:\n%s", file.Path(), schema.Text)
		}
	}
}

// withoutForm is a file without what says only how it was written.
func withoutForm(p *descriptorpb.FileDescriptorProto) []byte {
	p.SourceCodeInfo = nil
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		panic(err)
	}
	return b
}

// The index is the one of Confluent's wire format (its documentation of Schema Registry, "wire format"): the number of steps and
// the steps, each as a zigzag varint, and one byte 0 in the place of [0]. The bytes are written out by that rule, and franz-go's
// client, which shares no code with this package, writes and reads the same.
func TestMessageIndexOfConfluent(t *testing.T) {
	const file = head + `message M0 { message N0 { message D0 { message E0 {} message E1 {} } } message N1 {} message N2 {} }
		message M1 { message N0 {} } message M2 { message N0 {} message N1 { message D0 {} } }`
	long := head
	for i := range 70 { // one place takes two bytes
		long += fmt.Sprintf("message A%d {} ", i)
	}
	long += "message Last {}"
	for _, c := range []struct {
		file, message string
		path          []int
		want          string
	}{
		{file, "shop.M0", []int{0}, "00"},
		{file, "shop.M1", []int{1}, "0202"},
		{file, "shop.M2", []int{2}, "0204"},
		{file, "shop.M0.N0", []int{0, 0}, "040000"},
		{file, "shop.M0.N1", []int{0, 1}, "040002"},
		{file, "shop.M1.N0", []int{1, 0}, "040200"},
		{file, "shop.M2.N1.D0", []int{2, 1, 0}, "06040200"},
		{file, "shop.M0.N0.D0.E1", []int{0, 0, 0, 1}, "0800000002"},
		{long, "shop.Last", []int{70}, "028c01"},
	} {
		f := dynamic(t, c.file, c.message)
		b, err := f.Append(nil, object{})
		if err != nil || hexOf(b) != c.want {
			t.Errorf("%s at %v: %x, %v; want %s", c.message, c.path, b, err, c.want)
		}
		if v, err := own(t, f)(bytesOf(t, c.want)); err != nil || len(v.(object)) != 0 {
			t.Errorf("%s: %v, %v", c.message, v, err)
		}
		const header = 5
		if other, err := new(sr.ConfluentHeader).AppendEncode(nil, 1, c.path); err != nil || hexOf(other[header:]) != c.want {
			t.Errorf("%v is %x for franz-go, %v; want %s", c.path, other[header:], err, c.want)
		}
		if path, rest, err := new(sr.ConfluentHeader).DecodeIndex(b, 10); err != nil || len(rest) != 0 || !slices.Equal(path, c.path) {
			t.Errorf("%x is %v for franz-go, %v; want %v", b, path, err, c.path)
		}
	}
}
