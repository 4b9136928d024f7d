package pipes

import (
	"context"
	"fmt"
)

// Failure is a record that an operator could not process, and why.
type Failure struct {
	Operator string // its name in the topology, or the name of the pipe
	Key      any    // as decoded; nil if it could not be, or is null
	Value    any    // as decoded; nil if it could not be, or is null
	Headers  []Header
	Origin   Origin // of the record that failed, or of the one that it was made of
	Err      error  // never nil
}

// Error names the operator, the origin and the cause.
func (f Failure) Error() string {
	return fmt.Sprintf("operator %q, record %v: %v", f.Operator, f.Origin, f.Err)
}

// Unwrap returns the cause.
func (f Failure) Unwrap() error { return f.Err }

// Decision is what is done about a failure. The zero value is [Fail].
type Decision int

// The decisions.
const (
	Fail       Decision = iota // the error ends the run; the record is read again after a restart
	Skip                       // the record is dropped, and the ones behind it go on
	DeadLetter                 // it goes to the topic of dead letters; where there is none, this is Fail
)

// String is fail, skip or dead-letter.
func (d Decision) String() string {
	switch d {
	case Fail:
		return "fail"
	case Skip:
		return "skip"
	case DeadLetter:
		return "dead-letter"
	}
	return fmt.Sprintf("decision %d", int(d))
}

// FailureHandler decides about a failure. It may be called by several goroutines at once, must not change what it is given,
// and does not keep Key, Value and Headers. What is no decision, and a panic, count as [Fail].
type FailureHandler func(context.Context, Failure) Decision

// FailOnError is the handler that ends the run at the first failure.
func FailOnError(context.Context, Failure) Decision { return Fail }

// SkipOnError is the handler that drops each record that fails.
func SkipOnError(context.Context, Failure) Decision { return Skip }
