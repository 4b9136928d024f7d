package jsonschema

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/registry"
)

// baseURL is where a schema without an absolute $id is, so that relative references have something to be relative to.
const baseURL = "schema:///"

// The bounds of a schema with its references. The compiler's time grows with the square of their values.
const (
	maxSchemaBytes  = 1 << 20
	maxSchemaValues = 5_000
	maxReferences   = 1000
	maxSchemaDepth  = 200
)

// documents are a schema and what it refers to, parsed once and compiled for each checker.
type documents struct {
	main  string // URL
	byURL map[string]any
}

// parse reads the texts and returns the title of the main one.
func parse(s registry.Schema) (*documents, string, error) {
	if s.Type != registry.JSONSchema {
		return nil, "", fmt.Errorf("it is of type %q, want %q", s.Type, registry.JSONSchema)
	}
	d := &documents{byURL: map[string]any{}}
	left := &budget{bytes: maxSchemaBytes, values: maxSchemaValues, references: maxReferences}
	doc, err := left.parse(s.Text)
	if err != nil {
		return nil, "", err
	}
	base, title := &url.URL{Scheme: "schema", Path: "/"}, ""
	d.main = baseURL + "main"
	if object, ok := doc.(map[string]any); ok {
		title, _ = object["title"].(string)
		if id, ok := idOf(object); ok {
			if u, err := url.Parse(strings.TrimSuffix(id, "#")); err == nil && u.IsAbs() && u.Fragment == "" {
				base, d.main = u, u.String()
			}
		}
	}
	d.byURL[d.main] = doc
	return d, title, d.collect(base, s.References, left)
}

// idOf is the $id of a schema, which was called id up to draft 4.
func idOf(schema map[string]any) (string, bool) {
	keyword := "$id"
	if draft, _ := schema["$schema"].(string); strings.Contains(draft, "draft-04") {
		keyword = "id"
	}
	id, ok := schema[keyword].(string)
	return id, ok
}

// collect adds references, and theirs. The same one may come by several ways.
func (d *documents) collect(base *url.URL, references []registry.Reference, left *budget) error {
	for _, r := range references {
		if left.references--; left.references < 0 {
			return fmt.Errorf("more than %d references", maxReferences)
		}
		at, err := base.Parse(r.Name)
		if err != nil {
			return fmt.Errorf("reference %q: %w", r.Name, err)
		}
		at.Fragment = ""
		if _, known := d.byURL[at.String()]; !known {
			doc, err := left.parse(r.Schema.Text)
			if err != nil {
				return fmt.Errorf("reference %q: %w", r.Name, err)
			}
			d.byURL[at.String()] = doc
		}
		if err := d.collect(base, r.Schema.References, left); err != nil {
			return err
		}
	}
	return nil
}

// budget is what is left for the schemas to come.
type budget struct{ bytes, values, references int }

// parse reads a text by the serde of values: no number of it can be larger than a float64.
func (b *budget) parse(text string) (any, error) {
	if b.bytes -= len(text); b.bytes < 0 {
		return nil, fmt.Errorf("more than %d bytes with its references", maxSchemaBytes)
	}
	count, depth := countValues([]byte(text))
	if b.values -= count; b.values < 0 {
		return nil, fmt.Errorf("more than %d values in it, with its references", maxSchemaValues)
	}
	if depth > maxSchemaDepth {
		return nil, fmt.Errorf("more than %d levels deep", maxSchemaDepth)
	}
	doc, err := serde.JSONAny().Decode([]byte(text))
	if err != nil {
		return nil, err
	}
	return doc, nil
}

// compile makes a schema whose steps are counted.
func (d *documents) compile(s *steps) (schema *jsonschema.Schema, err error) {
	defer func() {
		if p := recover(); p != nil {
			schema, err = nil, fmt.Errorf("the compiler gave up: %v", p)
		}
	}()
	s.left = MaxSteps
	patterns := patterns{left: maxPatterns, known: map[string]countedRegexp{}}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(func(text string) (jsonschema.Regexp, error) {
		return patterns.compile(text, s)
	})
	c.AssertVocabs()
	c.RegisterVocabulary(s.vocabulary())
	for at, doc := range d.byURL {
		if err := c.AddResource(at, doc); err != nil {
			return nil, err
		}
	}
	return c.Compile(d.main)
}

// noLoader refuses what is neither a reference nor a draft's own schema.
type noLoader struct{}

var errNoReference = errors.New("it is not among the references of the schema")

// Load implements jsonschema.URLLoader.
func (noLoader) Load(string) (any, error) { return nil, errNoReference }
