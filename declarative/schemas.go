package declarative

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/avro"
	"github.com/rivusio/rivusio/serde/jsonschema"
	"github.com/rivusio/rivusio/serde/protobuf"
	"github.com/rivusio/rivusio/serde/registry"
)

// Registry is where serdes with schemas find them. Without one a file can still be described, tested and run over lines: what has
// a schema of its own is written by that, and anything else as JSON.
func Registry(c *registry.Client) Option { return func(l *loader) { l.registry = c } }

// Folder is where the schemas lie that a file names. Default: that of the file for [Read], else the working directory.
func Folder(path string) Option { return func(l *loader) { l.folder = path } }

// schemaKind is a serde that needs a schema.
type schemaKind struct {
	name string
	kind registry.Type
	of   func(s registry.Schema, message string) (registry.Format[any], error)
	// imports are the paths of the files that a schema takes in; nil if it takes none.
	imports func(text string) ([]string, error)
}

// schemaArgs say which schema a serde has.
type schemaArgs struct {
	File    string `yaml:"schema_file" doc:"file with the schema, beside the file of the topology; by default the schemas are those of the registry: each value is read by its own, and written with the latest of the subject"`
	Topic   string `yaml:"topic" doc:"topic by which the subject is named, by default the one that is read"`
	Subject string `yaml:"subject" doc:"subject of the registry, by default named after the topic as registry.subjects says"`
}

// messageArgs say which message of a schema a serde has.
type messageArgs struct {
	Schema  schemaArgs `yaml:",inline"`
	Message string     `yaml:"message" doc:"full name of the message, such as shop.Order; by default the first one of the schema"`
}

// schemaKinds are the serdes with schemas, in the order of the documentation.
func schemaKinds() []schemaKind {
	return []schemaKind{
		{name: "avro", kind: registry.Avro, of: func(s registry.Schema, _ string) (registry.Format[any], error) {
			return avro.Dynamic(s.Text, avro.References(s.References...))
		}},
		{name: "json-schema", kind: registry.JSONSchema, of: func(s registry.Schema, _ string) (registry.Format[any], error) {
			return jsonschema.Any(s.Text, s.References...)
		}},
		{name: "protobuf", kind: registry.Protobuf, of: func(s registry.Schema, message string) (registry.Format[any], error) {
			f, err := protobuf.Dynamic(s.Text, message, s.References...)
			if err != nil {
				return nil, err
			}
			return textBytes{f}, nil
		}, imports: protobuf.Imports},
	}
}

func schemaKindNames() []string {
	var names []string
	for _, k := range schemaKinds() {
		names = append(names, k.name)
	}
	return names
}

// kindOf finds a serde with schemas by its name.
func kindOf(name string) *schemaKind {
	kinds := schemaKinds()
	i := slices.IndexFunc(kinds, func(k schemaKind) bool { return k.name == name })
	if i < 0 {
		return nil
	}
	return &kinds[i]
}

// hasMessages reports whether a schema has several messages, of which a serde has one.
func (k *schemaKind) hasMessages() bool { return k.kind == registry.Protobuf }

// args is the struct whose keys say which schema a serde has.
func (k *schemaKind) args() reflect.Type {
	if k.hasMessages() {
		return reflect.TypeFor[messageArgs]()
	}
	return reflect.TypeFor[schemaArgs]()
}

// formatOf is the format that a file names for the keys or the values of a topic; "" where it names a serde in the middle of a
// topology.
func (l *loader) formatOf(s serdeName, topic string, key bool) *format {
	k := kindOf(s.name)
	if k == nil {
		return l.format(s.name)
	}
	f, err := l.schemaFormat(k, s, topic, key)
	if err != nil {
		l.fail(s.node.Errorf("%w", err))
		return l.format("json")
	}
	return f
}

