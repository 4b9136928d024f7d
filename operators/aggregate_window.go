package operators

import (
	"cmp"

	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// AlignedWindows are windows that are the same for all keys: [windows.TimeWindow], [windows.UnlimitedWindow].
type AlignedWindows interface {
	// Starts returns the windows of a timestamp: they start at first, first + AdvanceMs, …, count of them.
	Starts(timestamp int64) (first int64, count int)
	SizeMs() int64
	AdvanceMs() int64
	GraceMs() int64
}

// WindowAggregate keeps one aggregate per key and window and forwards updates, or with [EmitOnClose] one final result of
// each window in the order of window start and key bytes.
//
// The rules are those of Kafka Streams' KStreamWindowAggregate: records with a null key are dropped and counted and move
// no time. Any other record moves the operator's time; it is then added to each of its windows that is still open and
// counted as late for each that is closed. A null value that the serde carries reaches the aggregator; one that it cannot
// carry is counted by CountRecords and dropped by everything else (countNulls). Results on close leave after any record that moved
// time, a late one included. A record that is in no window at all (unlimited windows begin somewhere) is counted as late.
type WindowAggregate[K, V, A any] struct {
	Windows    AlignedWindows
	Store      *state.WindowStore[K, A]
	Times      *state.Times // where the time of the operator lies; nil: in those of the store
	Aggregator Aggregator[K, V, A]
	Emit       Emit
	Nulls      Nulls[K, V]
	CountNulls bool // the aggregator does not look at values, so null ones count too
}

// Forward makes the operator.
func (w WindowAggregate[K, V, A]) Forward(c *Context, next Forward[windows.Keyed[K], Change[A]]) (Forward[K, V], error) {
	op := &windowAggregate[K, V, A]{
		WindowAggregate: w, c: c, next: next,
		time: NewEventTime(cmp.Or(w.Times, w.Store.Times()), w.Windows.GraceMs()),
		size: w.Windows.SizeMs(), advance: w.Windows.AdvanceMs(),
	}
	switch w.Emit {
	case EmitOnClose:
		var err error
		op.closing, err = newClosing(c, closingConfig[K, A]{rows: w.Store, time: &op.time, lag: op.size, step: op.advance, timeOf: startOf, next: next})
		if err != nil {
			return nil, err
		}
	case EmitOnCommit:
		w.Store.OnCommit(func(k K, start int64, slot *state.Slot[A]) error {
			op.o = Record[windows.Keyed[K], Change[A]]{Key: op.key(k, start), Timestamp: slot.Timestamp, NullValue: !slot.Present}
			op.o.Value.New = slot.Value
			if w.Aggregator.SendOld {
				var err error
				if op.o.Value.Old, op.o.Value.HasOld, err = w.Store.Previous(slot); err != nil {
					return err
				}
			}
			return next(&op.o)
		})
	}
	return op.process, nil
}

type windowAggregate[K, V, A any] struct {
	WindowAggregate[K, V, A]
	c             *Context
	next          Forward[windows.Keyed[K], Change[A]]
	time          EventTime
	size, advance int64
	closing       *closing[K, A]
	o             Record[windows.Keyed[K], Change[A]]
}

func (w *windowAggregate[K, V, A]) key(k K, start int64) windows.Keyed[K] {
	return windows.Keyed[K]{Key: k, Window: windows.Window{Start: start, End: start + w.size}}
}

func (w *windowAggregate[K, V, A]) process(r *Record[K, V]) error {
	if r.NullKey {
		w.c.Drop(NullKey)
		return nil
	}
	w.time.Observe(r.Timestamp)
	if w.CountNulls || w.Nulls.admits(w.c, r) {
		start, count := w.Windows.Starts(r.Timestamp)
		if count == 0 {
			w.c.Drop(Late)
		}
		for ; count > 0; count, start = count-1, start+w.advance {
			if w.time.Closed(start + w.size) {
				w.c.Drop(Late)
				continue
			}
			if err := w.update(r, start); err != nil {
				return err
			}
		}
	}
	if w.closing != nil {
		return w.closing.advance(r.Headers)
	}
	return nil
}

func (w *windowAggregate[K, V, A]) update(r *Record[K, V], start int64) error {
	slot, kept, err := w.Store.Lookup(r.Key, start)
	if err != nil {
		return err
	}
	if !kept {
		// In time for this input of a cogroup, but another one has moved the store on: sent, and not kept.
		w.c.Drop(Expired)
		slot = new(state.Slot[A])
	}
	change, err := w.Aggregator.old(slot)
	if err != nil {
		return err
	}
	a, timestamp := w.Aggregator.apply(slot, r)
	null := w.Aggregator.IsNull != nil && w.Aggregator.IsNull(a)
	switch {
	case !kept:
	case null:
		w.Store.Remove(slot)
		slot.Timestamp = timestamp
	default:
		w.Store.Set(slot, a, timestamp)
	}
	if w.closing != nil && kept {
		return w.closing.remember(r.Key, r.Timestamp, r.Headers)
	}
	if w.Emit != EmitOnUpdate {
		return nil
	}
	change.New = a
	w.o = Record[windows.Keyed[K], Change[A]]{Key: w.key(r.Key, start), Value: change, Timestamp: timestamp, Headers: r.Headers, NullValue: null}
	return w.next(&w.o)
}

// WindowRows is the [Lookup] of a window store.
func WindowRows[K, V any](store *state.WindowStore[K, V]) Lookup[windows.Keyed[K], V] {
	return func(k windows.Keyed[K]) (v V, timestamp int64, ok bool, err error) {
		slot, kept, err := store.Lookup(k.Key, k.Start)
		if err != nil || !kept || !slot.Present {
			return v, 0, false, err
		}
		return slot.Value, slot.Timestamp, true, nil
	}
}
