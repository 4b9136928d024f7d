package state

import (
	"iter"
	"math"

	"github.com/rivusio/rivusio/serde"
)

// StillValid is the end of a version that no other has replaced.
const StillValid int64 = math.MaxInt64

// Versioned is a store of the versions of each key's value, as operators and user code see it; see [KeyValue] for what
// holds of values and loops. A version is valid from its timestamp until that of the next one (KIP-889).
//
// With T the largest timestamp ever put and H the history, puts and deletes with a timestamp < T-H are refused, and
// versions that ceased to be valid at or before T-H are forgotten. The latest version of a key is kept for ever.
type Versioned[K, V any] interface {
	// Put adds the version of a key that is valid from ts (ms), or replaces the one there. latest says that no later one is
	// known, kept that it is not older than the history. A null of the value's serde deletes.
	Put(k K, v V, ts int64) (latest, kept bool, err error)
	// Delete says that from ts on the key has no value, until the next version. It returns what Put does.
	Delete(k K, ts int64) (latest, kept bool, err error)
	// Get returns the latest version, if the key was not deleted.
	Get(k K) (VersionedRow[V], bool, error)
	// GetAsOf returns the version that was valid at ts. Before the history, only the latest version is found.
	GetAsOf(k K, ts int64) (VersionedRow[V], bool, error)
	// History reads the versions of a key that were valid at any time from one to another, both included, the newest first.
	History(k K, from, to int64) iter.Seq2[VersionedRow[V], error]
	// ReverseHistory is History in the opposite order, the oldest first.
	ReverseHistory(k K, from, to int64) iter.Seq2[VersionedRow[V], error]
	// All reads the latest versions, in the unsigned order of the encoded keys. The Timestamp is that of the version.
	All() iter.Seq2[Row[K, V], error]
}

// VersionedRow is a version of a value, valid from one time (ms) to another, which is not in it.
type VersionedRow[V any] struct {
	Value    V
	From, To int64 // To is StillValid for the latest
}

// VersionedConfig says how far back versions are kept.
type VersionedConfig struct {
	HistoryMs int64 // H of [Versioned]; 0 or more
}

// VersionedStore is one partition of a versioned store. It implements [Store] and [Versioned].
//
// Its rows lie by the end of validity, then its start; that of the latest version is (StillValid, 0). A delete is a version
// that is void. If none follows, its row ends when it starts, so that it expires like the others; it stays so when another
// follows later. Its changelog has no retention: rows that expire are deleted from it.
type VersionedStore[K, V any] struct {
	segmentStore[K, version[V]]
	historyMs int64
	valueNull func(V) bool
}

// version is a value, or that there is none.
type version[V any] struct {
	value V
	void  bool
}

// versionSerde writes nothing for a void version, else a byte, 1, and the value.
type versionSerde[V any] struct{ serde.Serde[V] }

func (s versionSerde[V]) Append(dst []byte, v version[V]) ([]byte, error) {
	if v.void {
		return dst, nil
	}
	return s.Serde.Append(append(dst, 1), v.value)
}

func (s versionSerde[V]) Decode(b []byte) (v version[V], err error) {
	if len(b) == 0 {
		return version[V]{void: true}, nil
	}
	v.value, err = s.Serde.Decode(b[1:])
	return v, err
}

// NewVersioned makes the store of a partition. Keys are the same if their encodings are.
func NewVersioned[K, V any](c Config, w VersionedConfig, k serde.Serde[K], v serde.Serde[V]) *VersionedStore[K, V] {
	s := &VersionedStore[K, V]{
		segmentStore: newSegmentStore[K, version[V]](c, w.HistoryMs, k, versionSerde[V]{v}), historyMs: w.HistoryMs, valueNull: serde.IsNull(v),
	}
	s.segments.keyFirst, s.segments.logsExpiry, s.segments.lone = true, true, true
	s.segments.cache.budget.join(&s.segments.cache)
	return s
}

// Put implements [Versioned].
func (s *VersionedStore[K, V]) Put(k K, v V, ts int64) (latest, kept bool, err error) {
	return s.add(k, version[V]{value: v, void: s.valueNull != nil && s.valueNull(v)}, ts)
}

// Delete implements [Versioned].
func (s *VersionedStore[K, V]) Delete(k K, ts int64) (latest, kept bool, err error) {
	return s.add(k, version[V]{void: true}, ts)
}

