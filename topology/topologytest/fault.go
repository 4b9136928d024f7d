package topologytest

import (
	"context"
	"fmt"
	"slices"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

// faults are what a test breaks on purpose: see [FailRecord], [FailCommit] and [FailWrite].
type faults struct {
	records map[string][]*fault // by operator
	commits []*fault
	writes  map[string][]*fault // by store
	broken  error               // a store could not be written, so what it holds in memory is not what the disk has
}

// fault fails the n-th step of a kind, once.
type fault struct {
	n   int
	err error
}

// step counts one for each, and returns the error of the one whose turn it is.
func step(of []*fault) (err error) {
	for _, f := range of {
		if f.n--; f.n == 0 {
			err = f.err
		}
	}
	return err
}

// FailRecord makes the n-th record that comes to an operator, counted from 1 over all its tasks, fail with err before the
// operator sees it. It happens once: when the record runs again it passes. Records that run again count again.
func FailRecord(operator string, n int, err error) Option {
	return func(s *settings) {
		s.faults.records[operator] = append(s.faults.records[operator], &fault{n, err})
	}
}

// FailCommit makes the n-th commit, counted from 1, fail with err when everything of it is written and nothing is committed.
// It happens once.
func FailCommit(n int, err error) Option {
	return func(s *settings) { s.faults.commits = append(s.faults.commits, &fault{n, err}) }
}

// FailWrite makes the n-th write of a store to its disk, counted from 1 over its partitions, fail with err. That is after the
// commit in which its rows changed, so nothing is aborted, but only [Driver.Restart] goes on from there: it restores from the
// changelog what the disk lacks. It happens once.
func FailWrite(store string, n int, err error) Option {
	return func(s *settings) { s.faults.writes[store] = append(s.faults.writes[store], &fault{n, err}) }
}

func newFaults() faults {
	return faults{records: make(map[string][]*fault), writes: make(map[string][]*fault)}
}

// check refuses faults of what the topology has not.
func (f *faults) check(d *Driver) {
	d.t.Helper()
	g := d.topo.Graph()
	for operator := range f.records {
		found := false
		for n := range g.EveryNode() {
			found = found || n.Name == operator
		}
		if !found {
			d.t.Fatalf("topologytest: option FailRecord: topology %q has no operator %q", d.topo.Application(), operator)
		}
	}
	for store := range f.writes {
		if g.Store(store) == nil && !slices.ContainsFunc(g.Globals, func(g *graph.Global) bool { return g.Name == store }) {
			d.t.Fatalf("topologytest: option FailWrite: topology %q has no store %q", d.topo.Application(), store)
		}
	}
}

// hook fails records of an operator.
func (f *faults) hook(c *operators.Context, _ string) operators.Hook {
	of := f.records[c.Operator()]
	if of == nil {
		return operators.Hook{}
	}
	return operators.Hook{Before: func(*operators.Watched) error { return step(of) }}
}

func (f *faults) beforeCommit() error { return step(f.commits) }

// failingBackend fails writes of stores.
type failingBackend struct {
	state.Backend
	f *faults
}

// Apply implements [state.Backend].
func (b failingBackend) Apply(ctx context.Context, generations []*state.Generation) error {
	for _, g := range generations {
		if err := step(b.f.writes[g.ID().Name]); err != nil {
			b.f.broken = fmt.Errorf("write %v: %w", g.ID(), err)
			return b.f.broken
		}
	}
	return b.Backend.Apply(ctx, generations)
}
