package declarative

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/rivusio/rivusio/internal/document"
)

// topologyFile is the format of a file.
type topologyFile struct {
	Application  string             `yaml:"application" required:"true" doc:"name of the application: its consumer group and the prefix of its internal topics"`
	Description  string             `yaml:"description" doc:"what it is for; nothing depends on it"`
	OnError      errorPolicy        `yaml:"on_error" doc:"what becomes of records that an operator fails for which says nothing else: fail, skip, or a map with dead_letter or handler"`
	Tables       named[tableEntry]  `yaml:"tables" doc:"tables by name: of a topic, of a stream, or made of others"`
	GlobalTables named[globalEntry] `yaml:"global_tables" doc:"tables by name that every process has whole"`
	Streams      named[streamEntry] `yaml:"streams" doc:"streams by name: of topics, or made of others"`
	Tests        []caseNode         `yaml:"tests" doc:"tests of the topology; they may also stand in a file beside, NAME.test.yaml"`
}

// topicOptions say how a topic is read.
type topicOptions struct {
	KeySerde    serdeName   `yaml:"key_serde" doc:"serde of the keys of the topic, by default string"`
	ValueSerde  serdeName   `yaml:"value_serde" doc:"serde of the values of the topic, by default json"`
	Undecodable string      `yaml:"undecodable" enum:"fail,skip" default:"fail" doc:"what becomes of records whose bytes the serdes refuse"`
	OnError     errorPolicy `yaml:"on_error" doc:"what becomes of records whose bytes the serdes refuse, or whose timestamp fails: fail, skip, or a map with dead_letter or handler"`
	Timestamp   *expression `yaml:"timestamp" doc:"expression for when a record happened, in ms since the epoch; by default its own timestamp"`
	Start       startText   `yaml:"start" doc:"where reading begins without a committed offset: earliest, latest, committed, or a duration ago"`
}

// streamEntry is a stream.
type streamEntry struct {
	Topic   string       `yaml:"topic" doc:"topic that is read"`
	Topics  []string     `yaml:"topics" doc:"topics that are read as one stream"`
	Pattern string       `yaml:"pattern" doc:"regular expression of the whole names of the topics that are read"`
	From    reference    `yaml:"from" doc:"stream or table to go on from; a branch is STREAM.BRANCH"`
	Merge   []reference  `yaml:"merge" doc:"streams that are merged"`
	Name    string       `yaml:"name" doc:"name of the operator that reads the topics"`
	Read    topicOptions `yaml:",inline"`
	Steps   []step       `yaml:"steps" doc:"operators, in order"`
}

// tableEntry is a table.
type tableEntry struct {
	Topic   string         `yaml:"topic" doc:"topic that is read as a table"`
	From    reference      `yaml:"from" doc:"stream or table to go on from"`
	Cogroup []cogroupInput `yaml:"cogroup" doc:"grouped streams whose records make one aggregate of each key"`
	Read    topicOptions   `yaml:",inline"`
	Rows    tableStore     `yaml:",inline"`
	Steps   []step         `yaml:"steps" doc:"operators, in order"`
}

// tableStore is the store of a table of a topic.
type tableStore struct {
	Store             string       `yaml:"store" doc:"name of the store of the rows; without one they are not kept"`
	SourceAsChangelog bool         `yaml:"source_as_changelog" doc:"restore the store from the topic in the place of a changelog"`
	Options           storeOptions `yaml:",inline"`
}

// globalEntry is a global table.
type globalEntry struct {
	Topic       string    `yaml:"topic" required:"true" doc:"topic that is read as a table"`
	Store       string    `yaml:"store" required:"true" doc:"name of the store of the rows"`
	KeySerde    serdeName `yaml:"key_serde" doc:"serde of the keys of the topic, by default string"`
	ValueSerde  serdeName `yaml:"value_serde" doc:"serde of the values of the topic, by default json"`
	Undecodable string    `yaml:"undecodable" enum:"fail,skip" default:"fail" doc:"what becomes of records whose bytes the serdes refuse"`
	InMemory    bool      `yaml:"in_memory" doc:"keep the store in memory"`
}

// cogroupInput is one input of a cogroup.
type cogroupInput struct {
	From reference  `yaml:"from" required:"true" doc:"stream that ends with group_by or group_by_key"`
	Add  expression `yaml:"add" required:"true" doc:"expression of the new aggregate: key, value, aggregate"`
}

