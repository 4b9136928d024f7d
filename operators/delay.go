package operators

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// Delayed is a record that waits in the buffer of [Delay]; its key and its timestamp are those of its row.
type Delayed[V any] struct {
	Value   V
	Headers []Header
}

// Delay holds records back until grace has passed in event time, and forwards them in the order of their timestamps, key
// bytes and arrival. It stands in front of a join with a versioned table, so that a row which arrives late is there when
// the stream's record looks it up (Kafka Streams, KStreamKTableJoinProcessor with a grace period, KIP-923).
//
// Its time is the largest timestamp of the records that it took itself; a record leaves when that reaches its timestamp +
// grace. If many leave at once, they do so in turns (see [Work]). One that is older than that already is forwarded at once. A null value is dropped and counted. So is a null key,
// unless KeepNullKeys is set: then it is an error, for the buffer cannot hold it and the join below would not drop it.
//
// The buffer's keys are the timestamp as windows.AppendTime writes it, then the encoded key; a row has the records of that
// timestamp and key in the order of their arrival.
type Delay[K, V any] struct {
	Buffer       *state.KeyValueStore[[]byte, []Delayed[V]]
	Keys         serde.Serde[K] // of the keys in Buffer
	GraceMs      int64
	KeepNullKeys bool
}

// Forward makes the operator.
func (d Delay[K, V]) Forward(c *Context, next Forward[K, V]) Forward[K, V] {
	op := &delay[K, V]{Delay: d, c: c, next: resumed(c, next), times: d.Buffer.Times()}
	if op.work = c.Work(op.turn); op.times.Closing != "" {
		op.work.Leave()
	}
	return op.process
}

type delay[K, V any] struct {
	Delay[K, V]
	c     *Context
	next  Forward[K, V]
	times *state.Times // Operator is the delay's time; Closing is not empty while rows that are due are left
	work  *Work
	first int64  // no row is older. A hint: 0 until it is known
	key   []byte // scratch
	o     Record[K, V]
}

var errDelayedNullKey = errors.New("a left join with grace got a null key, which its buffer cannot hold: filter null keys out in front of it")

func (d *delay[K, V]) process(r *Record[K, V]) error {
	switch {
	case r.NullValue:
		d.c.Drop(NullValue)
		return nil
	case r.NullKey && d.KeepNullKeys:
		return errDelayedNullKey
	case r.NullKey:
		d.c.Drop(NullKey)
		return nil
	}
	if d.times.Operator != NoTime && r.Timestamp < d.times.Operator-d.GraceMs {
		return d.next(r)
	}
	d.times.Operator = max(d.times.Operator, r.Timestamp)
	due := d.times.Operator - d.GraceMs
	if r.Timestamp <= due && d.first > due {
		return d.next(r) // nothing else is due
	}
	if err := d.put(r); err != nil {
		return err
	}
	if d.first > due {
		return nil
	}
	return d.turn()
}

func (d *delay[K, V]) put(r *Record[K, V]) error {
	key, err := d.Keys.Append(windows.AppendTime(d.key[:0], r.Timestamp), r.Key)
	if err != nil {
		return fmt.Errorf("encode key of a delayed record: %w", err)
	}
	d.key = key
	slot, err := d.Buffer.Lookup(key)
	if err != nil {
		return err
	}
	d.Buffer.Set(slot, append(slot.Value, Delayed[V]{r.Value, cloneHeaders(r.Headers)}), r.Timestamp)
	d.first = min(d.first, r.Timestamp)
	return nil
}

// turn forwards and deletes the rows that are due, up to turnRows rows.
func (d *delay[K, V]) turn() error {
	due, n := d.times.Operator-d.GraceMs, 0
	for row, err := range d.Buffer.Range(windows.AppendTime(nil, d.first), afterAll) {
		if err != nil {
			return err
		}
		if n == turnRows || row.Timestamp > due {
			d.first, d.times.Closing = row.Timestamp, ""
			if row.Timestamp <= due {
				d.times.Closing = "due"
				d.work.Leave()
			}
			return nil
		}
		if err := d.let(row); err != nil {
			return err
		}
		n++
	}
	d.first, d.times.Closing = math.MaxInt64, ""
	return nil
}

// let forwards the records of a row and deletes it.
func (d *delay[K, V]) let(row state.Row[[]byte, []Delayed[V]]) error {
	if len(row.Key) < windows.TimeBytes {
		return fmt.Errorf("store %q has a row with the key %x, which is not that of a delayed record", d.Buffer.Name(), row.Key)
	}
	k, err := d.Keys.Decode(row.Key[windows.TimeBytes:])
	if err != nil {
		return fmt.Errorf("decode key of a delayed record: %w", err)
	}
	for _, v := range row.Value {
		d.o = Record[K, V]{Key: k, Value: v.Value, Timestamp: row.Timestamp, Headers: v.Headers}
		if err := d.next(&d.o); err != nil {
			return err
		}
	}
	return d.Buffer.Delete(row.Key)
}

// cloneHeaders copies headers to keep, whose bytes may be those of a fetch.
func cloneHeaders(headers []Header) []Header {
	if len(headers) == 0 {
		return nil
	}
	kept := make([]Header, len(headers))
	for i, h := range headers {
		kept[i] = Header{Key: h.Key}
		if h.Value != nil {
			kept[i].Value = append([]byte{}, h.Value...)
		}
	}
	return kept
}

// DelayedSerde writes the records of a row one after the other: the number of headers, the key and the value of each, and
// the value of the record. Each comes
// with its size in front: four bytes, big-endian, 0xffffffff for a null.
func DelayedSerde[V any](v serde.Serde[V]) serde.Serde[[]Delayed[V]] { return delayedSerde[V]{v} }

type delayedSerde[V any] struct{ v serde.Serde[V] }

func (s delayedSerde[V]) Append(dst []byte, records []Delayed[V]) (_ []byte, err error) {
	for _, r := range records {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(r.Headers)))
		for _, h := range r.Headers {
			dst = appendSizedBytes(appendSizedBytes(dst, []byte(h.Key)), h.Value)
		}
		if dst, err = appendSized(dst, s.v, r.Value); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (s delayedSerde[V]) Decode(b []byte) (records []Delayed[V], err error) {
	for in := (sized{rest: b}); in.more(); {
		var r Delayed[V]
		for n := in.number(); n > 0 && in.err == nil; n-- {
			h := Header{Key: string(in.bytes())}
			if value := in.bytes(); value != nil {
				h.Value = append([]byte{}, value...)
			}
			r.Headers = append(r.Headers, h)
		}
		value := in.bytes()
		if in.err != nil {
			return nil, in.err
		}
		if r.Value, err = s.v.Decode(value); err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}
