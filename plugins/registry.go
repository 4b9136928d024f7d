package plugins

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// Registry holds plugins by kind and name. The zero value is empty and ready for use; it must not be copied.
type Registry struct {
	mu      sync.RWMutex
	entries map[Kind]map[string]*entry
}

type entry struct {
	desc Description
	is   reflect.Type // what it makes
	make func(*given) (any, error)
}

// AddOption is an option of the registration of a plugin.
type AddOption func(*Description)

// ConfigSchema gives the JSON Schema of a configuration whose Go type does not say it.
func ConfigSchema(schema []byte) AddOption {
	return func(d *Description) { d.ConfigSchema = slices.Clone(schema) }
}

var validName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$`)

// AddSource registers a source. The doc is one sentence about what it does.
func (r *Registry) AddSource[C any](name, doc string, factory func(C) (Source, error), opts ...AddOption) error {
	return add(r, KindSource, name, doc, "", "", factory, opts)
}

// AddSink registers a sink.
func (r *Registry) AddSink[C any](name, doc string, factory func(C) (Sink, error), opts ...AddOption) error {
	return add(r, KindSink, name, doc, "", "", factory, opts)
}

// AddPipe registers a pipe. Those of the shape of [Pipe] can be used from configuration; others are found with their types
// by [Registry.PipeOf].
func (r *Registry) AddPipe[C, In, Out any](name, doc string, factory func(C) (pipes.Pipe[In, Out], error), opts ...AddOption) error {
	return add(r, KindPipe, name, doc, typeName[In](), typeName[Out](), factory, opts)
}

// AddSerde registers a serde. Those of any can be used from configuration; others are found with their type by
// [Registry.SerdeOf].
func (r *Registry) AddSerde[C, T any](name, doc string, factory func(C) (serde.Serde[T], error), opts ...AddOption) error {
	return add(r, KindSerde, name, doc, typeName[T](), typeName[T](), factory, opts)
}

// AddStore registers a way to keep the rows of a store, as the options of an operator that has one.
func (r *Registry) AddStore[C any](name, doc string, factory func(C) ([]topology.StoreOption, error), opts ...AddOption) error {
	return add(r, KindStore, name, doc, "", "", func(c C) (storeOptions, error) {
		options, err := factory(c)
		return options, err
	}, opts)
}

// storeOptions is what a store plugin makes; no options are not nothing.
type storeOptions []topology.StoreOption

// AddErrorHandler registers a handler of records that fail.
func (r *Registry) AddErrorHandler[C any](name, doc string, factory func(C) (pipes.FailureHandler, error), opts ...AddOption) error {
	return add(r, KindErrorHandler, name, doc, "", "", factory, opts)
}

func add[C, P any](r *Registry, kind Kind, name, doc, in, out string, factory func(C) (P, error), opts []AddOption) error {
	t := reflect.TypeFor[C]()
	desc := Description{Kind: kind, Name: name, Doc: doc, In: in, Out: out}
	schema, err := document.SchemaOf(t)
	if err == nil {
		desc.Keys, err = keysOf(t)
	}
	if err == nil {
		schema["$schema"] = document.SchemaDialect
		desc.ConfigSchema, err = document.FormatSchema(schema)
	}
	switch {
	case !validName.MatchString(name):
		err = errors.New("its name is not 1 to 100 of the characters a-z A-Z 0-9 . _ -, the first a letter or digit")
	case strings.TrimSpace(doc) == "":
		err = errors.New("it has no doc")
	case factory == nil:
		err = errors.New("its factory is nil")
	}
	if err != nil {
		return fmt.Errorf("plugins: %s %q: %w", kind, name, err)
	}
	for _, opt := range opts {
		opt(&desc)
	}
	return r.put(&entry{desc, reflect.TypeFor[P](), func(g *given) (any, error) { return build(kind, name, factory, g) }})
}

func (r *Registry) put(e *entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := r.entries[e.desc.Kind]
	if names[e.desc.Name] != nil {
		return &DuplicateError{e.desc.Kind, e.desc.Name}
	}
	if names == nil {
		if r.entries == nil {
			r.entries = make(map[Kind]map[string]*entry)
		}
		names = make(map[string]*entry)
		r.entries[e.desc.Kind] = names
	}
	names[e.desc.Name] = e
	return nil
}

// Source makes a source.
func (r *Registry) Source(name string, opts ...Option) (Source, error) {
	return lookup[Source](r, KindSource, name, "source", opts)
}

// Sink makes a sink.
func (r *Registry) Sink(name string, opts ...Option) (Sink, error) {
	return lookup[Sink](r, KindSink, name, "sink", opts)
}

// Pipe makes a pipe of messages. The errors of its calls name it.
func (r *Registry) Pipe(name string, opts ...Option) (Pipe, error) {
	return r.PipeOf[Message, []Message](name, opts...)
}

// PipeOf makes a pipe of any types. The errors of its calls name it.
func (r *Registry) PipeOf[In, Out any](name string, opts ...Option) (pipes.Pipe[In, Out], error) {
	p, err := lookup[pipes.Pipe[In, Out]](r, KindPipe, name, pipeType(typeName[In](), typeName[Out]()), opts)
	if err != nil {
		return nil, err
	}
	return pipes.Named(name, p), nil
}

// Serde makes a serde of values without a type of their own.
func (r *Registry) Serde(name string, opts ...Option) (serde.Serde[any], error) {
	return r.SerdeOf[any](name, opts...)
}

// SerdeOf makes a serde of a type.
func (r *Registry) SerdeOf[T any](name string, opts ...Option) (serde.Serde[T], error) {
	return lookup[serde.Serde[T]](r, KindSerde, name, "serde of "+typeName[T](), opts)
}

// Store makes the options of an operator that has a store.
func (r *Registry) Store(name string, opts ...Option) ([]topology.StoreOption, error) {
	return lookup[storeOptions](r, KindStore, name, "store", opts)
}

// ErrorHandler makes a handler of records that fail.
func (r *Registry) ErrorHandler(name string, opts ...Option) (pipes.FailureHandler, error) {
	return lookup[pipes.FailureHandler](r, KindErrorHandler, name, "error handler", opts)
}

func lookup[P any](r *Registry, kind Kind, name, want string, opts []Option) (P, error) {
	g := gather(opts)
	e, err := r.find(kind, name, g.place)
	if err != nil {
		return *new(P), err
	}
	if e.is != reflect.TypeFor[P]() {
		return *new(P), &TypeError{Kind: kind, Name: name, Place: g.place, Want: want, Have: e.desc.typeText()}
	}
	plugin, err := e.make(g)
	if err != nil {
		return *new(P), err
	}
	return plugin.(P), nil
}

func (r *Registry) find(kind Kind, name string, place Place) (*entry, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if e := r.entries[kind][name]; e != nil {
		return e, nil
	}
	var have []Kind
	for _, k := range Kinds() {
		if r.entries[k][name] != nil {
			have = append(have, k)
		}
	}
	if have != nil {
		return nil, &KindError{Kind: kind, Name: name, Place: place, Have: have}
	}
	known := slices.Sorted(maps.Keys(r.entries[kind]))
	return nil, &UnknownError{Kind: kind, Name: name, Place: place, Nearest: document.Nearest(name, known), Known: known}
}

func pipeType(in, out string) string { return "pipe of " + in + " and " + out }

// typeName is a type as people write it here.
func typeName[T any]() string {
	switch t := reflect.TypeFor[T](); t {
	case reflect.TypeFor[Message]():
		return "message"
	case reflect.TypeFor[[]Message]():
		return "messages"
	case reflect.TypeFor[any]():
		return "any"
	default:
		return t.String()
	}
}
