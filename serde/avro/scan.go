package avro

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"sync"
)

// maxDepth bounds how deep a value is.
const maxDepth = 1000

// scanner walks bytes along a schema, without making values of them. It checks what a payload claims before a library believes
// it, and it sorts the maps of what was encoded.
type scanner struct {
	b     []byte
	pos   int
	depth int
	left  int // bytes of memory
	cost  cost
	limit int

	sorting bool
	entries []entry // of the maps that are open
	scratch []byte
}

// entry is where an entry of a map is.
type entry struct{ start, key, value, end int }

var scanners = sync.Pool{New: func() any { return new(scanner) }}

func (s *scanner) release() {
	s.b = nil
	s.entries = s.entries[:0]
	const keep = 64 << 10
	if cap(s.scratch) > keep {
		s.scratch = nil
	}
	if cap(s.entries) > keep/32 {
		s.entries = nil
	}
	scanners.Put(s)
}

// check checks a whole payload.
func check(b []byte, n *node, c cost, limit int) error {
	s := scanners.Get().(*scanner)
	defer s.release()
	s.b, s.pos, s.depth, s.left, s.cost, s.limit, s.sorting = b, 0, 0, limit-len(b), c, limit, false
	if err := s.value(n); err != nil {
		return err
	}
	if s.pos != len(b) {
		return trailing(len(b) - s.pos)
	}
	return nil
}

// sortMaps sorts the entries of all maps by key, in place, in what has just been encoded.
func sortMaps(b []byte, n *node) error {
	s := scanners.Get().(*scanner)
	defer s.release()
	s.b, s.pos, s.depth, s.left, s.cost, s.limit, s.sorting = b, 0, 0, math.MaxInt, cost{}, math.MaxInt, true
	return s.value(n)
}

func (s *scanner) value(n *node) error {
	if s.left -= s.cost.value; s.left < 0 {
		return wrong("the value takes more than %d bytes of memory", s.limit)
	}
	switch n.kind {
	case kindNull:
		return nil
	case kindBoolean:
		return s.skip(1, "a boolean")
	case kindInt, kindLong:
		_, err := s.number(n.name)
		return err
	case kindFloat:
		return s.skip(4, "a float")
	case kindDouble:
		return s.skip(8, "a double")
	case kindFixed:
		return s.skip(n.size, "a fixed")
	case kindBytes, kindString:
		_, err := s.text(n.name)
		return err
	case kindEnum:
		at := s.pos
		i, err := s.number("an enum")
		if err == nil && (i < 0 || i >= int64(len(n.symbols))) {
			return wrong("symbol %d at offset %d, want one of the %d of enum %s", i, at, len(n.symbols), n.name)
		}
		return err
	}
	if s.depth++; s.depth > maxDepth {
		return wrong("the value is more than %d levels deep", maxDepth)
	}
	defer func() { s.depth-- }()
	switch n.kind {
	case kindUnion:
		return s.union(n)
	case kindRecord:
		for i := range n.fields {
			if err := s.value(n.fields[i].node); err != nil {
				return within("."+n.fields[i].name, err)
			}
		}
		return nil
	}
	return s.blocks(n)
}

func (s *scanner) union(n *node) error {
	at := s.pos
	i, err := s.number("a union")
	if err != nil {
		return err
	}
	if i < 0 || i >= int64(len(n.branches)) {
		return wrong("branch %d at offset %d, want one of the %d of a union", i, at, len(n.branches))
	}
	return s.value(n.branches[i])
}

// blocks walks an array or a map.
func (s *scanner) blocks(n *node) error {
	open := len(s.entries)
	for done := 0; ; {
		count, err := s.count(n)
		if err != nil {
			return err
		}
		if count == 0 {
			break
		}
		for range count {
			if err := s.item(n, done); err != nil {
				return err
			}
			done++
		}
	}
	if s.sorting && n.kind == kindMap {
		s.sort(s.entries[open:])
		s.entries = s.entries[:open]
	}
	return nil
}

// count reads the beginning of a block.
func (s *scanner) count(n *node) (int64, error) {
	at := s.pos
	count, err := s.number("the count of a block")
	if err != nil {
		return 0, err
	}
	if count < 0 {
		if count == math.MinInt64 {
			return 0, wrong("a block of %d items at offset %d", count, at)
		}
		size, err := s.number("the size of a block")
		if err != nil {
			return 0, err
		}
		if size < 0 || size > int64(len(s.b)-s.pos) {
			return 0, wrong("a block of %d bytes at offset %d, where %d are left", size, at, len(s.b)-s.pos)
		}
		count = -count
	}
	// Whatever an item is, it takes memory: this refuses a count before its items are walked.
	if each := int64(max(1, s.cost.item+s.cost.value)); count > int64(s.left)/each {
		return 0, wrong("a block of %d items at offset %d: the value takes more than %d bytes of memory", count, at, s.limit)
	}
	return count, nil
}

func (s *scanner) item(n *node, i int) error {
	s.left -= s.cost.item
	if n.kind == kindArray {
		if err := s.value(n.items); err != nil {
			return within("["+strconv.Itoa(i)+"]", err)
		}
		return nil
	}
	start := s.pos
	key, err := s.text("the key of a map")
	if err != nil {
		return within("["+strconv.Itoa(i)+"]", err)
	}
	value := s.pos
	if err := s.value(n.items); err != nil {
		return within("["+strconv.Quote(string(key[:min(len(key), 40)]))+"]", err)
	}
	if s.sorting {
		s.entries = append(s.entries, entry{start, value - len(key), value, s.pos})
	}
	return nil
}

// sort puts the entries of a map in order. They lie in one block, without anything between them.
func (s *scanner) sort(entries []entry) {
	order := func(a, b entry) int { return bytes.Compare(s.b[a.key:a.value], s.b[b.key:b.value]) }
	if len(entries) < 2 || slices.IsSortedFunc(entries, order) {
		return
	}
	first, last := entries[0].start, entries[len(entries)-1].end
	slices.SortFunc(entries, order)
	s.scratch = s.scratch[:0]
	for _, e := range entries {
		s.scratch = append(s.scratch, s.b[e.start:e.end]...)
	}
	copy(s.b[first:last], s.scratch)
}

func (s *scanner) skip(n int, what string) error {
	if n > len(s.b)-s.pos {
		return wrong("%d bytes are left at offset %d, want %d of %s", len(s.b)-s.pos, s.pos, n, what)
	}
	s.pos += n
	return nil
}

// number reads an int or a long.
func (s *scanner) number(what string) (int64, error) {
	v, n := binary.Varint(s.b[s.pos:])
	if n <= 0 {
		if n == 0 {
			return 0, wrong("the bytes end at offset %d, within %s", len(s.b), what)
		}
		return 0, wrong("a number of more than 64 bits at offset %d, want %s", s.pos, what)
	}
	if what == "int" && v != int64(int32(v)) {
		return 0, wrong("%d at offset %d, want an int of 32 bits", v, s.pos)
	}
	s.pos += n
	return v, nil
}

// text reads bytes behind their length.
func (s *scanner) text(what string) ([]byte, error) {
	at := s.pos
	n, err := s.number("the length of " + what)
	if err != nil {
		return nil, err
	}
	if n < 0 || n > int64(len(s.b)-s.pos) {
		return nil, wrong("length %d of %s at offset %d, where %d bytes are left", n, what, at, len(s.b)-s.pos)
	}
	s.pos += int(n)
	return s.b[s.pos-int(n) : s.pos], nil
}
