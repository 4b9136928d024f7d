package engine

import (
	"fmt"

	"github.com/rivusio/rivusio/state"
)

// pendingApplies is how many commits may wait for the backend before their worker does.
const pendingApplies = 2

// applier writes committed generations to the backends of a worker's stores, beside the worker's next interval, in order.
type applier struct {
	app   *App
	queue chan applyJob
	done  chan struct{}
}

// applyJob is generations to write, or partitions to release after everything before.
type applyJob struct {
	generations []*state.Generation
	release     []state.Partition
}

func startApplier(app *App, worker int) *applier {
	a := &applier{app: app, queue: make(chan applyJob, pendingApplies), done: make(chan struct{})}
	go a.run(worker)
	return a
}

func (a *applier) run(worker int) {
	defer close(a.done)
	var broken bool
	for job := range a.queue {
		if err := a.do(job); err != nil && !broken {
			broken = true
			a.app.fail(fmt.Errorf("engine: worker %d: write committed state: %w", worker, err))
		}
		for _, p := range job.release {
			p.Release()
		}
	}
}

func (a *applier) do(job applyJob) error {
	for backend, generations := range a.app.byBackend(job.generations) {
		if err := backend.Apply(a.app.hard, generations); err != nil {
			return err
		}
	}
	return nil
}

// apply hands committed generations over. It waits while too many are pending.
func (a *applier) apply(generations []*state.Generation) error {
	if len(generations) > 0 {
		a.queue <- applyJob{generations: generations}
	}
	return nil
}

// release ends the leases of partitions once everything before is written.
func (a *applier) release(partitions []state.Partition) {
	if len(partitions) > 0 {
		a.queue <- applyJob{release: partitions}
	}
}

// close waits until everything is written.
func (a *applier) close() {
	close(a.queue)
	<-a.done
}
