package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/twmb/franz-go/pkg/sr"
)

// ID finds the id of a schema in a subject. If the subject does not have it, and the client may register schemas, it is
// registered, provided that the subject takes it. So are the schemas that it refers to, before it, each in its own subject.
func (c *Client) ID(ctx context.Context, subject string, s Schema) (int, error) {
	var id int
	err := c.retry(ctx, fmt.Sprintf("the id of the schema of subject %q", subject), func(ctx context.Context) error {
		resolved, err := c.resolved(ctx, s)
		if err != nil {
			return err
		}
		found, err := c.find(ctx, subject, resolved)
		id = found.ID
		return err
	})
	if err != nil {
		return 0, &SubjectError{Subject: subject, Err: err, MayRegister: c.cfg.AutoRegister}
	}
	return id, nil
}

// find finds a schema in a subject, or registers it if the client may: after it was compared with those that are there, as not
// every registry does that by itself. The versions of its references are known.
func (c *Client) find(ctx context.Context, subject string, s Schema) (sr.SubjectSchema, error) {
	found, err := c.sr.LookupSchema(ctx, subject, toWire(s))
	if !notFound(err) || !c.cfg.AutoRegister {
		return found, err
	}
	if err := c.check(ctx, subject, s); err != nil {
		return found, err
	}
	return c.sr.CreateSchema(ctx, subject, toWire(s))
}

// resolved is the schema with the versions of its references, which are found or registered like itself.
func (c *Client) resolved(ctx context.Context, s Schema) (Schema, error) {
	s.References = slices.Clone(s.References)
	for i := range s.References {
		r := &s.References[i]
		if r.Version != 0 {
			continue
		}
		of, err := c.resolved(ctx, r.Schema)
		if err != nil {
			return s, err
		}
		found, err := c.find(ctx, r.Subject, of)
		if err != nil {
			return s, fmt.Errorf("reference %q: %w", r.Name, &SubjectError{Subject: r.Subject, Err: err, MayRegister: c.cfg.AutoRegister})
		}
		r.Version = found.Version
	}
	return s, nil
}

func notFound(err error) bool {
	var refused *sr.ResponseError
	return errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound
}

// Check compares a schema with the latest one of a subject, by the subject's rule, after those that it refers to with theirs. Nil:
// it may be registered, or there is none yet. An [IncompatibleError] says what is in the way. A registry compares nothing that
// refers to what it does not have: if it has a schema in the subject and not a reference of the new one, that is an error.
func (c *Client) Check(ctx context.Context, subject string, s Schema) error {
	err := c.retry(ctx, fmt.Sprintf("the compatibility of subject %q", subject), func(ctx context.Context) error {
		resolved, missing, err := c.compared(ctx, s)
		switch {
		case err != nil:
			return err
		case missing == nil:
			return c.check(ctx, subject, resolved)
		}
		if _, err := c.sr.SchemaByVersion(ctx, subject, latest); notFound(err) {
			return nil // the first of its subject
		}
		return missing
	})
	var incompatible *IncompatibleError
	if err == nil || errors.As(err, &incompatible) {
		return err
	}
	return &SubjectError{Subject: subject, Err: err}
}

// compared is the schema with the versions of its references, each of which is in its subject or may be registered there. missing
// says which is not there yet.
func (c *Client) compared(ctx context.Context, s Schema) (_ Schema, missing, err error) {
	s.References = slices.Clone(s.References)
	for i := range s.References {
		r := &s.References[i]
		if r.Version != 0 {
			continue
		}
		of, below, err := c.compared(ctx, r.Schema)
		if err != nil {
			return s, nil, err
		}
		if below == nil {
			found, err := c.sr.LookupSchema(ctx, r.Subject, toWire(of))
			if r.Version = found.Version; err == nil {
				continue
			}
			if !notFound(err) {
				return s, nil, err
			}
			if err := c.check(ctx, r.Subject, of); err != nil {
				return s, nil, err
			}
			below = fmt.Errorf("reference %q: %w", r.Name, &SubjectError{Subject: r.Subject, Err: err})
		}
		missing = below
	}
	return s, missing, nil
}

const latest = -1

func (c *Client) check(ctx context.Context, subject string, s Schema) error {
	result, err := c.sr.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), subject, latest, toWire(s))
	switch {
	case notFound(err):
		return nil // the first of its subject
	case err != nil:
		return err
	case !result.Is:
		return &IncompatibleError{Subject: subject, Messages: result.Messages}
	}
	return nil
}
