package operators

import (
	"cmp"

	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// SessionAggregator is an [Aggregator] whose aggregates can be merged, because sessions are.
type SessionAggregator[K, V, A any] struct {
	Aggregator[K, V, A]
	// Begin makes the aggregate of a merge that starts with the session of this aggregate.
	Begin func(k K, a A) A
	// Merge joins an aggregate and the one of the next session. It may change a in place and return it.
	Merge func(k K, a, b A) A
}

// ReduceSessions is [Reduce], where f merges too. A null is what it is in a reduce: no aggregate yet.
func ReduceSessions[K, V any](f func(a, b V) V, isNull func(V) bool) SessionAggregator[K, V, V] {
	add := f
	if isNull != nil {
		add = func(a, b V) V {
			if isNull(a) {
				return b
			}
			return f(a, b)
		}
	}
	return SessionAggregator[K, V, V]{
		Aggregator: Reduce[K](add, isNull),
		Begin:      func(_ K, a V) V { return a },
		Merge:      func(_ K, a, b V) V { return add(a, b) },
	}
}

// FoldSessions is [Fold] with a function that merges. It is called with an initial aggregate first, even for one session
// (Kafka Streams, KStreamSessionWindowAggregate).
func FoldSessions[K, V, A any](init func() A, add func(K, V, A) A, merge func(k K, a, b A) A, isNull func(A) bool) SessionAggregator[K, V, A] {
	return SessionAggregator[K, V, A]{
		Aggregator: Fold(init, add, isNull),
		Begin:      func(k K, a A) A { return merge(k, init(), a) },
		Merge:      merge,
	}
}

// SessionAggregate keeps one aggregate per key and session and forwards updates, or with [EmitOnClose] one final result of
// each session in the order of end, start and key bytes.
//
// The rules are those of Kafka Streams' KStreamSessionWindowAggregate: records with a null key are dropped and counted and
// move no time; null values are as in [WindowAggregate]. A record joins all sessions of its key that are within the gap; it
// is late, and counted, if even the joined session ends before time - grace - gap. Before the result of a
// session that grew, each session that went into it is deleted, with its own end as the timestamp. Results have the end of
// their session as the timestamp; updates have no headers, final results those of the record that closed them.
//
// As there, a session whose records all have one timestamp is updated in place, and the update has no old row: an
// aggregation of the table below counts such a session once for each of its records.
type SessionAggregate[K, V, A any] struct {
	Windows    windows.SessionWindow
	Store      *state.SessionStore[K, A]
	Times      *state.Times // where the time of the operator lies; nil: in those of the store
	Aggregator SessionAggregator[K, V, A]
	Emit       Emit
	Nulls      Nulls[K, V]
	CountNulls bool // the aggregator does not look at values, so null ones count too
}

// Forward makes the operator.
func (s SessionAggregate[K, V, A]) Forward(c *Context, next Forward[windows.Keyed[K], Change[A]]) (Forward[K, V], error) {
	op := &sessionAggregate[K, V, A]{
		SessionAggregate: s, c: c, next: next, gap: s.Windows.GapMs(),
		time: NewEventTime(cmp.Or(s.Times, s.Store.Times()), s.Windows.GraceMs()+s.Windows.GapMs()),
	}
	switch s.Emit {
	case EmitOnClose:
		var err error
		if op.closing, err = newClosing(c, closingConfig[K, A]{rows: &rowsByTime[K, A]{store: s.Store, timeOf: endOf}, time: &op.time, lag: 1, step: 1, ends: true, timeOf: endOf, next: next}); err != nil {
			return nil, err
		}
	case EmitOnCommit:
		s.Store.OnCommit(op.commit)
	}
	return op.process, nil
}

type sessionAggregate[K, V, A any] struct {
	SessionAggregate[K, V, A]
	c       *Context
	next    Forward[windows.Keyed[K], Change[A]]
	time    EventTime
	gap     int64
	closing *closing[K, A]
	found   []state.SessionRow[A]
	o       Record[windows.Keyed[K], Change[A]]
}

func (s *sessionAggregate[K, V, A]) process(r *Record[K, V]) error {
	if r.NullKey {
		s.c.Drop(NullKey)
		return nil
	}
	s.time.Observe(r.Timestamp)
	if s.CountNulls || s.Nulls.admits(s.c, r) {
		if err := s.add(r); err != nil {
			return err
		}
	}
	if s.closing != nil {
		return s.closing.advance(r.Headers)
	}
	return nil
}

// add puts a record into its session.
func (s *sessionAggregate[K, V, A]) add(r *Record[K, V]) (err error) {
	s.found, err = s.Store.Find(s.found[:0], r.Key, r.Timestamp-s.gap, r.Timestamp+s.gap)
	if err != nil {
		return err
	}
	point := windows.Window{Start: r.Timestamp, End: r.Timestamp}
	session := point
	for i := range s.found {
		session.Start = min(session.Start, s.found[i].Window.Start)
		session.End = max(session.End, s.found[i].Window.End)
	}
	if session.End < s.time.CloseTime() {
		s.c.Drop(Late)
		return nil
	}
	var change Change[A]
	if session != point {
		if err := s.remove(r.Key); err != nil {
			return err
		}
	}
	change.New = s.merge(r)
	clear(s.found)
	kept, err := s.Store.PutKept(r.Key, session, change.New, session.End)
	if err != nil {
		return err
	}
	if !kept {
		s.c.Drop(Expired) // sent, but not kept: it is at the edge of the retention
	}
	if s.closing != nil {
		return s.closing.remember(r.Key, r.Timestamp, r.Headers)
	}
	if s.Emit != EmitOnUpdate {
		return nil
	}
	s.o = Record[windows.Keyed[K], Change[A]]{Key: windows.Key(r.Key, session), Value: change, Timestamp: session.End}
	s.o.NullValue = s.Aggregator.IsNull != nil && s.Aggregator.IsNull(change.New)
	return s.next(&s.o)
}

// remove deletes the sessions that were found.
func (s *sessionAggregate[K, V, A]) remove(k K) error {
	for i := range s.found {
		f := &s.found[i]
		if err := s.Store.RemoveSession(k, f.Window); err != nil {
			return err
		}
		if s.Emit != EmitOnUpdate {
			continue
		}
		s.o = Record[windows.Keyed[K], Change[A]]{Key: windows.Key(k, f.Window), Timestamp: f.Window.End, NullValue: true}
		var err error
		if s.o.Value.Old, s.o.Value.HasOld, err = s.old(f.Value); err != nil {
			return err
		}
		if err := s.next(&s.o); err != nil {
			return err
		}
	}
	return nil
}

// merge is the aggregate of the sessions that were found, and of a record.
func (s *sessionAggregate[K, V, A]) merge(r *Record[K, V]) A {
	if len(s.found) == 0 {
		return s.Aggregator.First(r.Key, r.Value)
	}
	a := s.Aggregator.Begin(r.Key, s.found[0].Value)
	for i := range s.found[1:] {
		a = s.Aggregator.Merge(r.Key, a, s.found[1+i].Value)
	}
	return s.Aggregator.Add(r.Key, r.Value, a)
}

// old is a row that is about to be replaced, as far as that is asked for.
func (s *sessionAggregate[K, V, A]) old(a A) (old A, ok bool, err error) {
	if !s.Aggregator.SendOld || s.Emit != EmitOnUpdate {
		return old, false, nil
	}
	if s.Aggregator.Clone != nil {
		a, err = s.Aggregator.Clone(a)
	}
	return a, true, err
}

// commit forwards a row as it is at a commit.
func (s *sessionAggregate[K, V, A]) commit(k K, w windows.Window, a A, present bool, _ int64) error {
	s.o = Record[windows.Keyed[K], Change[A]]{Key: windows.Key(k, w), Timestamp: w.End, NullValue: !present}
	s.o.Value.New = a
	return s.next(&s.o)
}

// SessionRows is the [Lookup] of a session store.
func SessionRows[K, V any](store *state.SessionStore[K, V]) Lookup[windows.Keyed[K], V] {
	return func(k windows.Keyed[K]) (v V, timestamp int64, ok bool, err error) {
		r, ok, err := store.GetRow(k.Key, k.Window)
		return r.Value, r.Timestamp, ok, err
	}
}
