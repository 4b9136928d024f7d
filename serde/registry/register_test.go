package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/serde/registry/registrytest"
)

// referring is a format of texts whose schema refers to others.
type referring struct {
	text
	references []registry.Reference
}

func (f referring) Schema() registry.Schema {
	s := f.text.Schema()
	s.References = f.references
	return s
}

func reference(subject, word string, references ...registry.Reference) registry.Reference {
	return registry.Reference{Name: subject, Subject: subject, Schema: registry.Schema{Type: registry.Avro, Text: quoted(word), References: references}}
}

// sameLength lets words read each other that are equally long.
func sameLength(reader, writer string) error {
	if len(reader) != len(writer) {
		return fmt.Errorf("%s cannot read %s", reader, writer)
	}
	return nil
}

// What a schema refers to is registered before it, each in its own subject, and what is there already is found.
func TestReferencesAreRegistered(t *testing.T) {
	r := registrytest.New(t, sameLength)
	r.Register(t, "shop/part", sr.Schema{Schema: `"p1"`})
	c := client(t, r, registry.Config{AutoRegister: true})
	f := referring{text{"w1"}, []registry.Reference{reference("shop/part", "p2", reference("deep", "d1")), reference("deep", "d1")}}
	var opened sync.WaitGroup
	for range 4 { // at once: a format's schema is shared
		opened.Go(func() {
			if err := serde.OpenerOf(registry.Value(c, "orders", f)).Open(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	opened.Wait()
	if got := f.references[0]; got.Version != 0 || got.Schema.References[0].Version != 0 {
		t.Errorf("the format's own schema was changed: %+v", got)
	}
	s, _, err := c.Latest(t.Context(), "orders-value")
	if err != nil || len(s.References) != 2 {
		t.Fatal(s, err)
	}
	part, deep := s.References[0], s.References[1]
	if part.Subject != "shop/part" || part.Version != 2 || part.Schema.Text != `"p2"` || len(part.Schema.References) != 1 ||
		part.Schema.References[0].Version != 1 || deep.Subject != "deep" || deep.Version != 1 {
		t.Errorf("%+v", s)
	}
	// Nothing is registered a second time.
	f.references = slices.Clone(f.references)
	if err := serde.OpenerOf(registry.Value(c, "orders", f)).Open(t.Context()); err != nil {
		t.Error(err)
	}
	if s, _, err := c.Latest(t.Context(), "shop/part"); err != nil || s.Text != `"p2"` {
		t.Error(s, err)
	}
}

// A reference is compared with its subject before anything is registered.
func TestReferencesAreCompared(t *testing.T) {
	r := registrytest.New(t, sameLength)
	r.Register(t, "part", sr.Schema{Schema: `"p1"`})
	f := referring{text{"w1"}, []registry.Reference{reference("part", "longer")}}
	var incompatible *registry.IncompatibleError
	for name, err := range map[string]error{
		"open":  serde.OpenerOf(registry.Value(client(t, r, registry.Config{AutoRegister: true}), "orders", f)).Open(t.Context()),
		"check": client(t, r, registry.Config{}).Check(t.Context(), "orders-value", f.Schema()),
	} {
		if !errors.As(err, &incompatible) || incompatible.Subject != "part" || !strings.Contains(err.Error(), `"longer" cannot read "p1"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := r.Requests("POST /subjects/part/versions") + r.Requests("POST /subjects/orders-value/versions"); n != 0 {
		t.Errorf("%d schemas were registered", n)
	}
}

// Without AutoRegister a reference that is not there is an error that names its subject.
func TestReferencesThatAreMissing(t *testing.T) {
	r := registrytest.New(t, nil)
	c := client(t, r, registry.Config{})
	f := referring{text{"w1"}, []registry.Reference{reference("part", "p1", reference("deep", "d1"))}}
	open := func() error { return serde.OpenerOf(registry.Value(c, "orders", f)).Open(t.Context()) }
	check := func() error { return c.Check(t.Context(), "orders-value", f.Schema()) }
	says := func(err error, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if err == nil || strings.Count(err.Error(), part) != 1 {
				t.Errorf("%v, want %s once", err, part)
			}
		}
	}
	says(open(), `subject "orders-value"`, `reference "deep"`, `registry: subject "deep": `, "let the client do so")
	if err := check(); err != nil {
		t.Errorf("a first schema: %v", err)
	}
	r.Register(t, "orders-value", sr.Schema{Schema: `"w0"`})
	says(check(), `subject "orders-value"`, `reference "deep"`, `registry: subject "deep": `)
	r.Register(t, "deep", sr.Schema{Schema: `"d1"`})
	says(check(), `reference "part"`)
	r.Register(t, "part", sr.Schema{Schema: `"p1"`, References: []sr.SchemaReference{{Name: "deep", Subject: "deep", Version: 1}}})
	if err := check(); err != nil {
		t.Error(err)
	}
	id := r.Register(t, "orders-value", sr.Schema{Schema: `"w1"`, References: []sr.SchemaReference{{Name: "part", Subject: "part", Version: 1}}})
	if err := open(); err != nil {
		t.Error(err)
	}
	if got, err := c.ID(t.Context(), "orders-value", f.Schema()); got != id || err != nil {
		t.Errorf("id %d, %v; want %d", got, err, id)
	}
}
