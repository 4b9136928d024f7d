package local

import (
	"context"
	"fmt"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/state"
)

// global is a global store with the logs of its topic.
type global struct {
	*task.Global
	topic string
	logs  []*log
}

// addGlobal makes a global store and brings it up to date.
func (r *Runtime) addGlobal(g *graph.Global) error {
	partitions := make([]state.Partition, r.plan.Partitions[g.Topic])
	for i := range partitions {
		p, err := r.cfg.Backend.Acquire(context.Background(), state.StoreID{Name: g.Name, Partition: int32(i), Kind: g.Kind})
		if err != nil {
			return fmt.Errorf("global store %q: %w", g.Name, err)
		}
		r.leases = append(r.leases, p)
		partitions[i] = p
	}
	logs := r.cfg.Broker.topics[g.Topic]
	// Without a checkpoint of the first, all are made empty.
	if r.cfg.EmptyState || g.InMemory {
		if err := partitions[0].Drop(); err != nil {
			return fmt.Errorf("global store %q: %w", g.Name, err)
		}
	}
	made, err := task.NewGlobal(task.GlobalConfig{
		Global: g, Partitions: partitions, Budget: state.NewBudget(r.cfg.CacheBytes), WallClock: func() int64 { return r.nowMs },
	})
	if err != nil {
		return err
	}
	for p, l := range logs {
		if begin := int64(l.begin); made.Position(int32(p)) < begin {
			made.Advance(int32(p), begin)
		}
	}
	r.globals = append(r.globals, &global{made, g.Topic, logs})
	r.byGlobal[g.Name] = made
	n, err := r.globals[len(r.globals)-1].follow(r.cfg.Backend)
	r.restored[g.Name] = n
	return err
}

// followGlobals runs what is committed in the topics of global stores through them.
func (r *Runtime) followGlobals() error {
	for _, g := range r.globals {
		if _, err := g.follow(r.cfg.Backend); err != nil {
			return err
		}
	}
	return nil
}

// follow returns how many records there were.
func (g *global) follow(b state.Backend) (records int, err error) {
	behind := false
	for i, l := range g.logs {
		p := int32(i)
		at := max(0, g.Position(p))
		if err := l.has(at, g.topic); at < int64(l.stable) && err != nil {
			return records, err
		}
		for ; at < int64(l.stable); at++ {
			behind = true
			if e := l.at(int(at)); !e.aborted {
				records++
				if err := g.Process(p, &e.Input); err != nil {
					return records, err
				}
			}
			g.Advance(p, at+1)
			if g.Full() {
				if err := g.Apply(context.Background(), b); err != nil {
					return records, err
				}
			}
		}
	}
	if !behind {
		return 0, nil
	}
	return records, g.Apply(context.Background(), b)
}
