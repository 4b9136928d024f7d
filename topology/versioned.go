package topology

import (
	"fmt"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// versionedRows are the rows that a node keeps with their history.
func versionedRows[K, V any](b *Builder, n *graph.Node, store string, o storeOptions, k serde.Serde[K], v serde.Serde[V]) rows[K, V] {
	switch {
	case store == "":
		b.fail("operator %q keeps versions, but has no store name", n.Name)
		return rows[K, V]{b: b, from: n, k: k, v: v, old: keptRows()}
	case o.emitOnCommit || o.hasTTL:
		b.fail("operator %q keeps versions, so it cannot have the options EmitOnCommit and TTL", n.Name)
	}
	h := state.VersionedConfig{HistoryMs: b.historyMs(fmt.Sprintf("operator %q", n.Name), o.history)}
	settings := map[string]int64{settingHistory: h.HistoryMs}
	s := b.store(&graph.Store{Name: store, Kind: state.KindVersioned, Keys: serde.Name(k), Values: serde.Name(v), Settings: settings, Open: func(c state.Config) state.Store {
		return state.NewVersioned(c, h, k, v)
	}}, o)
	connect(s, n)
	kept := func(in *graph.Instance) *state.VersionedStore[K, V] {
		return storeOf[*state.VersionedStore[K, V]](in, store)
	}
	t := rows[K, V]{
		b: b, from: n, k: k, v: v, old: keptRows(), stores: []*graph.Store{s}, history: o.history,
		lookup: func(in *graph.Instance) operators.Lookup[K, V] { return operators.Versions(kept(in)) },
		asOf:   func(in *graph.Instance) operators.LookupAsOf[K, V] { return operators.VersionsAsOf(kept(in)) },
	}
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		return operators.Enter(c, operators.ToVersionedTable(c, kept(in), t.old.wanted, graph.Next[K, operators.Change[V]](in, n)))
	}
	return t
}
