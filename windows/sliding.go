package windows

import (
	"fmt"
	"math"
	"time"
)

// SlidingWindow defines windows that lie where the records are: of a record at t there is a window that ends at t and,
// once it holds a record, one that starts right after t. So two records share a window exactly if they are at most the
// difference apart. Unlike a time window, a sliding window includes its End: it is [Start, Start + difference].
// Make one with [Sliding]; the zero value groups records of equal timestamps.
type SlidingWindow struct {
	difference, grace time.Duration
}

// Sliding defines sliding windows of records that are at most a difference apart. A difference of 0 groups records of
// equal timestamps.
func Sliding(difference time.Duration) SlidingWindow { return SlidingWindow{difference: difference} }

// Grace returns a definition whose windows also accept records until event time is d after the window's end. The default is 0.
func (s SlidingWindow) Grace(d time.Duration) SlidingWindow {
	s.grace = d
	return s
}

// Validate returns every mistake in the definition, joined: durations must be whole milliseconds and 0 or more, and
// difference + grace must fit into a time.Duration.
func (s SlidingWindow) Validate() error {
	var m mistakes
	m.whole("difference", s.difference)
	m.notNegative("difference", s.difference)
	m.whole("grace", s.grace)
	m.notNegative("grace", s.grace)
	m.together("difference", s.difference, s.grace)
	return m.err()
}

// DifferenceMs is the time (ms) from the start of a window to its end, both of which it includes.
func (s SlidingWindow) DifferenceMs() int64 { return s.difference.Milliseconds() }

// GraceMs is how long after its end, in event time, a window still takes records (ms).
func (s SlidingWindow) GraceMs() int64 { return s.grace.Milliseconds() }

// At returns the window that starts at a time (ms, 0 or more).
func (s SlidingWindow) At(start int64) Window { return Window{start, endOf(start, s.DifferenceMs())} }

// ClosedAt returns the event time (ms) from which w takes no more records: it is open while event time is before that
// (Kafka Streams: a sliding window is updated if its end >= stream time - grace).
func (s SlidingWindow) ClosedAt(w Window) int64 { return endOf(endOf(w.End, s.GraceMs()), 1) }

// Retention is twice the difference + grace, and 1 ms at least: so far back lies the start of the earliest window that a
// record in time may still need (Kafka Streams keeps as much).
func (s SlidingWindow) Retention() time.Duration {
	if s.difference > (math.MaxInt64-s.grace)/2 {
		return math.MaxInt64
	}
	return max(time.Millisecond, 2*s.difference+s.grace)
}

// String describes the definition.
func (s SlidingWindow) String() string {
	return withGrace(fmt.Sprintf("sliding %v", s.difference), s.grace)
}

func (SlidingWindow) definition() {}
