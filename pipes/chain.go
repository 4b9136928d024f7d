package pipes

import (
	"context"
	"errors"
	"strings"
)

// Chain is p and then q.
func Chain[A, B, C any](p Pipe[A, B], q Pipe[B, C]) Pipe[A, C] { return chain[A, B, C]{p, q} }

type chain[A, B, C any] struct {
	first  Pipe[A, B]
	second Pipe[B, C]
}

func (c chain[A, B, C]) Process(ctx context.Context, in A) (C, error) {
	between, err := call(ctx, c.first, in)
	if err != nil {
		return *new(C), err
	}
	return call(ctx, c.second, between)
}

func (c chain[A, B, C]) Name() string { return nameOf(c.first) + " > " + nameOf(c.second) }
func (c chain[A, B, C]) parts() []any { return []any{c.first, c.second} }

// ErrEmpty is the error of a sequence of no pipes.
var ErrEmpty = errors.New("pipes: a sequence must contain at least one pipe")

// Sequence is any number of pipes that keep the type, one after the other. None is an error, [ErrEmpty].
func Sequence[T any](p ...Pipe[T, T]) (Pipe[T, T], error) {
	if len(p) == 0 {
		return nil, ErrEmpty
	}
	return sequence[T](append([]Pipe[T, T]{}, p...)), nil
}

type sequence[T any] []Pipe[T, T]

func (s sequence[T]) Process(ctx context.Context, in T) (_ T, err error) {
	for _, p := range s {
		if in, err = call(ctx, p, in); err != nil {
			return *new(T), err
		}
	}
	return in, nil
}

func (s sequence[T]) Name() string {
	names := make([]string, len(s))
	for i, p := range s {
		names[i] = nameOf(p)
	}
	return strings.Join(names, " > ")
}

func (s sequence[T]) parts() []any {
	parts := make([]any, len(s))
	for i, p := range s {
		parts[i] = p
	}
	return parts
}

// Conditional runs p on the inputs for which when is true. The others pass as they are.
func Conditional[T any](when func(T) bool, p Pipe[T, T]) Pipe[T, T] { return conditional[T]{when, p} }

type conditional[T any] struct {
	when func(T) bool
	pipe Pipe[T, T]
}

func (c conditional[T]) Process(ctx context.Context, in T) (T, error) {
	if !c.when(in) {
		return in, nil
	}
	return call(ctx, c.pipe, in)
}

func (c conditional[T]) Name() string { return nameOf(c.pipe) }
func (c conditional[T]) parts() []any { return []any{c.pipe} }

// Tap calls see with each input and output of p that had no error, for tests and debugging.
func Tap[In, Out any](p Pipe[In, Out], see func(In, Out)) Pipe[In, Out] { return tap[In, Out]{p, see} }

type tap[In, Out any] struct {
	pipe Pipe[In, Out]
	see  func(In, Out)
}

func (t tap[In, Out]) Process(ctx context.Context, in In) (Out, error) {
	out, err := call(ctx, t.pipe, in)
	if err == nil {
		t.see(in, out)
	}
	return out, err
}

func (t tap[In, Out]) Name() string { return nameOf(t.pipe) }
func (t tap[In, Out]) parts() []any { return []any{t.pipe} }
