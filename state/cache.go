package state

import (
	"cmp"
	"slices"
	"unsafe"
)

// Slot is one cached row, decoded. A store's Lookup returns it; it is valid until the next call on that store.
//
// Value, Timestamp (event time in ms of the last update) and Present are for reading; change them by the store's Set and
// Remove. After a Remove, the Timestamp may be set to tell the listener of OnCommit the time of the delete.
type Slot[V any] struct {
	Value     V
	Timestamp int64
	Present   bool // false: there is no row, and Value means nothing

	used    bool // since the eviction hand came by
	dirty   bool // changed since the last flush; in the dirty set of its group
	changed bool // in the list that EmitDirty goes through
	index   int32
	bytes   int32 // what it counts in the budget
	key     string
	group   *group
}

// RowKey is the encoded key of the row; in a window store the start of the window, as windows.AppendTime writes it, is in
// front.
func (s *Slot[V]) RowKey() string { return s.key }

// group is the slots that have a time in common: those of one window, or all of a key-value store.
type group struct {
	start  int64
	slots  map[string]int32 // by encoded key, without the time
	dirty  []keyEntry       // the first `sorted` are in order
	sorted int
}

const (
	slabBits = 9
	slabSize = 1 << slabBits
	// slotOverheadBytes is what a cached row takes beside the Slot, its key and its value: map entry, allocation, dirty entry.
	slotOverheadBytes = 80
)

// cache is the slots of one store. They lie in slabs, never move, and are found by encoded key.
type cache[V any] struct {
	budget     *Budget
	keyDepth   int // bytes of time in front of a slot's key
	slotBytes  int // a slot without key and value
	slabs      []*[slabSize]Slot[V]
	count      int32   // slots ever taken from the slabs
	free       []int32 // of those, the ones given back
	hand       int32   // of the clock that evicts
	last       *Slot[V]
	groups     map[int64]*group
	recent     [8]*group // of groups, by hash of the start
	dirty      []*group  // with dirty slots
	changed    []int32   // in order of the first change, if listening
	usedBytes  int64
	dirtyBytes int64
	hits       int64
	misses     int64
	listening  bool
	scratch    []keyEntry
}

func newCache[V any](budget *Budget, keyDepth int) cache[V] {
	return cache[V]{
		budget: budget, keyDepth: keyDepth, slotBytes: int(unsafe.Sizeof(Slot[V]{})) + slotOverheadBytes,
		groups: map[int64]*group{},
	}
}

func (c *cache[V]) at(index int32) *Slot[V] { return &c.slabs[index>>slabBits][index&(slabSize-1)] }

// group returns the group of a start, or nil.
func (c *cache[V]) group(start int64) *group {
	r := &c.recent[uint64(start)*0x9e3779b97f4a7c15>>61]
	if *r != nil && (*r).start == start {
		return *r
	}
	g := c.groups[start]
	if g != nil {
		*r = g
	}
	return g
}

func (c *cache[V]) addGroup(start int64) *group {
	g := &group{start: start, slots: map[string]int32{}}
	c.groups[start] = g
	return g
}

// find returns the slot of an encoded key (without the time), or nil.
func (c *cache[V]) find(g *group, key []byte) *Slot[V] {
	i, ok := g.slots[string(key)]
	if !ok {
		return nil
	}
	c.hits++
	s := c.at(i)
	s.used = true
	c.last = s
	return s
}

// insert makes the slot of a row key that is not cached yet, without a value.
func (c *cache[V]) insert(g *group, rowKey []byte, valueBytes int) *Slot[V] {
	var i int32
	if n := len(c.free); n > 0 {
		i, c.free = c.free[n-1], c.free[:n-1]
	} else {
		i = c.count
		if int(i>>slabBits) == len(c.slabs) {
			c.slabs = append(c.slabs, new([slabSize]Slot[V]))
		}
		c.count++
	}
	s := c.at(i)
	s.index, s.key, s.group, s.used = i, string(rowKey), g, true
	g.slots[s.key[c.keyDepth:]] = i
	c.resize(s, valueBytes)
	c.last = s
	return s
}

// resize tells the budget how large the encoded value of a slot is.
func (c *cache[V]) resize(s *Slot[V], valueBytes int) {
	bytes := int32(c.slotBytes + len(s.key) + valueBytes)
	by := int64(bytes - s.bytes)
	s.bytes = bytes
	c.usedBytes += by
	c.budget.used += by
	if s.dirty {
		c.dirtyBytes += by
		c.budget.dirty += by
	}
}

// mark notes that a slot changed.
func (c *cache[V]) mark(s *Slot[V]) {
	if !s.dirty {
		s.dirty = true
		if len(s.group.dirty) == 0 {
			c.dirty = append(c.dirty, s.group)
		}
		s.group.dirty = append(s.group.dirty, keyEntry{prefixAt(s.key, c.keyDepth), s.index})
		c.dirtyBytes += int64(s.bytes)
		c.budget.dirty += int64(s.bytes)
	}
	if c.listening && !s.changed {
		s.changed = true
		c.changed = append(c.changed, s.index)
	}
}

