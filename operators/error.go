package operators

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Error is a failure of an operator, with the place of the record that it was working on.
type Error struct {
	Operator string // "" if none was at work
	Task     string
	Origin   Origin // Offset is -1 if no record was in work
	During   string // what was in work in the place of a record, such as "in a schedule"; else ""
	Key      []byte // of the input record; nil for a null key, and without a record
	Err      error
}

// maxKeyBytes is how much of a key an error message shows.
const maxKeyBytes = 64

// Error tells the whole story in one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Operator != "" {
		fmt.Fprintf(&b, "operator %q, ", e.Operator)
	}
	b.WriteString("task " + e.Task)
	if e.Origin.Offset >= 0 {
		fmt.Fprintf(&b, ", topic %q, partition %d, offset %d, key %s", e.Origin.Topic, e.Origin.Partition, e.Origin.Offset, quoteKey(e.Key))
	} else if e.During != "" {
		b.WriteString(", " + e.During)
	}
	b.WriteString(": ")
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap returns what went wrong.
func (e *Error) Unwrap() error { return e.Err }

func quoteKey(key []byte) string {
	if key == nil {
		return "null"
	}
	if len(key) > maxKeyBytes {
		return strconv.QuoteToASCII(string(key[:maxKeyBytes])) + "… (" + strconv.Itoa(len(key)) + " bytes)"
	}
	return strconv.QuoteToASCII(string(key))
}

// PanicError is a panic of user code, caught by the task.
type PanicError struct {
	Value any
	Stack []byte
}

// Error shows the value of the panic; the stack is in the field.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value of the panic if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// DecodeError is input that a source could not decode.
type DecodeError struct {
	Part string // "key" or "value"
	Err  error
}

// Error says which part could not be decoded.
func (e *DecodeError) Error() string { return "decode " + e.Part + ": " + e.Err.Error() }

// Unwrap returns the serde's error.
func (e *DecodeError) Unwrap() error { return e.Err }

// EncodeError is a key or value of a record that a serde could not encode.
type EncodeError struct {
	Part string // "key" or "value", or with the topic that it is for
	Err  error
}

// Error says which part could not be encoded.
func (e *EncodeError) Error() string { return "encode " + e.Part + ": " + e.Err.Error() }

// Unwrap returns the serde's error.
func (e *EncodeError) Unwrap() error { return e.Err }

// failure makes an error name the operator that is at work, unless it names one already.
func (s *Scope) failure(err error) error {
	var named *Error
	if errors.As(err, &named) {
		return err
	}
	e := &Error{Task: s.Task, Origin: s.Origin, Key: s.Key, Err: err}
	if s.current != nil {
		e.Operator = s.current.name
	}
	if !s.HasOrigin {
		e.During = s.during
	}
	return e
}

// Recovered makes a panic of the operator at work an error; that of [Throw] is the error that was thrown.
func (s *Scope) Recovered(value any, stack []byte) error {
	if t, ok := value.(thrown); ok {
		return s.failure(t.error)
	}
	return s.failure(&PanicError{Value: value, Stack: stack})
}

// Failed makes an error name the operator at work and the record.
func (s *Scope) Failed(err error) error { return s.failure(err) }
