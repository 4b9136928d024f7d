package topology

import (
	"fmt"
	"strings"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// WindowedCogroup is a cogroup by key and window. It is a value; the zero value is not usable.
type WindowedCogroup[K, A any] struct {
	c   Cogrouped[K, A]
	def windows.Definition
}

// SessionCogroup is a cogroup by key and session. It is a value; the zero value is not usable.
type SessionCogroup[K, A any] struct {
	c   Cogrouped[K, A]
	def windows.SessionWindow
}

// Windowed groups the records of all inputs by window too; see [Grouped.Windowed].
func (c Cogrouped[K, A]) Windowed(definition windows.Definition) WindowedCogroup[K, A] {
	return WindowedCogroup[K, A]{c: c, def: definition}
}

// Sessions groups the records of all inputs by session too.
func (c Cogrouped[K, A]) Sessions(definition windows.SessionWindow) SessionCogroup[K, A] {
	return SessionCogroup[K, A]{c: c, def: definition}
}

// Aggregate is [Cogrouped.Aggregate] for each key and window; see [Windowed.Aggregate] for nulls. For one final result of
// each window, hold the updates back with [UntilWindowCloses].
//
// Every input has a stream time of its own, so a record that is late for one input may be in time for another (Kafka Streams
// does the same). It lies in a store, STORE-INPUT-time, where INPUT is the name of the grouping or else its topic; so give
// a name to groupings of one topic, if there are several, and of a pattern of topics.
//
// Options: those of a store, [Retention] but for unlimited and count windows, [EmitOnCommit] but for count windows.
func (w WindowedCogroup[K, A]) Aggregate[S ~string](store S, init func() A, opts ...StoreOption) WindowedTable[K, A] {
	w.c.b.checkWindows(fmt.Sprintf("cogroup %q", string(store)), w.def)
	takes, timed := optsWindow, true
	switch w.def.(type) {
	case windows.UnlimitedWindow:
		takes, timed = optsKeyValue, false
	case windows.CountWindow:
		takes, timed = optsKeyValue&^optEmitOnCommit, false
	}
	return windowedCogroup(w.c, string(store), init != nil, timed, takes, opts, func(in cogroupInput[K, A], x aggregation[K, A]) (WindowedTable[K, A], makeInput[K, A]) {
		return in.windows(x, w.def, init)
	})
}

// Aggregate is [Cogrouped.Aggregate] for each key and session; see [Sessions.Aggregate] for merge, and
// [WindowedCogroup.Aggregate] for the times of the inputs.
//
// Options: those of a store, [Retention].
func (s SessionCogroup[K, A]) Aggregate[S ~string](store S, init func() A, merge func(k K, a, b A) A, opts ...StoreOption) WindowedTable[K, A] {
	s.c.b.checkWindows(fmt.Sprintf("cogroup %q", string(store)), s.def)
	return windowedCogroup(s.c, string(store), init != nil && merge != nil, true, optsWindow, opts, func(in cogroupInput[K, A], x aggregation[K, A]) (WindowedTable[K, A], makeInput[K, A]) {
		return in.sessions(x, s.def, init, merge)
	})
}

// makeInput makes the operator of an input in a task.
type makeInput[K, A any] func(in *graph.Instance, c *operators.Context, next operators.Forward[windows.Keyed[K], operators.Change[A]]) any

// windowedCogroup adds a windowed cogroup: a node for each input, one that is the table, and the stores.
func windowedCogroup[K, A any](c Cogrouped[K, A], store string, given, timed bool, takes optionSet, opts []StoreOption,
	declare func(in cogroupInput[K, A], x aggregation[K, A]) (WindowedTable[K, A], makeInput[K, A]),
) WindowedTable[K, A] {
	b := c.b
	o := b.storeOptions("cogroup "+store, opts, takes)
	parents, k := c.parents(store, given)
	first := len(b.g.Nodes)
	n, inputs := c.nodes(o.nodeName("cogroup", store), parents)
	untriedSince(b, first, o.policy)
	x := aggregation[K, A]{b: b, n: n, store: store, o: o, emit: o.emit()}
	x.k, x.a = serdesOf(b, store, o, k, serde.For[A]())
	needSerdes(b, n, x.k, x.a)
	names := c.inputNames(store, parents)
	for i, from := range inputs {
		if timed && len(inputs) > 1 {
			x.times = timeStore(b, fmt.Sprintf("%s-%s-time", store, names[i]), o, from)
		}
		t, process := declare(c.inputs[i], x)
		x.shared = &t
		for _, kept := range t.stores {
			connect(kept, from)
		}
		from.Make = func(in *graph.Instance) any {
			return process(in, in.Context(from), graph.Next[windows.Keyed[K], operators.Change[A]](in, from))
		}
	}
	n.Make = func(in *graph.Instance) any {
		return operators.Enter(in.Context(n), graph.Next[windows.Keyed[K], operators.Change[A]](in, n))
	}
	return *x.shared
}

// timeStore adds a store without rows, for the time of an input.
func timeStore(b *Builder, name string, o storeOptions, n *graph.Node) func(in *graph.Instance) *state.Times {
	connect(b.store(&graph.Store{Name: name, Kind: state.KindKeyValue, Open: func(c state.Config) state.Store {
		return state.NewKeyValue(c, serde.Bytes, serde.Bytes)
	}}, o), n)
	return func(in *graph.Instance) *state.Times { return in.Scope.Runtime.Store(name).Times() }
}

// inputNames tell the inputs apart by what does not change when others come or go: the names of their groupings, or their
// topics.
func (c Cogrouped[K, A]) inputNames(store string, parents []*graph.Node) []string {
	names := make([]string, len(parents))
	seen := make(map[string]int)
	for i, in := range c.inputs {
		switch {
		case in.topic != "":
			names[i] = in.topic
		case in.hops:
			names[i] = "repartition"
		default:
			var topics []string
			for _, src := range sourcesOf(parents[i]) {
				if src.Pattern != nil {
					c.b.fail("cogroup %q reads a pattern of topics: name its grouping with Named", store)
				}
				topics = append(topics, src.Topics...)
			}
			names[i] = strings.Join(topics, ".")
		}
		name := names[i]
		if seen[name]++; seen[name] > 1 {
			names[i] = fmt.Sprintf("%s-%d", name, seen[name])
		}
	}
	return names
}
