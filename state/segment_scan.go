package state

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/RaduBerinde/btreemap"
)

// dirtyRun is the dirty rows of a bucket in the order of their row keys, from some key on.
type dirtyRun[V any] struct {
	series []*series[V] // sorted
	at     int
	after  place // of the present row; none of the series before the first
	begun  bool
	row    item[V]
	buffer []byte
}

func (r *dirtyRun[V]) next() bool {
	for ; r.at < len(r.series); r.at, r.begun = r.at+1, false {
		x := r.series[r.at]
		i := 0
		if r.begun { // the series may have changed since
			var found bool
			if i, found = x.search(r.after); found {
				i++
			}
		}
		for ; i < len(x.items); i++ {
			if x.items[i].dirty {
				r.row, r.after, r.begun = x.items[i], x.items[i].place, true
				r.buffer = x.appendRowKey(r.buffer[:0], r.after)
				return true
			}
		}
	}
	return false
}

func (r *dirtyRun[V]) key() []byte   { return r.buffer }
func (r *dirtyRun[V]) value() []byte { return nil }
func (r *dirtyRun[V]) close() error  { return nil }

// eachOf yields the rows of a bucket in the order of their row keys: the row as it is cached, or encoded.
func (s *segments[K, V]) eachOf(g *segment[V], yield func(rowKey []byte, cached *item[V], row []byte) bool) (err error) {
	live := &dirtyRun[V]{}
	for _, e := range s.sortDirty(g) {
		live.series = append(live.series, g.dirty[e.index])
	}
	if !g.below {
		for live.next() {
			if live.row.present && !yield(live.key(), &live.row, nil) {
				return nil
			}
		}
		return nil
	}
	m := s.layers.merge(live, g.append(nil), after(g.append(nil)), false)
	defer func() {
		if e := m.close(); e != nil && err == nil {
			err = s.layers.errorf("read: %w", e)
		}
	}()
	for m.next() {
		r := m.row()
		if r == run(live) {
			if live.row.present && !yield(live.key(), &live.row, nil) {
				return nil
			}
		} else if row := r.value(); row != nil && !yield(r.key(), nil, row) {
			return nil
		}
	}
	return nil
}

// scanKeys yields the rows of the bucket of a time by key, then place.
func (s *segments[K, V]) scanKeys(time int64, yield func(k K, r *item[V]) bool) error {
	if err := s.open(); err != nil {
		return err
	}
	g := s.segmentAt(time)
	if g == nil {
		return nil
	}
	version := s.layers.version
	var bad error
	err := s.eachOf(g, func(rowKey []byte, cached *item[V], row []byte) bool {
		escaped, p, ok := splitRow(rowKey)
		if !ok {
			bad = s.shortKey(rowKey)
			return false
		}
		r := item[V]{place: p}
		if cached != nil {
			r = *cached
		} else if r.value, r.timestamp, bad = s.codec.decode(row); bad != nil {
			return false
		}
		var k K
		if k, bad = s.decodeKey(string(escaped)); bad != nil || !yield(k, &r) {
			return false
		}
		bad = s.layers.since(version)
		return bad == nil
	})
	if bad != nil {
		return bad
	}
	return err
}

// since is an error if the cached objects of a version are gone.
func (l *layers) since(version int) error {
	if l.version != version {
		return l.errorf("the store was flushed, aborted or closed while it was being read")
	}
	return nil
}

// timeIndex is where the rows of all keys are from one time to another, both included, in the order of a read by time.
type timeIndex struct {
	from, limit int64
	rows        *btreemap.BTreeMap[indexed, struct{}]
}

// indexed is where a row is.
type indexed struct {
	place
	key string // escaped
}

// maxIndexed is how many rows are indexed at most, so that memory does not grow with the number of keys. If a bucket has
// more from the first time on, its later times are left for another index.
const maxIndexed = 1 << 19

func (a indexed) compareByKey(b indexed) int {
	return cmp.Or(cmp.Compare(a.time, b.time), strings.Compare(a.key, b.key), cmp.Compare(a.sub, b.sub))
}

func (a indexed) compareBySub(b indexed) int {
	return cmp.Or(a.place.compare(b.place), strings.Compare(a.key, b.key))
}

