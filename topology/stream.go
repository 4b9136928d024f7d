package topology

import (
	"fmt"
	"slices"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
)

// Stream is a handle of a stream of records: each is an event of its own. It is a value; the zero value is not usable.
//
// A null value that the serde cannot carry is never shown to a function; each method says what it does with such a
// record. A null key that the serde cannot carry is shown as the zero value.
type Stream[K, V any] struct {
	b    *Builder
	from *graph.Node
	k    serde.Serde[K] // nil if the type has no default and none was given
	v    serde.Serde[V]
	// The key may have changed since the topic was read, so what needs all records of a key in one task repartitions first.
	rekeyed bool
}

func nulls[K, V any](k serde.Serde[K], v serde.Serde[V]) (n operators.Nulls[K, V]) {
	if k != nil {
		n.Key = serde.IsNull(k)
	}
	if v != nil {
		n.Value = serde.IsNull(v)
	}
	return n
}

func (s Stream[K, V]) nulls() operators.Nulls[K, V] { return nulls(s.k, s.v) }

// as is the stream of the given types that a node below s forwards.
func (s Stream[K, V]) as[K2, V2 any](n *graph.Node, k serde.Serde[K2], v serde.Serde[V2]) Stream[K2, V2] {
	return Stream[K2, V2]{b: s.b, from: n, k: k, v: v, rekeyed: s.rekeyed}
}

// add is the one way in which a stateless operator enters a topology: below s, with its function given or not.
func (s Stream[K, V]) add[K2, V2 any](op string, given bool, opts []NodeOption, k serde.Serde[K2], v serde.Serde[V2],
	build func(*operators.Context, operators.Forward[K2, V2]) operators.Forward[K, V],
) Stream[K2, V2] {
	o := s.b.nodeOptions(op, opts, optName|optOnError)
	n := s.b.node(op, o.name, s.from)
	needFunc(s.b, n, given)
	failing(s.b, n, o.policy, s.k, s.v)
	parking(s.b, n, o.name)
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		return operators.Enter(c, build(c, graph.Next[K2, V2](in, n)))
	}
	return s.as(n, k, v)
}

// Filter keeps the records that keep accepts. A null value that the serde cannot carry passes.
//
// Options: [Named], [OnError].
func (s Stream[K, V]) Filter(keep func(K, V) bool, opts ...NodeOption) Stream[K, V] {
	return s.add("filter", keep != nil, opts, s.k, s.v, func(_ *operators.Context, next operators.Forward[K, V]) operators.Forward[K, V] {
		return operators.Filter(keep, s.nulls(), next)
	})
}

// FilterNot keeps the records that drop refuses. A null value that the serde cannot carry passes.
//
// Options: [Named], [OnError].
func (s Stream[K, V]) FilterNot(drop func(K, V) bool, opts ...NodeOption) Stream[K, V] {
	return s.add("filter-not", drop != nil, opts, s.k, s.v, func(_ *operators.Context, next operators.Forward[K, V]) operators.Forward[K, V] {
		return operators.FilterNot(drop, s.nulls(), next)
	})
}

// Map replaces key and value. A null value that the serde cannot carry is dropped and counted. What needs all records of
// a key together repartitions behind it.
//
// Options: [Named], [OnError].
func (s Stream[K, V]) Map[K2, V2 any](f func(K, V) (K2, V2), opts ...NodeOption) Stream[K2, V2] {
	k, v := keySerde[K2](s.k), valueSerde[V2](s.v)
	to := s.add("map", f != nil, opts, k, v, func(c *operators.Context, next operators.Forward[K2, V2]) operators.Forward[K, V] {
		return operators.Map(c, f, s.nulls(), nulls(k, v), next)
	})
	to.rekeyed = true
	return to
}

// MapValues replaces the value. A null value that the serde cannot carry stays null.
//
// Options: [Named], [OnError].
func (s Stream[K, V]) MapValues[V2 any](f func(K, V) V2, opts ...NodeOption) Stream[K, V2] {
	v := valueSerde[V2](s.v)
	return s.add("map-values", f != nil, opts, s.k, v, func(_ *operators.Context, next operators.Forward[K, V2]) operators.Forward[K, V] {
		return operators.MapValues(f, s.nulls(), nulls(s.k, v), next)
	})
}

