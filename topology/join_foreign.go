package topology

import (
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// JoinForeign joins each row with the row of another table whose key foreignKey takes from it. The result has a row for each
// row of this table that finds one there, and changes with either of them. A null result of f is a delete.
//
// A null foreign key means no partner; such a row is counted as dropped. To have one, the other table's key type needs a null:
// serde.Nullable or serde.Pointer of the same serde write and read the same bytes. foreignKey and f must be pure functions.
//
// Both tables need rows, and the old rows of this one must be known: a table without a store, made of a topic or a stream, has
// none, and Build refuses it. Numbers of partitions are free.
//
// The join is durable under its name: subscriptions of rows are kept in a store of that name, on the tasks of the other table,
// and travel through the internal topics APPLICATION-NAME-subscription-repartition and APPLICATION-NAME-answer-repartition. The
// other table must lie on its topic by the key, as Kafka's default partitioner puts it.
//
// The rows of the result are kept with [As]. Without it they are not, and operators that need rows or old rows of the result
// are refused. [InMemory] and [NoChangelog] are for both stores.
//
// Options: [Named], [As], those of a store.
func (t Table[K, V]) JoinForeign[K2, V2, R any](o Table[K2, V2], foreignKey func(K, V) K2, name string, f func(K, V, V2) R, opts ...StoreOption) Table[K, R] {
	var g func(K, V, serde.Optional[V2]) R
	if f != nil {
		g = func(k K, v V, v2 serde.Optional[V2]) R { return f(k, v, v2.Value) }
	}
	return joinForeign(t, o, foreignJoin[K, V, K2, V2, R]{"foreign-join", name, false, foreignKey, g}, opts)
}

// LeftJoinForeign is [Table.JoinForeign] with a row for each row of this table, also where the foreign key is null or finds
// no row; f is told so.
//
// Options: [Named], [As], those of a store.
func (t Table[K, V]) LeftJoinForeign[K2, V2, R any](o Table[K2, V2], foreignKey func(K, V) K2, name string, f func(K, V, serde.Optional[V2]) R, opts ...StoreOption) Table[K, R] {
	return joinForeign(t, o, foreignJoin[K, V, K2, V2, R]{"foreign-left-join", name, true, foreignKey, f}, opts)
}

type foreignJoin[K, V, K2, V2, R any] struct {
	op, name string
	left     bool
	key      func(K, V) K2
	row      func(K, V, serde.Optional[V2]) R
}

// joinForeign adds the operators of a join by foreign key; operators/join_foreign.go says how they work together.
func joinForeign[K, V, K2, V2, R any](l Table[K, V], r Table[K2, V2], j foreignJoin[K, V, K2, V2, R], opts []StoreOption) Table[K, R] {
	b := l.b
	o := b.storeOptions(j.op+" "+j.name, opts, optsKeyValue|optAs)
	k, v := serdesOf(b, o.as, o, l.k, valueSerde[R](l.v))
	t := rows[K, R]{b: b, from: l.from, k: k, v: v, old: noRows()}
	if r.b != b {
		b.fail("%s %q with a table of another builder", j.op, j.name)
		return Table[K, R]{t}
	}
	subscriptions := b.store(&graph.Store{Name: j.name, Kind: state.KindKeyValue, Keys: serde.Name(r.k) + " and " + serde.Name(l.k), Open: func(c state.Config) state.Store {
		return state.NewKeyValue(c, serde.Bytes, operators.SubscriberSerde)
	}}, o)
	first := len(b.g.Nodes)
	n := b.node(j.op, o.nodeName(j.op, j.name), answers(l, r, j, subscriptions))
	untriedSince(b, first, o.policy)
	needFunc(b, n, j.row != nil && j.key != nil)
	b.coPartition(n, l.from, n)
	if o.as != "" {
		needSerdes(b, n, k, v)
		t = keepRows(b, n, o.as, o, k, v)
	} else {
		t.from = n
		if o.emitOnCommit || o.k != nil {
			b.fail("operator %q has options for the rows of its result, but no store name for them: use As", n.Name)
		}
	}
	if !l.needRows(n) {
		return Table[K, R]{t}
	}
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		d := operators.DerivedTable[K, R]{Emit: o.emit(), SendOld: t.old.wanted}
		if o.as != "" {
			d.Store, d.Clone = storeOf[*state.KeyValueStore[K, R]](in, o.as), serde.Cloner(v)
		}
		next := graph.Next[K, operators.Change[R]](in, n)
		return operators.Enter(c, operators.JoinForeign(c, j.left, l.v, l.lookup(in), j.row, serde.IsNull(v), d, next))
	}
	return Table[K, R]{t}
}

// answers adds what stands in front of the join itself: the way of the subscriptions to the tasks of the right table, and of
// the answers back.
func answers[K, V, K2, V2, R any](l Table[K, V], r Table[K2, V2], j foreignJoin[K, V, K2, V2, R], store *graph.Store) *graph.Node {
	b := l.b
	subscribe := b.node("foreign-subscribe", j.name+"-subscribe", l.from)
	needSerdes(b, subscribe, l.k, l.v)
	l.needOld(subscribe)
	subscribe.Make = func(in *graph.Instance) any {
		c := in.Context(subscribe)
		keys := operators.ForeignKeys[K, V, K2]{Key: l.k, Value: l.v, Foreign: r.k, Of: j.key, Left: j.left}
		return operators.Enter(c, operators.SubscribeForeign(c, keys, graph.Next[K2, operators.Subscription](in, subscribe)))
	}
	subscribed := hop(b, j.name+"-subscription", nodeOptions{}, r.k, r.k, operators.SubscriptionSerde, subscribe)

	answer := b.node("foreign-answer", j.name+"-answer", subscribed)
	connect(store, answer)
	b.coPartition(answer, r.from, answer)
	if r.needRows(answer) {
		answer.Make = func(in *graph.Instance) any {
			s := storeOf[*state.KeyValueStore[[]byte, operators.Subscriber]](in, store.Name)
			return operators.Enter(in.Context(answer), operators.AnswerForeign(r.k, s, r.lookup(in), graph.Next[[]byte, operators.Answer[V2]](in, answer)))
		}
	}
	update := b.node("foreign-update", j.name+"-update", r.from)
	connect(store, update)
	update.Make = func(in *graph.Instance) any {
		c := in.Context(update)
		s := storeOf[*state.KeyValueStore[[]byte, operators.Subscriber]](in, store.Name)
		return operators.Enter(c, operators.UpdateForeign(c, r.k, s, graph.Next[[]byte, operators.Answer[V2]](in, update)))
	}
	toLeft := operators.Partitioner[[]byte, operators.Answer[V2]](func(dst []int32, _ string, _ []byte, a operators.Answer[V2], _ int32) []int32 {
		return append(dst, a.Partition)
	})
	return hop(b, j.name+"-answer", nodeOptions{partitioner: toLeft}, serde.Bytes, l.k, operators.AnswerSerde(r.v), answer, update)
}
