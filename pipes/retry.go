package pipes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// RetryPolicy says how often and when a call that failed is made again. The zero value makes one call.
type RetryPolicy struct {
	// Retries is how many calls there are beside the first. 0: one call. Below 0 is an error.
	Retries int
	// Delay is the time before the first retry. Default 0.
	Delay time.Duration
	// Factor makes each delay that many times longer than the one before: 2 doubles. 0: linear, retry n waits n × Delay.
	Factor float64
	// MaxDelay bounds each delay. 0: no bound.
	MaxDelay time.Duration
	// Jitter takes up to this part (0 to 1) off each delay, at random, so that many clients do not call at once.
	Jitter float64
	// Retryable says which errors are worth a retry. Nil: all. Whatever it says there is none once the context has ended.
	Retryable func(error) bool
}

// Validate returns all mistakes, joined.
func (r RetryPolicy) Validate() error {
	var errs []error
	bad := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf("pipes: retry policy: "+format, args...))
		}
	}
	bad(r.Retries < 0, "Retries is %d, want 0 or more", r.Retries)
	bad(r.Delay < 0, "Delay is %v, want 0 or more", r.Delay)
	bad(r.Factor != 0 && !(r.Factor >= 1 && r.Factor <= math.MaxInt32), "Factor is %v, want 0 for linear or 1 or more", r.Factor)
	bad(r.MaxDelay < 0, "MaxDelay is %v, want 0 or more", r.MaxDelay)
	bad(!(r.Jitter >= 0 && r.Jitter <= 1), "Jitter is %v, want 0 to 1", r.Jitter)
	return errors.Join(errs...)
}

// DelayBefore is how long to wait before a retry, counted from 1, without jitter.
func (r RetryPolicy) DelayBefore(retry int) time.Duration {
	d := float64(r.Delay) * float64(retry)
	if r.Factor != 0 {
		d = float64(r.Delay) * math.Pow(r.Factor, float64(retry-1))
	}
	most := float64(math.MaxInt64)
	if r.MaxDelay > 0 {
		most = float64(r.MaxDelay)
	}
	if d >= most {
		return time.Duration(min(most, math.MaxInt64-1023)) // the largest float64 below 1<<63
	}
	return time.Duration(d)
}

// Retry calls p again when it fails, as the policy says. The error is that of the last call; if there was a retry, it tells
// how many calls were made. A context that ends while it waits ends it with the context's error beside the last one.
func Retry[In, Out any](policy RetryPolicy, p Pipe[In, Out]) (Pipe[In, Out], error) {
	if err := policy.Validate(); err != nil {
		return nil, err
	}
	return retry[In, Out]{policy, p}, nil
}

type retry[In, Out any] struct {
	policy RetryPolicy
	pipe   Pipe[In, Out]
}

// AttemptsError is the error of the last of several calls.
type AttemptsError struct {
	Attempts int
	Err      error
}

// Error tells how many calls were made, and the last error.
func (e *AttemptsError) Error() string { return fmt.Sprintf("%v (attempt %d)", e.Err, e.Attempts) }

// Unwrap returns the error of the last call.
func (e *AttemptsError) Unwrap() error { return e.Err }

func (r retry[In, Out]) Process(ctx context.Context, in In) (Out, error) {
	for attempt := 1; ; attempt++ {
		out, err := call(ctx, r.pipe, in)
		if err == nil {
			return out, nil
		}
		if attempt <= r.policy.Retries && ctx.Err() == nil && (r.policy.Retryable == nil || r.policy.Retryable(err)) {
			stopped := wait(ctx, r.delay(attempt))
			if stopped == nil {
				continue
			}
			err = errors.Join(err, stopped)
		}
		if attempt > 1 {
			err = &AttemptsError{attempt, err}
		}
		return *new(Out), err
	}
}

func (r retry[In, Out]) delay(attempt int) time.Duration {
	d := r.policy.DelayBefore(attempt)
	return d - time.Duration(r.policy.Jitter*rand.Float64()*float64(d))
}

// wait returns the context's error if that ends before the time is over.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r retry[In, Out]) Name() string { return nameOf(r.pipe) }
func (r retry[In, Out]) parts() []any { return []any{r.pipe} }

// TimeoutError is the error of a pipe that took longer than its [Timeout].
type TimeoutError struct {
	Limit time.Duration
	Err   error // what the pipe returned; nil if it returned a result, too late
}

// Error tells the limit, and what the pipe said.
func (e *TimeoutError) Error() string {
	if e.Err == nil || errors.Is(e.Err, context.DeadlineExceeded) {
		return fmt.Sprintf("it took longer than %v", e.Limit)
	}
	return fmt.Sprintf("it took longer than %v: %v", e.Limit, e.Err)
}

// Unwrap returns what the pipe returned, and that a deadline has passed.
func (e *TimeoutError) Unwrap() []error {
	if e.Err == nil {
		return []error{context.DeadlineExceeded}
	}
	return []error{context.DeadlineExceeded, e.Err}
}

// Timeout ends the context of p after a time. What comes later, a result too, is a [*TimeoutError]. A pipe that does not mind
// its context is waited for all the same: Go cannot stop it.
func Timeout[In, Out any](limit time.Duration, p Pipe[In, Out]) (Pipe[In, Out], error) {
	if limit <= 0 {
		return nil, fmt.Errorf("pipes: a timeout of %v, want more than 0", limit)
	}
	return timeout[In, Out]{limit, p}, nil
}

type timeout[In, Out any] struct {
	limit time.Duration
	pipe  Pipe[In, Out]
}

func (t timeout[In, Out]) Process(ctx context.Context, in In) (Out, error) {
	limited, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	out, err := call(limited, t.pipe, in)
	if limited.Err() != nil && ctx.Err() == nil {
		cause := err
		if e := (*Error)(nil); errors.As(err, &e) {
			cause = e.Err
		}
		return *new(Out), blame(t.pipe, &TimeoutError{t.limit, cause})
	}
	return out, err
}

func (t timeout[In, Out]) Name() string { return nameOf(t.pipe) }
func (t timeout[In, Out]) parts() []any { return []any{t.pipe} }
