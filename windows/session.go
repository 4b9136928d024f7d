package windows

import (
	"fmt"
	"time"
)

// SessionWindow defines sessions: the records of a key of which each is at most the gap later than the one before. A
// session includes its End: it goes from the timestamp of its first record to that of its last. Sessions that a record
// brings within the gap of each other become one. Make one with [Session].
type SessionWindow struct {
	gap, grace time.Duration
}

// Session defines sessions that end after a time without records. With a gap of 0 only records of equal timestamps share a
// session.
func Session(gap time.Duration) SessionWindow { return SessionWindow{gap: gap} }

// Grace returns a definition whose sessions also accept records until event time is d after the end of the gap behind
// them. The default is 0.
func (s SessionWindow) Grace(d time.Duration) SessionWindow {
	s.grace = d
	return s
}

// Validate returns every mistake in the definition, joined: durations must be whole milliseconds and 0 or more, and gap +
// grace must fit into a time.Duration.
func (s SessionWindow) Validate() error {
	var m mistakes
	m.whole("gap", s.gap)
	m.notNegative("gap", s.gap)
	m.whole("grace", s.grace)
	m.notNegative("grace", s.grace)
	m.together("gap", s.gap, s.grace)
	return m.err()
}

// GapMs is the longest time (ms) between two neighbours in a session.
func (s SessionWindow) GapMs() int64 { return s.gap.Milliseconds() }

// GraceMs is how long after the gap behind it, in event time, a session still takes records (ms).
func (s SessionWindow) GraceMs() int64 { return s.grace.Milliseconds() }

// ClosedAt returns the event time (ms) from which w takes no more records: it is open while event time is before that
// (Kafka Streams: a record is dropped if its session, merged, ends before stream time - grace - gap).
func (s SessionWindow) ClosedAt(w Window) int64 {
	return endOf(endOf(endOf(w.End, s.GapMs()), s.GraceMs()), 1)
}

// Retention is gap + grace, counted from the end of a session, and 1 ms at least.
func (s SessionWindow) Retention() time.Duration { return max(time.Millisecond, s.gap+s.grace) }

// String describes the definition.
func (s SessionWindow) String() string { return withGrace(fmt.Sprintf("session %v", s.gap), s.grace) }
