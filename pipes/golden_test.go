package pipes_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/pipes"
)

// The vectors G1 to G24 are what the architecture that Rivusio started from promised; docs/seed.md has the list.

func double(_ context.Context, n int) (int, error) { return 2 * n, nil }
func inc(_ context.Context, n int) (int, error)    { return n + 1, nil }

func sum(_ context.Context, items []int) (total int, _ error) {
	for _, n := range items {
		total += n
	}
	return total, nil
}

var errBoom = errors.New("boom")

func failOn(bad int) pipes.Pipe[int, int] {
	return pipes.Named("strict", pipes.Func[int, int](func(_ context.Context, n int) (int, error) {
		if n == bad {
			return 0, errBoom
		}
		return n, nil
	}))
}

func upTo(n int) []int {
	items := make([]int, n)
	for i := range items {
		items[i] = i
	}
	return items
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func process[In, Out any](t *testing.T, p pipes.Pipe[In, Out], in In) Out {
	t.Helper()
	out, err := p.Process(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func collect[T any](t *testing.T, s pipes.Stream[T]) []T {
	t.Helper()
	all, err := pipes.Collect(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func TestChains(t *testing.T) {
	chain := pipes.Chain(pipes.Func[int, int](double), pipes.Func[int, int](inc))
	equal(t, "G1", process(t, chain, 2), 5)
	equal(t, "G1, nested", process(t, pipes.Chain(chain, pipes.Func[int, int](double)), 2), 10)

	outputs := map[string][]int{}
	tapped := func(name string) pipes.Pipe[int, int] {
		return pipes.Tap(pipes.Func[int, int](double), func(_, out int) { outputs[name] = append(outputs[name], out) })
	}
	process(t, pipes.Chain(tapped("first"), tapped("second")), 2)
	equal(t, "G2", outputs, map[string][]int{"first": {4}, "second": {8}})
	equal(t, "G2, unknown", len(outputs["third"]), 0)

	if _, err := pipes.Sequence[int](); !errors.Is(err, pipes.ErrEmpty) || !strings.Contains(err.Error(), "must contain at least one pipe") {
		t.Errorf("G3: %v", err)
	}
	equal(t, "sequence", process(t, must(pipes.Sequence[int](pipes.Func[int, int](double), pipes.Func[int, int](inc))), 3), 7)

	positive := pipes.Conditional(func(n int) bool { return n > 0 }, pipes.Pipe[int, int](pipes.Func[int, int](double)))
	equal(t, "G17", process(t, positive, 2), 4)
	equal(t, "G17, passes", process(t, pipes.Conditional(func(n int) bool { return n < 0 }, pipes.Pipe[int, int](pipes.Func[int, int](double))), 2), 2)
}

func TestWindows(t *testing.T) {
	sums := pipes.Each(pipes.Tumbling(3, pipes.Slice(upTo(10))), pipes.Func[[]int, int](sum))
	equal(t, "G4", collect(t, sums), []int{3, 12, 21, 9})
	equal(t, "G5", collect(t, pipes.Sliding(3, 2, pipes.Slice(upTo(8)))), [][]int{{0, 1, 2}, {2, 3, 4}, {4, 5, 6}})
	equal(t, "a gap between windows", collect(t, pipes.Sliding(2, 4, pipes.Slice(upTo(8)))), [][]int{{0, 1}, {4, 5}})
	windows := collect(t, pipes.Tumbling(3, pipes.Slice(upTo(10))))
	equal(t, "G6", []int{len(windows), len(windows[3])}, []int{4, 1})
	for name, s := range map[string]pipes.Stream[[]int]{
		"tumbling": pipes.Tumbling(3, pipes.Slice([]int{})), "sliding": pipes.Sliding(3, 2, pipes.Slice([]int{})),
		"batch": pipes.Batch(3, time.Second, pipes.Slice([]int{})),
	} {
		equal(t, "G8, "+name, len(collect(t, s)), 0)
	}
	for name, s := range map[string]pipes.Stream[[]int]{
		"tumbling 0": pipes.Tumbling(0, pipes.Slice(upTo(3))), "sliding 0": pipes.Sliding(0, 1, pipes.Slice(upTo(3))),
		"step 0": pipes.Sliding(1, 0, pipes.Slice(upTo(3))), "batch 0": pipes.Batch(0, time.Second, pipes.Slice(upTo(3))),
	} {
		if all, err := pipes.Collect(t.Context(), s); err == nil || len(all) > 0 {
			t.Errorf("%s gives %v and no error", name, all)
		}
	}
}

// Windows of time lose nothing and double nothing (G7), and close by time alone, without another item.
func TestBatchesByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		items := make(chan int)
		began := time.Now()
		go func() {
			defer close(items)
			for i, pause := range []time.Duration{0, 10, 10, 200, 10, 10, 10, 10} { // ms
				time.Sleep(pause * time.Millisecond)
				items <- i
			}
		}()
		var got []string
		total := 0
		for batch, err := range pipes.Batch(4, 100*time.Millisecond, pipes.Channel(items))(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(batch, " at ", time.Since(began)))
			total += must(sum(t.Context(), batch))
		}
		equal(t, "batches", got, []string{"[0 1 2] at 100ms", "[3 4 5 6] at 250ms", "[7] at 260ms"})
		equal(t, "G7", total, 28)
	})
}

func TestParallel(t *testing.T) {
	for _, n := range []int{1, 2, 16} {
		p := must(pipes.Parallel(n, pipes.Chain(pipes.Func[int, int](double), pipes.Func[int, int](inc))))
		equal(t, "G9", process(t, p, []int{1, 2, 3}), []int{3, 5, 7})
		equal(t, "G9, empty", len(process(t, p, nil)), 0)
		_, err := must(pipes.Parallel(n, failOn(2))).Process(t.Context(), []int{1, 2, 3})
		var failed *pipes.Error
		if !errors.As(err, &failed) || failed.Pipe != "strict" || !errors.Is(err, errBoom) {
			t.Errorf("G10: %v", err)
		}
	}
	if _, err := pipes.Parallel(0, failOn(2)); err == nil {
		t.Error("0 in parallel is accepted")
	}
	var never pipes.Opened[int, int]
	if _, err := never.Process(t.Context(), 1); !errors.Is(err, pipes.ErrClosed) {
		t.Errorf("G11, before: %v", err)
	}
	o := must(pipes.Open(t.Context(), failOn(2)))
	if err := errors.Join(o.Close(), o.Close()); err != nil {
		t.Error(err)
	}
	if _, err := o.Process(t.Context(), 1); !errors.Is(err, pipes.ErrClosed) {
		t.Errorf("G11, after: %v", err)
	}
}

// The first error cancels the others.
func TestParallelCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := must(pipes.Parallel(3, pipes.Func[int, int](func(ctx context.Context, n int) (int, error) {
			if n == 1 {
				time.Sleep(time.Second)
				return 0, errBoom
			}
			<-ctx.Done()
			return 0, ctx.Err()
		})))
		if _, err := p.Process(t.Context(), []int{0, 1, 2, 3, 4}); !errors.Is(err, errBoom) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestErrorsEndAStream(t *testing.T) {
	for name, s := range map[string]pipes.Stream[int]{
		"one by one": pipes.Each(pipes.Slice(upTo(5)), failOn(3)), "concurrent": pipes.Concurrent(4, pipes.InOrder, pipes.Slice(upTo(5)), failOn(3)),
	} {
		got, err := pipes.Collect(t.Context(), s)
		equal(t, "G12, "+name, got, []int{0, 1, 2})
		if err == nil || err.Error() != `pipe "strict": boom` || !errors.Is(err, errBoom) {
			t.Errorf("G12, %s: %v", name, err)
		}
	}
	source := pipes.Stream[int](func(context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { _ = yield(1, nil) && yield(2, nil) && yield(0, errBoom) }
	})
	for name, run := range map[string]func(p pipes.Pipe[int, int]) pipes.Stream[int]{
		"one by one": func(p pipes.Pipe[int, int]) pipes.Stream[int] { return pipes.Each(source, p) },
		"concurrent": func(p pipes.Pipe[int, int]) pipes.Stream[int] { return pipes.Concurrent(3, pipes.Unordered, source, p) },
	} {
		l := &life{name: "p", log: new([]string)}
		got, err := pipes.Collect(t.Context(), run(l))
		slices.Sort(got)
		equal(t, "G14, "+name, got, []int{1, 2})
		equal(t, "G14, "+name, err, errBoom)
		equal(t, "G14, "+name, *l.log, []string{"open p", "close p"})
	}
}

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := func(policy pipes.RetryPolicy) (at []time.Duration, err error) {
			began := time.Now()
			p := must(pipes.Retry(policy, pipes.Func[int, int](func(context.Context, int) (int, error) {
				at = append(at, time.Since(began))
				return 0, errBoom
			})))
			_, err = p.Process(t.Context(), 1)
			return at, err
		}
		at, err := calls(pipes.RetryPolicy{Retries: 3, Delay: 100 * time.Millisecond})
		equal(t, "G13", at, "[0s 100ms 300ms 600ms]")
		var attempts *pipes.AttemptsError
		if !errors.As(err, &attempts) || attempts.Attempts != 4 || !errors.Is(err, errBoom) {
			t.Errorf("G13: %v", err)
		}
		at, _ = calls(pipes.RetryPolicy{Retries: 4, Delay: 100 * time.Millisecond, Factor: 2, MaxDelay: 300 * time.Millisecond})
		equal(t, "exponential, capped", at, "[0s 100ms 300ms 600ms 900ms]")
		at, err = calls(pipes.RetryPolicy{})
		equal(t, "0 retries", at, "[0s]")
		if errors.As(err, &attempts) {
			t.Errorf("0 retries: %v", err)
		}
		at, _ = calls(pipes.RetryPolicy{Retries: 3, Retryable: func(err error) bool { return !errors.Is(err, errBoom) }})
		equal(t, "not retryable", at, "[0s]")
		at, _ = calls(pipes.RetryPolicy{Retries: 1, Delay: time.Second, Jitter: 0.5})
		if at[1] < 500*time.Millisecond || at[1] > time.Second {
			t.Errorf("with jitter the retry comes at %v", at[1])
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := must(pipes.Retry(pipes.RetryPolicy{Retries: 9, Delay: time.Hour}, failOn(1)))
		if _, err := p.Process(ctx, 1); !errors.Is(err, errBoom) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that ends: %v", err)
		}
	})
	for _, bad := range []pipes.RetryPolicy{{Retries: -1}, {Delay: -1}, {Factor: 0.5}, {MaxDelay: -1}, {Jitter: 1.5}} {
		if _, err := pipes.Retry(bad, failOn(1)); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if d := (pipes.RetryPolicy{Delay: time.Hour, Factor: 10}).DelayBefore(1000); d <= 0 {
		t.Errorf("the delay is %v", d)
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(took time.Duration, obeys bool) pipes.Pipe[int, int] {
			return pipes.Named("slow", pipes.Func[int, int](func(ctx context.Context, n int) (int, error) {
				if !obeys {
					time.Sleep(took)
					return n, nil
				}
				select {
				case <-time.After(took):
					return n, nil
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			}))
		}
		for _, obeys := range []bool{true, false} {
			_, err := must(pipes.Timeout(50*time.Millisecond, slow(300*time.Millisecond, obeys))).Process(t.Context(), 1)
			var late *pipes.TimeoutError
			if !errors.As(err, &late) || late.Limit != 50*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) ||
				err.Error() != `pipe "slow": it took longer than 50ms` {
				t.Errorf("obeys %v: %v", obeys, err)
			}
		}
		equal(t, "in time", process(t, must(pipes.Timeout(time.Second, slow(300*time.Millisecond, true))), 7), 7)
	})
	if _, err := pipes.Timeout(0, failOn(1)); err == nil {
		t.Error("a timeout of 0 is accepted")
	}
}

