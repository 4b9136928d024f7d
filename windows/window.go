package windows

import (
	"math"
	"time"

	"github.com/rivusio/rivusio/serde"
)

// MaxTimestamp is the largest timestamp (ms) that has windows, about the year 146 million. Whoever takes timestamps from
// outside refuses larger ones, and negative ones, before they get here.
const MaxTimestamp int64 = 1 << 62

// Window is an interval in milliseconds since the epoch. A time window is half-open, [Start, End); a sliding window and a
// session include their End; those of a [CountWindow] count records in the place of milliseconds.
type Window struct {
	Start, End int64
}

// Contains reports whether a record with this timestamp (ms) falls into the half-open window.
func (w Window) Contains(timestamp int64) bool {
	return w.Start <= timestamp && timestamp < w.End
}

// Keyed is a key in a window: the key of a windowed aggregation's results.
type Keyed[K any] struct {
	Key K
	Window
}

// Key returns k in w. As a function value it is the usual argument of WindowedTable.ToStream.
func Key[K any](k K, w Window) Keyed[K] { return Keyed[K]{Key: k, Window: w} }

// Serde is the default serde of a windowed key: [KeySerde] of the default of K as a key, nil if K has none.
func (Keyed[K]) Serde() serde.Serde[Keyed[K]] { return KeySerde(serde.ForKey[K]()) }

// Definition says which windows the records of a key belong to. It is a [TimeWindow], a [SlidingWindow], an
// [UnlimitedWindow] or a [CountWindow]; the set is closed. Sessions have a way of their own, because theirs merge.
type Definition interface {
	// Validate returns every mistake in the definition, joined, or nil.
	Validate() error

	// Retention is how long after its start a window's row is kept by default: until the window takes no more records. 0
	// means that time plays no part.
	Retention() time.Duration

	// String describes the definition, as in "tumbling 1m0s, grace 10s".
	String() string

	definition()
}

// endOf returns start + size for a start of 0 or more, at most the largest int64.
func endOf(start, sizeMs int64) int64 {
	if start > math.MaxInt64-sizeMs {
		return math.MaxInt64
	}
	return start + sizeMs
}
