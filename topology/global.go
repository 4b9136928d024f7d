package topology

import (
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// GlobalTable is a handle of rows that every process has whole, whatever partitions its tasks have: to join streams with
// by any key ([Stream.JoinGlobal]), and to read in any [Stream.Process] ([GlobalTable.In]). It is a value; the zero value
// is not usable.
//
// A process reads all partitions of the table's topic by itself and has read them up to their ends before it processes
// anything. From then on the rows follow the topic, beside the tasks: a read sees committed records, each row whole, soon
// after they were written, but at no fixed point between the records of a stream, and not the same at once in all
// processes. What a task makes of the rows is therefore not repeatable in the way in which everything else is; where it
// has to be, join with a [Table].
type GlobalTable[K, V any] struct {
	b *Builder
	g *graph.Global
	k serde.Serde[K]
	v serde.Serde[V]
}

// In reads the rows in any operator, on its task's goroutine. Nothing must be declared for that. It is nil in the
// processor of a global store, and for the table of another topology. Values belong to the table: do not change them.
func (t GlobalTable[K, V]) In(c *operators.Context) state.KeyValueReader[K, V] {
	if t.g == nil {
		return nil
	}
	if view, ok := c.Global(t.g.Name).(*state.KeyValueView[K, V]); ok {
		return view
	}
	return nil
}

// GlobalTable reads a topic as a table that every process has whole: each record is the new row of its key, a null value
// deletes the row, a null key is dropped and counted. Updates forward nothing. The topic is its own changelog, so nothing
// else is written; the rows are kept in the named store, and a start reads only what came since.
//
// The topic may not be read in another way too. Partitions that it gets later are read from the next start on. What it
// has lost, by its retention or because it was made anew with fewer records, is gone from the table after a start that
// builds it anew; one that has been down for longer than half of the topic's delete.retention.ms does so too.
//
// Options: [InMemory], [SkipUndecodable].
func (b *Builder) GlobalTable[K, V any](topic, store string, k serde.Serde[K], v serde.Serde[V], opts ...StoreOption) GlobalTable[K, V] {
	o := b.storeOptions("GlobalTable of "+topic, opts, optInMemory|optUndecodable)
	t, source := global(b, topic, "global table", store, o, k, v, k, v)
	n := b.globalNode(t.g, "global-table")
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		return operators.Enter(c, operators.ToGlobalTable(c, storeOf[*state.KeyValueStore[K, V]](in, store)))
	}
	below(source, n)
	return t
}

// GlobalStore reads a topic with a processor of the user's that writes a store which every process has whole (Kafka
// Streams' addGlobalStore). init runs once for each process; what it returns handles each record of all partitions, on
// one goroutine. The processor writes rows and nothing else: it forwards nothing, cannot schedule, and need not commit.
//
// A start on an empty disk runs all records of the topic through it again, and any start those that came since the last
// one. So rows must depend on the records of the topic only; between partitions, their order is open. For the rest see
// [Builder.GlobalTable].
//
// Options: [InMemory], [SkipUndecodable].
func (b *Builder) GlobalStore[K, V, K2, V2 any](topic string, k serde.Serde[K], v serde.Serde[V], store string, rowKeys serde.Serde[K2], rowValues serde.Serde[V2],
	init func(c *operators.Context, rows state.KeyValue[K2, V2]) (operators.Forward[K, V], error), opts ...StoreOption,
) GlobalTable[K2, V2] {
	o := b.storeOptions("GlobalStore of "+topic, opts, optInMemory|optUndecodable)
	t, source := global(b, topic, "global store", store, o, k, v, rowKeys, rowValues)
	n := b.globalNode(t.g, "global-process")
	needFunc(b, n, init != nil)
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		rows := storeOf[*state.KeyValueStore[K2, V2]](in, store)
		process, err := initialise(c, func(c *operators.Context, _ operators.Forward[K2, V2]) (operators.Forward[K, V], error) {
			return init(c, rows)
		}, nil)
		if err != nil {
			in.Fail(c.Fail(err))
			return operators.Forward[K, V](func(*operators.Record[K, V]) error { return err })
		}
		return operators.Enter(c, process)
	}
	below(source, n)
	return t
}

