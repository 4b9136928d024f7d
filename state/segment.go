package state

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/windows"
)

// segments is a store of any number of rows per key, each at a place: a time (ms) and a number below it. It is what
// session, list, versioned and dense window stores are made of. Rows expire by their time.
//
// With T the largest time ever put and R the retention, a row is seen while its time >= T-R+1, or >= hold.
type segments[K, V any] struct {
	core[V]
	keys        serde.Serde[K]
	retentionMs int64
	shift       uint8

	hold, committedHold int64

	key, row []byte // scratch: the encoded key, and a row key
	found    []entry[V]
}

// entry is a row of one key.
type entry[V any] struct {
	time, sub int64
	value     V
	timestamp int64
}

func (e entry[V]) at(time, sub int64) int {
	return cmp.Or(cmp.Compare(e.time, time), cmp.Compare(e.sub, sub))
}

func newSegments[K, V any](c Config, retentionMs int64, k serde.Serde[K], v serde.Serde[V]) segments[K, V] {
	return segments[K, V]{
		core: newCore(c, windows.TimeBytes, v), keys: k, retentionMs: retentionMs, shift: shiftFor(retentionMs),
		hold: notHeld, committedHold: notHeld,
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
	return max(s.times.Kept, min(s.times.Put-s.retentionMs+1, s.hold))
}

// encode leaves the escaped key in scratch.
func (s *segments[K, V]) encode(k K) error {
	key, err := s.keys.Append(s.row[:0], k)
	if err != nil {
		return s.errorf("key: %w", err)
	}
	s.row = key
	s.key = appendEscaped(s.key[:0], key)
	return nil
}

// place leaves the row key of the encoded key in scratch.
func (s *segments[K, V]) place(time, sub int64) int64 {
	b := bucketOf(time, s.shift)
	s.row = append(b.append(s.row[:0]), s.key...)
	s.row = windows.AppendTime(windows.AppendTime(s.row, time), sub)
	return b.start
}

// slot is the slot of a row of the encoded key that is to be overwritten.
func (s *segments[K, V]) slot(time, sub int64) *Slot[V] {
	start := s.place(time, sub)
	if g := s.cache.group(start); g != nil {
		if slot := s.cache.find(g, s.row[windows.TimeBytes:]); slot != nil {
			return slot
		}
	}
	return s.insert(start, s.row, int(s.averageBytes))
}

// put is putAt, and moves T.
func (s *segments[K, V]) put(time, sub int64, v V, timestamp int64) (kept bool, err error) {
	if time < s.bound() {
		return false, nil
	}
	s.times.Put = max(s.times.Put, time)
	return s.putAt(time, sub, v, timestamp)
}

// putAt writes a row of the encoded key; a null of the serde deletes it. It is false if the row is older than what is kept.
func (s *segments[K, V]) putAt(time, sub int64, v V, timestamp int64) (kept bool, err error) {
	if time < s.bound() {
		return false, nil
	}
	s.set(s.slot(time, sub), v, timestamp)
	return true, nil
}

// delete deletes a row of the encoded key, if there is one.
func (s *segments[K, V]) delete(time, sub int64, timestamp int64) error {
	if time >= s.bound() {
		slot := s.slot(time, sub)
		s.remove(slot)
		slot.Timestamp = timestamp
	}
	return nil
}

// get finds a row of the encoded key.
func (s *segments[K, V]) get(time, sub int64) (e entry[V], found bool, err error) {
	rows, err := s.find(time, time)
	for _, e := range rows {
		if e.sub == sub {
			return e, true, err
		}
	}
	return e, false, err
}

// find reads the rows of the encoded key from one time to another, both included, in their order. They are good until the
// next call on the store.
func (s *segments[K, V]) find(from, to int64) ([]entry[V], error) {
	key := bytes.Clone(s.key)
	s.found = s.found[:0]
	err := s.each(from, to, func(escaped []byte, e entry[V]) bool {
		if bytes.Equal(escaped, key) {
			s.found = append(s.found, e)
		}
		return true
	})
	slices.SortFunc(s.found, func(a, b entry[V]) int { return a.at(b.time, b.sub) })
	return s.found, err
}

// each reads the rows from one time to another in the order of buckets, keys and places.
func (s *segments[K, V]) each(from, to int64, yield func(escaped []byte, e entry[V]) bool) error {
	from = max(from, s.bound())
	if from > to {
		return nil
	}
	lower := windows.AppendTime(nil, bucketOf(from, s.shift).start)
	var upper []byte
	if last := bucketOf(to, s.shift).last(); last < math.MaxInt64 {
		upper = windows.AppendTime(nil, last+1)
	}
	groups := slices.Clone(s.cache.dirty)
	sortGroups(groups)
	var bad error
	err := s.scan(lower, upper, false, groups, func(rowKey []byte, v V, timestamp int64) bool {
		escaped, time, sub, err := splitRow(rowKey)
		if err != nil {
			bad = s.errorf("%w", err)
			return false
		}
		return time < from || time > to || yield(escaped, entry[V]{time, sub, v, timestamp})
	})
	if bad != nil {
		return bad
	}
	return err
}

// keyedEntry is a row of any key.
type keyedEntry[K, V any] struct {
	escaped string
	key     K
	entry[V]
}

// scanTimes reads the rows of all keys from one time to another by time, sub, key bytes or, with keyFirst, by time, key
// bytes, sub.
func (s *segments[K, V]) scanTimes(from, to int64, keyFirst bool, yield func(k K, e entry[V]) bool) error {
	var rows []keyedEntry[K, V]
	var bad error
	err := s.each(from, to, func(escaped []byte, e entry[V]) bool {
		k, err := s.decodeKey(escaped)
		if err != nil {
			bad = err
			return false
		}
		rows = append(rows, keyedEntry[K, V]{string(escaped), k, e})
		return true
	})
	if bad != nil {
		err = bad
	}
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b keyedEntry[K, V]) int {
		if keyFirst {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.escaped, b.escaped), cmp.Compare(a.sub, b.sub))
		}
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.sub, b.sub), cmp.Compare(a.escaped, b.escaped))
	})
	for _, r := range rows {
		if !yield(r.key, r.entry) {
			return nil
		}
	}
	return nil
}

