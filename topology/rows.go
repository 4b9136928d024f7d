package topology

import (
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// rows is what the handles of tables share: a [Table] has it with its keys, a [WindowedTable] with windowed keys. The
// functions on it return no handle, so that no path of methods leads to a handle whose types have grown.
type rows[K, V any] struct {
	b    *Builder
	from *graph.Node // forwards operators.Change[V]
	k    serde.Serde[K]
	v    serde.Serde[V]

	// lookup reads a row in a task; nil if the table keeps none and has none that can be computed. Whoever calls it is
	// connected to stores.
	lookup func(in *graph.Instance) operators.Lookup[K, V]
	stores []*graph.Store
	own    *graph.Store // of those, the key-value store of the table's own rows; nil if it has none
	// lookedUp, unless nil, is told when the topology is built that an operator will look rows up.
	lookedUp func()

	// asOf reads what was valid at a time, in a table with that much history; nil and 0 if it is not versioned.
	asOf    func(in *graph.Instance) operators.LookupAsOf[K, V]
	history time.Duration

	old *oldRows
	// onCommit says that changes are forwarded at commits, later than look-ups show them.
	onCommit bool
}

// oldRows says whether the operator of a table forwards old rows beside new ones. That is known when the topology is
// built, and the operators are made from it later.
type oldRows struct {
	wanted bool
	// able reports whether the operator can: it keeps rows, or the operator that it asks can.
	able func() bool
	// unsure names the join whose old rows may be ones that never were, because they are computed of look-ups that may be
	// ahead; "" if there is none.
	unsure string
}

func keptRows() *oldRows { return &oldRows{able: func() bool { return true }} }

func noRows() *oldRows { return &oldRows{able: func() bool { return false }} }

// want asks for old rows. It is false if the table has none.
func (o *oldRows) want() bool {
	o.wanted = o.wanted || o.able()
	return o.wanted
}

// needOld asks for old rows on behalf of an operator that cannot work without.
func (r rows[K, V]) needOld(n *graph.Node) {
	switch {
	case !r.old.want():
		r.b.fail("operator %q needs the old rows of a table that keeps none (%q): give the table a store name", n.Name, r.from.Name)
	case r.old.unsure != "":
		r.b.fail("operator %q needs the old rows of the join %q, which keeps none and whose tables show rows too early to compute them: give the join a store with As", n.Name, r.old.unsure)
	}
}

// needRows connects an operator to the stores of a table in which it looks up rows.
func (r rows[K, V]) needRows(n *graph.Node) bool {
	if r.lookup == nil {
		r.b.fail("operator %q needs the rows of a table that keeps none (%q): give the table a store name", n.Name, r.from.Name)
		return false
	}
	for _, s := range r.stores {
		connect(s, n)
	}
	if r.lookedUp != nil {
		r.lookedUp()
	}
	return true
}

// kept are the rows that a node keeps in a key-value store.
func kept[K, V any](b *Builder, n *graph.Node, store *graph.Store, k serde.Serde[K], v serde.Serde[V]) rows[K, V] {
	return rows[K, V]{
		b: b, from: n, k: k, v: v, old: keptRows(), stores: []*graph.Store{store}, own: store,
		lookup: func(in *graph.Instance) operators.Lookup[K, V] {
			return operators.Rows(storeOf[*state.KeyValueStore[K, V]](in, store.Name))
		},
	}
}

// keepRows adds the key-value store of a table to its node.
func keepRows[K, V any](b *Builder, n *graph.Node, store string, o storeOptions, k serde.Serde[K], v serde.Serde[V]) rows[K, V] {
	keepTimes(b, n, store, o, k)
	r := kept(b, n, keyValueStore(b, n, store, o, k, v), k, v)
	r.onCommit = o.emitOnCommit
	return r
}

// needStore refuses options of a store where there is none.
func (o storeOptions) needStore(b *Builder, n *graph.Node) {
	if o.inMemory || o.noChangelog || o.emitOnCommit || o.hasTTL {
		b.fail("operator %q has options of a store, but no store name: use As", n.Name)
	}
}

// derive adds an operator that makes one row of one row, with the store of the option [As] or without one. build gets
// whether the table above sends old rows. look makes a row of one of the table above, for look-ups without a store.
func derive[K, V, V2 any](r rows[K, V], op string, given bool, opts []StoreOption, v serde.Serde[V2], wantOld bool,
	look func(k K, v V) (V2, bool),
	build func(d operators.DerivedTable[K, V2], parentSendsOld bool, next operators.Forward[K, operators.Change[V2]]) operators.Forward[K, operators.Change[V]],
) rows[K, V2] {
	b := r.b
	o := b.storeOptions(op, opts, optsKeyValue|optAs|optTTL)
	n := b.node(op, o.nodeName(op, o.as), r.from)
	untried(b, n, o.policy, nil, nil)
	needFunc(b, n, given)
	k, v := serdesOf(b, o.as, o, r.k, v)
	var t rows[K, V2]
	if o.as != "" {
		needSerdes(b, n, k, v)
		t = keepRows(b, n, o.as, o, k, v)
	} else {
		o.needStore(b, n)
		t = rows[K, V2]{b: b, from: n, k: k, v: v, stores: r.stores, lookedUp: r.lookedUp, history: r.history, onCommit: r.onCommit}
		t.old = &oldRows{able: r.old.want, unsure: r.old.unsure}
		if r.lookup != nil {
			t.lookup = func(in *graph.Instance) operators.Lookup[K, V2] { return through(r.lookup(in), look) }
		}
		if r.asOf != nil {
			t.asOf = func(in *graph.Instance) operators.LookupAsOf[K, V2] {
				above := r.asOf(in)
				return func(k K, timestamp int64) (V2, int64, bool, error) {
					return through(func(k K) (V, int64, bool, error) { return above(k, timestamp) }, look)(k)
				}
			}
		}
	}
	parentSendsOld := wantOld && r.old.want()
	n.Make = func(in *graph.Instance) any {
		d := operators.DerivedTable[K, V2]{Emit: o.emit(), SendOld: t.old.wanted, Versioned: r.asOf != nil}
		if o.as != "" {
			d.Store, d.Clone = storeOf[*state.KeyValueStore[K, V2]](in, o.as), serde.Cloner(v)
		}
		next := graph.Next[K, operators.Change[V2]](in, n)
		return operators.Enter(in.Context(n), expiring(in, n, o.as, o, t.old.wanted, build(d, parentSendsOld, next), next))
	}
	return t
}

// through is a look-up in a table whose rows are computed of those of another one.
func through[K, V, V2 any](above operators.Lookup[K, V], look func(K, V) (V2, bool)) operators.Lookup[K, V2] {
	return func(k K) (to V2, timestamp int64, ok bool, err error) {
		v, timestamp, ok, err := above(k)
		if !ok || err != nil {
			return to, timestamp, false, err
		}
		row, ok := look(k, v)
		if ok { // what look refuses is no row, so no joiner sees its value
			to = row
		}
		return to, timestamp, ok, nil
	}
}

func filterRows[K, V any](r rows[K, V], op string, keep func(K, V) bool, not bool, opts []StoreOption) rows[K, V] {
	accept := keep
	if not && keep != nil {
		accept = func(k K, v V) bool { return !keep(k, v) }
	}
	return derive(r, op, keep != nil, opts, r.v, true,
		func(k K, v V) (V, bool) { return v, accept(k, v) },
		func(d operators.DerivedTable[K, V], parentSendsOld bool, next operators.Forward[K, operators.Change[V]]) operators.Forward[K, operators.Change[V]] {
			return operators.FilterTable(accept, d, parentSendsOld, next)
		})
}

func mapRows[K, V, V2 any](r rows[K, V], f func(K, V) V2, opts []StoreOption) rows[K, V2] {
	v := valueSerde[V2](r.v)
	isNull := func(V2) bool { return false }
	if v != nil && serde.IsNull(v) != nil {
		isNull = serde.IsNull(v)
	}
	return derive(r, "table-map-values", f != nil, opts, v, false,
		func(k K, v V) (V2, bool) { to := f(k, v); return to, !isNull(to) },
		func(d operators.DerivedTable[K, V2], _ bool, next operators.Forward[K, operators.Change[V2]]) operators.Forward[K, operators.Change[V]] {
			return operators.MapTableValues(f, isNull, d, next)
		})
}
