package operators

import (
	"errors"
	"time"
)

// TraceParent is the header with the context of a record's trace (W3C Trace Context).
const TraceParent = "traceparent"

// Watch follows some records through the operators of tasks. The zero value follows none, and costs nothing.
type Watch struct {
	Tracer Tracer // nil: no record is traced
	Timer  Timer  // nil: no record is timed
	// TraceOneIn is in how many records without a context of a trace one begins a trace, on average. 0: none does. Records
	// with a context are traced if whoever began the trace records it.
	TraceOneIn int
	// TraceAllowed is asked when the turn of such a record has come; false: it passes untraced. Nil: always.
	TraceAllowed func() bool
	// TimeOneIn is in how many records one is timed, on average. 0: none.
	TimeOneIn int
}

// Tracer makes the spans of traced records. Tasks call it, several at once.
type Tracer interface {
	// Receive begins the span of the work with an input record: in the trace that its headers tell, or else in a new one.
	// The headers that it returns are those with which the record goes on; they carry the context of the span.
	Receive(r *Received) (Span, []Header)
	// Operate begins the span of the work of one operator.
	Operate(parent Span, c *Context) Span
	// Send begins the span of a record that is written, and puts its context into the headers of the record.
	Send(parent Span, c *Context, o *Output) Span
	// Resume begins the span of a record that an operator kept and now forwards, in the trace that its headers tell.
	Resume(c *Context, headers []Header) (Span, []Header)
	// Close begins a trace for a result that several records caused, with links to their contexts, which are values of
	// [TraceParent].
	Close(c *Context, headers []Header, links []string) (Span, []Header)
}

// Span is the work of one place with one record.
type Span interface {
	// End ends the span; err is what the work failed with, or nil.
	End(err error)
}

// Timer takes the times of records that are timed. Tasks call it, several at once.
type Timer interface {
	// Processed tells how long a task took for an input record.
	Processed(application string, o Origin, took time.Duration, err error)
	// Operated tells how long one operator took for a record, without those that it forwarded to.
	Operated(c *Context, took time.Duration)
}

// Received is an input record as a [Tracer] sees it.
type Received struct {
	Application string
	Task        string
	Origin      Origin
	Timestamp   int64 // ms since the epoch
	Headers     []Header
	NullValue   bool
	Poll        *Poll // that fetched it; nil if nobody said
}

// Poll is one fetch of records by a runtime.
type Poll struct {
	Client  string // id of the client
	Began   time.Time
	Took    time.Duration
	Records int
	// Span is the tracer's own, of the poll's first traced record. Only one goroutine at a time uses it.
	Span any
}

// Traced reports whether headers carry the context of a trace that is recorded.
func Traced(headers []Header) bool {
	const length, flags = 55, 54 // of version 0: VERSION-TRACE-SPAN-FLAGS; the last digit has the bit that says recorded
	for i := range headers {
		if h := &headers[i]; h.Key == TraceParent && len(h.Value) >= length {
			odd := h.Value[flags]&1 == 1
			return odd != (h.Value[flags] > '9') // 'a' is ten, and odd as a character
		}
	}
	return false
}

// maxFollowed is how many traced records a task remembers for the span of its next commit.
const maxFollowed = 16

// errPanicked is what a span ends with whose work panicked; what it panicked with is in the task's error.
var errPanicked = errors.New("panic")

// watching is what a scope knows of the record that is watched.
type watching struct {
	on       bool // a record is watched: traced, timed, or both
	span     Span // of the place that is at work; nil: not traced
	timing   bool
	inner    time.Duration // that operators took below the one at work
	followed []Span        // records traced since the last commit, some of them
}

// Watch runs read, which is the work with an input record, traced or timed or both. It sets the headers with which the record
// goes on.
func (s *Scope) Watch(r *Received, traced, timed bool, headers *[]Header, read func() error) (err error) {
	w := &s.watch
	began := time.Now()
	w.on, w.timing, w.inner = true, timed, 0
	if traced {
		w.span, *headers = s.Watches.Tracer.Receive(r)
		if len(w.followed) < maxFollowed {
			w.followed = append(w.followed, w.span)
		}
	}
	span, returned := w.span, false
	defer func() {
		if !returned {
			err = errPanicked // a panic goes on; this is for the span
		}
		if timed {
			took := time.Since(began)
			if s.current != nil && returned {
				s.Watches.Timer.Operated(s.current, max(0, took-w.inner)) // a source, which is not entered like others
			}
			s.Watches.Timer.Processed(r.Application, r.Origin, took, err)
		}
		if span != nil {
			span.End(err)
		}
		w.on, w.timing, w.span = false, false, nil
	}()
	err = read()
	returned = true
	return err
}

