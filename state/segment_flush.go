package state

import (
	"slices"
)

// onCommit makes EmitDirty call emit for every changed row. A row that came and went since the last time is none.
func (s *segments[K, V]) onCommit(emit func(k K, p place, value V, present bool, timestamp int64) error) {
	s.emit = func(escaped string, r *item[V]) error {
		k, err := s.decodeKey(escaped)
		if err != nil {
			return err
		}
		return emit(k, r.place, r.value, r.present, r.timestamp)
	}
}

// emitDirty is EmitDirty of a [Store].
func (s *segments[K, V]) emitDirty() error {
	for i := 0; i < len(s.cache.changed); i++ {
		c := &s.cache.changed[i]
		at, found := c.series.search(c.place)
		if !found || c.series.items[at].changed != int32(i+1) {
			continue // it went, and may have come again
		}
		r := &c.series.items[at]
		r.changed, r.fresh = 0, false
		if err := s.emit(c.series.key, r); err != nil {
			return err
		}
	}
	clear(s.cache.changed)
	s.cache.changed = s.cache.changed[:0]
	return nil
}

// flush is Flush of a [Store].
func (s *segments[K, V]) flush(log func(key, value []byte) error) error {
	expired, err := s.expire()
	if err != nil {
		return err
	}
	g, err := s.layers.beginFlush(s.cache.dirtyBytes > 0 || expired)
	if g == nil {
		return err
	}
	for _, segment := range s.list {
		if err := s.flushExpired(g, segment, log); err != nil {
			return err
		}
		if err := s.flushSegment(g, segment, log); err != nil {
			return err
		}
	}
	s.list = slices.DeleteFunc(s.list, func(g *segment[V]) bool { return g.gone })
	if s.numbered && s.opened && s.next != s.committedNext {
		row := append(append(g.arena.begin(len(counterKey)+1+timestampBytes), byte(RowRecord)), counterKey...)
		g.add(AppendRowValue(row, s.next, nil), len(counterKey), false)
		if err := s.layers.logRow(g, log); err != nil {
			return err
		}
	}
	if err := s.layers.endFlush(g, log); err != nil {
		return err
	}
	s.cache.budget.room()
	return nil
}

// flushSegment encodes the dirty rows of a bucket, by key, then place.
func (s *segments[K, V]) flushSegment(g *Generation, segment *segment[V], log func(key, value []byte) error) error {
	for _, e := range s.sortDirty(segment) {
		if err := s.flushSeries(g, segment.dirty[e.index], log); err != nil {
			return err
		}
	}
	segment.below = segment.below || len(s.order) > 0
	for _, x := range segment.dirty {
		x.listed = false
	}
	clear(segment.dirty)
	segment.dirty = segment.dirty[:0]
	return nil
}

// sortDirty returns the dirty series of a bucket by key; the index is that in its dirty list.
func (s *segments[K, V]) sortDirty(segment *segment[V]) []keyEntry {
	s.order = s.order[:0]
	for i, x := range segment.dirty {
		if x.dirty > 0 {
			s.order = append(s.order, keyEntry{prefixAt(x.key, 0), int32(i)})
		}
	}
	s.orderScratch = sortKeys(s.order, s.orderScratch, 0, func(i int32) string { return segment.dirty[i].key })
	return s.order
}

func (s *segments[K, V]) flushSeries(g *Generation, x *series[V], log func(key, value []byte) error) error {
	from, _ := x.search(firstAt(x.span[0]))
	i, deleted := from, false
	for ; x.dirty > 0; i++ {
		r := &x.items[i]
		if !r.dirty {
			continue
		}
		s.cache.clean(x, r)
		r.fresh = false
		row := x.appendRowKey(s.codec.beginRow(g, bucketBytes+len(x.key)+placeBytes), r.place)
		rowBytes, err := s.codec.endRow(g, row, r.value, r.timestamp, r.present)
		if err != nil {
			return err
		}
		if r.present {
			s.cache.resize(x, r, rowBytes)
		}
		deleted = deleted || !r.present
		if err := s.layers.logRow(g, log); err != nil {
			return err
		}
	}
	if deleted {
		s.cache.filter(x, from, i, func(r *item[V]) bool { return !r.present && r.changed == 0 })
	}
	return nil
}

// expire forgets the buckets that are older than what is kept. It reports whether rows of some are to be deleted from the
// changelog.
func (s *segments[K, V]) expire() (log bool, err error) {
	bound := s.bound()
	if bound <= s.layers.times.Kept {
		return false, nil
	}
	if err := s.open(); err != nil {
		return false, err
	}
	kept := bucketOf(bound, s.shift).start
	mixed := false
	s.list = slices.DeleteFunc(s.list, func(g *segment[V]) bool {
		if g.last() < bound {
			s.cache.forget(g)
			if !s.logsExpiry || !s.layers.logs || !g.below {
				return true
			}
			if e := s.collectExpired(g); e != nil {
				err = e
			}
			log = true
			if g.gone {
				return false // goes with this flush
			}
		}
		kept = min(kept, g.start)
		mixed = mixed || g.shift != s.shift
		return false
	})
	s.mixed = mixed
	s.layers.times.Kept = max(s.layers.times.Kept, kept)
	if s.index != nil && s.index.limit < bound {
		s.index = nil
	}
	return log, err
}

// maxExpired is how many expired rows of a bucket one flush deletes from the changelog.
const maxExpired = 10_000

// collectExpired finds rows of an expired bucket that are in the changelog. The bucket is gone if there are no more.
func (s *segments[K, V]) collectExpired(g *segment[V]) error {
	if g.resume == nil {
		g.resume = g.append(nil)
	}
	g.expired, g.gone = g.expired[:0], true
	return s.layers.below(g.resume, after(g.append(nil)), func(rowKey, _ []byte) (bool, error) {
		if len(g.expired) == maxExpired {
			g.resume, g.gone = append(g.resume[:0:0], rowKey...), false
			return false, nil
		}
		g.expired = append(g.expired, string(rowKey))
		return true, nil
	})
}

// flushExpired deletes the rows that collectExpired found.
func (s *segments[K, V]) flushExpired(g *Generation, segment *segment[V], log func(key, value []byte) error) error {
	for _, rowKey := range segment.expired {
		row := append(append(g.arena.begin(1+len(rowKey)), byte(RowRecord)), rowKey...)
		g.add(row, len(rowKey), true)
		if err := s.layers.logRow(g, log); err != nil {
			return err
		}
	}
	segment.expired = nil
	return nil
}
