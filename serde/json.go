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
		return jsonPointer[T]{s}
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
	name      string
	exact     bool       // see [Exact]
	variables *sync.Pool // of *jsonVariable[T]
}

// jsonVariable holds the zero value and nothing of the caller's between uses.
type jsonVariable[T any] struct {
	v   T
	out []byte
	enc *jsontext.Encoder // writes to out; nil until it is needed
}

// Write implements [io.Writer].
func (x *jsonVariable[T]) Write(p []byte) (int, error) {
	x.out = append(x.out, p...)
	return len(p), nil
}

func newJSON[T any]() jsonSerde[T] {
	return jsonSerde[T]{
		name:      fmt.Sprintf("JSON[%s]", reflect.TypeFor[T]()),
		exact:     exactJSON(reflect.TypeFor[T]()),
		variables: &sync.Pool{New: func() any { return new(jsonVariable[T]) }},
	}
}

func (s jsonSerde[T]) release(x *jsonVariable[T]) {
	var zero T
	x.v, x.out = zero, nil
	s.variables.Put(x)
}

func (s jsonSerde[T]) Append(dst []byte, v T) ([]byte, error) {
	x := s.variables.Get().(*jsonVariable[T])
	defer s.release(x)
	enc := x.enc
	if enc == nil {
		enc = jsontext.NewEncoder(x, jsonOptions)
	}
	x.v, x.out, x.enc = v, dst, nil
	if err := json.MarshalEncode(enc, &x.v); err != nil {
		return dst, fmt.Errorf("serde: %s: %w", s.name, detail{err})
	}
	x.enc = enc                      // after an error or a panic it is in the middle of a value
	return x.out[:len(x.out)-1], nil // without the line's end
}

func (s jsonSerde[T]) Decode(b []byte) (T, error) {
	x := s.variables.Get().(*jsonVariable[T])
	defer s.release(x)
	if err := json.Unmarshal(b, &x.v, jsonOptions); err != nil {
		var zero T
		return zero, fmt.Errorf("serde: %s: %s: %w", s.name, shown(b), detail{err})
	}
	return x.v, nil
}

// jsonPointer is JSON of a pointer type, whose nil is Kafka's null.
type jsonPointer[T any] struct{ jsonSerde[T] }

func (jsonPointer[T]) IsNull(v T) bool {
	var null T
	return any(v) == any(null) // compares two pointers
}

func (s jsonPointer[T]) Append(dst []byte, v T) ([]byte, error) {
	if s.IsNull(v) {
		return dst, errNull
	}
	return s.jsonSerde.Append(dst, v)
}

func (s jsonPointer[T]) Decode(b []byte) (T, error) {
	if b == nil {
		var null T
		return null, nil
	}
	return s.jsonSerde.Decode(b)
}
