package state

import (
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/windows"
)

// WindowRow is a window of one key. Timestamp is the event time (ms) of its last update.
type WindowRow[V any] struct {
	Start     int64
	Value     V
	Timestamp int64
}

// DenseWindowStore is one partition of a window store whose windows start anywhere, many of them for each key, as sliding
// windows do. It implements [Store] and [Window]. Rows of one key lie together, so that reading a key costs what the key
// has, however many starts the other keys have.
type DenseWindowStore[K, V any] struct {
	segmentStore[K, V]
	loops[K, V, Row[windows.Keyed[K], V]]
	sizeMs int64
}

// NewDenseWindow makes the store of a partition. Keys are the same if their encodings are.
func NewDenseWindow[K, V any](c Config, w WindowConfig, k serde.Serde[K], v serde.Serde[V]) *DenseWindowStore[K, V] {
	s := &DenseWindowStore[K, V]{segmentStore: newSegmentStore(c, w.RetentionMs, k, v), sizeMs: w.SizeMs}
	s.loops = loops[K, V, Row[windows.Keyed[K], V]]{rows: &s.segments, show: s.rowOf}
	s.segments.keyFirst = true
	s.segments.cache.budget.join(&s.segments.cache)
	return s
}

// HoldFrom is that of [WindowStore].
func (s *DenseWindowStore[K, V]) HoldFrom(start int64) { s.segments.holdFrom(start) }

// OnCommit makes EmitDirty call emit for every changed row; a deleted one is not present, and its timestamp is that of the
// delete. It is set once, before the first change.
func (s *DenseWindowStore[K, V]) OnCommit(emit func(k K, start int64, value V, present bool, timestamp int64) error) {
	s.segments.onCommit(func(k K, p place, value V, present bool, timestamp int64) error {
		return emit(k, p.time, value, present, timestamp)
	})
}

// Find appends to dst the rows of a key whose windows start from one time (ms) to another, both included, in that order.
func (s *DenseWindowStore[K, V]) Find(dst []WindowRow[V], k K, fromStart, toStart int64) ([]WindowRow[V], error) {
	if err := s.segments.encode(k); err != nil {
		return dst, err
	}
	err := s.segments.visit(firstAt(fromStart), lastAt(toStart), false, func(r *item[V]) bool {
		dst = append(dst, WindowRow[V]{r.time, r.value, r.timestamp})
		return true
	})
	return dst, err
}

// PutKept is Put with a timestamp of the caller's. It is false if the window is older than what is kept.
func (s *DenseWindowStore[K, V]) PutKept(k K, start int64, v V, timestamp int64) (kept bool, err error) {
	if err := s.segments.encode(k); err != nil {
		return false, err
	}
	return s.segments.put(start, 0, v, timestamp)
}

// Remove deletes a row, if there is one.
func (s *DenseWindowStore[K, V]) Remove(k K, start int64) error {
	if err := s.segments.encode(k); err != nil {
		return err
	}
	if start >= s.segments.bound() {
		s.segments.layers.times.Put = max(s.segments.layers.times.Put, start)
	}
	return s.segments.delete(start, 0, s.segments.layers.timestamp())
}

// Get implements [Window].
func (s *DenseWindowStore[K, V]) Get(k K, start int64) (v V, found bool, err error) {
	if err := s.segments.encode(k); err != nil {
		return v, false, err
	}
	r, err := s.segments.get(start, 0)
	if err != nil || r == nil {
		return v, false, err
	}
	return r.value, true, nil
}

// Put implements [Window].
func (s *DenseWindowStore[K, V]) Put(k K, start int64, v V) error {
	_, err := s.PutKept(k, start, v, s.segments.layers.timestamp())
	return err
}

// Delete implements [Window].
func (s *DenseWindowStore[K, V]) Delete(k K, start int64) error { return s.Remove(k, start) }

func (s *DenseWindowStore[K, V]) rowOf(k K, r *item[V]) Row[windows.Keyed[K], V] {
	return Row[windows.Keyed[K], V]{Key: windows.Key(k, windowFrom(r.time, s.sizeMs)), Value: r.value, Timestamp: r.timestamp}
}
