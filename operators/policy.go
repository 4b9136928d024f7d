package operators

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// Decision is what becomes of a record that an operator failed for.
type Decision uint8

const (
	// Fail stops the task with the error; the record is read again after a restart. It is the default.
	Fail Decision = iota
	// Skip drops the record and counts it ([Failed]).
	Skip
	// SendDeadLetter writes the record to the topic of dead letters, in the transaction that passes it, and counts it
	// ([DeadLettered]).
	SendDeadLetter
)

// String names the decision as in configuration.
func (d Decision) String() string {
	return [...]string{"fail", "skip", "dead-letter"}[min(int(d), 2)]
}

// Policy says what becomes of records that an operator fails for: of errors that it returns, of panics of user code in it,
// and of keys and values that its serdes refuse. It is about the operator's own failures: those of operators further down are
// theirs. What the task itself cannot do, such as reading its store or starting a transaction, and what fails without a
// record, such as a schedule, stops the task whatever a policy says. The zero value fails.
//
// A record that is skipped may have had effects before: results that the operator forwarded before it failed, and what
// operators above it did, stay.
type Policy struct {
	// Retry comes before all else.
	Retry Retry
	// Decide is asked about each record that is not tried again; it runs on the task's goroutine, so it must not wait. key and
	// value are as decoded; nil if they could not be, or are null. A panic counts as Fail. Nil: Then is what is done.
	Decide func(e *Error, key, value any, headers []Header) Decision
	// Then is what is done without Decide.
	Then Decision
	// Topic is where dead letters go. Required if anything decides for them.
	Topic string
}

// Retry says how often an operator is tried again for a record, and when. Records of the same key wait until it is done with;
// all others go on, and so do commits. The zero value does not try again.
type Retry struct {
	// Attempts is how often the operator is tried, the first time included. 0 and 1: once.
	Attempts int
	// Backoff is how long to wait before attempt n, from 2. Required with Attempts above 1.
	Backoff func(n int) time.Duration
	// If says which errors are worth another attempt. Nil: those that are neither panics nor about bytes, see [Deterministic].
	If func(error) bool
	// MaxParked is how many records of a task may wait; then it takes no more input. 0: 10,000.
	MaxParked int
}

// DefaultMaxParked is how many records of a task may wait for another attempt.
const DefaultMaxParked = 10_000

func (r *Retry) worth(err error, attempts int) bool {
	if attempts >= r.Attempts {
		return false
	}
	if r.If != nil {
		return r.If(err)
	}
	return !Deterministic(err)
}

// Deterministic reports whether an error comes back however often the same record is tried: a panic, bytes or values that a
// serde refuses, a record that a topic does not take.
func Deterministic(err error) bool {
	var (
		panicked *PanicError
		decode   *DecodeError
		encode   *EncodeError
		refused  *RefusedError
	)
	return errors.As(err, &panicked) || errors.As(err, &decode) || errors.As(err, &encode) || errors.As(err, &refused)
}

// RefusedError is a record that a topic does not take, such as one that is larger than the topic allows.
type RefusedError struct {
	Topic     string
	Partition int32
	Err       error
}

// Error names the topic and the partition.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("topic %q, partition %d: %v", e.Topic, e.Partition, e.Err)
}

// Unwrap returns why.
func (e *RefusedError) Unwrap() error { return e.Err }

// RuntimeError is a failure of what a task runs on, not of a record: no policy is asked about it.
type RuntimeError struct{ Err error }

// Error is that of the cause.
func (e *RuntimeError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RuntimeError) Unwrap() error { return e.Err }

// beyond reports whether an error is none that a policy is asked about.
func beyond(err error) bool {
	var (
		runtime *RuntimeError
		store   *state.StoreError
	)
	return errors.As(err, &runtime) || errors.As(err, &store)
}

// Outcome is what was done about a failure.
type Outcome struct {
	Decision Decision
	Attempts int  // how often the operator was tried
	Again    bool // it will be tried again; Decision says nothing yet
}

