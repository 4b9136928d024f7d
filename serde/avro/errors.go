package avro

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/avro"
)

// placeError is a mistake at a place within a value.
type placeError struct {
	path string // of fields and items; "" at the root
	text string
}

func (e *placeError) Error() string {
	if e.path == "" {
		return e.text
	}
	path := strings.TrimPrefix(e.path, ".")
	const most = 120 // deep values have long paths
	if len(path) > most {
		path = strings.ToValidUTF8(path[:most/2], "") + " … " + strings.ToValidUTF8(path[len(path)-most/2:], "")
	}
	return "field " + path + ": " + e.text
}

func wrong(format string, args ...any) error { return &placeError{text: fmt.Sprintf(format, args...)} }

// within puts a step, such as ".name" or "[3]", before the path of an error.
func within(step string, err error) error {
	if e, ok := err.(*placeError); ok {
		return &placeError{path: step + e.path, text: e.text}
	}
	return fmt.Errorf("%s: %w", step, err)
}

// trailing says that a value ended too early.
func trailing(n int) error { return wrong("%d bytes are left after the value", n) }

// described is an error of the library in the words of this package: its field path, without what it says about Go types on
// the way there.
func described(err error) error {
	var incompatible *avro.CompatibilityError
	var semantic *avro.SemanticError
	switch {
	case errors.As(err, &incompatible):
		return fmt.Errorf("it cannot be read: %w", err)
	case errors.As(err, &semantic) && semantic.Field != "" && semantic.Err != nil:
		return &causedError{"field " + semantic.Field, semantic.Err}
	}
	return err
}

type causedError struct {
	place string
	cause error
}

func (e *causedError) Error() string { return e.place + ": " + e.cause.Error() }
func (e *causedError) Unwrap() error { return e.cause }

// shown describes a payload by its length and first bytes.
func shown(b []byte) string {
	const most = 8
	switch {
	case len(b) == 0:
		return "0 bytes"
	case len(b) <= most:
		return fmt.Sprintf("%d bytes (% x)", len(b), b)
	default:
		return fmt.Sprintf("%d bytes (% x …)", len(b), b[:most])
	}
}

// detail wraps a cause whose message may quote names or values of any length. The message is cut, the chain is not.
type detail struct{ cause error }

func (d detail) Unwrap() error { return d.cause }

func (d detail) Error() string {
	const most = 400
	text := d.cause.Error()
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " …"
}