// G15: consumers that share a source get every item once.
func TestCompetingConsumers(t *testing.T) {
	items := make(chan int, 10)
	go func() {
		defer close(items)
		for i := range 100 {
			items <- i
		}
	}()
	var mu sync.Mutex
	var all []int
	var consumers sync.WaitGroup
	for range 3 {
		consumers.Go(func() {
			got, err := pipes.Collect(t.Context(), pipes.Each(pipes.Channel(items), pipes.Func[int, int](inc)))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, got...)
		})
	}
	consumers.Wait()
	slices.Sort(all)
	equal(t, "G15", all, upTo(101)[1:])
}

// G16: what is in flight is bounded, also by a consumer that does not take results.
func TestConcurrentIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, taken, most := 0, 0, 0
		source := pipes.Each(pipes.Slice(upTo(20)), pipes.Func[int, int](func(_ context.Context, n int) (int, error) {
			read++
			return n, nil
		}))
		slow := pipes.Func[int, int](func(_ context.Context, n int) (int, error) {
			time.Sleep(time.Duration(10+n%3) * time.Millisecond)
			return n, nil
		})
		var got []int
		for n, err := range pipes.Concurrent(3, pipes.InOrder, source, slow)(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			taken++
			got = append(got, n)
			synctest.Wait()
			most = max(most, read-taken)
			time.Sleep(5 * time.Millisecond)
		}
		equal(t, "G16", got, upTo(20))
		// One more is read than may be in flight: it waits for its slot.
		if most > 4 {
			t.Errorf("G16: %d items are in flight, want at most 3 and one that waits", most)
		}
		slices.Sort(got)
		unordered := collect(t, pipes.Concurrent(7, pipes.Unordered, pipes.Slice(upTo(20)), slow))
		if slices.IsSorted(unordered) {
			t.Error("unordered results come in order, so nothing overtook")
		}
		slices.Sort(unordered)
		equal(t, "unordered", unordered, got)
	})
}

