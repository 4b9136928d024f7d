package topologytest

import (
	"iter"
	"math"
	"reflect"
	"time"

	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// stored is the partitions of a store that a test reads, each an S. A global store has one, with all rows.
type stored[S any] struct {
	d    *Driver
	name string
	only int // the one that is read; -1: all
}

func storedIn[S any](d *Driver, name string) stored[S] {
	d.t.Helper()
	s := stored[S]{d, name, -1}
	s.partitions()
	return s
}

// partition is one of them only.
func (s stored[S]) partition(p int) stored[S] {
	s.d.t.Helper()
	s.only = p
	if n := len(s.d.runtime.Stores(s.name)); p < 0 || p >= n {
		s.d.t.Fatalf("topologytest: store %q has %d partitions and no partition %d", s.name, n, p)
	}
	return s
}

func (s stored[S]) partitions() []S {
	s.d.t.Helper()
	stores := s.d.runtime.Stores(s.name)
	if len(stores) == 0 {
		s.d.t.Fatalf("topologytest: topology %q has no store %q", s.d.topo.Application(), s.name)
	}
	var typed []S
	for i, store := range stores {
		p, ok := store.(S)
		if !ok {
			s.d.t.Fatalf("topologytest: store %q is a %T, not a %v", s.name, store, reflect.TypeFor[S]())
		}
		if s.only < 0 || s.only == i {
			typed = append(typed, p)
		}
	}
	return typed
}

// first is the result of the first partition that has one.
func first[S, R any](s stored[S], look func(S) (R, bool, error)) (r R, found bool) {
	s.d.t.Helper()
	for _, p := range s.partitions() {
		r, found, err := look(p)
		s.d.check(err)
		if found {
			return r, true
		}
	}
	return r, false
}

// every is the rows of all partitions, one after the other.
func every[S, R any](s stored[S], read func(S) iter.Seq2[R, error]) (rows []R) {
	s.d.t.Helper()
	for _, p := range s.partitions() {
		for r, err := range read(p) {
			s.d.check(err)
			rows = append(rows, r)
		}
	}
	return rows
}

// KeyValueStore shows the rows of a key-value store, over all its partitions. Make one with [KeyValue].
type KeyValueStore[K, V any] struct {
	s stored[state.KeyValueReader[K, V]]
}

// KeyValue is the way to read a key-value store, of a table or a processor, or a global one. The types must be those of the
// store.
func KeyValue[K, V any](d *Driver, name string) KeyValueStore[K, V] {
	d.t.Helper()
	return KeyValueStore[K, V]{storedIn[state.KeyValueReader[K, V]](d, name)}
}

// Partition shows one partition only.
func (s KeyValueStore[K, V]) Partition(p int) KeyValueStore[K, V] {
	s.s.d.t.Helper()
	return KeyValueStore[K, V]{s.s.partition(p)}
}

// Get returns the value of a key; the bool is false if there is none.
func (s KeyValueStore[K, V]) Get(k K) (V, bool) {
	s.s.d.t.Helper()
	r, ok := s.Row(k)
	return r.Value, ok
}

// Row returns the row of a key with its timestamp.
func (s KeyValueStore[K, V]) Row(k K) (state.Row[K, V], bool) {
	s.s.d.t.Helper()
	return first(s.s, func(p state.KeyValueReader[K, V]) (state.Row[K, V], bool, error) { return p.GetRow(k) })
}

// All returns all rows, by partition and there by the bytes of their keys.
func (s KeyValueStore[K, V]) All() []state.Row[K, V] {
	s.s.d.t.Helper()
	return every(s.s, state.KeyValueReader[K, V].All)
}

// WindowStore shows the rows of a window store that a read can see, over all its partitions. Make one with [Windows].
type WindowStore[K, V any] struct {
	s stored[state.Window[K, V]]
}

// Windows is the way to read a window store, sliding windows included. The types must be those of the store.
func Windows[K, V any](d *Driver, name string) WindowStore[K, V] {
	d.t.Helper()
	return WindowStore[K, V]{storedIn[state.Window[K, V]](d, name)}
}

// Partition shows one partition only.
func (s WindowStore[K, V]) Partition(p int) WindowStore[K, V] {
	s.s.d.t.Helper()
	return WindowStore[K, V]{s.s.partition(p)}
}

// Get returns the value of a key in the window that starts at a time; the bool is false if there is none.
func (s WindowStore[K, V]) Get(k K, start time.Time) (V, bool) {
	s.s.d.t.Helper()
	return first(s.s, func(p state.Window[K, V]) (V, bool, error) { return p.Get(k, start.UnixMilli()) })
}

// Of returns the rows of a key, by start.
func (s WindowStore[K, V]) Of(k K) []state.Row[windows.Keyed[K], V] {
	s.s.d.t.Helper()
	return every(s.s, func(p state.Window[K, V]) iter.Seq2[state.Row[windows.Keyed[K], V], error] {
		return p.Fetch(k, math.MinInt64, math.MaxInt64)
	})
}

// All returns all rows, by partition, there by start and then by the bytes of their keys.
func (s WindowStore[K, V]) All() []state.Row[windows.Keyed[K], V] {
	s.s.d.t.Helper()
	return every(s.s, state.Window[K, V].All)
}

// SessionStore shows the sessions that a read can see, over all partitions of a store. Make one with [Sessions].
type SessionStore[K, V any] struct {
	s stored[state.Session[K, V]]
}

// Sessions is the way to read a session store. The types must be those of the store.
func Sessions[K, V any](d *Driver, name string) SessionStore[K, V] {
	d.t.Helper()
	return SessionStore[K, V]{storedIn[state.Session[K, V]](d, name)}
}

// Partition shows one partition only.
func (s SessionStore[K, V]) Partition(p int) SessionStore[K, V] {
	s.s.d.t.Helper()
	return SessionStore[K, V]{s.s.partition(p)}
}

// Get returns the value of a key's session with exactly this start and end; the bool is false if there is none.
func (s SessionStore[K, V]) Get(k K, session windows.Window) (V, bool) {
	s.s.d.t.Helper()
	return first(s.s, func(p state.Session[K, V]) (V, bool, error) { return p.Get(k, session) })
}

// Of returns the sessions of a key, by end, then start.
func (s SessionStore[K, V]) Of(k K) []state.Row[windows.Keyed[K], V] {
	s.s.d.t.Helper()
	return every(s.s, func(p state.Session[K, V]) iter.Seq2[state.Row[windows.Keyed[K], V], error] {
		return p.Fetch(k, math.MinInt64, math.MaxInt64)
	})
}

// All returns all sessions, by partition, there by end, then start, then the bytes of their keys.
func (s SessionStore[K, V]) All() []state.Row[windows.Keyed[K], V] {
	s.s.d.t.Helper()
	return every(s.s, state.Session[K, V].All)
}

// ListStore shows the rows of a list store that a read can see, over all its partitions. Make one with [Lists].
type ListStore[K, V any] struct {
	s stored[state.List[K, V]]
}

// Lists is the way to read a list store, those of joins of streams included. The types must be those of the store.
func Lists[K, V any](d *Driver, name string) ListStore[K, V] {
	d.t.Helper()
	return ListStore[K, V]{storedIn[state.List[K, V]](d, name)}
}

// Partition shows one partition only.
func (s ListStore[K, V]) Partition(p int) ListStore[K, V] {
	s.s.d.t.Helper()
	return ListStore[K, V]{s.s.partition(p)}
}

// Of returns the rows of a key, by time, then in the order of arrival.
func (s ListStore[K, V]) Of(k K) []state.Row[K, V] {
	s.s.d.t.Helper()
	return every(s.s, func(p state.List[K, V]) iter.Seq2[state.Row[K, V], error] {
		return p.Fetch(k, math.MinInt64, math.MaxInt64)
	})
}

// All returns all rows, by partition, there by time, then the bytes of their keys, then in the order of arrival.
func (s ListStore[K, V]) All() []state.Row[K, V] {
	s.s.d.t.Helper()
	return every(s.s, state.List[K, V].All)
}