// SetPolicy gives the operator a policy, which does not change afterwards; nil fails. It must be called before [Enter] and
// [Read]. keys and values are the serdes of its input, as serde.Serde[K] and serde.Serde[V], or nil; rows is the name of the store
// in which records wait for another attempt, "" if the operator is not tried again.
func (c *Context) SetPolicy(p *Policy, keys, values any, rows string) {
	if p == nil || p.Decide == nil && p.Then == Fail && p.Retry.Attempts < 2 {
		return
	}
	c.policy, c.keys, c.values, c.parked = p, keys, values, rows
}

// caught makes panics of an operator errors.
func caught[K, V any](c *Context, f Forward[K, V]) Forward[K, V] {
	return func(r *Record[K, V]) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = c.scope.Recovered(v, debug.Stack())
			}
		}()
		return f(r)
	}
}

// own is an error of the operator itself, or nil if the policy of this operator has nothing to say about it: then it is final.
func (c *Context) own(err error) *Error {
	if beyond(err) {
		return nil
	}
	var named *Error
	if errors.As(err, &named) {
		if named.Operator != c.name {
			return nil
		}
		return named
	}
	c.scope.current = c
	errors.As(c.scope.failure(err), &named)
	return named
}

// guarded is the operator f with its policy.
func guarded[K, V any](c *Context, f Forward[K, V]) Forward[K, V] {
	return func(r *Record[K, V]) error {
		err := f(r)
		if err == nil {
			return nil
		}
		e := c.own(err)
		if e == nil {
			return err
		}
		return c.conclude(r, e, 1)
	}
}

// failing is a *Record that an operator failed for, whatever its types: what is done about it is compiled once.
type failing interface {
	// shown is what a policy is shown of it; nil is a null.
	shown() (key, value any, headers []Header)
	// parked is the record as it waits, encoded by serdes of its types. Without them it is not ok.
	parked(c *Context, keys, values any) (p Parked, ok bool, err error)
}

func (r *Record[K, V]) shown() (key, value any, headers []Header) {
	if !r.NullKey {
		key = r.Key
	}
	if !r.NullValue {
		value = r.Value
	}
	return key, value, r.Headers
}

func (r *Record[K, V]) parked(c *Context, keys, values any) (p Parked, ok bool, err error) {
	k, okK := keys.(serde.Serde[K])
	v, okV := values.(serde.Serde[V])
	if !okK || !okV {
		return p, false, nil
	}
	p, err = park(c, k, v, r)
	return p, true, err
}

// conclude does what the policy says about a record that the operator failed for and is not tried again for. r is nil if it
// could not be decoded.
func (c *Context) conclude(r failing, e *Error, attempts int) error {
	d := c.policy.Then
	if c.policy.Decide != nil {
		d = decide(c.policy, r, e)
	}
	if attempts > 1 {
		e.Err = fmt.Errorf("after %d attempts: %w", attempts, e.Err)
	}
	switch d {
	case Skip:
		c.Drop(reasonOf(e))
	case SendDeadLetter:
		if err := c.deadLetter(c.dead(r), e, attempts); err != nil {
			return c.failed(err)
		}
		c.Drop(DeadLettered)
	default:
		return e
	}
	c.scope.Runtime.Failed(e, Outcome{Decision: d, Attempts: attempts})
	c.scope.current = c
	return nil
}

// failed is [Context.Fail] for an error that no policy is asked about any more.
func (c *Context) failed(err error) error { return c.Fail(&RuntimeError{err}) }

func reasonOf(e *Error) Reason {
	var decode *DecodeError
	if errors.As(e.Err, &decode) {
		return UndecodableRecord
	}
	return Failed
}

func decide(p *Policy, r failing, e *Error) (d Decision) {
	defer func() {
		if v := recover(); v != nil {
			e.Err = fmt.Errorf("%w, and the handler of its errors failed: %w", e.Err, &PanicError{Value: v, Stack: debug.Stack()})
			d = Fail
		}
	}()
	if r == nil {
		return p.Decide(e, nil, nil, nil)
	}
	key, value, headers := r.shown()
	return p.Decide(e, key, value, headers)
}
