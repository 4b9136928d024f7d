package wasm

import (
	"context"
	"errors"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
)

// pipe is a module with a configuration. Each of its slots has an instance that waits for work, or nil where one is to be
// made.
type pipe struct {
	module *module
	config []byte
	slots  chan *instance // nil: the pipe is not open
}

func (p *pipe) Name() string { return p.module.about.name }

// Open makes the first instance.
func (p *pipe) Open(ctx context.Context) error {
	first, err := p.instance(ctx)
	if err != nil {
		return err
	}
	n := p.module.host.limits.Instances
	slots := make(chan *instance, n)
	slots <- first
	for range n - 1 {
		slots <- nil
	}
	p.slots = slots
	return nil
}

// Close waits for the calls that run and ends all instances.
func (p *pipe) Close() error {
	if p.slots == nil {
		return nil
	}
	for range cap(p.slots) {
		if i := <-p.slots; i != nil {
			i.close(context.Background())
		}
	}
	p.slots = nil
	return nil
}

// instance makes an instance with the configuration.
func (p *pipe) instance(ctx context.Context) (*instance, error) {
	i, err := p.module.start(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := i.ask(ctx, i.configure, p.config)
	if err == nil {
		if err = readNothing(answer); err != nil && !reported(err) {
			err = i.fault(Forged, err)
		}
	}
	if err != nil {
		i.close(ctx)
		return nil, err
	}
	return i, nil
}

// reported tells whether an error is one that the plugin reports: its instance is all right.
func reported(err error) bool {
	e := (*PluginError)(nil)
	return errors.As(err, &e)
}

func (p *pipe) Process(ctx context.Context, m plugins.Message) ([]plugins.Message, error) {
	if p.slots == nil {
		return nil, pipes.ErrClosed
	}
	var i *instance
	select {
	case i = <-p.slots:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out, err := p.work(ctx, &i, m)
	p.slots <- i
	return out, err
}

// work gives a message to the instance, or to a new one if there is none. Afterwards it is nil if it must not be used any more.
func (p *pipe) work(ctx context.Context, i **instance, m plugins.Message) (out []plugins.Message, err error) {
	text, err := appendMessage(nil, &m)
	if err != nil {
		return nil, err // the message is at fault
	}
	if *i == nil {
		if *i, err = p.instance(ctx); err != nil {
			return nil, err
		}
	}
	answer, err := (*i).ask(ctx, (*i).process, text)
	if err == nil {
		out, err = readMessages(answer, &m, p.module.host.limits.Messages)
		if err != nil && !reported(err) {
			err = (*i).fault(Forged, err)
		}
	}
	if err != nil && !reported(err) {
		(*i).close(ctx)
		*i = nil
	}
	return out, err
}
