package topology

import (
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// Table is a handle of a table: the present row of each key. It is a value; the zero value is not usable.
type Table[K, V any] struct{ rows[K, V] }

// table adds what turns a stream into a table.
func table[K, V any](s Stream[K, V], op, store string, o storeOptions) Table[K, V] {
	n := s.b.node(op, o.nodeName(op, store), s.from)
	untried(s.b, n, o.policy, s.k, s.v)
	k, v := serdesOf(s.b, store, o, s.k, s.v)
	needSerdes(s.b, n, k, v)
	if o.hasHistory {
		return Table[K, V]{versionedRows(s.b, n, store, o, k, v)}
	}
	t := rows[K, V]{b: s.b, from: n, k: k, v: v, old: noRows()}
	if store != "" {
		t = keepRows(s.b, n, store, o, k, v)
	} else if o.inMemory || o.noChangelog || o.emitOnCommit || o.hasTTL {
		s.b.fail("operator %q has options of a store, but no store name", n.Name)
	}
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		var rows *state.KeyValueStore[K, V]
		if store != "" {
			rows = storeOf[*state.KeyValueStore[K, V]](in, store)
		}
		next := graph.Next[K, operators.Change[V]](in, n)
		return operators.Enter(c, expiring(in, n, store, o, t.old.wanted, operators.ToTable(c, rows, o.emit(), t.old.wanted, next), next))
	}
	return Table[K, V]{t}
}

func keyValueStore[K, V any](b *Builder, n *graph.Node, name string, o storeOptions, k serde.Serde[K], v serde.Serde[V]) *graph.Store {
	s := b.store(&graph.Store{Name: name, Kind: state.KindKeyValue, Keys: serde.Name(k), Values: serde.Name(v), Open: func(c state.Config) state.Store {
		return state.NewKeyValue(c, k, v)
	}}, o)
	connect(s, n)
	return s
}

// storeOf is a task's partition of a store, by the type that its declaration gave it.
func storeOf[S any](in *graph.Instance, name string) S {
	return in.Scope.Runtime.Store(name).(S)
}

// Filter is the table of the rows that keep accepts. keep never sees a delete. Where the old row is known (the table, or one
// above it, has a store), what never passed gives no delete (Kafka Streams, KTableFilter).
//
// Options: [Named], [As] and with it those of a store, [TTL].
func (t Table[K, V]) Filter[F ~func(K, V) bool](keep F, opts ...StoreOption) Table[K, V] {
	return Table[K, V]{filterRows(t.rows, "table-filter", keep, false, opts)}
}

// FilterNot is the table of the rows that drop refuses; see [Table.Filter].
//
// Options: [Named], [As] and with it those of a store, [TTL].
func (t Table[K, V]) FilterNot[F ~func(K, V) bool](drop F, opts ...StoreOption) Table[K, V] {
	return Table[K, V]{filterRows(t.rows, "table-filter-not", drop, true, opts)}
}

// MapValues is a table with a row made of each row. f never sees a delete; a null result deletes the row. Without a store, a
// look-up by an operator below calls f again, so f must be a pure function.
//
// Options: [Named], [As] and with it those of a store, [TTL].
func (t Table[K, V]) MapValues[V2 any](f func(K, V) V2, opts ...StoreOption) Table[K, V2] {
	return Table[K, V2]{mapRows(t.rows, f, opts)}
}

// ToStream is the stream of the table's changes: the new row of a key, or a null value for a delete.
//
// Options: [Named].
func (t Table[K, V]) ToStream(opts ...NodeOption) Stream[K, V] {
	o := t.b.nodeOptions("ToStream", opts, optName)
	return toStream(t.b, t.from, o, t.k, t.v, func(k K) K { return k })
}

func toStream[K, V, K2 any](b *Builder, from *graph.Node, o nodeOptions, k serde.Serde[K2], v serde.Serde[V], key func(K) K2) Stream[K2, V] {
	n := b.node("to-stream", o.name, from)
	n.Make = func(in *graph.Instance) any {
		return operators.Enter(in.Context(n), operators.ToStream(key, nulls(k, v), graph.Next[K2, V](in, n)))
	}
	return Stream[K2, V]{b: b, from: n, k: k, v: v}
}

// WindowedTable is a handle of a table with a row for each key and window. It is a value; the zero value is not usable.
type WindowedTable[K, V any] struct {
	rows[windows.Keyed[K], V]
	base serde.Serde[K] // of the keys without their windows
	// closesMs is how long, in event time, after its end a window takes no more records: it is closed when
	// End + closesMs <= time. Negative: it never closes.
	closesMs int64
}

// Filter is the table of the rows that keep accepts; see [Table.Filter].
//
// Options: [Named], [As] and with it those of a store, [TTL].
func (t WindowedTable[K, V]) Filter[F ~func(K, windows.Window, V) bool](keep F, opts ...StoreOption) WindowedTable[K, V] {
	t.rows = filterRows(t.rows, "table-filter", onWindow[K, V, bool](keep), false, opts)
	return t
}

// FilterNot is the table of the rows that drop refuses; see [Table.Filter].
//
// Options: [Named], [As] and with it those of a store, [TTL].
func (t WindowedTable[K, V]) FilterNot[F ~func(K, windows.Window, V) bool](drop F, opts ...StoreOption) WindowedTable[K, V] {
	t.rows = filterRows(t.rows, "table-filter-not", onWindow[K, V, bool](drop), true, opts)
	return t
}

// MapValues is a table with a row made of each row; see [Table.MapValues].
//
// Options: [Named], [As] and with it those of a store, [TTL].
func (t WindowedTable[K, V]) MapValues[V2 any](f func(K, windows.Window, V) V2, opts ...StoreOption) WindowedTable[K, V2] {
	return WindowedTable[K, V2]{rows: mapRows(t.rows, onWindow(f), opts), base: t.base, closesMs: t.closesMs}
}

// onWindow is a function of key and window as one of a windowed key; nil stays nil.
func onWindow[K, V, R any](f func(K, windows.Window, V) R) func(windows.Keyed[K], V) R {
	if f == nil {
		return nil
	}
	return func(k windows.Keyed[K], v V) R { return f(k.Key, k.Window, v) }
}

// ToStream is the stream of the table's changes, with keys that key makes of key and window: [windows.Key] keeps both.
// What needs all records of a key together repartitions behind it. The default serde of windowed keys is the one of
// Kafka's TimeWindowedSerializer ([windows.TimeKeySerde]).
//
// Options: [Named], [KeySerde].
func (t WindowedTable[K, V]) ToStream[K2 any](key func(K, windows.Window) K2, opts ...NodeOption) Stream[K2, V] {
	o := t.b.nodeOptions("ToStream", opts, optName|optKeySerde)
	k, ok := any(t.k).(serde.Serde[K2])
	switch {
	case o.keySerde != nil:
		if k, ok = o.keySerde.(serde.Serde[K2]); !ok {
			t.b.fail("ToStream makes keys of %s, but the KeySerde is of another type", typeName[K2]())
		}
	case !ok:
		k = keySerde[K2](t.base)
	}
	n := toStream(t.b, t.from, o, k, t.v, func(w windows.Keyed[K]) K2 { return key(w.Key, w.Window) })
	needFunc(t.b, n.from, key != nil)
	n.rekeyed = true
	return n
}

// sameKind reports whether two serdes may write equal keys alike: they are of one type, or one of them is unknown.
func sameKind[K any](a, b serde.Serde[K]) bool {
	return a == nil || b == nil || serdeType(a) == serdeType(b)
}
