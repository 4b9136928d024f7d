package pipes

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
)

// Opener is a pipe that needs something before its first input: a connection, a file. The context is for opening only.
type Opener interface {
	Open(ctx context.Context) error
}

// Closer is a pipe that has something to give back. Close is called after the last input, also if Open failed half-way in
// another pipe, but not if the pipe's own Open failed.
type Closer interface {
	Close() error
}

// composite is a pipe made of others. Only the others are opened and closed.
type composite interface {
	parts() []any
}

// ErrClosed is the error of a pipe that is used after its lifetime, or was never opened.
var ErrClosed = errors.New("pipes: the pipe is not open")

// Opened is a pipe in its lifetime. It is a pipe itself. Make one with [Open]; the zero value is closed.
type Opened[In, Out any] struct {
	pipe Pipe[In, Out]

	mu     sync.RWMutex // held for reading while an input is processed
	open   []any        // in the order of opening; nil: closed
	closed error
}

// Open opens a pipe and all that it is made of, in the order in which an input passes them. If one fails, those that are open
// are closed again.
func Open[In, Out any](ctx context.Context, p Pipe[In, Out]) (*Opened[In, Out], error) {
	if p == nil {
		return nil, errors.New("pipes: the pipe is nil")
	}
	o := &Opened[In, Out]{pipe: p, open: []any{}}
	if _, missing := Externals(p); missing != nil && Stubbed(ctx) {
		return nil, missing
	}
	for _, part := range leaves(nil, p, Stubbed(ctx)) {
		if err := openPart(ctx, part); err != nil {
			return nil, errors.Join(err, closeParts(o.open))
		}
		o.open = append(o.open, part)
	}
	return o, nil
}

// leaves appends the pipes that p is made of, each once; with stubs those of external pipes in their place.
func leaves(found []any, p any, stubs bool) []any {
	if s, ok := p.(stubbed); ok && stubs {
		return leaves(found, s.stubOf(), stubs)
	}
	if c, ok := p.(composite); ok {
		for _, part := range c.parts() {
			found = leaves(found, part, stubs)
		}
		return found
	}
	if t := reflect.TypeOf(p); t != nil && t.Kind() == reflect.Pointer && slices.Contains(found, p) {
		return found
	}
	return append(found, p)
}

func openPart(ctx context.Context, p any) (err error) {
	o, ok := p.(Opener)
	if !ok {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("open: %w", panicked(p, r))
		}
	}()
	if err := o.Open(ctx); err != nil {
		return fmt.Errorf("open: %w", blame(p, err))
	}
	return nil
}

// closeParts closes all in reverse, whatever the others return.
func closeParts(open []any) error {
	var errs []error
	for _, p := range slices.Backward(open) {
		errs = append(errs, closePart(p))
	}
	return errors.Join(errs...)
}

func closePart(p any) (err error) {
	c, ok := p.(Closer)
	if !ok {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("close: %w", panicked(p, r))
		}
	}()
	if err := c.Close(); err != nil {
		return fmt.Errorf("close: %w", blame(p, err))
	}
	return nil
}

// Process runs the pipe. After Close it is [ErrClosed].
func (o *Opened[In, Out]) Process(ctx context.Context, in In) (Out, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if o.open == nil {
		return *new(Out), ErrClosed
	}
	return call(ctx, o.pipe, in)
}

// Name is the name of the pipe.
func (o *Opened[In, Out]) Name() string { return nameOf(o.pipe) }

// Close waits for the inputs that are being processed and closes what was opened, in reverse order. It returns all their
// errors, joined. A second Close does nothing and returns the same.
func (o *Opened[In, Out]) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open != nil {
		o.closed = closeParts(o.open)
		o.open = nil
	}
	return o.closed
}
