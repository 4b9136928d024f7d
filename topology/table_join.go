package topology

import (
	"cmp"
	"slices"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// Join is the table of the keys that both tables have a row for, with a row made of both. It changes with either of them; a
// delete on one side deletes the row. f must be a pure function: it is called again for old rows, and without a store for
// look-ups. A null result is a delete.
//
// Both tables need rows: a table without a store, made of a topic or a stream, has none, and Build refuses it. Their topics
// need the same number of partitions.
//
// A table joined with itself, or with a view of itself, gives two equal results for an update, since the first side finds the
// other one's row changed already. For the same reason no side finds a row at a delete, so an inner join does not delete its
// row then (Kafka Streams does the same); a left or an outer one does. What is aggregated below needs the store of [As].
//
// Options: [Named], [As] and with it those of a store.
func (t Table[K, V]) Join[V2, R any](o Table[K, V2], f func(K, V, V2) R, opts ...StoreOption) Table[K, R] {
	return Table[K, R]{joinRows(t.rows, o.rows, innerJoin(f), opts)}
}

// LeftJoin is [Table.Join] with a row for every key of the left table; f is told when the other one has none.
//
// Options: [Named], [As] and with it those of a store.
func (t Table[K, V]) LeftJoin[V2, R any](o Table[K, V2], f func(K, V, serde.Optional[V2]) R, opts ...StoreOption) Table[K, R] {
	return Table[K, R]{joinRows(t.rows, o.rows, leftJoin(f), opts)}
}

// OuterJoin is [Table.Join] with a row for every key of either table; f is told when one of them has none.
//
// Options: [Named], [As] and with it those of a store.
func (t Table[K, V]) OuterJoin[V2, R any](o Table[K, V2], f func(K, serde.Optional[V], serde.Optional[V2]) R, opts ...StoreOption) Table[K, R] {
	return Table[K, R]{joinRows(t.rows, o.rows, outerJoin(f), opts)}
}

// Join joins two tables on key and window; see [Table.Join]. Both need windows of the same kind.
//
// Options: [Named], [As] and with it those of a store.
func (t WindowedTable[K, V]) Join[V2, R any](o WindowedTable[K, V2], f func(K, windows.Window, V, V2) R, opts ...StoreOption) WindowedTable[K, R] {
	var g func(windows.Keyed[K], V, V2) R
	if f != nil {
		g = func(k windows.Keyed[K], v V, v2 V2) R { return f(k.Key, k.Window, v, v2) }
	}
	return joinWindows(t, o, innerJoin(g), opts)
}

// LeftJoin joins two tables on key and window; see [Table.LeftJoin]. Both need windows of the same kind.
//
// Options: [Named], [As] and with it those of a store.
func (t WindowedTable[K, V]) LeftJoin[V2, R any](o WindowedTable[K, V2], f func(K, windows.Window, V, serde.Optional[V2]) R, opts ...StoreOption) WindowedTable[K, R] {
	var g func(windows.Keyed[K], V, serde.Optional[V2]) R
	if f != nil {
		g = func(k windows.Keyed[K], v V, v2 serde.Optional[V2]) R { return f(k.Key, k.Window, v, v2) }
	}
	return joinWindows(t, o, leftJoin(g), opts)
}

// OuterJoin joins two tables on key and window; see [Table.OuterJoin]. Both need windows of the same kind.
//
// Options: [Named], [As] and with it those of a store.
func (t WindowedTable[K, V]) OuterJoin[V2, R any](o WindowedTable[K, V2], f func(K, windows.Window, serde.Optional[V], serde.Optional[V2]) R, opts ...StoreOption) WindowedTable[K, R] {
	var g func(windows.Keyed[K], serde.Optional[V], serde.Optional[V2]) R
	if f != nil {
		g = func(k windows.Keyed[K], v serde.Optional[V], v2 serde.Optional[V2]) R {
			return f(k.Key, k.Window, v, v2)
		}
	}
	return joinWindows(t, o, outerJoin(g), opts)
}

func joinWindows[K, V, V2, R any](l WindowedTable[K, V], r WindowedTable[K, V2], j tableJoin[windows.Keyed[K], V, V2, R], opts []StoreOption) WindowedTable[K, R] {
	closesMs := max(l.closesMs, r.closesMs)
	if l.closesMs < 0 || r.closesMs < 0 {
		closesMs = -1
	}
	return WindowedTable[K, R]{rows: joinRows(l.rows, r.rows, j, opts), base: l.base, closesMs: closesMs}
}

// tableJoin is what the joins of two tables differ in.
type tableJoin[K, V, V2, R any] struct {
	op          string
	left, right bool // there is no result without a row of it
	// row makes the row of the result; nil if the user gave no function.
	row func(K, serde.Optional[V], serde.Optional[V2]) R
}

func innerJoin[K, V, V2, R any](f func(K, V, V2) R) tableJoin[K, V, V2, R] {
	j := tableJoin[K, V, V2, R]{op: "table-join", left: true, right: true}
	if f != nil {
		j.row = func(k K, v serde.Optional[V], v2 serde.Optional[V2]) R { return f(k, v.Value, v2.Value) }
	}
	return j
}

func leftJoin[K, V, V2, R any](f func(K, V, serde.Optional[V2]) R) tableJoin[K, V, V2, R] {
	j := tableJoin[K, V, V2, R]{op: "table-left-join", left: true}
	if f != nil {
		j.row = func(k K, v serde.Optional[V], v2 serde.Optional[V2]) R { return f(k, v.Value, v2) }
	}
	return j
}

func outerJoin[K, V, V2, R any](f func(K, serde.Optional[V], serde.Optional[V2]) R) tableJoin[K, V, V2, R] {
	return tableJoin[K, V, V2, R]{op: "table-outer-join", row: f}
}

// side is one side's operator. The names of the sides are made of the join's.
func side[K, V, V2, R any](own rows[K, V], other rows[K, V2], name, suffix string, j operators.TableJoin[K, V, V2, R], sendOld func() bool) *graph.Node {
	if name != "" {
		name += suffix
	}
	n := own.b.node("table-join"+suffix, name, own.from)
	if !other.needRows(n) {
		return n
	}
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		j.SendOld = sendOld()
		return operators.Enter(c, j.Forward(c, other.lookup(in), graph.Next[K, operators.Change[R]](in, n)))
	}
	return n
}