// schemaFormat makes the format of a serde with a schema, once for each schema and subject.
func (l *loader) schemaFormat(k *schemaKind, s serdeName, topic string, key bool) (*format, error) {
	a := s.schema.Schema
	if a.Topic != "" {
		topic = a.Topic
	}
	var own registry.Format[any]
	if a.File != "" {
		schema, err := k.readFile(filepath.Join(l.folder, a.File))
		if err != nil {
			return nil, err
		}
		if own, err = k.of(schema, s.schema.Message); err != nil {
			return nil, fmt.Errorf("%s: %w", a.File, err)
		}
	}
	if l.registry == nil {
		if own == nil {
			return l.format("json"), nil
		}
		return l.once(k.name+" "+a.File+" "+s.schema.Message, func() serde.Serde[any] { return unframedSerde(own) }), nil
	}
	subject := a.Subject
	if subject == "" {
		if topic == "" {
			return nil, fmt.Errorf("want topic or subject, to know where the registry has the schema")
		}
		record := s.schema.Message
		if own != nil {
			record = own.Schema().Name
		}
		var err error
		if subject, err = l.registry.Subject(topic, record, key); err != nil {
			return nil, err
		}
	}
	return l.once(k.name+" "+a.File+" "+s.schema.Message+" "+subject, func() serde.Serde[any] {
		if own != nil {
			return nullable{registry.In(l.registry, subject, own)}
		}
		return nullable{registry.Latest(l.registry, subject, func(schema registry.Schema) (registry.Format[any], error) {
			if schema.Type != k.kind {
				return nil, fmt.Errorf("the schema is %s, want %s", schema.Type, k.kind)
			}
			return k.of(schema, s.schema.Message)
		})}
	}), nil
}

// once makes a format with a schema, or finds the one that was made before: a topic that is read twice with equal serdes is read
// once.
func (l *loader) once(name string, of func() serde.Serde[any]) *format {
	for _, f := range l.formats {
		if f.name == name {
			return f
		}
	}
	f := &format{name: name, serde: of()}
	l.formats = append(l.formats, f)
	return f
}

// nullable gives a serde of any Kafka's null, which is nil.
type nullable struct{ serde.Serde[any] }

// Unwrap implements [serde.Wrapper].
func (n nullable) Unwrap() any { return n.Serde }

// IsNull implements [serde.Nuller].
func (nullable) IsNull(v any) bool { return v == nil }

// Decode implements [serde.Serde].
func (n nullable) Decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	return n.Serde.Decode(b)
}

// unframed writes and reads by one schema, without the header that names it in a registry.
type unframed struct {
	registry.Format[any]
	read func([]byte) (any, error)
	err  error
}

// Name implements [serde.Namer].
func (p *unframed) Name() string {
	s := p.Schema()
	return fmt.Sprintf("%s %s", s.Type, s.Name)
}

func (p *unframed) Decode(b []byte) (any, error) {
	if p.err != nil {
		return nil, p.err
	}
	return p.read(b)
}

func unframedSerde(f registry.Format[any]) serde.Serde[any] {
	p := &unframed{Format: f}
	p.read, p.err = f.Reader(f.Schema())
	return nullable{p}
}

// DecodeDocument implements document.Decoder: a name, or a name with what schema it has.
func (s *serdeName) DecodeDocument(n *document.Node) error {
	known := slices.Concat(formatNames(), schemaKindNames())
	s.node = n
	if n.Kind() == document.Map {
		if err := n.OnlyKeys(schemaKindNames()...); err != nil {
			return err
		}
		if n.Len() != 1 {
			return n.Errorf("want one serde")
		}
		for key, v := range n.Entries() {
			s.name = key.Text()
			into := any(&s.schema.Schema)
			if kindOf(s.name).hasMessages() {
				into = &s.schema
			}
			if err := v.Decode(into); err != nil {
				return err
			}
		}
		if s.schema.Schema.Topic != "" && s.schema.Schema.Subject != "" {
			return n.Errorf("want topic or subject, not both")
		}
		return nil
	}
	if s.name = n.Text(); !slices.Contains(known, s.name) {
		return n.Errorf("no serde %q, want one of %s", s.name, strings.Join(known, ", "))
	}
	return nil
}

// DocumentSchema implements document.Schemer.
func (serdeName) DocumentSchema() map[string]any {
	var names []any
	kinds := make(map[string]any)
	for _, name := range slices.Concat(formatNames(), schemaKindNames()) {
		names = append(names, name)
	}
	for _, k := range schemaKinds() {
		kinds[k.name] = mustSchema(k.args())
	}
	return map[string]any{"oneOf": []any{
		map[string]any{"type": "string", "enum": names},
		map[string]any{"type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1, "properties": kinds},
	}}
}