// newIndex indexes rows from one time to another, or to an earlier one if they are too many. It needs a pass over the rows
// of the buckets that have these times.
func (s *segments[K, V]) newIndex(from, limit int64, most int) (*timeIndex, error) {
	order := indexed.compareBySub
	if s.keyFirst {
		order = indexed.compareByKey
	}
	x := &timeIndex{from: from, limit: limit, rows: btreemap.New[indexed, struct{}](treeDegree, order)}
	for _, g := range s.list {
		if g.last() < from || x.limit < g.start {
			continue
		}
		var bad error
		err := s.eachOf(g, func(rowKey []byte, _ *item[V], _ []byte) bool {
			escaped, p, ok := splitRow(rowKey)
			if !ok {
				bad = s.shortKey(rowKey)
				return false
			}
			if x.has(p.time) {
				x.rows.ReplaceOrInsert(indexed{p, string(escaped)}, struct{}{})
				x.cut(most)
			}
			return true
		})
		if bad != nil {
			err = bad
		}
		if err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (x *timeIndex) has(time int64) bool { return x.from <= time && time <= x.limit }

// cut leaves out the last times if there are too many rows, but never all.
func (x *timeIndex) cut(most int) {
	if x.rows.Len() <= most {
		return
	}
	first, _, _ := x.rows.Min()
	last, _, _ := x.rows.Max()
	if first.time == last.time {
		return
	}
	x.limit = last.time - 1
	for {
		if r, _, _ := x.rows.Max(); r.time <= x.limit {
			return
		}
		x.rows.DeleteMax()
	}
}

// noteIndexed keeps the indexes up to date with a row that comes or goes.
func (s *segments[K, V]) noteIndexed(x *series[V], p place, present bool) {
	if s.index != nil {
		s.index.note(x.key, p, present)
	}
	for _, index := range s.scans {
		index.note(x.key, p, present)
	}
}

func (x *timeIndex) note(key string, p place, present bool) {
	switch {
	case !x.has(p.time):
	case present:
		x.rows.ReplaceOrInsert(indexed{p, key}, struct{}{})
	default:
		x.rows.Delete(indexed{p, key})
	}
}

// keyRange is the escaped keys from one to another, both included; the zero value is all keys.
type keyRange struct{ from, to string }

func (r keyRange) has(key string) bool { return r.to == "" || r.from <= key && key <= r.to }

// keysBetween is the range of the keys from one to another.
func (s *segments[K, V]) keysBetween(from, to K) (r keyRange, err error) {
	if err = s.encode(from); err == nil {
		r.from = string(s.key)
		err = s.encode(to)
		r.to = string(s.key)
	}
	return r, err
}

// scanTimes yields the rows of some keys from one time to another by time, then as keyFirst says; reverse, in the opposite
// order.
func (s *segments[K, V]) scanTimes(from, to int64, keys keyRange, reverse bool, yield func(k K, r *item[V]) bool) error {
	if reverse {
		return s.scanBack(from, to, keys, yield)
	}
	return s.scanOn(from, to, keys, yield)
}

// scanOn is scanTimes in ascending order. The last index stays if it reaches further, for whoever reads on from there: a
// read that finds nothing due costs a look into it.
func (s *segments[K, V]) scanOn(from, to int64, keys keyRange, yield func(k K, r *item[V]) bool) error {
	if err := s.open(); err != nil {
		return err
	}
	for from = max(from, s.bound()); from <= to; {
		x := s.index
		if x == nil || !x.has(from) {
			start, last, any := s.nextTimes(from, to)
			if !any {
				return nil
			}
			from = start
			if x == nil || !x.has(from) {
				var err error
				if x, err = s.newIndex(from, last, maxIndexed); err != nil {
					return err
				}
				if x.limit > to {
					s.index = x
				}
			}
		}
		if more, err := s.scanIndex(x, from, min(to, x.limit), keys, yield); !more || err != nil {
			return err
		}
		if x.limit >= to {
			return nil
		}
		from = x.limit + 1
	}
	return nil
}

// nextTimes finds the first time, from one to another, that is in a bucket, and the last time of that bucket.
func (s *segments[K, V]) nextTimes(from, to int64) (start, last int64, any bool) {
	for _, g := range s.list {
		if g.start > to || g.last() < from {
			continue
		}
		if at := max(from, g.start); !any || at < start {
			start, last, any = at, g.last(), true
		}
	}
	return start, last, any
}

// scanIndex yields the rows that an index has from one time to another. It is false if yield was.
func (s *segments[K, V]) scanIndex(x *timeIndex, from, to int64, keys keyRange, yield func(k K, r *item[V]) bool) (more bool, err error) {
	if x != s.index {
		s.scans = append(s.scans, x)
		defer func() { s.scans = slices.DeleteFunc(s.scans, func(other *timeIndex) bool { return other == x }) }()
	}
	version := s.layers.version
	for lower := btreemap.GE(indexed{place: firstAt(from)}); ; {
		var piece []indexed
		x.rows.AscendFunc(lower, btreemap.Max[indexed](), func(r indexed, _ struct{}) bool {
			if r.time <= to {
				piece = append(piece, r)
			}
			return r.time <= to && len(piece) < pieceRows
		})
		if more, err := s.yieldPiece(piece, version, keys, yield); !more || err != nil || len(piece) < pieceRows {
			return more, err
		}
		lower = btreemap.GT(piece[len(piece)-1])
	}
}

func (s *segments[K, V]) yieldPiece(piece []indexed, version int, keys keyRange, yield func(k K, r *item[V]) bool) (more bool, err error) {
	for _, at := range piece {
		if !keys.has(at.key) {
			continue
		}
		r, found, err := s.peek(at)
		if err != nil {
			return false, err
		}
		if !found {
			continue // deleted by the loop
		}
		k, err := s.decodeKey(at.key)
		if err != nil || !yield(k, &r) {
			return false, err
		}
		if err := s.layers.since(version); err != nil {
			return false, err
		}
	}
	return true, nil
}

// pieceRows is how many rows are copied at a time for a loop that may change the store.
const pieceRows = 256

// peek reads a row and caches nothing.
func (s *segments[K, V]) peek(at indexed) (r item[V], found bool, err error) {
	g := s.segmentAt(at.time)
	if g == nil || at.time < s.bound() {
		return r, false, nil
	}
	if x := g.series[at.key]; x != nil {
		if i, found := x.search(at.place); found {
			return x.items[i], x.items[i].present, nil
		}
		if x.knows(at.time, at.time) {
			return r, false, nil
		}
	}
	s.scratch = at.place.append(append(g.append(s.scratch[:0]), at.key...))
	row, found, err := s.layers.read(s.scratch)
	if err != nil || !found {
		return r, false, err
	}
	r.place, r.present = at.place, true
	r.value, r.timestamp, err = s.codec.decode(row)
	return r, err == nil, err
}

// scanBack is scanTimes in descending order, bucket by bucket.
func (s *segments[K, V]) scanBack(from, to int64, keys keyRange, yield func(k K, r *item[V]) bool) error {
	if err := s.open(); err != nil {
		return err
	}
	from = max(from, s.bound())
	for from <= to {
		start, last, any := int64(0), int64(0), false
		for _, g := range s.list { // the last bucket, down to where it is alone or begins
			if g.start > to || g.last() < from {
				continue
			}
			if at := min(to, g.last()); !any || at > last {
				start, last, any = max(from, g.start), at, true
			}
		}
		if !any {
			return nil
		}
		x, err := s.newIndex(start, last, math.MaxInt)
		if err != nil {
			return err
		}
		piece := make([]indexed, 0, x.rows.Len())
		x.rows.DescendFunc(btreemap.Max[indexed](), btreemap.Min[indexed](), func(r indexed, _ struct{}) bool {
			piece = append(piece, r)
			return true
		})
		if more, err := s.yieldPiece(piece, s.layers.version, keys, yield); !more || err != nil {
			return err
		}
		if start == math.MinInt64 {
			return nil
		}
		to = start - 1
	}
	return nil
}

// pieceOf copies rows of a key from one place to another, at most as many as the piece has room for.
func (s *segments[K, V]) pieceOf(k K, from, to place, reverse bool, piece []item[V]) ([]item[V], error) {
	if err := s.encode(k); err != nil {
		return nil, err
	}
	err := s.visit(from, to, reverse, func(r *item[V]) bool {
		piece = append(piece, *r)
		return len(piece) < pieceRows
	})
	return piece, err
}

// fetch yields the rows of a key from one place to another, both included, piece by piece, so that the loop may change the
// store.
func (s *segments[K, V]) fetch(k K, from, to place, reverse bool, yield func(r *item[V]) bool) error {
	version := s.layers.version
	for !to.before(from) {
		piece, err := s.pieceOf(k, from, to, reverse, nil)
		if err != nil {
			return err
		}
		for i := range piece {
			if !yield(&piece[i]) {
				return nil
			}
			if err := s.layers.since(version); err != nil {
				return err
			}
		}
		if len(piece) < pieceRows {
			return nil
		}
		last := piece[len(piece)-1].place
		if reverse {
			to = last.previous()
		} else {
			from = last.next()
		}
	}
	return nil
}
