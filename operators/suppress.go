package operators

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/rivusio/rivusio/serde"
)

// BufferLimits say how much a suppression may hold back, and what happens when that is exceeded.
type BufferLimits struct {
	MaxRecords int64 // negative: no limit
	MaxBytes   int64 // of encoded keys and rows; negative: no limit
	// EmitEarly lets rows out before they are due, the first first, until the rest is within the limits. Without it the task
	// fails with a [BufferFullError].
	EmitEarly bool
}

func (l BufferLimits) limited() bool { return l.MaxRecords >= 0 || l.MaxBytes >= 0 }

// BufferFullError is why a suppression that must not emit early fails.
type BufferFullError struct {
	Records, Bytes int64 // that it holds
	Limits         BufferLimits
}

// Error says what is held and what may be.
func (e *BufferFullError) Error() string {
	var most []string
	if e.Limits.MaxRecords >= 0 {
		most = append(most, fmt.Sprintf("%d records", e.Limits.MaxRecords))
	}
	if e.Limits.MaxBytes >= 0 {
		most = append(most, fmt.Sprintf("%d bytes", e.Limits.MaxBytes))
	}
	return fmt.Sprintf("the suppression buffer is full: it holds %d records in %d bytes, and may hold %s", e.Records, e.Bytes, strings.Join(most, " and "))
}

// held is what a suppression holds back at present. Like the heaps it is made of the rows when an operator starts.
type held struct {
	limits         BufferLimits
	records, bytes int64
}

func (h *held) add(records, bytes int) {
	h.records += int64(records)
	h.bytes += int64(bytes)
}

func (h *held) over() bool {
	return h.limits.MaxRecords >= 0 && h.records > h.limits.MaxRecords || h.limits.MaxBytes >= 0 && h.bytes > h.limits.MaxBytes
}

func (h *held) full() error {
	return &BufferFullError{Records: h.records, Bytes: h.bytes, Limits: h.limits}
}

// heldRows writes the changes that a suppression holds back as rows of bytes:
//
//	time (8)  old row, its length + 1 before it, or 0  |  delete (1)  headers  new row
//
// Time is the place of a row in the order in which rows leave, old is what left last. Both stay while newer changes of the
// key replace what is behind them.
type heldRows[V any] struct{ values serde.Serde[V] }

var errHeldRow = errors.New("row of a suppression buffer is damaged")

// begin makes the first part of a row.
func (h heldRows[V]) begin(at int64, old V, hasOld bool) ([]byte, error) {
	row := binary.BigEndian.AppendUint64(make([]byte, 0, 64), uint64(at))
	if !hasOld {
		return append(row, 0), nil
	}
	encoded, err := h.values.Append(nil, old)
	if err != nil {
		return nil, fmt.Errorf("encode old row: %w", err)
	}
	row = binary.AppendUvarint(row, uint64(len(encoded))+1)
	return append(row, encoded...), nil
}

// finish adds the rest to the first part.
func (h heldRows[V]) finish(row []byte, headers []Header, value V, null bool) ([]byte, error) {
	deleted := byte(0)
	if null {
		deleted = 1
	}
	row = binary.AppendUvarint(append(row, deleted), uint64(len(headers)))
	for _, header := range headers {
		row = append(binary.AppendUvarint(row, uint64(len(header.Key))), header.Key...)
		if header.Value == nil {
			row = append(row, 0)
			continue
		}
		row = append(binary.AppendUvarint(row, uint64(len(header.Value))+1), header.Value...)
	}
	if null {
		return row, nil
	}
	row, err := h.values.Append(row, value)
	if err != nil {
		return nil, fmt.Errorf("encode row: %w", err)
	}
	return row, nil
}

// split returns the time of a row, the encoded old row (nil if there is none) and where the second part begins.
func (h heldRows[V]) split(row []byte) (at int64, old []byte, second int, err error) {
	if len(row) < 9 {
		return 0, nil, 0, errHeldRow
	}
	at = int64(binary.BigEndian.Uint64(row))
	n, width := binary.Uvarint(row[8:])
	second = 8 + width
	if width <= 0 || n > uint64(len(row)-second)+1 {
		return 0, nil, 0, errHeldRow
	}
	if n > 0 {
		old = row[second : second+int(n)-1]
		second += len(old)
	}
	return at, old, second, nil
}

// old decodes the row that left last.
func (h heldRows[V]) old(row []byte) (old V, hasOld bool, err error) {
	_, encoded, _, err := h.split(row)
	if err != nil || encoded == nil {
		return old, false, err
	}
	old, err = h.values.Decode(encoded)
	return old, err == nil, err
}

// change decodes a row. The headers are the row's.
func (h heldRows[V]) change(row []byte, sendOld bool) (c Change[V], headers []Header, null bool, err error) {
	_, old, second, err := h.split(row)
	if err != nil {
		return c, nil, false, err
	}
	if sendOld && old != nil {
		if c.Old, err = h.values.Decode(old); err != nil {
			return c, nil, false, fmt.Errorf("decode old row: %w", err)
		}
		c.HasOld = true
	}
	if second >= len(row) {
		return c, nil, false, errHeldRow
	}
	null = row[second] == 1
	headers, encoded, err := splitHeaders(row[second+1:])
	if err != nil || null {
		return c, headers, null, err
	}
	if c.New, err = h.values.Decode(encoded); err != nil {
		return c, nil, false, fmt.Errorf("decode row: %w", err)
	}
	return c, headers, false, nil
}

func splitHeaders(b []byte) (headers []Header, rest []byte, err error) {
	take := func() uint64 {
		n, width := binary.Uvarint(b)
		if width <= 0 {
			err = errHeldRow
			return 0
		}
		b = b[width:]
		return n
	}
	bytes := func(n uint64) []byte {
		if n > uint64(len(b)) {
			err = errHeldRow
			return nil
		}
		taken := b[:n:n]
		b = b[n:]
		return taken
	}
	for n := take(); n > 0 && err == nil; n-- {
		header := Header{Key: string(bytes(take()))}
		if n := take(); n > 0 {
			header.Value = bytes(n - 1)
		}
		headers = append(headers, header)
	}
	return headers, b, err
}
