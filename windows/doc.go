// Package windows says which windows a timestamp belongs to, and how a windowed key is written.
//
// It is arithmetic and codecs only: it knows no clock, no store and no record, so every rule here can be tested by itself.
// Whether a window is still open is decided elsewhere, from event time and [TimeWindow.ClosedAt].
//
// Rules that other packages rely on:
//
//	W1  Time windows are half-open, [Start, End), and aligned to the Unix epoch. Sliding windows and sessions lie where the
//	    records are, and include their End.
//	W2  No window starts before the epoch (Kafka Streams, TimeWindows.windowsFor).
//	W3  Windows of one timestamp are visited by ascending start; results leave in that order.
//	W4  A windowed key is written as Kafka Streams writes it, and goes to the partition of its base key.
//	W5  For timestamps from 0 to [MaxTimestamp] no computation overflows; any other timestamp has no windows.
//
// Timestamps are milliseconds since the epoch, as in Kafka. Durations count in whole milliseconds.
package windows
