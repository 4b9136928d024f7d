package topologytest

import (
	"iter"
	"reflect"
	"time"

	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// KeyValueStore shows the rows of a key-value store, over all its partitions. Make one with [KeyValue].
type KeyValueStore[K, V any] struct {
	d    *Driver
	name string
}

// KeyValue is the way to read a key-value store. The types must be those of the store.
func KeyValue[K, V any](d *Driver, name string) KeyValueStore[K, V] {
	d.t.Helper()
	partitions[*state.KeyValueStore[K, V]](d, name)
	return KeyValueStore[K, V]{d, name}
}

// Get returns the value of a key; the bool is false if there is none.
func (s KeyValueStore[K, V]) Get(k K) (V, bool) {
	s.d.t.Helper()
	r, ok := s.Row(k)
	return r.Value, ok
}

// Row returns the row of a key with its timestamp.
func (s KeyValueStore[K, V]) Row(k K) (state.Row[K, V], bool) {
	s.d.t.Helper()
	for _, p := range partitions[*state.KeyValueStore[K, V]](s.d, s.name) {
		r, ok, err := p.GetRow(k)
		s.d.check(err)
		if ok {
			return r, true
		}
	}
	return state.Row[K, V]{}, false
}

// All returns all rows, by partition and there by the bytes of their keys.
func (s KeyValueStore[K, V]) All() []state.Row[K, V] {
	s.d.t.Helper()
	var rows []state.Row[K, V]
	for _, p := range partitions[*state.KeyValueStore[K, V]](s.d, s.name) {
		rows = collect(s.d, rows, p.All())
	}
	return rows
}

// windowStore is a store of windows of any kind but sessions.
type windowStore[K, V any] interface {
	state.Store
	state.Window[K, V]
}

// WindowStore shows the rows of a window store that a read can see, over all its partitions. Make one with [Windows].
type WindowStore[K, V any] struct {
	d    *Driver
	name string
}

// Windows is the way to read a window store, also that of an aggregation of sliding windows. The types must be those of the store.
func Windows[K, V any](d *Driver, name string) WindowStore[K, V] {
	d.t.Helper()
	partitions[windowStore[K, V]](d, name)
	return WindowStore[K, V]{d, name}
}

// Get returns the value of a key in the window that starts at a time; the bool is false if there is none.
func (s WindowStore[K, V]) Get(k K, start time.Time) (V, bool) {
	s.d.t.Helper()
	for _, p := range partitions[windowStore[K, V]](s.d, s.name) {
		v, ok, err := p.Get(k, start.UnixMilli())
		s.d.check(err)
		if ok {
			return v, true
		}
	}
	var none V
	return none, false
}

// All returns all rows, by partition, there by start and then by the bytes of their keys.
func (s WindowStore[K, V]) All() []state.Row[windows.Keyed[K], V] {
	s.d.t.Helper()
	var rows []state.Row[windows.Keyed[K], V]
	for _, p := range partitions[windowStore[K, V]](s.d, s.name) {
		rows = collect(s.d, rows, p.All())
	}
	return rows
}

func collect[R any](d *Driver, rows []R, from iter.Seq2[R, error]) []R {
	d.t.Helper()
	for r, err := range from {
		d.check(err)
		rows = append(rows, r)
	}
	return rows
}

// partitions are those of a store, which must be of type S.
func partitions[S state.Store](d *Driver, name string) []S {
	d.t.Helper()
	stores := d.runtime.Stores(name)
	if len(stores) == 0 {
		d.t.Fatalf("topologytest: topology %q has no store %q", d.topo.Application(), name)
	}
	typed := make([]S, len(stores))
	for i, s := range stores {
		var ok bool
		if typed[i], ok = s.(S); !ok {
			d.t.Fatalf("topologytest: store %q is a %T, not a %v", name, s, reflect.TypeFor[S]())
		}
	}
	return typed
}
