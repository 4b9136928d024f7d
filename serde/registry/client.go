package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// Client asks a registry and keeps what it answers. Make one with [New] for each registry, and share it: any number of
// goroutines may use it.
type Client struct {
	cfg    Config
	sr     *sr.Client
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	schema cache[Schema] // by id
}

// New makes a client. It does not ask the registry yet.
func New(c Config) (*Client, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = c.TLS
	opts := []sr.ClientOpt{
		sr.URLs(c.URLs...), sr.UserAgent("rivusio"),
		sr.HTTPClient(&http.Client{Timeout: c.Timeout, Transport: limited{transport, c.MaxSchemaBytes}}),
	}
	switch {
	case c.Token != nil:
		opts = append(opts, sr.PreReq(func(r *http.Request) error {
			token, err := c.Token()
			r.Header.Set("Authorization", "Bearer "+token)
			return err
		}))
	case c.Username != "":
		opts = append(opts, sr.BasicAuth(c.Username, c.Password))
	}
	client, err := sr.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	r := &Client{cfg: c, sr: client, schema: cache[Schema]{max: c.MaxSchemas}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// Close ends what is still being fetched.
func (c *Client) Close() { c.cancel() }

// unknownError says that a registry has no schema of an id.
type unknownError struct {
	id  int
	err error
}

func (e *unknownError) Error() string {
	return fmt.Sprintf("registry: there is no schema with id %d: %v", e.id, e.err)
}
func (e *unknownError) Unwrap() error { return e.err }

// final reports whether an error of the registry comes back however often it is asked.
func final(err error) bool {
	var refused *sr.ResponseError
	var incompatible *IncompatibleError
	if !errors.As(err, &refused) {
		return errors.Is(err, errTooLarge) || errors.Is(err, errReferences) || errors.As(err, &incompatible)
	}
	switch refused.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return refused.StatusCode < http.StatusInternalServerError
}

// whileRunning makes a refusal for a lack of rights one that is not final: it comes to records that are there, which wait until
// somebody puts it right.
func whileRunning(err error) error {
	var refused *sr.ResponseError
	if errors.As(err, &refused) && (refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden) {
		return errors.New(err.Error())
	}
	return err
}

// retry calls f until it succeeds, or fails for good, or the context ends.
func (c *Client) retry(ctx context.Context, what string, f func(context.Context) error) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := f(ctx)
		if err == nil || final(err) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("registry: %s: %w", what, err)
		}
		c.cfg.Logger.Warn("the schema registry does not answer as it should; it is asked again", "request", what, "error", err, "after", wait.String())
		select {
		case <-ctx.Done():
			return fmt.Errorf("registry: %s: %w", what, err)
		case <-time.After(wait):
		}
	}
}

// fetch is the schema of an id, being fetched if it is not known. The fetch goes on until the registry has answered.
func (c *Client) fetch(id int) *entry[Schema] {
	e, first := c.schema.get(id)
	if first {
		go func() {
			var s Schema
			err := c.retry(c.ctx, fmt.Sprintf("schema %d", id), func(ctx context.Context) error {
				answer, err := c.sr.SchemaByID(ctx, id)
				if err == nil {
					s, err = c.resolve(ctx, answer)
				}
				return whileRunning(err)
			})
			if err != nil {
				err = &unknownError{id, err}
			}
			e.finish(s, err)
		}()
	}
	return e
}

// Schema is the schema of an id. It is asked for as long as the context lasts.
func (c *Client) Schema(ctx context.Context, id int) (Schema, error) { return c.fetch(id).await(ctx) }

// Latest is the latest schema of a subject, with its id.
func (c *Client) Latest(ctx context.Context, subject string) (s Schema, id int, err error) {
	err = c.retry(ctx, fmt.Sprintf("the latest schema of subject %q", subject), func(ctx context.Context) error {
		found, err := c.sr.SchemaByVersion(ctx, subject, latest)
		if err != nil {
			return err
		}
		id = found.ID
		s, err = c.resolve(ctx, found.Schema)
		return err
	})
	if err != nil {
		return Schema{}, 0, &SubjectError{Subject: subject, Err: err}
	}
	return s, id, nil
}

