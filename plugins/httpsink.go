package plugins

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/rivusio/rivusio/pipes"
)

// HTTPSinkConfig configures the sink http.
type HTTPSinkConfig struct {
	URL     string            `yaml:"url" required:"true" doc:"address, http or https"`
	Method  string            `yaml:"method" enum:"POST,PUT" default:"POST"`
	Headers map[string]string `yaml:"headers" doc:"headers of the request"`
	Format  string            `yaml:"format" enum:"lines,list" default:"lines" doc:"JSON lines, or one JSON list"`
	Batch   int               `yaml:"batch" default:"100" min:"1" max:"100000" doc:"most values in a request"`
	MaxSize int64             `yaml:"max_size" unit:"bytes" default:"1MiB" min:"1" max:"1GiB" doc:"size from which a request is sent though it has fewer"`
	Linger  time.Duration     `yaml:"linger" default:"100ms" min:"1ms" doc:"how long a value waits for others"`
	Retry   RetryConfig       `yaml:"retry" doc:"requests that fail for the network, or with status 408, 425, 429 or 5xx, are made again"`
}

// Validate checks the address.
func (c *HTTPSinkConfig) Validate() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return &KeyError{Key: "url", Err: fmt.Errorf("%q is no address: want http:// or https:// and a host", c.URL)}
	}
	return nil
}

// httpSink gathers values and posts them. The goroutine of the linger and the caller's share it.
type httpSink struct {
	HTTPSinkConfig
	client *client

	mu     sync.Mutex // held while a request is made: one follows the other
	ctx    context.Context
	cancel context.CancelFunc
	timer  *time.Timer
	body   bytes.Buffer
	count  int
	failed error // of a request; nothing is written after it
	told   bool  // whether a call has returned it
}

// maxHTTPAnswer is how much of an answer to a post is read.
const maxHTTPAnswer = 1 << 20

func newHTTPSink(transport http.RoundTripper) func(HTTPSinkConfig) (Sink, error) {
	return func(c HTTPSinkConfig) (Sink, error) {
		client, err := newClient(transport, c.Retry, maxHTTPAnswer, func(int) bool { return false })
		if err != nil {
			return nil, err
		}
		return &httpSink{HTTPSinkConfig: c, client: client}, nil
	}
}

func (s *httpSink) Name() string { return "http" }

func (s *httpSink) Open(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.count, s.failed, s.told = 0, nil, false
	return nil
}

func (s *httpSink) Write(ctx context.Context, m Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return pipes.ErrClosed
	}
	if s.failed != nil {
		return s.tell()
	}
	line, err := appendLine(nil, m.Value)
	if err != nil {
		return fmt.Errorf("message %v: %w", m.Origin, err)
	}
	s.gather(line)
	if s.count >= s.Batch || int64(s.body.Len()) >= s.MaxSize {
		s.post(ctx)
		return s.tell()
	}
	if s.count == 1 {
		s.timer = time.AfterFunc(s.Linger, s.lingered)
	}
	return nil
}

// gather adds a line to the next request.
func (s *httpSink) gather(line []byte) {
	if s.count == 0 {
		s.body.Reset()
	}
	if s.Format == "list" {
		line = line[:len(line)-1]
		if s.count == 0 {
			s.body.WriteByte('[')
		} else {
			s.body.WriteByte(',')
		}
	}
	s.body.Write(line)
	s.count++
}

// lingered posts what has waited long enough.
func (s *httpSink) lingered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx != nil {
		s.post(s.ctx)
	}
}

// tell is the error of a request, for a call to return.
func (s *httpSink) tell() error {
	s.told = s.failed != nil
	return s.failed
}

// post makes the request, if there is one to be made. After a failure its values are gone.
func (s *httpSink) post(ctx context.Context) {
	if s.count == 0 || s.failed != nil {
		return
	}
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	count, format := s.count, "application/x-ndjson"
	if s.Format == "list" {
		s.body.WriteByte(']')
		format = "application/json"
	}
	s.count = 0
	headers := map[string]string{"Content-Type": format}
	for name, value := range s.Headers {
		headers[name] = value
	}
	if _, err := s.client.do(ctx, request{s.Method, s.URL, headers, bytes.NewReader(s.body.Bytes())}); err != nil {
		s.failed = fmt.Errorf("%s %s with %d values: %w", s.Method, s.URL, count, err)
	}
}

func (s *httpSink) Flush(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return pipes.ErrClosed
	}
	s.post(ctx)
	return s.tell()
}

// Close posts what is left. An error that a call has returned already is not returned again.
func (s *httpSink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		return nil
	}
	s.post(s.ctx)
	s.cancel()
	s.ctx = nil
	s.client.close()
	if s.told {
		return nil
	}
	return s.failed
}
