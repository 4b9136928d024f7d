package serde

import (
	jsonv1 "encoding/json"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"fmt"
	"reflect"
	"sync"
)

// JSON is the serde of T as one JSON text (RFC 8259), by encoding/json/v2 and its field tags.
//
// Encoding is deterministic: fields in the order of the struct, map keys sorted, no white space. A nil slice or map is
// written as null and an empty one as [] or {}, so that both come back as they were. A time.Duration is a number of
// nanoseconds. Strings that are not valid UTF-8, NaN and infinities are errors.
//
// Decoding takes any white space, order of members and unknown members. Errors are: invalid UTF-8, a name twice in one
// object, a value of another type, a number out of range, anything but white space after the value. Names match by case.
//
// If T is a pointer, nil is Kafka's null ([Nuller]); the JSON text null also decodes to nil.
//
// What JSON does not hold is lost: unexported fields, a time's monotonic clock, the dynamic type behind an interface.
func JSON[T any]() Serde[T] {
	s := newJSON[T]()
	if reflect.TypeFor[T]().Kind() == reflect.Pointer {
		return &jsonPointer[T]{s}
	}
	return s
}

var jsonOptions = json.JoinOptions(
	json.Deterministic(true),
	json.FormatNilSliceAsNull(true),
	json.FormatNilMapAsNull(true),
	jsonv1.FormatDurationAsNano(true),
)

// jsonSerde holds its variables in a pool: what encoding/json is given lives on the heap, and that is one variable for
// each goroutine at work instead of two for each record.
type jsonSerde[T any] struct {
	jsonText
	variables sync.Pool // of *jsonVariable[T]
}

// jsonVariable holds the zero value and nothing of the caller's between uses.
type jsonVariable[T any] struct {
	v T
	w jsonWriter
}

func newJSON[T any]() *jsonSerde[T] {
	return &jsonSerde[T]{
		jsonText:  newJSONText(reflect.TypeFor[T]()),
		variables: sync.Pool{New: func() any { return new(jsonVariable[T]) }},
	}
}

func (s *jsonSerde[T]) release(x *jsonVariable[T]) {
	var zero T
	x.v, x.w.out = zero, nil
	s.variables.Put(x)
}

func (s *jsonSerde[T]) Append(dst []byte, v T) ([]byte, error) {
	x := s.variables.Get().(*jsonVariable[T])
	defer s.release(x)
	x.v = v
	return s.append(&x.w, dst, &x.v)
}

func (s *jsonSerde[T]) Decode(b []byte) (v T, err error) {
	x := s.variables.Get().(*jsonVariable[T])
	defer s.release(x)
	if err = s.decode(b, &x.v); err == nil {
		v = x.v
	}
	return v, err
}

// jsonText is what does not have to know the type, and so is compiled once.
type jsonText struct {
	name  string
	exact bool // see [Exact]
}

func newJSONText(t reflect.Type) jsonText {
	return jsonText{name: fmt.Sprintf("JSON[%s]", t), exact: exactJSON(t)}
}

// jsonWriter collects what an encoder writes.
type jsonWriter struct {
	out []byte
	enc *jsontext.Encoder // writes to out; nil until it is needed
}

// Write implements [io.Writer].
func (w *jsonWriter) Write(p []byte) (int, error) {
	w.out = append(w.out, p...)
	return len(p), nil
}

// append appends the text of what v points to.
func (t *jsonText) append(w *jsonWriter, dst []byte, v any) ([]byte, error) {
	enc := w.enc
	if enc == nil {
		enc = jsontext.NewEncoder(w, jsonOptions)
	}
	w.out, w.enc = dst, nil
	if err := json.MarshalEncode(enc, v); err != nil {
		return dst, fmt.Errorf("serde: %s: %w", t.name, detail{err})
	}
	w.enc = enc                      // after an error or a panic it is in the middle of a value
	return w.out[:len(w.out)-1], nil // without the line's end
}

// decode reads b into what v points to.
func (t *jsonText) decode(b []byte, v any) error {
	if err := json.Unmarshal(b, v, jsonOptions); err != nil {
		return fmt.Errorf("serde: %s: %s: %w", t.name, shown(b), detail{err})
	}
	return nil
}

// jsonPointer is JSON of a pointer type, whose nil is Kafka's null.
type jsonPointer[T any] struct{ *jsonSerde[T] }

func (*jsonPointer[T]) IsNull(v T) bool {
	var null T
	return any(v) == any(null) // compares two pointers
}

func (s *jsonPointer[T]) Append(dst []byte, v T) ([]byte, error) {
	if s.IsNull(v) {
		return dst, errNull
	}
	return s.jsonSerde.Append(dst, v)
}

func (s *jsonPointer[T]) Decode(b []byte) (v T, err error) {
	if b == nil {
		return v, nil
	}
	return s.jsonSerde.Decode(b)
}