// clean notes that a slot was flushed. Whoever calls it empties the dirty set of the group.
func (c *cache[V]) clean(s *Slot[V]) {
	s.dirty = false
	c.dirtyBytes -= int64(s.bytes)
	c.budget.dirty -= int64(s.bytes)
}

// drop forgets a slot that is not dirty.
func (c *cache[V]) drop(s *Slot[V]) {
	c.usedBytes -= int64(s.bytes)
	c.budget.used -= int64(s.bytes)
	delete(s.group.slots, s.key[c.keyDepth:])
	if c.last == s {
		c.last = nil
	}
	c.free = append(c.free, s.index)
	*s = Slot[V]{}
}

// dropGroup forgets a group without slots.
func (c *cache[V]) dropGroup(g *group) {
	delete(c.groups, g.start)
	clear(c.recent[:])
}

// evict implements evictor. It turns the hand of a clock over the slabs: a slot that was used since the last turn stays
// once more. The slot that was handed out last always stays, and so does what is dirty.
func (c *cache[V]) evict(bytes int64) {
	target := c.usedBytes - bytes
	for n := 2 * c.count; n > 0 && c.usedBytes > target; n-- {
		if c.hand >= c.count {
			c.hand = 0
		}
		s := c.at(c.hand)
		c.hand++
		switch {
		case s.group == nil || s.dirty || s.changed || s == c.last:
		case s.used:
			s.used = false
		default:
			g := s.group
			c.drop(s)
			if c.keyDepth > 0 && len(g.slots) == 0 {
				c.dropGroup(g)
			}
		}
	}
}

// reset forgets everything.
func (c *cache[V]) reset() {
	c.budget.used -= c.usedBytes
	c.budget.dirty -= c.dirtyBytes
	c.usedBytes, c.dirtyBytes = 0, 0
	c.slabs, c.count, c.free, c.hand, c.last = nil, 0, nil, 0, nil
	c.dirty, c.changed = nil, nil
	clear(c.groups)
	clear(c.recent[:])
}

func (c *cache[V]) keyOf(index int32) string { return c.at(index).key }

// sortDirty puts the dirty set of a group in the order of its keys.
func (c *cache[V]) sortDirty(g *group) []keyEntry {
	if g.sorted == len(g.dirty) {
		return g.dirty
	}
	tail := g.dirty[g.sorted:]
	c.scratch = sortKeys(tail, c.scratch, c.keyDepth, c.keyOf)
	if g.sorted > 0 {
		c.scratch = append(c.scratch[:0], tail...)
		c.mergeInto(g.dirty, g.sorted, c.scratch)
	}
	g.sorted = len(g.dirty)
	return g.dirty
}

// mergeInto merges the first n of all, and more, both sorted, from the end of all to its begin.
func (c *cache[V]) mergeInto(all []keyEntry, n int, more []keyEntry) {
	for at := len(all) - 1; len(more) > 0; at-- {
		if n > 0 && c.compare(all[n-1], more[len(more)-1]) > 0 {
			n--
			all[at] = all[n]
		} else {
			all[at] = more[len(more)-1]
			more = more[:len(more)-1]
		}
	}
}

func (c *cache[V]) compare(a, b keyEntry) int {
	if a.prefix != b.prefix {
		return cmp.Compare(a.prefix, b.prefix)
	}
	return compareKeys(a, b, c.keyDepth, c.keyOf)
}

// dirtyRange appends to dst, in order, the dirty slots of a group with lower <= row key < upper; "" is no upper bound.
// A few entries at the end of the dirty set stay unsorted, so that reads between writes do not sort everything each time.
func (c *cache[V]) dirtyRange(dst []int32, g *group, lower, upper string) []int32 {
	if tail := len(g.dirty) - g.sorted; tail > max(radixMin, g.sorted/8) {
		c.sortDirty(g)
	}
	sorted := g.dirty[:g.sorted]
	from, _ := slices.BinarySearchFunc(sorted, lower, func(e keyEntry, k string) int { return cmp.Compare(c.keyOf(e.index), k) })
	sorted = sorted[from:]
	if upper != "" {
		to, _ := slices.BinarySearchFunc(sorted, upper, func(e keyEntry, k string) int { return cmp.Compare(c.keyOf(e.index), k) })
		sorted = sorted[:to]
	}
	var tail []keyEntry
	for _, e := range g.dirty[g.sorted:] {
		if k := c.keyOf(e.index); k >= lower && (upper == "" || k < upper) {
			tail = append(tail, e)
		}
	}
	c.scratch = sortKeys(tail, c.scratch, c.keyDepth, c.keyOf)
	for len(sorted) > 0 || len(tail) > 0 {
		if len(tail) == 0 || len(sorted) > 0 && c.compare(sorted[0], tail[0]) < 0 {
			dst, sorted = append(dst, sorted[0].index), sorted[1:]
		} else {
			dst, tail = append(dst, tail[0].index), tail[1:]
		}
	}
	return dst
}
