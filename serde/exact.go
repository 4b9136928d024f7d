package serde

import (
	"encoding"
	"encoding/json/v2"
	"reflect"
	"strings"
)

// Exact is implemented by a [Serde] whose values come back as they were: Decode of what Append wrote is v again, for each v that
// Append takes, and copies of v share no memory that can be changed. A replay then does not decode what it has just encoded.
type Exact interface {
	Exact() bool
}

// IsExact reports whether a serde says that it is [Exact].
func IsExact[T any](s Serde[T]) bool {
	e, ok := s.(Exact)
	return ok && e.Exact()
}

// Exact implements [Exact].
func (stringSerde) Exact() bool { return true }

// Exact implements [Exact].
func (integer[T]) Exact() bool { return true }

// Exact implements [Exact].
func (boolSerde) Exact() bool { return true }

// Exact implements [Exact].
func (c *converted[T]) Exact() bool {
	e, ok := c.base.serde().(Exact)
	return ok && e.Exact()
}

// Exact implements [Exact]: it is for booleans, numbers, strings, and structs of nothing else all of whose fields JSON holds.
func (t *jsonText) Exact() bool { return t.exact }

// jsonMethods are those by which a type is written or read in its own way.
var jsonMethods = []reflect.Type{
	reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.MarshalerTo](), reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[json.UnmarshalerFrom](),
	reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextAppender](), reflect.TypeFor[encoding.TextUnmarshaler](),
}

// exactJSON reports whether JSON holds all of a type's values, and nothing in them is shared by copies.
func exactJSON(t reflect.Type) bool {
	for _, methods := range jsonMethods {
		if reflect.PointerTo(t).Implements(methods) {
			return false
		}
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			tag, _ := f.Tag.Lookup("json")
			if !f.IsExported() || f.Anonymous || tag == "-" || strings.ContainsAny(tag, ",'") || !exactJSON(f.Type) {
				return false // options are not looked at: some of them lose something
			}
		}
		return true
	}
	return false
}
