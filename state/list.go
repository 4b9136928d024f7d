package state

import (
	"iter"

	"github.com/rivusio/rivusio/serde"
)

// List is a store of any number of rows per key and time, as operators and user code see it; see [KeyValue] for what holds
// of values and loops. It is the window store of Kafka Streams that retains duplicates.
//
// With T the largest time ever appended and R the retention, a row is seen while its time >= T-R+1. An append of an older
// row is ignored. The Timestamp of its rows is the time under which they were appended.
type List[K, V any] interface {
	// Append adds a row to those of a key at a time (ms). A null of the value's serde is ignored.
	Append(k K, ts int64, v V) error
	// Delete deletes all rows of a key at a time.
	Delete(k K, ts int64) error
	// Fetch reads the rows of one key from one time to another, both included: by time, then in the order of arrival.
	Fetch(k K, from, to int64) iter.Seq2[Row[K, V], error]
	// ReverseFetch is Fetch in the opposite order.
	ReverseFetch(k K, from, to int64) iter.Seq2[Row[K, V], error]
	// FetchKeys is Scan of the keys from one to another, both included, in the unsigned order of their encodings.
	FetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[Row[K, V], error]
	// ReverseFetchKeys is FetchKeys in the opposite order.
	ReverseFetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[Row[K, V], error]
	// Scan reads the rows of all keys from one time to another, both included: by time, then in the unsigned order of the
	// encoded keys, then in the order of arrival.
	Scan(from, to int64) iter.Seq2[Row[K, V], error]
	// ReverseScan is Scan in the opposite order.
	ReverseScan(from, to int64) iter.Seq2[Row[K, V], error]
	// All is Scan over all times.
	All() iter.Seq2[Row[K, V], error]
	// ReverseAll is All in the opposite order.
	ReverseAll() iter.Seq2[Row[K, V], error]
}

// ListConfig says for how long a store keeps rows.
type ListConfig struct {
	RetentionMs int64 // R of [List]; at least 1
}

// ListRow is a row of one key. Timestamp is its time (ms).
type ListRow[V any] struct {
	Timestamp int64
	Value     V
}

// ListStore is one partition of a list store. It implements [Store] and [List].
type ListStore[K, V any] struct {
	segmentStore[K, V]
	loops[K, V, Row[K, V]]
}

// NewList makes the store of a partition. Keys are the same if their encodings are.
func NewList[K, V any](c Config, l ListConfig, k serde.Serde[K], v serde.Serde[V]) *ListStore[K, V] {
	s := &ListStore[K, V]{segmentStore: newSegmentStore(c, l.RetentionMs, k, v)}
	s.loops = loops[K, V, Row[K, V]]{rows: &s.segments, show: s.rowOf}
	s.segments.keyFirst, s.segments.numbered = true, true
	s.segments.cache.budget.join(&s.segments.cache)
	return s
}

// AppendKept is Append. It is false if the row is older than what is kept.
func (s *ListStore[K, V]) AppendKept(k K, ts int64, v V) (kept bool, err error) {
	if ts < s.segments.bound() {
		return false, nil
	}
	if s.segments.codec.isNull != nil && s.segments.codec.isNull(v) {
		return true, nil
	}
	if err := s.segments.encode(k); err != nil {
		return false, err
	}
	s.segments.next++
	return s.segments.put(ts, s.segments.next-1, v, ts)
}

// Find appends to dst the rows of a key from one time (ms) to another, both included: by time, then in the order of
// arrival.
func (s *ListStore[K, V]) Find(dst []ListRow[V], k K, from, to int64) ([]ListRow[V], error) {
	if err := s.segments.encode(k); err != nil {
		return dst, err
	}
	err := s.segments.visit(firstAt(from), lastAt(to), false, func(r *item[V]) bool {
		dst = append(dst, ListRow[V]{r.time, r.value})
		return true
	})
	return dst, err
}

// Append implements [List].
func (s *ListStore[K, V]) Append(k K, ts int64, v V) error {
	_, err := s.AppendKept(k, ts, v)
	return err
}

// Delete implements [List].
func (s *ListStore[K, V]) Delete(k K, ts int64) error {
	if err := s.segments.encode(k); err != nil {
		return err
	}
	var subs []int64
	err := s.segments.visit(firstAt(ts), lastAt(ts), false, func(r *item[V]) bool {
		subs = append(subs, r.sub)
		return true
	})
	for _, sub := range subs {
		if err := s.segments.delete(ts, sub, s.segments.layers.timestamp()); err != nil {
			return err
		}
	}
	return err
}

func (s *ListStore[K, V]) rowOf(k K, r *item[V]) Row[K, V] {
	return Row[K, V]{Key: k, Value: r.value, Timestamp: r.time}
}
