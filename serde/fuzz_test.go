package serde_test

import (
	"bytes"
	"encoding/json/jsontext"
	"math"
	"reflect"
	"runtime/metrics"
	"testing"

	"github.com/rivusio/rivusio/serde"
)

// Any bytes either are an error of every fixed form or decode to what encodes to the same bytes: these forms are canonical.
func FuzzScalars(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Add([]byte{0x80, 0})
	f.Add([]byte{0x7f, 0xc0, 0, 1})
	f.Add([]byte{0x7f, 0xf8, 0, 0, 0, 0, 0, 1})
	f.Add([]byte{0x80, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte("käse\xff, longer than any number"))
	checks := []func(*testing.T, []byte){
		canonical(serde.String), canonical(serde.Bytes), canonical(serde.Bool), canonical(serde.Int32), canonical(serde.Int64), canonical(serde.Time),
		canonical(serde.For[int]()), canonical(serde.For[int8]()), canonical(serde.For[int16]()),
		canonical(serde.For[uint]()), canonical(serde.For[uint8]()), canonical(serde.For[uint16]()), canonical(serde.For[uint32]()), canonical(serde.For[uint64]()),
		canonicalBut(serde.For[float32](), func(v float32) bool { return v != v }),
		canonicalBut(serde.Float64, math.IsNaN),
		canonical(serde.For[customerID]()), canonical(serde.For[cents]()), canonical(serde.For[raw]()),
		canonical(serde.Nullable(serde.Int64)), canonical(serde.Pointer(serde.String)),
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, check := range checks {
			check(t, b)
		}
	})
}

func canonical[T any](s serde.Serde[T]) func(*testing.T, []byte) {
	return canonicalBut(s, func(T) bool { return false })
}

func canonicalBut[T any](s serde.Serde[T], except func(T) bool) func(*testing.T, []byte) {
	name := reflect.TypeFor[T]()
	return func(t *testing.T, b []byte) {
		if b == nil {
			b = []byte{} // nil is Kafka's null
		}
		v, err := s.Decode(b)
		if err != nil || except(v) {
			return
		}
		if again, err := s.Append(nil, v); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%v: %x decodes to %v, which encodes to %x (%v)", name, b, v, again, err)
		}
	}
}

// document has every kind of part that JSON treats by itself.
type document struct {
	order
	Any   any
	Raw   jsontext.Value
	Next  *document
	Sizes map[float32]uint8
	Tag   tag
	Named struct {
		V int `json:"v,omitempty"`
	} `json:"named,omitzero"`
}

// JSON from anywhere is an error or a value that has one form from then on, and takes memory in proportion to its text.
func FuzzJSON(f *testing.F) {
	s := serde.JSON[document]()
	f.Add([]byte(`{"ID":"a","Cents":-5,"Paid":true,"Weight":1e-3,"Lines":[{"SKU":"x","Tags":[]},{}],"ByRegion":{"b":1,"a":2},"Note":null}`))
	f.Add([]byte(`{"BySize":{"1":"AQ=="},"Wait":5,"Place":[1,2],"Any":[{"x":[null,1.5]}],"Raw": [ 1 ],"Next":{"Next":{}},"Sizes":{"1.5":255},"Tag":"01ff","named":{"v":1}}`))
	f.Add([]byte(`[[[[[[[[`))
	f.Add([]byte("{\"ID\":\"\xff\"} {}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		input := bytes.Clone(b)
		before := allocatedBytes()
		v, err := s.Decode(b)
		// The largest part per byte of input is "{}," in Next or Lines, one struct for three bytes; slices grow by doubling.
		if got, bound := allocatedBytes()-before, uint64(1<<20+2000*len(b)); got > bound {
			t.Errorf("decoding %d bytes allocated %d, want at most %d", len(b), got, bound)
		}
		if !bytes.Equal(b, input) {
			t.Error("Decode changed its input")
		}
		if err != nil {
			if len(err.Error()) > 400 {
				t.Errorf("error of %d bytes for an input of %d", len(err.Error()), len(b))
			}
			return
		}
		form, err := s.Append(nil, v)
		if err != nil {
			t.Fatalf("%q decodes to a value that does not encode: %v", b, err)
		}
		clear(b)
		again, err := s.Append(nil, v)
		if err != nil || !bytes.Equal(again, form) {
			t.Fatalf("the value changed with its input: %q, was %q (%v)", again, form, err)
		}
		back, err := s.Decode(form)
		if err != nil {
			t.Fatalf("%q encodes to %q, which does not decode: %v", input, form, err)
		}
		if again, err = s.Append(nil, back); err != nil || !bytes.Equal(again, form) {
			t.Fatalf("%q encodes after decoding to %q (%v)", form, again, err)
		}
	})
}

// allocatedBytes is what this process allocated since its start. It also counts other goroutines.
func allocatedBytes() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
