package topology

import (
	"cmp"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// The names of the joins of streams. In front of the last two null keys are let through a repartition topic.
const (
	opJoin      = "join"
	opLeftJoin  = "left-join"
	opOuterJoin = "outer-join"
)

// Join joins each record with those of the other stream that have the same key and lie within w of it. f gets the value
// of s first, whichever record came last. The results have the larger timestamp of the two and the headers of the record
// that came last; a null result is a null value. Null keys and null values are dropped and counted. See [operators.StreamJoin]
// for the order of results.
//
// Either side keeps its records in a store, STORE-left and STORE-right, for before + after + grace of event time. A side
// whose key may have changed is repartitioned first, through the topic APPLICATION-STORE-left-repartition or
// APPLICATION-STORE-right-repartition; with [Named] it has that name in the place of the store's. A stream joined with
// itself is repartitioned once, and pairs each record with itself too. The topics of both sides must have the same number
// of partitions, and both keys the same serde.
//
// Options: [Named], [OnError], [Retention], [InMemory], [NoChangelog].
func (s Stream[K, V]) Join[V2, R any](other Stream[K, V2], w windows.JoinWindow, store string, f func(K, V, V2) R, opts ...StoreOption) Stream[K, R] {
	j := streamJoin[K, V, V2, R]{op: opJoin, window: w, store: store}
	if f != nil {
		j.join = func(k K, v serde.Optional[V], v2 serde.Optional[V2]) R { return f(k, v.Value, v2.Value) }
	}
	return j.add(s, other, opts)
}

// LeftJoin is [Stream.Join] that also gives a result, without a value of the other stream, for each record of s that
// nothing matched: when event time is later than its timestamp + after + grace, or at once if it is out of order by more
// than after. A null key has no match (KIP-962). See [operators.Unmatched] for when exactly.
//
// Records that wait for a match lie in one more store, STORE-waiting.
//
// Options: as for Join.
func (s Stream[K, V]) LeftJoin[V2, R any](other Stream[K, V2], w windows.JoinWindow, store string, f func(K, V, serde.Optional[V2]) R, opts ...StoreOption) Stream[K, R] {
	j := streamJoin[K, V, V2, R]{op: opLeftJoin, window: w, store: store, keepLeft: true}
	if f != nil {
		j.join = func(k K, v serde.Optional[V], v2 serde.Optional[V2]) R { return f(k, v.Value, v2) }
	}
	return j.add(s, other, opts)
}

// OuterJoin is [Stream.LeftJoin] that also gives a result for each record of the other stream that nothing matched: when
// event time is later than its timestamp + before + grace.
//
// Options: as for Join.
func (s Stream[K, V]) OuterJoin[V2, R any](other Stream[K, V2], w windows.JoinWindow, store string, f func(K, serde.Optional[V], serde.Optional[V2]) R, opts ...StoreOption) Stream[K, R] {
	return streamJoin[K, V, V2, R]{op: opOuterJoin, window: w, store: store, keepLeft: true, keepRight: true, join: f}.add(s, other, opts)
}

// streamJoin is a join of two streams before it is in a topology.
type streamJoin[K, V, V2, R any] struct {
	op                  string
	window              windows.JoinWindow
	store               string
	keepLeft, keepRight bool
	join                func(K, serde.Optional[V], serde.Optional[V2]) R
}

// The names of its stores.
func (j streamJoin[K, V, V2, R]) left() string    { return j.store + "-left" }
func (j streamJoin[K, V, V2, R]) right() string   { return j.store + "-right" }
func (j streamJoin[K, V, V2, R]) waiting() string { return j.store + "-waiting" }

// add adds the join: a node for each side, and one below both that is their result.
func (j streamJoin[K, V, V2, R]) add(s Stream[K, V], other Stream[K, V2], opts []StoreOption) Stream[K, R] {
	b := s.b
	o := b.storeOptions(j.op+" "+j.store, opts, optName|optInMemory|optNoChangelog|optRetention|optOnError)
	if other.b != b {
		b.fail("%s %q got a stream of another builder", j.op, j.store)
		other = Stream[K, V2]{b: b, from: s.from, k: s.k, v: other.v}
	}
	if err := checkName(j.store); err != nil {
		b.fail("%s: name of its stores %w", j.op, err)
	}
	s, other = j.together(s, other, cmp.Or(o.name, j.store))
	name := o.nodeName(j.op, j.store)
	left := b.node(j.op+"-left", name+"-left", s.from)
	right := b.node(j.op+"-right", name+"-right", other.from)
	n := b.node(j.op, name, left, right)
	untried(b, left, o.policy, s.k, s.v)
	untried(b, right, o.policy, s.k, other.v)
	untried(b, n, o.policy, nil, nil)
	needFunc(b, n, j.join != nil)
	needSerdes(b, left, s.k, s.v)
	needSerdes(b, right, s.k, other.v)
	b.coPartition(n, s.from, other.from)
	j.stores(b, o, left, right, s, other)

	r := valueSerde[R](s.v)
	n.Make = func(in *graph.Instance) any {
		op := operators.StreamJoin[K, V, V2, R]{
			Window: j.window, KeepLeft: j.keepLeft, KeepRight: j.keepRight, Keys: s.k, Join: j.join, Out: nulls(s.k, r),
			Left:  storeOf[*state.ListStore[K, V]](in, j.left()),
			Right: storeOf[*state.ListStore[K, V2]](in, j.right()),
		}
		if j.keepLeft {
			op.Waiting = storeOf[waitingRows[V, V2]](in, j.waiting())
		}
		next := operators.Enter(in.Context(n), graph.Next[K, R](in, n))
		var made joinForwards[K, V, V2]
		made.left, made.right = op.Forwards(in.Context(left), in.Context(right), next)
		return made
	}
	left.Make = func(in *graph.Instance) any {
		return operators.Enter(in.Context(left), in.Made(n).(joinForwards[K, V, V2]).left)
	}
	right.Make = func(in *graph.Instance) any {
		return operators.Enter(in.Context(right), in.Made(n).(joinForwards[K, V, V2]).right)
	}
	return s.as(n, s.k, r)
}

type (
	joinForwards[K, V, V2 any] struct {
		left  operators.Forward[K, V]
		right operators.Forward[K, V2]
	}
	waitingRows[V, V2 any] = *state.KeyValueStore[[]byte, operators.Unmatched[V, V2]]
)

// together is both sides with all records of a key in one task; name is what their repartition topics begin with.
func (j streamJoin[K, V, V2, R]) together(s Stream[K, V], other Stream[K, V2], name string) (Stream[K, V], Stream[K, V2]) {
	b := s.b
	if !sameKind(s.k, other.k) {
		b.fail("%s %q: the keys of the two streams have different serdes, so equal keys would lie on different partitions; use WithSerdes on one of them", j.op, j.store)
	}
	if s.k == nil {
		s.k = other.k
	} else {
		other.k = s.k
	}
	// One topic for a stream that is joined with itself: with two, it would be open which copy of a record comes first.
	self, same := any(other).(Stream[K, V])
	same = same && s.rekeyed && self.rekeyed && s.from == self.from
	s = s.grouped(name+"-left", j.op)
	if same {
		other, _ = any(s).(Stream[K, V2])
		return s, other
	}
	return s, other.grouped(name+"-right", j.op)
}

func (j streamJoin[K, V, V2, R]) stores(b *Builder, o storeOptions, left, right *graph.Node, s Stream[K, V], other Stream[K, V2]) {
	if err := j.window.Validate(); err != nil {
		b.fail("%s %q: %w", j.op, j.store, err)
	}
	// Kafka Streams keeps nothing where before + after + grace is 0, so that nothing matches.
	retention := max(time.Millisecond, j.window.Retention())
	if o.hasRetention {
		if o.retention < retention {
			b.fail("%s %q has a retention of %v, want at least before + after + grace, %v", j.op, j.store, o.retention, retention)
		}
		retention = o.retention
	}
	listStore(b, j.left(), retention, o, j.settings(), left, right, s.k, s.v)
	listStore(b, j.right(), retention, o, j.settings(), left, right, s.k, other.v)
	if j.keepLeft {
		values := serde.Name(s.v) + " and " + serde.Name(other.v)
		waiting := b.store(&graph.Store{Name: j.waiting(), Kind: state.KindKeyValue, Keys: serde.Name(s.k), Values: values, Windows: "join", Settings: j.settings(), Open: func(c state.Config) state.Store {
			return state.NewKeyValue(c, serde.Bytes, operators.UnmatchedSerde(s.v, other.v))
		}}, o)
		connect(waiting, left)
		connect(waiting, right)
	}
}

func (j streamJoin[K, V, V2, R]) settings() map[string]int64 {
	return map[string]int64{settingBefore: j.window.BeforeMs(), settingAfter: j.window.AfterMs(), settingGrace: j.window.GraceMs()}
}

// listStore adds the store of one side, which both sides use.
func listStore[K, V any](b *Builder, name string, retention time.Duration, o storeOptions, settings map[string]int64, left, right *graph.Node, k serde.Serde[K], v serde.Serde[V]) {
	l := state.ListConfig{RetentionMs: retention.Milliseconds()}
	store := b.store(&graph.Store{Name: name, Kind: state.KindList, RetentionMs: l.RetentionMs, Keys: serde.Name(k), Values: serde.Name(v), Windows: "join", Settings: settings, Open: func(c state.Config) state.Store {
		return state.NewList(c, l, k, v)
	}}, o)
	connect(store, left)
	connect(store, right)
}
