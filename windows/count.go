package windows

import (
	"fmt"
	"time"
)

// CountWindow defines windows of a number of records of one key: the records of each key are numbered from 0 in the order
// in which they come, and windows of size numbers start at every multiple of the advance. Start and End of such a [Window]
// are numbers of records, not times, and End is exclusive: [Start, Start + size). A window closes with its last record; time
// plays no part, so nothing is late and there is no grace. Make one with [TumblingCount] or [HoppingCount].
type CountWindow struct {
	size, advance int64
}

// TumblingCount defines windows of n records each, one behind the other.
func TumblingCount(n int) CountWindow { return HoppingCount(n, n) }

// HoppingCount defines windows of n records of which one starts at every advance-th record.
func HoppingCount(n, advance int) CountWindow { return CountWindow{int64(n), int64(advance)} }

// Validate returns every mistake in the definition, joined: 1 ≤ advance ≤ size.
func (c CountWindow) Validate() error {
	var m mistakes
	if c.size < 1 {
		m.add("size is %d records, want 1 or more", c.size)
	}
	if c.advance != c.size && (c.advance < 1 || c.advance > c.size) {
		m.add("advance is %d records, want 1 to the size (%d)", c.advance, c.size)
	}
	return m.err()
}

// Starts is that of [TimeWindow] for the number of a record in place of a timestamp.
func (c CountWindow) Starts(number int64) (first int64, count int) {
	if number < 0 || number > MaxTimestamp || c.advance < 1 || c.advance > c.size {
		return 0, 0
	}
	first = max(0, number-c.size+c.advance) / c.advance * c.advance
	return first, int((number-first)/c.advance) + 1
}

// Size is the number of records of each window.
func (c CountWindow) Size() int64 { return c.size }

// Advance is the distance of the starts of two neighbours, in records.
func (c CountWindow) Advance() int64 { return c.advance }

// Retention is 0: a window leaves its store when it is full.
func (c CountWindow) Retention() time.Duration { return 0 }

// String describes the definition.
func (c CountWindow) String() string {
	if c.advance == c.size {
		return fmt.Sprintf("tumbling %d records", c.size)
	}
	return fmt.Sprintf("hopping %d records every %d", c.size, c.advance)
}

func (CountWindow) definition() {}
