package pipes

import (
	"context"
	"fmt"
	"time"
)

// Batch is the items in slices of size, or of fewer if the first of them has waited for linger: then it comes without another
// item. The last may be shorter too. linger 0 or less waits for size items or the end. It reads one item ahead. A slice is the
// caller's.
func Batch[T any](size int, linger time.Duration, items Stream[T]) Stream[[]T] {
	if size < 1 {
		return failing[[]T](fmt.Errorf("pipes: batches of %d items, want at least 1", size))
	}
	return stream(func(ctx context.Context, yield func([]T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		next := make(chan result[T])
		go func() {
			defer close(next)
			ahead(ctx, items, func(item T, err error) bool {
				select {
				case next <- result[T]{item, err}:
					return true
				case <-ctx.Done():
					return false
				}
			})
		}()
		defer func() {
			cancel()
			for range next { // until the goroutine has ended
			}
		}()
		b := batcher[T]{size: size, linger: linger, yield: yield, timer: time.NewTimer(time.Hour)}
		b.timer.Stop()
		defer b.timer.Stop()
		b.run(ctx, next)
	})
}

type batcher[T any] struct {
	size   int
	linger time.Duration
	yield  func([]T, error) bool
	timer  *time.Timer // runs while there is a first item that lingers
	batch  []T
}

func (b *batcher[T]) run(ctx context.Context, next <-chan result[T]) {
	for {
		select {
		case r, ok := <-next:
			switch {
			case !ok:
				b.end(ctx.Err())
				return
			case r.err != nil:
				b.end(r.err)
				return
			case !b.add(r.out):
				return
			}
		case <-b.timer.C:
			if !b.flush() {
				return
			}
		}
	}
}

func (b *batcher[T]) add(item T) bool {
	b.batch = append(b.batch, item)
	if len(b.batch) == b.size {
		return b.flush()
	}
	if len(b.batch) == 1 && b.linger > 0 {
		b.timer.Reset(b.linger)
	}
	return true
}

func (b *batcher[T]) flush() bool {
	b.timer.Stop()
	full := b.batch
	b.batch = nil
	return len(full) == 0 || b.yield(full, nil)
}

// end forwards what is left, and the error if there is one.
func (b *batcher[T]) end(err error) {
	if b.flush() && err != nil {
		b.yield(nil, err)
	}
}
