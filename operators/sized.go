package operators

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/rivusio/rivusio/serde"
)

// Lists inside the rows of operators' stores are written with sizes: four bytes, big-endian, in front of what they count.

// nullSize is the size of a null.
const nullSize = math.MaxUint32

const sizeBytes = 4

// appendSized appends a value with the size of its encoding.
func appendSized[V any](dst []byte, s serde.Serde[V], v V) ([]byte, error) {
	at := len(dst)
	dst, err := s.Append(append(dst, 0, 0, 0, 0), v)
	if err != nil {
		return dst, err
	}
	size := len(dst) - at - sizeBytes
	if size >= nullSize {
		return dst, fmt.Errorf("value has %d bytes, want less than %d", size, nullSize)
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(size))
	return dst, nil
}

func appendSizedBytes(dst, b []byte) []byte {
	if b == nil {
		return binary.BigEndian.AppendUint32(dst, nullSize)
	}
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}

// sized reads what was written with sizes. After the first mistake, which is in err, it gives nothing.
type sized struct {
	rest []byte
	err  error
}

var errCutOff = errors.New("row is cut off")

// more reports whether there is something left to read.
func (s *sized) more() bool { return s.err == nil && len(s.rest) > 0 }

func (s *sized) number() uint32 {
	if s.err != nil || len(s.rest) < sizeBytes {
		s.err = errCutOff
		return 0
	}
	n := binary.BigEndian.Uint32(s.rest)
	s.rest = s.rest[sizeBytes:]
	return n
}

// bytes returns a part of what it reads, nil for a null.
func (s *sized) bytes() []byte {
	n := s.number()
	if n == nullSize {
		return nil
	}
	if s.err != nil || uint64(n) > uint64(len(s.rest)) {
		s.err = errCutOff
		return nil
	}
	b := s.rest[:n:n]
	s.rest = s.rest[n:]
	return b
}

// headers reads what appendSizedHeaders wrote.
func (s *sized) headers() (headers []Header) {
	for n := s.number(); n > 0 && s.err == nil; n-- {
		headers = append(headers, Header{Key: string(s.bytes()), Value: s.bytes()})
	}
	return headers
}
