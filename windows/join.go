package windows

import (
	"fmt"
	"math"
	"time"
)

// JoinWindow says which records of two streams are near enough in time to be joined: a right record at most before
// earlier and at most after later than the left one, both bounds included. Make one with [Within]; the zero value joins
// records of equal timestamps.
type JoinWindow struct {
	before, after, grace time.Duration
}

// Within joins records whose timestamps are at most d apart, either way.
func Within(d time.Duration) JoinWindow { return JoinWindow{before: d, after: d} }

// Before returns a definition in which a right record may be d earlier than the left one. With a negative d it must be at
// least that much later.
func (j JoinWindow) Before(d time.Duration) JoinWindow {
	j.before = d
	return j
}

// After returns a definition in which a right record may be d later than the left one. With a negative d it must be at
// least that much earlier.
func (j JoinWindow) After(d time.Duration) JoinWindow {
	j.after = d
	return j
}

// Grace returns a definition that still joins records that are d late in event time. The default is 0.
func (j JoinWindow) Grace(d time.Duration) JoinWindow {
	j.grace = d
	return j
}

// Validate returns every mistake in the definition, joined: durations must be whole milliseconds, 0 ≤ before + after,
// 0 ≤ grace, and before + after + grace must fit into a time.Duration.
func (j JoinWindow) Validate() error {
	var m mistakes
	m.whole("before", j.before)
	if j.after != j.before { // said once
		m.whole("after", j.after)
	}
	m.whole("grace", j.grace)
	m.notNegative("grace", j.grace)
	switch {
	case j.before > 0 && j.after > math.MaxInt64-j.before:
		m.add("before %v and after %v are together longer than %v", j.before, j.after, time.Duration(math.MaxInt64))
	case j.before < 0 && j.after < math.MinInt64-j.before, j.before+j.after < 0:
		m.add("before %v and after %v leave no time to join, want a sum of 0 or more", j.before, j.after)
	default:
		m.together("before + after", j.before+j.after, j.grace)
	}
	return m.err()
}

// Of returns the timestamps (ms) that a left record with this timestamp (ms) joins on the right, both included; it joins
// none if to < from. For timestamps from 0 to [MaxTimestamp] nothing overflows.
func (j JoinWindow) Of(timestamp int64) (from, to int64) {
	return timestamp - j.BeforeMs(), timestamp + j.AfterMs()
}

// Mirrored is the definition as seen from the right: its Of gives the left timestamps that a right record joins.
func (j JoinWindow) Mirrored() JoinWindow {
	return JoinWindow{before: j.after, after: j.before, grace: j.grace}
}

// BeforeMs is how much earlier than the left record (ms) a right one may be; it may be negative.
func (j JoinWindow) BeforeMs() int64 { return j.before.Milliseconds() }

// AfterMs is how much later than the left record (ms) a right one may be; it may be negative.
func (j JoinWindow) AfterMs() int64 { return j.after.Milliseconds() }

// SizeMs is the length of the interval (ms): before + after.
func (j JoinWindow) SizeMs() int64 { return j.BeforeMs() + j.AfterMs() }

// GraceMs is how late a record may be in event time (ms) and still be joined.
func (j JoinWindow) GraceMs() int64 { return j.grace.Milliseconds() }

// Retention is before + after + grace: how long each side keeps its records.
func (j JoinWindow) Retention() time.Duration { return j.before + j.after + j.grace }

// String describes the definition.
func (j JoinWindow) String() string {
	s := fmt.Sprintf("within %v", j.before)
	if j.before != j.after {
		s = fmt.Sprintf("%v before to %v after", j.before, j.after)
	}
	return withGrace(s, j.grace)
}
