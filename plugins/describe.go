package plugins

import (
	"reflect"
	"slices"

	"github.com/rivusio/rivusio/internal/document"
)

// Description is what is known about a plugin.
type Description struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	Doc  string `json:"doc"`
	// In and Out are the types of a pipe; of a serde both are the type that it encodes. Else they are empty.
	In  string `json:"in,omitempty"`
	Out string `json:"out,omitempty"`
	// Keys are those of the configuration, in the order of its fields; none if the type does not say.
	Keys []Key `json:"keys,omitempty"`
	// ConfigSchema is the JSON Schema (draft 2020-12) of the configuration.
	ConfigSchema []byte `json:"-"`
}

// Key is a key of a configuration.
type Key struct {
	// Path is its name, with those of the sections around it: retry.delay. Items of a list are fields[].name, values of a
	// map headers{}.
	Path string `json:"path"`
	// Type is such as text, duration, "whole number, at least 1" or the words that are allowed.
	Type string `json:"type"`
	// Default is what holds without the key; "" if nothing does.
	Default  string `json:"default,omitempty"`
	Required bool   `json:"required,omitempty"`
	Doc      string `json:"doc,omitempty"`
}

func keysOf(t reflect.Type) ([]Key, error) {
	found, err := document.Keys(t)
	keys := make([]Key, len(found))
	for i, k := range found {
		keys[i] = Key(k)
	}
	return keys, err
}

func (d *Description) typeText() string {
	switch d.Kind {
	case KindPipe:
		return pipeType(d.In, d.Out)
	case KindSerde:
		return "serde of " + d.In
	}
	return string(d.Kind)
}

func (d Description) clone() Description {
	d.Keys = slices.Clone(d.Keys)
	d.ConfigSchema = slices.Clone(d.ConfigSchema)
	return d
}

// List describes all plugins, by kind in the order of [Kinds], then by name. The caller may change the result.
func (r *Registry) List() []Description {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var list []Description
	for _, kind := range Kinds() {
		first := len(list)
		for _, e := range r.entries[kind] {
			list = append(list, e.desc.clone())
		}
		slices.SortFunc(list[first:], func(a, b Description) int {
			if a.Name < b.Name {
				return -1
			}
			return 1
		})
	}
	return list
}

// Describe describes one plugin. The error is that of a look-up.
func (r *Registry) Describe(kind Kind, name string) (Description, error) {
	e, err := r.find(kind, name, Place{})
	if err != nil {
		return Description{}, err
	}
	return e.desc.clone(), nil
}
