package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/rivusio/rivusio/pipes"
)

// StatusError is an answer with a status that is no success.
type StatusError struct {
	Status int
	Body   string // its beginning
}

// Error tells the status and the beginning of the body.
func (e *StatusError) Error() string {
	s := fmt.Sprintf("status %d %s", e.Status, http.StatusText(e.Status))
	if e.Body != "" {
		s += fmt.Sprintf(": %q", e.Body)
	}
	return s
}

// retryable reports whether a request that failed with the error is made again: after errors of the network and the statuses
// 408, 425, 429 and 5xx.
func retryable(err error) bool {
	if s := (*StatusError)(nil); errors.As(err, &s) {
		return s.Status == http.StatusRequestTimeout || s.Status == http.StatusTooEarly || s.Status == http.StatusTooManyRequests || s.Status >= 500
	}
	if t := (*pipes.TimeoutError)(nil); errors.As(err, &t) {
		return true
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // a url.Error is a net.Error whatever its cause
	}
	if errors.Is(err, context.Canceled) {
		return false
	}
	n := net.Error(nil)
	return errors.As(err, &n) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// request is one call of a service.
type request struct {
	method, url string
	headers     map[string]string
	body        io.ReadSeeker // nil: none
}

// answer is what a service said.
type answer struct {
	status int
	body   []byte
}

// client makes requests within a time each, again as the retries say.
type client struct {
	http  http.Client
	calls pipes.Pipe[request, answer]
}

// newClient makes a client. Its answers are successes, and those that accept says are none the less. Redirects are followed to
// the same host only.
func newClient(transport http.RoundTripper, retry RetryConfig, maxBody int64, accept func(status int) bool) (*client, error) {
	if transport == nil {
		transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	c := &client{http: http.Client{Transport: transport, CheckRedirect: sameHost}}
	var err error
	c.calls, err = retryIf(retryable, retry, pipes.Pipe[request, answer](pipes.Func[request, answer](func(ctx context.Context, r request) (answer, error) {
		return do(ctx, &c.http, r, maxBody, accept)
	})))
	return c, err
}

func (c *client) do(ctx context.Context, r request) (answer, error) {
	a, err := c.calls.Process(ctx, r)
	return a, anonymous(err)
}

// close gives back the connections that wait for another request.
func (c *client) close() { c.http.CloseIdleConnections() }

// anonymous is an error without the name of the request's pipe, so that it gets that of the plugin.
func anonymous(err error) error {
	switch e := err.(type) {
	case *pipes.Error:
		return e.Err
	case *pipes.AttemptsError:
		return &pipes.AttemptsError{Attempts: e.Attempts, Err: anonymous(e.Err)}
	case interface{ Unwrap() []error }:
		var all []error
		for _, err := range e.Unwrap() {
			all = append(all, anonymous(err))
		}
		return errors.Join(all...)
	}
	return err
}

func sameHost(r *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= 10:
		return errors.New("more than 10 redirects")
	case r.URL.Host != via[0].URL.Host:
		return fmt.Errorf("a redirect to another host, %s", r.URL.Host)
	}
	return nil
}

func do(ctx context.Context, client *http.Client, r request, maxBody int64, accept func(int) bool) (answer, error) {
	var body io.Reader
	if r.body != nil {
		if _, err := r.body.Seek(0, io.SeekStart); err != nil {
			return answer{}, err
		}
		body = io.NopCloser(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, body)
	if err != nil {
		return answer{}, err
	}
	if s, ok := r.body.(interface{ Size() int64 }); ok {
		req.ContentLength = s.Size()
	}
	for name, value := range r.headers {
		req.Header.Set(name, value)
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	content, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	case (res.StatusCode < 200 || res.StatusCode > 299) && !accept(res.StatusCode):
		return answer{}, &StatusError{res.StatusCode, string(content[:min(len(content), 200)])}
	case int64(len(content)) > maxBody:
		return answer{}, fmt.Errorf("the answer is longer than %d bytes", maxBody)
	}
	return answer{res.StatusCode, content}, nil
}
