package operators

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rivusio/rivusio/serde"
)

// The last byte of an encoded Replacement says what stands before it.
const (
	onlyOld   = 0 // old
	onlyNew   = 1 // new
	newAndOld = 2 // length of new (zig-zag varint), new, old
)

// ReplacementSerde writes a [Replacement] as Kafka Streams writes the changes of a grouped table (KIP-904). Nil if v is nil.
func ReplacementSerde[V any](v serde.Serde[V]) serde.Serde[Replacement[V]] {
	if v == nil {
		return nil
	}
	return replacementSerde[V]{v}
}

type replacementSerde[V any] struct{ v serde.Serde[V] }

func (s replacementSerde[V]) Append(dst []byte, r Replacement[V]) (_ []byte, err error) {
	at := len(dst)
	switch {
	case r.HasNew && r.HasOld:
		return s.appendBoth(dst, r)
	case r.HasNew:
		if dst, err = s.v.Append(dst, r.New); err != nil {
			return dst[:at], fmt.Errorf("new value: %w", err)
		}
		return append(dst, onlyNew), nil
	case r.HasOld:
		if dst, err = s.v.Append(dst, r.Old); err != nil {
			return dst[:at], fmt.Errorf("old value: %w", err)
		}
		return append(dst, onlyOld), nil
	}
	return dst, errors.New("a replacement has neither a new nor an old value")
}

func (s replacementSerde[V]) appendBoth(dst []byte, r Replacement[V]) (_ []byte, err error) {
	at := len(dst)
	// The length stands first but is known last: the value moves up to it.
	var length [binary.MaxVarintLen64]byte
	dst = append(dst, length[:]...)
	if dst, err = s.v.Append(dst, r.New); err != nil {
		return dst[:at], fmt.Errorf("new value: %w", err)
	}
	n := len(dst) - at - len(length)
	width := binary.PutVarint(length[:], int64(n))
	copy(dst[at:], length[:width])
	copy(dst[at+width:], dst[at+len(length):])
	dst = dst[:at+width+n]
	if dst, err = s.v.Append(dst, r.Old); err != nil {
		return dst[:at], fmt.Errorf("old value: %w", err)
	}
	return append(dst, newAndOld), nil
}

func (s replacementSerde[V]) Decode(b []byte) (r Replacement[V], err error) {
	if len(b) == 0 {
		return r, errors.New("an encoded replacement has no bytes")
	}
	kind, b := b[len(b)-1], b[:len(b)-1]
	switch kind {
	case onlyOld:
		r.HasOld = true
		r.Old, err = s.v.Decode(b)
	case onlyNew:
		r.HasNew = true
		r.New, err = s.v.Decode(b)
	case newAndOld:
		n, width := binary.Varint(b)
		if width <= 0 || n < 0 || n > int64(len(b)-width) {
			return r, fmt.Errorf("an encoded replacement of %d bytes begins with a length of %d", len(b)+1, n)
		}
		b = b[width:]
		r.HasNew, r.HasOld = true, true
		if r.New, err = s.v.Decode(b[:n]); err == nil {
			r.Old, err = s.v.Decode(b[n:])
		}
	default:
		return r, fmt.Errorf("an encoded replacement ends with the kind %d, which is not known", kind)
	}
	if err != nil {
		return Replacement[V]{}, err
	}
	return r, nil
}
