package protobuf

import (
	"errors"
	"fmt"
	"strings"
)

// shownBytes bounds how much of a refused payload an error shows.
const shownBytes = 8

var errNull = errors.New("a nil message is Kafka's null, which has no bytes")

// shown describes a payload by its length and first bytes.
func shown(b []byte) string {
	if len(b) <= shownBytes {
		return fmt.Sprintf("%d bytes (% x)", len(b), b)
	}
	return fmt.Sprintf("%d bytes (% x …)", len(b), b[:shownBytes])
}

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

func wrong(format string, args ...any) *placeError {
	return &placeError{text: fmt.Sprintf(format, args...)}
}

// within puts a step, such as ".name" or "[3]", before the path of an error.
func within(step string, err error) error {
	if e, ok := err.(*placeError); ok {
		return &placeError{path: step + e.path, text: e.text}
	}
	return fmt.Errorf("%s: %w", step, err)
}

func unfit(v any, want string) error { return wrong("%s, want %s", kindOf(v), want) }

// kindOf is what a value is, without what it says.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nil"
	case map[string]any:
		return "a map"
	case []any:
		return "a list"
	}
	return fmt.Sprintf("a %T", v)
}

// cut bounds a name or a text in an error.
func cut(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// detail wraps a cause whose message may quote names of any length. The message is cut, the chain is not.
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
