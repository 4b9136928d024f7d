package operators

import (
	"cmp"
	"slices"

	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// SlidingAggregate keeps one aggregate per key and sliding window and forwards updates, or with [EmitOnClose] one final
// result of each window in the order of window start and key bytes.
//
// The rules are those of Kafka Streams' KStreamSlidingWindowAggregate: records with a null key or a null value are dropped
// and counted, whatever the serdes carry, and move no time. A record is late as a whole if even the window that starts with
// it has closed; else it is added to each of its windows that is still open and counted as late for each that is closed.
// Its windows are served in this order: those that it lies in, the latest first; the one right after the record before it;
// the one that ends with it; the one right after it, which holds the records that came before their turn. Records in the
// first difference after the epoch share the window that starts there, and are served the other way round; neither they nor
// late records let results on close leave.
type SlidingAggregate[K, V, A any] struct {
	Windows    windows.SlidingWindow
	Store      *state.DenseWindowStore[K, A]
	Times      *state.Times // where the time of the operator lies; nil: in those of the store
	Aggregator Aggregator[K, V, A]
	Emit       Emit
	// Reduces sends old rows, where they are asked for, as Kafka Streams does for a reduce: that of a new window which goes on
	// from another one is the row of that one, and a window that is made twice by one record has none.
	Reduces bool
	// Clone copies an aggregate that goes on in a second window; nil if aggregates of this type cannot be changed in place
	// (serde.Cloner).
	Clone func(A) (A, error)
}

// Forward makes the operator.
func (s SlidingAggregate[K, V, A]) Forward(c *Context, next Forward[windows.Keyed[K], Change[A]]) (Forward[K, V], error) {
	op := &slidingAggregate[K, V, A]{
		SlidingAggregate: s, c: c, next: next, difference: s.Windows.DifferenceMs(),
		time: NewEventTime(cmp.Or(s.Times, s.Store.Times()), s.Windows.GraceMs()),
	}
	switch s.Emit {
	case EmitOnClose:
		var err error
		if op.closing, err = newClosing(c, closingConfig[K, A]{rows: &rowsByTime[K, A]{store: s.Store, timeOf: startOf}, time: &op.time, lag: op.difference + 1, step: 1, ends: true, reach: op.difference, timeOf: startOf, next: next}); err != nil {
			return nil, err
		}
	case EmitOnCommit:
		s.Store.OnCommit(op.commit)
	}
	return op.process, nil
}

type slidingAggregate[K, V, A any] struct {
	SlidingAggregate[K, V, A]
	c          *Context
	next       Forward[windows.Keyed[K], Change[A]]
	time       EventTime
	difference int64
	closing    *closing[K, A]
	found      []state.WindowRow[A]
	o          Record[windows.Keyed[K], Change[A]]
}

func (s *slidingAggregate[K, V, A]) process(r *Record[K, V]) (err error) {
	switch {
	case r.NullKey:
		s.c.Drop(NullKey)
		return nil
	case r.NullValue:
		s.c.Drop(NullValue)
		return nil
	}
	s.time.Observe(r.Timestamp)
	if r.Timestamp+s.difference < s.time.CloseTime() {
		s.c.Drop(Late)
		return nil
	}
	s.found, err = s.Store.Find(s.found[:0], r.Key, max(0, r.Timestamp-2*s.difference), r.Timestamp+1)
	if err != nil {
		return err
	}
	if r.Timestamp < s.difference {
		return s.early(r)
	}
	if err := s.add(r); err != nil {
		return err
	}
	clear(s.found)
	if s.closing != nil {
		if err := s.closing.remember(r.Key, r.Timestamp, r.Headers); err != nil {
			return err
		}
		return s.closing.advance(r.Headers)
	}
	return nil
}

// after is the window right after a record: what it will hold of the records that are there already.
type after[A any] struct {
	value     A
	timestamp int64
	needed    bool
}

// keepAfter keeps the aggregate of a window for the window right after a record, if that is not there and would hold
// anything.
func (s *slidingAggregate[K, V, A]) keepAfter(r *Record[K, V], row *state.WindowRow[A]) (a after[A], err error) {
	n := len(s.found)
	if s.found[n-1].Start == r.Timestamp+1 || row.Timestamp <= r.Timestamp {
		return a, nil
	}
	a = after[A]{row.Value, row.Timestamp, true}
	if s.Clone != nil {
		a.value, err = s.Clone(row.Value)
	}
	return a, err
}

// has reports whether a window was found.
func (s *slidingAggregate[K, V, A]) has(start int64) bool {
	_, ok := slices.BinarySearchFunc(s.found, start, func(w state.WindowRow[A], start int64) int { return int(min(1, max(-1, w.Start-start))) })
	return ok
}

// add serves the windows of a record from the latest to the earliest.
func (s *slidingAggregate[K, V, A]) add(r *Record[K, V]) (err error) {
	var right after[A]
	var before *state.WindowRow[A] // the latest window that ends before the record
	previous, hasLeft := NoTime, false
	first := true
	for i := len(s.found) - 1; i >= 0 && before == nil; i-- {
		row := &s.found[i]
		switch end := row.Start + s.difference; {
		case row.Start > r.Timestamp:
		case end < r.Timestamp:
			before, previous = row, row.Timestamp
		default:
			if end == r.Timestamp {
				hasLeft = true
				if row.Timestamp < r.Timestamp {
					previous = row.Timestamp
				}
			} else if first {
				first = false
				if right, err = s.keepAfter(r, row); err != nil {
					return err
				}
			}
			if err := s.update(r, row); err != nil {
				return err
			}
		}
	}
	left := state.WindowRow[A]{Start: r.Timestamp - s.difference}
	var twin *A // of the left window, if it is also the one right after the previous record
	if start := previous + 1; previous != NoTime && start+s.difference >= r.Timestamp && !s.has(start) {
		a, err := s.make(r, start, nil, nil)
		if err != nil {
			return err
		}
		if start == left.Start {
			twin = &a
		}
	}
	if !hasLeft {
		if before != nil && left.Start <= previous {
			_, err = s.make(r, left.Start, &before.Value, nil)
		} else {
			_, err = s.make(r, left.Start, nil, twin)
		}
		if err != nil {
			return err
		}
	}
	return s.follow(r, right)
}

// early serves the windows of a record in the first difference after the epoch.
func (s *slidingAggregate[K, V, A]) early(r *Record[K, V]) (err error) {
	var right after[A]
	var shared *state.WindowRow[A] // [0, difference], which holds all early records
	last := -1                     // of the windows that the record lies in, without that
	for i := range s.found {
		switch row := &s.found[i]; {
		case row.Start == 0:
			shared = row
		case row.Start <= r.Timestamp:
			last = i
		}
	}
	switch {
	case last >= 0:
		right, err = s.keepAfter(r, &s.found[last])
	case shared != nil:
		right, err = s.keepAfter(r, shared)
	}
	if err != nil {
		return err
	}
	for i := 0; i <= last; i++ {
		if row := &s.found[i]; row.Start > 0 {
			if err := s.update(r, row); err != nil {
				return err
			}
		}
	}
	if err := s.follow(r, right); err != nil {
		return err
	}
	if shared == nil {
		_, err = s.make(r, 0, nil, nil)
		return err
	}
	if start := shared.Timestamp + 1; start <= r.Timestamp && !s.has(start) {
		if _, err := s.make(r, start, nil, nil); err != nil {
			return err
		}
	}
	return s.update(r, shared)
}

// follow makes the window right after a record.
func (s *slidingAggregate[K, V, A]) follow(r *Record[K, V], right after[A]) error {
	if !right.needed {
		return nil
	}
	return s.put(r, r.Timestamp+1, right.timestamp, Change[A]{New: right.value})
}

// update adds a record to a window that is there.
func (s *slidingAggregate[K, V, A]) update(r *Record[K, V], row *state.WindowRow[A]) (err error) {
	if s.closed(row.Start) {
		return nil
	}
	var change Change[A]
	if s.Aggregator.SendOld {
		change.Old, change.HasOld = row.Value, true
		if s.Aggregator.Clone != nil {
			if change.Old, err = s.Aggregator.Clone(row.Value); err != nil {
				return err
			}
		}
	}
	change.New = s.Aggregator.Add(r.Key, r.Value, row.Value)
	return s.put(r, row.Start, max(row.Timestamp, r.Timestamp), change)
}

// make makes a window with a record, on top of the records of another one, base, if there are any. old is the row that is
// there all the same.
func (s *slidingAggregate[K, V, A]) make(r *Record[K, V], start int64, base, old *A) (a A, err error) {
	if s.closed(start) {
		return a, nil
	}
	if base != nil {
		a = *base
		if s.Clone != nil {
			if a, err = s.Clone(a); err != nil {
				return a, err
			}
		}
		a = s.Aggregator.Add(r.Key, r.Value, a)
	} else {
		a = s.Aggregator.First(r.Key, r.Value)
	}
	if s.Reduces {
		old = base
	}
	change := Change[A]{New: a}
	if old != nil && s.Aggregator.SendOld && !s.null(*old) {
		change.Old, change.HasOld = *old, true
	}
	return a, s.put(r, start, r.Timestamp, change)
}

// closed reports, and counts, that a record is late for a window.
func (s *slidingAggregate[K, V, A]) closed(start int64) bool {
	if start+s.difference < s.time.CloseTime() {
		s.c.Drop(Late)
		return true
	}
	return false
}

func (s *slidingAggregate[K, V, A]) null(a A) bool {
	return s.Aggregator.IsNull != nil && s.Aggregator.IsNull(a)
}

// put keeps and forwards the row of a window.
func (s *slidingAggregate[K, V, A]) put(r *Record[K, V], start, timestamp int64, change Change[A]) error {
	kept, err := s.Store.PutKept(r.Key, start, change.New, timestamp)
	if err != nil {
		return err
	}
	if !kept {
		s.c.Drop(Expired)
	}
	if s.Emit != EmitOnUpdate {
		return nil
	}
	s.o = Record[windows.Keyed[K], Change[A]]{
		Key: windows.Key(r.Key, s.Windows.At(start)), Value: change, Timestamp: timestamp, Headers: r.Headers, NullValue: s.null(change.New),
	}
	return s.next(&s.o)
}

// commit forwards a row as it is at a commit.
func (s *slidingAggregate[K, V, A]) commit(k K, start int64, a A, present bool, timestamp int64) error {
	s.o = Record[windows.Keyed[K], Change[A]]{Key: windows.Key(k, s.Windows.At(start)), Timestamp: timestamp, NullValue: !present}
	s.o.Value.New = a
	return s.next(&s.o)
}

// DenseWindowRows is the [Lookup] of a store of sliding windows.
func DenseWindowRows[K, V any](store *state.DenseWindowStore[K, V]) Lookup[windows.Keyed[K], V] {
	var found []state.WindowRow[V]
	return func(k windows.Keyed[K]) (v V, timestamp int64, ok bool, err error) {
		found, err = store.Find(found[:0], k.Key, k.Start, k.Start)
		if err != nil || len(found) == 0 {
			return v, 0, false, err
		}
		return found[0].Value, found[0].Timestamp, true, nil
	}
}
