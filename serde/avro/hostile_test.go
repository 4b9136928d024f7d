package avro_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/serde/avro"
	"github.com/rivusio/rivusio/serde/internal/cost"
	"github.com/rivusio/rivusio/serde/registry"
)

func long(numbers ...int64) (b []byte) {
	for _, n := range numbers {
		b = binary.AppendVarint(b, n)
	}
	return b
}

// bounded holds f to what one message may take.
func bounded(t *testing.T, f func() error) error {
	t.Helper()
	return cost.Message(t, "it", f)
}

type empty struct{}

type wide struct {
	A, B, C, D, E, F, G, H *int64
	S                      string `avro:"s"`
}

// Payloads that claim more than they have, by every format.
func TestHostilePayloads(t *testing.T) {
	const mib = 1 << 20
	nulls := `{"type":"array","items":"null"}`
	node := `{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}`
	tree := `{"type":"record","name":"N","fields":[{"name":"next","type":{"type":"array","items":"N"}}]}`
	for _, test := range []struct {
		name, schema string
		payload      []byte
		want         string
	}{
		{"huge count", `{"type":"array","items":"string"}`, long(500_000_000), "a block of 500000000 items at offset 0"},
		{"huge count of a map", `{"type":"map","values":"long"}`, long(500_000_000), "a block of 500000000 items at offset 0"},
		{"greatest count", `{"type":"array","items":"int"}`, long(math.MaxInt64), "a block of"},
		{"least count", `{"type":"array","items":"int"}`, long(math.MinInt64), "a block of"},
		{"negative count", `{"type":"array","items":"int"}`, long(-500_000_000, 1), "a block of"},
		{"negative size of a block", `{"type":"array","items":"int"}`, long(-1, -5), "-5 bytes"},
		{"nulls", nulls, long(1<<40, 0), "a block of"},
		{"many blocks of nulls", nulls, bytes.Repeat(long(4000), mib/2), ""},
		{"arrays of nulls", `{"type":"array","items":` + nulls + `}`, append(long(mib/3), bytes.Repeat(long(4000, 0), mib/3)...), ""},
		{"negative length", `"string"`, long(-1), "length -1 of string at offset 0"},
		{"huge length", `"bytes"`, long(1 << 60), "length 1152921504606846976 of bytes at offset 0, where 0 bytes are left"},
		{"truncated", `"double"`, make([]byte, 7), "7 bytes are left at offset 0, want 8 of a double"},
		{"long number", `"long"`, bytes.Repeat([]byte{0xff}, 100), "more than 64 bits at offset 0"},
		{"int of 64 bits", `"int"`, long(1 << 40), ""},
		{"no such branch", `["null","int"]`, long(2), "branch 2 at offset 0, want one of the 2"},
		{"negative branch", `["null","int"]`, long(-1), "branch -1"},
		{"no such symbol", `{"type":"enum","name":"E","symbols":["A"]}`, long(1), "symbol 1 at offset 0"},
		{"deep list", node, bytes.Repeat(long(1), mib), "levels deep"},
		{"deep tree", tree, bytes.Repeat(long(1), mib), "levels deep"},
		{"small items", `{"type":"array","items":{"type":"array","items":"int"}}`, append(long(mib), make([]byte, mib+1)...), ""},
		{"many small records", `{"type":"array","items":{"type":"record","name":"W","fields":[` +
			`{"name":"a","type":"null"},{"name":"b","type":"null"},{"name":"c","type":"null"},{"name":"d","type":"boolean"}]}}`, append(long(mib), make([]byte, mib+1)...), "memory"},
		{"left over", `"null"`, []byte{0}, "1 bytes are left"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := avro.Dynamic(test.schema)
			if err != nil {
				t.Fatal(err)
			}
			decode := map[string]func([]byte) (any, error){"own schema": f.Decode}
			wider, err := avro.Dynamic(`["boolean",` + test.schema + `]`) // another schema: it is resolved
			if err == nil {
				if decode["resolved"], err = wider.Reader(f.Schema()); err != nil {
					t.Fatal(err)
				}
			}
			for name, decode := range decode {
				err := bounded(t, func() error { _, err := decode(test.payload); return err })
				if err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 600 {
					t.Errorf("%s: error is %v, want one with %q", name, err, test.want)
				}
			}
		})
	}
}