// global adds a global store and the source of its topic.
func global[K, V, K2, V2 any](b *Builder, topic, what, store string, o storeOptions, k serde.Serde[K], v serde.Serde[V], rowKeys serde.Serde[K2], rowValues serde.Serde[V2]) (GlobalTable[K2, V2], *graph.Node) {
	src := b.sourceOf(Topics(topic))
	if err := checkName(store); err != nil {
		b.fail("store name %w", err)
	}
	b.claim(store, "store")
	g := &graph.Global{Name: store, Topic: topic, Kind: state.KindKeyValue, InMemory: o.inMemory, Keys: serde.Name(rowKeys), Values: serde.Name(rowValues)}
	g.Open = func(c state.Config) state.Store { return state.NewKeyValue(c, rowKeys, rowValues) }
	g.View = func(s *state.Shared, budget *state.Budget) state.View {
		return state.NewKeyValueView(s, budget, rowKeys, rowValues)
	}
	b.g.Globals = append(b.g.Globals, g)
	n := b.globalNode(g, "source")
	n.Source = src
	readsWith(b, n, k, v)
	needSerdes(b, n, rowKeys, rowValues)
	n.Make = func(in *graph.Instance) any {
		return operators.Read(in.Context(n), k, v, o.source.undecodable, nil, graph.Next[K, V](in, n))
	}
	for _, r := range b.readings {
		if shared(r.source, src) != "" {
			b.fail("topic %q is read as a %s and as a %s", topic, r.what, what)
		}
	}
	b.readings = append(b.readings, reading{source: src, what: what, node: n})
	return GlobalTable[K2, V2]{b: b, g: g, k: rowKeys, v: rowValues}, n
}

// globalNode adds a node that feeds a global store. It has no number, for it is in no sub-topology.
func (b *Builder) globalNode(g *graph.Global, op string) *graph.Node {
	n := &graph.Node{ID: -1, Op: op, Name: g.Name + "-" + op}
	b.claim(n.Name, "operator")
	g.Nodes = append(g.Nodes, n)
	return n
}

func below(parent, child *graph.Node) {
	parent.Children = append(parent.Children, child)
	child.Parents = append(child.Parents, parent)
}

// JoinGlobal joins each record with the present row of a global table under the key that key makes of the record. Nothing
// is repartitioned, and the key of the stream stays. See [operators.JoinGlobal].
//
// Options: [Named], [OnError].
func (s Stream[K, V]) JoinGlobal[K2, V2, R any](t GlobalTable[K2, V2], key func(K, V) K2, f func(K, V, V2) R, opts ...NodeOption) Stream[K, R] {
	return joinGlobal(s, t, "join-global", key != nil && f != nil, opts, func(c *operators.Context, rows operators.Lookup[K2, V2], nullKey func(K2) bool, out operators.Nulls[K, R], next operators.Forward[K, R]) operators.Forward[K, V] {
		return operators.JoinGlobal(c, rows, key, nullKey, f, out, next)
	})
}

// LeftJoinGlobal is [Stream.JoinGlobal] with a result for every record that has a value, also where the table has no row
// or the made key is null.
//
// Options: [Named], [OnError].
func (s Stream[K, V]) LeftJoinGlobal[K2, V2, R any](t GlobalTable[K2, V2], key func(K, V) K2, f func(K, V, serde.Optional[V2]) R, opts ...NodeOption) Stream[K, R] {
	return joinGlobal(s, t, opLeftJoinGlobal, key != nil && f != nil, opts, func(c *operators.Context, rows operators.Lookup[K2, V2], nullKey func(K2) bool, out operators.Nulls[K, R], next operators.Forward[K, R]) operators.Forward[K, V] {
		return operators.LeftJoinGlobal(c, rows, key, nullKey, f, out, next)
	})
}

const opLeftJoinGlobal = "left-join-global"

func joinGlobal[K, V, K2, V2, R any](s Stream[K, V], t GlobalTable[K2, V2], op string, given bool, opts []NodeOption,
	build func(*operators.Context, operators.Lookup[K2, V2], func(K2) bool, operators.Nulls[K, R], operators.Forward[K, R]) operators.Forward[K, V],
) Stream[K, R] {
	r := valueSerde[R](s.v)
	to := s.add(op, given, opts, s.k, r, nil)
	n := to.from
	if t.b != s.b {
		s.b.fail("operator %q joins with a global table of another builder", n.Name)
		return to
	}
	n.Globals = append(n.Globals, t.g)
	nullKey := nulls(t.k, t.v).Key
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		rows := operators.ViewedRows[K2, V2](c.Global(t.g.Name).(*state.KeyValueView[K2, V2]))
		return operators.Enter(c, build(c, rows, nullKey, nulls(s.k, r), graph.Next[K, R](in, n)))
	}
	return to
}
