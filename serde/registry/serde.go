package registry

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/rivusio/rivusio/serde"
)

// headerBytes are the byte 0 and the id of the schema.
const headerBytes = 5

// Serde writes and reads the keys or the values of a topic in the wire format of Confluent's registry: a byte 0, the id of the
// schema in four bytes, and the payload. Make one with [Key], [Value] or [In]. It implements serde.Serde, and serde.Opener and
// serde.Waiter, so a topology waits for a schema without holding up other partitions.
//
// What was written by any schema that the format can read is decoded; what is written has the format's own schema, whose id
// Open looks for.
type Serde[T any] struct {
	c       *Client
	f       Format[T]                       // of what is written; nil before Open if it is that of the subject
	of      func(Schema) (Format[T], error) // not nil if the schemas are those of the registry
	subject string
	err     error // of the subject's name

	readers cache[func([]byte) (T, error)] // by id
	last    atomic.Pointer[reader[T]]      // the one used last: most topics have one schema at a time

	mu sync.Mutex   // of Open
	id atomic.Int64 // of what is written; 0: not known yet
}

// Name implements serde.Namer: each record names the schema that it was written by, so only the subject counts.
func (s *Serde[T]) Name() string { return "schema of " + s.subject }

// reader is what decodes payloads of a schema.
type reader[T any] struct {
	id   int
	read func(payload []byte) (T, error)
}

// Key is the serde of the keys of a topic. nil if f is nil, which a topology refuses.
func Key[T any](c *Client, topic string, f Format[T]) serde.Serde[T] {
	return newSerde(c, topic, f, true)
}

// Value is the serde of the values of a topic. nil if f is nil, which a topology refuses.
func Value[T any](c *Client, topic string, f Format[T]) serde.Serde[T] {
	return newSerde(c, topic, f, false)
}

func newSerde[T any](c *Client, topic string, f Format[T], key bool) serde.Serde[T] {
	if c == nil || f == nil {
		return nil
	}
	s := &Serde[T]{c: c, f: f}
	s.readers.max = c.cfg.MaxSchemas
	s.subject, s.err = c.cfg.Strategy.subject(topic, f.Schema().Name, key)
	return s.withNulls()
}

// withNulls is the serde with the null of its format, if that has one.
func (s *Serde[T]) withNulls() serde.Serde[T] {
	if n, ok := s.f.(serde.Nuller[T]); ok {
		return &nulls[T]{s, n}
	}
	return s
}

// nulls is a serde whose format has a null, which is the zero value.
type nulls[T any] struct {
	*Serde[T]
	serde.Nuller[T]
}

// Decode implements serde.Serde.
func (n *nulls[T]) Decode(b []byte) (v T, err error) {
	if b == nil {
		return v, nil
	}
	return n.Serde.Decode(b)
}

// In is the serde of keys or values whose schema lies in a subject of any name. nil if f is nil, which a topology refuses.
func In[T any](c *Client, subject string, f Format[T]) serde.Serde[T] {
	if c == nil || f == nil {
		return nil
	}
	s := &Serde[T]{c: c, f: f, subject: subject}
	s.readers.max = c.cfg.MaxSchemas
	return s.withNulls()
}

// Latest is the serde of keys or values without a schema of their own: they are read by the schema that they were written with, and
// written with the latest one that the subject has when the serde is opened. of makes the format of a schema. nil if of is nil, which
// a topology refuses.
func Latest[T any](c *Client, subject string, of func(Schema) (Format[T], error)) serde.Serde[T] {
	if c == nil || of == nil {
		return nil
	}
	s := &Serde[T]{c: c, of: of, subject: subject}
	s.readers.max = c.cfg.MaxSchemas
	return s
}

// Subject names the subject of the keys or the values of a topic, by the client's strategy. record is the name of the type.
func (c *Client) Subject(topic, record string, key bool) (string, error) {
	return c.cfg.Strategy.subject(topic, record, key)
}

// Subject is where the schema of what is written is looked for.
func (s *Serde[T]) Subject() string { return s.subject }

// Check asks the registry whether the subject would take the schema of what is written. One that comes from there is taken.
func (s *Serde[T]) Check(ctx context.Context) error {
	switch {
	case s.err != nil:
		return s.err
	case s.of != nil:
		_, _, err := s.c.Latest(ctx, s.subject)
		return err
	}
	return s.c.Check(ctx, s.subject, s.f.Schema())
}

