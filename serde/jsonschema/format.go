package jsonschema

import (
	"fmt"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/registry"
)

// The bounds of one value.
const (
	MaxBytes  = 4 << 20 // of JSON text
	MaxValues = 50_000  // in it: objects, arrays, their members and items
	// MaxSteps is how many schemas may be applied to it and what is in it. A list of schemas counts as many; a pattern as one for
	// each 16 characters that it has and bytes that it sees, multiplied; a format as one for 4 bytes; uniqueItems as ten for each
	// value that it compares. Small values may take 20,000, those that are more than 32 levels deep less.
	MaxSteps = 150_000
)

// Format is T as JSON that a schema checks. Make one with [Of] or [Any]. It implements registry.Format. Any number of
// goroutines may use one.
type Format[T any] struct {
	serde  serde.Serde[T]
	schema registry.Schema
	own    *checks
}

// Of is the format of T as serde.JSON writes it. The schema is a JSON Schema as text; the references are what its $refs
// mean, by their names, relative to its $id.
//
// An error says what is wrong with the schema. Whether T fits it shows when values are written.
func Of[T any](schema string, references ...registry.Reference) (*Format[T], error) {
	return newFormat(serde.JSON[T](), schema, references)
}

// Any is the format of any JSON, as serde.JSONAny writes it, otherwise as [Of].
func Any(schema string, references ...registry.Reference) (*Format[any], error) {
	return newFormat(serde.JSONAny(), schema, references)
}

func newFormat[T any](s serde.Serde[T], schema string, references []registry.Reference) (*Format[T], error) {
	f := &Format[T]{
		serde:  s,
		schema: registry.Schema{Type: registry.JSONSchema, Text: schema, References: references},
	}
	var err error
	if f.own, f.schema.Name, err = newChecks(f.schema); err != nil {
		return nil, fmt.Errorf("jsonschema: %w", err)
	}
	return f, nil
}

// Schema implements registry.Format. Its name is the schema's title, by which Confluent's serializers name subjects too. The
// caller must not change its references.
func (f *Format[T]) Schema() registry.Schema { return f.schema }

// IsNull reports whether v stands for Kafka's null: a nil any or a nil pointer.
func (f *Format[T]) IsNull(v T) bool {
	isNull := serde.IsNull(f.serde)
	return isNull != nil && isNull(v)
}

// Append implements registry.Format.
func (f *Format[T]) Append(dst []byte, v T) ([]byte, error) {
	before := len(dst)
	out, err := f.serde.Append(dst, v)
	if err != nil {
		return dst[:before], err
	}
	if _, err := f.own.check(out[before:]); err != nil {
		return dst[:before], fmt.Errorf("jsonschema: what would be written: %w", err)
	}
	return out, nil
}

// Reader implements registry.Format. A value that is not valid by the writer's schema is an error.
func (f *Format[T]) Reader(writer registry.Schema) (func(payload []byte) (T, error), error) {
	checks := f.own
	if writer.Text != f.schema.Text || len(writer.References)+len(f.schema.References) > 0 {
		var err error
		if checks, _, err = newChecks(writer); err != nil {
			return nil, fmt.Errorf("jsonschema: the writer's schema: %w", err)
		}
	}
	return func(payload []byte) (v T, err error) {
		checked, err := checks.check(payload)
		if err != nil {
			return v, fmt.Errorf("jsonschema: %w", err)
		}
		if p, ok := any(&v).(*any); ok { // it is decoded already
			*p = checked
			return v, nil
		}
		return f.serde.Decode(payload)
	}, nil
}
