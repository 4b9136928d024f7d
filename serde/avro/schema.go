package avro

import (
	"fmt"
	"strings"

	"github.com/twmb/avro"

	"github.com/rivusio/rivusio/serde/registry"
)

// The bounds of schemas.
const (
	maxSchemaBytes  = 1 << 20
	maxReferences   = 200
	maxBrackets     = 400     // that are open at once in a text: some 130 records inside of each other
	maxSchemaDepth  = 500     // levels of types inside of each other, references included
	maxSchemaValues = 100_000 // values that are there without an array or a map
)

// schema is a parsed schema.
type schema struct {
	source registry.Schema
	raw    bool // logical types are left as what they are written as
	avro   *avro.Schema
	root   *node
	name   string // full name of the root; "" if it has none
	shape  shape
}

// logicalTypes are those that the library turns into Go types of their own.
var logicalTypes = [...]string{"date", "time-millis", "time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos",
	"local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos", "decimal", "big-decimal", "uuid", "duration"}

// parse parses a schema after those that it refers to. raw leaves logical types alone.
func parse(source registry.Schema, raw bool) (*schema, error) {
	if source.Type != registry.Avro && source.Type != "" {
		return nil, fmt.Errorf("avro: the schema is %s, want %s", source.Type, registry.Avro)
	}
	p := parser{seen: map[string]bool{}}
	if raw {
		for _, name := range logicalTypes {
			p.opts = append(p.opts, avro.WithCustomType(avro.CustomType{LogicalType: name}))
		}
	}
	parsed, err := p.parse(source)
	if err != nil {
		return nil, err
	}
	s := &schema{source: source, raw: raw, avro: parsed}
	c := compiler{named: map[string]*node{}}
	if s.root, err = c.compile(parsed.Root(), "", 0); err != nil {
		return nil, fmt.Errorf("avro: schema: %w", detail{err})
	}
	switch s.root.kind {
	case kindRecord, kindEnum, kindFixed:
		s.name = s.root.name
	}
	if s.shape, err = shapeOf(s.root); err != nil {
		return nil, fmt.Errorf("avro: schema: %w", detail{err})
	}
	s.source.Type, s.source.Name = registry.Avro, s.name
	return s, nil
}

// parser parses a schema with its references, each text once.
type parser struct {
	cache avro.SchemaCache
	opts  []avro.SchemaOpt
	seen  map[string]bool
	bytes int
	count int
}

func (p *parser) parse(s registry.Schema) (*avro.Schema, error) {
	if p.bytes += len(s.Text); p.bytes > maxSchemaBytes {
		return nil, fmt.Errorf("avro: the schema, with those that it refers to, has more than %d bytes", maxSchemaBytes)
	}
	if n := brackets(s.Text); n > maxBrackets {
		return nil, fmt.Errorf("avro: schema: %d brackets are open at once, want at most %d", n, maxBrackets)
	}
	for _, r := range s.References {
		if p.count++; p.count > maxReferences {
			return nil, fmt.Errorf("avro: the schema refers to more than %d others", maxReferences)
		}
		if p.seen[r.Schema.Text] {
			continue
		}
		p.seen[r.Schema.Text] = true
		if _, err := p.parse(r.Schema); err != nil {
			return nil, fmt.Errorf("avro: reference %q: %w", r.Name, err)
		}
	}
	parsed, err := p.cache.Parse(s.Text, p.opts...)
	if err != nil {
		return nil, fmt.Errorf("avro: schema: %w", detail{err})
	}
	return parsed, nil
}

// brackets is how many brackets of a JSON text are open at once.
func brackets(text string) int {
	depth, most, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			most = max(most, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return most
}

type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindFixed
	kindEnum
	kindArray
	kindMap
	kindUnion
	kindRecord
)

var kinds = map[string]kind{"null": kindNull, "boolean": kindBoolean, "int": kindInt, "long": kindLong, "float": kindFloat, "double": kindDouble,
	"bytes": kindBytes, "string": kindString, "fixed": kindFixed, "enum": kindEnum, "array": kindArray, "map": kindMap, "union": kindUnion,
	"record": kindRecord, "error": kindRecord}

// node is a type of a schema. Types with a name are there once: schemas that contain themselves are circles.
type node struct {
	kind     kind
	name     string // full name; of types that have none, the kind
	logical  string
	scale    int // of a decimal
	digits   int // of a decimal: its precision
	fields   []field
	items    *node // of an array; the values of a map
	branches []*node
	symbols  []string
	size     int // of a fixed
}

type field struct {
	name       string
	node       *node
	value      any // the default
	hasDefault bool
}

// compiler makes nodes.
type compiler struct{ named map[string]*node }

func (c *compiler) compile(s *avro.SchemaNode, namespace string, depth int) (*node, error) {
	if depth > maxSchemaDepth {
		return nil, fmt.Errorf("types are more than %d levels deep", maxSchemaDepth)
	}
	k, ok := kinds[s.Type]
	if !ok {
		return c.lookup(s.Type, namespace)
	}
	n := &node{kind: k, name: s.Type, logical: s.LogicalType, scale: s.Scale, digits: s.Precision, symbols: s.Symbols, size: s.Size}
	switch k {
	case kindRecord, kindEnum, kindFixed:
		n.name, namespace = fullName(s)
		c.named[n.name] = n
	}
	var err error
	sub := func(s *avro.SchemaNode) *node {
		var of *node
		if err == nil {
			of, err = c.compile(s, namespace, depth+1)
		}
		return of
	}
	if s.Items != nil {
		n.items = sub(s.Items)
	}
	if s.Values != nil {
		n.items = sub(s.Values)
	}
	for i := range s.Branches {
		n.branches = append(n.branches, sub(&s.Branches[i]))
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		n.fields = append(n.fields, field{name: f.Name, node: sub(&f.Type), value: f.Default, hasDefault: f.HasDefault})
	}
	return n, err
}

func (c *compiler) lookup(name, namespace string) (*node, error) {
	if namespace != "" && !strings.Contains(name, ".") {
		if n := c.named[namespace+"."+name]; n != nil {
			return n, nil
		}
	}
	if n := c.named[name]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("unknown type %q", name)
}

// fullName is the name of a type with its namespace, and that namespace.
func fullName(s *avro.SchemaNode) (name, namespace string) {
	if i := strings.LastIndexByte(s.Name, '.'); i >= 0 {
		return s.Name, s.Name[:i]
	}
	if s.Namespace != "" {
		return s.Namespace + "." + s.Name, s.Namespace
	}
	return s.Name, ""
}