// Followed are the spans of records that were traced since the last call, some of them.
func (s *Scope) Followed() []Span {
	followed := s.watch.followed
	s.watch.followed = nil
	return followed
}

// watched is the work of an operator with a record that is watched.
func watched[K, V any](c *Context, f Forward[K, V], r *Record[K, V]) (err error) {
	o := c.begin()
	defer func() { o.end(err) }()
	err = f(r)
	o.returned = true
	return err
}

// operation is the work of an operator with a record that is watched.
type operation struct {
	c        *Context
	parent   Span
	span     Span // nil: it is not traced
	timing   bool
	began    time.Time
	outer    time.Duration
	returned bool
}

func (c *Context) begin() operation {
	s := c.scope
	w := &s.watch
	o := operation{c: c, parent: w.span, timing: w.timing, outer: w.inner}
	if o.parent != nil {
		o.span = s.Watches.Tracer.Operate(o.parent, c)
		w.span = o.span
	}
	if o.timing {
		o.began, w.inner = time.Now(), 0
	}
	return o
}

func (o *operation) end(err error) {
	s := o.c.scope
	w := &s.watch
	if o.timing {
		took := time.Since(o.began)
		s.Watches.Timer.Operated(o.c, max(0, took-w.inner))
		w.inner = o.outer + took
	}
	if o.span != nil {
		endSpan(o.span, o.returned, err)
		w.span = o.parent
	}
}

// endSpan ends the span of what returned an error, or did not return.
func endSpan(span Span, returned bool, err error) {
	if !returned {
		err = errPanicked
	}
	span.End(err)
}

// sendTraced writes a record under a span of its own.
func (w *topicWriter) sendTraced() error {
	s := w.c.scope
	span := s.Watches.Tracer.Send(s.watch.span, w.c, &w.o)
	err := w.out.Send(&w.o)
	span.End(err)
	return err
}

// resumed is next for records that an operator kept: they go on in the trace that their headers tell, whatever record is
// in work.
func resumed[K, V any](c *Context, next Forward[K, V]) Forward[K, V] {
	s := c.scope
	if s.Watches.Tracer == nil {
		return next
	}
	return func(r *Record[K, V]) error {
		if !s.watch.on && !Traced(r.Headers) {
			return next(r)
		}
		var span Span
		if Traced(r.Headers) {
			o := *r
			span, o.Headers = s.Watches.Tracer.Resume(c, r.Headers)
			r = &o
		}
		return under(s, span, next, r)
	}
}

// closed forwards a result that several records caused: in a trace of its own with links to them, if some of them are traced;
// untraced else, whatever record is in work.
func closed[K, V any](c *Context, links []string, next Forward[K, V], r *Record[K, V]) error {
	s := c.scope
	if s.Watches.Tracer == nil {
		return next(r)
	}
	if len(links) == 0 {
		if _, carried := HeaderValue(r.Headers, TraceParent); carried {
			r.Headers = WithoutHeader(r.Headers, TraceParent)
		} else if !s.watch.on {
			return next(r)
		}
		return under(s, nil, next, r)
	}
	var span Span
	span, r.Headers = s.Watches.Tracer.Close(c, r.Headers, links)
	return under(s, span, next, r)
}

// under forwards a record under a span that is not that of the record in work; nil: untraced.
func under[K, V any](s *Scope, span Span, next Forward[K, V], r *Record[K, V]) (err error) {
	outer := s.watch
	s.watch.span, s.watch.on = span, span != nil || outer.timing
	returned := false
	defer func() {
		s.watch.span, s.watch.on = outer.span, outer.on
		if span != nil {
			endSpan(span, returned, err)
		}
	}()
	err = next(r)
	returned = true
	return err
}
