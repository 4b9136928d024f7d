package serde

import (
	"encoding"
	"encoding/json/v2"
	"reflect"
	"time"
)

// Provider is implemented by a type T, or by *T, that brings its own default serde for [For] and [ForKey]. The method is
// called on the zero value. It may return nil: the type has no default.
type Provider[T any] interface {
	Serde() Serde[T]
}

// For returns the default serde of T, or nil if T has none. The kind decides, so with type CustomerID string a CustomerID
// is written as a string. The first line that fits counts:
//
//	a type with a method Serde        what that returns ([Provider]; also Optional[T] and windowed keys)
//	string                            [String]
//	[]byte                            [Bytes]
//	bool                              [Bool]
//	int64, int                        [Int64]: 8 bytes
//	int32, int16, int8                big-endian two's complement: 4 ([Int32]), 2 (Kafka's Short), 1 byte
//	uint64, uint, uint32, uint16, uint8   big-endian: 8, 8, 4, 2, 1 byte
//	float64, float32                  IEEE 754, big-endian: 8 ([Float64]) and 4 bytes (Kafka's Float)
//	time.Time                         [Time]
//	struct, array, slice, map         [JSON]
//	pointer to one of the last line   [JSON], with nil as null
//
// No default: complex numbers, channels, functions, interfaces, uintptr and unsafe pointers, and composed types that
// contain one of these where JSON would write it (interface{} is allowed there); pointers to anything else ([Pointer] of
// the element's serde says which form is meant); structs that have fields but none that JSON writes.
func For[T any]() Serde[T] {
	if p, ok := any(new(T)).(Provider[T]); ok {
		return p.Serde()
	}
	if s := byKind[T](); s != nil {
		return s
	}
	if hasJSON(reflect.TypeFor[T]()) {
		return JSON[T]()
	}
	return nil
}

// ForKey returns the default serde of T as a key, or nil if T has none. Keys are told apart by their bytes, in topics,
// stores and the choice of a partition, so a key's serde must encode equal values to equal bytes and different values to
// different ones. Of [For] remain:
//
//	a type with a method Serde                  unless the serde has a null
//	strings, []byte, booleans, integers
//	time.Time                                   all times of one millisecond are one key
//	structs and arrays of strings, booleans, integers, structs and arrays, all of whose fields are exported, not embedded
//	and not hidden from JSON
//	structs and arrays that marshal themselves (to text or JSON), which is trusted to be unambiguous
//
// The others need an explicit serde as a key: floats (0 and -0 are equal but have different bytes, a NaN is not equal to
// itself), maps and slices (nil and empty ones), pointers, interfaces, a time.Time inside of JSON (one instant has a text
// for every location), fields that are not written.
//
// The bytes of a struct follow its field names and their order: changing those makes other keys of them.
func ForKey[T any]() Serde[T] {
	if p, ok := any(new(T)).(Provider[T]); ok {
		s := p.Serde()
		if s == nil || IsNull(s) != nil {
			return nil
		}
		return s
	}
	switch t := reflect.TypeFor[T](); t.Kind() {
	case reflect.Float32, reflect.Float64:
		return nil
	case reflect.Struct, reflect.Array:
		if s := byKind[T](); s != nil {
			return s
		}
		if isKey(t) {
			return JSON[T]()
		}
		return nil
	default:
		return byKind[T]()
	}
}

var (
	timeType = reflect.TypeFor[time.Time]()
	anyType  = reflect.TypeFor[any]()

	marshalers = []reflect.Type{
		reflect.TypeFor[json.MarshalerTo](),
		reflect.TypeFor[json.Marshaler](),
		reflect.TypeFor[encoding.TextAppender](),
		reflect.TypeFor[encoding.TextMarshaler](),
	}
)

// marshalsItself reports whether encoding/json/v2 asks the type for its JSON. Whatever its kind, only its author knows
// what comes out.
func marshalsItself(t reflect.Type) bool {
	for _, m := range marshalers {
		if t.Implements(m) || reflect.PointerTo(t).Implements(m) {
			return true
		}
	}
	return false
}

// hasJSON reports whether t, not being a scalar, is by default written as JSON.
func hasJSON(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
		if t == timeType {
			return false
		}
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Array, reflect.Slice, reflect.Map:
		return inJSON(t, map[reflect.Type]bool{})
	default:
		return false
	}
}

// inJSON reports whether JSON can hold a value of type t. Types in seen are being looked at: a recursive type is as good
// as its other parts.
func inJSON(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] || marshalsItself(t) {
		return true
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.Uintptr, reflect.UnsafePointer:
		return false
	case reflect.Interface:
		return t == anyType // any other cannot be decoded into
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return inJSON(t.Elem(), seen)
	case reflect.Map:
		return isMemberName(t.Key()) && inJSON(t.Elem(), seen)
	case reflect.Struct:
		return fieldsInJSON(t, seen)
	default:
		return true
	}
}

// isMemberName reports whether JSON can write t as the name of a member.
func isMemberName(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	default:
		return marshalsItself(t)
	}
}

func fieldsInJSON(t reflect.Type, seen map[reflect.Type]bool) bool {
	written := 0
	for f := range t.Fields() {
		if f.Tag.Get("json") == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		written++
		if !inJSON(f.Type, seen) {
			return false
		}
	}
	return written > 0 || t.NumField() == 0
}

// isKey reports whether values of type t are equal exactly if their JSON is.
func isKey(t reflect.Type) bool {
	if t == timeType {
		return false
	}
	if marshalsItself(t) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Array:
		return isKey(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if !f.IsExported() || f.Anonymous || f.Tag.Get("json") == "-" || !isKey(f.Type) {
				return false
			}
		}
		return true
	default:
		return false
	}
}