// Open implements serde.Opener: it finds the id of the schema, or registers it if the client may.
func (s *Serde[T]) Open(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	ctx, cancel := context.WithTimeout(ctx, s.c.cfg.Patience)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id.Load() != 0 {
		return nil
	}
	id, err := s.find(ctx)
	if err == nil {
		s.id.Store(int64(id))
	}
	return err
}

// find finds the id of what is written, and its format if that comes from the registry.
func (s *Serde[T]) find(ctx context.Context) (int, error) {
	if s.of == nil {
		return s.c.ID(ctx, s.subject, s.f.Schema())
	}
	schema, id, err := s.c.Latest(ctx, s.subject)
	if err != nil {
		return 0, err
	}
	if s.f, err = s.of(schema); err != nil {
		return 0, &SubjectError{Subject: s.subject, Err: err}
	}
	return id, nil
}

// Append implements serde.Serde. Before Open it opens the serde, and waits for that.
func (s *Serde[T]) Append(dst []byte, v T) ([]byte, error) {
	id := s.id.Load()
	if id == 0 {
		if err := s.Open(s.c.ctx); err != nil {
			return dst, err
		}
		id = s.id.Load()
	}
	before := len(dst)
	dst = binary.BigEndian.AppendUint32(append(dst, 0), uint32(id))
	out, err := s.f.Append(dst, v)
	if err != nil {
		return dst[:before], err
	}
	return out, nil
}

// idOf reads the header.
func idOf(b []byte) (int, error) {
	switch {
	case len(b) < headerBytes:
		return 0, fmt.Errorf("registry: %d bytes are too few for the header of the wire format, which has %d", len(b), headerBytes)
	case b[0] != 0:
		return 0, fmt.Errorf("registry: the first byte is %#02x, and 0 in the wire format: whoever wrote this did not use a registry", b[0])
	}
	return int(binary.BigEndian.Uint32(b[1:])), nil
}

// Decode implements serde.Serde. An error names the id of the schema.
func (s *Serde[T]) Decode(b []byte) (v T, err error) {
	id, err := idOf(b)
	if err != nil {
		return v, err
	}
	read, err := s.readerOf(id)
	if err != nil {
		return v, err
	}
	if v, err = read(b[headerBytes:]); err != nil {
		return v, fmt.Errorf("registry: schema %d: %w", id, err)
	}
	return v, nil
}

// Wait implements serde.Waiter.
func (s *Serde[T]) Wait(b []byte) <-chan struct{} {
	id, err := idOf(b)
	if err != nil {
		return nil // Decode says so
	}
	if last := s.last.Load(); last != nil && last.id == id || s.readers.known(id) != nil {
		return nil
	}
	if e := s.c.fetch(id); !e.isDone() {
		return e.done
	}
	return nil
}

// readerOf is the function for a schema. What a format says against a schema is kept as long as what it does with it.
func (s *Serde[T]) readerOf(id int) (func([]byte) (T, error), error) {
	if last := s.last.Load(); last != nil && last.id == id {
		return last.read, nil
	}
	if e := s.readers.known(id); e != nil {
		return s.use(id, e)
	}
	ctx, cancel := context.WithTimeout(s.c.ctx, s.c.cfg.Patience)
	defer cancel()
	schema, err := s.c.Schema(ctx, id)
	if err != nil {
		return nil, err
	}
	e, first := s.readers.get(id)
	if first {
		read, err := s.formatOf(schema)
		if err != nil {
			err = fmt.Errorf("registry: schema %d: %w", id, err)
		}
		e.finish(read, err)
	}
	<-e.done
	return s.use(id, e)
}

// formatOf makes the function that decodes what was written by a schema.
func (s *Serde[T]) formatOf(schema Schema) (func([]byte) (T, error), error) {
	if s.of == nil {
		return s.f.Reader(schema)
	}
	f, err := s.of(schema)
	if err != nil {
		return nil, err
	}
	return f.Reader(schema)
}

// use remembers the reader of an entry that is done.
func (s *Serde[T]) use(id int, e *entry[func([]byte) (T, error)]) (func([]byte) (T, error), error) {
	if e.err == nil {
		s.last.Store(&reader[T]{id, e.value})
	}
	return e.value, e.err
}
