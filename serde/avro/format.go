package avro

import (
	"fmt"
	"reflect"

	"github.com/rivusio/rivusio/serde/registry"
)

// Format reads and writes values of T as Avro, by one schema. Make one with [Typed] or [Dynamic]. It implements
// registry.Format, and serde.Serde without a registry. Any number of goroutines may use it.
type Format[T any] struct {
	name  string // for errors
	own   *schema
	codec codec[T]
	read  func([]byte) (T, error) // what was written by the format's own schema
}

// codec is one of the libraries behind a format.
type codec[T any] interface {
	append(dst []byte, v T) ([]byte, error)
	// reader makes the function for a writer's schema. Its errors do not name the format.
	reader(writer *schema) (func([]byte) (T, error), error)
}

// Option changes a [Format].
type Option func(*options)

type options struct {
	namespace  string
	references []registry.Reference
	maxBytes   int
}

const defaultMaxBytes = 32 << 20

func optionsOf(opts []Option) (options, error) {
	o := options{maxBytes: defaultMaxBytes}
	for _, opt := range opts {
		opt(&o)
	}
	if o.maxBytes <= 0 {
		return o, fmt.Errorf("avro: MaxBytes is %d, want more than 0", o.maxBytes)
	}
	return o, nil
}

// Namespace is the namespace of a schema that is made of a struct. Without it there is none. It does nothing to a schema that
// is given as text.
func Namespace(name string) Option { return func(o *options) { o.namespace = name } }

// References are the schemas that the format's own one refers to.
func References(refs ...registry.Reference) Option {
	return func(o *options) { o.references = append(o.references, refs...) }
}

// MaxBytes bounds the memory of one decoded value, by an estimate that takes every value of its own for several words. Default
// 32 MiB.
func MaxBytes(n int) Option { return func(o *options) { o.maxBytes = n } }

// Must returns the format, and panics if there is an error: for variables of packages, whose schemas are constants.
func Must[T any](f *Format[T], err error) *Format[T] {
	if err != nil {
		panic(err)
	}
	return f
}

func newFormat[T any](own *schema, c codec[T]) (*Format[T], error) {
	f := &Format[T]{name: own.name, own: own, codec: c}
	switch {
	case f.name != "":
	case own.raw:
		f.name = own.root.name
	default:
		f.name = reflect.TypeFor[T]().String()
	}
	read, err := c.reader(own)
	if err != nil {
		return nil, fmt.Errorf("avro: %s: %w", f.name, err)
	}
	f.read = f.named(read)
	return f, nil
}

// Schema implements registry.Format.
func (f *Format[T]) Schema() registry.Schema { return f.own.source }

// Append implements registry.Format and serde.Serde.
func (f *Format[T]) Append(dst []byte, v T) (b []byte, err error) {
	defer func() {
		if p := recover(); p != nil { // of a method by which a type of the user writes itself
			b, err = dst, fmt.Errorf("avro: %s: panic: %v", f.name, p)
		}
	}()
	b, err = f.codec.append(dst, v)
	if err != nil {
		return dst, fmt.Errorf("avro: %s: %w", f.name, detail{err})
	}
	return b, nil
}

// Decode implements serde.Serde: it reads what was written by the format's own schema.
func (f *Format[T]) Decode(b []byte) (T, error) { return f.read(b) }

// Reader implements registry.Format. An error says where the two schemas do not go together.
func (f *Format[T]) Reader(writer registry.Schema) (func(payload []byte) (T, error), error) {
	w, err := parse(writer, f.own.raw)
	if err != nil {
		return nil, err
	}
	read, err := f.codec.reader(w)
	if err != nil {
		return nil, fmt.Errorf("avro: %s: %w", f.name, detail{err})
	}
	return f.named(read), nil
}

// named makes errors and panics of a reader errors of the format.
func (f *Format[T]) named(read func([]byte) (T, error)) func([]byte) (T, error) {
	return func(b []byte) (v T, err error) {
		defer func() {
			if p := recover(); p != nil {
				var none T
				v, err = none, fmt.Errorf("avro: %s: %s: panic: %v", f.name, shown(b), p)
			}
		}()
		v, err = read(b)
		if err != nil {
			var none T
			return none, fmt.Errorf("avro: %s: %s: %w", f.name, shown(b), detail{err})
		}
		return v, nil
	}
}
