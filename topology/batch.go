package topology

import (
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
)

// Batch gathers the values of each key and gives one record for n of them, or for fewer when linger has passed since the
// first, on the wall clock: what fold makes of them, in the order in which they came. A linger of 0 sets no limit. The record
// has the largest timestamp of its values' and the headers of the last one. Records without a key are gathered together. A
// null value that the serde cannot carry is dropped and counted.
//
// What has been gathered at a commit lies in the store of that name: offsets are committed with it, nothing waits inside
// a transaction, and a restart goes on from it.
//
// Options: [Named], [OnError].
func (s Stream[K, V]) Batch[B any](n int, linger time.Duration, fold func(K, []V) B, store string, opts ...NodeOption) Stream[K, B] {
	const op = "batch"
	o := s.b.nodeOptions(op, opts, optName|optOnError)
	node := s.b.node(op, storeOptions{name: o.name}.nodeName(op, store), s.from)
	untried(s.b, node, o.policy, s.k, s.v)
	needFunc(s.b, node, fold != nil)
	needSerdes(s.b, node, s.k, s.v)
	if n < 1 {
		s.b.fail("operator %q makes batches of %d, want at least 1", node.Name, n)
	}
	if linger < 0 || linger%time.Millisecond != 0 {
		s.b.fail("operator %q has a linger of %v, want whole milliseconds, 0 or more", node.Name, linger)
	}
	connect(s.b.store(parkedStore(store, s.k, s.v), storeOptions{}), node)
	v := valueSerde[B](s.v)
	node.Make = func(in *graph.Instance) any {
		c := in.Context(node)
		process, err := operators.Batch[K, V, B]{
			Size: n, LingerMs: linger.Milliseconds(), Fold: fold, Rows: storeOf[*operators.ParkedRows](in, store),
			Keys: s.k, Values: s.v, In: s.nulls(), Out: nulls(s.k, v),
		}.Forward(c, graph.Next[K, B](in, node))
		return entered(in, c, process, err)
	}
	return s.as(node, s.k, v)
}