// A writer's schema whose items take nothing may stand for large items of the reader.
func TestHostileTyped(t *testing.T) {
	small := registry.Schema{Type: registry.Avro, Text: `{"type":"array","items":{"type":"record","name":"W","fields":[]}}`}
	reader := avro.Must(avro.Typed[[]wide](`{"type":"array","items":{"type":"record","name":"W","fields":[{"name":"s","type":"string","default":"` + strings.Repeat("x", 10_000) + `"}]}}`))
	read, err := reader.Reader(small)
	if err != nil {
		t.Fatal(err)
	}
	if err := bounded(t, func() error { _, err := read(long(1<<30, 0)); return err }); err == nil {
		t.Error("a thousand million items of nothing are read")
	}
	if v, err := read(long(10, 0)); err != nil || len(v) != 10 || len(v[9].S) != 10_000 {
		t.Errorf("ten items: %d, %v", len(v), err)
	}
	nested := avro.Must(avro.Typed[[][]empty](`{"type":"array","items":{"type":"array","items":{"type":"record","name":"W","fields":[]}}}`))
	if err := bounded(t, func() error {
		_, err := nested.Decode(append(long(1<<18), bytes.Repeat(long(4000, 0), 1<<18)...))
		return err
	}); err == nil {
		t.Error("many arrays of nothing are read")
	}
	type small1 struct {
		A []int32 `avro:"a"`
	}
	wide := avro.Must(avro.Typed[[]small1](`{"type":"array","items":{"type":"record","name":"W","fields":[{"name":"a","type":{"type":"array","items":"int"}}]}}`))
	_ = bounded(t, func() error { _, err := wide.Decode(append(long(1<<20), make([]byte, 1<<20+1)...)); return err })
}

// Schemas that are small as texts, and large in what they describe.
func TestHostileSchemas(t *testing.T) {
	var doubled strings.Builder // each record has two of the one before
	const levels = 30
	for i := levels; i > 0; i-- {
		fmt.Fprintf(&doubled, `{"type":"record","name":"R%d","fields":[{"name":"a","type":`, i)
	}
	doubled.WriteString(`"null"},{"name":"b","type":"null"}]}`)
	for i := 1; i < levels; i++ {
		fmt.Fprintf(&doubled, `},{"name":"b","type":"R%d"}]}`, i)
	}
	for _, test := range []struct{ name, schema, want string }{
		{"doubling", doubled.String(), "more than 100000 values"},
		{"deep arrays", strings.Repeat(`{"type":"array","items":`, 100_000) + `"int"` + strings.Repeat("}", 100_000), "schema"},
		{"arrays 900 levels deep", strings.Repeat(`{"type":"array","items":`, 900) + `"int"` + strings.Repeat("}", 900), "schema"},
		{"brackets", strings.Repeat("[", 1<<20), "schema"},
		{"long", `"` + strings.Repeat("x", 1<<21) + `"`, "more than 1048576 bytes"},
		{"long name", `"` + strings.Repeat("x", 1<<19) + `"`, "schema"},
		{"itself", `{"type":"record","name":"A","fields":[{"name":"a","type":"A"}]}`, `record "A" contains itself without end`},
		{"itself by another", `{"type":"record","name":"A","fields":[{"name":"b","type":{"type":"record","name":"B","fields":[{"name":"a","type":"A"}]}}]}`, "without end"},
		{"unknown", `{"type":"record","name":"A","fields":[{"name":"a","type":"Gone"}]}`, "Gone"},
		{"no JSON", `{`, "schema"},
		{"nothing", ``, "schema"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := bounded(t, func() error { _, err := avro.Dynamic(test.schema); return err }); err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 1000 {
				t.Errorf("dynamic: error is %.1000v, want one with %q", err, test.want)
			}
			f := avro.Must(avro.Typed[item](""))
			if err := bounded(t, func() error {
				_, err := f.Reader(registry.Schema{Type: registry.Avro, Text: test.schema})
				return err
			}); err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 1000 {
				t.Errorf("typed: error is %.1000v, want one with %q", err, test.want)
			}
		})
	}
	var refs []registry.Reference
	for range 300 {
		refs = append(refs, registry.Reference{Name: "A", Schema: registry.Schema{Text: `"int"`}})
	}
	_, err := avro.Dynamic(`"int"`, avro.References(refs...))
	wantError(t, err, "refers to more than 200 others")
}
