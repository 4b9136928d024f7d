package document

import (
	"encoding/json/jsontext"
	"encoding/json/v2"
	"reflect"
	"strconv"
)

// SchemaDialect is the version of JSON Schema that schemas are written in.
const SchemaDialect = "https://json-schema.org/draft/2020-12/schema"

// Schema is the JSON Schema of the documents of a T, indented, the same each time.
func Schema[T any]() ([]byte, error) {
	schema, err := SchemaOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	schema["$schema"] = SchemaDialect
	return FormatSchema(schema)
}

// SchemaOf is the schema of a type as a value, to be a part of another.
func SchemaOf(t reflect.Type) (map[string]any, error) {
	s, err := shapeOf(t)
	if err != nil {
		return nil, err
	}
	return s.schema(), nil
}

// FormatSchema writes a schema, its names in alphabetical order.
func FormatSchema(schema map[string]any) ([]byte, error) {
	return json.Marshal(schema, json.Deterministic(true), jsontext.WithIndent("  "))
}

const (
	durationPattern = `^[+-]?([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$|^0$`
	bytesPattern    = `^[0-9]+(\.[0-9]+)? *([kKMGT]B|[KMGT]iB|B)?$`
)

func (s *shape) schema() map[string]any {
	if own, ok := reflect.New(s.t).Interface().(Schemer); ok {
		return own.DocumentSchema()
	}
	switch s.form {
	case formText, formMarshaled:
		return map[string]any{"type": "string"}
	case formBool:
		return map[string]any{"type": "boolean"}
	case formInt:
		return map[string]any{"type": "integer"}
	case formFloat:
		return map[string]any{"type": "number"}
	case formDuration:
		return map[string]any{"type": "string", "pattern": durationPattern}
	case formBytes:
		return map[string]any{"type": []any{"integer", "string"}, "pattern": bytesPattern}
	case formList:
		return map[string]any{"type": "array", "items": s.elem.schema()}
	case formMap:
		return map[string]any{"type": "object", "additionalProperties": s.elem.schema()}
	case formStruct:
		return s.objectSchema()
	}
	return map[string]any{}
}

func (s *shape) objectSchema() map[string]any {
	properties, required := map[string]any{}, []any{}
	for _, f := range s.fields {
		properties[f.name] = f.schema()
		if f.required {
			required = append(required, f.name)
		}
	}
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

// boundNames are the words for bounds by form; those of durations and sizes cannot be said of texts.
var boundNames = map[form][2]string{
	formInt: {"minimum", "maximum"}, formFloat: {"minimum", "maximum"}, formBytes: {"minimum", "maximum"}, formList: {"minItems", "maxItems"},
}

func (f *field) schema() map[string]any {
	schema := f.shape.schema()
	if f.doc != "" {
		schema["description"] = f.doc
	}
	if f.defaults {
		if n, err := f.shape.textNode(Place{}, f.name, f.value); err == nil {
			schema["default"] = n.Any()
			if f.shape.form == formText || f.shape.form == formMarshaled {
				schema["default"] = n.text
			}
		}
	}
	if f.enum != nil {
		words := make([]any, len(f.enum))
		for i, word := range f.enum {
			words[i] = word
		}
		if items, ok := schema["items"].(map[string]any); ok {
			items["enum"] = words
		} else {
			schema["enum"] = words
		}
	}
	for i, b := range []*bound{f.min, f.max} {
		if name := boundNames[f.shape.form][i]; b != nil && name != "" {
			schema[name] = b.whole
			if f.shape.form == formFloat {
				schema[name] = b.float
			}
		}
	}
	if f.required && f.shape.form == formList && f.min == nil {
		schema["minItems"] = 1
	}
	return schema
}

// Key is a key of a type, for references.
type Key struct {
	Path     string // such as cache.size; items of a list are lines[].sku, values of a map headers{}
	Type     string
	Default  string // "" without one
	Required bool
	Doc      string
}

// Keys are the keys of a type, those of its structs after it, in the order of its fields.
func Keys(t reflect.Type) ([]Key, error) {
	s, err := shapeOf(t)
	if err != nil {
		return nil, err
	}
	return s.listKeys(nil, ""), nil
}

func (s *shape) listKeys(keys []Key, path string) []Key {
	for _, f := range s.fields {
		at := Child(path, f.name)
		k := Key{Path: at, Type: f.shape.typeName(), Default: f.value, Required: f.required, Doc: f.doc}
		if f.enum != nil {
			k.Type = listed(f.enum)
		}
		for i, b := range []*bound{f.min, f.max} {
			if b != nil {
				k.Type += []string{", at least ", ", at most "}[i] + b.text
			}
		}
		if f.defaults && f.value == "" {
			k.Default = strconv.Quote("")
		}
		keys = append(keys, k)
		elem := f.shape
		for elem.form == formList || elem.form == formMap {
			at += map[form]string{formList: "[]", formMap: "{}"}[elem.form]
			elem = elem.elem
		}
		keys = elem.listKeys(keys, at)
	}
	return keys
}

func (s *shape) typeName() string {
	switch s.form {
	case formList:
		return "list of " + s.elem.typeName()
	case formMap:
		return "map of " + s.elem.typeName()
	case formInt:
		return "whole number"
	}
	return names[s.form]
}
