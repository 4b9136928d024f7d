package windows

import (
	"fmt"
	"iter"
	"time"
)

// TimeWindow defines windows of a fixed size that start at every multiple of an advance.
// Make one with [Tumbling] or [Hopping]; the zero value does not validate and has no windows.
type TimeWindow struct {
	size, advance, grace time.Duration
}

// Tumbling defines windows that follow each other without gap or overlap.
func Tumbling(size time.Duration) TimeWindow { return Hopping(size, size) }

// Hopping defines windows of the given size of which one starts at every multiple of advance, so that a record
// belongs to about size/advance of them.
func Hopping(size, advance time.Duration) TimeWindow { return TimeWindow{size: size, advance: advance} }

// Grace returns a definition whose windows also accept records until event time is d after the window's end. The default is 0.
func (t TimeWindow) Grace(d time.Duration) TimeWindow {
	t.grace = d
	return t
}

// Validate returns every mistake in the definition, joined: durations must be whole milliseconds, 0 < advance ≤ size,
// 0 ≤ grace, and size + grace must fit into a time.Duration.
func (t TimeWindow) Validate() error {
	var m mistakes
	m.whole("size", t.size)
	if t.advance != t.size { // said once
		m.whole("advance", t.advance)
	}
	m.whole("grace", t.grace)
	if t.size <= 0 {
		m.add("size is %v, want at least 1ms", t.size)
	}
	if t.advance != t.size && (t.advance <= 0 || t.advance > t.size) {
		m.add("advance is %v, want 1ms to the size (%v)", t.advance, t.size)
	}
	m.notNegative("grace", t.grace)
	m.together("size", t.size, t.grace)
	return m.err()
}

// Of yields the windows that contain a timestamp (ms), by ascending start.
func (t TimeWindow) Of(timestamp int64) iter.Seq[Window] {
	return func(yield func(Window) bool) {
		first, count := t.Starts(timestamp)
		for i := range int64(count) {
			start := first + i*t.AdvanceMs()
			if !yield(Window{start, start + t.SizeMs()}) {
				return
			}
		}
	}
}

// Starts returns what [TimeWindow.Of] yields as numbers, for loops that must not allocate: the windows that contain the
// timestamp (ms) start at first, first + AdvanceMs, …, count of them. There are none of a timestamp that is negative or
// after [MaxTimestamp], and none of a definition that does not validate.
func (t TimeWindow) Starts(timestamp int64) (first int64, count int) {
	size, advance := t.SizeMs(), t.AdvanceMs()
	if timestamp < 0 || timestamp > MaxTimestamp || advance <= 0 || advance > size {
		return 0, 0
	}
	first = max(0, timestamp-size+advance) / advance * advance // W2
	return first, int((timestamp-first)/advance) + 1
}

// SizeMs is the size of each window (ms).
func (t TimeWindow) SizeMs() int64 { return t.size.Milliseconds() }

// AdvanceMs is the distance of the starts of two neighbours (ms).
func (t TimeWindow) AdvanceMs() int64 { return t.advance.Milliseconds() }

// GraceMs is how long after its end, in event time, a window still takes records (ms).
func (t TimeWindow) GraceMs() int64 { return t.grace.Milliseconds() }

// ClosedAt returns the event time (ms) from which w takes no more records: it is open while event time is before that
// (Kafka Streams: a window is updated if its end > stream time - grace).
func (t TimeWindow) ClosedAt(w Window) int64 { return endOf(w.End, t.GraceMs()) }

// Retention is size + grace.
func (t TimeWindow) Retention() time.Duration { return t.size + t.grace }

// String describes the definition.
func (t TimeWindow) String() string {
	s := fmt.Sprintf("tumbling %v", t.size)
	if t.advance != t.size {
		s = fmt.Sprintf("hopping %v every %v", t.size, t.advance)
	}
	return withGrace(s, t.grace)
}

func (TimeWindow) definition() {}
