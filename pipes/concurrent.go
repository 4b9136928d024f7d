package pipes

import (
	"context"
	"fmt"
	"sync"
)

// Parallel runs p on the items of a slice, up to n at once. The results are in the order of the items. The first error, by
// time, cancels the context of the others, is returned alone, and nothing is delivered. n below 1 is an error.
func Parallel[In, Out any](n int, p Pipe[In, Out]) (Pipe[[]In, []Out], error) {
	if n < 1 {
		return nil, fmt.Errorf("pipes: %d items in parallel, want at least 1", n)
	}
	return parallel[In, Out]{n, p}, nil
}

type parallel[In, Out any] struct {
	n    int
	pipe Pipe[In, Out]
}

func (p parallel[In, Out]) Name() string { return nameOf(p.pipe) }
func (p parallel[In, Out]) parts() []any { return []any{p.pipe} }

func (p parallel[In, Out]) Process(ctx context.Context, in []In) ([]Out, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := make([]Out, len(in))
	next := make(chan int)
	var workers sync.WaitGroup
	var first sync.Once
	var failure error
	for range min(p.n, len(in)) {
		workers.Go(func() {
			for i := range next {
				var err error
				if out[i], err = call(ctx, p.pipe, in[i]); err != nil {
					first.Do(func() { failure = err })
					cancel(err)
				}
			}
		})
	}
feed:
	for i := range in {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	workers.Wait()
	if failure != nil {
		return nil, failure
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// Order is in which order results of [Concurrent] come.
type Order int

// The orders.
const (
	InOrder   Order = iota // that of the inputs
	Unordered              // that in which they are ready
)

// Concurrent runs p on up to n items at once, in a lifetime of its own in each run. n also bounds how many items have been read
// whose results have not been taken. The first error, in the order of the results, ends the run: the contexts of the others end,
// and they are waited for. So it is if the caller stops.
func Concurrent[In, Out any](n int, order Order, items Stream[In], p Pipe[In, Out]) Stream[Out] {
	if n < 1 {
		return failing[Out](fmt.Errorf("pipes: %d items at once, want at least 1", n))
	}
	return inLifetime(p, func(ctx context.Context, o *Opened[In, Out], yield func(Out, error) bool) bool {
		c := concurrent[In, Out]{n: n, pipe: o, order: order}
		return c.run(ctx, items, yield)
	})
}

type concurrent[In, Out any] struct {
	n     int
	order Order
	pipe  *Opened[In, Out]
}

type result[Out any] struct {
	out Out
	err error
}

// run returns whether the caller wants more.
func (c *concurrent[In, Out]) run(ctx context.Context, items Stream[In], yield func(Out, error) bool) bool {
	whole := ctx
	ctx, cancel := context.WithCancel(ctx)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	// Each item that was read and whose result was not taken holds a slot, so no send to the other channels blocks.
	slots := make(chan struct{}, c.n)
	results := make(chan chan result[Out], c.n)
	reader.Go(func() { c.read(ctx, items, slots, results) })
	for to := range results {
		r := <-to
		<-slots
		if !yield(r.out, r.err) || r.err != nil {
			return false
		}
	}
	if err := whole.Err(); err != nil {
		yield(*new(Out), err)
		return false
	}
	return true
}

// read starts a call for each item, and returns when all have ended. In order, a result comes in a channel that is sent when
// the item is read; else in one that is sent when it is there.
func (c *concurrent[In, Out]) read(ctx context.Context, items Stream[In], slots chan<- struct{}, results chan<- chan result[Out]) {
	var calls sync.WaitGroup
	defer close(results)
	defer calls.Wait()
	ahead(ctx, items, func(in In, err error) bool {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		to := make(chan result[Out], 1)
		if err != nil {
			calls.Wait() // it is the last in either order
			to <- result[Out]{err: err}
			results <- to
			return false
		}
		if c.order == InOrder {
			results <- to
		}
		calls.Go(func() {
			out, err := c.pipe.Process(ctx, in)
			to <- result[Out]{out, err}
			if c.order == Unordered {
				results <- to
			}
		})
		return true
	})
}
