package avro_test

import (
	"bytes"
	"testing"

	"github.com/rivusio/rivusio/serde/avro"
	"github.com/rivusio/rivusio/serde/internal/cost"
	"github.com/rivusio/rivusio/serde/registry"
)

// canonicalFrom checks that any bytes are an error or a value that has one form from then on.
func canonicalFrom[T any](t *testing.T, f *avro.Format[T], b []byte) {
	input := bytes.Clone(b)
	was := cost.Allocated()
	v, err := f.Decode(b)
	if n := cost.Allocated() - was; n > cost.MaxBytes {
		t.Errorf("decoding %d bytes allocated %d", len(b), n)
	}
	if !bytes.Equal(b, input) {
		t.Error("Decode changed its input")
	}
	if err != nil {
		if len(err.Error()) > 1000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
		return
	}
	clear(b)
	form, err := f.Append(nil, v)
	if err != nil {
		return // such as a decimal of more digits than its type has, which structs may hold
	}
	back, err := f.Decode(form)
	if err != nil {
		t.Fatalf("%x encodes to %x, which does not decode: %v", input, form, err)
	}
	if again, err := f.Append(nil, back); err != nil || !bytes.Equal(again, form) {
		t.Fatalf("%x encodes to %x and then to %x (%v)", input, form, again, err)
	}
}

func FuzzTyped(f *testing.F) {
	format := orderFormat(f)
	for _, v := range orders() {
		b, err := format.Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { canonicalFrom(t, format, b) })
}

func FuzzDynamic(f *testing.F) {
	format := avro.Must(avro.Dynamic(everything))
	for _, change := range []map[string]any{nil, {"u": []any{"RED", nil}, "dec": "-1.25"}, {"m": map[string]any{"b": map[string]any{"c": 1.5}, "a": map[string]any{}}}, {"next": all(nil)}} {
		b, err := format.Append(nil, all(change))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { canonicalFrom(t, format, b) })
}

// Any schema, and any bytes by it.
func FuzzSchema(f *testing.F) {
	f.Add(everything, []byte{0, 1, 2, 3})
	f.Add(record(fieldOf("a", `"int"`, `,"default":1`)), []byte{2})
	f.Add(`{"type":"array","items":{"type":"map","values":["null","long"]}}`, []byte{2, 2, 2, 'a', 2, 4, 0, 0})
	f.Add(`{"type":"record","name":"N","fields":[{"name":"n","type":["null","N"]}]}`, []byte{2, 2, 0})
	typed := avro.Must(avro.Typed[newUser](""))
	f.Fuzz(func(t *testing.T, schema string, b []byte) {
		was := cost.Allocated()
		if read, err := typed.Reader(registry.Schema{Type: registry.Avro, Text: schema}); err == nil {
			_, _ = read(bytes.Clone(b))
		}
		format, err := avro.Dynamic(schema)
		if n := cost.Allocated() - was; n > cost.MaxBytes {
			t.Errorf("a schema of %d bytes allocated %d", len(schema), n)
		}
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		v, err := format.Decode(bytes.Clone(b))
		if err != nil {
			return
		}
		form, err := format.Append(nil, v)
		if err != nil {
			return // such as the second of two records with the same fields
		}
		if _, err := format.Decode(form); err != nil {
			t.Fatalf("%x decodes to %v, which encodes to %x: %v", b, v, form, err)
		}
	})
}
