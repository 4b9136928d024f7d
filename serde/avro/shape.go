package avro

import (
	"fmt"
	"math"
)

// shape is what a schema says about the size of its values, before any is there.
type shape struct {
	values    int  // at most, outside of arrays, maps and records within themselves
	perItem   int  // the same of one item of an array, entry of a map, or record within itself
	emptyItem bool // an array's items may take no bytes at all: its count alone makes it large
	recursive bool
	maps      bool
	defaults  int // bytes of all defaults
}

// shapeOf walks a schema once. What has no end or too many values is an error.
func shapeOf(root *node) (shape, error) {
	w := shaper{values: map[*node]int{}, open: map[*node]bool{}, ended: map[*node]bool{}}
	n := w.count(root)
	w.shape.values = n
	for record := range w.values {
		w.endless(record, map[*node]bool{})
	}
	if most := max(n, w.shape.perItem); w.err == nil && most > maxSchemaValues {
		w.err = fmt.Errorf("it describes more than %d values outside of arrays and maps", maxSchemaValues)
	}
	return w.shape, w.err
}

type shaper struct {
	shape  shape
	values map[*node]int // of what was walked
	open   map[*node]bool
	ended  map[*node]bool // records whose fields have an end
	err    error
}

// count is how many values a node stands for; a huge number stays one.
func (w *shaper) count(n *node) int {
	if w.open[n] {
		w.shape.recursive = true
		return 1
	}
	if known, ok := w.values[n]; ok {
		return known
	}
	w.open[n] = true
	total := 1
	switch n.kind {
	case kindArray, kindMap:
		w.shape.perItem = max(w.shape.perItem, w.count(n.items))
		w.shape.maps = w.shape.maps || n.kind == kindMap
		w.shape.emptyItem = w.shape.emptyItem || n.kind == kindArray && isEmpty(n.items, map[*node]bool{})
	case kindUnion:
		for _, b := range n.branches {
			total = max(total, add(1, w.count(b)))
		}
	case kindRecord:
		for _, f := range n.fields {
			w.shape.defaults += sizeOf(f.value)
			total = add(total, w.count(f.node))
		}
	}
	delete(w.open, n)
	w.values[n] = total
	if w.shape.recursive {
		w.shape.perItem = max(w.shape.perItem, total)
	}
	return total
}

func add(a, b int) int { return min(a+b, math.MaxInt32) }

// isEmpty reports whether every value of a node has no bytes. A record within itself has some, or no end.
func isEmpty(n *node, seen map[*node]bool) bool {
	switch n.kind {
	case kindNull:
		return true
	case kindFixed:
		return n.size == 0
	case kindRecord:
		if seen[n] {
			return true // already looked at, or refused for having no end
		}
		seen[n] = true
		for _, f := range n.fields {
			if !isEmpty(f.node, seen) {
				return false
			}
		}
		return true
	}
	return false
}

// endless refuses a record that contains itself by fields alone: no value of it has an end.
func (w *shaper) endless(n *node, open map[*node]bool) {
	if n.kind != kindRecord || w.ended[n] {
		return
	}
	if open[n] {
		w.err = fmt.Errorf("record %q contains itself without end", n.name)
		return
	}
	open[n] = true
	for _, f := range n.fields {
		w.endless(f.node, open)
	}
	delete(open, n)
	w.ended[n] = true
}

// sizeOf is roughly the memory of a default.
func sizeOf(v any) int {
	switch v := v.(type) {
	case nil:
		return 0
	case string:
		return len(v)
	case []byte:
		return len(v)
	case []any:
		n := 0
		for _, item := range v {
			n += 16 + sizeOf(item)
		}
		return n
	case map[string]any:
		n := 0
		for name, item := range v {
			n += 64 + len(name) + sizeOf(item)
		}
		return n
	}
	return 8
}

// cost is what decoded values take in memory, in bytes; estimated above the truth.
type cost struct{ value, item int }

// mayExceed reports whether any payload of n bytes could take more than a limit, so that it has to be looked at first.
func (s shape) mayExceed(n int, c cost, limit int) bool {
	if s.emptyItem {
		return true
	}
	// Each item has a byte of its own, in which nothing else begins.
	return float64(s.values+n*s.perItem)*float64(c.value)+float64(n)*float64(c.item+1) > float64(limit)
}
