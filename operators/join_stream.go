package operators

import (
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// StreamJoin joins the records of two streams that have the same key and lie near in time. Each record first looks for
// those of the other side that arrived before it, and is then kept for those that come later; a pair is joined once.
//
// The rules are those of Kafka Streams (KStreamKStreamJoin, KIP-633, KIP-962):
//
//   - the results of a record come by the time of the other side's records, then in the order in which those arrived. A
//     result has the larger timestamp of both, and the headers of the record that caused it;
//   - null values, whatever the serde, and null keys are dropped and counted. On a side that is kept in the result (Keep), a
//     record with a null key and a value gives its result at once, and is not kept;
//   - a record that is older than what its side's store keeps still looks for others; it is then dropped and counted as
//     [Expired].
//
// What it does with unmatched records of a side that is kept in the result says [Unmatched].
type StreamJoin[K, V, V2, R any] struct {
	Window              windows.JoinWindow
	Left                *state.ListStore[K, V]
	Right               *state.ListStore[K, V2]
	KeepLeft, KeepRight bool                                           // whose records give a result without a match: none, left, or both
	Waiting             *state.KeyValueStore[[]byte, Unmatched[V, V2]] // nil if no side is kept
	Keys                serde.Serde[K]                                 // of the keys in Waiting; unused without
	Join                func(K, serde.Optional[V], serde.Optional[V2]) R
	Out                 Nulls[K, R]
}

// Forwards makes the operator: what takes the records of the left and of the right stream.
func (s StreamJoin[K, V, V2, R]) Forwards(left, right *Context, next Forward[K, R]) (Forward[K, V], Forward[K, V2]) {
	out := &joined[K, R]{next: next, nulls: s.Out}
	l := &joinSide[K, V, V2, R]{
		c: left, out: out, own: s.Left, other: s.Right, keep: s.KeepLeft, keepOther: s.KeepRight,
		before: s.Window.BeforeMs(), after: s.Window.AfterMs(), join: s.Join,
	}
	r := &joinSide[K, V2, V, R]{
		c: right, out: out, own: s.Right, other: s.Left, keep: s.KeepRight, keepOther: s.KeepLeft,
		before: s.Window.AfterMs(), after: s.Window.BeforeMs(),
		join: func(k K, v2 serde.Optional[V2], v serde.Optional[V]) R { return s.Join(k, v, v2) },
	}
	if s.Waiting != nil {
		w := newUnmatched(left, s, out)
		l.unmatched, r.unmatched = w, w
		l.wait = func(r *Record[K, V]) error {
			return w.add(leftSide, r.Timestamp, r.Key, Unmatched[V, V2]{Left: []V{r.Value}})
		}
		r.wait = func(r *Record[K, V2]) error {
			return w.add(rightSide, r.Timestamp, r.Key, Unmatched[V, V2]{Right: []V2{r.Value}})
		}
		l.side, r.side = leftSide, rightSide
	}
	return l.process, r.process
}

// joined is the way out of a join.
type joined[K, R any] struct {
	next  Forward[K, R]
	nulls Nulls[K, R]
	o     Record[K, R]
}

func (j *joined[K, R]) forward(k K, nullKey bool, v R, timestamp int64, headers []Header) error {
	j.o = Record[K, R]{Key: k, Value: v, Timestamp: timestamp, Headers: headers, NullKey: nullKey}
	j.o.NullValue = j.nulls.Value != nil && j.nulls.Value(v)
	return j.next(&j.o)
}

// joinSide takes the records of one side. V is the type of its values, V2 that of the other side.
type joinSide[K, V, V2, R any] struct {
	c             *Context
	out           *joined[K, R]
	own           *state.ListStore[K, V]
	other         *state.ListStore[K, V2]
	before, after int64 // ms by which a record of the other side may be earlier and later
	join          func(K, serde.Optional[V], serde.Optional[V2]) R
	found         []state.ListRow[V2]

	keep, keepOther bool
	unmatched       unmatchedRows[K] // nil if no side is kept
	wait            func(r *Record[K, V]) error
	side            joinSideID
}

func (s *joinSide[K, V, V2, R]) process(r *Record[K, V]) error {
	if s.unmatched != nil {
		s.unmatched.observe(r.Timestamp)
	}
	switch {
	case r.NullValue:
		s.c.Drop(NullValue)
		return nil
	case r.NullKey && s.keep:
		return s.alone(r)
	case r.NullKey:
		s.c.Drop(NullKey)
		return nil
	}
	if s.unmatched != nil {
		if err := s.unmatched.emit(r.Timestamp, s.after, r.Headers); err != nil {
			return err
		}
	}
	if err := s.match(r); err != nil {
		return err
	}
	kept, err := s.own.AppendKept(r.Key, r.Timestamp, r.Value)
	if err == nil && !kept {
		s.c.Drop(Expired)
	}
	return err
}

// match joins a record with those of the other side that are there.
func (s *joinSide[K, V, V2, R]) match(r *Record[K, V]) (err error) {
	// Times before the epoch count as the epoch, also where the interval lies before it as a whole, as in Kafka Streams.
	from, to := max(0, r.Timestamp-s.before), max(0, r.Timestamp+s.after)
	if s.found, err = s.other.Find(s.found[:0], r.Key, from, to); err != nil {
		return err
	}
	v := serde.Some(r.Value)
	for i := range s.found {
		row := &s.found[i]
		if s.keepOther {
			if err := s.unmatched.remove(s.side.opposite(), row.Timestamp, r.Key); err != nil {
				return err
			}
		}
		result := s.join(r.Key, v, serde.Some(row.Value))
		if err := s.out.forward(r.Key, false, result, max(r.Timestamp, row.Timestamp), r.Headers); err != nil {
			return err
		}
	}
	if n := len(s.found); n > 0 || !s.keep {
		clear(s.found) // not to keep the values alive
		return nil
	}
	if to < s.unmatched.time() {
		return s.alone(r)
	}
	return s.wait(r)
}

// alone forwards the result of a record without a match.
func (s *joinSide[K, V, V2, R]) alone(r *Record[K, V]) error {
	return s.out.forward(r.Key, r.NullKey, s.join(r.Key, serde.Some(r.Value), serde.None[V2]()), r.Timestamp, r.Headers)
}
