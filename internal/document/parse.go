package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a document.
const (
	maxBytes = 16 << 20
	maxNodes = 1 << 20 // with what aliases repeat
	maxDepth = 200
)

// Parse reads a document. The file is its name in messages; nothing is opened. A document without a value is null.
func Parse(file string, data []byte) (*Node, error) {
	return parse(Place{File: file}, "", data)
}

// parse reads a document that is the value of a path: of the root, or of an environment variable.
func parse(where Place, path string, data []byte) (_ *Node, err error) {
	fail := func(p Place, format string, args ...any) error {
		return &Error{Path: path, Place: p, Err: fmt.Errorf(format, args...)}
	}
	if len(data) > maxBytes {
		return nil, fail(where, "it is longer than %d bytes", maxBytes)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fail(where, "%w", recovered("the YAML parser", r))
		}
	}()
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return &Node{place: where, path: path}, nil
	case err != nil:
		return nil, syntax(where, path, err)
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, fail(Place{where.File, second.Line, second.Column}, "a second document begins here, want one")
	case !errors.Is(err, io.EOF):
		return nil, syntax(where, path, err)
	}
	p := &parser{file: where.File, nodes: maxNodes, open: map[*yaml.Node]bool{}}
	n := p.node(doc.Content[0], path, maxDepth)
	return n, Join(p.errs...)
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// syntax is an error of the parser with its line as the place.
func syntax(where Place, path string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	where.Line = 1 // of which the parser does not tell
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		where.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	return &Error{Path: path, Place: where, Err: errors.New(text)}
}

type parser struct {
	file  string
	nodes int                 // how many more there may be
	open  map[*yaml.Node]bool // anchors whose values are being read
	errs  []error
}

func (p *parser) fail(y *yaml.Node, path, format string, args ...any) {
	p.errs = append(p.errs, &Error{Path: path, Place: Place{p.file, y.Line, y.Column}, Err: fmt.Errorf(format, args...)})
}

// node makes a Node that may be depth levels deep. After a mistake it is what can be made of it.
func (p *parser) node(y *yaml.Node, path string, depth int) *Node {
	n := &Node{place: Place{p.file, y.Line, y.Column}, path: path}
	if p.nodes--; p.nodes < 0 {
		if p.nodes == -1 {
			p.fail(y, path, "more than %d values, with those that aliases repeat", maxNodes)
		}
		return n
	}
	if depth == 0 {
		p.fail(y, path, "more than %d levels deep", maxDepth)
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		if p.open[y.Alias] {
			p.fail(y, path, "the alias *%s is inside of what it stands for", y.Value)
			return n
		}
		p.open[y.Alias] = true
		n = p.node(y.Alias, path, depth)
		delete(p.open, y.Alias)
	case yaml.ScalarNode:
		var err error
		n.text = y.Value
		if n.scalar, err = resolved(y); err != nil {
			p.fail(y, path, "%w", err)
		}
	case yaml.SequenceNode:
		n.kind = List
		p.tag(y, path, "!!seq")
		for i, item := range y.Content {
			n.items = append(n.items, p.node(item, path+"["+strconv.Itoa(i)+"]", depth-1))
		}
	case yaml.MappingNode:
		n.kind = Map
		p.tag(y, path, "!!map")
		p.entries(n, y, depth)
	}
	return n
}

func (p *parser) tag(y *yaml.Node, path, want string) {
	if tag := y.ShortTag(); tag != want {
		p.fail(y, path, "the tag %s is not known", shortened(tag))
	}
}

func (p *parser) entries(n *Node, y *yaml.Node, depth int) {
	seen := make(map[string]*yaml.Node, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		first := seen[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			p.fail(key, n.path, "a key is one text")
			continue
		case key.ShortTag() == "!!merge":
			p.fail(key, n.path, "the merge key << is not known: write the keys out")
			continue
		case first != nil:
			p.fail(key, n.path, "the key %q is there twice, first in line %d", shortened(key.Value), first.Line)
			continue
		}
		seen[key.Value] = key
		path := Child(n.path, key.Value)
		n.keys = append(n.keys, &Node{place: Place{p.file, key.Line, key.Column}, path: path, text: key.Value, scalar: key.Value})
		n.items = append(n.items, p.node(value, path, depth-1))
	}
}
