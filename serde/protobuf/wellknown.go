package protobuf

import (
	"encoding/json"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// wellKnown is a form that messages of google.protobuf have in JSON.
type wellKnown uint8

const (
	ordinary wellKnown = iota
	jsonText           // a string
	jsonValue
	jsonObject
	jsonList
	wrapper // the only field
)

// formOf is the form of a message: by its name, and by its fields, since a schema may call anything so.
func formOf(desc protoreflect.MessageDescriptor) wellKnown {
	if desc.FullName().Parent() != "google.protobuf" {
		return ordinary
	}
	var known protoreflect.ProtoMessage
	form := wrapper
	switch desc.Name() {
	case "Timestamp":
		form, known = jsonText, (*timestamppb.Timestamp)(nil)
	case "Duration":
		form, known = jsonText, (*durationpb.Duration)(nil)
	case "FieldMask":
		form, known = jsonText, (*fieldmaskpb.FieldMask)(nil)
	case "Struct":
		form, known = jsonObject, (*structpb.Struct)(nil)
	case "Value":
		form, known = jsonValue, (*structpb.Value)(nil)
	case "ListValue":
		form, known = jsonList, (*structpb.ListValue)(nil)
	case "DoubleValue":
		known = (*wrapperspb.DoubleValue)(nil)
	case "FloatValue":
		known = (*wrapperspb.FloatValue)(nil)
	case "Int64Value":
		known = (*wrapperspb.Int64Value)(nil)
	case "UInt64Value":
		known = (*wrapperspb.UInt64Value)(nil)
	case "Int32Value":
		known = (*wrapperspb.Int32Value)(nil)
	case "UInt32Value":
		known = (*wrapperspb.UInt32Value)(nil)
	case "BoolValue":
		known = (*wrapperspb.BoolValue)(nil)
	case "StringValue":
		known = (*wrapperspb.StringValue)(nil)
	case "BytesValue":
		known = (*wrapperspb.BytesValue)(nil)
	default:
		return ordinary
	}
	if !sameFields(desc, known.ProtoReflect().Descriptor(), 3) {
		return ordinary
	}
	return form
}

// sameFields compares two messages, and those in their fields for some levels.
func sameFields(a, b protoreflect.MessageDescriptor, levels int) bool {
	if a.FullName() != b.FullName() || a.Fields().Len() != b.Fields().Len() {
		return false
	}
	for i := range a.Fields().Len() {
		x := a.Fields().Get(i)
		y := b.Fields().ByNumber(x.Number())
		switch {
		case y == nil || x.Kind() != y.Kind() || x.Cardinality() != y.Cardinality() || x.IsMap() != y.IsMap() || x.HasPresence() != y.HasPresence():
			return false
		case x.Message() != nil && levels > 0 && !sameFields(x.Message(), y.Message(), levels-1):
			return false
		}
	}
	return true
}

// The numbers of fields: those of a Duration, of a Value, and of what has one.
const (
	seconds      = 1
	nanos        = 2
	only         = 1
	valueNull    = 1
	valueNumber  = 2
	valueText    = 3
	valueBoolean = 4
	valueObject  = 5
	valueList    = 6
)

func byNumber(m protoreflect.Message, n protoreflect.FieldNumber) protoreflect.FieldDescriptor {
	return m.Descriptor().Fields().ByNumber(n)
}

func (d *dynamic) wellKnownValue(form wellKnown, m protoreflect.Message) (any, error) {
	switch form {
	case jsonText:
		return textValue(m)
	case jsonValue:
		return d.anyValue(m)
	}
	f := byNumber(m, only) // of a struct, a list or a wrapper
	return d.field(f, m.Get(f))
}

func textValue(m protoreflect.Message) (any, error) {
	b, err := protojson.Marshal(m.Interface())
	if err != nil {
		return nil, wrong("a %s that has no text: out of range", m.Descriptor().Name())
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return nil, wrong("%v", err)
	}
	return text, nil
}

// anyValue is a google.protobuf.Value. One without anything is null.
func (d *dynamic) anyValue(m protoreflect.Message) (any, error) {
	f := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
	if f == nil || f.Number() == valueNull {
		return nil, nil
	}
	if f.Number() != valueNumber {
		return d.single(f, m.Get(f))
	}
	n := m.Get(f).Float()
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return nil, wrong("%v, which JSON does not have", n)
	case n == math.Trunc(n) && n >= math.MinInt64 && n < math.MaxInt64:
		return int64(n), nil
	}
	return n, nil
}

func (d *dynamic) fillWellKnown(form wellKnown, m protoreflect.Message, v any, depth int) error {
	switch form {
	case jsonText:
		return fillText(m, v)
	case jsonValue:
		return d.fillAny(m, v, depth)
	case jsonObject:
		return d.fillMap(m, byNumber(m, only), v, depth)
	case jsonList:
		return d.fillList(m, byNumber(m, only), v, depth)
	}
	x, err := scalarOf(byNumber(m, only), v)
	if err == nil {
		m.Set(byNumber(m, only), x)
	}
	return err
}

func fillText(m protoreflect.Message, v any) error {
	name := m.Descriptor().Name()
	var text string
	if n, ok := v.(int); ok {
		v = int64(n)
	}
	switch v := v.(type) {
	case string:
		text = v
	case time.Time:
		if name != "Timestamp" {
			return unfit(v, "a "+string(name))
		}
		text = v.UTC().Format(time.RFC3339Nano)
	case int64:
		if name != "Timestamp" {
			return unfit(v, "a string for a "+string(name))
		}
		text = time.UnixMilli(v).UTC().Format(time.RFC3339Nano)
	case time.Duration:
		if name != "Duration" {
			return unfit(v, "a "+string(name))
		}
		m.Set(byNumber(m, seconds), protoreflect.ValueOfInt64(int64(v/time.Second)))
		m.Set(byNumber(m, nanos), protoreflect.ValueOfInt32(int32(v%time.Second)))
		return nil
	default:
		return unfit(v, "a string for a "+string(name))
	}
	quoted, err := json.Marshal(text)
	if err == nil {
		err = protojson.Unmarshal(quoted, m.Interface())
	}
	if err != nil {
		return wrong("%q is no %s", cut(text), name)
	}
	return nil
}

// fillAny sets a google.protobuf.Value to any JSON.
func (d *dynamic) fillAny(m protoreflect.Message, v any, depth int) error {
	set := func(n protoreflect.FieldNumber, v protoreflect.Value) { m.Set(byNumber(m, n), v) }
	switch v := v.(type) {
	case nil:
		set(valueNull, protoreflect.ValueOfEnum(0))
	case bool:
		set(valueBoolean, protoreflect.ValueOfBool(v))
	case string:
		set(valueText, protoreflect.ValueOfString(v))
	case map[string]any:
		return d.fill(m.Mutable(byNumber(m, valueObject)).Message(), v, depth+1)
	case []any:
		return d.fill(m.Mutable(byNumber(m, valueList)).Message(), v, depth+1)
	default:
		n, err := floatOf(protoreflect.DoubleKind, v)
		f := n.Interface()
		switch {
		case err != nil:
			return unfit(v, "JSON")
		case math.IsNaN(f.(float64)) || math.IsInf(f.(float64), 0):
			return wrong("%v, which JSON does not have", f)
		}
		if i, ok := v.(int64); ok && (f.(float64) >= math.MaxInt64 || int64(f.(float64)) != i) {
			return wrong("%d, which the number of a google.protobuf.Value cannot hold exactly", i)
		}
		set(valueNumber, n)
	}
	return nil
}
