package state

import (
	"slices"
	"unsafe"
)

// series is what is cached of the rows of one key in one bucket: all those from one time to another, and elsewhere those
// that are dirty.
type series[V any] struct {
	segment  *segment[V]
	key      string     // escaped
	from, to int64      // all rows of these times, both included, are cached; from > to: of none
	items    []item[V]  // by place
	inline   [1]item[V] // the first items
	dirty    int32      // number of dirty items
	listed   bool       // in the dirty list of its segment
	used     bool       // since the eviction hand came by
	index    int32      // in the cache
	span     [2]int64   // times between which the dirty items are
	bytes    int64      // what it counts in the budget
}

// item is a cached row, decoded.
type item[V any] struct {
	place
	timestamp int64
	value     V
	bytes     int32 // of the encoded row
	present   bool
	dirty     bool  // changed since the last flush
	changed   int32 // where it is in the list that EmitDirty goes through, from 1 on; 0: not in it
	fresh     bool  // nothing below the cache has it, and it was not emitted
}

func (x *series[V]) knows(from, to int64) bool { return x.from <= from && to <= x.to }

// know notes that all rows of some more times are cached.
func (x *series[V]) know(from, to int64) {
	if x.from > x.to {
		x.from, x.to = from, to
		return
	}
	x.from, x.to = min(x.from, from), max(x.to, to)
}

