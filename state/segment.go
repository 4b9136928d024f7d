package state

import (
	"math"
	"slices"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/windows"
)

// segments is a store of any number of rows per key, each at a place: a time (ms) and a number below it. It is what
// session, list, versioned and dense window stores are made of. Rows expire by their time.
//
// With T the largest time ever put and R the retention, a row is seen while its time >= T-R+1, or >= hold.
//
// Rows lie in buckets of time, on disk and in the cache, so that those that expire are one range, and in a bucket by key,
// so that reading a key costs what the key has. What is cached of a key in a bucket is a [series].
type segments[K, V any] struct {
	layers      *layers
	codec       codec[V]
	keys        serde.Serde[K]
	retentionMs int64
	shift       uint8 // of buckets that are made now
	keyFirst    bool  // rows of one time are read by key, then sub; else by sub, then key
	logsExpiry  bool  // expired rows are deleted from the changelog, which has no retention
	lone        bool  // a key has one row at most in the last bucket: at the last time, sub 0
	cache       seriesCache[V]
	emit        func(escaped string, r *item[V]) error // nil: nobody listens

	opened bool // the buckets are known, and next is
	list   []*segment[V]
	mixed  bool // buckets overlap, for their widths differ

	numbered            bool  // rows get a sub of the store's
	next, committedNext int64 // the sub of the next one

	hold, committedHold int64

	index   *timeIndex
	scans   []*timeIndex // of loops that run
	key     []byte       // scratch: the encoded key, escaped
	scratch []byte       // for row keys
	bounds  [2][]byte    // scratch for the bounds of a read
	loaded  []item[V]    // scratch of load

	order, orderScratch []keyEntry // of sortDirty
}

// segment is a bucket that may have rows.
type segment[V any] struct {
	bucket
	series map[string]*series[V] // by escaped key
	recent *series[V]            // one of them
	dirty  []*series[V]          // some of which may have no dirty rows any more
	below  bool                  // the layers below the cache may have rows of it

	// Of a bucket that has expired, if that is logged: row keys for the next flush, the one to go on from, and whether no
	// more are left.
	expired []string
	resume  []byte
	gone    bool
}

func newSegments[K, V any](c Config, retentionMs int64, k serde.Serde[K], v serde.Serde[V]) segments[K, V] {
	l := newLayers(c)
	return segments[K, V]{
		layers: l, codec: newCodec(l, v), keys: k, retentionMs: retentionMs, shift: shiftFor(retentionMs),
		cache: newSeriesCache[V](c.budget()), hold: notHeld, committedHold: notHeld,
	}
}

func (s *segments[K, V]) holdFrom(time int64) {
	if s.hold == notHeld {
		s.committedHold = time
	}
	s.hold = time
}

// bound is the first time that is visible. It never goes down but by an abort.
func (s *segments[K, V]) bound() int64 {
	return max(s.layers.times.Kept, min(s.layers.times.Put-s.retentionMs+1, s.hold))
}

// open finds the buckets that have rows, with a seek for each, and the number of the next row.
func (s *segments[K, V]) open() error {
	if s.opened {
		return nil
	}
	err := s.layers.prefixes(bucketBytes, nil, func(prefix []byte) {
		start, _ := windows.Time(prefix)
		if shift := prefix[windows.TimeBytes]; shift < counterShift {
			s.addSegment(bucket{start, shift}).below = true
		}
	})
	if err == nil && s.numbered {
		var row []byte
		var found bool
		if row, found, err = s.layers.read(counterKey); err == nil && found {
			s.next, _, err = ParseRowValue(row)
		}
		s.committedNext = s.next
	}
	s.opened = err == nil
	return err
}

// addSegment adds a bucket, if it is new.
func (s *segments[K, V]) addSegment(b bucket) *segment[V] {
	i, found := slices.BinarySearchFunc(s.list, b, func(g *segment[V], b bucket) int { return g.compare(b) })
	if !found {
		s.list = slices.Insert(s.list, i, &segment[V]{bucket: b, series: map[string]*series[V]{}})
		s.mixed = s.mixed || b.shift != s.shift
	}
	return s.list[i]
}

// segmentAt returns the bucket that has the rows of a time, or nil: the narrowest one, if widths are mixed.
func (s *segments[K, V]) segmentAt(time int64) (best *segment[V]) {
	for _, g := range slices.Backward(s.list) {
		if g.has(time) && (best == nil || g.shift < best.shift) {
			best = g
			if !s.mixed {
				break
			}
		}
	}
	return best
}

// segmentFor is segmentAt, and makes the bucket. None starts before what has expired.
func (s *segments[K, V]) segmentFor(time int64) *segment[V] {
	if g := s.segmentAt(time); g != nil {
		return g
	}
	b := bucketOf(time, s.shift)
	for b.start < s.layers.times.Kept && b.shift > 0 {
		b = bucketOf(time, b.shift-1)
	}
	return s.addSegment(b)
}

