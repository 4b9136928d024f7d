package plugins

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rivusio/rivusio/pipes"
)

// HTTPSourceConfig configures the source http.
type HTTPSourceConfig struct {
	Listen   string        `yaml:"listen" default:"127.0.0.1:8080" doc:"address, HOST:PORT; without a host all of the machine's"`
	Path     string        `yaml:"path" default:"/" doc:"path that is posted to"`
	Key      *Field        `yaml:"key" doc:"part of the value that is the key of the message; it must be there"`
	MaxBody  int64         `yaml:"max_body_size" unit:"bytes" default:"1MiB" min:"1" max:"1GiB" doc:"longest body of a request"`
	Requests int           `yaml:"requests" default:"64" min:"1" max:"10000" doc:"how many requests may wait for their messages to be taken; a further one is told to come again (503)"`
	Timeout  time.Duration `yaml:"timeout" default:"30s" min:"1ms" doc:"longest time to read a request, and then to take its messages"`
	Token    string        `yaml:"token_file" doc:"file with a token that requests must have as Authorization: Bearer"`
}

// Validate checks address and path.
func (c *HTTPSourceConfig) Validate() error {
	var errs []error
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		errs = append(errs, &KeyError{Key: "listen", Err: fmt.Errorf("%q is not HOST:PORT", c.Listen)})
	}
	if !strings.HasPrefix(c.Path, "/") {
		errs = append(errs, &KeyError{Key: "path", Err: fmt.Errorf("%q does not begin with a /", c.Path)})
	}
	if c.Key != nil && !c.Key.inValue() {
		errs = append(errs, &KeyError{Key: "key", Err: fmt.Errorf("%v is no part of the value", c.Key)})
	}
	return errors.Join(errs...)
}

func newHTTPSource(listen func(network, address string) (net.Listener, error)) func(HTTPSourceConfig) (Source, error) {
	return func(c HTTPSourceConfig) (Source, error) {
		return func(ctx context.Context) iter.Seq2[Message, error] {
			return func(yield func(Message, error) bool) {
				if err := c.serve(ctx, listen, yield); err != nil {
					yield(Message{}, err)
				}
			}
		}, nil
	}
}

// receiver takes requests. Their messages wait in it until the loop over the source takes them.
type receiver struct {
	HTTPSourceConfig
	token    string
	messages chan Message
	ended    <-chan struct{} // closed when no more messages are taken
	open     chan struct{}   // one item for each request
	number   atomic.Int64
}

// serve gives messages to yield until the context ends, whose error it returns, or yield returns false.
func (c HTTPSourceConfig) serve(ctx context.Context, listen func(network, address string) (net.Listener, error), yield func(Message, error) bool) error {
	r := &receiver{HTTPSourceConfig: c, messages: make(chan Message), open: make(chan struct{}, c.Requests)}
	if c.Token != "" {
		token, err := os.ReadFile(c.Token)
		if err != nil {
			return err
		}
		if r.token = strings.TrimSpace(string(token)); r.token == "" {
			return fmt.Errorf("%s: the token is empty", c.Token)
		}
	}
	l, err := listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	r.ended = running.Done()
	server := &http.Server{Handler: r, ReadTimeout: c.Timeout, ReadHeaderTimeout: c.Timeout, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	defer func() {
		stop() // requests that wait are told so
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if server.Shutdown(closing) != nil {
			server.Close()
		}
		<-served
	}()
	for {
		select {
		case m := <-r.messages:
			if !yield(m, nil) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		case err := <-served:
			served <- err
			return err
		}
	}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if r.token != "" && subtle.ConstantTimeCompare([]byte(req.Header.Get("Authorization")), []byte("Bearer "+r.token)) != 1 {
		http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
		return
	}
	if req.URL.Path != r.Path {
		http.NotFound(w, req)
		return
	}
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "want a POST", http.StatusMethodNotAllowed)
		return
	}
	select {
	case r.open <- struct{}{}:
		defer func() { <-r.open }()
	default:
		r.busy(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, r.MaxBody))
	if err != nil {
		status := http.StatusBadRequest
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, err.Error(), status)
		return
	}
	messages, err := r.read(req.Context(), body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.hand(w, req, messages)
}

func (r *receiver) busy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "too many requests wait", http.StatusServiceUnavailable)
}

// read makes all messages of a body: a mistake in one refuses all.
func (r *receiver) read(ctx context.Context, body []byte) (messages []Message, err error) {
	l := lines{source: "body", json: true, key: r.Key, max: r.MaxBody}
	l.read(ctx, bytes.NewReader(body), func(m Message, e error) bool {
		messages, err = append(messages, m), e
		return true
	})
	return messages, err
}

// hand gives the messages to the loop over the source and answers when it has taken the last.
func (r *receiver) hand(w http.ResponseWriter, req *http.Request, messages []Message) {
	patience := time.NewTimer(r.Timeout)
	defer patience.Stop()
	for taken, m := range messages {
		m.Origin = pipes.Origin{Source: "http://" + r.HTTPSourceConfig.Listen + r.Path, Offset: r.number.Add(1) - 1}
		m.Time = time.Now()
		select {
		case r.messages <- m:
			continue
		case <-r.ended:
		case <-patience.C:
		case <-req.Context().Done():
		}
		w.Header().Set("Retry-After", "1")
		http.Error(w, fmt.Sprintf("%d of %d messages were taken", taken, len(messages)), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
