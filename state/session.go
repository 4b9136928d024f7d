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
	// Scan reads the sessions of all keys that end from one time to another, both included: by end, then start, then in
	// the unsigned order of the encoded keys.
	Scan(fromEnd, toEnd int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// All is Scan over all sessions.
	All() iter.Seq2[Row[windows.Keyed[K], V], error]
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
type SessionStore[K, V any] struct{ segments[K, V] }

// NewSession makes the store of a partition. Keys are the same if their encodings are.
func NewSession[K, V any](c Config, w SessionConfig, k serde.Serde[K], v serde.Serde[V]) *SessionStore[K, V] {
	s := &SessionStore[K, V]{newSegments(c, w.RetentionMs, k, v)}
	s.cache.budget.join(&s.cache)
	return s
}

// HoldFrom keeps the sessions that end at or after a time (ms), for they still wait for their close: they stay visible and
// can be put whatever the retention says. An operator that emits on close calls it when it starts and after each close. An
// abort goes back to what held at the last commit.
func (s *SessionStore[K, V]) HoldFrom(end int64) { s.holdFrom(end) }

// OnCommit makes EmitDirty call emit for every changed row; a deleted one is not present, and its timestamp is that of the
// delete. It is set once, before the first change.
func (s *SessionStore[K, V]) OnCommit(emit func(k K, w windows.Window, value V, present bool, timestamp int64) error) {
	s.onCommit(func(k K, end, start int64, value V, present bool, timestamp int64) error {
		return emit(k, windows.Window{Start: start, End: end}, value, present, timestamp)
	})
}

// Find appends to dst the sessions of a key that end at or after earliestEnd and start at or before latestStart (ms): by
// end, then start.
func (s *SessionStore[K, V]) Find(dst []SessionRow[V], k K, earliestEnd, latestStart int64) ([]SessionRow[V], error) {
	if err := s.encode(k); err != nil {
		return dst, err
	}
	rows, err := s.find(earliestEnd, math.MaxInt64)
	for i := range rows {
		if r := &rows[i]; r.sub <= latestStart {
			dst = append(dst, SessionRow[V]{windows.Window{Start: r.sub, End: r.time}, r.value, r.timestamp})
		}
	}
	return dst, err
}

// PutKept is Put with a timestamp of the caller's. It is false if the session is older than what is kept.
func (s *SessionStore[K, V]) PutKept(k K, w windows.Window, v V, timestamp int64) (kept bool, err error) {
	if err := s.encode(k); err != nil {
		return false, err
	}
	return s.put(w.End, w.Start, v, timestamp)
}

// RemoveSession deletes a session, if there is one.
func (s *SessionStore[K, V]) RemoveSession(k K, w windows.Window) error {
	if err := s.encode(k); err != nil {
		return err
	}
	return s.delete(w.End, w.Start, s.timestamp())
}

// Get implements [Session].
func (s *SessionStore[K, V]) Get(k K, w windows.Window) (v V, found bool, err error) {
	r, found, err := s.GetRow(k, w)
	return r.Value, found, err
}

// GetRow implements [Session].
func (s *SessionStore[K, V]) GetRow(k K, w windows.Window) (r Row[windows.Keyed[K], V], found bool, err error) {
	if err := s.encode(k); err != nil {
		return r, false, err
	}
	e, found, err := s.get(w.End, w.Start)
	if err != nil || !found {
		return r, false, err
	}
	return s.rowOf(k, e), true, nil
}

func (s *SessionStore[K, V]) rowOf(k K, e entry[V]) Row[windows.Keyed[K], V] {
	return Row[windows.Keyed[K], V]{
		Key: windows.Key(k, windows.Window{Start: e.sub, End: e.time}), Value: e.value, Timestamp: e.timestamp,
	}
}

// Put implements [Session].
func (s *SessionStore[K, V]) Put(k K, w windows.Window, v V) error {
	_, err := s.PutKept(k, w, v, s.timestamp())
	return err
}

// Delete implements [Session].
func (s *SessionStore[K, V]) Delete(k K, w windows.Window) error { return s.RemoveSession(k, w) }

// Fetch implements [Session].
func (s *SessionStore[K, V]) Fetch(k K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error] {
	return func(yield func(Row[windows.Keyed[K], V], error) bool) {
		rows, err := s.Find(nil, k, from, to)
		if err != nil {
			yield(Row[windows.Keyed[K], V]{}, err)
			return
		}
		for _, r := range rows {
			if !yield(Row[windows.Keyed[K], V]{Key: windows.Key(k, r.Window), Value: r.Value, Timestamp: r.Timestamp}, nil) {
				return
			}
		}
	}
}

// Scan implements [Session].
func (s *SessionStore[K, V]) Scan(fromEnd, toEnd int64) iter.Seq2[Row[windows.Keyed[K], V], error] {
	return func(yield func(Row[windows.Keyed[K], V], error) bool) {
		err := s.scanTimes(fromEnd, toEnd, false, func(k K, e entry[V]) bool { return yield(s.rowOf(k, e), nil) })
		if err != nil {
			yield(Row[windows.Keyed[K], V]{}, err)
		}
	}
}

// All implements [Session].
func (s *SessionStore[K, V]) All() iter.Seq2[Row[windows.Keyed[K], V], error] {
	return s.Scan(math.MinInt64, math.MaxInt64)
}
