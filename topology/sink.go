package topology

import (
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
)

// To writes the stream to a topic.
//
// Options: [Named], [Partitioner], [MessageIDs], [OnError].
func (s Stream[K, V]) To(topic string, opts ...NodeOption) {
	o := s.b.nodeOptions("To "+topic, opts, optName|optPartitioner|optMessageIDs|optOnError)
	if err := checkName(topic); err != nil {
		s.b.fail("topic name %w", err)
	}
	sink(s.b, topic, "sink", o, s.k, s.v, s.from)
}

// ToChosen writes each record to the topic that choose names for it (Kafka Streams' TopicNameExtractor). The topics must
// exist: a name without one stops the task, and so does an internal topic of the application. choose must depend on its
// arguments only, or a replay differs. A null value that the serde cannot carry is dropped and counted.
//
// Options: [Named], [Partitioner], [MessageIDs], [OnError].
func (s Stream[K, V]) ToChosen(choose func(k K, v V, r operators.RecordContext) string, opts ...NodeOption) {
	o := s.b.nodeOptions("ToChosen", opts, optName|optPartitioner|optMessageIDs|optOnError)
	n := s.b.node("sink", o.name, s.from)
	n.Sink = sinkOf("", s.k, s.v)
	needFunc(s.b, n, choose != nil)
	needSerdes(s.b, n, s.k, s.v)
	failing(s.b, n, o.policy, s.k, s.v)
	parking(s.b, n, o.name)
	partitioner := partitionerOf[K, V](s.b, n, o)
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		return operators.Enter(c, o.identified(c, operators.WriteChosen(c, choose, s.nulls(), s.k, s.v, partitioner)))
	}
}
