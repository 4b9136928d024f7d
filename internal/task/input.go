package task

import (
	"runtime/debug"

	"github.com/rivusio/rivusio/operators"
)

// unknown is an offset that nobody has told yet.
const unknown int64 = -1

// recordOverheadBytes is what a buffered record costs beside its key, value and headers.
const recordOverheadBytes = 96

// input is the buffer of one input partition: a ring of records in offset order.
type input struct {
	topic     string
	sources   []operators.Source
	extracts  operators.Source   // the one of sources that has an extractor, or nil
	waits     []operators.Source // those that may have to wait before they can decode
	ring      []operators.Input  // its length is 0 or a power of two
	head, n   int
	bytes     int64
	last      operators.Input // the record in work, so that the ring may be reused
	position  int64           // offset after the last record fetched, markers included
	end       int64           // last stable offset as of the last fetch
	committed int64           // position of the last commit

	internal bool    // it is of this topology, so traces do not begin there
	polls    []fetch // that what is buffered came with, oldest first; empty without a tracer

	admitted bool            // the head can be decoded
	missing  <-chan struct{} // what the head waits for before it can be decoded, nil if nothing

	extracted     bool  // the head's timestamp is what the extractor said
	time          int64 // largest timestamp of a record processed, or NoTime
	committedTime int64 // time at the last commit
}

// connect gives an input to the sources of its topic.
func (in *input) connect(sources []operators.Source) {
	in.sources, in.extracts, in.waits = sources, nil, nil
	for _, s := range sources {
		if s.Waits() {
			in.waits = append(in.waits, s)
		}
		if s.Extracts() {
			in.extracts = s
		}
	}
}

// read gives a record to every source of its topic.
func (in *input) read(r *operators.Input) error {
	for _, s := range in.sources {
		if err := s.Process(r); err != nil {
			return err
		}
	}
	return nil
}

// admit asks the sources whether they can decode the records that are next. A record that has to wait holds its task up, as
// others may not be older, and nothing else: no task of another partition.
func (t *Task) admit() {
	for _, in := range t.inputs {
		if len(in.waits) == 0 || in.n == 0 || in.admitted {
			continue
		}
		if in.missing != nil {
			select {
			case <-in.missing:
			default:
				continue
			}
		}
		in.missing = nil
		for _, s := range in.waits {
			if in.missing = s.Wait(&in.ring[in.head]); in.missing != nil {
				go func(missing <-chan struct{}) {
					<-missing
					t.cfg.Wake()
				}(in.missing)
				break
			}
		}
		in.admitted = in.missing == nil
	}
}

// extract asks the extractors for the timestamps of the records that are next, as the choice among them depends on those.
func (t *Task) extract() {
	for _, in := range t.inputs {
		if in.extracts == nil || in.extracted || in.n == 0 || in.missing != nil {
			continue
		}
		head := &in.ring[in.head]
		o := operators.Origin{Topic: in.topic, Partition: t.id.Partition, Offset: head.Offset}
		t.scope.Begin(o, head.Key, head.Timestamp, nil)
		head.Timestamp = in.extracts.Timestamp(head, o, in.time)
		in.extracted = true
	}
}

// Timestamp is when a record that is next of an input happened; ok is false if no extractor says so. The record need not have
// been added.
func (t *Task) Timestamp(number int, r *operators.Input) (ms int64, ok bool, err error) {
	in := t.inputs[number]
	if in.extracts == nil {
		return 0, false, nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = t.scope.Recovered(v, debug.Stack())
		}
	}()
	o := operators.Origin{Topic: in.topic, Partition: t.id.Partition, Offset: r.Offset}
	t.scope.Begin(o, r.Key, r.Timestamp, nil)
	return in.extracts.Timestamp(r, o, in.time), true, nil
}

// Add buffers a record that was read from an input. Its slices are kept, not copied.
func (t *Task) Add(number int, r *operators.Input) {
	in := t.inputs[number]
	if in.n == len(in.ring) {
		in.grow()
	}
	in.ring[(in.head+in.n)&(len(in.ring)-1)] = *r
	in.n++
	in.bytes += sizeOf(r)
	in.position = r.Offset + 1
}

// Advance tells the position after a fetch, which may be behind records that are not for the task (transaction markers),
// and the last stable offset; end -1 leaves that as it is.
func (t *Task) Advance(number int, position, end int64) {
	in := t.inputs[number]
	in.position = max(in.position, position)
	if end >= 0 {
		in.end = end
	}
}

