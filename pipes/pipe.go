package pipes

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
)

// Pipe makes an output of an input. Process may be called by several goroutines at once where a pipe is run concurrently
// ([Parallel], [Concurrent]), else by one at a time. It returns soon after the context ends.
type Pipe[In, Out any] interface {
	Process(ctx context.Context, in In) (Out, error)
}

// Func is a function as a pipe.
type Func[In, Out any] func(ctx context.Context, in In) (Out, error)

// Process calls the function.
func (f Func[In, Out]) Process(ctx context.Context, in In) (Out, error) { return f(ctx, in) }

// Name is the name of the function, without its package's path.
func (f Func[In, Out]) Name() string {
	if f == nil {
		return "nil"
	}
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	return name[strings.LastIndexByte(name, '/')+1:]
}

// Namer is what a pipe with a name of its own implements.
type Namer interface {
	Name() string
}

// Named gives a pipe a name, for errors.
func Named[In, Out any](name string, p Pipe[In, Out]) Pipe[In, Out] {
	return named[In, Out]{name, p}
}

type named[In, Out any] struct {
	name string
	pipe Pipe[In, Out]
}

func (n named[In, Out]) Name() string { return n.name }
func (n named[In, Out]) parts() []any { return []any{n.pipe} }

func (n named[In, Out]) Process(ctx context.Context, in In) (Out, error) {
	return n.pipe.Process(ctx, in)
}

// nameOf is the name of a pipe: its own, else its type.
func nameOf(p any) string {
	if n, ok := p.(Namer); ok {
		return n.Name()
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", p), "*")
}

// Error is what went wrong in a pipe.
type Error struct {
	Pipe string // its name
	Err  error
	// Stack is where user code panicked; nil if it returned an error.
	Stack []byte
}

// Error names the pipe and the cause.
func (e *Error) Error() string { return fmt.Sprintf("pipe %q: %v", e.Pipe, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// errPanic is the cause of an error that comes of a panic with something that is no error.
var errPanic = errors.New("panic")

// call runs a pipe. Its error names the pipe, unless it names one inside of it already.
func call[In, Out any](ctx context.Context, p Pipe[In, Out], in In) (out Out, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = *new(Out), panicked(p, r)
		}
	}()
	if out, err = p.Process(ctx, in); err != nil {
		return *new(Out), blame(p, err)
	}
	return out, nil
}

// blame makes an error name a pipe.
func blame(p any, err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	return &Error{Pipe: nameOf(p), Err: err}
}

func panicked(p, r any) error {
	err, ok := r.(error)
	if !ok {
		err = fmt.Errorf("%w: %v", errPanic, r)
	}
	return &Error{Pipe: nameOf(p), Err: err, Stack: debug.Stack()}
}
