package plugins

import (
	"context"
	"errors"
	"fmt"

	"github.com/rivusio/rivusio/pipes"
)

// Counts are how many messages a run has seen.
type Counts struct {
	Read    int64 // from the source
	Written int64 // to the sink
	Skipped int64 // that failed in the pipe and were dropped by the handler
}

// Run takes messages from a source through a pipe to a sink, one by one, until the source ends or something fails. Pipe and
// sink are opened before the first message, and closed at the end in any case, the sink first flushed. A message that the
// pipe fails on goes to the handler; nil is [pipes.FailOnError]. Errors of source and sink end the run. No pipe is nil.
func Run(ctx context.Context, source Source, pipe Pipe, sink Sink, handler pipes.FailureHandler) (n Counts, err error) {
	if source == nil || pipe == nil || sink == nil {
		return n, errors.New("plugins: source, pipe and sink must not be nil")
	}
	if handler == nil {
		handler = pipes.FailOnError
	}
	p, err := pipes.Open(ctx, pipe)
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	out, err := pipes.Open(ctx, pipes.Pipe[Message, struct{}](sinkPipe{sink}))
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()

	for m, err := range source(ctx) {
		if err != nil {
			return n, errors.Join(err, flush(ctx, sink))
		}
		n.Read++
		made, err := p.Process(ctx, m)
		if err != nil {
			if ctx.Err() == nil && decide(ctx, handler, p.Name(), m, err) == pipes.Skip {
				n.Skipped++
				continue
			}
			return n, errors.Join(fmt.Errorf("message %v: %w", m.Origin, err), flush(ctx, sink))
		}
		for _, m := range made {
			if _, err := out.Process(ctx, m); err != nil {
				return n, err
			}
			n.Written++
		}
	}
	return n, flush(ctx, sink)
}

// decide asks a handler. One that panics has not said to skip.
func decide(ctx context.Context, handler pipes.FailureHandler, pipe string, m Message, err error) (d pipes.Decision) {
	defer func() {
		if recover() != nil {
			d = pipes.Fail
		}
	}()
	if e := (*pipes.Error)(nil); errors.As(err, &e) {
		pipe = e.Pipe
	}
	return handler(ctx, pipes.Failure{Operator: pipe, Key: m.Key, Value: m.Value, Headers: m.Headers, Origin: m.Origin, Err: err})
}

// flush writes what a sink keeps, also when the run was cancelled: it has been taken.
func flush(ctx context.Context, sink Sink) error {
	if f, ok := sink.(Flusher); ok {
		return f.Flush(context.WithoutCancel(ctx))
	}
	return nil
}

// sinkPipe is a sink with the lifetime of a pipe.
type sinkPipe struct{ sink Sink }

func (s sinkPipe) Process(ctx context.Context, m Message) (struct{}, error) {
	return struct{}{}, s.sink.Write(ctx, m)
}

func (s sinkPipe) Open(ctx context.Context) error {
	if o, ok := s.sink.(pipes.Opener); ok {
		return o.Open(ctx)
	}
	return nil
}

func (s sinkPipe) Close() error {
	if c, ok := s.sink.(pipes.Closer); ok {
		return c.Close()
	}
	return nil
}

func (s sinkPipe) Name() string {
	if n, ok := s.sink.(pipes.Namer); ok {
		return n.Name()
	}
	return fmt.Sprintf("%T", s.sink)
}