// storeOptions are those of any store.
type storeOptions struct {
	InMemory     bool           `yaml:"in_memory" doc:"keep the store in memory; it is restored at every start"`
	Changelog    bool           `yaml:"changelog" default:"true" doc:"write the store to a changelog topic"`
	EmitOnCommit bool           `yaml:"emit_on_commit" doc:"forward the last update of each row at every commit, in the place of every update"`
	Retention    *time.Duration `yaml:"retention" doc:"how long windows are kept in event time"`
	TTL          *time.Duration `yaml:"ttl" doc:"delete rows that were not updated for that long in event time"`
	Versioned    *time.Duration `yaml:"versioned" doc:"keep the rows of that much event time beside the present ones"`
	StoreSerde   serdeName      `yaml:"store_serde" doc:"serde of the values in the store"`
}

// named is a section of entries by name, in the order of the file.
type named[T any] struct {
	names   []string
	entries map[string]*T
	nodes   map[string]*document.Node
}

// DecodeDocument implements document.Decoder.
func (e *named[T]) DecodeDocument(n *document.Node) error {
	if n.IsNull() {
		return nil
	}
	if n.Kind() != document.Map {
		return n.Errorf("want names with what they stand for")
	}
	e.entries, e.nodes = make(map[string]*T), make(map[string]*document.Node)
	var errs []error
	for key, value := range n.Entries() {
		if !validReference(key.Text()) {
			errs = append(errs, key.Errorf("the name %q: want letters, digits, - and _", key.Text()))
		}
		entry, err := document.Decode[T](value)
		if err != nil {
			errs = append(errs, err)
		}
		e.names = append(e.names, key.Text())
		e.entries[key.Text()], e.nodes[key.Text()] = &entry, key
	}
	return document.Join(errs...)
}

// DocumentSchema implements document.Schemer.
func (named[T]) DocumentSchema() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": mustSchema(reflect.TypeFor[T]())}
}

// mustSchema is the schema of a type of this package, all of which have one: a test sees to it.
func mustSchema(t reflect.Type) map[string]any {
	s, err := document.SchemaOf(t)
	if err != nil {
		return map[string]any{"$comment": err.Error()}
	}
	return s
}

func validReference(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// reference names a stream or table of the file.
type reference struct{ node *document.Node }

// DecodeDocument implements document.Decoder.
func (r *reference) DecodeDocument(n *document.Node) error {
	if n.Kind() != document.Scalar || n.IsNull() {
		return n.Errorf("want the name of a stream or table")
	}
	r.node = n
	return nil
}

// DocumentSchema implements document.Schemer.
func (reference) DocumentSchema() map[string]any { return map[string]any{"type": "string"} }

func (r reference) given() bool  { return r.node != nil }
func (r reference) name() string { return r.node.Text() }

// expression is an expression before it is compiled: one, or a template, which is a map or list of them.
type expression struct{ node *document.Node }

// DecodeDocument implements document.Decoder.
func (x *expression) DecodeDocument(n *document.Node) error {
	x.node = n
	return nil
}

// DocumentSchema implements document.Schemer.
func (expression) DocumentSchema() map[string]any {
	return map[string]any{"type": []any{"string", "number", "boolean", "object", "array"}}
}

// serdeName names a serde, perhaps with the schema that it has.
type serdeName struct {
	node   *document.Node
	name   string
	schema messageArgs
}

// startText is where reading begins.
type startText struct {
	kind string
	ago  time.Duration
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *startText) UnmarshalText(b []byte) error {
	switch s.kind = string(b); s.kind {
	case "earliest", "latest", "committed":
		return nil
	}
	d, err := time.ParseDuration(s.kind)
	if err != nil || d < 0 {
		return fmt.Errorf("want earliest, latest, committed or a duration such as 24h, have %q", s.kind)
	}
	s.kind, s.ago = "ago", d
	return nil
}

func caseType() reflect.Type { return reflect.TypeFor[Case]() }

// Schema is the JSON Schema of a file, for editors; SchemaOfTests that of a file of tests.
func Schema() ([]byte, error) {
	schema, err := document.SchemaOf(reflect.TypeFor[topologyFile]())
	if err != nil {
		return nil, err
	}
	schema["$schema"] = document.SchemaDialect
	schema["$defs"] = map[string]any{"step": stepSchema()}
	return document.FormatSchema(schema)
}

// SchemaOfTests is the JSON Schema of a file of tests.
func SchemaOfTests() ([]byte, error) { return document.Schema[caseFile]() }
