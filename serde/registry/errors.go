package registry

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// SubjectError says what is wrong with a schema in a subject.
type SubjectError struct {
	Subject     string
	MayRegister bool // the client may register schemas
	Err         error
}

// Error names the subject.
func (e *SubjectError) Error() string {
	hint := ""
	var inner *SubjectError
	if !e.MayRegister && !errors.As(e.Err, &inner) && strings.Contains(e.Err.Error(), "not found") {
		hint = "; register it, or let the client do so (AutoRegister)"
	}
	return fmt.Sprintf("registry: subject %q: %v%s", e.Subject, e.Err, hint)
}

// Unwrap returns the cause.
func (e *SubjectError) Unwrap() error { return e.Err }

// IncompatibleError says that a subject does not take a schema.
type IncompatibleError struct {
	Subject  string
	Messages []string // of the registry
}

// Error has what the registry says.
func (e *IncompatibleError) Error() string {
	why := strings.Join(e.Messages, "; ")
	if why == "" {
		why = "the registry does not say why"
	}
	return fmt.Sprintf("registry: the schema is not compatible with the latest one of subject %q: %s", e.Subject, why)
}

var errTooLarge = errors.New("registry: the answer is too large for a schema")

// limited bounds the answers of a server.
type limited struct {
	base     http.RoundTripper
	maxBytes int
}

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.base.RoundTrip(r)
	if err == nil {
		// A schema is a text in JSON, where a byte may take six.
		resp.Body = &limitedBody{resp.Body, 6*int64(l.maxBytes) + 4096}
	}
	return resp, err
}

type limitedBody struct {
	io.ReadCloser
	left int64
}

// Read fails when the limit is passed, in the place of ending: half a schema would be something else.
func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
