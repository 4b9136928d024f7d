package declarative

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/windows"
)

// format is a serde by its name, for keys and values as the handles have them.
type format struct {
	name   string
	serde  serde.Serde[any]
	base   *format // of keys in windows: the format of the part without the window; else nil
	counts bool    // the values are counts
}

// windowed is a format of keys in windows.
func (f *format) windowed(s serde.Serde[windows.Keyed[any]]) *format {
	return &format{name: "windowed " + f.name, serde: keyed{s}, base: f}
}

// keyed lends a serde of keys in windows to keys of any.
type keyed struct {
	windows serde.Serde[windows.Keyed[any]]
}

// Unwrap implements [serde.Wrapper].
func (s keyed) Unwrap() any { return s.windows }

// IsNull implements [serde.Nuller].
func (keyed) IsNull(v any) bool { return v == nil }

func (s keyed) Append(dst []byte, v any) ([]byte, error) {
	k, ok := v.(windows.Keyed[any])
	if !ok {
		return dst, fmt.Errorf("the key is %s, want a key in a window", described(v))
	}
	return s.windows.Append(dst, k)
}

func (s keyed) Decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	k, err := s.windows.Decode(b)
	return k, err
}

// PartitionKey implements [serde.PartitionKeyer].
func (s keyed) PartitionKey(encoded []byte) []byte {
	if part := serde.PartitionKey(s.windows); part != nil {
		return part(encoded)
	}
	return encoded
}

// formats are the serdes that a file can name, in the order of the documentation. Each serde is one value for the whole file:
// a topic that is read twice with equal serdes is read once.
func formats() []*format {
	return []*format{
		{name: "json", serde: serde.JSONAny()},
		{name: "string", serde: &dynamic[string]{"string", serde.String, toString, same[string]}},
		{name: "int64", serde: &dynamic[int64]{"int64", serde.Int64, toInt64, same[int64]}},
		{name: "int32", serde: &dynamic[int32]{"int32", serde.Int32, toInt32, func(n int32) any { return int64(n) }}},
		{name: "float64", serde: &dynamic[float64]{"float64", serde.Float64, toFloat64, func(f float64) any { return plain(f) }}},
		{name: "bool", serde: &dynamic[bool]{"bool", serde.Bool, toBool, same[bool]}},
		{name: "bytes", serde: &dynamic[[]byte]{"bytes", serde.Bytes, toBytes, func(b []byte) any { return base64.StdEncoding.EncodeToString(b) }}},
	}
}

// formatNames are their names, for messages and the schema.
func formatNames() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// format finds a format of the file by its name.
func (l *loader) format(name string) *format {
	i := slices.IndexFunc(l.formats, func(f *format) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return l.formats[i]
}

// dynamic lends a serde of one type to values of any, of which it takes those of its type. Nil is Kafka's null.
type dynamic[T any] struct {
	name string
	base serde.Serde[T]
	to   func(any) (T, bool)
	from func(T) any
}

// Unwrap implements [serde.Wrapper].
func (d *dynamic[T]) Unwrap() any { return d.base }

// IsNull implements [serde.Nuller].
func (d *dynamic[T]) IsNull(v any) bool { return v == nil }

func (d *dynamic[T]) Append(dst []byte, v any) ([]byte, error) {
	t, ok := d.to(v)
	if !ok {
		return dst, fmt.Errorf("the serde %s cannot write %s: convert it, or choose another serde with the step serdes", d.name, described(v))
	}
	return d.base.Append(dst, t)
}

func (d *dynamic[T]) Decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	t, err := d.base.Decode(b)
	if err != nil {
		return nil, err
	}
	return d.from(t), nil
}

func same[T any](v T) any { return v }

func toString(v any) (string, bool) { s, ok := v.(string); return s, ok }
func toInt64(v any) (int64, bool)   { n, ok := v.(int64); return n, ok }
func toBool(v any) (bool, bool)     { b, ok := v.(bool); return b, ok }

func toInt32(v any) (int32, bool) {
	n, ok := v.(int64)
	return int32(n), ok && n >= math.MinInt32 && n <= math.MaxInt32
}

func toFloat64(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	}
	return 0, false
}

func toBytes(v any) ([]byte, bool) {
	s, ok := v.(string)
	if !ok {
		return nil, false
	}
	b, err := base64.StdEncoding.DecodeString(s)
	return b, err == nil
}

// Codec turns the keys or the values of a topic into JSON values (as [serde.JSONAny] has them) and back. A key in a window is
// {"key": …, "window": {"start": ms, "end": ms}}; bytes are base64. Nil is null both ways.
type Codec struct{ f *format }

// Name is the serde's name.
func (c Codec) Name() string { return c.f.name }

// Decode decodes bytes of the topic.
func (c Codec) Decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	v, err := c.f.serde.Decode(b)
	if k, ok := v.(windows.Keyed[any]); ok {
		v = map[string]any{"key": k.Key, "window": windowValue(k.Window)}
	}
	return v, err
}

// Encode encodes a JSON value.
func (c Codec) Encode(v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	if c.f.base == nil {
		return c.f.serde.Append([]byte{}, v)
	}
	m, _ := v.(map[string]any)
	w, _ := m["window"].(map[string]any)
	start, okStart := w["start"].(int64)
	end, okEnd := w["end"].(int64)
	if !okStart || !okEnd {
		return nil, fmt.Errorf("a key in a window is {key, window: {start, end}}, this is %s", described(v))
	}
	return c.f.serde.Append([]byte{}, windows.Keyed[any]{Key: m["key"], Window: windows.Window{Start: start, End: end}})
}

// PartitionKey is the part of an encoded key that decides the partition.
func (c Codec) PartitionKey(encoded []byte) []byte {
	if part := serde.PartitionKey(c.f.serde); part != nil {
		return part(encoded)
	}
	return encoded
}

// timeKeys are the keys of time windows of one size, in Kafka Streams' form.
func timeKeys(f *format, size time.Duration) *format {
	return f.windowed(windows.TimeKeySerde(f.serde, size))
}