// encode leaves the escaped key in scratch.
func (s *segments[K, V]) encode(k K) error {
	if err := s.open(); err != nil {
		return err
	}
	key, err := s.keys.Append(s.scratch[:0], k)
	if err != nil {
		return s.layers.keyError(err)
	}
	s.scratch = key
	s.key = appendEscaped(s.key[:0], key)
	return nil
}

func (s *segments[K, V]) shortKey(rowKey []byte) error {
	return s.layers.errorf("key of a row has %d bytes, want at least %d", len(rowKey), bucketBytes+2+placeBytes)
}

func (s *segments[K, V]) decodeKey(escaped string) (k K, err error) {
	key, ok := unescape(make([]byte, 0, len(escaped)), escaped)
	if !ok {
		return k, s.layers.errorf("key of a row is not escaped right: %x", escaped)
	}
	if k, err = s.keys.Decode(key); err != nil {
		return k, s.layers.errorf("key of a row: %w", err)
	}
	return k, nil
}

// of returns the series of the encoded key in a bucket, and makes it if rows of it may be below.
func (s *segments[K, V]) of(g *segment[V]) *series[V] {
	if x := g.find(s.key); x != nil {
		return x
	}
	if !g.below {
		return nil
	}
	return s.cache.add(g, s.key)
}

// put is putAt, and moves T.
func (s *segments[K, V]) put(time, sub int64, v V, timestamp int64) (kept bool, err error) {
	if time < s.bound() {
		return false, nil
	}
	s.layers.times.Put = max(s.layers.times.Put, time)
	return s.putAt(time, sub, v, timestamp)
}

// putAt writes a row of the encoded key; a null of the serde deletes it. It is false if the row is older than what is kept.
func (s *segments[K, V]) putAt(time, sub int64, v V, timestamp int64) (kept bool, err error) {
	if time < s.bound() {
		return false, nil
	}
	if s.codec.isNull != nil && s.codec.isNull(v) {
		return true, s.delete(time, sub, timestamp)
	}
	s.cache.budget.room()
	g := s.segmentFor(time)
	x := g.find(s.key)
	if x == nil {
		x = s.cache.add(g, s.key)
	}
	if s.emit != nil {
		if err := s.know(x, time, time); err != nil {
			return false, err
		}
	}
	i, found := x.search(place{time, sub})
	if !found {
		s.cache.insert(x, i, item[V]{place: place{time, sub}, fresh: x.knows(time, time)}, int(s.codec.averageBytes))
	}
	r := &x.items[i]
	if !r.present {
		s.noteIndexed(x, r.place, true)
	}
	r.value, r.timestamp, r.present = v, timestamp, true
	if !r.dirty || s.emit != nil {
		s.cache.mark(x, r, s.emit != nil)
	}
	return true, nil
}

// delete deletes a row of the encoded key, if there is one. One that is not known below the cache leaves no trace.
func (s *segments[K, V]) delete(time, sub int64, timestamp int64) error {
	if time < s.bound() {
		return nil
	}
	s.cache.budget.room()
	g := s.segmentAt(time)
	if g == nil {
		return nil
	}
	x := s.of(g)
	if x == nil {
		return nil
	}
	if s.emit != nil {
		if err := s.know(x, time, time); err != nil {
			return err
		}
	}
	i, found := x.search(place{time, sub})
	if !found {
		if x.knows(time, time) {
			return nil
		}
		s.cache.insert(x, i, item[V]{place: place{time, sub}}, int(s.codec.averageBytes))
	}
	s.noteIndexed(x, place{time, sub}, false)
	r := &x.items[i]
	if r.fresh {
		s.cache.remove(x, i)
		return nil
	}
	var none V
	r.value, r.timestamp, r.present = none, timestamp, false
	s.cache.mark(x, r, s.emit != nil)
	return nil
}

// get finds a row of the encoded key. It is good until the next call on the store.
func (s *segments[K, V]) get(time, sub int64) (found *item[V], err error) {
	err = s.visit(place{time, sub}, place{time, sub}, false, func(r *item[V]) bool {
		found = r
		return false
	})
	return found, err
}

// visit calls f with the rows of the encoded key from one place to another, both included, in their order or, reverse, in
// the opposite one, until it returns false. f must not use the store.
func (s *segments[K, V]) visit(from, to place, reverse bool, f func(r *item[V]) bool) error {
	if b := s.bound(); from.time < b {
		from = firstAt(b)
	}
	if to.before(from) {
		return nil
	}
	if s.mixed {
		return s.visitMixed(from, to, reverse, f)
	}
	s.cache.budget.room()
	for n := range s.list {
		if reverse {
			n = len(s.list) - 1 - n
		}
		rows, err := s.rowsIn(s.list[n], from, to)
		if err != nil {
			return err
		}
		for i := range rows {
			if reverse {
				i = len(rows) - 1 - i
			}
			if r := &rows[i]; r.present && !f(r) {
				return nil
			}
		}
	}
	return nil
}