// FlatMap gives any number of records for each one: what f emits, in that order. A null value that the serde cannot
// carry is dropped and counted. What needs all records of a key together repartitions behind it.
//
// Options: [Named], [OnError].
func (s Stream[K, V]) FlatMap[K2, V2 any](f func(k K, v V, emit func(K2, V2)), opts ...NodeOption) Stream[K2, V2] {
	k, v := keySerde[K2](s.k), valueSerde[V2](s.v)
	to := s.add("flat-map", f != nil, opts, k, v, func(c *operators.Context, next operators.Forward[K2, V2]) operators.Forward[K, V] {
		return operators.FlatMap(c, f, s.nulls(), nulls(k, v), next)
	})
	to.rekeyed = true
	return to
}

// FlatMapValues gives a record for each value that f returns, in that order. A null value that the serde cannot carry is
// dropped and counted.
//
// Options: [Named], [OnError].
func (s Stream[K, V]) FlatMapValues[V2 any](f func(K, V) []V2, opts ...NodeOption) Stream[K, V2] {
	v := valueSerde[V2](s.v)
	return s.add("flat-map-values", f != nil, opts, s.k, v, func(c *operators.Context, next operators.Forward[K, V2]) operators.Forward[K, V] {
		return operators.FlatMapValues(c, f, s.nulls(), nulls(s.k, v), next)
	})
}

// SelectKey replaces the key. A null value that the serde cannot carry is dropped and counted. What needs all records of
// a key together repartitions behind it.
//
// Options: [Named], [OnError].
func (s Stream[K, V]) SelectKey[K2 any](f func(K, V) K2, opts ...NodeOption) Stream[K2, V] {
	k := keySerde[K2](s.k)
	to := s.add("select-key", f != nil, opts, k, s.v, func(c *operators.Context, next operators.Forward[K2, V]) operators.Forward[K, V] {
		return operators.SelectKey(c, f, s.nulls(), nulls(k, s.v), next)
	})
	to.rekeyed = true
	return to
}

// Peek shows each record to f and passes it on. It is called again for records that are processed again after a failure.
//
// Options: [Named], [OnError].
func (s Stream[K, V]) Peek(f func(K, V), opts ...NodeOption) Stream[K, V] {
	return s.add("peek", f != nil, opts, s.k, s.v, func(_ *operators.Context, next operators.Forward[K, V]) operators.Forward[K, V] {
		return operators.Peek(f, s.nulls(), next)
	})
}

// ForEach shows each record to f and ends the stream. It is called again for records that are processed again after a
// failure.
//
// Options: [Named], [OnError].
func (s Stream[K, V]) ForEach(f func(K, V), opts ...NodeOption) {
	s.add("for-each", f != nil, opts, s.k, s.v, func(_ *operators.Context, next operators.Forward[K, V]) operators.Forward[K, V] {
		return operators.Peek(f, s.nulls(), next)
	})
}

// Merge is a stream of the records of s and of all others. The order between them is open. The serdes are those of s.
func (s Stream[K, V]) Merge(others ...Stream[K, V]) Stream[K, V] {
	parents := []*graph.Node{s.from}
	rekeyed := s.rekeyed
	for _, o := range others {
		if o.b != s.b {
			s.b.fail("Merge got a stream of another builder")
			continue
		}
		rekeyed = rekeyed || o.rekeyed
		// A stream merged with itself gives every record once, as in Kafka Streams.
		if !contains(parents, o.from) {
			parents = append(parents, o.from)
		}
	}
	n := s.b.node("merge", "", parents...)
	n.Make = func(in *graph.Instance) any {
		return operators.Enter(in.Context(n), graph.Next[K, V](in, n))
	}
	to := s.as(n, s.k, s.v)
	to.rekeyed = rekeyed
	return to
}

