package topology

import (
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// The names of the joins of a stream with a table. In front of the second null keys are let through a repartition topic.
const (
	opJoinTable     = "join-table"
	opLeftJoinTable = "left-join-table"
)

// JoinTable joins each record with the row of its key in the table: the present one, or in a versioned table the one that
// was valid at the record's timestamp. See [operators.JoinTable]. If the key may have changed, the stream is repartitioned
// first under the name given with [Named].
//
// Options: [Named], [OnError], [Grace].
func (s Stream[K, V]) JoinTable[V2, R any](t Table[K, V2], f func(K, V, V2) R, opts ...NodeOption) Stream[K, R] {
	return joinTable(s, t, opJoinTable, f != nil, opts, func(c *operators.Context, table operators.LookupAsOf[K, V2], out operators.Nulls[K, R], next operators.Forward[K, R]) operators.Forward[K, V] {
		return operators.JoinTable(c, table, f, out, next)
	})
}

// LeftJoinTable is [Stream.JoinTable] with a result for every record, also where the table has no row.
//
// Options: [Named], [OnError], [Grace].
func (s Stream[K, V]) LeftJoinTable[V2, R any](t Table[K, V2], f func(K, V, serde.Optional[V2]) R, opts ...NodeOption) Stream[K, R] {
	return joinTable(s, t, opLeftJoinTable, f != nil, opts, func(c *operators.Context, table operators.LookupAsOf[K, V2], out operators.Nulls[K, R], next operators.Forward[K, R]) operators.Forward[K, V] {
		return operators.LeftJoinTable(c, table, f, out, next)
	})
}

// joinTable adds a join of a stream with a table.
func joinTable[K, V, V2, R any](s Stream[K, V], t Table[K, V2], op string, given bool, opts []NodeOption,
	build func(*operators.Context, operators.LookupAsOf[K, V2], operators.Nulls[K, R], operators.Forward[K, R]) operators.Forward[K, V],
) Stream[K, R] {
	o := s.b.nodeOptions(op, opts, optName|optGrace|optOnError)
	if t.k != nil && !sameKind(s.k, t.k) {
		s.b.fail("%s: the keys of the stream and of the table have different serdes, so equal keys would lie on different partitions; use WithSerdes on the stream", op)
	}
	s.k = t.k // a repartition in front of a join uses the table's key serde
	s = s.grouped(o.name, op)
	if o.hasGrace {
		s = delayed(s, t.rows, op, o)
	}
	n := s.b.node(op, o.name, s.from)
	untried(s.b, n, o.policy, s.k, s.v)
	needFunc(s.b, n, given)
	r := valueSerde[R](s.v)
	to := s.as(n, s.k, r)
	if t.b != s.b {
		s.b.fail("operator %q joins with a table of another builder", n.Name)
		return to
	}
	if !t.needRows(n) {
		return to
	}
	s.b.coPartition(n, s.from, t.from)
	n.Make = func(in *graph.Instance) any {
		var table operators.LookupAsOf[K, V2]
		if t.asOf != nil {
			table = t.asOf(in)
		} else {
			table = operators.AtPresent(t.lookup(in))
		}
		c := in.Context(n)
		return operators.Enter(c, build(c, table, nulls(s.k, r), graph.Next[K, R](in, n)))
	}
	return to
}

// delayed is s behind an operator that holds its records back for the grace of a join with a versioned table.
func delayed[K, V, V2 any](s Stream[K, V], t rows[K, V2], op string, o nodeOptions) Stream[K, V] {
	b := s.b
	name := o.graceStore
	n := b.node("delay", storeOptions{}.nodeName("delay", name), s.from)
	switch {
	case t.asOf == nil:
		b.fail("%s with grace (operator %q) needs a versioned table, and that of %q is not", op, n.Name, nameOf(t.from))
	case o.grace < 0 || o.grace%time.Millisecond != 0:
		b.fail("operator %q has a grace of %v, want whole milliseconds, 0 or more", n.Name, o.grace)
	case o.grace > t.history:
		b.fail("operator %q has a grace of %v, longer than the table's history of %v", n.Name, o.grace, t.history)
	}
	needSerdes(b, n, s.k, s.v)
	settings := map[string]int64{settingGrace: o.grace.Milliseconds()}
	connect(b.store(&graph.Store{Name: name, Kind: state.KindKeyValue, Keys: serde.Name(s.k), Values: serde.Name(s.v), Settings: settings, Open: func(c state.Config) state.Store {
		return state.NewKeyValue(c, serde.Bytes, operators.DelayedSerde(s.v))
	}}, storeOptions{}), n)
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		return operators.Enter(c, operators.Delay[K, V]{
			Buffer: storeOf[*state.KeyValueStore[[]byte, []operators.Delayed[V]]](in, name),
			Keys:   s.k, GraceMs: o.grace.Milliseconds(), KeepNullKeys: op == opLeftJoinTable,
		}.Forward(c, graph.Next[K, V](in, n)))
	}
	return s.as(n, s.k, s.v)
}

// nameOf is the name of a node, also of none.
func nameOf(n *graph.Node) string {
	if n == nil {
		return ""
	}
	return n.Name
}
