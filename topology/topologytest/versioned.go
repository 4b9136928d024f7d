package topologytest

import (
	"iter"
	"math"
	"time"

	"github.com/rivusio/rivusio/state"
)

// VersionedStore shows the rows of a versioned store, over all its partitions. Make one with [Versions].
type VersionedStore[K, V any] struct {
	s stored[state.Versioned[K, V]]
}

// Versions is the way to read a versioned store. The types must be those of the store.
func Versions[K, V any](d *Driver, name string) VersionedStore[K, V] {
	d.t.Helper()
	return VersionedStore[K, V]{storedIn[state.Versioned[K, V]](d, name)}
}

// Partition shows one partition only.
func (s VersionedStore[K, V]) Partition(p int) VersionedStore[K, V] {
	s.s.d.t.Helper()
	return VersionedStore[K, V]{s.s.partition(p)}
}

// Get returns the latest value of a key; the bool is false if there is none.
func (s VersionedStore[K, V]) Get(k K) (V, bool) {
	s.s.d.t.Helper()
	r, ok := first(s.s, func(p state.Versioned[K, V]) (state.VersionedRow[V], bool, error) { return p.Get(k) })
	return r.Value, ok
}

// GetAsOf returns the value that a key had at a time; the bool is false if it had none, or if that is not known any more.
func (s VersionedStore[K, V]) GetAsOf(k K, at time.Time) (V, bool) {
	s.s.d.t.Helper()
	r, ok := first(s.s, func(p state.Versioned[K, V]) (state.VersionedRow[V], bool, error) {
		return p.GetAsOf(k, at.UnixMilli())
	})
	return r.Value, ok
}

// History returns all versions of a key that are known, the newest first, without those that are deletes.
func (s VersionedStore[K, V]) History(k K) []state.VersionedRow[V] {
	s.s.d.t.Helper()
	return every(s.s, func(p state.Versioned[K, V]) iter.Seq2[state.VersionedRow[V], error] {
		return p.History(k, 0, math.MaxInt64-1)
	})
}

// All returns the latest rows of all keys, by partition and there by the bytes of their keys.
func (s VersionedStore[K, V]) All() []state.Row[K, V] {
	s.s.d.t.Helper()
	return every(s.s, state.Versioned[K, V].All)
}
