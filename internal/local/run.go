package local

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

// Run processes every record that waits, in the order of L1. The error of an operator names it and the record. After any
// error the runtime fails everything with it, until [Runtime.Abort].
func (r *Runtime) Run() error {
	for r.failed == nil {
		if r.failed = r.followGlobals(); r.failed != nil {
			break
		}
		if t := r.returned(); t != nil {
			r.failed = r.settle(t)
			continue
		}
		if t := r.working(); t != nil {
			r.failed = r.turn(t)
			continue
		}
		in := r.choose()
		switch {
		case in != nil:
			r.failed = r.process(in)
		case r.held():
			<-r.woken
		default:
			return nil
		}
	}
	return r.failed
}

// wake says that something has come back to a task.
func (r *Runtime) wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// returned is a task to which something has come back, or nil.
func (r *Runtime) returned() *task.Task {
	for _, t := range r.beside {
		if t.Returned() || t.Busy() && !r.cfg.Beside {
			return t
		}
	}
	return nil
}

// Drain is Run until nothing is on its way beside the tasks. Without [Config].Beside nothing is after Run.
func (r *Runtime) Drain() error {
	for {
		if err := r.Run(); err != nil || !slices.ContainsFunc(r.tasks, (*task.Task).Busy) {
			return err
		}
		<-r.woken
	}
}

// settle forwards what has come back to a task, and unless other records may run before waits for it.
func (r *Runtime) settle(t *task.Task) error {
	for first := true; first || t.Busy() && !r.cfg.Beside; first = false {
		if !r.cfg.Beside {
			t.Await()
		}
		if err := t.Take(); err != nil {
			return err
		}
	}
	return r.processed(t)
}

// working returns the first task that can do work left over from its last record, or nil.
func (r *Runtime) working() *task.Task {
	for _, t := range r.leaving {
		if t.WorkLeft() && !t.Full() {
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

// held reports whether a record is there that waits for something to come back to its task. What waits for the clock, a
// task that is full of records to be tried again, is not it.
func (r *Runtime) held() bool {
	return slices.ContainsFunc(r.inputs, func(in *input) bool { return in.waits() && in.task.Full() && in.task.Busy() })
}

// choose returns the input whose next record runs next, or nil. A task that is full takes none.
func (r *Runtime) choose() *input {
	r.queueFilled()
	if len(r.queue) > 0 && !r.queue[0].task.Full() {
		return r.queue[0]
	}
	var first *input
	for _, in := range r.inputs {
		if in.waits() && !in.task.Full() && (first == nil || in.head().sequence < first.head().sequence) {
			first = in
		}
	}
	return first
}

// queueFilled adds the inputs to the queue whose next record is one of the topology's own, in the order in which those were
// written.
func (r *Runtime) queueFilled() {
	var filled []*input
	for _, in := range r.inputs {
		if !in.queued && in.waits() && !in.head().outside {
			filled = append(filled, in)
		}
	}
	slices.SortFunc(filled, func(a, b *input) int { return cmp.Compare(a.head().sequence, b.head().sequence) })
	for _, in := range filled {
		in.queued = true
		heap.Push(&r.queue, in)
	}
}

// take moves an input that was chosen past its next record.
func (r *Runtime) take(in *input) *operators.Input {
	if in.queued {
		heap.Remove(&r.queue, slices.Index(r.queue, in)) // the first, unless the tasks of those before it are full
		in.queued = false
	}
	e := in.head()
	in.next++
	r.cfg.Broker.cause = e.cause
	if e.outside || !in.waits() || in.head().outside {
		return &e.Input
	}
	in.queued = true
	heap.Push(&r.queue, in)
	return &e.Input
}

// waits reports whether a record is there to be processed.
func (in *input) waits() bool {
	for in.next < in.log.end() && in.log.at(in.next).aborted {
		in.next++
	}
	return in.next < in.log.end()
}

func (in *input) head() *entry { return in.log.at(in.next) }

// queue has the inputs whose next record is one of the topology's own, by the timestamp of that record. It is a heap, and what
// a heap makes of equal timestamps is part of L1.
type queue []*input

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].head().Timestamp < q[j].head().Timestamp }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(in any)       { *q = append(*q, in.(*input)) }

func (q *queue) Pop() any {
	last := len(*q) - 1
	in := (*q)[last]
	*q = (*q)[:last]
	return in
}

// Cause is the place of the record from outside that ran last, or runs: of what an operator writes, that is what led to it
// directly. Zero before the first.
func (r *Runtime) Cause() operators.Origin { return r.cfg.Broker.origin(r.CauseNumber()) }

// CauseNumber is the number of that record among all that were appended from outside, from 1.
func (r *Runtime) CauseNumber() int64 { return r.cfg.Broker.causeNow() }

// Timestamp is when a record that is next of a partition happened, as the extractor of the topic's source says. It is to be asked
// when all records before it on that partition have run.
func (r *Runtime) Timestamp(topic string, partition int32, rec *operators.Input) (int64, error) {
	for _, in := range r.inputs {
		if in.name.topic == topic && in.name.partition == partition {
			if ms, ok, err := in.task.Timestamp(in.number, rec); ok || err != nil {
				return ms, err
			}
		}
	}
	return rec.Timestamp, nil
}

func (r *Runtime) process(in *input) error {
	if in.task.CommitRequested() { // by what it did at the last commit
		if err := r.commit(); err != nil {
			return err
		}
	}
	in.task.Add(in.number, r.take(in))
	if n, err := in.task.Process(1); err != nil {
		return err
	} else if n != 1 {
		return fmt.Errorf("task %v did not take a record of topic %q", in.task.ID(), in.name.topic)
	}
	return r.processed(in.task)
}

// processed counts a record, and commits if it is time to.
func (r *Runtime) processed(t *task.Task) error {
	if t.Busy() && !r.cfg.Beside {
		return r.settle(t)
	}
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
	return int64(r.cfg.Broker.topics[topic][partition].end())
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
		in.next = max(int(r.cfg.Broker.offsets[in.name].Offset), in.log.first)
		in.queued = false
	}
	r.queue = nil
	return nil
}
