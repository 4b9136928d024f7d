package jsonschema

import "strings"

// detail wraps a cause that may say much, over many lines. The message is cut and on one line, the chain is whole.
type detail struct{ cause error }

const detailBytes = 500

func (d detail) Unwrap() error { return d.cause }

func (d detail) Error() string {
	text := strings.ToValidUTF8(strings.Join(strings.Fields(d.cause.Error()), " "), "")
	if len(text) <= detailBytes {
		return text
	}
	return strings.ToValidUTF8(text[:detailBytes], "") + " …"
}
