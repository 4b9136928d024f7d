package topology

import (
	"fmt"
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// Sessions groups the records by session too.
func (g Grouped[K, V]) Sessions(definition windows.SessionWindow) Sessions[K, V] {
	return Sessions[K, V]{g: g, def: definition}
}

// Sessions is a stream whose records are to be aggregated by key and session. It is a value; the zero value is not usable.
type Sessions[K, V any] struct {
	g       Grouped[K, V]
	def     windows.SessionWindow
	onClose bool
}

// OnClose makes the aggregates forward one final result of each session, when its gap and grace have passed in event time.
// Default: every update is forwarded, and when a session grows a delete of what it was before.
func (s Sessions[K, V]) OnClose() Sessions[K, V] {
	s.onClose = true
	return s
}

// Count counts the records of each key and session, also those with a null value. Null keys are dropped and counted.
//
// Options: those of a store, [Retention].
func (s Sessions[K, V]) Count[S ~string](store S, opts ...StoreOption) WindowedTable[K, int64] {
	return sessionAggregate(s, "session-count", string(store), opts, serde.Serde[int64](serde.Int64), true, func(serde.Serde[int64]) operators.SessionAggregator[K, V, int64] {
		return operators.CountSessions[K, V]()
	})
}

// CountAs is [Sessions.Count] with counts of another type than int64: of makes one of a number, and number gives it back. Their serde
// is serde.For the type, unless [StoreSerdes] says otherwise.
//
// Options: those of Count.
func (s Sessions[K, V]) CountAs[N any](store string, of func(int64) N, number func(N) int64, opts ...StoreOption) WindowedTable[K, N] {
	needAggregator(s.g.s.b, store, of != nil && number != nil)
	return sessionAggregate(s, "session-count", store, opts, valueSerde[N](s.g.s.v), true, func(serde.Serde[N]) operators.SessionAggregator[K, V, N] {
		return operators.CountSessionsAs[K, V](operators.Counter[N]{Of: of, Number: number})
	})
}

// Reduce is [Grouped.Reduce] for each key and session; f joins the aggregates of sessions too. Null values reach f if the
// serde can carry them.
//
// Options: those of a store, [Retention].
func (s Sessions[K, V]) Reduce[S ~string](store S, f func(a, b V) V, opts ...StoreOption) WindowedTable[K, V] {
	needAggregator(s.g.s.b, string(store), f != nil)
	return sessionAggregate(s, "session-reduce", string(store), opts, s.g.s.v, false, func(v serde.Serde[V]) operators.SessionAggregator[K, V, V] {
		return operators.ReduceSessions[K](f, serde.IsNull(v))
	})
}

// Aggregate is [Grouped.Aggregate] for each key and session. merge joins the aggregates of sessions that become one, the
// earlier one first; whenever a session is already there it is called with an empty aggregate as the first (Kafka Streams
// does the same). It may change its first argument in place and return it. Null values reach add if the serde can carry
// them.
//
// Options: those of a store, [Retention].
func (s Sessions[K, V]) Aggregate[A any](store string, init func() A, add func(K, V, A) A, merge func(k K, a, b A) A, opts ...StoreOption) WindowedTable[K, A] {
	needAggregator(s.g.s.b, store, init != nil && add != nil && merge != nil)
	return sessionAggregate(s, "session-aggregate", store, opts, valueSerde[A](s.g.s.v), false, func(a serde.Serde[A]) operators.SessionAggregator[K, V, A] {
		return operators.FoldSessions(init, add, merge, serde.IsNull(a))
	})
}

func sessionAggregate[K, V, A any](w Sessions[K, V], op, store string, opts []StoreOption, a serde.Serde[A], countNulls bool, agg func(serde.Serde[A]) operators.SessionAggregator[K, V, A]) WindowedTable[K, A] {
	w.g.s.b.checkWindows(fmt.Sprintf("aggregation %q", store), w.def)
	o := w.g.s.b.storeOptions("aggregation "+store, opts, optsWindow)
	s := w.g.stream(store)
	x := newAggregation(s, op, store, o, w.onClose, a)
	untried(w.g.s.b, x.n, o.policy, s.k, s.v)
	t := sessions(x, w.def)
	x.n.Make = func(in *graph.Instance) any {
		c := in.Context(x.n)
		agg := agg(x.a)
		agg.Aggregator = sending(agg.Aggregator, t.old, x.a)
		next := graph.Next[windows.Keyed[K], operators.Change[A]](in, x.n)
		process, err := sessionForward(x, s, w.def, countNulls, in, c, agg, next)
		return entered(in, c, process, err)
	}
	return t
}

// sessions is the table of the aggregates of sessions.
func sessions[K, A any](x aggregation[K, A], def windows.SessionWindow) WindowedTable[K, A] {
	retentionMs := x.retentionMs(def.Retention(), "gap + grace")
	settings := map[string]int64{settingGap: def.GapMs(), settingGrace: def.GraceMs()}
	return x.lastCommitUnknown(x.table(&graph.Store{Kind: state.KindSession, RetentionMs: retentionMs, Windows: "session", Settings: settings, Open: func(c state.Config) state.Store {
		return state.NewSession(c, state.SessionConfig{RetentionMs: retentionMs}, x.k, x.a)
	}}, windows.KeySerde(x.k), def.GapMs()+def.GraceMs(), func(in *graph.Instance) operators.Lookup[windows.Keyed[K], A] {
		return operators.SessionRows(storeOf[*state.SessionStore[K, A]](in, x.store))
	}))
}

// sessionForward makes the operator of an aggregation by session in a task.
func sessionForward[K, V, A any](x aggregation[K, A], s Stream[K, V], def windows.SessionWindow, countNulls bool, in *graph.Instance, c *operators.Context,
	agg operators.SessionAggregator[K, V, A], next operators.Forward[windows.Keyed[K], operators.Change[A]],
) (operators.Forward[K, V], error) {
	return operators.SessionAggregate[K, V, A]{
		Windows: def, Store: storeOf[*state.SessionStore[K, A]](in, x.store), Times: x.timesOf(in), Aggregator: agg, Emit: x.emit,
		Nulls: s.nulls(), CountNulls: countNulls,
	}.Forward(c, next)
}
