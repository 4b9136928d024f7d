package declarative

import (
	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/windows"
)

// variable is a name that an expression may use.
type variable uint8

const (
	varKey variable = iota
	varValue
	varWindow
	varTimestamp
	varHeaders
	varAggregate
	varLeft
	varRight
	varItem
	varPartitions
	varPartitionTime
	varTopic
)

// String is the name.
func (v variable) String() string {
	return [...]string{"key", "value", "window", "timestamp", "headers", "aggregate", "left", "right", "item", "partitions", "partition_time", "topic"}[v]
}

// variables are the values of the variables of one evaluation. The key of a windowed stream is key and window.
type variables struct {
	key, value, aggregate, left, right, item any
	timestamp, partitions, partitionTime     int64
	topic                                    string
	headers                                  []operators.Header
}

func (v *variables) get(name variable) any {
	switch name {
	case varKey:
		if w, ok := v.key.(windows.Keyed[any]); ok {
			return w.Key
		}
		return v.key
	case varWindow:
		if w, ok := v.key.(windows.Keyed[any]); ok {
			return windowValue(w.Window)
		}
		return nil
	case varValue:
		return v.value
	case varTimestamp:
		return v.timestamp
	case varHeaders:
		return headersValue(v.headers)
	case varAggregate:
		return v.aggregate
	case varLeft:
		return v.left
	case varRight:
		return v.right
	case varItem:
		return v.item
	case varPartitions:
		return v.partitions
	case varPartitionTime:
		return v.partitionTime
	case varTopic:
		return v.topic
	}
	return nil
}

// windowValue is a window as expressions and JSON have it.
func windowValue(w windows.Window) map[string]any {
	return map[string]any{"start": w.Start, "end": w.End}
}

// headersValue is headers as expressions have them: by name, the last one of a name, as texts.
func headersValue(headers []operators.Header) map[string]any {
	m := make(map[string]any, len(headers))
	for _, h := range headers {
		m[h.Key] = string(h.Value)
	}
	return m
}

// template is a compiled expression, or a map or list of such.
type template struct {
	program *program
	names   []string // of a map; its values are items
	items   []*template
}

// template compiles what makes a value.
func (l *loader) template(n *document.Node, known []variable) *template {
	t := &template{}
	switch n.Kind() {
	case document.Map:
		t.names = []string{}
		for key, value := range n.Entries() {
			t.names = append(t.names, key.Text())
			t.items = append(t.items, l.template(value, known))
		}
	case document.List:
		for _, item := range n.Items() {
			t.items = append(t.items, l.template(item, known))
		}
	default:
		t.program = l.program(n, known)
	}
	return t
}

// program compiles an expression, whose mistakes it notes.
func (l *loader) program(n *document.Node, known []variable) *program {
	p, err := l.compile(n, known)
	l.fail(err)
	return p
}

// eval evaluates all of it.
func (t *template) eval(v *variables) any {
	switch {
	case t.program != nil:
		return t.program.eval(v)
	case t.names != nil:
		m := make(map[string]any, len(t.names))
		for i, name := range t.names {
			m[name] = t.items[i].eval(v)
		}
		return m
	}
	items := make([]any, len(t.items))
	for i, item := range t.items {
		items[i] = item.eval(v)
	}
	return items
}

// needs reports whether any expression of it uses one of these variables.
func (t *template) needs(names ...variable) bool {
	if t.program != nil {
		return t.program.needs(names...)
	}
	for _, item := range t.items {
		if item.needs(names...) {
			return true
		}
	}
	return false
}

// needs reports whether the expression uses one of these variables.
func (p *program) needs(names ...variable) bool {
	if p == nil { // it does not compile
		return false
	}
	for _, used := range p.uses {
		for _, name := range names {
			if used == name {
				return true
			}
		}
	}
	return false
}
