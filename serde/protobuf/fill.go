package protobuf

import (
	"encoding/base64"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// fill sets a message to a value in the forms of [Dynamic]. It changes nothing of the value.
func (d *dynamic) fill(m protoreflect.Message, v any, depth int) error {
	if depth >= MaxDepth {
		return wrong("more than %d levels deep", MaxDepth)
	}
	name := m.Descriptor().FullName()
	k := d.kinds[name]
	if k.form != ordinary {
		return d.fillWellKnown(k.form, m, v, depth)
	}
	values, ok := v.(map[string]any)
	if !ok {
		return unfit(v, "a map for message "+string(name))
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f := k.fields[name]
		if f == nil {
			return wrong("message %s has no field %q", m.Descriptor().FullName(), cut(name))
		}
		if err := d.fillField(m, f, values, name, depth); err != nil {
			return within("."+name, err)
		}
	}
	return nil
}

func (d *dynamic) fillField(m protoreflect.Message, f protoreflect.FieldDescriptor, values map[string]any, name string, depth int) error {
	if _, twice := values[string(f.Name())]; twice && name != string(f.Name()) {
		return wrong("it is the field %s, which is there too", f.Name())
	}
	v := values[name]
	if v == nil && !d.takesNull(f) {
		return nil
	}
	if one := f.ContainingOneof(); one != nil {
		if other := m.WhichOneof(one); other != nil {
			return wrong("field %s of oneof %s is there too", other.Name(), one.Name())
		}
	}
	switch {
	case f.IsMap():
		return d.fillMap(m, f, v, depth)
	case f.IsList():
		return d.fillList(m, f, v, depth)
	case f.Message() != nil:
		return d.fill(m.Mutable(f).Message(), v, depth+1)
	}
	x, err := scalarOf(f, v)
	if err == nil {
		m.Set(f, x)
	}
	return err
}

// takesNull reports whether nil is a value of a field, and not that it is not set.
func (d *dynamic) takesNull(f protoreflect.FieldDescriptor) bool {
	switch {
	case f.IsMap() || f.IsList():
		return false
	case f.Message() != nil:
		return d.kinds[f.Message().FullName()].form == jsonValue
	}
	return f.Enum() != nil && f.Enum().FullName() == nullValue
}

func (d *dynamic) fillList(m protoreflect.Message, f protoreflect.FieldDescriptor, v any, depth int) error {
	items, ok := v.([]any)
	if !ok {
		return unfit(v, "a list")
	}
	if len(items) == 0 {
		return nil
	}
	list := m.Mutable(f).List()
	for i, item := range items {
		if err := d.fillItem(list, f, item, depth); err != nil {
			return within("["+strconv.Itoa(i)+"]", err)
		}
	}
	return nil
}

func (d *dynamic) fillItem(list protoreflect.List, f protoreflect.FieldDescriptor, item any, depth int) error {
	if f.Message() != nil {
		return d.fill(list.AppendMutable().Message(), item, depth+1)
	}
	x, err := scalarOf(f, item)
	if err == nil {
		list.Append(x)
	}
	return err
}

func (d *dynamic) fillMap(m protoreflect.Message, f protoreflect.FieldDescriptor, v any, depth int) error {
	values, ok := v.(map[string]any)
	if !ok {
		return unfit(v, "a map")
	}
	if len(values) == 0 {
		return nil
	}
	entries := m.Mutable(f).Map()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := d.fillEntry(entries, f, name, values[name], depth); err != nil {
			return within("["+strconv.Quote(cut(name))+"]", err)
		}
	}
	return nil
}

func (d *dynamic) fillEntry(entries protoreflect.Map, f protoreflect.FieldDescriptor, name string, v any, depth int) error {
	key, err := keyOf(f.MapKey(), name)
	if err != nil {
		return err
	}
	if f.MapValue().Message() != nil {
		return d.fill(entries.Mutable(key).Message(), v, depth+2) // an entry is a message too
	}
	x, err := scalarOf(f.MapValue(), v)
	if err == nil {
		entries.Set(key, x)
	}
	return err
}

// keyOf is the key of a map, as text. There is one text for each key, so no two are the same key.
func keyOf(f protoreflect.FieldDescriptor, text string) (protoreflect.MapKey, error) {
	var v protoreflect.Value
	var err error
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text).MapKey(), nil
	case protoreflect.BoolKind:
		if text != "true" && text != "false" {
			return protoreflect.MapKey{}, wrong("want true or false for the key")
		}
		return protoreflect.ValueOfBool(text == "true").MapKey(), nil
	default:
		v, err = wholeOf(f.Kind(), text)
	}
	if err == nil && v.String() != text {
		err = wrong("want the key as %s", v)
	}
	if err != nil {
		return protoreflect.MapKey{}, err
	}
	return v.MapKey(), nil
}

