package local

import (
	"context"
	"fmt"
	"time"

	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/state"
)

// Run processes every record that waits, in the order of L1. The error of an operator names it and the record. After any
// error the runtime fails everything with it, until [Runtime.Abort].
func (r *Runtime) Run() error {
	for r.failed == nil {
		if r.failed = r.followGlobals(); r.failed != nil {
			break
		}
		if t := r.working(); t != nil {
			r.failed = r.turn(t)
			continue
		}
		in := r.choose()
		if in == nil {
			return nil
		}
		if err := r.process(in); err != nil {
			r.failed = err
		}
	}
	return r.failed
}

// working returns the first task that has work left over from its last record, or nil.
func (r *Runtime) working() *task.Task {
	for _, t := range r.tasks {
		if t.WorkLeft() {
			return t
		}
	}
	return nil
}

// turn lets a task do a turn of that; it counts as a record.
func (r *Runtime) turn(t *task.Task) error {
	if _, err := t.Process(1); err != nil {
		return err
	}
	return r.processed(t)
}

// choose returns the input whose next record runs next, or nil.
func (r *Runtime) choose() *input {
	var best *input
	for _, in := range r.inputs {
		for in.next < len(in.log.entries) && in.log.entries[in.next].aborted {
			in.next++
		}
		if in.next < len(in.log.entries) && (best == nil || in.head().before(best.head())) {
			best = in
		}
	}
	return best
}

func (in *input) head() *entry { return &in.log.entries[in.next] }

// before is the order of L1.
func (e *entry) before(other *entry) bool {
	switch {
	case e.outside != other.outside:
		return other.outside
	case !e.outside && e.Timestamp != other.Timestamp:
		return e.Timestamp < other.Timestamp
	}
	return e.sequence < other.sequence
}

func (r *Runtime) process(in *input) error {
	if in.task.CommitRequested() { // by what it did at the last commit
		if err := r.commit(); err != nil {
			return err
		}
	}
	in.task.Add(in.number, &in.head().Input)
	in.next++
	if n, err := in.task.Process(1); err != nil {
		return err
	} else if n != 1 {
		return fmt.Errorf("task %v did not take a record of topic %q", in.task.ID(), in.name.topic)
	}
	return r.processed(in.task)
}

// processed counts a record, and commits if it is time to.
func (r *Runtime) processed(t *task.Task) error {
	r.uncommitted++
	if r.uncommitted >= r.cfg.CommitEvery || t.CommitRequested() || r.budget.Full() {
		return r.commit()
	}
	return nil
}

// Advance moves the wall clock, runs the schedules that are due, commits, and processes what came of it.
func (r *Runtime) Advance(d time.Duration) error {
	if r.failed != nil {
		return r.failed
	}
	if d < 0 {
		return fmt.Errorf("the wall clock cannot go back by %v", -d)
	}
	r.nowMs += d.Milliseconds()
	for _, t := range r.tasks {
		if err := t.Punctuate(); err != nil {
			r.failed = err
			return err
		}
	}
	return r.Commit()
}

// Commit commits what was processed. Results that leave at a commit are processed and committed too, so nothing waits
// and nothing is open afterwards.
func (r *Runtime) Commit() error {
	for {
		if err := r.Run(); err != nil {
			return err
		}
		if !r.touched() {
			return nil
		}
		if err := r.commit(); err != nil {
			r.failed = err
			return err
		}
	}
}

func (r *Runtime) touched() bool {
	for _, t := range r.tasks {
		if t.Touched() {
			return true
		}
	}
	return false
}

// commit is one transaction over all tasks.
func (r *Runtime) commit() error {
	var touched []*task.Task
	for _, t := range r.tasks {
		if !t.Touched() {
			continue
		}
		if err := t.Prepare(); err != nil {
			return err
		}
		touched = append(touched, t)
	}
	if r.cfg.BeforeCommit != nil {
		if err := r.cfg.BeforeCommit(); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	r.cfg.Broker.end(true)
	r.uncommitted = 0
	var generations []*state.Generation
	for _, t := range touched {
		for _, p := range t.Positions() {
			r.cfg.Broker.offsets[group{r.cfg.Graph.Application, p.Topic, p.Partition}] = p
		}
		generations = append(generations, t.Committed(r.end)...)
	}
	if err := r.cfg.Backend.Apply(context.Background(), generations); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	return nil
}

func (r *Runtime) end(topic string, partition int32) int64 {
	return int64(len(r.cfg.Broker.topics[topic][partition].entries))
}

// Abort forgets what was not committed and clears a failure; [Runtime.Run] then processes the same records again. What a
// wall-clock schedule did since the last commit is not done again.
func (r *Runtime) Abort() error {
	r.failed = nil
	r.uncommitted = 0
	r.cfg.Broker.end(false)
	for _, g := range r.globals {
		if err := g.Abort(); err != nil {
			r.failed = err
			return err
		}
	}
	for _, t := range r.tasks {
		if err := t.Abort(); err != nil {
			r.failed = err
			return err
		}
	}
	for _, in := range r.inputs {
		in.next = int(r.cfg.Broker.offsets[in.name].Offset)
	}
	return nil
}
