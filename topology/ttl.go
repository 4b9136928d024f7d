package topology

import (
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// TTL deletes each row of a table that has not been updated for d of event time: the row is deleted in the changelog too,
// and operators below get the delete. A row lives at least d after its last update, by the largest timestamp that has
// reached the operator, and up to d/16 longer; it goes when the next record of its task comes. An aggregate of a key
// then starts anew. d is at least 1 ms, in whole milliseconds. The times of last updates lie in one more store, STORE-ttl.
func TTL(d time.Duration) StoreOption {
	return storeOption{optTTL, "TTL", func(o *storeOptions) { o.ttl, o.hasTTL = d, true }}
}

func ttlStore(store string) string { return store + "-ttl" }

// keepTimes adds the index by which the rows of a store expire, if they do.
func keepTimes[K any](b *Builder, n *graph.Node, store string, o storeOptions, k serde.Serde[K]) {
	if !o.hasTTL {
		return
	}
	if o.ttl < time.Millisecond || o.ttl%time.Millisecond != 0 {
		b.fail("operator %q has a TTL of %v, want at least 1ms and whole milliseconds", n.Name, o.ttl)
	}
	settings := map[string]int64{settingTTL: o.ttl.Milliseconds()}
	connect(b.store(&graph.Store{Name: ttlStore(store), Kind: state.KindWindow, Keys: serde.Name(k), Settings: settings, Open: func(c state.Config) state.Store {
		return state.NewWindow(c, state.WindowConfig{RetentionMs: keptForEver}, k, serde.Bytes)
	}}, o), n)
}

// expiring is the operator f of a table with the option TTL, or f.
func expiring[K, In, V any](in *graph.Instance, n *graph.Node, store string, o storeOptions, sendOld bool, f operators.Forward[K, In], next operators.Forward[K, operators.Change[V]]) operators.Forward[K, In] {
	if !o.hasTTL {
		return f
	}
	return operators.Expiry[K, V]{
		Rows: storeOf[*state.KeyValueStore[K, V]](in, store), Index: storeOf[*state.WindowStore[K, []byte]](in, ttlStore(store)),
		TTLMs: o.ttl.Milliseconds(), Emit: o.emit(), SendOld: sendOld,
	}.Forward(in.Context(n), f, next)
}
