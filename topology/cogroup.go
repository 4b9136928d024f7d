package topology

import (
	"fmt"
	"slices"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// Cogrouped is several grouped streams whose records make one aggregate of each key. It is a value; the zero value is not
// usable.
type Cogrouped[K, A any] struct {
	b      *Builder
	inputs []cogroupInput[K, A]
}

// cogroupInput is one grouped stream of a cogroup, without the type of its values.
type cogroupInput[K, A any] struct {
	k    serde.Serde[K]
	add  bool // it has an aggregator
	b    *Builder
	same any // equal for the inputs that share a repartition topic
	hops bool
	// topic is the name of the repartition topic, "" for that of the store; stream is the node with all records of a key in
	// one task.
	topic  string
	stream func(store string) *graph.Node
	// aggregate makes the operator that adds the input's records to the aggregates of a store.
	aggregate func(c *operators.Context, store *state.KeyValueStore[K, A], init func() A, a serde.Serde[A], sendOld bool, emit operators.Emit, next operators.Forward[K, operators.Change[A]]) any
	// windows and sessions declare the table of a windowed cogroup, or find it, and say how to make the operator.
	windows  func(x aggregation[K, A], def windows.Definition, init func() A) (WindowedTable[K, A], makeInput[K, A])
	sessions func(x aggregation[K, A], def windows.SessionWindow, init func() A, merge func(K, A, A) A) (WindowedTable[K, A], makeInput[K, A])
}

// Cogroup begins an aggregate that has more than one input: add adds a record of this grouping to the aggregate of its key.
// It may change the aggregate in place and return it. [Cogrouped.And] adds inputs.
func (g Grouped[K, V]) Cogroup[A any](add func(K, V, A) A) Cogrouped[K, A] {
	return Cogrouped[K, A]{b: g.s.b, inputs: []cogroupInput[K, A]{cogroupOf(g, add)}}
}

// And is the cogroup with one more input, whose records add adds to the aggregates. The same grouping may come more than
// once: each of its records is then added by each of its functions, in this order.
func (c Cogrouped[K, A]) And[V any](g Grouped[K, V], add func(K, V, A) A) Cogrouped[K, A] {
	c.inputs = append(slices.Clip(c.inputs), cogroupOf(g, add))
	return c
}

func cogroupOf[K, V, A any](g Grouped[K, V], add func(K, V, A) A) cogroupInput[K, A] {
	return cogroupInput[K, A]{
		k: g.s.k, add: add != nil, b: g.s.b, same: g.shared, hops: g.s.rekeyed, topic: g.name,
		stream: func(store string) *graph.Node { return g.stream(store).from },
		aggregate: func(c *operators.Context, store *state.KeyValueStore[K, A], init func() A, a serde.Serde[A], sendOld bool, emit operators.Emit, next operators.Forward[K, operators.Change[A]]) any {
			agg := sending(operators.Fold(init, add, serde.IsNull(a)), &oldRows{wanted: sendOld}, a)
			return operators.Enter(c, operators.Aggregate(c, store, agg, emit, next))
		},
		windows: func(x aggregation[K, A], def windows.Definition, init func() A) (WindowedTable[K, A], makeInput[K, A]) {
			t, forward := windowsOf(x, g.s, def, false)
			return t, func(in *graph.Instance, c *operators.Context, next operators.Forward[windows.Keyed[K], operators.Change[A]]) any {
				process, err := forward(in, c, sending(operators.Fold(init, add, serde.IsNull(x.a)), t.old, x.a), next)
				return entered(in, c, process, err)
			}
		},
		sessions: func(x aggregation[K, A], def windows.SessionWindow, init func() A, merge func(K, A, A) A) (WindowedTable[K, A], makeInput[K, A]) {
			t := sessions(x, def)
			return t, func(in *graph.Instance, c *operators.Context, next operators.Forward[windows.Keyed[K], operators.Change[A]]) any {
				agg := operators.FoldSessions(init, add, merge, serde.IsNull(x.a))
				agg.Aggregator = sending(agg.Aggregator, t.old, x.a)
				process, err := sessionForward(x, g.s, def, false, in, c, agg, next)
				return entered(in, c, process, err)
			}
		},
	}
}

// Aggregate combines the records of each key, from all inputs in the order in which they are processed, in one store: init
// makes an empty aggregate, the function of each input adds its records. A null result deletes the row. Null keys and null
// values are dropped and counted. The topics of all inputs must have the same number of partitions, and their keys the same
// serde.
//
// An input whose key may have changed is repartitioned first, as [Stream.GroupByKey] says; if that is more than one, their
// groupings need names.
//
// Options: those of a store. The serde of the aggregate is serde.For its type, unless [StoreSerdes] says otherwise.
func (c Cogrouped[K, A]) Aggregate[S ~string](store S, init func() A, opts ...StoreOption) Table[K, A] {
	return aggregateCogroup(c, string(store), init, opts)
}

func aggregateCogroup[K, A any](c Cogrouped[K, A], store string, init func() A, opts []StoreOption) Table[K, A] {
	b := c.b
	o := b.storeOptions("cogroup "+store, opts, optsKeyValue)
	parents, k := c.parents(store, init != nil)
	first := len(b.g.Nodes)
	n, inputs := c.nodes(o.nodeName("cogroup", store), parents)
	untriedSince(b, first, o.policy)
	k, a := serdesOf(b, store, o, k, serde.For[A]())
	needSerdes(b, n, k, a)
	t := keepRows(b, n, store, o, k, a)
	for i, from := range inputs {
		connect(t.stores[0], from)
		from.Make = func(in *graph.Instance) any {
			return c.inputs[i].aggregate(in.Context(from), storeOf[*state.KeyValueStore[K, A]](in, store), init, a, t.old.wanted, o.emit(),
				graph.Next[K, operators.Change[A]](in, from))
		}
	}
	n.Make = func(in *graph.Instance) any {
		return operators.Enter(in.Context(n), graph.Next[K, operators.Change[A]](in, n))
	}
	return Table[K, A]{t}
}

// parents are the nodes of the inputs, each with all records of a key in one task, and the serde of their keys.
func (c Cogrouped[K, A]) parents(store string, given bool) ([]*graph.Node, serde.Serde[K]) {
	b := c.b
	k := c.inputs[0].k
	parents := make([]*graph.Node, len(c.inputs))
	var unnamed any
	for i, in := range c.inputs {
		given = given && in.add
		if in.b != b {
			b.fail("cogroup %q got a grouping of another builder", store)
			parents[i] = parents[0]
			continue
		}
		if !sameKind(k, in.k) {
			b.fail("cogroup %q: the keys of its inputs have different serdes, so equal keys would lie on different partitions; use WithSerdes", store)
		}
		if k == nil {
			k = in.k
		}
		first := slices.IndexFunc(c.inputs, func(other cogroupInput[K, A]) bool { return other.same == in.same })
		switch {
		case first < i:
			parents[i] = parents[first]
			continue
		case in.hops && in.topic == "" && unnamed != nil:
			b.fail("cogroup %q repartitions more than one of its inputs: name their groupings with Named", store)
			parents[i] = parents[0]
			continue
		case in.hops && in.topic == "":
			unnamed = in.same
		}
		parents[i] = in.stream(store)
	}
	if !given {
		b.fail("cogroup %q has a nil function", store)
	}
	return parents, k
}

// nodes adds a node for each input, and one below them that is the table.
func (c Cogrouped[K, A]) nodes(name string, parents []*graph.Node) (n *graph.Node, inputs []*graph.Node) {
	for i, from := range parents {
		inputs = append(inputs, c.b.node("cogroup-input", fmt.Sprintf("%s-%d", name, i+1), from))
	}
	n = c.b.node("cogroup", name, inputs...)
	c.b.coPartition(n, parents...)
	return n, inputs
}
