package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

const (
	envPrefix = "RIVUSIO_"

	// FileFlag is the flag that names the file, without its dashes.
	FileFlag = "config"
	// FileEnv is the environment variable that names the file, if the flag does not.
	FileEnv = envPrefix + "CONFIG"

	defaultSource = "default"
)

// given is a value with the place that it comes from. The fields are exported because koanf copies by reflection.
type given struct {
	Items  []string
	Source string
}

// layers is the configuration while it is read. koanf merges the sources, each over those before it; the leaves are values
// of type given.
type layers struct {
	k        *koanf.Koanf
	mistakes []error
}

func (l *layers) fail(source, format string, args ...any) {
	l.mistakes = append(l.mistakes, fmt.Errorf("%s: %w", source, fmt.Errorf(format, args...)))
}

// value is what the uppermost source says about a key.
func (l *layers) value(k Key) (given, bool) {
	v, ok := l.k.Get(k.Name).(given)
	return v, ok
}

func (l *layers) load(p koanf.Provider) {
	if err := l.k.Load(p, nil); err != nil {
		l.mistakes = append(l.mistakes, err)
	}
}

// defaults loads what the table says.
func (l *layers) defaults() {
	values := make(map[string]any)
	for _, k := range Keys() {
		if k.Default != "" {
			values[k.Name] = given{k.split(k.Default), defaultSource}
		}
	}
	l.load(confmap.Provider(values, "."))
}

// file loads a YAML file.
func (l *layers) file(path string) {
	source := filepath.Base(path)
	content, err := os.ReadFile(path)
	if err != nil {
		l.mistakes = append(l.mistakes, fmt.Errorf("configuration file: %w", err))
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		l.fail(source, "%w", err)
		return
	}
	values := make(map[string]any)
	if len(doc.Content) > 0 {
		l.section(source, "", doc.Content[0], values)
	}
	l.load(confmap.Provider(values, "."))
}

// section reads one level of a file. It works on nodes, because they know their lines, and because the text of a scalar is
// what a password or a name of digits means.
func (l *layers) section(file, prefix string, n *yaml.Node, values map[string]any) {
	at := func(n *yaml.Node) string { return fmt.Sprintf("%s:%d", file, n.Line) }
	if n = resolve(n); n.Kind != yaml.MappingNode {
		if n.Tag != "!!null" { // a section of which all keys are comments
			l.fail(at(n), "%swant keys with values", label(prefix))
		}
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolve(n.Content[i+1])
		path := strings.TrimPrefix(prefix+"."+name.Value, ".")
		k, known := lookup(path)
		switch {
		case !known && isSection(path):
			l.section(file, path, value, values)
		case !known:
			l.fail(at(name), "unknown key %q%s", path, suggest(path, func(k Key) string { return k.Name }))
		case values[path] != nil:
			l.fail(at(name), "%s: given twice", path)
		default:
			if items, err := k.items(value); err != nil {
				l.fail(at(value), "%s: %w", path, err)
			} else {
				values[path] = given{items, at(value)}
			}
		}
	}
}

func label(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix + ": "
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// items is the value of a key in a file.
func (k Key) items(n *yaml.Node) ([]string, error) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil, errors.New("it has no value")
	case n.Kind == yaml.ScalarNode:
		return k.split(n.Value), nil
	case n.Kind == yaml.SequenceNode && k.list:
		items := make([]string, 0, len(n.Content))
		for _, item := range n.Content {
			if item = resolve(item); item.Kind != yaml.ScalarNode {
				return nil, errors.New("want a list of values")
			}
			items = append(items, item.Value)
		}
		return items, nil
	case k.list:
		return nil, errors.New("want a list of values")
	}
	return nil, errors.New("want one value")
}

// split makes a value of one text.
func (k Key) split(text string) []string {
	if !k.list {
		return []string{text}
	}
	items := strings.Split(text, ",")
	for i, item := range items {
		items[i] = strings.TrimSpace(item)
	}
	return items
}

// environment loads the variables that begin with RIVUSIO_.
func (l *layers) environment(environ []string) {
	l.load(env.Provider(".", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if name == FileEnv {
				return "", nil
			}
			i := slices.IndexFunc(Keys(), func(k Key) bool { return k.Env() == name })
			if i < 0 {
				l.fail(name, "unknown environment variable%s", suggest(name, Key.Env))
				return "", nil
			}
			k := Keys()[i]
			return k.Name, given{k.split(value), name}
		},
	}))
}

// flags loads the flags that were set.
func (l *layers) flags(flags *pflag.FlagSet) {
	l.load(posflag.ProviderWithFlag(flags, ".", l.k, func(f *pflag.Flag) (string, any) {
		i := slices.IndexFunc(Keys(), func(k Key) bool { return k.Flag() == f.Name })
		if i < 0 || !f.Changed {
			return "", nil
		}
		k := Keys()[i]
		return k.Name, given{k.split(f.Value.String()), "--" + f.Name}
	}))
}

// AddFlags adds a flag for each key that has one, and the one that names the file. Their values are checked by [Load].
func AddFlags(flags *pflag.FlagSet) {
	flags.String(FileFlag, "", "YAML `file` with the configuration (environment "+FileEnv+")")
	for _, k := range Keys() {
		if k.Flag() == "" {
			continue
		}
		f := flags.VarPF(&flagValue{k: k}, k.Flag(), "", k.usage())
		if k.Type == truth.name {
			f.NoOptDefVal = "true"
		}
	}
}

func (k Key) usage() string {
	switch {
	case k.Default != "":
		return fmt.Sprintf("%s (default %s)", k.Doc, k.Default)
	case k.Derived != "":
		return fmt.Sprintf("%s (default: %s)", k.Doc, k.Derived)
	}
	return k.Doc
}

// flagValue keeps the text of a flag; a flag of a list may be given more than once.
type flagValue struct {
	k    Key
	text string
}

func (v *flagValue) String() string { return v.text }

func (v *flagValue) Type() string {
	switch v.k.Type {
	case "duration", "size", "number", "list":
		return v.k.Type
	case truth.name:
		return "bool"
	}
	return "string"
}

func (v *flagValue) Set(text string) error {
	if v.k.list && v.text != "" {
		text = v.text + "," + text
	}
	v.text = text
	return nil
}

// suggest is a hint at the known name that is nearest to a wrong one, if one is near.
func suggest(wrong string, name func(Key) string) string {
	best, distance := "", 3
	for _, k := range Keys() {
		if d := editDistance(wrong, name(k)); d < distance {
			best, distance = name(k), d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %s?", best)
}

// editDistance is the number of bytes to insert, delete or replace to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