// joinRows adds a join of two tables: an operator for each side, and one that takes in the results of both.
func joinRows[K, V, V2, R any](l rows[K, V], r rows[K, V2], j tableJoin[K, V, V2, R], opts []StoreOption) rows[K, R] {
	b := l.b
	o := b.storeOptions(j.op, opts, optsKeyValue|optAs)
	name := o.nodeName(j.op, o.as)
	k, v := serdesOf(b, o.as, o, l.k, valueSerde[R](l.v))
	t := rows[K, R]{b: b, k: k, v: v}
	if r.b != b {
		b.fail("%s with a table of another builder", j.op)
		t.from, t.old = l.from, noRows()
		return t
	}
	isNull := serde.IsNull(v)
	sendOld := func() bool { return t.old.wanted && o.as == "" }
	ofLeft := operators.TableJoin[K, V, V2, R]{Own: j.left, Other: j.right, Row: j.row, IsNull: isNull}
	ofRight := operators.TableJoin[K, V2, V, R]{Own: j.right, Other: j.left, IsNull: isNull}
	ofRight.Row = func(k K, v2 serde.Optional[V2], v serde.Optional[V]) R { return j.row(k, v, v2) }
	first := len(b.g.Nodes)
	left := side(l, r, name, "-left", ofLeft, sendOld)
	right := side(r, l, name, "-right", ofRight, sendOld)
	// What was never there on an optional other side must not look like a delete.
	if !j.right {
		l.needOld(left)
	}
	if !j.left {
		r.needOld(right)
	}
	n := b.node(j.op, name, left, right)
	untriedSince(b, first, o.policy)
	needFunc(b, n, j.row != nil)
	b.coPartition(n, l.from, r.from)
	if !sameKind(l.k, r.k) {
		b.fail("operator %q joins tables whose keys have different serdes, so equal keys would lie on different partitions", n.Name)
	}
	if o.as != "" {
		needSerdes(b, n, k, v)
		t = keepRows(b, n, o.as, o, k, v)
	} else {
		o.needStore(b, n)
		t.from, t.stores, t.old = n, union(l.stores, r.stores), &oldRows{able: func() bool { return l.old.want() && r.old.want() }}
		t.old.unsure = cmp.Or(l.old.unsure, r.old.unsure)
		if l.onCommit || r.onCommit || entangled(l.from, r.from, t.stores) {
			t.old.unsure = n.Name
		}
		if l.lookup != nil && r.lookup != nil {
			t.lookup = func(in *graph.Instance) operators.Lookup[K, R] { return ofLeft.Lookup(l.lookup(in), r.lookup(in)) }
		}
	}
	n.Make = func(in *graph.Instance) any {
		d := operators.DerivedTable[K, R]{Emit: o.emit(), SendOld: t.old.wanted}
		if o.as != "" {
			d.Store, d.Clone = storeOf[*state.KeyValueStore[K, R]](in, o.as), serde.Cloner(v)
		}
		return operators.Enter(in.Context(n), operators.KeepJoined(d, graph.Next[K, operators.Change[R]](in, n)))
	}
	return t
}

func union(a, b []*graph.Store) []*graph.Store {
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// entangled reports whether a change may show in the rows of one node before it comes to the other: an operator above both
// keeps some of the rows that are looked up.
func entangled(a, b *graph.Node, stores []*graph.Store) bool {
	above := ancestors(nil, b)
	for _, n := range ancestors(nil, a) {
		if slices.Contains(above, n) && slices.ContainsFunc(n.Stores, func(s *graph.Store) bool { return slices.Contains(stores, s) }) {
			return true
		}
	}
	return false
}

// ancestors appends a node and all above it to the nodes that were seen.
func ancestors(seen []*graph.Node, n *graph.Node) []*graph.Node {
	if slices.Contains(seen, n) {
		return seen
	}
	seen = append(seen, n)
	for _, p := range n.Parents {
		seen = ancestors(seen, p)
	}
	return seen
}
