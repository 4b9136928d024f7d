package topology

import (
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// Suppression says which updates of a table are held back, and until when. It is a value; the zero value is not usable,
// make one with [UntilWindowCloses] or [UntilTimeLimit].
type Suppression struct {
	store    string
	onClose  bool
	limit    time.Duration
	maxima   operators.BufferLimits
	mistakes []string
}

// UntilWindowCloses holds the rows of windows back until their windows close: then the last one of each leaves, and no
// other. It is for windowed tables. What is held lies in the named store. Default: without limits.
func UntilWindowCloses(store string) Suppression {
	return Suppression{store: store, onClose: true, maxima: operators.BufferLimits{MaxRecords: -1, MaxBytes: -1}}
}

// UntilTimeLimit holds the updates of each key back until event time is d after the first of them: then the last of them
// leaves. d is 0 or more, in whole milliseconds. What is held lies in the named store, its order in memory too. Default:
// without limits.
func UntilTimeLimit(store string, d time.Duration) Suppression {
	return Suppression{store: store, limit: d, maxima: operators.BufferLimits{MaxRecords: -1, MaxBytes: -1}}
}

// MaxRecords limits how many keys each task holds back, 0 or more. When there are more, the task fails with an
// [operators.BufferFullError], or with [Suppression.EmitEarly] emits early.
func (s Suppression) MaxRecords(n int64) Suppression {
	s.maxima.MaxRecords = s.atLeastZero("MaxRecords", n)
	return s
}

// MaxBytes is [Suppression.MaxRecords] by the bytes of the encoded keys and rows, headers included.
func (s Suppression) MaxBytes(n int64) Suppression {
	s.maxima.MaxBytes = s.atLeastZero("MaxBytes", n)
	return s
}

func (s *Suppression) atLeastZero(of string, n int64) int64 {
	if n < 0 {
		s.mistakes = append(s.mistakes[:len(s.mistakes):len(s.mistakes)], of+" is negative")
	}
	return n
}

// EmitEarly lets updates out before their time when there are more than the limits allow, those that are due first. It is
// for [UntilTimeLimit] with a limit.
func (s Suppression) EmitEarly() Suppression {
	s.maxima.EmitEarly = true
	return s
}

// Suppress holds updates of the table back, as s says. The updates that leave have the timestamps and headers with which
// they came. Time is that of the updates that reach the operator: what is held stays until another one comes. It is not
// for versioned tables.
//
// Options: [Named], [InMemory], [NoChangelog].
func (t Table[K, V]) Suppress[S interface{ Suppression }](how S, opts ...StoreOption) Table[K, V] {
	s := Suppression(how)
	if s.onClose {
		t.b.fail("suppression %q until windows close is of a table without windows", s.store)
	}
	return Table[K, V]{suppressRows(t.rows, s, opts)}
}

// Suppress holds updates of the table back, as s says; see [Table.Suppress]. Until windows close it gives one final row of
// each window.
//
// Options: [Named], [InMemory], [NoChangelog].
func (t WindowedTable[K, V]) Suppress[S interface{ Suppression }](how S, opts ...StoreOption) WindowedTable[K, V] {
	s := Suppression(how)
	if !s.onClose {
		t.rows = suppressRows(t.rows, s, opts)
		return t
	}
	if t.closesMs < 0 {
		t.b.fail("suppression %q waits for windows that never close", s.store)
	}
	t.rows = suppressUntilClose(t.rows, s, opts, t.closesMs, func(k windows.Keyed[K]) int64 { return k.End })
	return t
}

// suppress adds the node of a suppression and checks what all have in common.
func suppress[K, V any](r rows[K, V], s Suppression, opts []StoreOption) (*graph.Node, storeOptions) {
	b := r.b
	o := b.storeOptions("suppression "+s.store, opts, optName|optInMemory|optNoChangelog)
	n := b.node("suppress", o.nodeName("suppress", s.store), r.from)
	needSerdes(b, n, r.k, r.v)
	if r.asOf != nil {
		b.fail("operator %q suppresses updates of a versioned table", n.Name)
	}
	for _, m := range s.mistakes {
		b.fail("operator %q: %s", n.Name, m)
	}
	if s.limit < 0 || s.limit%time.Millisecond != 0 {
		b.fail("operator %q has a time limit of %v, want whole milliseconds, 0 or more", n.Name, s.limit)
	}
	switch early := s.maxima.EmitEarly; {
	case early && s.onClose:
		b.fail("operator %q waits until windows close, so it cannot emit early", n.Name)
	case early && s.maxima.MaxRecords < 0 && s.maxima.MaxBytes < 0:
		b.fail("operator %q has no limit at which it could emit early: use MaxRecords or MaxBytes", n.Name)
	}
	return n, o
}

// heldIn is a table whose rows leave an operator with a store of what it holds back.
func heldIn[K, V any](r rows[K, V], n *graph.Node, store *graph.Store) rows[K, V] {
	connect(store, n)
	return rows[K, V]{
		b: r.b, from: n, k: r.k, v: r.v, old: &oldRows{able: r.old.want, unsure: r.old.unsure}, onCommit: r.onCommit,
		stores: append(r.stores[:len(r.stores):len(r.stores)], store),
	}
}

func suppressRows[K, V any](r rows[K, V], s Suppression, opts []StoreOption) rows[K, V] {
	n, o := suppress(r, s, opts)
	t := heldIn(r, n, r.b.store(&graph.Store{Name: s.store, Kind: state.KindKeyValue, Keys: serde.Name(r.k), Values: serde.Name(r.v), Settings: s.settings(), Open: func(c state.Config) state.Store {
		return state.NewKeyValue(c, r.k, serde.Bytes)
	}}, o))
	keepOld := false
	if r.lookup != nil {
		t.lookedUp = func() { keepOld = r.old.want() }
		t.lookup = func(in *graph.Instance) operators.Lookup[K, V] {
			return operators.HeldRows(r.lookup(in), storeOf[*state.KeyValueStore[K, []byte]](in, s.store), r.v)
		}
	}
	n.Make = func(in *graph.Instance) any {
		return operators.Enter(in.Context(n), operators.SuppressUntilLimit[K, V]{
			Store: storeOf[*state.KeyValueStore[K, []byte]](in, s.store), Keys: r.k, Values: r.v,
			LimitMs: s.limit.Milliseconds(), Limits: s.maxima, KeepOld: keepOld, SendOld: t.old.wanted,
		}.Forward(in.Context(n), graph.Next[K, operators.Change[V]](in, n)))
	}
	return t
}

func suppressUntilClose[K, V any](r rows[K, V], s Suppression, opts []StoreOption, closesMs int64, end func(K) int64) rows[K, V] {
	n, o := suppress(r, s, opts)
	settings := s.settings()
	settings[settingCloses] = closesMs
	t := heldIn(r, n, r.b.store(&graph.Store{Name: s.store, Kind: state.KindWindow, Keys: serde.Name(r.k), Values: serde.Name(r.v), Settings: settings, Open: func(c state.Config) state.Store {
		return state.NewWindow(c, state.WindowConfig{RetentionMs: keptForEver}, r.k, serde.Bytes)
	}}, o))
	if r.lookup != nil {
		t.lookup = func(in *graph.Instance) operators.Lookup[K, V] {
			return operators.ClosedRows(r.lookup(in), storeOf[*state.WindowStore[K, []byte]](in, s.store), end)
		}
	}
	n.Make = func(in *graph.Instance) any {
		c := in.Context(n)
		return operators.Enter(c, operators.SuppressUntilClose[K, V]{
			Store: storeOf[*state.WindowStore[K, []byte]](in, s.store), Keys: r.k, Values: r.v, End: end,
			ClosesMs: closesMs, Limits: s.maxima, SendOld: t.old.wanted,
		}.Forward(c, graph.Next[K, operators.Change[V]](in, n)))
	}
	return t
}

// settings are what its store is filled by. A limit that there is not is left out.
func (s Suppression) settings() map[string]int64 {
	settings := make(map[string]int64)
	if !s.onClose {
		settings[settingLimit] = s.limit.Milliseconds()
	}
	if s.maxima.MaxRecords >= 0 {
		settings[settingMaxRecords] = s.maxima.MaxRecords
	}
	if s.maxima.MaxBytes >= 0 {
		settings[settingMaxBytes] = s.maxima.MaxBytes
	}
	if s.maxima.EmitEarly {
		settings[settingEmitEarly] = 1
	}
	return settings
}

// keptForEver is the retention (ms) of a store whose operator deletes each row by itself.
const keptForEver = 1<<63 - 1
