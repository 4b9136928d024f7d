package jsonschema_test

import (
	"testing"

	"github.com/rivusio/rivusio/serde/jsonschema"
	"github.com/rivusio/rivusio/serde/serdetest"
)

// ownSerde is the serde of a format by its own schema.
type ownSerde[T any] struct {
	*jsonschema.Format[T]
	read func([]byte) (T, error)
}

// Decode implements serde.Serde; nil is Kafka's null where T has one.
func (s ownSerde[T]) Decode(b []byte) (T, error) {
	if b == nil {
		var none T
		return none, nil
	}
	return s.read(b)
}

func own[T any](t *testing.T, f *jsonschema.Format[T], err error) ownSerde[T] {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	read, err := f.Reader(f.Schema())
	if err != nil {
		t.Fatal(err)
	}
	return ownSerde[T]{f, read}
}

func TestRulesOfSerdes(t *testing.T) {
	t.Run("Any", func(t *testing.T) {
		f, err := jsonschema.Any(`{"type":["object","array"],"maxProperties":3,"items":{"minimum":-5}}`)
		serdetest.Run(t, own(t, f, err), []any{map[string]any{"a": []any{1.5, "käse", nil}, "b": map[string]any{}}, []any{int64(1)}, nil})
	})
	t.Run("Of", func(t *testing.T) {
		f, err := jsonschema.Of[*order](orderSchema)
		serdetest.Run(t, own(t, f, err), []*order{{ID: "o-1", Count: 2}, {ID: "o-2"}, nil})
	})
}
