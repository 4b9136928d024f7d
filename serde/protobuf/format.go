package protobuf

import (
	"fmt"
	"reflect"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/registry"
)

// The bounds of one message.
const (
	MaxBytes  = 16 << 20 // when encoded
	MaxDepth  = 100      // of messages within messages, as in Google's other libraries
	MaxMemory = 32 << 20 // bytes when decoded, as counted beforehand; a field counts as 96 at least
)

// Format is T in the form that Confluent's serializers write: a message index and the message. Make one with [Of] or [Dynamic].
// It implements registry.Format. Any number of goroutines may use one.
type Format[T any] struct {
	codec  codec[T]
	desc   protoreflect.MessageDescriptor
	schema registry.Schema
	index  []byte // in front of what is written
}

// codec encodes and decodes the messages of one type.
type codec[T any] interface {
	serde.Serde[T]
	serde.Nuller[T]
	decode(b []byte) (T, error) // for which nil is a message without fields
}

// Of is the format of M, a pointer to a message that protoc-gen-go made. Its schema is the .proto file of M as text, printed
// from what the generated code holds: without comments, imports as references, except those that come with Protobuf.
//
// An error says that M is no such type or that its file cannot be written as text.
func Of[M proto.Message]() (*Format[M], error) {
	m, err := newMessage[M]()
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(m.desc)
	if err != nil {
		return nil, fmt.Errorf("protobuf: %s: %w", m.desc.FullName(), err)
	}
	return newFormat(m, m.desc, schema), nil
}

func newFormat[T any](c codec[T], desc protoreflect.MessageDescriptor, schema registry.Schema) *Format[T] {
	return &Format[T]{codec: c, desc: desc, schema: schema, index: appendIndex(nil, indexOf(desc).want)}
}

// Schema implements registry.Format. The caller must not change its references.
func (f *Format[T]) Schema() registry.Schema { return f.schema }

// IsNull reports whether v is nil.
func (f *Format[T]) IsNull(v T) bool { return f.codec.IsNull(v) }

// Append implements registry.Format: it appends the message index and the message.
func (f *Format[T]) Append(dst []byte, v T) ([]byte, error) {
	before := len(dst)
	out, err := f.codec.Append(append(dst, f.index...), v)
	if err != nil {
		return dst[:before], err
	}
	return out, nil
}

// Reader implements registry.Format. The writer's schema is a .proto file as text, or a FileDescriptorProto in base64 as the
// registry also gives it. It must have a message of T's full name, in the file itself, whatever its place in there.
//
// Fields are matched by number, as ever in Protobuf; those that T does not have are kept as unknown fields, or left out of what
// [Dynamic] reads. It is an error if T has a field of the same number in a form that would not be recognised as one, such as a
// string where the writer has an integer: decoding would take it for an unknown field. So it is for the messages in fields, by
// whatever name. What Protobuf calls compatible is read: integers of other widths and signs (cut to the width of T's field),
// string and bytes, enums.
func (f *Format[T]) Reader(writer registry.Schema) (func(payload []byte) (T, error), error) {
	desc, err := f.writers(writer)
	if err != nil {
		return nil, err
	}
	at := indexOf(desc)
	return func(payload []byte) (T, error) {
		rest, err := at.cut(payload)
		if err != nil {
			var none T
			return none, err
		}
		return f.codec.decode(rest)
	}, nil
}

// writers is the message of a writer's schema that T can be read from.
func (f *Format[T]) writers(schema registry.Schema) (protoreflect.MessageDescriptor, error) {
	if schema.Type == registry.Protobuf && schema.Text == f.schema.Text && len(schema.References)+len(f.schema.References) == 0 {
		return f.desc, nil
	}
	file, err := parse(schema)
	if err != nil {
		return nil, fmt.Errorf("protobuf: the writer's schema: %w", err)
	}
	desc := find(file.Messages(), f.desc.FullName())
	if desc == nil {
		return nil, fmt.Errorf("protobuf: the writer's schema %s has no message %s but %s",
			shownPath(file), f.desc.FullName(), shownNames(file.Messages()))
	}
	return desc, readable(desc, f.desc)
}

// Message is the serde of M as one message, without an index or a schema in front: what a topic without a registry has. Nil is
// Kafka's null. M is a pointer to a message that protoc-gen-go made, else there is an error.
func Message[M proto.Message]() (serde.Serde[M], error) {
	m, err := newMessage[M]()
	if err != nil {
		return nil, err
	}
	return m, nil
}

// message encodes and decodes M.
type message[M proto.Message] struct {
	desc  protoreflect.MessageDescriptor
	typ   protoreflect.MessageType
	plan  *plan
	write proto.MarshalOptions
	read  proto.UnmarshalOptions
}

func newMessage[M proto.Message]() (message[M], error) {
	t := reflect.TypeFor[M]()
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct || t.Elem().PkgPath() == dynamicPath {
		return message[M]{}, fmt.Errorf("protobuf: %s is not a pointer to a generated message, such as *shop.Order", t)
	}
	var none M
	typ := none.ProtoReflect().Type()
	return message[M]{
		desc:  typ.Descriptor(),
		typ:   typ,
		plan:  planOf(typ.New(), false),
		write: proto.MarshalOptions{Deterministic: true},
		read:  proto.UnmarshalOptions{RecursionLimit: MaxDepth, NoLazyDecoding: true},
	}, nil
}

// dynamicPath is the package of messages whose nil pointers have no descriptor.
const dynamicPath = "google.golang.org/protobuf/types/dynamicpb"

// IsNull implements serde.Nuller.
func (m message[M]) IsNull(v M) bool {
	var none M
	return any(v) == any(none) // compares two pointers
}

// Append implements serde.Serde.
func (m message[M]) Append(dst []byte, v M) ([]byte, error) {
	if m.IsNull(v) {
		return dst, fmt.Errorf("protobuf: %s: %w", m.desc.FullName(), errNull)
	}
	before := len(dst)
	out, err := m.write.MarshalAppend(dst, v)
	if err != nil {
		return dst[:before], fmt.Errorf("protobuf: %s: %w", m.desc.FullName(), err)
	}
	if n := len(out) - before; n > MaxBytes {
		return dst[:before], fmt.Errorf("protobuf: %s: %d bytes, which is more than %d", m.desc.FullName(), n, MaxBytes)
	}
	return out, nil
}

// Decode implements serde.Serde.
func (m message[M]) Decode(b []byte) (M, error) {
	if b == nil {
		var none M
		return none, nil
	}
	return m.decode(b)
}

func (m message[M]) decode(b []byte) (M, error) {
	if err := m.plan.check(b); err != nil {
		var none M
		return none, fmt.Errorf("protobuf: %s: %s: %w", m.desc.FullName(), shown(b), err)
	}
	v := m.typ.New().Interface().(M)
	if err := m.read.Unmarshal(b, v); err != nil {
		var none M
		return none, fmt.Errorf("protobuf: %s: %s: %w", m.desc.FullName(), shown(b), err)
	}
	return v, nil
}
