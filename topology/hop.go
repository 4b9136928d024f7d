package topology

import (
	"fmt"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
)

// sink adds what writes the records of nodes to a topic.
func sink[K, V any](b *Builder, topic, op string, o nodeOptions, k serde.Serde[K], v serde.Serde[V], from ...*graph.Node) *graph.Node {
	n := b.node(op, o.name, from...)
	n.Sink = sinkOf(topic, k, v)
	needSerdes(b, n, k, v)
	failing(b, n, o.policy, k, v)
	parking(b, n, o.name)
	partitioner := partitionerOf[K, V](b, n, o)
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		return operators.Enter(c, o.identified(c, operators.Write(c, topic, k, v, partitioner)))
	}
	return n
}

// sinkOf describes what is written to a topic, "" for one that is chosen for each record.
func sinkOf[K, V any](topic string, k serde.Serde[K], v serde.Serde[V]) *graph.Sink {
	return &graph.Sink{Topic: topic, Key: serde.ViewOf(k), Value: serde.ViewOf(v)}
}

// hop sends the records of nodes to other tasks, through an internal topic, and returns the node that reads it. All
// internal topics of that kind have the same form of name, so that what lists or resets the topics of an application finds
// them. The keys may be encoded already: write and read are serdes of the same bytes.
func hop[W, K, V any](b *Builder, name string, o nodeOptions, write serde.Serde[W], read serde.Serde[K], v serde.Serde[V], from ...*graph.Node) *graph.Node {
	if err := checkName(name); err != nil {
		b.fail("name of a repartition topic %w", err)
	}
	claimed := b.claimHop(name, from)
	r := &graph.Repartition{Name: name, Topic: fmt.Sprintf("%s-%s-repartition", b.g.Application, name), Partitions: o.partitions, Keys: serde.Name(read), Values: serde.Name(v)}
	b.g.Repartitions = append(b.g.Repartitions, r)
	src := &graph.Source{Topics: []string{r.Topic}, Internal: true}
	sinkName, sourceName := name+"-repartition-sink", name+"-repartition-source"
	if !claimed { // one error is enough
		sinkName, sourceName = "", ""
	}
	o.name = sinkName
	sink(b, r.Topic, "repartition-sink", o, write, v, from...).Sink.Internal = true
	return source(b, src, sourceName, sourceOptions{}, read, v)
}

// claimHop takes the name of a repartition topic for the records of nodes. It is false if another one has it: that both
// would have the same records cannot be known, so the topic is not shared.
func (b *Builder) claimHop(name string, from []*graph.Node) bool {
	behind := from[0]
	for behind.Op == "keyed" || behind.Op == "regroup" { // parts of the repartition
		behind = behind.Parents[0]
	}
	if other, taken := b.hops[name]; taken {
		b.fail("two repartition topics are named %q, one behind operator %q and one behind %q: to share one, keep the grouping or the repartitioned stream and use it twice", name, other, behind.Name)
		return false
	}
	b.hops[name] = behind.Name
	return true
}
