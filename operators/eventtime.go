package operators

import "github.com/rivusio/rivusio/state"

// EventTime decides for one stateful operator what is late and which windows are closed. It follows stream time: the
// largest timestamp that reached this operator (Kafka Streams' observedStreamTime, KStreamWindowAggregate). The times
// are those of the operator's store, so they are durable with its rows: a task that moves decides as before.
type EventTime struct {
	times   *state.Times
	graceMs int64
}

// NewEventTime follows the times of a store, with this grace.
func NewEventTime(times *state.Times, graceMs int64) EventTime {
	return EventTime{times: times, graceMs: graceMs}
}

// Observe moves time forward to a record's timestamp (ms), if that is later.
func (e *EventTime) Observe(timestamp int64) {
	if timestamp > e.times.Operator {
		e.times.Operator = timestamp
	}
}

// CloseTime is the time (ms) at or before which windows must end to be closed.
func (e *EventTime) CloseTime() int64 { return e.times.Operator - e.graceMs }

// Closed reports whether a window with this exclusive end takes no more records.
func (e *EventTime) Closed(end int64) bool { return end <= e.CloseTime() }

// Emitted is the close time up to which results on close have been emitted, or [NoTime].
func (e *EventTime) Emitted() int64 { return e.times.Closed }

// SetEmitted records that results on close have been emitted up to this close time.
func (e *EventTime) SetEmitted(closeTime int64) { e.times.Closed = closeTime }