func (s *segments[K, V]) decodeKey(escaped []byte) (k K, err error) {
	key, ok := unescape(nil, escaped)
	if !ok {
		return k, s.errorf("key of a row is not escaped right: %x", escaped)
	}
	if k, err = s.keys.Decode(key); err != nil {
		return k, s.errorf("key of a row: %w", err)
	}
	return k, nil
}

// onCommit makes EmitDirty call emit for every changed row.
func (s *segments[K, V]) onCommit(emit func(k K, time, sub int64, value V, present bool, timestamp int64) error) {
	s.listen(func(slot *Slot[V]) error {
		escaped, time, sub, err := splitRow([]byte(slot.key))
		if err != nil {
			return s.errorf("%w", err)
		}
		k, err := s.decodeKey(escaped)
		if err != nil {
			return err
		}
		return emit(k, time, sub, slot.Value, slot.Present, slot.Timestamp)
	})
}

// Flush implements [Store].
func (s *segments[K, V]) Flush(log func(key, value []byte) error) error {
	if bound := s.bound(); bound > NoTime {
		if kept := bucketOf(bound, s.shift).start; kept > s.times.Kept {
			s.times.Kept = kept
			s.expire(kept)
		}
	}
	groups := s.cache.dirty
	sortGroups(groups)
	if err := s.flush(groups, log); err != nil {
		return err
	}
	s.cache.dirty = groups[:0]
	s.cache.budget.room()
	return nil
}

// Commit implements [Store].
func (s *segments[K, V]) Commit(offset int64) {
	s.core.Commit(offset)
	s.committedHold = s.hold
}

// Abort implements [Store].
func (s *segments[K, V]) Abort() {
	s.abort()
	s.hold = s.committedHold
}
