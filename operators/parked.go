package operators

import (
	"encoding/binary"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// Parked is a record that an operator has taken and not yet done with: encoded, so that nothing changes it meanwhile, with
// the place that it came from. A nil Key or Value is null.
type Parked struct {
	Key, Value []byte
	Timestamp  int64 // ms since the epoch
	Headers    []Header
	Origin     Origin
	HasOrigin  bool
	ArrivedMs  int64 // when the operator took it, in ms since the epoch on the wall clock

	Attempts int    // how often the operator was tried for it
	DueMs    int64  // when it is tried again, in ms since the epoch on the wall clock; 0: as soon as it can be
	Input    *Input // the input record that it was made of, for dead letters, or nil; its offset is that of Origin
}

// ParkedRows is where an operator keeps what is parked at a commit (hard point 14): in the transaction whose offset passes a
// record the record becomes a row, so a restart or another process goes on with it. What comes and goes between two
// commits never becomes one. The keys are the operator's own.
type ParkedRows = state.KeyValueStore[[]byte, Parked]

// ParkedSerde writes the number of the format, 2, then timestamp, arrival, partition, offset, attempts and the time that it
// is due as eight bytes each, big-endian, the number of headers, key and value of each, the topic, the key and the value; then,
// if there is an input record, its timestamp as eight bytes, the number of its headers, those, its key and its value. Numbers and
// sizes are four bytes, big-endian, 0xffffffff for a null; a record without an origin has a null topic.
func ParkedSerde() serde.Serde[Parked] { return parkedSerde{} }

type parkedSerde struct{}

const parkedVersion = 2

func (parkedSerde) Append(dst []byte, p Parked) ([]byte, error) {
	dst = append(dst, parkedVersion)
	for _, n := range [...]int64{p.Timestamp, p.ArrivedMs, int64(p.Origin.Partition), p.Origin.Offset, int64(p.Attempts), p.DueMs} {
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	dst = appendSizedHeaders(dst, p.Headers)
	var topic []byte
	if p.HasOrigin {
		topic = []byte(p.Origin.Topic)
	}
	dst = appendSizedBytes(appendSizedBytes(appendSizedBytes(dst, topic), p.Key), p.Value)
	if in := p.Input; in != nil {
		dst = binary.BigEndian.AppendUint64(dst, uint64(in.Timestamp))
		dst = appendSizedBytes(appendSizedBytes(appendSizedHeaders(dst, in.Headers), in.Key), in.Value)
	}
	return dst, nil
}

func appendSizedHeaders(dst []byte, headers []Header) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(headers)))
	for _, h := range headers {
		dst = appendSizedBytes(appendSizedBytes(dst, []byte(h.Key)), h.Value)
	}
	return dst
}

func (parkedSerde) Decode(b []byte) (p Parked, err error) {
	const fixed = 1 + 6*8
	if len(b) < fixed || b[0] != parkedVersion {
		return p, errCutOff
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[1+8*i:])) }
	p.Timestamp, p.ArrivedMs, p.Origin.Partition, p.Origin.Offset, p.Attempts, p.DueMs = at(0), at(1), int32(at(2)), at(3), int(at(4)), at(5)
	in := sized{rest: append([]byte{}, b[fixed:]...)}
	p.Headers = in.headers()
	if topic := in.bytes(); topic != nil {
		p.Origin.Topic, p.HasOrigin = string(topic), true
	}
	p.Key, p.Value = in.bytes(), in.bytes()
	if in.err == nil && in.more() {
		p.Input = &Input{Timestamp: int64(in.number())<<32 | int64(in.number()), Headers: in.headers(), Offset: p.Origin.Offset}
		p.Input.Key, p.Input.Value = in.bytes(), in.bytes()
	}
	if in.err == nil && in.more() {
		in.err = errCutOff
	}
	return p, in.err
}

// park encodes a record. Null stays null; what the caller reuses is copied.
func park[K, V any](c *Context, k serde.Serde[K], v serde.Serde[V], r *Record[K, V]) (p Parked, err error) {
	p = c.park(r.Timestamp, r.Headers)
	if !r.NullKey {
		if p.Key, err = k.Append([]byte{}, r.Key); err != nil {
			return p, &EncodeError{Part: "key", Err: err}
		}
	}
	if !r.NullValue {
		if p.Value, err = v.Append([]byte{}, r.Value); err != nil {
			return p, &EncodeError{Part: "value", Err: err}
		}
	}
	return p, nil
}

// park is a record that waits, but for its key and its value.
func (c *Context) park(timestamp int64, headers []Header) Parked {
	o, ok := c.Origin()
	p := Parked{Timestamp: timestamp, Headers: cloneHeaders(headers), Origin: o, HasOrigin: ok, ArrivedMs: c.WallClock()}
	if in := c.scope.Input; in != nil && c.scope.KeepInputs {
		kept := *in
		p.Input = &kept
	}
	return p
}

// unpark decodes a record that was parked.
func unpark[K, V any](p *Parked, k serde.Serde[K], v serde.Serde[V], nulls Nulls[K, V], r *Record[K, V]) (err error) {
	*r = Record[K, V]{Timestamp: p.Timestamp, Headers: p.Headers, NullKey: p.Key == nil, NullValue: p.Value == nil}
	if p.Key != nil || nulls.Key != nil {
		if r.Key, err = k.Decode(p.Key); err != nil {
			return &DecodeError{Part: "key", Err: err}
		}
	}
	if p.Value != nil || nulls.Value != nil {
		if r.Value, err = v.Decode(p.Value); err != nil {
			return &DecodeError{Part: "value", Err: err}
		}
	}
	return nil
}

// resume makes a record that was parked the one in work.
func (c *Context) resume(p *Parked) {
	s := c.scope
	if p.HasOrigin {
		s.Begin(p.Origin, p.Key, p.Timestamp, p.Input)
	} else {
		s.BeginOther("for a record of a schedule", c, p.Timestamp)
	}
	s.current = c
}
