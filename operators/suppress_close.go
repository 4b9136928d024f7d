package operators

import (
	"math"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// SuppressUntilClose holds the rows of windows back until their windows close: one final row of each, in the order of
// window end and key bytes, with timestamp and headers of its last update (Kafka Streams' untilWindowCloses). A window that
// was deleted when it closes gives nothing.
//
// The time is that of the largest timestamp that reached this operator, so what an operator above drops closes nothing, and
// nothing leaves without new input. An update of a window that closed before passes at once, and a delete of one does not
// pass: what is final stays. Aggregates send such changes only for sessions, for a record exactly at the end of gap and
// grace.
//
// The rows lie in a window store by the end of their windows. If many leave at once, they do so in turns (see [Work]).
type SuppressUntilClose[K, V any] struct {
	Store    *state.WindowStore[K, []byte]
	Keys     serde.Serde[K]
	Values   serde.Serde[V]
	End      func(K) int64 // of the window of a key (ms)
	ClosesMs int64         // how long after its end a window closes
	Limits   BufferLimits  // EmitEarly must not be set
	SendOld  bool
}

// Forward makes the operator.
func (s SuppressUntilClose[K, V]) Forward(c *Context, next Forward[K, Change[V]]) Forward[K, Change[V]] {
	op := &suppressUntilClose[K, V]{
		SuppressUntilClose: s, c: c, next: next, rows: heldRows[V]{s.Values}, time: NewEventTime(s.Store.Times(), s.ClosesMs),
		held: held{limits: s.Limits},
		due:  dueHeap[int64]{before: func(a, b int64) bool { return a < b }}, isDue: make(map[int64]struct{}),
	}
	op.work = c.Work(op.turn)
	if op.time.CloseTime() > op.time.Emitted() {
		op.work.Leave()
	}
	return op.process
}

type suppressUntilClose[K, V any] struct {
	SuppressUntilClose[K, V]
	c       *Context
	next    Forward[K, Change[V]]
	rows    heldRows[V]
	time    EventTime
	work    *Work
	held    held
	loaded  bool
	due     dueHeap[int64] // window ends with rows
	isDue   map[int64]struct{}
	scratch []byte
	o       Record[K, Change[V]]
}

func (s *suppressUntilClose[K, V]) process(r *Record[K, Change[V]]) error {
	if !s.loaded {
		if err := s.load(); err != nil {
			return err
		}
	}
	s.time.Observe(r.Timestamp)
	if end := s.End(r.Key); end > s.time.Emitted() {
		if err := s.hold(r, end); err != nil {
			return err
		}
	} else if err := s.pass(r); err != nil {
		return err
	}
	if s.work.Left() {
		return nil
	}
	return s.turn()
}

// turn forwards rows of windows that have closed, up to turnRows.
func (s *suppressUntilClose[K, V]) turn() error {
	if !s.loaded {
		if err := s.load(); err != nil {
			return err
		}
	}
	if err := s.close(); err != nil {
		return err
	}
	if s.held.over() && !s.work.Left() {
		return s.held.full()
	}
	return nil
}

// pass forwards an update of a window that closed before.
func (s *suppressUntilClose[K, V]) pass(r *Record[K, Change[V]]) error {
	if r.NullValue {
		return nil
	}
	s.o = *r
	if !s.SendOld {
		s.o.Value.Old, s.o.Value.HasOld = *new(V), false
	}
	return s.next(&s.o)
}

func (s *suppressUntilClose[K, V]) hold(r *Record[K, Change[V]], end int64) error {
	slot, kept, err := s.Store.Lookup(r.Key, end)
	if err != nil || !kept {
		return err
	}
	was := len(slot.Value)
	row, second := slot.Value, 0
	if slot.Present {
		_, _, second, err = s.rows.split(row)
	} else {
		row, err = s.rows.begin(end, *new(V), false)
		second = len(row)
	}
	if err != nil {
		return err
	}
	if row, err = s.rows.finish(row[:second], r.Headers, r.Value.New, r.NullValue); err != nil {
		return err
	}
	if !slot.Present {
		s.await(end)
		was = 0
		if s.Limits.limited() {
			if s.scratch, err = s.Keys.Append(s.scratch[:0], r.Key); err != nil {
				return err
			}
			s.held.add(1, len(s.scratch))
		}
	}
	s.held.add(0, len(row)-was)
	s.Store.Set(slot, row, r.Timestamp)
	return nil
}

func (s *suppressUntilClose[K, V]) await(end int64) {
	if _, ok := s.isDue[end]; !ok {
		s.isDue[end] = struct{}{}
		s.due.push(end)
	}
}

func (s *suppressUntilClose[K, V]) close() error {
	closeTime := s.time.CloseTime()
	if closeTime <= s.time.Emitted() {
		return nil
	}
	if len(s.due.items) > 0 && s.due.items[0] <= closeTime {
		n := 0
		for row, err := range s.Store.Scan(s.due.items[0], closeTime) {
			if err != nil {
				return err
			}
			if n == turnRows {
				s.left(row.Key.Start - 1)
				s.work.Leave()
				return nil
			}
			n++
			if err := s.emit(row.Key.Key, row.Key.Start, row.Value, row.Timestamp); err != nil {
				return err
			}
		}
		s.left(closeTime)
	}
	s.time.SetEmitted(closeTime)
	return nil
}

// left says that nothing is held any more of windows up to that end.
func (s *suppressUntilClose[K, V]) left(end int64) {
	for len(s.due.items) > 0 && s.due.items[0] <= end {
		delete(s.isDue, s.due.pop())
	}
}

func (s *suppressUntilClose[K, V]) emit(k K, end int64, row []byte, timestamp int64) (err error) {
	s.o = Record[K, Change[V]]{Key: k, Timestamp: timestamp}
	s.o.Value, s.o.Headers, s.o.NullValue, err = s.rows.change(row, false)
	if err != nil {
		return err
	}
	if s.Limits.limited() {
		if s.scratch, err = s.Keys.Append(s.scratch[:0], k); err != nil {
			return err
		}
		s.held.add(-1, -len(s.scratch)-len(row))
	}
	if err := s.Store.Delete(k, end); err != nil || s.o.NullValue {
		return err
	}
	var links []string
	if context, ok := HeaderValue(s.o.Headers, TraceParent); ok && Traced(s.o.Headers) {
		links = []string{string(context)}
	}
	return closed(s.c, links, s.next, &s.o)
}

// load finds out what is held. Without limits only the window ends matter, and windows with many rows are skipped.
func (s *suppressUntilClose[K, V]) load() error {
	const skipAfter = 64
	for from := s.time.Emitted() + 1; ; {
		end, rows := int64(NoTime), 0
		for row, err := range s.Store.Scan(from, math.MaxInt64) {
			if err != nil {
				return err
			}
			if rows++; row.Key.Start != end {
				end, rows = row.Key.Start, 1
				s.await(end)
			}
			if s.Limits.limited() {
				if s.scratch, err = s.Keys.Append(s.scratch[:0], row.Key.Key); err != nil {
					return err
				}
				s.held.add(1, len(s.scratch)+len(row.Value))
			} else if rows == skipAfter {
				break
			}
		}
		if rows < skipAfter || s.Limits.limited() || end == math.MaxInt64 {
			s.loaded = true
			return nil
		}
		from = end + 1
	}
}
