package topology

import (
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// GroupedTable is a table whose rows are to be aggregated by a new key. It is a value; the zero value is not usable.
type GroupedTable[K, V any] struct {
	b    *Builder
	k    serde.Serde[K]
	v    serde.Serde[V]
	name string // of the repartition topic; "" for that of the store
	// regroup adds the operator that forwards the groups' changes, as operators.Replacement[V].
	regroup func(name string, k serde.Serde[K], v serde.Serde[V]) *graph.Node
	// What reads the topic of a named grouping: all its aggregates share it.
	shared **graph.Node
}

// GroupBy groups the rows by a new key: f gives the key of the group and what of the row is aggregated there. Where it
// gives a null key or a null value, the row is in no group. An aggregate repartitions the table first: through a topic that is
// named by [Named], and then shared by all aggregates of the grouping, or else by the store of the aggregate.
//
// f is called again for a row that goes, so it must be a pure function. The old rows of the table must be known: a table
// without a store, made of a topic or a stream, has none, and Build refuses it.
//
// Options: [Named].
func (t Table[K, V]) GroupBy[K2, V2 any](f func(K, V) (K2, V2), opts ...NodeOption) GroupedTable[K2, V2] {
	return groupRows(t.rows, keySerde[K2](t.k), f, opts)
}

// GroupBy groups the rows of all windows by a new key; see [Table.GroupBy]. To keep the windows apart, the key must have
// them, as that of [windows.Key] has.
//
// Options: [Named].
func (t WindowedTable[K, V]) GroupBy[K2, V2 any](f func(K, windows.Window, V) (K2, V2), opts ...NodeOption) GroupedTable[K2, V2] {
	k, ok := any(t.k).(serde.Serde[K2])
	if !ok {
		k = keySerde[K2](t.base)
	}
	var g func(windows.Keyed[K], V) (K2, V2)
	if f != nil {
		g = func(k windows.Keyed[K], v V) (K2, V2) { return f(k.Key, k.Window, v) }
	}
	return groupRows(t.rows, k, g, opts)
}

func groupRows[K, V, K2, V2 any](r rows[K, V], k serde.Serde[K2], f func(K, V) (K2, V2), opts []NodeOption) GroupedTable[K2, V2] {
	o := r.b.nodeOptions("GroupBy", opts, optName)
	return GroupedTable[K2, V2]{
		b: r.b, k: k, v: valueSerde[V2](r.v), name: o.name, shared: new(*graph.Node),
		regroup: func(name string, k serde.Serde[K2], v serde.Serde[V2]) *graph.Node {
			n := r.b.node("regroup", name, r.from)
			needFunc(r.b, n, f != nil)
			r.needOld(n)
			n.Make = func(in *graph.Instance) any {
				next := graph.Next[K2, operators.Replacement[V2]](in, n)
				return operators.Enter(in.Context(n), operators.Regroup(f, k, nulls(k, v), next))
			}
			return n
		},
	}
}

// WithSerdes is the same grouping with other serdes, for the repartition topic and the stores.
func (g GroupedTable[K, V]) WithSerdes(k serde.Serde[K], v serde.Serde[V]) GroupedTable[K, V] {
	g.k, g.v, g.shared = k, v, new(*graph.Node)
	return g
}

// grouped is the node that has all rows of a group in one task.
func (g GroupedTable[K, V]) grouped(store string) *graph.Node {
	hopped := func(name string) *graph.Node {
		return hop(g.b, name, nodeOptions{}, g.k, g.k, operators.ReplacementSerde(g.v), g.regroup(name+"-regroup", g.k, g.v))
	}
	if g.name == "" {
		return hopped(store)
	}
	if *g.shared == nil {
		*g.shared = hopped(g.name)
	}
	return *g.shared
}

// Count counts the rows of each group. The count of a group whose last row goes is 0; it is not deleted (Kafka Streams).
//
// Options: those of a store.
func (g GroupedTable[K, V]) Count[S ~string](store S, opts ...StoreOption) Table[K, int64] {
	return aggregateTable(g, "table-count", string(store), true, opts, serde.Serde[int64](serde.Int64), func(serde.Serde[int64]) operators.TableAggregator[K, V, int64] {
		return operators.CountRows[K, V]()
	})
}

// CountAs is [GroupedTable.Count] with counts of another type than int64: of makes one of a number, and number gives it back. Their serde
// is serde.For the type, unless [StoreSerdes] says otherwise.
//
// Options: those of Count.
func (g GroupedTable[K, V]) CountAs[N any](store string, of func(int64) N, number func(N) int64, opts ...StoreOption) Table[K, N] {
	return aggregateTable(g, "table-count", store, of != nil && number != nil, opts, valueSerde[N](g.v), func(serde.Serde[N]) operators.TableAggregator[K, V, N] {
		return operators.CountRowsAs[K, V](operators.Counter[N]{Of: of, Number: number})
	})
}

// Reduce combines the rows of each group: the first one is the aggregate, then add makes a new one of the aggregate and a
// row that comes, and subtract one of the aggregate and a row that goes. A row that changes within its group is subtracted
// before it is added. A null result deletes the aggregate.
//
// Options: those of a store.
func (g GroupedTable[K, V]) Reduce[S ~string](store S, add, subtract func(a, b V) V, opts ...StoreOption) Table[K, V] {
	return aggregateTable(g, "table-reduce", string(store), add != nil && subtract != nil, opts, g.v, func(v serde.Serde[V]) operators.TableAggregator[K, V, V] {
		return operators.TableAggregator[K, V, V]{
			Aggregator: operators.Reduce[K](add, serde.IsNull(v)),
			Subtract:   func(_ K, v V, a V) V { return subtract(a, v) },
		}
	})
}

// Aggregate combines the rows of each group: init makes an empty aggregate, add adds a row that comes, subtract takes out
// one that goes. A row that changes within its group is subtracted before it is added. Both may change the aggregate in place
// and return it. A null result deletes the aggregate; a row that comes then starts with init again.
//
// Options: those of a store. The serde of the aggregate is serde.For its type, unless [StoreSerdes] says otherwise.
func (g GroupedTable[K, V]) Aggregate[A any](store string, init func() A, add, subtract func(K, V, A) A, opts ...StoreOption) Table[K, A] {
	given := init != nil && add != nil && subtract != nil
	return aggregateTable(g, "table-aggregate", store, given, opts, valueSerde[A](g.v), func(a serde.Serde[A]) operators.TableAggregator[K, V, A] {
		return operators.TableAggregator[K, V, A]{Aggregator: operators.Fold(init, add, serde.IsNull(a)), Subtract: subtract}
	})
}

func aggregateTable[K, V, A any](g GroupedTable[K, V], op, store string, given bool, opts []StoreOption, a serde.Serde[A], agg func(serde.Serde[A]) operators.TableAggregator[K, V, A]) Table[K, A] {
	b := g.b
	o := b.storeOptions("aggregation "+store, opts, optsKeyValue)
	n := b.node(op, o.nodeName(op, store), g.grouped(store))
	untried(b, n, o.policy, nil, nil)
	needFunc(b, n, given)
	k, a := serdesOf(b, store, o, g.k, a)
	needSerdes(b, n, k, a)
	t := keepRows(b, n, store, o, k, a)
	n.Make = func(in *graph.Instance) any {
		agg := agg(a)
		agg.Aggregator = sending(agg.Aggregator, t.old, a)
		next := graph.Next[K, operators.Change[A]](in, n)
		return operators.Enter(in.Context(n), operators.AggregateTable(storeOf[*state.KeyValueStore[K, A]](in, store), agg, o.emit(), next))
	}
	return Table[K, A]{t}
}
