package pipes_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rivusio/rivusio/pipes"
)

// BenchmarkEach is what a pipe costs beside its work: a sum of items, one by one and in batches; per item.
func BenchmarkEach(b *testing.B) {
	b.Run("item", func(b *testing.B) {
		b.ReportAllocs()
		total := 0
		for n, err := range pipes.Each(pipes.Seq(numbers(b.N)), pipes.Chain(pipes.Func[int, int](double), pipes.Func[int, int](inc)))(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			total += n
		}
	})
	add := pipes.Func[[]int, int](func(_ context.Context, items []int) (total int, _ error) {
		for _, n := range items {
			total += 2*n + 1
		}
		return total, nil
	})
	for _, size := range []int{10, 100, 1000} {
		for _, name := range []string{"tumbling", "batch"} {
			b.Run(fmt.Sprintf("%s=%d", name, size), func(b *testing.B) {
				b.ReportAllocs()
				items := pipes.Tumbling(size, pipes.Seq(numbers(b.N)))
				if name == "batch" {
					items = pipes.Batch(size, time.Second, pipes.Seq(numbers(b.N)))
				}
				for _, err := range pipes.Each(items, add)(b.Context()) {
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func numbers(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// BenchmarkConcurrent is a pipe that waits a millisecond for a service.
func BenchmarkConcurrent(b *testing.B) {
	service := pipes.Func[int, int](func(_ context.Context, n int) (int, error) {
		time.Sleep(time.Millisecond)
		return n, nil
	})
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			for _, err := range pipes.Concurrent(n, pipes.InOrder, pipes.Seq(numbers(b.N)), service)(b.Context()) {
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
