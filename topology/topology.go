package topology

import "github.com/rivusio/rivusio/internal/graph"

// Topology is what a Builder made: immutable, safe for concurrent use, and usable by any number of runtimes.
type Topology struct{ g *graph.Topology }

// Application is the name under which the topology runs: its consumer group, and the prefix of its internal topics.
func (t *Topology) Application() string { return t.g.Application }

// Sources are the topics that must exist before it runs, sorted.
func (t *Topology) Sources() []string { return t.g.ExternalSources() }

// Sinks are the topics outside of the topology that it writes, sorted.
func (t *Topology) Sinks() []string { return t.g.ExternalSinks() }

// Graph is the topology for the runtimes of this module.
func (t *Topology) Graph() *graph.Topology { return t.g }
