package engine

import "time"

// Occupation is how a task has spent its time since it began to process. The three add up to that time.
type Occupation struct {
	// Busy is work: with records, schedules, and the state at commits.
	Busy time.Duration
	// Backpressured is time in which the task had records and was held up: by the producer, a commit, a rebalance, a pause,
	// or because its worker was with its other tasks.
	Backpressured time.Duration
	// Idle is the rest: there was nothing to do.
	Idle time.Duration
}

// occupied follows the occupation of a task. The worker's goroutine uses it.
type occupied struct {
	Occupation
	since time.Time // up to which it is known
	ready bool      // from then on there was something to do
}

// until counts the time up to now, in which the task did nothing.
func (o *occupied) until(now time.Time) {
	passed := max(0, now.Sub(o.since))
	if o.ready {
		o.Backpressured += passed
	} else {
		o.Idle += passed
	}
	o.since = now
}

// arrived says that there is something to do.
func (o *occupied) arrived(now time.Time) {
	if !o.ready {
		o.until(now)
		o.ready = true
	}
}

// worked says that the task was at work, for some time of which it was blocked by the producer, and whether more is left.
func (o *occupied) worked(began, ended time.Time, blocked time.Duration, ready bool) {
	o.until(began)
	took := ended.Sub(began)
	blocked = min(blocked, took)
	o.Busy += took - blocked
	o.Backpressured += blocked
	o.since, o.ready = ended, ready
}
