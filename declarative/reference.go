package declarative

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/rivusio/rivusio/internal/document"
)

// Reference is the reference of the format in Markdown: sections, steps and functions.
func Reference() string {
	var b strings.Builder
	section := func(title string, t reflect.Type) {
		fmt.Fprintf(&b, "### %s\n\n", title)
		keysTable(&b, t)
	}
	section("The file", reflect.TypeFor[topologyFile]())
	section("A stream (`streams`)", reflect.TypeFor[streamEntry]())
	section("A table (`tables`)", reflect.TypeFor[tableEntry]())
	section("A global table (`global_tables`)", reflect.TypeFor[globalEntry]())
	section("An input of a cogroup", reflect.TypeFor[cogroupInput]())
	b.WriteString("### Steps\n\nA step is a map with one operator, and perhaps `name`, its name in errors, metrics and descriptions, and\n`on_error`, what becomes of records that it fails for.\n\n")
	for _, k := range stepKinds() {
		fmt.Fprintf(&b, "#### `%s`\n\n%s.\n\n", k.name, sentence(k.doc))
		if t := fieldsOf(k.args); t != nil {
			keysTable(&b, t)
		}
	}
	section("A schema (of the serdes `avro`, `json-schema` and `protobuf`; `message` of `protobuf` alone)", reflect.TypeFor[messageArgs]())
	section("A policy (`on_error`)", reflect.TypeFor[policyArgs]())
	b.WriteString("### Functions\n\nBeside those of the language:\n\n| function | result |\n| --- | --- |\n")
	for _, f := range Functions() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f.Signature, f.Doc)
	}
	return b.String()
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// fieldsOf is the struct whose keys the arguments of a step are, nil if they have none.
func fieldsOf(t reflect.Type) reflect.Type {
	if t == reflect.TypeFor[toArgs]() {
		type fields toArgs
		return reflect.TypeFor[fields]()
	}
	if t.Kind() == reflect.Slice {
		return t.Elem()
	}
	if keys, err := document.Keys(t); err != nil || len(keys) == 0 {
		return nil
	}
	return t
}

// keysTable writes the keys of a struct.
func keysTable(b *strings.Builder, t reflect.Type) {
	keys, err := document.Keys(t)
	if err != nil {
		fmt.Fprintf(b, "%v\n\n", err)
		return
	}
	b.WriteString("| key | type | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, k := range keys {
		if strings.Contains(k.Path, "[]") { // it has a table of its own
			continue
		}
		value := k.Default
		if k.Required {
			value = "required"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", k.Path, typeText(t, k), value, strings.ReplaceAll(k.Doc, "|", "\\|"))
	}
	b.WriteByte('\n')
}

// typeText names the type of a key; what decodes itself is called what it is.
func typeText(t reflect.Type, k document.Key) string {
	if k.Type != "value" && k.Type != "list of value" {
		return k.Type
	}
	kinds := map[reflect.Type]string{
		reflect.TypeFor[expression](): "expression", reflect.TypeFor[serdeName](): "serde", reflect.TypeFor[reference](): "name",
		reflect.TypeFor[step](): "step", reflect.TypeFor[rawNode](): "map", reflect.TypeFor[errorPolicy](): "`fail`, `skip` or map",
		reflect.TypeFor[named[streamEntry]](): "streams by name", reflect.TypeFor[named[tableEntry]](): "tables by name",
		reflect.TypeFor[named[globalEntry]](): "global tables by name", reflect.TypeFor[named[expression]](): "expressions by name",
		reflect.TypeFor[caseNode](): "test",
	}
	name := "value"
	walkFields(t, func(f reflect.StructField) {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		of := f.Type
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if key == k.Path && kinds[of] != "" {
			name = kinds[of]
		}
	})
	if strings.HasPrefix(k.Type, "list of ") {
		return "list of " + name + "s"
	}
	return name
}

// walkFields visits the fields of a struct, and of those that lie inline in it.
func walkFields(t reflect.Type, visit func(reflect.StructField)) {
	for f := range t.Fields() {
		if f.Tag.Get("yaml") == ",inline" {
			walkFields(f.Type, visit)
			continue
		}
		visit(f)
	}
}
