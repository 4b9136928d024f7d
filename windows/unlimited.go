package windows

import (
	"fmt"
	"math"
	"time"
)

// UnlimitedWindow defines one window without an end, [start, ∞): its End is the largest int64. It never closes, so no
// record is late, it has no grace and no results on close. Make one with [Unlimited]; the zero value is its result.
type UnlimitedWindow struct {
	startMs int64
}

// Unlimited defines the window that starts at the epoch and never ends.
func Unlimited() UnlimitedWindow { return UnlimitedWindow{} }

// StartOn returns a definition whose window starts at a time, to the millisecond. Records before it are in no window.
func (u UnlimitedWindow) StartOn(t time.Time) UnlimitedWindow {
	u.startMs = t.UnixMilli()
	return u
}

// Validate returns every mistake in the definition: the start must not be before the epoch, nor after [MaxTimestamp].
func (u UnlimitedWindow) Validate() error {
	var m mistakes
	if u.startMs < 0 || u.startMs > MaxTimestamp {
		m.add("unlimited window starts at %d ms since the epoch, want 0 to %d", u.startMs, MaxTimestamp)
	}
	return m.err()
}

// Window is the window.
func (u UnlimitedWindow) Window() Window { return Window{u.startMs, math.MaxInt64} }

// Starts is that of [TimeWindow]: one window, none of a timestamp before the start.
func (u UnlimitedWindow) Starts(timestamp int64) (first int64, count int) {
	if timestamp < u.startMs || timestamp > MaxTimestamp {
		return 0, 0
	}
	return u.startMs, 1
}

// SizeMs is the time (ms) from the start to the largest int64.
func (u UnlimitedWindow) SizeMs() int64 { return math.MaxInt64 - u.startMs }

// AdvanceMs is SizeMs: no other window starts.
func (u UnlimitedWindow) AdvanceMs() int64 { return u.SizeMs() }

// GraceMs is 0: no record is late.
func (u UnlimitedWindow) GraceMs() int64 { return 0 }

// Retention is for ever.
func (u UnlimitedWindow) Retention() time.Duration { return math.MaxInt64 }

// String describes the definition.
func (u UnlimitedWindow) String() string {
	if u.startMs == 0 {
		return "unlimited"
	}
	return fmt.Sprintf("unlimited from %s", time.UnixMilli(u.startMs).UTC().Format("2006-01-02T15:04:05.999Z07:00"))
}

func (UnlimitedWindow) definition() {}
