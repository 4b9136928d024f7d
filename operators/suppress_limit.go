package operators

import (
	"cmp"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// SuppressUntilLimit holds the updates of each key back until an amount of time after the first of them, and then forwards
// the last of them, with its timestamp and headers, deletes too (Kafka Streams' untilTimeLimit). Rows leave in the order of
// the timestamps of their first updates, then of the key bytes. If the buffer then holds more than its limits allow, it
// emits early or fails.
//
// The time is that of the largest timestamp that reached this operator; nothing leaves without new input. The old row of an
// update is the one that left last.
//
// The rows lie in a key-value store. Their order is kept in memory, some 60 bytes and the key for each row that is held.
type SuppressUntilLimit[K, V any] struct {
	Store   *state.KeyValueStore[K, []byte]
	Keys    serde.Serde[K]
	Values  serde.Serde[V]
	LimitMs int64
	Limits  BufferLimits
	// KeepOld keeps the row that left last beside what is held, for [HeldRows]; SendOld forwards it too. Either needs updates
	// that have old rows.
	KeepOld, SendOld bool
}

// Forward makes the operator.
func (s SuppressUntilLimit[K, V]) Forward(c *Context, next Forward[K, Change[V]]) Forward[K, Change[V]] {
	op := &suppressUntilLimit[K, V]{
		SuppressUntilLimit: s, next: resumed(c, next), rows: heldRows[V]{s.Values}, time: NewEventTime(s.Store.Times(), s.LimitMs),
		held: held{limits: s.Limits},
		due: dueHeap[heldKey]{before: func(a, b heldKey) bool {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.key, b.key)) < 0
		}},
	}
	return op.process
}

// heldKey is the place of a key in the order in which rows leave.
type heldKey struct {
	at  int64
	key string // encoded
}

type suppressUntilLimit[K, V any] struct {
	SuppressUntilLimit[K, V]
	next    Forward[K, Change[V]]
	rows    heldRows[V]
	time    EventTime
	held    held
	loaded  bool
	due     dueHeap[heldKey]
	scratch []byte
	o       Record[K, Change[V]]
}

func (s *suppressUntilLimit[K, V]) process(r *Record[K, Change[V]]) error {
	if !s.loaded {
		if err := s.load(); err != nil {
			return err
		}
	}
	s.time.Observe(r.Timestamp)
	if err := s.hold(r); err != nil {
		return err
	}
	for len(s.due.items) > 0 && (s.due.items[0].at <= s.time.CloseTime() || s.Limits.EmitEarly && s.held.over()) {
		if err := s.emit(s.due.pop()); err != nil {
			return err
		}
	}
	if s.held.over() {
		return s.held.full()
	}
	return nil
}

func (s *suppressUntilLimit[K, V]) hold(r *Record[K, Change[V]]) error {
	slot, err := s.Store.Lookup(r.Key)
	if err != nil {
		return err
	}
	was := len(slot.Value)
	row, second := slot.Value, 0
	if slot.Present {
		_, _, second, err = s.rows.split(row)
	} else {
		if s.scratch, err = s.Keys.Append(s.scratch[:0], r.Key); err != nil {
			return err
		}
		s.due.push(heldKey{r.Timestamp, string(s.scratch)})
		s.held.add(1, len(s.scratch))
		was = 0
		row, err = s.rows.begin(r.Timestamp, r.Value.Old, r.Value.HasOld && (s.KeepOld || s.SendOld))
		second = len(row)
	}
	if err != nil {
		return err
	}
	if row, err = s.rows.finish(row[:second], r.Headers, r.Value.New, r.NullValue); err != nil {
		return err
	}
	s.held.add(0, len(row)-was)
	s.Store.Set(slot, row, r.Timestamp)
	return nil
}

func (s *suppressUntilLimit[K, V]) emit(first heldKey) error {
	k, err := s.Keys.Decode([]byte(first.key))
	if err != nil {
		return err
	}
	slot, err := s.Store.Lookup(k)
	if err != nil {
		return err
	}
	row := slot.Value
	s.o = Record[K, Change[V]]{Key: k, Timestamp: slot.Timestamp}
	s.o.Value, s.o.Headers, s.o.NullValue, err = s.rows.change(row, s.SendOld)
	if err != nil {
		return err
	}
	s.held.add(-1, -len(first.key)-len(row))
	s.Store.Remove(slot)
	return s.next(&s.o)
}

// load finds out what is held.
func (s *suppressUntilLimit[K, V]) load() error {
	for row, err := range s.Store.All() {
		if err != nil {
			return err
		}
		at, _, _, err := s.rows.split(row.Value)
		if err != nil {
			return err
		}
		key, err := s.Keys.Append(nil, row.Key)
		if err != nil {
			return err
		}
		s.due.push(heldKey{at, string(key)})
		s.held.add(1, len(key)+len(row.Value))
	}
	s.loaded = true
	return nil
}

// HeldRows is the [Lookup] of a table behind [SuppressUntilLimit]: the row that left last. above is that of the table in
// front of it. The timestamp of a row that newer updates wait to replace is [NoTime].
func HeldRows[K, V any](above Lookup[K, V], store *state.KeyValueStore[K, []byte], values serde.Serde[V]) Lookup[K, V] {
	rows := heldRows[V]{values}
	return func(k K) (v V, timestamp int64, ok bool, err error) {
		slot, err := store.Lookup(k)
		if err != nil {
			return v, 0, false, err
		}
		if slot.Present {
			v, ok, err = rows.old(slot.Value)
			return v, NoTime, ok, err
		}
		return above(k)
	}
}

// ClosedRows is the [Lookup] of a table behind [SuppressUntilClose]: the rows of the windows that have closed. above is
// that of the table in front of it.
func ClosedRows[K, V any](above Lookup[K, V], store *state.WindowStore[K, []byte], end func(K) int64) Lookup[K, V] {
	return func(k K) (v V, timestamp int64, ok bool, err error) {
		if end(k) > store.Times().Closed {
			return v, 0, false, nil
		}
		return above(k)
	}
}
