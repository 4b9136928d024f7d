package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/state"
)

// opening is a task on its way: leases, restore and start offsets, on a goroutine of its own.
type opening struct {
	w      *worker
	run    *running
	sub    *graph.SubTopology
	cancel context.CancelFunc

	partitions map[string]state.Partition
	ends       map[string]int64 // of changelogs by topic: where the restored state stands
	starts     []int64          // of inputs, by number
	settled    bool             // a start that was found must be committed
	err        error
}

// openTasks opens the tasks whose partitions are all there, with their committed offsets.
func (w *worker) openTasks() error {
	assigned := make(map[string][]int32)
	for at := range w.feeds {
		assigned[at.topic] = append(assigned[at.topic], at.partition)
	}
	for id, topics := range tasksOf(w.app.graph, w.app.plan, assigned) {
		if slices.ContainsFunc(w.tasks, func(r *running) bool { return r.id == id }) {
			continue
		}
		r := &running{id: id}
		complete := true
		sub := w.app.graph.SubTopologies[id.SubTopology]
		for _, topic := range w.app.plan.Sources[sub.ID] {
			if id.Partition >= w.app.plan.Partitions[topic] {
				continue
			}
			f := w.feed(topic, id.Partition)
			if !slices.Contains(topics, topic) || f == nil || !f.known {
				complete = false
				break
			}
			r.feeds = append(r.feeds, f)
		}
		if complete {
			w.startOpening(r, sub)
		}
	}
	slices.SortFunc(w.tasks, func(a, b *running) int {
		return cmp.Or(cmp.Compare(a.id.SubTopology, b.id.SubTopology), cmp.Compare(a.id.Partition, b.id.Partition))
	})
	w.publishTasks()
	return nil
}

func (w *worker) startOpening(r *running, sub *graph.SubTopology) {
	r.shown.inputs = make([]publishedInput, len(r.feeds))
	for i, f := range r.feeds {
		f.run, f.input = r, i
		in := &r.shown.inputs[i]
		in.topic, in.partition = f.topic, f.partition
		in.position.Store(f.start.offset)
		in.lag.Store(-1)
	}
	ctx, cancel := context.WithCancel(w.sessionCtx)
	o := &opening{w: w, run: r, sub: sub, cancel: cancel}
	r.opening = o
	w.tasks = append(w.tasks, r)
	w.openings.Add(1)
	go func() {
		defer w.openings.Done()
		defer cancel()
		o.err = o.open(ctx)
		select {
		case w.opened <- o:
			w.wake()
		case <-ctx.Done():
			o.release()
		}
	}()
}

// open gets everything that the task needs.
func (o *opening) open(ctx context.Context) error {
	if err := o.findStarts(ctx); err != nil {
		return err
	}
	o.partitions, o.ends = make(map[string]state.Partition), make(map[string]int64)
	var wait sync.WaitGroup
	errs := make([]error, len(o.sub.Stores))
	for i, s := range o.sub.Stores {
		p, err := o.w.app.backend(s).Acquire(ctx, state.StoreID{Name: s.Name, Partition: o.run.id.Partition, Kind: s.Kind})
		if err != nil {
			errs[i] = err
			break
		}
		o.partitions[s.Name] = p
		job := &restore{store: s, partition: p, topic: s.Changelog, number: o.run.id.Partition, until: -1, shown: &o.run.shown.restore}
		if s.Source != nil && o.fromSource(job) || s.Changelog != "" {
			wait.Go(func() { errs[i] = o.w.app.restorer.restore(ctx, job) })
		}
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("engine: task %s: %w", o.run.id, err)
	}
	for _, s := range o.sub.Stores {
		if s.Changelog != "" {
			o.ends[s.Changelog] = o.partitions[s.Name].Checkpoint().Offset
		}
	}
	return nil
}

// findStarts finds where to begin in inputs of which nothing is committed, as their sources say.
func (o *opening) findStarts(ctx context.Context) error {
	open := make(map[graph.Start][]int)
	o.starts = make([]int64, len(o.run.feeds))
	for i, f := range o.run.feeds {
		o.starts[i] = f.start.offset
		// What is the latest now is not later: the position must be committed before it is left.
		o.settled = o.settled || f.start.settled
		if f.start.offset < 0 {
			start := o.w.app.plan.StartOf(f.topic)
			open[start] = append(open[start], i)
		}
	}
	for start, numbers := range open {
		if start.Kind == graph.Committed {
			f := o.run.feeds[numbers[0]]
			return fmt.Errorf("engine: task %s: group %q has committed no offset of topic %q, partition %d, and its source starts from committed offsets only",
				o.run.id, o.w.app.graph.Application, f.topic, f.partition)
		}
		topics := make([]string, len(numbers))
		for i, number := range numbers {
			topics[i] = o.run.feeds[number].topic
		}
		listed, err := o.w.app.listStarts(ctx, start, topics)
		if err != nil {
			return classify(fmt.Errorf("engine: task %s: start offsets: %w", o.run.id, err))
		}
		for _, number := range numbers {
			f := o.run.feeds[number]
			at, ok := listed.Lookup(f.topic, f.partition)
			if ok && at.Err != nil {
				return classify(fmt.Errorf("engine: start offset of topic %q, partition %d: %w", f.topic, f.partition, at.Err))
			}
			o.starts[number] = at.Offset
		}
	}
	return nil
}

