//go:build !race

package avro_test

import (
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde/avro"
)

type flat struct {
	A int64     `avro:"a"`
	B int32     `avro:"b"`
	C bool      `avro:"c"`
	D float64   `avro:"d"`
	E float32   `avro:"e"`
	T time.Time `avro:"t"`
}

type texts struct {
	A string `avro:"a"`
	B string `avro:"b"`
	N int64  `avro:"n"`
}

// Encoding allocates nothing, and decoding nothing but the value's own strings, slices, maps and pointers.
func TestTypedAllocates(t *testing.T) {
	itemized := avro.Must(avro.Typed[[]item](`{"type":"array","items":{"type":"record","name":"item","fields":[{"name":"sku","type":"string"},{"name":"price","type":"double"}]}}`))
	items := []item{{"a", 1}, {"b", 2}, {"c", 3}}
	itemBytes, _ := itemized.Append(nil, items)
	flatly := avro.Must(avro.Typed[flat](""))
	textual := avro.Must(avro.Typed[texts](""))
	buffer := make([]byte, 0, 4096)
	flatBytes, _ := flatly.Append(nil, flat{A: 5, T: time.UnixMilli(7)})
	textBytes, _ := textual.Append(nil, texts{"one text", "another", 5})
	for _, test := range []struct {
		name string
		most float64
		f    func() error
	}{
		{"encode scalars", 0, func() error { _, err := flatly.Append(buffer, flat{A: 5}); return err }},
		{"encode texts", 0, func() error { _, err := textual.Append(buffer, texts{"one text", "another", 5}); return err }},
		{"encode items", 0, func() error { _, err := itemized.Append(buffer, items); return err }},
		{"decode items", 4, func() error { _, err := itemized.Decode(itemBytes); return err }},
		{"decode scalars", 0, func() error { _, err := flatly.Decode(flatBytes); return err }},
		{"decode texts", 2, func() error { _, err := textual.Decode(textBytes); return err }},
	} {
		if n := testing.AllocsPerRun(200, func() {
			if err := test.f(); err != nil {
				t.Fatal(err)
			}
		}); n > test.most {
			t.Errorf("%s: %v allocations, want at most %v", test.name, n, test.most)
		}
	}
}