// visitMixed is visit while buckets overlap, which is rare: it sorts.
func (s *segments[K, V]) visitMixed(from, to place, reverse bool, f func(r *item[V]) bool) error {
	s.cache.budget.room()
	var all []*item[V]
	for _, g := range s.list {
		rows, err := s.rowsIn(g, from, to)
		if err != nil {
			return err
		}
		for i := range rows {
			if rows[i].present {
				all = append(all, &rows[i])
			}
		}
	}
	slices.SortFunc(all, func(a, b *item[V]) int { return a.place.compare(b.place) })
	if reverse {
		slices.Reverse(all)
	}
	for _, r := range all {
		if !f(r) {
			return nil
		}
	}
	return nil
}

// rowsIn returns the rows of the encoded key in a bucket from one place to another, with those that are deleted.
func (s *segments[K, V]) rowsIn(g *segment[V], from, to place) ([]item[V], error) {
	if to.time < g.start || g.last() < from.time {
		return nil, nil
	}
	x := s.of(g)
	if x == nil {
		return nil, nil
	}
	x.used = true
	if err := s.know(x, max(from.time, g.start), min(to.time, g.last())); err != nil {
		return nil, err
	}
	lo, _ := x.search(from)
	hi, found := x.search(to)
	if found {
		hi++
	}
	return x.items[lo:hi], nil
}

// know loads what is not cached of the rows of a series from one time to another, both included. What is known of a series
// stays one interval, so it loads what lies between, too.
func (s *segments[K, V]) know(x *series[V], from, to int64) error {
	if x.knows(from, to) {
		s.cache.hits++
		return nil
	}
	s.cache.misses++
	if x.from > x.to {
		return s.load(x, from, to)
	}
	if from < x.from {
		if err := s.load(x, from, x.from-1); err != nil {
			return err
		}
	}
	if to > x.to {
		return s.load(x, x.to+1, to)
	}
	return nil
}

// load reads the rows of a series from one time to another, both included, that are below the cache. It sees whether rows
// follow; if not, the series is known to its end, so that later rows are known to be new.
func (s *segments[K, V]) load(x *series[V], from, to int64) (err error) {
	if s.lone && x.segment.last() == math.MaxInt64 {
		return s.loadLone(x)
	}
	s.bounds[0] = windows.AppendTime(append(x.segment.append(s.bounds[0][:0]), x.key...), from)
	s.bounds[1] = append(x.segment.append(s.bounds[1][:0]), x.key...)
	s.bounds[1][len(s.bounds[1])-1]++ // after the last row of the key
	if x.from <= x.to && to == x.from-1 {
		s.bounds[1][len(s.bounds[1])-1]--
		s.bounds[1] = windows.AppendTime(s.bounds[1], x.from)
	}
	s.loaded = s.loaded[:0]
	more := false
	err = s.layers.below(s.bounds[0], s.bounds[1], func(rowKey, row []byte) (bool, error) {
		_, at, ok := splitRow(rowKey)
		if !ok {
			return false, s.shortKey(rowKey)
		}
		if at.time > to {
			more = true
			return false, nil
		}
		v, timestamp, err := s.codec.decode(row)
		s.loaded = append(s.loaded, item[V]{place: at, value: v, timestamp: timestamp, present: true, bytes: int32(len(row))})
		return true, err
	})
	if err != nil {
		return err
	}
	if !more && (x.from > x.to || x.from <= from) {
		to = x.segment.last()
	}
	s.cache.merge(x, s.loaded)
	x.know(from, to)
	clear(s.loaded)
	return nil
}

// loadLone is load where a key has one row at most.
func (s *segments[K, V]) loadLone(x *series[V]) error {
	at := place{math.MaxInt64, 0}
	row, found, err := s.layers.read(s.rowKey(x, at))
	if err != nil {
		return err
	}
	if found {
		v, timestamp, err := s.codec.decode(row)
		if err != nil {
			return err
		}
		s.cache.merge(x, []item[V]{{place: at, value: v, timestamp: timestamp, present: true, bytes: int32(len(row))}})
	}
	x.know(x.segment.start, x.segment.last())
	return nil
}

// rowKey is the row key of a place in a series, good until the next call.
func (s *segments[K, V]) rowKey(x *series[V], p place) []byte {
	s.scratch = x.appendRowKey(s.scratch[:0], p)
	return s.scratch
}

// commit is Commit of a [Store].
func (s *segments[K, V]) commit(offset int64) {
	if s.layers.flushed != nil {
		s.committedNext = s.next
	}
	s.layers.commit(offset)
	s.committedHold = s.hold
}

// abort is Abort of a [Store].
func (s *segments[K, V]) abort() {
	s.layers.abort()
	s.reset()
	s.hold = s.committedHold
}

// reset forgets all that is cached, and what is known of the layers below.
func (s *segments[K, V]) reset() {
	s.cache.reset()
	s.list, s.opened, s.mixed = nil, false, false
	s.next, s.index = 0, nil
}
