package avro_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/serde/avro"
)

// record is a schema of a record R with some fields.
func record(fields ...string) string {
	return `{"type":"record","name":"R","fields":[` + strings.Join(fields, ",") + `]}`
}

func fieldOf(name, schema, more string) string {
	return fmt.Sprintf(`{"name":%q,"type":%s%s}`, name, schema, more)
}

func enum(symbols, more string) string {
	return `{"type":"enum","name":"E","symbols":[` + symbols + `]` + more + `}`
}

// What was written by one schema, read by another. docs/avro.md has the table in words.
func TestEvolution(t *testing.T) {
	a := fieldOf("a", `"int"`, "")
	one := map[string]any{"a": int64(1)}
	for _, test := range []struct {
		name           string
		writer, reader string
		in             any
		want           any    // of reading; nil if there is an error
		wantErr        string // of Reader
	}{
		{"field added with default", record(a), record(a, fieldOf("b", `"string"`, `,"default":"x"`)), one, map[string]any{"a": int64(1), "b": "x"}, ""},
		{"field added without default", record(a), record(a, fieldOf("b", `"string"`, "")), one, nil, "at b: reader string"},
		{"field added as union with null", record(a), record(a, fieldOf("b", `["null","string"]`, `,"default":null`)), one, map[string]any{"a": int64(1), "b": nil}, ""},
		{"field removed", record(a, fieldOf("b", `{"type":"map","values":"string"}`, "")), record(a), map[string]any{"a": int64(1), "b": map[string]any{"k": "v"}}, one, ""},
		{"field renamed with alias", record(a), record(fieldOf("z", `"int"`, `,"aliases":["a"]`)), one, map[string]any{"z": int64(1)}, ""},
		{"field renamed without alias", record(a), record(fieldOf("z", `"int"`, "")), one, nil, "at z: reader int"},
		{"fields in another order", record(a, fieldOf("b", `"string"`, "")), record(fieldOf("b", `"string"`, ""), a), map[string]any{"a": int64(1), "b": "x"}, map[string]any{"a": int64(1), "b": "x"}, ""},
		{"default changed", record(a), record(a, fieldOf("b", `"int"`, `,"default":8`)), one, map[string]any{"a": int64(1), "b": int64(8)}, ""},
		{"default changed of a field that is there", record(fieldOf("a", `"int"`, `,"default":7`)), record(fieldOf("a", `"int"`, `,"default":8`)), map[string]any{}, map[string]any{"a": int64(7)}, ""},
		{"record renamed with alias", record(a), `{"type":"record","name":"S","aliases":["R"],"fields":[` + a + `]}`, one, one, ""},

		{"int to long", `"int"`, `"long"`, int64(5), int64(5), ""},
		{"int to float", `"int"`, `"float"`, int64(5), 5.0, ""},
		{"int to double", `"int"`, `"double"`, int64(5), 5.0, ""},
		{"long to float", `"long"`, `"float"`, int64(5), 5.0, ""},
		{"long to double", `"long"`, `"double"`, int64(5), 5.0, ""},
		{"float to double", `"float"`, `"double"`, 1.5, 1.5, ""},
		{"string to bytes", `"string"`, `"bytes"`, "x", []byte("x"), ""},
		{"bytes to string", `"bytes"`, `"string"`, []byte("x"), "x", ""},
		{"long to int", `"long"`, `"int"`, int64(5), nil, "reader int vs writer long"},
		{"double to float", `"double"`, `"float"`, 1.5, nil, "reader float vs writer double"},
		{"string to int", record(fieldOf("a", `"string"`, "")), record(a), map[string]any{"a": "x"}, nil, "at a: reader int"},

		{"enum symbol added, old data", enum(`"A"`, ""), enum(`"A","B"`, ""), "A", "A", ""},
		{"enum symbol added, new data, default", enum(`"A","B"`, ""), enum(`"A"`, `,"default":"A"`), "B", "A", ""},
		{"enum symbol added, new data, no default", record(fieldOf("e", enum(`"A","B"`, ""), "")), record(fieldOf("e", enum(`"A"`, ""), "")), map[string]any{"e": "B"}, nil, `at e: reader E vs writer E: writer enum symbol "B" not in reader`},
		{"enum symbols in another order", enum(`"A","B"`, ""), enum(`"B","A"`, ""), "A", "A", ""},

		{"union widened, old data", `["null","int"]`, `["null","int","string"]`, int64(1), int64(1), ""},
		{"union narrowed", `["null","int","string"]`, `["null","int"]`, int64(1), nil, "writer union branch has no matching reader branch"},
		{"type to union", `"int"`, `["null","long"]`, int64(1), int64(1), ""},
		{"union to type", `["null","int"]`, `"int"`, int64(1), nil, "reader int vs writer null"},
		{"union of promotable types to type", `["int","float"]`, `"double"`, int64(1), 1.0, ""},
		{"items promoted", `{"type":"array","items":"int"}`, `{"type":"array","items":"double"}`, []any{int64(1)}, []any{1.0}, ""},
		{"decimal with another scale", `{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`, `{"type":"bytes","logicalType":"decimal","precision":5,"scale":1}`, "1.00", nil, "scale"},
		{"fixed of another size", `{"type":"fixed","name":"F","size":2}`, `{"type":"fixed","name":"F","size":3}`, []byte{1, 2}, nil, "size"},
	} {
		t.Run(test.name, func(t *testing.T) {
			writer, reader := avro.Must(avro.Dynamic(test.writer)), avro.Must(avro.Dynamic(test.reader))
			b, err := writer.Append(nil, test.in)
			if err != nil {
				t.Fatal(err)
			}
			read, err := reader.Reader(writer.Schema())
			if test.wantErr != "" {
				wantError(t, err, "cannot be read", test.wantErr)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(b)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %#v, %v, want %#v", got, err, test.want)
			}
		})
	}
}

type oldUser struct {
	Name string `avro:"name"`
	Age  int32  `avro:"age"`
	Gone string `avro:"gone,default=-"`
}

type newUser struct {
	FullName string  `avro:"full_name,alias=name"`
	Age      float64 `avro:"age"`
	Mail     *string `avro:"mail"`
	Level    int64   `avro:"level,default=3"`
	Old      string  `avro:"gone,default=?"`
}

// The same between structs, in both directions.
func TestTypedEvolution(t *testing.T) {
	const name = `"type":"record","name":"User","fields":[{"name":`
	older := avro.Must(avro.Typed[oldUser](`{` + name + `"name","type":"string"},{"name":"age","type":"int"},{"name":"gone","type":"string"}]}`))
	newer := avro.Must(avro.Typed[newUser](`{` + name + `"full_name","aliases":["name"],"type":"string"},{"name":"age","type":"double"},
		{"name":"mail","type":["null","string"],"default":null},{"name":"level","type":"long","default":3},{"name":"gone","type":"string","default":"?"}]}`))
	b, err := older.Append(nil, oldUser{"a", 5, "g"})
	if err != nil {
		t.Fatal(err)
	}
	read, err := newer.Reader(older.Schema())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(b); err != nil || got != (newUser{FullName: "a", Age: 5, Level: 3, Old: "g"}) {
		t.Errorf("new from old: %+v, %v", got, err)
	}
	_, err = older.Reader(newer.Schema())
	wantError(t, err, "User", "cannot be read", "name")
}
