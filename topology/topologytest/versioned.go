package topologytest

import (
	"math"
	"time"

	"github.com/rivusio/rivusio/state"
)

// VersionedStore shows the rows of a versioned store, over all its partitions. Make one with [Versions].
type VersionedStore[K, V any] struct {
	d    *Driver
	name string
}

// Versions is the way to read a versioned store. The types must be those of the store.
func Versions[K, V any](d *Driver, name string) VersionedStore[K, V] {
	d.t.Helper()
	partitions[*state.VersionedStore[K, V]](d, name)
	return VersionedStore[K, V]{d, name}
}

// Get returns the latest value of a key; the bool is false if there is none.
func (s VersionedStore[K, V]) Get(k K) (V, bool) {
	s.d.t.Helper()
	return s.find(func(p *state.VersionedStore[K, V]) (state.VersionedRow[V], bool, error) { return p.Get(k) })
}

// GetAsOf returns the value that a key had at a time; the bool is false if it had none, or if that is not known any more.
func (s VersionedStore[K, V]) GetAsOf(k K, at time.Time) (V, bool) {
	s.d.t.Helper()
	return s.find(func(p *state.VersionedStore[K, V]) (state.VersionedRow[V], bool, error) {
		return p.GetAsOf(k, at.UnixMilli())
	})
}

func (s VersionedStore[K, V]) find(in func(*state.VersionedStore[K, V]) (state.VersionedRow[V], bool, error)) (V, bool) {
	s.d.t.Helper()
	for _, p := range partitions[*state.VersionedStore[K, V]](s.d, s.name) {
		row, ok, err := in(p)
		s.d.check(err)
		if ok {
			return row.Value, true
		}
	}
	var none V
	return none, false
}

// History returns all versions of a key that are known, the newest first, without those that are deletes.
func (s VersionedStore[K, V]) History(k K) []state.VersionedRow[V] {
	s.d.t.Helper()
	var rows []state.VersionedRow[V]
	for _, p := range partitions[*state.VersionedStore[K, V]](s.d, s.name) {
		rows = collect(s.d, rows, p.History(k, 0, math.MaxInt64-1))
	}
	return rows
}

// All returns the latest rows of all keys, by partition and there by the bytes of their keys.
func (s VersionedStore[K, V]) All() []state.Row[K, V] {
	s.d.t.Helper()
	var rows []state.Row[K, V]
	for _, p := range partitions[*state.VersionedStore[K, V]](s.d, s.name) {
		rows = collect(s.d, rows, p.All())
	}
	return rows
}
