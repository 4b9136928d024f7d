package plugins

import (
	"context"
	"errors"
	"slices"

	"github.com/rivusio/rivusio/pipes"
)

// Chain gives each message that a pipe makes to the next one. What comes out are the messages of the last, in order. No pipes
// give back what they are given. The pipes are opened in that order and closed in reverse.
func Chain(parts ...Pipe) Pipe { return &chain{parts: slices.Clone(parts)} }

type chain struct {
	parts  []Pipe
	opened []*pipes.Opened[Message, []Message]
}

func (c *chain) Open(ctx context.Context) error {
	c.opened = nil
	for _, p := range c.parts {
		o, err := pipes.Open(ctx, p)
		if err != nil {
			return errors.Join(err, c.Close())
		}
		c.opened = append(c.opened, o)
	}
	return nil
}

func (c *chain) Close() error {
	var errs []error
	for _, o := range slices.Backward(c.opened) {
		errs = append(errs, o.Close())
	}
	c.opened = nil
	return errors.Join(errs...)
}

func (c *chain) Process(ctx context.Context, m Message) ([]Message, error) {
	if len(c.opened) != len(c.parts) {
		return nil, pipes.ErrClosed
	}
	messages := []Message{m}
	for i, p := range c.opened {
		if i == 0 || len(messages) == 1 { // without a copy
			if len(messages) == 0 {
				return nil, nil
			}
			out, err := p.Process(ctx, messages[0])
			if err != nil {
				return nil, err
			}
			messages = out
			continue
		}
		var next []Message
		for _, m := range messages {
			out, err := p.Process(ctx, m)
			if err != nil {
				return nil, err
			}
			next = append(next, out...)
		}
		messages = next
	}
	return messages, nil
}

func (c *chain) Name() string { return "chain" }
