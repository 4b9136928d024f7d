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
	n.Sink = &graph.Sink{Topic: topic}
	needSerdes(b, n, k, v)
	partitioner := partitionerOf[K, V](b, n, o)
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		return operators.Enter(c, operators.Write(c, topic, k, v, partitioner))
	}
	return n
}

// hop sends the records of nodes to other tasks, through an internal topic, and returns the node that reads it. All
// internal topics of that kind have the same form of name, so that what lists or resets the topics of an application finds
// them. The keys may be encoded already: write and read are serdes of the same bytes.
func hop[W, K, V any](b *Builder, name string, o nodeOptions, write serde.Serde[W], read serde.Serde[K], v serde.Serde[V], from ...*graph.Node) *graph.Node {
	if err := checkName(name); err != nil {
		b.fail("name of a repartition topic %w", err)
	}
	b.claim(name, "repartition topic")
	r := &graph.Repartition{Name: name, Topic: fmt.Sprintf("%s-%s-repartition", b.g.Application, name), Partitions: o.partitions}
	b.g.Repartitions = append(b.g.Repartitions, r)
	o.name = name + "-repartition-sink"
	sink(b, r.Topic, "repartition-sink", o, write, v, from...).Sink.Internal = true
	src := &graph.Source{Topics: []string{r.Topic}, Internal: true}
	return source(b, src, name+"-repartition-source", sourceOptions{}, read, v)
}
