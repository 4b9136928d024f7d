package graph

import (
	"iter"
	"slices"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

// Global is a store with the records of all partitions of a topic, which every process has whole. It belongs to no
// sub-topology and makes no tasks: the runtime feeds it, and all tasks read it.
type Global struct {
	Name     string // of the store
	Topic    string
	Kind     state.Kind
	InMemory bool
	// Keys and Values name the serdes of its rows, see serde.Name.
	Keys, Values string
	// Nodes are the source and what it feeds, which writes the store. They are not among Topology.Nodes.
	Nodes []*Node
	// Open makes the store for the one who writes it.
	Open func(c state.Config) state.Store
	// View makes a view of it for a task.
	View func(s *state.Shared, b *state.Budget) state.View

	topology *Topology
}

// Topology is what the store is a part of.
func (g *Global) Topology() *Topology { return g.topology }

// NewInstance is the operators that feed the store, before they are made. The scope's Runtime must give the store.
func (g *Global) NewInstance(scope *operators.Scope) *Instance {
	return NewInstance(&SubTopology{ID: -1, Nodes: g.Nodes, topology: g.topology}, scope)
}

// EveryNode gives the nodes of all sub-topologies, by declaration, and then those that feed global stores.
func (t *Topology) EveryNode() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for _, n := range t.Nodes {
			if !yield(n) {
				return
			}
		}
		for _, g := range t.Globals {
			for _, n := range g.Nodes {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// Global finds a global store by name, or nil.
func (t *Topology) Global(name string) *Global {
	i := slices.IndexFunc(t.Globals, func(g *Global) bool { return g.Name == name })
	if i < 0 {
		return nil
	}
	return t.Globals[i]
}
