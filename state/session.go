package state

import (
	"iter"
	"math"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/windows"
)

// Session is a store of one row per key and session, as operators and user code see it; see [KeyValue] for what holds of
// values and loops. A session is the interval from the time of its first record to that of its last (ms), both included.
//
// With T the largest end of a session ever put and R the retention, a row is seen while its end >= T-R+1. A put of an
// older session is ignored, as the in-memory session store of Kafka Streams does.
type Session[K, V any] interface {
	// Get returns the value of a key's session with exactly this start and end.
	Get(k K, w windows.Window) (V, bool, error)
	// GetRow is Get with the row's timestamp.
	GetRow(k K, w windows.Window) (Row[windows.Keyed[K], V], bool, error)
	// Put sets it, with the timestamp of the record in work. A null of the value's serde deletes it.
	Put(k K, w windows.Window, v V) error
	// Delete deletes it.
	Delete(k K, w windows.Window) error
	// Fetch reads the sessions of one key that end at or after from and start at or before to (ms): by end, then start.
	Fetch(k K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// ReverseFetch is Fetch in the opposite order.
	ReverseFetch(k K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// FetchKeys is Fetch of the keys from one to another, both included, in the order of Scan.
	FetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// ReverseFetchKeys is FetchKeys in the opposite order.
	ReverseFetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// Scan reads the sessions of all keys that end from one time to another, both included: by end, then start, then in
	// the unsigned order of the encoded keys.
	Scan(fromEnd, toEnd int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// ReverseScan is Scan in the opposite order.
	ReverseScan(fromEnd, toEnd int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// All is Scan over all sessions.
	All() iter.Seq2[Row[windows.Keyed[K], V], error]
	// ReverseAll is All in the opposite order.
	ReverseAll() iter.Seq2[Row[windows.Keyed[K], V], error]
}

// SessionConfig says for how long a store keeps sessions.
type SessionConfig struct {
	RetentionMs int64 // R of [Session]; at least 1
}

// SessionRow is a session of one key. Timestamp is the event time (ms) of its last update.
type SessionRow[V any] struct {
	Window    windows.Window
	Value     V
	Timestamp int64
}

// SessionStore is one partition of a session store. It implements [Store] and [Session].
type SessionStore[K, V any] struct {
	segmentStore[K, V]
	loops[K, V, Row[windows.Keyed[K], V]]
}

// NewSession makes the store of a partition. Keys are the same if their encodings are.
func NewSession[K, V any](c Config, w SessionConfig, k serde.Serde[K], v serde.Serde[V]) *SessionStore[K, V] {
	s := &SessionStore[K, V]{segmentStore: newSegmentStore(c, w.RetentionMs, k, v)}
	s.loops = loops[K, V, Row[windows.Keyed[K], V]]{rows: &s.segments, show: s.rowOf, overlaps: true}
	s.segments.cache.budget.join(&s.segments.cache)
	return s
}

// HoldFrom keeps the sessions that end at or after a time (ms), for they still wait for their close: they stay visible and
// can be put whatever the retention says. An operator that emits on close calls it when it starts and after each close. An
// abort goes back to what held at the last commit.
func (s *SessionStore[K, V]) HoldFrom(end int64) { s.segments.holdFrom(end) }

// OnCommit makes EmitDirty call emit for every changed row; a deleted one is not present, and its timestamp is that of the
// delete. It is set once, before the first change.
func (s *SessionStore[K, V]) OnCommit(emit func(k K, w windows.Window, value V, present bool, timestamp int64) error) {
	s.segments.onCommit(func(k K, p place, value V, present bool, timestamp int64) error {
		return emit(k, sessionAt(p), value, present, timestamp)
	})
}

// Find appends to dst the sessions of a key that end at or after earliestEnd and start at or before latestStart (ms): by
// end, then start.
func (s *SessionStore[K, V]) Find(dst []SessionRow[V], k K, earliestEnd, latestStart int64) ([]SessionRow[V], error) {
	if err := s.segments.encode(k); err != nil {
		return dst, err
	}
	err := s.segments.visit(firstAt(earliestEnd), lastAt(math.MaxInt64), false, func(r *item[V]) bool {
		if r.sub <= latestStart {
			dst = append(dst, SessionRow[V]{sessionAt(r.place), r.value, r.timestamp})
		}
		return true
	})
	return dst, err
}

func sessionAt(p place) windows.Window { return windows.Window{Start: p.sub, End: p.time} }

// PutKept is Put with a timestamp of the caller's. It is false if the session is older than what is kept.
func (s *SessionStore[K, V]) PutKept(k K, w windows.Window, v V, timestamp int64) (kept bool, err error) {
	if err := s.segments.encode(k); err != nil {
		return false, err
	}
	return s.segments.put(w.End, w.Start, v, timestamp)
}

// RemoveSession deletes a session, if there is one.
func (s *SessionStore[K, V]) RemoveSession(k K, w windows.Window) error {
	if err := s.segments.encode(k); err != nil {
		return err
	}
	return s.segments.delete(w.End, w.Start, s.segments.layers.timestamp())
}

// Get implements [Session].
func (s *SessionStore[K, V]) Get(k K, w windows.Window) (v V, found bool, err error) {
	r, found, err := s.GetRow(k, w)
	return r.Value, found, err
}

// GetRow implements [Session].
func (s *SessionStore[K, V]) GetRow(k K, w windows.Window) (r Row[windows.Keyed[K], V], found bool, err error) {
	if err := s.segments.encode(k); err != nil {
		return r, false, err
	}
	e, err := s.segments.get(w.End, w.Start)
	if err != nil || e == nil {
		return r, false, err
	}
	return s.rowOf(k, e), true, nil
}

func (s *SessionStore[K, V]) rowOf(k K, r *item[V]) Row[windows.Keyed[K], V] {
	return Row[windows.Keyed[K], V]{Key: windows.Key(k, sessionAt(r.place)), Value: r.value, Timestamp: r.timestamp}
}

// Put implements [Session].
func (s *SessionStore[K, V]) Put(k K, w windows.Window, v V) error {
	_, err := s.PutKept(k, w, v, s.segments.layers.timestamp())
	return err
}

// Delete implements [Session].
func (s *SessionStore[K, V]) Delete(k K, w windows.Window) error { return s.RemoveSession(k, w) }
