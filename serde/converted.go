package serde

import (
	"reflect"
	"sync"
	"time"
)

// bases are the serdes of the kinds that are not written as JSON. A struct is one if it is a time.
var bases = map[reflect.Kind]base{
	reflect.String:  baseOf[string]{String},
	reflect.Slice:   baseOf[[]byte]{Bytes},
	reflect.Bool:    baseOf[bool]{Bool},
	reflect.Int:     baseOf[int]{integer[int]{"Int", 8}},
	reflect.Int8:    baseOf[int8]{integer[int8]{"Int8", 1}},
	reflect.Int16:   baseOf[int16]{integer[int16]{"Int16", 2}},
	reflect.Int32:   baseOf[int32]{Int32},
	reflect.Int64:   baseOf[int64]{Int64},
	reflect.Uint:    baseOf[uint]{integer[uint]{"Uint", 8}},
	reflect.Uint8:   baseOf[uint8]{integer[uint8]{"Uint8", 1}},
	reflect.Uint16:  baseOf[uint16]{integer[uint16]{"Uint16", 2}},
	reflect.Uint32:  baseOf[uint32]{integer[uint32]{"Uint32", 4}},
	reflect.Uint64:  baseOf[uint64]{integer[uint64]{"Uint64", 8}},
	reflect.Float32: baseOf[float32]{float32Serde{}},
	reflect.Float64: baseOf[float64]{Float64},
	reflect.Struct:  baseOf[time.Time]{Time},
}

// byKind returns the serde of a T that is not written as JSON, or nil. Only what has to know T is compiled for each T.
func byKind[T any]() Serde[T] {
	b := bases[reflect.TypeFor[T]().Kind()]
	if b == nil {
		return nil
	}
	if same, ok := b.serde().(Serde[T]); ok {
		return same
	}
	if !b.writes(reflect.TypeFor[*T]()) {
		return nil
	}
	c := &converted[T]{base: b}
	c.cells.New = func() any {
		v := new(T)
		return &cell[T]{v, b.variable(reflect.ValueOf(v))}
	}
	return c
}

// base is a [baseOf] whatever its type.
type base interface {
	serde() any
	// writes reports whether what a pointer of type t points to has the underlying type that is written here.
	writes(t reflect.Type) bool
	// variable is the variable behind p, which is such a pointer.
	variable(p reflect.Value) variable
}

// variable is a variable that can be written and read.
type variable interface {
	append(dst []byte) ([]byte, error)
	decode(b []byte) error
}

type baseOf[B any] struct{ Serde[B] }

func (b baseOf[B]) serde() any                 { return b.Serde }
func (b baseOf[B]) writes(t reflect.Type) bool { return t.ConvertibleTo(reflect.TypeFor[*B]()) }

func (b baseOf[B]) variable(p reflect.Value) variable {
	return &variableOf[B]{b.Serde, p.Convert(reflect.TypeFor[*B]()).Interface().(*B)}
}

type variableOf[B any] struct {
	serde Serde[B]
	v     *B
}

func (x *variableOf[B]) append(dst []byte) ([]byte, error) { return x.serde.Append(dst, *x.v) }

func (x *variableOf[B]) decode(b []byte) (err error) {
	*x.v, err = x.serde.Decode(b)
	return err
}

// converted lends T the serde of its underlying type. Generic code cannot convert a T to that; but reflection gives a
// pointer to one variable under both types, once, and then a conversion is a store and a load.
type converted[T any] struct {
	base  base
	cells sync.Pool // of *cell[T]
}

// cell is one variable seen as either type. It holds the zero value between uses, so that it keeps no memory alive.
type cell[T any] struct {
	v    *T
	base variable
}

func (c *converted[T]) Append(dst []byte, v T) ([]byte, error) {
	x := c.cells.Get().(*cell[T])
	*x.v = v
	dst, err := x.base.append(dst)
	c.release(x)
	return dst, err
}

func (c *converted[T]) Decode(b []byte) (T, error) {
	x := c.cells.Get().(*cell[T])
	err := x.base.decode(b)
	v := *x.v
	c.release(x)
	return v, err
}

func (c *converted[T]) release(x *cell[T]) {
	var zero T
	*x.v = zero
	c.cells.Put(x)
}