func TestGoldenPipelines(t *testing.T) {
	large := pipes.Func[map[string]int, map[string]int](func(_ context.Context, in map[string]int) (map[string]int, error) {
		out := map[string]int{}
		for k, v := range in {
			if v > 100 {
				out[k] = v
			}
		}
		return out, nil
	})
	values := pipes.Func[map[string]int, []int](func(_ context.Context, in map[string]int) (out []int, _ error) {
		for _, v := range in {
			out = append(out, v)
		}
		slices.Sort(out)
		return out, nil
	})
	five := must(pipes.Parallel(2, pipes.Func[int, int](func(_ context.Context, n int) (int, error) { return 5 * n, nil })))
	chain := pipes.Chain(pipes.Chain(large, values), five)
	equal(t, "G23", process(t, chain, map[string]int{"a": 150, "b": 50, "c": 200}), []int{750, 1000})

	type order struct {
		Customer string
		Amount   int
		Status   string
	}
	valid := pipes.Named("valid", pipes.Func[order, order](func(_ context.Context, o order) (order, error) {
		if o.Status != "pending" && o.Status != "completed" {
			return o, errors.New("status must be 'pending' or 'completed'")
		}
		return o, nil
	}))
	premium := pipes.Conditional(func(o order) bool { return o.Amount >= 400 }, pipes.Pipe[order, order](pipes.Func[order, order](
		func(_ context.Context, o order) (order, error) { o.Customer += " (Premium)"; return o, nil })))
	orders := []order{{"Ann", 150, "pending"}, {"Bob", 50, "completed"}, {"Charlie", 500, "pending"}, {"Dora", 50, "cancelled"}}
	got, err := pipes.Collect(t.Context(), pipes.Each(pipes.Slice(orders), pipes.Chain(valid, premium)))
	if len(got) != 3 || got[2].Customer != "Charlie (Premium)" || err == nil || err.Error() != `pipe "valid": status must be 'pending' or 'completed'` {
		t.Errorf("G24: %v, %v", got, err)
	}
}
