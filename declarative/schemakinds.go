package declarative

import (
	"github.com/rivusio/rivusio/serde/avro"
	"github.com/rivusio/rivusio/serde/registry"
)

// schemaKinds are the serdes with schemas, in the order of the documentation.
func schemaKinds() []schemaKind {
	return []schemaKind{
		{"avro", registry.Avro, func(s registry.Schema, _ *schemaArgs) (registry.Format[any], error) {
			return avro.Dynamic(s.Text, avro.References(s.References...))
		}},
	}
}
