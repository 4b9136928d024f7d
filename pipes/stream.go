package pipes

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

// Stream is items in order, that come when the function is called and ranged over: a run. The first error is the last item.
// When the context ends, so does the run, with the context's error, though items that are there already may still come. Ranging
// again is a new run; whether it gives the same items is a matter of the source.
type Stream[T any] func(ctx context.Context) iter.Seq2[T, error]

// stream makes a Stream of what one run does. run returns after yield returned false.
func stream[T any](run func(ctx context.Context, yield func(T, error) bool)) Stream[T] {
	return func(ctx context.Context) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) { run(ctx, yield) }
	}
}

// failing is a stream of one error.
func failing[T any](err error) Stream[T] {
	return stream(func(_ context.Context, yield func(T, error) bool) { yield(*new(T), err) })
}

// Slice is the items of a slice.
func Slice[T any](items []T) Stream[T] { return Seq(slices.Values(items)) }

// Seq is the items of an iterator that cannot fail and does not wait.
func Seq[T any](items iter.Seq[T]) Stream[T] {
	return stream(func(ctx context.Context, yield func(T, error) bool) {
		for item := range items {
			if err := ctx.Err(); err != nil {
				yield(*new(T), err)
				return
			}
			if !yield(item, nil) {
				return
			}
		}
	})
}

// Channel is what comes from a channel until it is closed. Several runs may share a channel: each item goes to one of them.
func Channel[T any](items <-chan T) Stream[T] {
	return stream(func(ctx context.Context, yield func(T, error) bool) {
		for {
			select {
			case item, ok := <-items:
				if !ok || !yield(item, nil) {
					return
				}
			case <-ctx.Done():
				yield(*new(T), ctx.Err())
				return
			}
		}
	})
}

// Each runs p on each item, one at a time, in a lifetime of its own in each run. The first error ends the run.
func Each[In, Out any](items Stream[In], p Pipe[In, Out]) Stream[Out] {
	return inLifetime(p, func(ctx context.Context, o *Opened[In, Out], yield func(Out, error) bool) bool {
		for in, err := range items(ctx) {
			var out Out
			if err == nil {
				out, err = o.Process(ctx, in)
			}
			if !yield(out, err) || err != nil {
				return false
			}
		}
		return true
	})
}

// inLifetime is a stream of which each run opens the pipe and closes it, also if the caller's loop panics. An error of Open or
// Close is the last item, if the caller still wants one; run says so.
func inLifetime[In, Out any](p Pipe[In, Out], run func(context.Context, *Opened[In, Out], func(Out, error) bool) (more bool)) Stream[Out] {
	return stream(func(ctx context.Context, yield func(Out, error) bool) {
		o, err := Open(ctx, p)
		if err != nil {
			yield(*new(Out), err)
			return
		}
		more := false
		defer func() {
			if err := o.Close(); err != nil && more {
				yield(*new(Out), err)
			}
		}()
		more = run(ctx, o, yield)
	})
}

// Collect runs a stream and returns all items, up to the first error.
func Collect[T any](ctx context.Context, items Stream[T]) ([]T, error) {
	var all []T
	for item, err := range items(ctx) {
		if err != nil {
			return all, err
		}
		all = append(all, item)
	}
	return all, nil
}

// ahead runs a stream on a goroutine and gives what comes to each, until that returns false. A panic is the last item.
func ahead[T any](ctx context.Context, items Stream[T], each func(T, error) bool) {
	defer func() {
		if r := recover(); r != nil {
			each(*new(T), panicked(items, r))
		}
	}()
	for item, err := range items(ctx) {
		if !each(item, err) || err != nil {
			return
		}
	}
}

// Tumbling is the items in slices of size, one after the other; the last may be shorter. A slice is the caller's.
func Tumbling[T any](size int, items Stream[T]) Stream[[]T] {
	if size < 1 {
		return failing[[]T](fmt.Errorf("pipes: windows of %d items, want at least 1", size))
	}
	return stream(func(ctx context.Context, yield func([]T, error) bool) {
		var window []T
		for item, err := range items(ctx) {
			if err != nil {
				if len(window) == 0 || yield(window, nil) {
					yield(nil, err)
				}
				return
			}
			if window = append(window, item); len(window) == size {
				if !yield(window, nil) {
					return
				}
				window = nil
			}
		}
		if len(window) > 0 {
			yield(window, nil)
		}
	})
}

// Sliding is windows of size items by count, each step items behind the one before. With a step above the size the items in
// between are in none. Items that fill no window any more at the end are in none either. A slice is the caller's.
func Sliding[T any](size, step int, items Stream[T]) Stream[[]T] {
	if size < 1 || step < 1 {
		return failing[[]T](fmt.Errorf("pipes: windows of %d items every %d, want at least 1", size, step))
	}
	return stream(func(ctx context.Context, yield func([]T, error) bool) {
		var held []T
		skip := 0
		for item, err := range items(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			if skip > 0 {
				skip--
				continue
			}
			if held = append(held, item); len(held) < size {
				continue
			}
			if !yield(slices.Clone(held), nil) {
				return
			}
			skip = max(0, step-size)
			held = append(held[:0], held[min(step, size):]...)
		}
	})
}
