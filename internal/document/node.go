package document

import (
	"fmt"
	"iter"
	"math"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Kind is what a [Node] is.
type Kind int

// The kinds of nodes.
const (
	Scalar Kind = iota // one value: a text, number, boolean or null
	List
	Map
)

// Node is a value of a document. It is not changed once it is made, and any number of goroutines may read it. A nil *Node is
// a value that is not there; its place, path and text are empty, and it is null.
type Node struct {
	kind  Kind
	place Place
	path  string

	text   string // of a scalar, as written without quotes
	scalar any    // nil, bool, int64, float64 or string
	keys   []*Node
	items  []*Node // of a list; of a map, the value of each key
}

// Kind is the kind of the node.
func (n *Node) Kind() Kind {
	if n == nil {
		return Scalar
	}
	return n.kind
}

// Place is where the node begins.
func (n *Node) Place() Place {
	if n == nil {
		return Place{}
	}
	return n.place
}

// Path is how the node is reached from the root, such as steps[2].window.size.
func (n *Node) Path() string {
	if n == nil {
		return ""
	}
	return n.path
}

// Text is a scalar as it is written, without quotes; "" for what is none.
func (n *Node) Text() string {
	if n == nil {
		return ""
	}
	return n.text
}

// IsNull reports whether the node is null, empty or not there.
func (n *Node) IsNull() bool { return n == nil || n.kind == Scalar && n.scalar == nil }

// Len is the number of items of a list or of keys of a map.
func (n *Node) Len() int {
	if n == nil {
		return 0
	}
	return len(n.items)
}

// Items are the items of a list with their numbers from 0.
func (n *Node) Items() iter.Seq2[int, *Node] {
	return func(yield func(int, *Node) bool) {
		if n == nil || n.kind != List {
			return
		}
		for i, item := range n.items {
			if !yield(i, item) {
				return
			}
		}
	}
}

// Entries are the keys and values of a map, in the order of the document. The text of a key is its name.
func (n *Node) Entries() iter.Seq2[*Node, *Node] {
	return func(yield func(key, value *Node) bool) {
		if n == nil || n.kind != Map {
			return
		}
		for i, key := range n.keys {
			if !yield(key, n.items[i]) {
				return
			}
		}
	}
}

// Get is the value of a key of a map, nil if it is not there.
func (n *Node) Get(key string) *Node {
	for k, value := range n.Entries() {
		if k.text == key {
			return value
		}
	}
	return nil
}

// Any is the node as a Go value: nil, bool, int64 (a whole number that fits), float64, string, []any or map[string]any.
func (n *Node) Any() any {
	switch n.Kind() {
	case List:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.Any()
		}
		return list
	case Map:
		object := make(map[string]any, len(n.items))
		for key, value := range n.Entries() {
			object[key.text] = value.Any()
		}
		return object
	}
	if n == nil {
		return nil
	}
	return n.scalar
}

// Errorf makes a mistake at the node.
func (n *Node) Errorf(format string, args ...any) *Error {
	return &Error{Path: n.Path(), Place: n.Place(), Err: fmt.Errorf(format, args...)}
}

// OnlyKeys returns a mistake for each key of a map that is not among those known, and one if the node is no map.
func (n *Node) OnlyKeys(known ...string) error {
	if n.Kind() != Map {
		return n.Errorf("want keys with values, have %s", n.described())
	}
	var errs []error
	for key := range n.Entries() {
		if !contains(known, key.text) {
			errs = append(errs, unknownKey(n.path, key, known))
		}
	}
	return Join(errs...)
}

func unknownKey(path string, key *Node, known []string) *Error {
	return &Error{Path: path, Place: key.place, Err: fmt.Errorf("unknown key %q%s", key.text, didYouMean(key.text, known))}
}

// described says what a node is, for messages.
func (n *Node) described() string {
	switch {
	case n.Kind() == List:
		return "a list"
	case n.Kind() == Map:
		return "a map"
	case n.IsNull():
		return "nothing"
	}
	switch n.scalar.(type) {
	case string:
		return fmt.Sprintf("the text %q", shortened(n.text))
	case bool:
		return n.text
	}
	return "the number " + shortened(n.text)
}

// shownBytes bounds how much of a value a message shows.
const shownBytes = 60

func shortened(s string) string {
	if len(s) <= shownBytes {
		return s
	}
	cut := shownBytes
	for cut > 0 && s[cut]&0xc0 == 0x80 { // not inside a rune
		cut--
	}
	return s[:cut] + "…"
}

// Child is the path of a key below a path.
func Child(path, key string) string {
	if !plainKey(key) {
		return path + "[" + strconv.Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// plainKey reports whether a key can stand in a path without quotes.
func plainKey(key string) bool {
	for _, c := range key {
		if c == '.' || c == '[' || c == ']' || c == '"' || c <= ' ' {
			return false
		}
	}
	return key != ""
}

// resolved is the value of a scalar with the tag that its text has, or is given.
func resolved(y *yaml.Node) (any, error) {
	switch tag := y.ShortTag(); tag {
	case "!!null":
		return nil, nil
	case "!!str", "!!timestamp": // a time is a text here: what wants one says in which form
		return y.Value, nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := y.Decode(&v); err != nil {
			return nil, fmt.Errorf("%q is no %s", shortened(y.Value), tag[2:])
		}
		return number(v), nil
	default:
		return nil, fmt.Errorf("the tag %s is not known", shortened(tag))
	}
}

// number is an int64 of a whole number that fits, a float64 of any other.
func number(v any) any {
	switch n := v.(type) {
	case int:
		return int64(n)
	case uint64:
		return float64(n)
	case float64:
		if n == math.Trunc(n) && n >= math.MinInt64 && n < math.MaxInt64 {
			return int64(n)
		}
	}
	return v
}