// scalarOf is a value of a field that is no message.
func scalarOf(f protoreflect.FieldDescriptor, v any) (protoreflect.Value, error) {
	switch f.Kind() {
	case protoreflect.BoolKind:
		if b, ok := v.(bool); ok {
			return protoreflect.ValueOfBool(b), nil
		}
	case protoreflect.StringKind:
		if s, ok := v.(string); ok {
			return protoreflect.ValueOfString(s), nil
		}
	case protoreflect.BytesKind:
		return bytesOf(v)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return floatOf(f.Kind(), v)
	case protoreflect.EnumKind:
		return enumOf(f.Enum(), v)
	default:
		return integerOf(f.Kind(), v)
	}
	return protoreflect.Value{}, unfit(v, f.Kind().String())
}

func bytesOf(v any) (protoreflect.Value, error) {
	switch v := v.(type) {
	case []byte:
		return protoreflect.ValueOfBytes(v), nil
	case string:
		text := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(v, "="))
		b, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			return protoreflect.Value{}, wrong("a string that is not base64, as bytes are in JSON")
		}
		return protoreflect.ValueOfBytes(b), nil
	}
	return protoreflect.Value{}, unfit(v, "bytes, or base64 as a string")
}

// canonicalNaN has the bits that Java gives every NaN.
var canonicalNaN = math.Float64frombits(0x7ff8000000000000)

func floatOf(kind protoreflect.Kind, v any) (protoreflect.Value, error) {
	var f float64
	switch v := v.(type) {
	case float64:
		f = v
	case float32:
		f = float64(v)
	case int64:
		f = float64(v)
	case int:
		f = float64(v)
	case string:
		switch v {
		case "NaN":
			f = math.NaN()
		case "Infinity":
			f = math.Inf(1)
		case "-Infinity":
			f = math.Inf(-1)
		default:
			return protoreflect.Value{}, wrong("a string, want a number, NaN, Infinity or -Infinity")
		}
	default:
		return protoreflect.Value{}, unfit(v, kind.String())
	}
	if f != f {
		f = canonicalNaN
	}
	if kind == protoreflect.DoubleKind {
		return protoreflect.ValueOfFloat64(f), nil
	}
	if math.IsInf(float64(float32(f)), 0) && !math.IsInf(f, 0) {
		return protoreflect.Value{}, wrong("%v, which is beyond float", f)
	}
	return protoreflect.ValueOfFloat32(float32(f)), nil
}

// integerOf is a whole number of a kind.
func integerOf(kind protoreflect.Kind, v any) (protoreflect.Value, error) {
	switch v := v.(type) {
	case int64:
		return wholeOf(kind, strconv.FormatInt(v, 10))
	case int:
		return wholeOf(kind, strconv.Itoa(v))
	case int32:
		return wholeOf(kind, strconv.Itoa(int(v)))
	case uint64:
		return wholeOf(kind, strconv.FormatUint(v, 10))
	case float64:
		if v != math.Trunc(v) {
			return protoreflect.Value{}, wrong("%v, want %s", v, kind)
		}
		return wholeOf(kind, strconv.FormatFloat(v+0, 'f', -1, 64))
	case string:
		switch kind {
		case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
			return wholeOf(kind, v)
		}
	}
	return protoreflect.Value{}, unfit(v, kind.String())
}

// wholeOf is the number that a text says.
func wholeOf(kind protoreflect.Kind, text string) (protoreflect.Value, error) {
	var err error
	var i int64
	var u uint64
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		if i, err = strconv.ParseInt(text, 10, 32); err == nil {
			return protoreflect.ValueOfInt32(int32(i)), nil
		}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		if i, err = strconv.ParseInt(text, 10, 64); err == nil {
			return protoreflect.ValueOfInt64(i), nil
		}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		if u, err = strconv.ParseUint(text, 10, 32); err == nil {
			return protoreflect.ValueOfUint32(uint32(u)), nil
		}
	default:
		if u, err = strconv.ParseUint(text, 10, 64); err == nil {
			return protoreflect.ValueOfUint64(u), nil
		}
	}
	return protoreflect.Value{}, wrong("%q, want %s", cut(text), kind)
}

func enumOf(e protoreflect.EnumDescriptor, v any) (protoreflect.Value, error) {
	switch v := v.(type) {
	case string:
		if value := e.Values().ByName(protoreflect.Name(v)); value != nil {
			return protoreflect.ValueOfEnum(value.Number()), nil
		}
		return protoreflect.Value{}, wrong("%q, want a value of enum %s", cut(v), e.FullName())
	case nil:
		if e.FullName() == nullValue {
			return protoreflect.ValueOfEnum(0), nil
		}
	}
	whole, err := integerOf(protoreflect.Int32Kind, v)
	if err != nil {
		return whole, wrong("%s, want a value of enum %s", kindOf(v), e.FullName())
	}
	n := protoreflect.EnumNumber(whole.Int())
	if e.IsClosed() && e.Values().ByNumber(n) == nil {
		return whole, wrong("%d, want a value of enum %s", n, e.FullName())
	}
	return protoreflect.ValueOfEnum(n), nil
}