// Branch splits the stream: each record goes to the first branch whose predicate accepts it. The result has one stream
// more than predicates; the last has the records that none accepted, and null values that the serde cannot carry.
func (s Stream[K, V]) Branch(preds ...func(K, V) bool) []Stream[K, V] {
	n := s.b.node("branch", "", s.from)
	branches := make([]Stream[K, V], len(preds)+1)
	for i := range branches {
		child := s.b.node("branch", fmt.Sprintf("%s.%d", n.Name, i), n)
		child.Make = func(in *graph.Instance) any {
			return operators.Enter(in.Context(child), graph.Next[K, V](in, child))
		}
		branches[i] = s.as(child, s.k, s.v)
	}
	for _, p := range preds {
		needFunc(s.b, n, p != nil)
	}
	n.Make = func(in *graph.Instance) any {
		next := make([]operators.Forward[K, V], len(n.Children))
		for i, child := range n.Children {
			next[i] = in.Made(child).(operators.Forward[K, V])
		}
		return operators.Enter(in.Context(n), operators.Branch(preds, s.nulls(), next))
	}
	return branches
}

// WithSerdes is the same stream with other serdes for what comes behind it. With a serde that has a value for null
// (serde.Nullable, serde.Pointer) values that are that null become null.
func (s Stream[K, V]) WithSerdes(k serde.Serde[K], v serde.Serde[V]) Stream[K, V] {
	return s.add("with-serdes", true, nil, k, v, func(_ *operators.Context, next operators.Forward[K, V]) operators.Forward[K, V] {
		return operators.Remark(nulls(k, v), next)
	})
}

// Repartition sends the stream through the topic APPLICATION-NAME-repartition, so that all records of a key come to one
// task. Records with a null key are dropped without being counted, unless a left join works on what comes out, as in
// Kafka Streams. All that is built on the result shares the topic; a second topic of the same name is a mistake.
//
// Options: [Partitions], [MessageIDs], [Partitioner], [OnError].
func (s Stream[K, V]) Repartition(name string, opts ...NodeOption) Stream[K, V] {
	o := s.b.nodeOptions("Repartition "+name, opts, optPartitioner|optPartitions|optMessageIDs|optOnError)
	return s.repartition(name, o)
}

func (s Stream[K, V]) repartition(name string, o nodeOptions) Stream[K, V] {
	var behind *graph.Node
	from := s.add("keyed", true, nil, s.k, s.v, func(_ *operators.Context, next operators.Forward[K, V]) operators.Forward[K, V] {
		if takesNullKeys(behind) {
			return next
		}
		return operators.DropNullKeys(next)
	})
	behind = hop(s.b, name, o, s.k, s.k, s.v, from.from)
	return Stream[K, V]{b: s.b, from: behind, k: s.k, v: s.v}
}

// takesNullKeys reports whether an operator that works on null keys stands below a node, with no topic in between.
func takesNullKeys(n *graph.Node) bool {
	switch n.Op {
	case opLeftJoin, opOuterJoin, opLeftJoinTable, opLeftJoinGlobal:
		return true
	}
	return slices.ContainsFunc(n.Children, takesNullKeys)
}

// grouped is s with all records of a key in one task: itself, or behind a repartition topic of that name.
func (s Stream[K, V]) grouped(name, operator string) Stream[K, V] {
	if !s.rekeyed {
		return s
	}
	if name == "" {
		s.b.fail("operator %s needs a repartition topic in front of it, because the key may have changed: give it a name with Named", operator)
		return s
	}
	return s.repartition(name, nodeOptions{})
}

// MarkAsPartitioned says that every record of the stream lies on the partition of its key although an operator before
// could have changed that, so that what follows does not repartition it (Kafka Streams, KIP-759). It is for [Stream.Process]
// that leaves keys as they are. Where it is not true, a key has rows in several tasks, each with a part of its records.
func (s Stream[K, V]) MarkAsPartitioned() Stream[K, V] {
	s.rekeyed = false
	return s
}

// ToTable reads the stream as a table: each record is the new row of its key, a null value deletes it, a null key is
// dropped and counted. See [Builder.Table] for store. If the key may have changed, the stream is repartitioned first,
// and the store must have a name.
//
// Options: those of a store, [Versioned], [TTL].
func (s Stream[K, V]) ToTable[S ~string](store S, opts ...StoreOption) Table[K, V] {
	name := string(store)
	o := s.b.storeOptions("ToTable "+name, opts, optsKeyValue|optVersioned|optTTL)
	return table(s.grouped(name, "ToTable"), "to-table", name, o)
}
