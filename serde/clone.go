package serde

import (
	"reflect"
	"time"
)

// Cloner returns a function that copies a value by encoding and decoding it, for whoever keeps a value that user code may
// go on to change in place. It is nil if values of type T cannot be changed in place: numbers, strings, and structs and
// arrays of such.
func Cloner[T any](s Serde[T]) func(T) (T, error) {
	if !mutable(reflect.TypeFor[T]()) {
		return nil
	}
	isNull := IsNull(s)
	return func(v T) (T, error) {
		if isNull != nil && isNull(v) {
			return s.Decode(nil)
		}
		b, err := s.Append([]byte{}, v)
		if err != nil {
			return v, err
		}
		return s.Decode(b)
	}
}

func mutable(t reflect.Type) bool {
	if t == reflect.TypeFor[time.Time]() {
		return false
	}
	switch t.Kind() {
	case reflect.Array:
		return mutable(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if mutable(t.Field(i).Type) {
				return true
			}
		}
		return false
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Pointer, reflect.Slice, reflect.UnsafePointer:
		return true
	default:
		return false
	}
}
