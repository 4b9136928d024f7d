package plugins

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
)

// DedupeConfig configures the pipe dedupe.
type DedupeConfig struct {
	Field  Field         `yaml:"field" default:"$key" doc:"what is the same in messages of which only the first is kept; messages without it are all kept"`
	Window time.Duration `yaml:"window" default:"10m" min:"1ms" doc:"how long a message is remembered, by the times of the messages"`
	Max    int           `yaml:"max" default:"100000" min:"1" max:"100000000" doc:"how many messages are remembered; the oldest are forgotten first"`
}

// dedupe remembers in memory, in each instance of the pipe by itself: a restart forgets.
type dedupe struct {
	DedupeConfig

	mu    sync.Mutex
	seen  map[string]sighting
	order []string // the keys of seen, oldest first, from first on
	first int
}

// sighting is the first message of a field's value.
type sighting struct {
	at     time.Time
	id     string
	origin pipes.Origin
}

func newDedupe(c DedupeConfig) (Pipe, error) {
	return &dedupe{DedupeConfig: c, seen: make(map[string]sighting)}, nil
}

func (d *dedupe) Process(_ context.Context, m Message) ([]Message, error) {
	v, ok := d.Field.Get(&m)
	if !ok || v == nil {
		return []Message{m}, nil
	}
	key, err := serde.JSONAny().Append(nil, v)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", d.Field, err)
	}
	if d.duplicate(string(key), &m) {
		return nil, nil
	}
	return []Message{m}, nil
}

// duplicate remembers a message that is none. A message that is read again, because a transaction was given up, is no
// duplicate of itself.
func (d *dedupe) duplicate(key string, m *Message) bool {
	now := sighting{m.Time, m.ID(), m.Origin}
	d.mu.Lock()
	defer d.mu.Unlock()
	if before, ok := d.seen[key]; ok {
		again := before.id == now.id && before.origin == now.origin && now.origin != pipes.Origin{}
		switch since := now.at.Sub(before.at); {
		case again:
			return false
		case since <= d.Window:
			return true
		}
		before = now // its place in the order is that of the first one, so it may be forgotten early
		d.seen[key] = before
		return false
	}
	d.forget()
	d.seen[key] = now
	d.order = append(d.order, key)
	return false
}

// forget makes room for one more.
func (d *dedupe) forget() {
	if len(d.seen) < d.Max {
		return
	}
	delete(d.seen, d.order[d.first])
	d.order[d.first] = ""
	if d.first++; d.first*2 > len(d.order) {
		d.order = append(d.order[:0], d.order[d.first:]...)
		d.first = 0
	}
}
