package declarative

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/rivusio/rivusio/serde/registry"
)

// readFile reads a schema and what it imports. Imports are paths from its folder; they are their subjects too.
func (k *schemaKind) readFile(path string) (registry.Schema, error) {
	r := schemaReader{kind: k, folder: filepath.Dir(path), known: map[string]registry.Schema{}}
	return r.read(filepath.Base(path))
}

// schemaReader reads each file once.
type schemaReader struct {
	kind   *schemaKind
	folder string
	known  map[string]registry.Schema
	open   []string // files whose imports are being read
}

func (r *schemaReader) read(name string) (registry.Schema, error) {
	if s, ok := r.known[name]; ok {
		return s, nil
	}
	if slices.Contains(r.open, name) {
		return registry.Schema{}, fmt.Errorf("%s imports itself", name)
	}
	if !filepath.IsLocal(name) {
		return registry.Schema{}, fmt.Errorf("%q is not a path from the folder of the schema", name)
	}
	text, err := os.ReadFile(filepath.Join(r.folder, filepath.FromSlash(name)))
	if err != nil {
		return registry.Schema{}, err
	}
	s := registry.Schema{Type: r.kind.kind, Text: string(text)}
	if r.kind.imports != nil {
		r.open = append(r.open, name)
		if s.References, err = r.references(s.Text); err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		r.open = r.open[:len(r.open)-1]
	}
	r.known[name] = s
	return s, nil
}

func (r *schemaReader) references(text string) ([]registry.Reference, error) {
	paths, err := r.kind.imports(text)
	if err != nil {
		return nil, err
	}
	var refs []registry.Reference
	for _, path := range paths {
		s, err := r.read(path)
		if err != nil {
			return nil, err
		}
		refs = append(refs, registry.Reference{Name: path, Subject: path, Schema: s})
	}
	return refs, nil
}
