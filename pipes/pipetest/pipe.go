package pipetest

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/rivusio/rivusio/pipes"
)

// Pipe is a pipe that does what its fields say. They are set before its first call. The zero value returns zero values.
type Pipe[In, Out any] struct {
	// Return makes the result of an input. Nil: the zero value.
	Return func(In) Out
	// Fail makes the error of a call, counted from 1, or nil. Nil: no call fails.
	Fail func(call int, in In) error
	// Delay is how long a call takes; the end of its context ends it early, with the context's error.
	Delay time.Duration

	mu             sync.Mutex
	calls          []In
	running, most  int
	opened, closed int
}

// Process is a call.
func (p *Pipe[In, Out]) Process(ctx context.Context, in In) (out Out, err error) {
	call := p.begin(in)
	defer p.end()
	if p.Delay > 0 {
		timer := time.NewTimer(p.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
	if p.Fail != nil {
		if err := p.Fail(call, in); err != nil {
			return out, err
		}
	}
	if p.Return != nil {
		out = p.Return(in)
	}
	return out, nil
}

func (p *Pipe[In, Out]) begin(in In) (call int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, in)
	p.running++
	p.most = max(p.most, p.running)
	return len(p.calls)
}

func (p *Pipe[In, Out]) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
}

// Open implements [pipes.Opener].
func (p *Pipe[In, Out]) Open(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened++
	return nil
}

// Close implements [pipes.Closer].
func (p *Pipe[In, Out]) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed++
	return nil
}

// Calls are the inputs so far, in the order in which the calls began.
func (p *Pipe[In, Out]) Calls() []In {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// AtOnce is the most calls that there were at once.
func (p *Pipe[In, Out]) AtOnce() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most
}

// Lifetimes are how often the pipe was opened and closed.
func (p *Pipe[In, Out]) Lifetimes() (opened, closed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened, p.closed
}

// Stream is a stream of items that ends with an error; nil is no error.
func Stream[T any](err error, items ...T) pipes.Stream[T] {
	return func(ctx context.Context) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			for _, item := range items {
				if err := ctx.Err(); err != nil {
					yield(*new(T), err)
					return
				}
				if !yield(item, nil) {
					return
				}
			}
			if err != nil {
				yield(*new(T), err)
			}
		}
	}
}