var errReferences = errors.New("registry: the schema refers to too many others, or is too large with them")

// resolve fetches what a schema refers to.
func (c *Client) resolve(ctx context.Context, s sr.Schema) (Schema, error) {
	count, size := 0, 0
	known := make(map[string]Schema) // by subject and version: a diamond is fetched once
	var resolve func(s sr.Schema) (Schema, error)
	resolve = func(s sr.Schema) (Schema, error) {
		if size += len(s.Schema); size > c.cfg.MaxSchemaBytes {
			return Schema{}, errReferences
		}
		out := Schema{Type: typeOf(s.Type), Text: s.Schema}
		for _, r := range s.References {
			if count++; count > maxReferences {
				return Schema{}, errReferences
			}
			key := fmt.Sprint(r.Version, " ", r.Subject)
			of, ok := known[key]
			if !ok {
				answer, err := c.sr.SchemaByVersion(ctx, r.Subject, r.Version)
				if err != nil {
					return Schema{}, fmt.Errorf("reference %q to version %d of subject %q: %w", r.Name, r.Version, r.Subject, err)
				}
				if of, err = resolve(answer.Schema); err != nil {
					return Schema{}, err
				}
				known[key] = of
			}
			out.References = append(out.References, Reference{Name: r.Name, Subject: r.Subject, Version: r.Version, Schema: of})
		}
		return out, nil
	}
	return resolve(s)
}

func typeOf(t sr.SchemaType) Type {
	switch t {
	case sr.TypeProtobuf:
		return Protobuf
	case sr.TypeJSON:
		return JSONSchema
	}
	return Avro
}

func toWire(s Schema) sr.Schema {
	out := sr.Schema{Schema: s.Text}
	switch s.Type {
	case Protobuf:
		out.Type = sr.TypeProtobuf
	case JSONSchema:
		out.Type = sr.TypeJSON
	}
	for _, r := range s.References {
		out.References = append(out.References, sr.SchemaReference{Name: r.Name, Subject: r.Subject, Version: r.Version})
	}
	return out
}

// cache keeps entries by id, at most max of those that are done.
type cache[V any] struct {
	max     int
	mu      sync.Mutex
	entries map[int]*entry[V]
}

// entry is something that is known or on its way.
type entry[V any] struct {
	done  chan struct{}
	value V
	err   error
	at    time.Time // when it was done; errors are asked for again after a while
}

// forgotten is how long the registry's no is taken for an answer.
const forgotten = 30 * time.Second

// get is the entry of an id; the caller of the first one has to finish it.
func (c *cache[V]) get(id int) (e *entry[V], first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e = c.entries[id]; e != nil && (!e.isDone() || e.err == nil || time.Since(e.at) <= forgotten) {
		return e, false
	}
	if c.entries == nil {
		c.entries = make(map[int]*entry[V])
	}
	for other, e := range c.entries { // in random order
		if len(c.entries) < c.max {
			break
		}
		if e.isDone() {
			delete(c.entries, other)
		}
	}
	e = &entry[V]{done: make(chan struct{})}
	c.entries[id] = e
	return e, true
}

// known is the entry of an id if it is done, else nil.
func (c *cache[V]) known(id int) *entry[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[id]; e != nil && e.isDone() && (e.err == nil || time.Since(e.at) <= forgotten) {
		return e
	}
	return nil
}

func (e *entry[V]) finish(v V, err error) {
	e.value, e.err, e.at = v, err, time.Now()
	close(e.done)
}

func (e *entry[V]) isDone() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// await is the value when it is there.
func (e *entry[V]) await(ctx context.Context) (V, error) {
	select {
	case <-e.done:
		return e.value, e.err
	case <-ctx.Done():
		var none V
		return none, fmt.Errorf("registry: it has not answered: %w", ctx.Err())
	}
}
