package operators

import (
	"encoding/binary"
	"errors"
	"math"
)

// cause is a record that moved a time so far that more rows leave than fit in one turn.
type cause struct {
	closeTime int64 // the time that it moved to
	headers   []Header
}

// appendCauses writes causes down, for the times of a store.
func appendCauses(causes []cause) string {
	b := binary.AppendUvarint(nil, uint64(len(causes)))
	for _, c := range causes {
		b = binary.AppendUvarint(b, uint64(c.closeTime))
		b = binary.AppendUvarint(b, uint64(len(c.headers)))
		for _, h := range c.headers {
			b = appendText(b, h.Key)
			b = append(b, isNil(h.Value))
			b = appendText(b, string(h.Value))
		}
	}
	return string(b)
}

func isNil(b []byte) byte {
	if b == nil {
		return 1
	}
	return 0
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errCauses = errors.New("operators: what is left of a turn does not decode")

// decodeCauses reads what appendCauses wrote, at least one cause, and returns what follows.
func decodeCauses(left string) (_ []cause, rest string, err error) {
	r := causeReader{rest: left}
	causes := make([]cause, r.count())
	for i := range causes {
		causes[i].closeTime = int64(r.number())
		if n := r.count(); n > 0 {
			causes[i].headers = make([]Header, n)
		}
		for j := range causes[i].headers {
			h := &causes[i].headers[j]
			h.Key = r.text()
			null := r.number() == 1
			if value := r.text(); !null {
				h.Value = []byte(value)
			}
		}
	}
	if r.bad || len(causes) == 0 {
		return nil, "", errCauses
	}
	return causes, r.rest, nil
}

// causeReader reads the parts of causes.
type causeReader struct {
	rest string
	bad  bool
}

func (r *causeReader) number() uint64 {
	n, size := binary.Uvarint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if size <= 0 || n > math.MaxInt64 {
		r.rest, r.bad = "", true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// count is a number of things that each take a byte at least.
func (r *causeReader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *causeReader) text() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}
