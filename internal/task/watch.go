package task

import (
	"math/rand/v2"

	"github.com/rivusio/rivusio/operators"
)

// watch chooses the records of a task that are traced or timed. The gaps between those that it chooses by itself are random,
// so that data which repeats itself is not always hit in the same place.
type watch struct {
	operators.Watch
	trace, time gap
}

// gap counts records down to the next one that is chosen.
type gap struct{ oneIn, left int }

func (g *gap) chosen() bool {
	switch {
	case g.oneIn <= 0:
		return false
	case g.left > 0:
		g.left--
		return false
	}
	g.left = rand.IntN(2*g.oneIn - 1) // oneIn - 1 on average
	return true
}

// newWatch is nil if no record can be chosen.
func newWatch(w operators.Watch) *watch {
	if w.Timer == nil {
		w.TimeOneIn = 0
	}
	if w.Tracer == nil && w.TimeOneIn == 0 {
		return nil
	}
	watch := &watch{Watch: w, trace: gap{oneIn: w.TraceOneIn}, time: gap{oneIn: w.TimeOneIn}}
	for _, g := range []*gap{&watch.trace, &watch.time} {
		if g.oneIn > 0 {
			g.left = rand.IntN(g.oneIn)
		}
	}
	return watch
}

// read is input.read of a record that may be watched.
func (w *watch) read(t *Task, in *input, r *operators.Input) error {
	timed := w.time.chosen()
	traced := w.Tracer != nil && w.traces(in, r)
	if !traced && !timed {
		return in.read(r)
	}
	received := operators.Received{
		Application: t.scope.Application, Task: t.scope.Task, Origin: t.scope.Origin, Timestamp: r.Timestamp, Headers: r.Headers,
		NullValue: r.Value == nil, Poll: in.pollOf(r.Offset),
	}
	return t.scope.Watch(&received, traced, timed, &r.Headers, func() error { return in.read(r) })
}

// traces reports whether a record is traced: if it has a context that says so, or if it has none and its turn has come.
func (w *watch) traces(in *input, r *operators.Input) bool {
	if len(r.Headers) > 0 {
		if _, has := operators.HeaderValue(r.Headers, operators.TraceParent); has {
			return operators.Traced(r.Headers)
		}
	}
	return !in.internal && w.trace.chosen() && (w.TraceAllowed == nil || w.TraceAllowed())
}

// fetch is a poll and the first offset that came with it.
type fetch struct {
	first int64
	poll  *operators.Poll
}

// Polled tells with which poll the records come that are added next, from an offset on. It is for spans, and does nothing
// without a tracer.
func (t *Task) Polled(number int, first int64, p *operators.Poll) {
	if t.cfg.Watch.Tracer == nil {
		return
	}
	in := t.inputs[number]
	done := 0
	for done+1 < len(in.polls) && in.polls[done+1].first <= in.next() {
		done++
	}
	in.polls = append(in.polls[done:], fetch{first, p})
}

// pollOf is the poll that fetched an offset, or nil.
func (in *input) pollOf(offset int64) *operators.Poll {
	for i := len(in.polls) - 1; i >= 0; i-- {
		if in.polls[i].first <= offset {
			return in.polls[i].poll
		}
	}
	return nil
}

// Followed are the spans of records that were traced since the last call, some of them.
func (t *Task) Followed() []operators.Span { return t.scope.Followed() }
