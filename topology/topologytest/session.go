package topologytest

import (
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// SessionStore shows the rows of a session store that a read can see, over all its partitions. Make one with [Sessions].
type SessionStore[K, V any] struct {
	d    *Driver
	name string
}

// Sessions is the way to read a session store. The types must be those of the store.
func Sessions[K, V any](d *Driver, name string) SessionStore[K, V] {
	d.t.Helper()
	partitions[*state.SessionStore[K, V]](d, name)
	return SessionStore[K, V]{d, name}
}

// Get returns the value of a key's session with exactly this start and end; the bool is false if there is none.
func (s SessionStore[K, V]) Get(k K, session windows.Window) (V, bool) {
	s.d.t.Helper()
	for _, p := range partitions[*state.SessionStore[K, V]](s.d, s.name) {
		v, ok, err := p.Get(k, session)
		s.d.check(err)
		if ok {
			return v, true
		}
	}
	var none V
	return none, false
}

// All returns all rows, by partition, there by end, start, and the bytes of their keys.
func (s SessionStore[K, V]) All() []state.Row[windows.Keyed[K], V] {
	s.d.t.Helper()
	var rows []state.Row[windows.Keyed[K], V]
	for _, p := range partitions[*state.SessionStore[K, V]](s.d, s.name) {
		rows = collect(s.d, rows, p.All())
	}
	return rows
}

// ListStore shows the rows of a list store that a read can see, over all its partitions. Make one with [Lists].
type ListStore[K, V any] struct {
	d    *Driver
	name string
}

// Lists is the way to read a list store. The types must be those of the store.
func Lists[K, V any](d *Driver, name string) ListStore[K, V] {
	d.t.Helper()
	partitions[*state.ListStore[K, V]](d, name)
	return ListStore[K, V]{d, name}
}

// All returns all rows, by partition, there by time, the bytes of their keys, and the order of their arrival.
func (s ListStore[K, V]) All() []state.Row[K, V] {
	s.d.t.Helper()
	var rows []state.Row[K, V]
	for _, p := range partitions[*state.ListStore[K, V]](s.d, s.name) {
		rows = collect(s.d, rows, p.All())
	}
	return rows
}
