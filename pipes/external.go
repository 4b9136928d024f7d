package pipes

import (
	"context"
	"errors"
	"fmt"
)

// External marks a pipe that reaches outside of the process: what it does there cannot be done twice, or not in the past. stub
// is what stands in its place where that must not happen, such as in a replay: a context of [WithStubs] says so when it is opened
// and when it runs. A nil stub is none: the pipe can then not be opened with such a context.
func External[In, Out any](p, stub Pipe[In, Out]) Pipe[In, Out] { return external[In, Out]{p, stub} }

type external[In, Out any] struct{ pipe, stub Pipe[In, Out] }

func (e external[In, Out]) Name() string { return nameOf(e.pipe) }
func (e external[In, Out]) parts() []any { return []any{e.pipe} }

func (e external[In, Out]) stubOf() any {
	if e.stub == nil {
		return nil
	}
	return e.stub
}

func (e external[In, Out]) Process(ctx context.Context, in In) (Out, error) {
	if !Stubbed(ctx) {
		return e.pipe.Process(ctx, in)
	}
	if e.stub == nil {
		return *new(Out), ErrNoStub
	}
	return e.stub.Process(ctx, in)
}

// ErrNoStub is the error of a pipe that reaches outside, must not, and has no stub.
var ErrNoStub = errors.New("pipes: the pipe reaches outside and has no stub")

type stubsKey struct{}

// WithStubs is a context in which external pipes are replaced by their stubs.
func WithStubs(ctx context.Context) context.Context { return context.WithValue(ctx, stubsKey{}, true) }

// Stubbed reports whether a context is one of [WithStubs].
func Stubbed(ctx context.Context) bool { return ctx.Value(stubsKey{}) != nil }

// stubbed is implemented by external pipes.
type stubbed interface {
	stubOf() any
}

// Externals are the names of the external pipes that a pipe is made of. missing is an error that wraps [ErrNoStub] and names
// those that have no stub, or nil.
func Externals(p any) (names []string, missing error) {
	if s, ok := p.(stubbed); ok {
		if s.stubOf() == nil {
			missing = fmt.Errorf("pipe %q: %w", nameOf(p), ErrNoStub)
		}
		return []string{nameOf(p)}, missing
	}
	c, ok := p.(composite)
	if !ok {
		return nil, nil
	}
	for _, part := range c.parts() {
		more, err := Externals(part)
		names, missing = append(names, more...), errors.Join(missing, err)
	}
	return names, missing
}