func (s *VersionedStore[K, V]) add(k K, v version[V], ts int64) (latest, kept bool, err error) {
	if s.segments.layers.times.Put != NoTime && ts < s.segments.layers.times.Put-s.historyMs {
		return false, false, nil
	}
	if err := s.segments.encode(k); err != nil {
		return false, false, err
	}
	s.segments.layers.times.Put = max(s.segments.layers.times.Put, ts)
	next, found, err := s.after(ts)
	if err == nil && found && next.time == ts { // a delete
		if err = s.segments.delete(ts, ts, ts); err == nil {
			next, found, err = s.after(ts)
		}
	}
	if err != nil {
		return false, false, err
	}
	from := s.from(&next)
	switch {
	case !found:
		return true, true, s.putLatest(v, ts)
	case from > ts: // there was no version at ts
		return false, true, s.write(from, ts, v)
	}
	if from < ts { // that version ends there now
		if err := s.write(ts, from, next.value); err != nil {
			return false, false, err
		}
	}
	if next.time == StillValid {
		return true, true, s.putLatest(v, ts)
	}
	if from < ts {
		if err := s.segments.delete(next.time, from, ts); err != nil {
			return false, false, err
		}
	}
	return false, true, s.write(next.time, ts, v)
}

// after finds the first row of the encoded key that ends later than ts: that of the version which is valid then, or the
// next. A delete at ts that is the latest version counts, too.
func (s *VersionedStore[K, V]) after(ts int64) (next item[version[V]], found bool, err error) {
	// Mostly it is the latest, and the history need not be read.
	if r, err := s.segments.get(StillValid, 0); err != nil || r != nil && r.timestamp <= ts {
		if err != nil {
			return next, false, err
		}
		return *r, true, nil
	}
	err = s.segments.visit(place{ts, ts}, lastAt(StillValid), false, func(r *item[version[V]]) bool {
		next, found = *r, true
		return false
	})
	return next, found, err
}

// from is when the version of a row begins to be valid.
func (s *VersionedStore[K, V]) from(r *item[version[V]]) int64 {
	if r.time == StillValid {
		return r.timestamp
	}
	return r.sub
}

// putLatest writes a version that no other follows.
func (s *VersionedStore[K, V]) putLatest(v version[V], ts int64) error {
	if !v.void {
		return s.write(StillValid, ts, v)
	}
	if err := s.segments.delete(StillValid, 0, ts); err != nil {
		return err
	}
	return s.write(ts, ts, v)
}

// write puts the row of a version that is valid from one time to another, if it ends within the history.
func (s *VersionedStore[K, V]) write(to, from int64, v version[V]) error {
	sub := from
	if to == StillValid {
		sub = 0
	}
	_, err := s.segments.putAt(to, sub, v, from)
	return err
}

// Get implements [Versioned].
func (s *VersionedStore[K, V]) Get(k K) (VersionedRow[V], bool, error) {
	if err := s.segments.encode(k); err != nil {
		return VersionedRow[V]{}, false, err
	}
	r, err := s.segments.get(StillValid, 0)
	if err != nil || r == nil {
		return VersionedRow[V]{}, false, err
	}
	return s.rowOf(r), true, nil
}

func (s *VersionedStore[K, V]) rowOf(r *item[version[V]]) VersionedRow[V] {
	return VersionedRow[V]{Value: r.value.value, From: s.from(r), To: r.time}
}

// GetAsOf implements [Versioned].
func (s *VersionedStore[K, V]) GetAsOf(k K, ts int64) (row VersionedRow[V], found bool, err error) {
	latest, found, err := s.Get(k)
	if err != nil || found && latest.From <= ts {
		return latest, found, err
	}
	if ts < s.segments.layers.times.Put-s.historyMs || ts == math.MaxInt64 {
		return row, false, nil
	}
	found = false
	err = s.segments.visit(firstAt(ts+1), lastAt(StillValid), false, func(r *item[version[V]]) bool {
		if found = s.from(r) <= ts && !r.value.void; found {
			row = s.rowOf(r)
		}
		return false
	})
	return row, found, err
}

// History implements [Versioned].
func (s *VersionedStore[K, V]) History(k K, from, to int64) iter.Seq2[VersionedRow[V], error] {
	return s.history(k, from, to, true)
}

// ReverseHistory implements [Versioned].
func (s *VersionedStore[K, V]) ReverseHistory(k K, from, to int64) iter.Seq2[VersionedRow[V], error] {
	return s.history(k, from, to, false)
}

func (s *VersionedStore[K, V]) history(k K, from, to int64, newestFirst bool) iter.Seq2[VersionedRow[V], error] {
	return read[VersionedRow[V]](func(yield func(VersionedRow[V]) bool) error {
		if from == math.MaxInt64 {
			return nil
		}
		return s.segments.fetch(k, firstAt(from+1), lastAt(StillValid), newestFirst, func(r *item[version[V]]) bool {
			if s.from(r) > to {
				return newestFirst // in the other order those that follow begin later still
			}
			return r.value.void || yield(s.rowOf(r))
		})
	}).loop
}

// All implements [Versioned].
func (s *VersionedStore[K, V]) All() iter.Seq2[Row[K, V], error] {
	return read[Row[K, V]](func(yield func(Row[K, V]) bool) error {
		return s.segments.scanKeys(StillValid, func(k K, r *item[version[V]]) bool {
			return yield(Row[K, V]{Key: k, Value: r.value.value, Timestamp: r.timestamp})
		})
	}).loop
}
