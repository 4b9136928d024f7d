package avro

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/twmb/avro"

	"github.com/rivusio/rivusio/serde/registry"
)

// Typed is the format of T, a struct or what else a schema is of, by a schema in Avro's JSON. If the text is empty, the schema
// is made of the struct, whose tags are those of github.com/twmb/avro: `avro:"name,default=0,alias=old"`.
//
// Fields go by their tag, or by their Go name. What T has and the schema has not is left out; what the schema has and T has not
// is an error. A union with null is a pointer. Logical types: date and timestamps are a time.Time, times of a day a
// time.Duration, a decimal is a *big.Rat, a uuid a string or [16]byte.
//
// T is no pointer: serde.Pointer and serde.Nullable add Kafka's null.
func Typed[T any](schemaText string, opts ...Option) (*Format[T], error) {
	o, err := optionsOf(opts)
	if err != nil {
		return nil, err
	}
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return nil, fmt.Errorf("avro: Typed[%s]: want a type that is no pointer and no interface", t)
	}
	if schemaText == "" {
		var of []avro.SchemaOpt
		if o.namespace != "" {
			of = append(of, avro.WithNamespace(o.namespace))
		}
		made, err := avro.SchemaFor[T](of...)
		if err != nil {
			return nil, fmt.Errorf("avro: %s: %w", t, detail{err})
		}
		schemaText = made.String()
	}
	own, err := parse(registry.Schema{Type: registry.Avro, Text: schemaText, References: o.references}, false)
	if err != nil {
		return nil, err
	}
	c := &typed[T]{own: own, maxBytes: o.maxBytes, cost: costOf(t), variables: &sync.Pool{New: func() any { return new(T) }}}
	if err := c.fits(); err != nil {
		return nil, fmt.Errorf("avro: %s does not fit its schema: %w", t, detail{err})
	}
	return newFormat(own, c)
}

// typed is a codec of structs.
type typed[T any] struct {
	own       *schema
	maxBytes  int
	cost      cost
	variables *sync.Pool // of *T, each with the zero value: what the library is given lives on the heap
}

func (c *typed[T]) release(x *T) {
	var zero T
	*x = zero
	c.variables.Put(x)
}

func (c *typed[T]) append(dst []byte, v T) ([]byte, error) {
	x := c.variables.Get().(*T)
	defer c.release(x)
	*x = v
	b, err := c.own.avro.AppendEncode(dst, x)
	if err != nil {
		return dst, described(err)
	}
	if c.own.shape.maps {
		if err := sortMaps(b[len(dst):], c.own.root); err != nil {
			return dst, err
		}
	}
	return b, nil
}

func (c *typed[T]) reader(writer *schema) (func([]byte) (T, error), error) {
	resolved, each := c.own.avro, c.cost
	if writer != c.own {
		var err error
		if resolved, err = avro.Resolve(writer.avro, c.own.avro); err != nil {
			return nil, described(err)
		}
		each.item += c.own.shape.defaults
	}
	return func(b []byte) (v T, err error) {
		if writer.shape.mayExceed(len(b), each, c.maxBytes) {
			if err := check(b, writer.root, each, c.maxBytes); err != nil {
				return v, err
			}
		}
		x := c.variables.Get().(*T)
		defer c.release(x)
		rest, err := resolved.Decode(b, x)
		switch {
		case err != nil:
			if place := check(b, writer.root, each, c.maxBytes); place != nil {
				return v, place // says it better
			}
			return v, described(err)
		case len(rest) != 0:
			return v, trailing(len(rest))
		}
		return *x, nil
	}, nil
}

// fits decodes a value of the schema, to find out early what T has no room for.
func (c *typed[T]) fits() error {
	var v T
	_, err := c.own.avro.Decode(appendSample(nil, c.own.root, map[*node]bool{}), &v)
	var semantic *avro.SemanticError
	if errors.As(err, &semantic) && semantic.Err != nil && semantic.AvroType != "record" {
		return nil // a type that reads itself need not take an empty text
	}
	return err
}

// appendSample appends a value: zeros, and one item where there may be several.
func appendSample(dst []byte, n *node, open map[*node]bool) []byte {
	switch n.kind {
	case kindBoolean, kindInt, kindLong, kindEnum:
		return append(dst, 0)
	case kindFloat:
		return append(dst, make([]byte, 4)...)
	case kindDouble:
		return append(dst, make([]byte, 8)...)
	case kindFixed:
		return append(dst, make([]byte, min(n.size, maxSchemaBytes))...)
	case kindBytes:
		return append(dst, 2, 0)
	case kindString:
		if n.logical == "uuid" {
			return append(append(dst, 72), "00000000-0000-0000-0000-000000000000"...)
		}
		return append(dst, 0)
	case kindArray, kindMap:
		if open[n] {
			return append(dst, 0)
		}
		open[n] = true
		dst = append(dst, 2)
		if n.kind == kindMap {
			dst = append(dst, 0)
		}
		dst = append(appendSample(dst, n.items, open), 0)
		open[n] = false
	case kindUnion:
		for i, b := range n.branches { // the last but null, which fits everything
			if b.kind != kindNull && !open[n] {
				open[n] = true
				dst = appendSample(append(dst, byte(2*i)), b, open)
				open[n] = false
				return dst
			}
		}
		for i, b := range n.branches {
			if b.kind == kindNull {
				return append(dst, byte(2*i))
			}
		}
		return appendSample(append(dst, 0), n.branches[0], open)
	case kindRecord:
		for _, f := range n.fields {
			dst = appendSample(dst, f.node, open)
		}
	}
	return dst
}

// costOf is what a value and an item cost in variables of a type.
func costOf(t reflect.Type) cost {
	c := cost{value: 8, item: 16}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		if seen[t] {
			return
		}
		seen[t] = true
		switch t.Kind() {
		case reflect.Interface:
			c.value = dynamicCost.value
		case reflect.Slice, reflect.Pointer:
			c.item = max(c.item, int(t.Elem().Size())*2) // slices grow by doubling
			walk(t.Elem())
		case reflect.Map:
			c.item = max(c.item, int(t.Key().Size()+t.Elem().Size())*3)
			walk(t.Elem())
		case reflect.Array:
			walk(t.Elem())
		case reflect.Struct:
			for f := range t.Fields() {
				walk(f.Type)
			}
		}
	}
	walk(t)
	return c
}

// dynamicCost is that of a value in an interface, as a field of a record.
var dynamicCost = cost{value: 64, item: 32}
