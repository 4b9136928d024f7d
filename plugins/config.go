package plugins

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/rivusio/rivusio/internal/document"
)

// Option says what a plugin is configured with. Without any it has its defaults. Later options lie over earlier ones of
// the same kind; the environment lies over a document, and that over values from code.
type Option func(*given)

// given is what a look-up was given.
type given struct {
	node    *document.Node
	place   Place // of the name
	options []document.Option
	err     error
}

// YAML configures a plugin by a document. The file is its name in messages; nothing is opened.
func YAML(file string, text []byte) Option {
	return func(g *given) {
		if g.node, g.err = document.Parse(file, text); g.node != nil {
			g.place = g.node.Place()
		}
	}
}

// Node configures a plugin by a part of a document that has been read.
func Node(n *document.Node) Option {
	return func(g *given) { g.node, g.place = n, n.Place() }
}

// At is where the name of the plugin stands, for messages. Default: where its configuration does.
func At(p Place) Option { return func(g *given) { g.place = p } }

// Environ lays environment variables (as of os.Environ) over the document: PREFIX_KEY is the value of key, PREFIX_KEY_SUBKEY
// that of subkey in it. Lists may have commas; other composed values are written in YAML. A variable that begins with
// PREFIX_ and is no key is a mistake.
func Environ(prefix string, environ []string) Option {
	return func(g *given) { g.options = append(g.options, document.Environ(prefix, environ)) }
}

// Value configures a plugin from code, by a value of its configuration's type. Fields that are zero have their defaults.
func Value(config any) Option {
	return func(g *given) { g.options = append(g.options, document.Base(config)) }
}

// ConfigOf decodes, fills and validates a configuration as a registered plugin's is, for pipes that are made without a
// registry. The name is that of the pipe, for messages. Mistakes are *[ConfigError]s, joined.
func ConfigOf[C any](name string, opts ...Option) (C, error) {
	return decode[C](KindPipe, name, gather(opts))
}

func gather(opts []Option) *given {
	g := &given{}
	for _, opt := range opts {
		opt(g)
	}
	return g
}

func decode[C any](kind Kind, name string, g *given) (C, error) {
	if g.err != nil {
		return *new(C), misconfigured(kind, name, g.err)
	}
	c, err := document.Decode[C](g.node, g.options...)
	return c, misconfigured(kind, name, err)
}

// build decodes a configuration and calls a factory. What the factory refuses is a mistake in the configuration.
func build[C, P any](kind Kind, name string, factory func(C) (P, error), g *given) (p P, err error) {
	c, err := decode[C](kind, name, g)
	if err != nil {
		return p, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = &ConfigError{Kind: kind, Name: name, Place: g.place, Err: fmt.Errorf("its factory panicked: %v", r)}
		}
	}()
	if p, err = factory(c); err != nil {
		return *new(P), misconfigured(kind, name, located(g, err))
	}
	if isNil(p) {
		return p, &ConfigError{Kind: kind, Name: name, Place: g.place, Err: errors.New("its factory returned nil")}
	}
	return p, nil
}

// isNil reports whether a factory made nothing.
func isNil(p any) bool {
	v := reflect.ValueOf(p)
	return !v.IsValid() || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil()
}

// located gives what a factory refuses the place of its key.
func located(g *given, err error) error {
	e := &document.Error{Place: g.place, Path: g.node.Path(), Err: err}
	if key := (*KeyError)(nil); errors.As(err, &key) {
		e.Err = key.Err
		e.Path = document.Child(e.Path, key.Key)
		if n := g.node.Get(key.Key); n != nil {
			e.Place = n.Place()
		}
	}
	return e
}
