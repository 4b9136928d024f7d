package protobuf

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/rivusio/rivusio/serde/registry"
)

// Dynamic is the format of a message without a Go type, by a .proto file as text and what it imports. name is the full name of
// the message; "" is the first message of the file. Values are maps, by the names of the fields in the file, in the forms of
// serde.JSONAny where Protobuf has the same:
//
//	bool            bool                      message    map[string]any
//	integers        int64                     repeated   []any
//	float, double   float64                   map        map[string]any, with the keys as texts
//	string          string                    enum       the name of the value, or int64 where it has none
//	bytes           []byte                    oneof      the one field that is set
//
// A uint64 or fixed64 beyond int64 is its digits as a string. A field that is not set is left out; one that cannot tell (proto3
// without optional, lists, maps) has its zero value. Fields that the message does not have, and extensions, are left out.
//
// Types of google.protobuf are what they are in Protobuf's JSON: Timestamp, Duration and FieldMask are strings such as
// "2024-02-29T03:04:05.678Z", "1.500s" and "a,b"; Struct, Value and ListValue are any JSON, with whole numbers as int64; Int64Value
// and the like are the value. Any is a message as any other.
//
// Encoding also takes: the JSON name of a field (orderId for order_id), nil for a field that is not set, whole float64 numbers for
// integers, integers for floats, digits as a string for integers of 64 bits, base64 for bytes, the number of an enum, a time.Time
// or int64 milliseconds since 1970 for a Timestamp, a time.Duration, and "NaN", "Infinity" and "-Infinity" for floats. A field that
// the message does not have, two fields of one oneof and a number out of range are errors that name the place.
//
// An error says what is wrong with the schema, or that it has no such message.
func Dynamic(schema, name string, references ...registry.Reference) (*Format[any], error) {
	own := registry.Schema{Type: registry.Protobuf, Text: schema, References: references}
	file, err := parse(own)
	if err != nil {
		return nil, fmt.Errorf("protobuf: schema: %w", detail{err})
	}
	desc, err := messageOf(file, protoreflect.FullName(name))
	if err != nil {
		return nil, fmt.Errorf("protobuf: schema: %w", detail{err})
	}
	own.Name = string(desc.FullName())
	return newFormat(codec[any](newDynamic(desc)), desc, own), nil
}

// messageOf is the message of a file by its name, or the first one.
func messageOf(file protoreflect.FileDescriptor, name protoreflect.FullName) (protoreflect.MessageDescriptor, error) {
	if name == "" && file.Messages().Len() > 0 {
		return file.Messages().Get(0), nil
	}
	if desc := find(file.Messages(), name); desc != nil {
		return desc, nil
	}
	return nil, fmt.Errorf("it has no message %s but %s", cut(string(name)), shownNames(file.Messages()))
}

// dynamic encodes and decodes messages as maps.
type dynamic struct {
	desc  protoreflect.MessageDescriptor
	kinds map[protoreflect.FullName]*kind
	plan  *plan
	write proto.MarshalOptions
	read  proto.UnmarshalOptions
}

func newDynamic(desc protoreflect.MessageDescriptor) *dynamic {
	d := &dynamic{
		desc:  desc,
		kinds: map[protoreflect.FullName]*kind{},
		plan:  planOf(dynamicpb.NewMessage(desc), true),
		write: proto.MarshalOptions{Deterministic: true},
		read:  proto.UnmarshalOptions{RecursionLimit: MaxDepth, DiscardUnknown: true, Resolver: new(protoregistry.Types)},
	}
	d.addKinds(desc)
	return d
}

// kind is what is known of a type of messages.
type kind struct {
	form   wellKnown
	always []protoreflect.FieldDescriptor          // those that a value has even if they are not set
	fields map[string]protoreflect.FieldDescriptor // by their names and JSON names
}

func (d *dynamic) addKinds(desc protoreflect.MessageDescriptor) {
	if d.kinds[desc.FullName()] != nil {
		return
	}
	k := &kind{form: formOf(desc), fields: map[string]protoreflect.FieldDescriptor{}}
	d.kinds[desc.FullName()] = k
	for i := range desc.Fields().Len() {
		f := desc.Fields().Get(i)
		if _, taken := k.fields[f.JSONName()]; !taken {
			k.fields[f.JSONName()] = f
		}
		if !f.HasPresence() {
			k.always = append(k.always, f)
		}
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			d.addKinds(f.MapValue().Message())
		case !f.IsMap() && f.Message() != nil:
			d.addKinds(f.Message())
		}
	}
	for i := range desc.Fields().Len() { // a name goes before the JSON name of another field
		f := desc.Fields().Get(i)
		k.fields[string(f.Name())] = f
	}
}

// IsNull implements serde.Nuller.
func (d *dynamic) IsNull(v any) bool { return v == nil }

// Append implements serde.Serde.
func (d *dynamic) Append(dst []byte, v any) (b []byte, err error) {
	defer d.recovered(&err, func() { b = dst })
	if v == nil {
		return dst, fmt.Errorf("protobuf: %s: %w", d.desc.FullName(), errNull)
	}
	m := dynamicpb.NewMessage(d.desc)
	if err := d.fill(m, v, 0); err != nil {
		return dst, fmt.Errorf("protobuf: %s: %w", d.desc.FullName(), detail{err})
	}
	out, err := d.write.MarshalAppend(dst, m)
	if err != nil {
		return dst, fmt.Errorf("protobuf: %s: %w", d.desc.FullName(), detail{err})
	}
	if n := len(out) - len(dst); n > MaxBytes {
		return dst, fmt.Errorf("protobuf: %s: %d bytes, which is more than %d", d.desc.FullName(), n, MaxBytes)
	}
	return out, nil
}

// Decode implements serde.Serde.
func (d *dynamic) Decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	return d.decode(b)
}

func (d *dynamic) decode(b []byte) (v any, err error) {
	defer d.recovered(&err, func() { v = nil })
	if err := d.plan.check(b); err != nil {
		return nil, fmt.Errorf("protobuf: %s: %s: %w", d.desc.FullName(), shown(b), err)
	}
	m := dynamicpb.NewMessage(d.desc)
	if err := d.read.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("protobuf: %s: %s: %w", d.desc.FullName(), shown(b), detail{err})
	}
	if v, err = d.value(m); err != nil {
		return nil, fmt.Errorf("protobuf: %s: %s: %w", d.desc.FullName(), shown(b), detail{err})
	}
	return v, nil
}

// recovered makes a panic an error: the descriptors are made of what a registry sends.
func (d *dynamic) recovered(err *error, reset func()) {
	if p := recover(); p != nil {
		reset()
		*err = fmt.Errorf("protobuf: %s: panic: %v", d.desc.FullName(), p)
	}
}
