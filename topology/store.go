package topology

import (
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

// StoreHandle stands for a store of the topology.
type StoreHandle interface{ store() *graph.Store }

// KeyValueHandle stands for a key-value store. Make one with [Builder.KeyValueStore].
type KeyValueHandle[K, V any] struct{ s *graph.Store }

func (h KeyValueHandle[K, V]) store() *graph.Store { return h.s }

// In is the task's partition of the store, or nil if the operator was not given the handle when the topology was built.
func (h KeyValueHandle[K, V]) In(c *operators.Context) state.KeyValue[K, V] {
	if s, ok := c.Store(h.s.Name).(*state.KeyValueStore[K, V]); ok {
		return s
	}
	return nil
}
