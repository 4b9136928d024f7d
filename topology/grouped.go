package topology

import (
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// Grouped is a stream whose records are to be aggregated by key. It is a value; the zero value is not usable.
type Grouped[K, V any] struct {
	s    Stream[K, V]
	name string // of the repartition topic; "" for that of the store
	// What a named grouping repartitioned, once: all its aggregates share the topic.
	shared *Stream[K, V]
}

// GroupByKey groups the records by their key. If it may have changed since the topic was read, an aggregate repartitions
// the stream first: through a topic that is named by [Named], and then shared by all aggregates of the grouping, or else
// by the store of the aggregate. To share a topic keep the grouping and aggregate it several times. Two groupings of one
// name are a mistake, as in Kafka Streams: nothing says that they have the same records.
//
// Options: [Named].
func (s Stream[K, V]) GroupByKey(opts ...NodeOption) Grouped[K, V] {
	o := s.b.nodeOptions("GroupByKey", opts, optName)
	return Grouped[K, V]{s: s, name: o.name, shared: new(Stream[K, V])}
}

// GroupBy gives the records new keys and groups by them; see [Stream.SelectKey] and [Stream.GroupByKey].
//
// Options: [Named].
func (s Stream[K, V]) GroupBy[K2 any](f func(K, V) K2, opts ...NodeOption) Grouped[K2, V] {
	o := s.b.nodeOptions("GroupBy", opts, optName)
	return Grouped[K2, V]{s: s.SelectKey(f), name: o.name, shared: new(Stream[K2, V])}
}

// WithSerdes is the same grouping with other serdes, for the repartition topic and the stores.
func (g Grouped[K, V]) WithSerdes(k serde.Serde[K], v serde.Serde[V]) Grouped[K, V] {
	return Grouped[K, V]{s: g.s.WithSerdes(k, v), name: g.name, shared: new(Stream[K, V])}
}

// stream is the stream with all records of a key in one task.
func (g Grouped[K, V]) stream(store string) Stream[K, V] {
	switch {
	case !g.s.rekeyed:
		return g.s
	case g.name == "":
		return g.s.grouped(store, "aggregation "+store)
	case g.shared.b == nil:
		*g.shared = g.s.grouped(g.name, g.name)
	}
	return *g.shared
}

// Count counts the records of each key. Null keys and null values are dropped and counted.
//
// Options: those of a store, [TTL].
func (g Grouped[K, V]) Count[S ~string](store S, opts ...StoreOption) Table[K, int64] {
	return aggregate(g, "count", string(store), opts, serde.Serde[int64](serde.Int64), func(serde.Serde[int64]) operators.Aggregator[K, V, int64] {
		return operators.CountRecords[K, V]()
	})
}

// CountAs is [Grouped.Count] with counts of another type than int64: of makes one of a number, and number gives it back. Their serde
// is serde.For the type, unless [StoreSerdes] says otherwise.
//
// Options: those of Count.
func (g Grouped[K, V]) CountAs[N any](store string, of func(int64) N, number func(N) int64, opts ...StoreOption) Table[K, N] {
	needAggregator(g.s.b, store, of != nil && number != nil)
	return aggregate(g, "count", store, opts, valueSerde[N](g.s.v), func(serde.Serde[N]) operators.Aggregator[K, V, N] {
		return operators.CountRecordsAs[K, V](operators.Counter[N]{Of: of, Number: number})
	})
}

// Reduce combines the records of each key: the first value is the aggregate, then f makes a new one of the aggregate and
// the next value. A null result deletes the row. Null keys and null values are dropped and counted.
//
// Options: those of a store, [TTL].
func (g Grouped[K, V]) Reduce[S ~string](store S, f func(a, b V) V, opts ...StoreOption) Table[K, V] {
	return aggregate(g, "reduce", string(store), opts, g.s.v, reducer[K](g.s.b, string(store), f))
}

// Aggregate combines the records of each key: init makes an empty aggregate, add adds a record to it. add may change the
// aggregate in place and return it. A null result deletes the row. Null keys and null values are dropped and counted.
//
// Options: those of a store, [TTL]. The serde of the aggregate is serde.For its type, unless [StoreSerdes] says otherwise.
func (g Grouped[K, V]) Aggregate[A any](store string, init func() A, add func(K, V, A) A, opts ...StoreOption) Table[K, A] {
	return aggregate(g, "aggregate", store, opts, valueSerde[A](g.s.v), folder(g.s.b, store, init, add))
}

// needAggregator wants the functions of an aggregation.
func needAggregator(b *Builder, store string, given bool) {
	if !given {
		b.fail("aggregation %q has a nil function", store)
	}
}

func reducer[K, V any](b *Builder, store string, f func(a, b V) V) func(serde.Serde[V]) operators.Aggregator[K, V, V] {
	needAggregator(b, store, f != nil)
	return func(v serde.Serde[V]) operators.Aggregator[K, V, V] { return operators.Reduce[K](f, serde.IsNull(v)) }
}

func folder[K, V, A any](b *Builder, store string, init func() A, add func(K, V, A) A) func(serde.Serde[A]) operators.Aggregator[K, V, A] {
	needAggregator(b, store, init != nil && add != nil)
	return func(a serde.Serde[A]) operators.Aggregator[K, V, A] {
		return operators.Fold(init, add, serde.IsNull(a))
	}
}

func aggregate[K, V, A any](g Grouped[K, V], op, store string, opts []StoreOption, a serde.Serde[A], agg func(serde.Serde[A]) operators.Aggregator[K, V, A]) Table[K, A] {
	b := g.s.b
	o := b.storeOptions("aggregation "+store, opts, optsKeyValue|optTTL)
	s := g.stream(store)
	n := b.node(op, o.nodeName(op, store), s.from)
	untried(b, n, o.policy, s.k, s.v)
	k, a := serdesOf(b, store, o, s.k, a)
	needSerdes(b, n, k, a)
	t := keepRows(b, n, store, o, k, a)
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		next := graph.Next[K, operators.Change[A]](in, n)
		add := operators.Aggregate(c, storeOf[*state.KeyValueStore[K, A]](in, store), sending(agg(a), t.old, a), o.emit(), next)
		return operators.Enter(c, expiring(in, n, store, o, t.old.wanted, add, next))
	}
	return Table[K, A]{t}
}

// sending is an aggregator that sends old rows if an operator below asked for them.
func sending[K, V, A any](agg operators.Aggregator[K, V, A], old *oldRows, a serde.Serde[A]) operators.Aggregator[K, V, A] {
	if agg.SendOld = old.wanted; agg.SendOld {
		agg.Clone = serde.Cloner(a)
	}
	return agg
}