// fromSource makes a restore one from the topic of a table. It reports false if the task has no partition of it.
func (o *opening) fromSource(j *restore) bool {
	j.topic = j.store.Source.Topic
	for _, f := range o.run.feeds {
		if f.topic == j.topic {
			j.until = max(0, f.start.offset) // such a source has no start of its own, so it is the committed one
			j.read = j.store.Source.Reader(j.number)
			return true
		}
	}
	return false
}

func (o *opening) release() {
	for _, p := range o.partitions {
		p.Release()
	}
	o.partitions = nil
}

// takeOpened starts the tasks that are ready.
func (w *worker) takeOpened() error {
	for {
		select {
		case o := <-w.opened:
			if o.run.opening != o {
				o.release() // it was revoked meanwhile
				continue
			}
			o.run.opening = nil
			if o.err != nil {
				o.release()
				return o.err
			}
			if err := w.startTask(o); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (w *worker) startTask(o *opening) error {
	r := o.run
	for _, s := range o.sub.Stores {
		r.stores = append(r.stores, o.partitions[s.Name])
		if s.Changelog != "" {
			w.out.restored(s.Changelog, r.id.Partition, o.ends[s.Changelog])
		}
	}
	idle := w.app.cfg.MaxTaskIdle.Milliseconds()
	if w.app.cfg.MaxTaskIdle < 0 {
		idle = -1
	}
	metadata := make(map[string]string, len(r.feeds))
	for _, f := range r.feeds {
		metadata[f.topic] = f.start.metadata
	}
	t, err := task.New(task.Config{
		Plan: w.app.plan, SubTopology: o.sub, Partition: r.id.Partition, Stores: o.partitions, Globals: w.app.globalRows,
		Budget: w.budget, Collector: w.out, FindPartitions: w.app.findPartitions,
		WallClock: func() int64 { return time.Now().UnixMilli() }, MaxIdleMs: idle, Metadata: metadata, Wake: w.wake, Waits: true, OnFailure: w.app.onFailure,
		Watch: w.app.cfg.Watch,
	})
	if err != nil {
		return err
	}
	r.t, r.spent = t, occupied{since: time.Now()}
	var resume map[string][]int32
	for i, f := range r.feeds {
		f.next, f.committed = o.starts[i], o.starts[i]
		f.mark, f.marked = w.app.mark(f.topic, f.partition)
		t.Start(i, f.next)
		addPartition(&resume, f)
	}
	if o.settled {
		t.Touch()
	}
	if !w.paused {
		w.client.ResumeFetchPartitions(resume)
	}
	w.publishTasks()
	w.log.Debug("task runs", "task", r.id)
	return nil
}

// closeTask ends a task. What it did not commit is forgotten; its leases end when what it committed is written.
func (w *worker) closeTask(r *running) {
	if r.opening != nil {
		r.opening.cancel()
		r.opening = nil
	}
	if r.t != nil {
		if err := r.t.Close(); err != nil {
			w.log.Warn("task was not closed", "task", r.id, "error", err)
		}
		r.t = nil
	}
	w.applier.release(r.stores)
	r.stores = nil
	for _, f := range r.feeds {
		f.run = nil
	}
	w.tasks = slices.DeleteFunc(w.tasks, func(other *running) bool { return other == r })
	w.publishTasks()
}

// closeAll ends the session's tasks and waits until everything committed is written and all leases have ended.
func (w *worker) closeAll() {
	w.endSession()
	for len(w.tasks) > 0 {
		w.closeTask(w.tasks[0])
	}
	done := make(chan struct{})
	go func() {
		w.openings.Wait()
		close(done)
	}()
	for {
		select {
		case o := <-w.opened:
			o.release()
		case <-done:
			select {
			case o := <-w.opened:
				o.release()
			default:
			}
			w.applier.close()
			return
		}
	}
}
