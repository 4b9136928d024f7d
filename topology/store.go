package topology

import (
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// handle stands for a store of the topology, as an option of the processors that use it.
type handle struct{ s *graph.Store }

func (h handle) process(o *processOptions) { o.stores = append(o.stores, h.s) }

// storeIn is the task's partition of a store, or nil if the operator of c was not given it.
func storeIn[S any](h handle, c *operators.Context) (s S, ok bool) {
	if h.s == nil {
		return s, false
	}
	s, ok = c.Store(h.s.Name).(S)
	return s, ok
}

// KeyValueHandle stands for a key-value store. Make one with [Builder.KeyValueStore].
type KeyValueHandle[K, V any] struct{ handle }

// In is the task's partition of the store, or nil if the operator was not given the handle when the topology was built.
func (h KeyValueHandle[K, V]) In(c *operators.Context) state.KeyValue[K, V] {
	if s, ok := storeIn[*state.KeyValueStore[K, V]](h.handle, c); ok {
		return s
	}
	return nil
}

// KeyValueStore declares a store of one row per key, with its timestamp, for [Stream.Process] and [Stream.ProcessValues].
//
// Options: [InMemory], [NoChangelog].
func (b *Builder) KeyValueStore[K, V any](name string, k serde.Serde[K], v serde.Serde[V], opts ...StoreOption) KeyValueHandle[K, V] {
	return KeyValueHandle[K, V]{declare(b, name, state.KindKeyValue, 0, k, v, opts, func(c state.Config) state.Store {
		return state.NewKeyValue(c, k, v)
	})}
}

// declare adds a store for processors.
func declare[K, V any](b *Builder, name string, kind state.Kind, retentionMs int64, k serde.Serde[K], v serde.Serde[V], opts []StoreOption, open func(state.Config) state.Store) handle {
	o := b.storeOptions("store "+name, opts, optInMemory|optNoChangelog)
	if k == nil || v == nil {
		b.fail("store %q has a nil serde", name)
	}
	return handle{b.store(&graph.Store{Name: name, Kind: kind, RetentionMs: retentionMs, Open: open}, o)}
}
