package operators

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// CountRow is the row of a key in count windows: how many records the key has had, and its windows that are not full.
type CountRow[A any] struct {
	Records int64
	Open    []CountedWindow[A] // by start
}

// CountedWindow is a window that is not full. Timestamp is the largest of its records (ms).
type CountedWindow[A any] struct {
	Start     int64 // number of its first record
	Timestamp int64
	Present   bool // false: the aggregate is null, and Value means nothing
	Value     A
}

// CountAggregate keeps one aggregate per key and count window and forwards updates, or with [EmitOnClose] one result of
// each window when it is full. A full window leaves the store; no delete is forwarded for it. Records with a null key are
// dropped and counted, null values are as in [WindowAggregate]; what is dropped has no number. Kafka Streams has no such
// windows.
type CountAggregate[K, V, A any] struct {
	Windows    windows.CountWindow
	Store      *state.KeyValueStore[K, CountRow[A]]
	Aggregator Aggregator[K, V, A]
	Emit       Emit
	Nulls      Nulls[K, V]
	CountNulls bool // the aggregator does not look at values, so null ones count too
}

// Forward makes the operator.
func (w CountAggregate[K, V, A]) Forward(c *Context, next Forward[windows.Keyed[K], Change[A]]) Forward[K, V] {
	var o Record[windows.Keyed[K], Change[A]]
	size := w.Windows.Size()
	return func(r *Record[K, V]) error {
		if r.NullKey {
			c.Drop(NullKey)
			return nil
		}
		if !w.CountNulls && !w.Nulls.admits(c, r) {
			return nil
		}
		slot, err := w.Store.Lookup(r.Key)
		if err != nil {
			return err
		}
		row := slot.Value
		if row.Records%w.Windows.Advance() == 0 {
			row.Open = append(row.Open, CountedWindow[A]{Start: row.Records})
		}
		row.Records++
		full := 0
		for i := range row.Open {
			open := &row.Open[i]
			change, err := w.add(open, r)
			if err != nil {
				return err
			}
			isFull := open.Start+size == row.Records
			if isFull {
				full++
			}
			if w.Emit == EmitOnUpdate || isFull && open.Present {
				o = Record[windows.Keyed[K], Change[A]]{
					Key:   windows.Key(r.Key, windows.Window{Start: open.Start, End: open.Start + size}),
					Value: change, Timestamp: open.Timestamp, Headers: r.Headers, NullValue: !open.Present,
				}
				if err := next(&o); err != nil {
					return err
				}
			}
		}
		if full > 0 {
			n := copy(row.Open, row.Open[full:])
			clear(row.Open[n:])
			row.Open = row.Open[:n]
		}
		w.Store.Set(slot, row, max(slot.Timestamp, r.Timestamp))
		return nil
	}
}

// add adds a record to a window.
func (w *CountAggregate[K, V, A]) add(open *CountedWindow[A], r *Record[K, V]) (change Change[A], err error) {
	if open.Present && w.Aggregator.SendOld && w.Emit == EmitOnUpdate {
		change.Old, change.HasOld = open.Value, true
		if w.Aggregator.Clone != nil {
			if change.Old, err = w.Aggregator.Clone(open.Value); err != nil {
				return change, err
			}
		}
	}
	if open.Present {
		open.Value, open.Timestamp = w.Aggregator.Add(r.Key, r.Value, open.Value), max(open.Timestamp, r.Timestamp)
	} else {
		open.Value, open.Timestamp = w.Aggregator.First(r.Key, r.Value), r.Timestamp
	}
	open.Present = w.Aggregator.IsNull == nil || !w.Aggregator.IsNull(open.Value)
	change.New = open.Value
	return change, nil
}

// CountWindowRows is the [Lookup] of a store of count windows. It knows the windows that are not full.
func CountWindowRows[K, A any](store *state.KeyValueStore[K, CountRow[A]]) Lookup[windows.Keyed[K], A] {
	return func(k windows.Keyed[K]) (a A, timestamp int64, ok bool, err error) {
		slot, err := store.Lookup(k.Key)
		if err != nil || !slot.Present {
			return a, 0, false, err
		}
		for i := range slot.Value.Open {
			if open := &slot.Value.Open[i]; open.Start == k.Start && open.Present {
				return open.Value, open.Timestamp, true, nil
			}
		}
		return a, 0, false, nil
	}
}

// CountRowSerde is the serde of rows of count windows: the number of records and that of open windows, then of each
// window its start, its timestamp, and the length of its aggregate plus one, or 0 for a null, all as unsigned varints, and
// the aggregate as a writes it. CountRowSerde of a nil serde is nil.
func CountRowSerde[A any](a serde.Serde[A]) serde.Serde[CountRow[A]] {
	if a == nil {
		return nil
	}
	return countRowSerde[A]{a}
}

type countRowSerde[A any] struct{ a serde.Serde[A] }

func (s countRowSerde[A]) Append(dst []byte, row CountRow[A]) ([]byte, error) {
	dst = binary.AppendUvarint(dst, uint64(row.Records))
	dst = binary.AppendUvarint(dst, uint64(len(row.Open)))
	var scratch []byte
	for _, open := range row.Open {
		dst = binary.AppendUvarint(dst, uint64(open.Start))
		dst = binary.AppendUvarint(dst, uint64(open.Timestamp))
		if !open.Present {
			dst = append(dst, 0)
			continue
		}
		encoded, err := s.a.Append(scratch[:0], open.Value)
		if err != nil {
			return dst, err
		}
		dst = append(binary.AppendUvarint(dst, uint64(len(encoded))+1), encoded...)
		scratch = encoded
	}
	return dst, nil
}

var errCountRow = errors.New("operators: row of count windows is cut short")

func (s countRowSerde[A]) Decode(b []byte) (row CountRow[A], err error) {
	number := func() (n uint64) {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			b, err = nil, errCountRow
			return 0
		}
		b = b[size:]
		return n
	}
	row.Records = int64(number())
	n := number()
	if err != nil || n > uint64(len(b)) {
		return row, errCountRow
	}
	row.Open = make([]CountedWindow[A], n)
	for i := range row.Open {
		open := &row.Open[i]
		open.Start, open.Timestamp = int64(number()), int64(number())
		length := number()
		if err != nil || length > uint64(len(b))+1 {
			return row, errCountRow
		}
		if length == 0 {
			continue
		}
		open.Present = true
		if open.Value, err = s.a.Decode(b[: length-1 : length-1]); err != nil {
			return row, fmt.Errorf("operators: aggregate of a count window: %w", err)
		}
		b = b[length-1:]
	}
	if len(b) > 0 {
		return row, fmt.Errorf("operators: row of count windows has %d bytes too many", len(b))
	}
	return row, nil
}