// search returns where the row of a place is or would be. The end is tried first.
func (x *series[V]) search(p place) (i int, found bool) {
	hi := len(x.items)
	if hi == 0 || x.items[hi-1].before(p) {
		return hi, false
	}
	lo := 0
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if x.items[m].before(p) {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo, x.items[lo].place == p
}

func (x *series[V]) appendRowKey(dst []byte, p place) []byte {
	return p.append(append(x.segment.append(dst), x.key...))
}

// find returns the series of an escaped key, or nil.
func (g *segment[V]) find(key []byte) *series[V] {
	x := g.recent
	if x == nil || x.key != string(key) {
		if x = g.series[string(key)]; x == nil {
			return nil
		}
		g.recent = x
	}
	x.used = true
	if !g.below { // it may have been evicted to its dirty rows, which are all there is
		x.from, x.to = g.start, g.last()
	}
	return x
}

// seriesCache is the series of one store. It counts what they take, and evicts.
type seriesCache[V any] struct {
	budget      *Budget
	all         []*series[V]
	hand        int   // of the clock that evicts
	seriesBytes int64 // a series without key and items
	itemBytes   int64 // an item without what is encoded
	usedBytes   int64
	dirtyBytes  int64
	hits        int64
	misses      int64
	changed     []changedItem[V] // in order of the first change, if listening; with some that are gone
}

// changedItem is a row that is to be emitted.
type changedItem[V any] struct {
	series *series[V]
	place
}

func newSeriesCache[V any](budget *Budget) seriesCache[V] {
	return seriesCache[V]{
		budget:      budget,
		seriesBytes: int64(unsafe.Sizeof(series[V]{})) + slotOverheadBytes,
		itemBytes:   int64(unsafe.Sizeof(item[V]{})),
	}
}

func (c *seriesCache[V]) use(bytes int64) {
	c.usedBytes += bytes
	c.budget.used += bytes
}

func (c *seriesCache[V]) soil(bytes int64) {
	c.dirtyBytes += bytes
	c.budget.dirty += bytes
}

// ownBytes is what a series takes without its items.
func (c *seriesCache[V]) ownBytes(x *series[V]) int64 { return c.seriesBytes + int64(len(x.key)) }

func (c *seriesCache[V]) bytesOf(r *item[V]) int64 { return c.itemBytes + int64(r.bytes) }

// add makes the series of a key that is not cached.
func (c *seriesCache[V]) add(g *segment[V], key []byte) *series[V] {
	x := &series[V]{segment: g, key: string(key), from: 1, index: int32(len(c.all)), used: true}
	x.items = x.inline[:0]
	if !g.below {
		x.from, x.to = g.start, g.last()
	}
	g.series[x.key], g.recent = x, x
	c.all = append(c.all, x)
	x.bytes = c.ownBytes(x)
	c.use(x.bytes)
	return x
}

// insert puts an item, whose row has about so many bytes, in its place.
func (c *seriesCache[V]) insert(x *series[V], i int, r item[V], rowBytes int) {
	r.bytes = int32(rowBytes)
	x.items = slices.Insert(x.items, i, r)
	c.grow(x, c.bytesOf(&r))
}

func (c *seriesCache[V]) grow(x *series[V], bytes int64) {
	x.bytes += bytes
	c.use(bytes)
}

// merge adds items that were read below the cache, but those that are cached already, which are younger.
func (c *seriesCache[V]) merge(x *series[V], loaded []item[V]) {
	if len(loaded) == 0 {
		return
	}
	lo, _ := x.search(loaded[0].place)
	hi, found := x.search(loaded[len(loaded)-1].place)
	if found {
		hi++
	}
	merged := loaded
	if lo < hi {
		merged = make([]item[V], 0, len(loaded)+hi-lo)
		cached := x.items[lo:hi]
		for _, r := range loaded {
			for len(cached) > 0 && cached[0].before(r.place) {
				merged, cached = append(merged, cached[0]), cached[1:]
			}
			if len(cached) == 0 || cached[0].place != r.place {
				merged = append(merged, r)
			}
		}
		merged = append(merged, cached...)
	}
	var bytes int64
	for i := range merged {
		bytes += c.bytesOf(&merged[i])
	}
	for i := lo; i < hi; i++ {
		bytes -= c.bytesOf(&x.items[i])
	}
	x.items = slices.Replace(x.items, lo, hi, merged...)
	c.grow(x, bytes)
}

// mark notes that an item changed.
func (c *seriesCache[V]) mark(x *series[V], r *item[V], listening bool) {
	if !r.dirty {
		r.dirty = true
		if x.dirty == 0 {
			x.span = [2]int64{r.time, r.time}
			c.soil(c.ownBytes(x))
		}
		x.dirty++
		x.span = [2]int64{min(x.span[0], r.time), max(x.span[1], r.time)}
		c.soil(c.bytesOf(r))
		if !x.listed {
			x.listed = true
			x.segment.dirty = append(x.segment.dirty, x)
		}
	}
	if listening && r.changed == 0 {
		c.changed = append(c.changed, changedItem[V]{x, r.place})
		r.changed = int32(len(c.changed))
	}
}

// clean notes that an item is not dirty any more.
func (c *seriesCache[V]) clean(x *series[V], r *item[V]) {
	if !r.dirty {
		return
	}
	r.dirty = false
	c.soil(-c.bytesOf(r))
	if x.dirty--; x.dirty == 0 {
		c.soil(-c.ownBytes(x))
	}
}

// resize notes how long the row of an item is that is not dirty.
func (c *seriesCache[V]) resize(x *series[V], r *item[V], rowBytes int) {
	c.grow(x, int64(rowBytes)-int64(r.bytes))
	r.bytes = int32(rowBytes)
}

// remove forgets an item.
func (c *seriesCache[V]) remove(x *series[V], i int) {
	c.clean(x, &x.items[i])
	c.grow(x, -c.bytesOf(&x.items[i]))
	x.items = slices.Delete(x.items, i, i+1)
}

// filter forgets the items from one to another that drop accepts; none of them is dirty.
func (c *seriesCache[V]) filter(x *series[V], from, to int, drop func(r *item[V]) bool) {
	n := from
	for i := from; i < to; i++ {
		if r := &x.items[i]; drop(r) {
			c.grow(x, -c.bytesOf(r))
		} else {
			x.items[n] = *r
			n++
		}
	}
	x.items = slices.Delete(x.items, n, to)
}

// drop forgets a series that is not dirty.
func (c *seriesCache[V]) drop(x *series[V]) {
	last := len(c.all) - 1
	c.all[x.index] = c.all[last]
	c.all[x.index].index = x.index
	c.all[last] = nil
	c.all = c.all[:last]
	c.use(-x.bytes)
	delete(x.segment.series, x.key)
	if x.segment.recent == x {
		x.segment.recent = nil
	}
}

// shrink forgets the items of a series that are not dirty.
func (c *seriesCache[V]) shrink(x *series[V]) {
	if int(x.dirty) == len(x.items) {
		return
	}
	c.filter(x, 0, len(x.items), func(r *item[V]) bool { return !r.dirty && r.changed == 0 })
	if cap(x.items) > 2*len(x.items)+8 {
		x.items = slices.Clone(x.items)
	}
	x.from, x.to = 1, 0
}

// evict implements evictor. It turns the hand of a clock over the series: one that was used since the last turn stays once
// more. What is dirty always stays.
func (c *seriesCache[V]) evict(bytes int64) {
	target := c.usedBytes - bytes
	for n := 2 * len(c.all); n > 0 && c.usedBytes > target && len(c.all) > 0; n-- {
		if c.hand >= len(c.all) {
			c.hand = 0
		}
		x := c.all[c.hand]
		if x.used {
			x.used = false
			c.hand++
			continue
		}
		c.shrink(x)
		if len(x.items) == 0 {
			c.drop(x)
		} else {
			c.hand++
		}
	}
}

// forget forgets all series of a segment, dirty or not.
func (c *seriesCache[V]) forget(g *segment[V]) {
	for _, x := range g.series {
		for i := range x.items {
			c.clean(x, &x.items[i])
		}
		c.drop(x)
	}
	g.dirty = nil
}

// reset forgets everything.
func (c *seriesCache[V]) reset() {
	c.use(-c.usedBytes)
	c.soil(-c.dirtyBytes)
	c.all, c.hand, c.changed = nil, 0, nil
}