// Start tells the offset from which an input is read: the committed one, or the start of the log.
func (t *Task) Start(number int, offset int64) {
	in := t.inputs[number]
	in.position, in.committed = offset, offset
}

// BufferedBytes is what the buffer of an input holds.
func (t *Task) BufferedBytes(number int) int64 { return t.inputs[number].bytes }

// BufferedRecords is how many records wait in the buffer of an input.
func (t *Task) BufferedRecords(number int) int { return t.inputs[number].n }

// Last is the offset of the record that was taken from an input last; some must have been.
func (t *Task) Last(number int) int64 { return t.inputs[number].last.Offset }

// Lag is how many offsets of an input lie between what was processed and its end, or -1 if the end is not known.
func (t *Task) Lag(number int) int64 {
	in := t.inputs[number]
	if in.end == unknown || in.next() == unknown {
		return unknown
	}
	return max(0, in.end-in.next())
}

// End is the last stable offset of an input as of the last time that somebody told; -1 if nobody has.
func (t *Task) End(number int) int64 { return t.inputs[number].end }

// next is the offset of the first record that was not processed.
func (in *input) next() int64 {
	if in.n > 0 {
		return in.ring[in.head].Offset
	}
	return in.position
}

func (in *input) pop() *operators.Input {
	at := &in.ring[in.head]
	in.last = *at
	*at = operators.Input{}
	in.head = (in.head + 1) & (len(in.ring) - 1)
	in.n--
	in.bytes -= sizeOf(&in.last)
	in.extracted, in.admitted = false, false
	return &in.last
}

func (in *input) grow() {
	ring := make([]operators.Input, max(64, 2*len(in.ring)))
	for i := range in.n {
		ring[i] = in.ring[(in.head+i)&(len(in.ring)-1)]
	}
	in.ring, in.head = ring, 0
}

func (in *input) reset() {
	in.ring, in.head, in.n, in.bytes = nil, 0, 0, 0
	in.position, in.end = in.committed, unknown
	in.extracted, in.time, in.polls = false, in.committedTime, nil
	in.admitted, in.missing = false, nil
}

func sizeOf(r *operators.Input) int64 {
	n := recordOverheadBytes + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return int64(n)
}

// idleness is how long the task has been waiting for inputs that are read up to their end.
type idleness struct {
	waiting bool
	sinceMs int64
}

// choose is the input whose next record is to be processed, or nil if the task has to wait (K2).
func (t *Task) choose() *input {
	var best *input
	empty := false
	for _, in := range t.inputs {
		switch {
		case in.missing != nil:
			return nil
		case in.n == 0:
			empty = true
		case best == nil || in.ring[in.head].Timestamp < best.ring[best.head].Timestamp:
			best = in
		}
	}
	if best == nil || !empty {
		t.idle.waiting = false
		return best
	}
	if !t.enough() {
		return nil
	}
	return best
}

// enough reports whether the task may go on although an input is empty.
func (t *Task) enough() bool {
	if t.cfg.MaxIdleMs < 0 {
		return true
	}
	for _, in := range t.inputs {
		if in.n == 0 && (in.end == unknown || in.position < in.end) {
			t.idle.waiting = false
			return false
		}
	}
	if t.cfg.MaxIdleMs == 0 {
		return true
	}
	if !t.idle.waiting {
		t.idle = idleness{waiting: true, sinceMs: t.nowMs}
	}
	return t.nowMs-t.idle.sinceMs >= t.cfg.MaxIdleMs
}

// Ready reports whether Process would do anything now.
func (t *Task) Ready() bool {
	switch {
	case t.scope.Returned():
		return true
	case t.scope.Full():
		return false
	case t.scope.WorkLeft():
		return true
	}
	t.nowMs = t.cfg.WallClock()
	if t.waiting {
		t.admit()
	}
	return t.choose() != nil
}

// WaitsFor are the inputs without which the task cannot go on: they are empty, others are not, and they may still bring
// older records. Whoever fetches must not hold these back (hard point 6).
func (t *Task) WaitsFor() []int {
	var waits []int
	buffered := false
	for i, in := range t.inputs {
		if in.n > 0 {
			buffered = true
		} else if in.end == unknown || in.position < in.end {
			waits = append(waits, i)
		}
	}
	if !buffered || t.cfg.MaxIdleMs < 0 {
		return nil
	}
	return waits
}
