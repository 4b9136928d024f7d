package protobuf

import (
	"math"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// value is a message in the form of [Dynamic].
func (d *dynamic) value(m protoreflect.Message) (any, error) {
	k := d.kinds[m.Descriptor().FullName()]
	if k.form != ordinary {
		return d.wellKnownValue(k.form, m)
	}
	out := make(map[string]any, len(k.always))
	var err error
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(f.Name())
		var x any
		if x, err = d.field(f, v); err != nil {
			err = within("."+name, err)
		}
		out[name] = x
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range k.always {
		if name := string(f.Name()); !m.Has(f) {
			out[name] = zero(f)
		}
	}
	return out, nil
}

// zero is what a field is that is not set and cannot tell.
func zero(f protoreflect.FieldDescriptor) any {
	switch {
	case f.IsMap():
		return map[string]any{}
	case f.IsList():
		return []any{}
	}
	return scalarValue(f, f.Default())
}

func (d *dynamic) field(f protoreflect.FieldDescriptor, v protoreflect.Value) (any, error) {
	switch {
	case f.IsMap():
		return d.entries(f.MapValue(), v.Map())
	case f.IsList():
		list := v.List()
		out := make([]any, list.Len())
		for i := range out {
			var err error
			if out[i], err = d.single(f, list.Get(i)); err != nil {
				return nil, within("["+strconv.Itoa(i)+"]", err)
			}
		}
		return out, nil
	}
	return d.single(f, v)
}

func (d *dynamic) entries(f protoreflect.FieldDescriptor, entries protoreflect.Map) (any, error) {
	out := make(map[string]any, entries.Len())
	var err error
	entries.Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
		name := key.String()
		var x any
		if x, err = d.single(f, v); err != nil {
			err = within("["+strconv.Quote(cut(name))+"]", err)
		}
		out[name] = x
		return err == nil
	})
	return out, err
}

func (d *dynamic) single(f protoreflect.FieldDescriptor, v protoreflect.Value) (any, error) {
	if f.Message() != nil {
		return d.value(v.Message())
	}
	return scalarValue(f, v), nil
}

// scalarValue is what is no message. What is made of bytes is a copy: the input is the caller's.
func scalarValue(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return v.Bool()
	case protoreflect.StringKind:
		return v.String()
	case protoreflect.BytesKind:
		return append([]byte{}, v.Bytes()...)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return v.Float()
	case protoreflect.EnumKind:
		return enumValue(f.Enum(), v.Enum())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		if u := v.Uint(); u > math.MaxInt64 {
			return strconv.FormatUint(u, 10)
		}
		return int64(v.Uint())
	}
	return v.Int()
}

const nullValue = "google.protobuf.NullValue"

func enumValue(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) any {
	value := e.Values().ByNumber(n)
	switch {
	case value == nil:
		return int64(n)
	case e.FullName() == nullValue:
		return nil
	}
	return string(value.Name())
}
