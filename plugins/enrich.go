package plugins

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
)

// EnrichConfig configures the pipe http-enrich.
type EnrichConfig struct {
	URL      string            `yaml:"url" required:"true" doc:"address, http or https, with parts of the message in braces behind the host: https://rates/{currency}?day={day}"`
	Into     Field             `yaml:"into" required:"true" doc:"part of the value that the answer is put into"`
	Headers  map[string]string `yaml:"headers" doc:"headers of the request"`
	Retry    RetryConfig       `yaml:"retry" doc:"requests that fail for the network, or with status 408, 425, 429 or 5xx, are made again"`
	MaxSize  int64             `yaml:"max_size" unit:"bytes" default:"1MiB" min:"1" max:"1GiB" doc:"longest answer"`
	NotFound string            `yaml:"not_found" enum:"fail,null,skip" default:"fail" doc:"what status 404 means: an error, null in the message, or that the message is dropped"`
	Cache    *CacheConfig      `yaml:"cache" doc:"answers are kept in memory, by address; without it they are not"`
}

// CacheConfig bounds a cache.
type CacheConfig struct {
	Max  int           `yaml:"max" default:"10000" min:"1" max:"10000000" doc:"how many answers are kept"`
	Time time.Duration `yaml:"time" default:"1m" min:"1ms" doc:"how long an answer is good"`
}

type enrich struct {
	EnrichConfig
	address template
	client  *client
	cache   *answerCache
}

func newEnrich(transport http.RoundTripper) func(EnrichConfig) (Pipe, error) {
	return func(c EnrichConfig) (Pipe, error) {
		if !c.Into.inValue() {
			return nil, &KeyError{Key: "into", Err: fmt.Errorf("%v is no part of the value", c.Into)}
		}
		address, err := newTemplate(c.URL)
		if err != nil {
			return nil, &KeyError{Key: "url", Err: err}
		}
		client, err := newClient(transport, c.Retry, c.MaxSize, func(status int) bool {
			return status == http.StatusNotFound && c.NotFound != "fail"
		})
		if err != nil {
			return nil, err
		}
		e := &enrich{EnrichConfig: c, address: address, client: client}
		if c.Cache != nil {
			e.cache = &answerCache{CacheConfig: *c.Cache, answers: make(map[string]cachedAnswer)}
		}
		// A replay must ask nobody, nor be told what is so today: there the message stays as it is.
		return pipes.External[Message, []Message](e, pipes.Named("http-enrich stub", pipes.Func[Message, []Message](unchanged))), nil
	}
}

func unchanged(_ context.Context, m Message) ([]Message, error) { return []Message{m}, nil }

func (e *enrich) Close() error {
	e.client.close()
	return nil
}

// enriched is what an answer says.
type enriched struct {
	value any
	found bool
}

func (e *enrich) Process(ctx context.Context, m Message) ([]Message, error) {
	address, err := e.address.fill(&m)
	if err != nil {
		return nil, err
	}
	got, cached := e.cache.get(address)
	if !cached {
		if got, err = e.ask(ctx, address); err != nil {
			return nil, err
		}
		e.cache.put(address, got)
	}
	if !got.found && e.NotFound == "skip" {
		return nil, nil
	}
	if m.Value, err = with(m.Value, e.Into.parts, got.value); err != nil {
		return nil, err
	}
	return []Message{m}, nil
}

func (e *enrich) ask(ctx context.Context, address string) (enriched, error) {
	a, err := e.client.do(ctx, request{method: http.MethodGet, url: address, headers: e.Headers})
	switch {
	case err != nil:
		return enriched{}, err
	case a.status == http.StatusNotFound:
		return enriched{}, nil
	}
	v, err := serde.JSONAny().Decode(append([]byte{}, a.body...))
	if err != nil {
		return enriched{}, fmt.Errorf("%s: the answer: %w", address, err)
	}
	return enriched{v, true}, nil
}

// answerCache keeps answers for a time; a nil one keeps none. When it is full, any answer makes room.
type answerCache struct {
	CacheConfig
	mu      sync.Mutex
	answers map[string]cachedAnswer
}

type cachedAnswer struct {
	enriched
	until time.Time
}

func (c *answerCache) get(address string) (enriched, bool) {
	if c == nil {
		return enriched{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.answers[address]
	return a.enriched, ok && time.Now().Before(a.until)
}

func (c *answerCache) put(address string, e enriched) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.answers[address]; !there && len(c.answers) >= c.Max {
		for other := range c.answers {
			delete(c.answers, other)
			break
		}
	}
	c.answers[address] = cachedAnswer{e, time.Now().Add(c.Time)}
}

// template is an address with parts of a message in it.
type template struct {
	texts  []string // one more than fields; they are around them
	fields []Field
	query  []bool // whether a field stands in the query
}

// newTemplate reads an address. No field may stand in the scheme or the host: a message must not choose whom to ask.
func newTemplate(address string) (template, error) {
	var t template
	rest, query := address, false
	for {
		text, behind, found := strings.Cut(rest, "{")
		if strings.Contains(text, "}") {
			return t, errors.New("a } without a {")
		}
		query = query || strings.Contains(text, "?")
		t.texts = append(t.texts, text)
		if !found {
			break
		}
		name, after, closed := strings.Cut(behind, "}")
		if !closed {
			return t, errors.New("a { without a }")
		}
		var f Field
		if err := f.UnmarshalText([]byte(name)); err != nil {
			return t, err
		}
		t.fields, t.query, rest = append(t.fields, f), append(t.query, query), after
	}
	u, err := url.Parse(t.texts[0])
	switch {
	case err != nil:
		return t, errors.New("it is no address")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return t, errors.New("want http:// or https:// and a host, without braces")
	case len(t.fields) > 0 && u.Path == "" && u.RawQuery == "" && !u.ForceQuery:
		return t, errors.New("a part of a message must not be in the host: want a / before it")
	}
	if _, err := url.Parse(strings.Join(t.texts, "x")); err != nil {
		return t, errors.New("it is no address")
	}
	return t, nil
}

func (t *template) fill(m *Message) (string, error) {
	var b strings.Builder
	for i, f := range t.fields {
		v, ok := f.Get(m)
		text, isText := textOf(v)
		switch {
		case !ok:
			return "", fmt.Errorf("%v is missing", f)
		case !isText:
			return "", fmt.Errorf("%v: a %s cannot be a part of an address", f, kindOf(v))
		case !t.query[i] && (text == "" || text == "." || text == ".."):
			return "", fmt.Errorf("%v: %q cannot be a part of a path", f, text)
		}
		b.WriteString(t.texts[i])
		if t.query[i] {
			b.WriteString(url.QueryEscape(text))
		} else {
			b.WriteString(url.PathEscape(text))
		}
	}
	b.WriteString(t.texts[len(t.fields)])
	return b.String(), nil
}
