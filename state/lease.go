package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrLeaseEnded is in the error of a write to a partition that has another holder now, or none.
var ErrLeaseEnded = errors.New("the lease of the partition has ended")

// leases hands each partition to one holder at a time.
type leases struct {
	mu   sync.Mutex
	all  map[leaseKey]*lease
	done bool
}

type leaseKey struct {
	name      string
	partition int32
}

type lease struct {
	epoch   uint64
	held    bool
	writes  int           // that are running under the lease
	changed chan struct{} // closed and replaced when held or writes go down
}

func (l *lease) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// tenure is one holder's time.
type tenure struct {
	leases *leases
	lease  *lease
	epoch  uint64
	id     StoreID
}

// acquire waits until nobody holds the partition and nothing writes to it.
func (l *leases) acquire(ctx context.Context, id StoreID) (tenure, error) {
	key := leaseKey{id.Name, id.Partition}
	for {
		l.mu.Lock()
		if l.done {
			l.mu.Unlock()
			return tenure{}, fmt.Errorf("state: %v: the backend is closed", id)
		}
		if l.all == nil {
			l.all = map[leaseKey]*lease{}
		}
		p := l.all[key]
		if p == nil {
			p = &lease{changed: make(chan struct{})}
			l.all[key] = p
		}
		if !p.held && p.writes == 0 {
			p.held = true
			p.epoch++
			l.mu.Unlock()
			return tenure{l, p, p.epoch, id}, nil
		}
		changed := p.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return tenure{}, fmt.Errorf("state: %v: waiting for the former holder: %w", id, context.Cause(ctx))
		}
	}
}

// begin starts a write under the lease; end must follow.
func (t *tenure) begin() error {
	t.leases.mu.Lock()
	defer t.leases.mu.Unlock()
	if t.leases.done {
		return fmt.Errorf("state: %v: the backend is closed", t.id)
	}
	if !t.lease.held || t.lease.epoch != t.epoch {
		return fmt.Errorf("state: %v: %w", t.id, ErrLeaseEnded)
	}
	t.lease.writes++
	return nil
}

func (t *tenure) end() {
	t.leases.mu.Lock()
	defer t.leases.mu.Unlock()
	t.lease.writes--
	t.lease.signal()
}

func (t *tenure) release() {
	t.leases.mu.Lock()
	defer t.leases.mu.Unlock()
	if t.lease.held && t.lease.epoch == t.epoch {
		t.lease.held = false
		t.lease.signal()
	}
}

// close refuses what comes and waits for the writes that are running.
func (l *leases) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = true
	for _, p := range l.all {
		for p.writes > 0 {
			changed := p.changed
			l.mu.Unlock()
			<-changed
			l.mu.Lock()
		}
	}
}

// beginAll starts a write to the partition of each generation and returns those partitions, in the order of their first
// generation. If one is refused none is started.
func beginAll[P interface {
	comparable
	tenureOf() *tenure
}](generations []*Generation) ([]P, error) {
	var begun []P
	seen := map[P]bool{}
	for _, g := range generations {
		p, ok := g.partition.(P)
		var err error
		if !ok {
			err = fmt.Errorf("state: %v: belongs to another backend", g.partition.ID())
		} else if !seen[p] {
			err = p.tenureOf().begin()
		}
		if err != nil {
			endAll(begun)
			return nil, err
		}
		if !seen[p] {
			seen[p] = true
			begun = append(begun, p)
		}
	}
	return begun, nil
}

func endAll[P interface{ tenureOf() *tenure }](partitions []P) {
	for _, p := range partitions {
		p.tenureOf().end()
	}
}
