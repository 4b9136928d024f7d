package topology

import (
	"fmt"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// Windowed groups the records by window too. definition is a [windows.TimeWindow], a [windows.SlidingWindow], a
// [windows.UnlimitedWindow] or a [windows.CountWindow]. For sessions see [Grouped.Sessions].
func (g Grouped[K, V]) Windowed(definition windows.Definition) Windowed[K, V] {
	return Windowed[K, V]{g: g, def: definition}
}

// checkWindows reports the mistakes in the windows of an operator. A nil definition is one.
func (b *Builder) checkWindows(of string, definition interface{ Validate() error }) {
	if definition == nil {
		b.fail("%s has no definition of windows", of)
	} else if err := definition.Validate(); err != nil {
		b.fail("%s: %w", of, err)
	}
}

// Windowed is a stream whose records are to be aggregated by key and window. It is a value; the zero value is not usable.
type Windowed[K, V any] struct {
	g       Grouped[K, V]
	def     windows.Definition
	onClose bool
}

// OnClose makes the aggregates forward one final result of each window: of windows in time when their end and grace have
// passed in event time, of count windows when they are full. Unlimited windows never close, so Build refuses it there.
// Default: every update is forwarded.
func (w Windowed[K, V]) OnClose() Windowed[K, V] {
	w.onClose = true
	return w
}

// Count counts the records of each key and window. Null keys are dropped and counted. Records with a null value count,
// but not in sliding windows, which drop and count them (Kafka Streams does the same).
//
// Options: those of a store, [Retention] but for unlimited and count windows, [EmitOnCommit] but for count windows,
// [Combine] for time windows with OnClose.
func (w Windowed[K, V]) Count[S ~string](store S, opts ...StoreOption) WindowedTable[K, int64] {
	return windowAggregate(w, "window-count", string(store), opts, serde.Serde[int64](serde.Int64), true, func(serde.Serde[int64]) operators.Aggregator[K, V, int64] {
		return operators.CountRecords[K, V]()
	})
}

// CountAs is [Windowed.Count] with counts of another type than int64: of makes one of a number, and number gives it back. Their serde
// is serde.For the type, unless [StoreSerdes] says otherwise.
//
// Options: those of Count.
func (w Windowed[K, V]) CountAs[N any](store string, of func(int64) N, number func(N) int64, opts ...StoreOption) WindowedTable[K, N] {
	needAggregator(w.g.s.b, store, of != nil && number != nil)
	return windowAggregate(w, "window-count", store, opts, valueSerde[N](w.g.s.v), true, func(serde.Serde[N]) operators.Aggregator[K, V, N] {
		return operators.CountRecordsAs[K, V](operators.Counter[N]{Of: of, Number: number})
	})
}

// Reduce is [Grouped.Reduce] for each key and window. Null values reach f if the serde can carry them, but not in sliding
// windows, which drop and count them.
//
// Options: as of [Windowed.Count].
func (w Windowed[K, V]) Reduce[S ~string](store S, f func(a, b V) V, opts ...StoreOption) WindowedTable[K, V] {
	return windowAggregate(w, opWindowReduce, string(store), opts, w.g.s.v, false, reducer[K](w.g.s.b, string(store), f))
}

// Aggregate is [Grouped.Aggregate] for each key and window. Null values reach add if the serde can carry them, but not in
// sliding windows, which drop and count them.
//
// Options: as of [Windowed.Count].
func (w Windowed[K, V]) Aggregate[A any](store string, init func() A, add func(K, V, A) A, opts ...StoreOption) WindowedTable[K, A] {
	return windowAggregate(w, "window-aggregate", store, opts, valueSerde[A](w.g.s.v), false, folder(w.g.s.b, store, init, add))
}

// aggregation is what aggregations by window and by session have in common while they are declared.
type aggregation[K, A any] struct {
	b     *Builder
	n     *graph.Node
	store string
	o     storeOptions
	k     serde.Serde[K]
	a     serde.Serde[A]
	emit  operators.Emit
	// reduces says that aggregates are made of values by a reduce.
	reduces bool

	// Of an input of a cogroup: the table, if another input declared it, and where the time of this input lies.
	shared *WindowedTable[K, A]
	times  func(in *graph.Instance) *state.Times
}

// timesOf are the times of the operator; nil for those of its store.
func (x aggregation[K, A]) timesOf(in *graph.Instance) *state.Times {
	if x.times == nil {
		return nil
	}
	return x.times(in)
}

func newAggregation[K, V, A any](s Stream[K, V], op, store string, o storeOptions, onClose bool, a serde.Serde[A]) aggregation[K, A] {
	b := s.b
	x := aggregation[K, A]{b: b, n: b.node(op, o.nodeName(op, store), s.from), store: store, o: o, emit: o.emit()}
	x.k, x.a = serdesOf(b, store, o, s.k, a)
	needSerdes(b, x.n, x.k, x.a)
	if onClose {
		if o.emitOnCommit {
			b.fail("aggregation %q emits on close and has the option EmitOnCommit", store)
		}
		x.emit = operators.EmitOnClose
	}
	return x
}

// retentionMs is how long rows are kept: as long as the windows need, or longer.
func (x aggregation[K, A]) retentionMs(least time.Duration, what string) int64 {
	if !x.o.hasRetention {
		return least.Milliseconds()
	}
	if x.o.retention < least {
		x.b.fail("aggregation %q has a retention of %v, want at least %s, %v", x.store, x.o.retention, what, least)
	}
	return x.o.retention.Milliseconds()
}

// table is the table of the aggregates, with a store of its rows.
func (x aggregation[K, A]) table(s *graph.Store, k serde.Serde[windows.Keyed[K]], closesMs int64, lookup func(in *graph.Instance) operators.Lookup[windows.Keyed[K], A]) WindowedTable[K, A] {
	if x.shared != nil {
		return *x.shared
	}
	s.Name, s.Keys, s.Values = x.store, serde.Name(x.k), serde.Name(x.a)
	if x.emit == operators.EmitOnClose {
		s.Settings[settingOnClose] = 1
	}
	kept := x.b.store(s, x.o)
	connect(kept, x.n)
	return WindowedTable[K, A]{base: x.k, closesMs: closesMs, rows: rows[windows.Keyed[K], A]{
		b: x.b, from: x.n, k: k, v: x.a, old: keptRows(), stores: []*graph.Store{kept}, lookup: lookup,
	}}
}

// lastCommitUnknown is for stores that do not know the rows of the last commit, so that results on commit have no old ones.
func (x aggregation[K, A]) lastCommitUnknown(t WindowedTable[K, A]) WindowedTable[K, A] {
	t.old.able = func() bool { return x.emit != operators.EmitOnCommit }
	return t
}

const opWindowReduce = "window-reduce"

// windowForward makes the operator of an aggregation by window in a task.
type windowForward[K, V, A any] func(in *graph.Instance, c *operators.Context, agg operators.Aggregator[K, V, A], next operators.Forward[windows.Keyed[K], operators.Change[A]]) (operators.Forward[K, V], error)

func windowAggregate[K, V, A any](w Windowed[K, V], op, store string, opts []StoreOption, a serde.Serde[A], countNulls bool, agg func(serde.Serde[A]) operators.Aggregator[K, V, A]) WindowedTable[K, A] {
	b := w.g.s.b
	takes := optsWindow | optCombine
	switch w.def.(type) {
	case windows.SlidingWindow:
		takes = optsWindow
	case windows.UnlimitedWindow:
		takes = optsKeyValue
	case windows.CountWindow:
		takes = optsKeyValue &^ optEmitOnCommit
	}
	b.checkWindows(fmt.Sprintf("aggregation %q", store), w.def)
	o := b.storeOptions("aggregation "+store, opts, takes)
	s := w.g.stream(store)
	x := newAggregation(s, op, store, o, w.onClose, a)
	untried(b, x.n, o.policy, s.k, s.v)
	x.reduces = op == opWindowReduce
	t, forward := windowsOf(x, s, w.def, countNulls)
	x.n.Make = func(in *graph.Instance) any {
		c := in.Context(x.n)
		next := graph.Next[windows.Keyed[K], operators.Change[A]](in, x.n)
		process, err := forward(in, c, sending(agg(x.a), t.old, x.a), next)
		return entered(in, c, process, err)
	}
	return t
}

func windowsOf[K, V, A any](x aggregation[K, A], s Stream[K, V], def windows.Definition, countNulls bool) (WindowedTable[K, A], windowForward[K, V, A]) {
	switch def := def.(type) {
	case windows.TimeWindow:
		return timeWindows(x, s, def, countNulls)
	case windows.UnlimitedWindow:
		return unlimitedWindow(x, s, def, countNulls)
	case windows.SlidingWindow:
		return slidingWindows[K, V](x, def)
	case windows.CountWindow:
		return countWindows(x, s, def, countNulls)
	}
	// There is none, which Windowed said.
	return WindowedTable[K, A]{base: x.k, rows: rows[windows.Keyed[K], A]{b: x.b, from: x.n, k: windows.KeySerde(x.k), v: x.a, old: keptRows()}}, nil
}

func timeWindows[K, V, A any](x aggregation[K, A], s Stream[K, V], def windows.TimeWindow, countNulls bool) (WindowedTable[K, A], windowForward[K, V, A]) {
	retentionMs := x.retentionMs(def.Retention(), "size + grace")
	combine := x.combine()
	sizeMs := def.SizeMs()
	if combine != nil {
		sizeMs = operators.PaneMs(def)
	}
	settings := map[string]int64{settingSize: def.SizeMs(), settingAdvance: def.AdvanceMs(), settingGrace: def.GraceMs()}
	if combine != nil {
		settings[settingPane] = sizeMs
	}
	t := x.table(&graph.Store{Kind: state.KindWindow, RetentionMs: retentionMs, Windows: "time", Settings: settings, Open: func(c state.Config) state.Store {
		return state.NewWindow(c, state.WindowConfig{SizeMs: sizeMs, RetentionMs: retentionMs}, x.k, x.a)
	}}, windows.TimeKeySerde(x.k, time.Duration(def.SizeMs())*time.Millisecond), def.GraceMs(), x.windowRows)
	if combine != nil {
		t.lookup = nil // the store has panes
	}
	return t, func(in *graph.Instance, c *operators.Context, agg operators.Aggregator[K, V, A], next operators.Forward[windows.Keyed[K], operators.Change[A]]) (operators.Forward[K, V], error) {
		op := operators.WindowAggregate[K, V, A]{
			Windows: def, Store: storeOf[*state.WindowStore[K, A]](in, x.store), Times: x.timesOf(in), Aggregator: agg, Emit: x.emit, Nulls: s.nulls(), CountNulls: countNulls,
		}
		if combine != nil {
			return operators.PaneAggregate[K, V, A]{WindowAggregate: op, Panes: def, Combine: combine}.Forward(c, next)
		}
		return op.Forward(c, next)
	}
}

// windowRows looks up rows of aligned windows.
func (x aggregation[K, A]) windowRows(in *graph.Instance) operators.Lookup[windows.Keyed[K], A] {
	return operators.WindowRows(storeOf[*state.WindowStore[K, A]](in, x.store))
}

// combine is the function of the option Combine, or nil.
func (x aggregation[K, A]) combine() func(a, b A) A {
	if x.o.combine == nil {
		return nil
	}
	if x.emit != operators.EmitOnClose {
		x.b.fail("aggregation %q has the option Combine, which works for results on close only: use OnClose", x.store)
	}
	f, ok := x.o.combine.(func(a, b A) A)
	if !ok {
		x.b.fail("aggregation %q has aggregates of %s, but a Combine of another type", x.store, typeName[A]())
	}
	needFunc(x.b, x.n, f != nil || !ok)
	return f
}

func unlimitedWindow[K, V, A any](x aggregation[K, A], s Stream[K, V], def windows.UnlimitedWindow, countNulls bool) (WindowedTable[K, A], windowForward[K, V, A]) {
	if x.emit == operators.EmitOnClose {
		x.b.fail("aggregation %q emits on close, but an unlimited window never closes", x.store)
	}
	// The one window is never older than the retention, whatever that is.
	settings := map[string]int64{settingStart: def.Window().Start}
	t := x.table(&graph.Store{Kind: state.KindWindow, Windows: "unlimited", Settings: settings, Open: func(c state.Config) state.Store {
		return state.NewWindow(c, state.WindowConfig{SizeMs: def.SizeMs(), RetentionMs: 1}, x.k, x.a)
	}}, windows.KeySerde(x.k), -1, x.windowRows)
	return t, func(in *graph.Instance, c *operators.Context, agg operators.Aggregator[K, V, A], next operators.Forward[windows.Keyed[K], operators.Change[A]]) (operators.Forward[K, V], error) {
		return operators.WindowAggregate[K, V, A]{
			Windows: def, Store: storeOf[*state.WindowStore[K, A]](in, x.store), Times: x.timesOf(in), Aggregator: agg, Emit: x.emit, Nulls: s.nulls(), CountNulls: countNulls,
		}.Forward(c, next)
	}
}

func slidingWindows[K, V, A any](x aggregation[K, A], def windows.SlidingWindow) (WindowedTable[K, A], windowForward[K, V, A]) {
	retentionMs := x.retentionMs(def.Retention(), "2 * difference + grace")
	k := windows.KeySerde(x.k)
	if def.DifferenceMs() > 0 {
		k = windows.TimeKeySerde(x.k, time.Duration(def.DifferenceMs())*time.Millisecond)
	}
	settings := map[string]int64{settingDifference: def.DifferenceMs(), settingGrace: def.GraceMs()}
	t := x.table(&graph.Store{Kind: state.KindDenseWindow, RetentionMs: retentionMs, Windows: "sliding", Settings: settings, Open: func(c state.Config) state.Store {
		return state.NewDenseWindow(c, state.WindowConfig{SizeMs: def.DifferenceMs(), RetentionMs: retentionMs}, x.k, x.a)
	}}, k, def.GraceMs()+1, func(in *graph.Instance) operators.Lookup[windows.Keyed[K], A] {
		return operators.DenseWindowRows(storeOf[*state.DenseWindowStore[K, A]](in, x.store))
	})
	return x.lastCommitUnknown(t), func(in *graph.Instance, c *operators.Context, agg operators.Aggregator[K, V, A], next operators.Forward[windows.Keyed[K], operators.Change[A]]) (operators.Forward[K, V], error) {
		return operators.SlidingAggregate[K, V, A]{
			Windows: def, Store: storeOf[*state.DenseWindowStore[K, A]](in, x.store), Times: x.timesOf(in), Aggregator: agg, Emit: x.emit, Reduces: x.reduces, Clone: serde.Cloner(x.a),
		}.Forward(c, next)
	}
}

func countWindows[K, V, A any](x aggregation[K, A], s Stream[K, V], def windows.CountWindow, countNulls bool) (WindowedTable[K, A], windowForward[K, V, A]) {
	settings := map[string]int64{settingRecords: def.Size(), settingAdvanceRecords: def.Advance()}
	t := x.table(&graph.Store{Kind: state.KindKeyValue, Windows: "count", Settings: settings, Open: func(c state.Config) state.Store {
		return state.NewKeyValue(c, x.k, operators.CountRowSerde(x.a))
	}}, windows.KeySerde(x.k), -1, func(in *graph.Instance) operators.Lookup[windows.Keyed[K], A] {
		return operators.CountWindowRows(storeOf[*state.KeyValueStore[K, operators.CountRow[A]]](in, x.store))
	})
	return t, func(in *graph.Instance, c *operators.Context, agg operators.Aggregator[K, V, A], next operators.Forward[windows.Keyed[K], operators.Change[A]]) (operators.Forward[K, V], error) {
		return operators.CountAggregate[K, V, A]{
			Windows: def, Store: storeOf[*state.KeyValueStore[K, operators.CountRow[A]]](in, x.store), Aggregator: agg,
			Emit: x.emit, Nulls: s.nulls(), CountNulls: countNulls,
		}.Forward(c, next), nil
	}
}
