package declarative

import (
	"github.com/rivusio/rivusio/serde/avro"
	"github.com/rivusio/rivusio/serde/jsonschema"
	"github.com/rivusio/rivusio/serde/registry"
)

// schemaKinds are the serdes with schemas, in the order of the documentation.
func schemaKinds() []schemaKind {
	return []schemaKind{
		{"avro", registry.Avro, func(s registry.Schema) (registry.Format[any], error) {
			return avro.Dynamic(s.Text, avro.References(s.References...))
		}},
		{"json-schema", registry.JSONSchema, func(s registry.Schema) (registry.Format[any], error) {
			return jsonschema.Any(s.Text, s.References...)
		}},
	}
}
