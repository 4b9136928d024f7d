package task

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

// ID names a task: a sub-topology on a partition.
type ID struct {
	SubTopology int
	Partition   int32
}

// String is SUBTOPOLOGY_PARTITION.
func (id ID) String() string { return fmt.Sprintf("%d_%d", id.SubTopology, id.Partition) }

// Collector takes what tasks write: records for topics, and for changelogs.
type Collector interface {
	operators.Collector
	// Log sends a record to a changelog. Key and value stay unchanged until the generation that they belong to is
	// applied, so they need not be copied. A nil value is a delete.
	Log(topic string, partition int32, key, value []byte) error
}

// Config is what a task is made of. All fields are required unless they say otherwise.
type Config struct {
	Plan        *graph.Plan
	SubTopology *graph.SubTopology
	Partition   int32
	// Stores are the task's partitions of the sub-topology's stores, by store name, restored.
	Stores    map[string]state.Partition
	Globals   Globals // those of the topology; nil if it has none
	Budget    *state.Budget
	Collector Collector
	// FindPartitions tells how many partitions a topic has that the plan does not know. It may wait. Nil: such topics do not
	// exist.
	FindPartitions func(topic string) (partitions int32, ok bool, err error)
	// WallClock is the time of day in ms since the epoch; the task calls it once for each round, not for each record.
	WallClock func() int64
	// MaxIdleMs is how long (wall clock) an input that is read up to its end is waited for. Negative: not at all, and
	// not for inputs that still lag either. Default 0: only those that lag are waited for (Kafka Streams' max.task.idle.ms).
	MaxIdleMs int64
	// Wake is called by any goroutine when the task has something to do that it had not before; see [Task.Busy]. Nil: nobody
	// waits for that.
	Wake func()
	// Waits lets records whose serdes fetch something first wait for that while other tasks go on; Wake, which it needs, says when.
	// Without it the serdes wait by themselves.
	Waits bool
	// OnFailure is told what operators failed for and what was done about it, on the task's goroutine. It must not wait. Nil:
	// nobody.
	OnFailure func(e *operators.Error, o operators.Outcome)
	// Stubs replaces pipes that reach outside by their stubs.
	Stubs bool
	// Handover is [operators.Scope.Handover].
	Handover bool
	// OwnStats leaves the publication of the operators' counters to [Task.Publish] and commits: for a runtime that gives a task one
	// record at a time and reads them itself.
	OwnStats bool
	// Watch says which records are traced and timed. Zero: none.
	Watch operators.Watch
	// Metadata is what [Task.Positions] gave at the last commit, by topic; without an entry there was none.
	Metadata map[string]string
}

// Task is a running task. See K1.
type Task struct {
	cfg     Config
	id      ID
	scope   operators.Scope
	in      *graph.Instance
	inputs  []*input
	stores  []state.Store // in the order of the sub-topology
	byName  map[string]state.Store
	views   map[string]state.View // of global stores, as they were asked for
	sched   []*schedule
	nowMs   int64
	idle    idleness
	touched bool // something happened since the last commit
	commit  bool // user code asked for a commit
	// extracting says that a source has an extractor of timestamps, waiting that one may have to wait before it can decode.
	extracting, waiting bool
	restored            int64
	logs                bool // a store has a changelog, which keeps the task's time too
	stats               stats
	watch               *watch // nil: no record is watched
}

// New makes a task and its operators. An error names the operator whose initialisation failed.
func New(cfg Config) (*Task, error) {
	t := &Task{cfg: cfg, id: ID{cfg.SubTopology.ID, cfg.Partition}, byName: make(map[string]state.Store), nowMs: cfg.WallClock()}
	t.restored = operators.NoTime
	for _, topic := range cfg.Plan.Sources[cfg.SubTopology.ID] {
		if cfg.Partition < cfg.Plan.Partitions[topic] {
			stream, partition := timesOf(cfg.Metadata[topic])
			t.inputs = append(t.inputs, &input{topic: topic, end: unknown, position: unknown, time: partition, committedTime: partition})
			t.restored = max(t.restored, stream)
		}
	}
	t.scope = operators.Scope{
		Runtime: (*runtime)(t), Application: cfg.SubTopology.Topology().Application, Task: t.id.String(), Partition: cfg.Partition,
		Tasks: cfg.Plan.Tasks[cfg.SubTopology.ID], KeepInputs: len(cfg.SubTopology.Topology().DeadLetters()) > 0, Watches: cfg.Watch, Stubs: cfg.Stubs, Handover: cfg.Handover,
	}
	t.watch = newWatch(cfg.Watch)
	for _, in := range t.inputs {
		in.internal = slices.ContainsFunc(cfg.Plan.Internal, func(topic graph.InternalTopic) bool { return topic.Name == in.topic })
	}
	for _, s := range cfg.SubTopology.Stores {
		store := s.Open(state.Config{
			Name: s.Name, Partition: cfg.Stores[s.Name], Budget: cfg.Budget, Changelog: s.Changelog != "",
			Timestamp: func() int64 { return t.scope.Timestamp },
		})
		t.stores = append(t.stores, store)
		t.byName[s.Name] = store
		t.logs = t.logs || s.Changelog != ""
		t.restored = max(t.restored, store.Times().Task)
	}
	if err := t.instantiate(); err != nil {
		return nil, errors.Join(err, t.in.Close())
	}
	t.stats.init(t.in)
	return t, nil
}

// instantiate makes the operators anew, at the time of the last commit.
func (t *Task) instantiate() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = t.scope.Recovered(v, debug.Stack())
		}
	}()
	t.scope.StreamTime, t.sched = t.restored, nil
	t.scope.Forget()
	t.scope.BeginOther("at its start", nil, max(0, t.restored))
	t.in = graph.NewInstance(t.cfg.SubTopology, &t.scope)
	if err := t.in.Make(t.cfg.Plan); err != nil {
		return err
	}
	for _, in := range t.inputs {
		in.connect(t.in.Inputs[in.topic])
		t.extracting = t.extracting || in.extracts != nil
		t.waiting = t.waiting || len(in.waits) > 0 && t.cfg.Waits
	}
	return nil
}

// ID names the task.
func (t *Task) ID() ID { return t.id }

// SubTopology is what the task runs.
func (t *Task) SubTopology() *graph.SubTopology { return t.cfg.SubTopology }

// Topics are the task's input topics, of which it reads its own partition. The index of a topic is its number in the other
// methods.
func (t *Task) Topics() []string {
	topics := make([]string, len(t.inputs))
	for i, in := range t.inputs {
		topics[i] = in.topic
	}
	return topics
}

// Store is the task's partition of a store by name, or nil.
func (t *Task) Store(name string) state.Store { return t.byName[name] }

// Extracts reports whether a source has an extractor of timestamps.
func (t *Task) Extracts() bool { return t.extracting }

// Process handles up to limit records and returns how many it did. It stops early when no input is ready (K2), after a
// record whose operators asked for a commit, after a turn of work that operators had left (K5), which counts as a record, while
// an operator that works beside the task has as much as it may (K7), and at an error, which is final for this transaction.
func (t *Task) Process(limit int) (n int, err error) {
	t.nowMs = t.cfg.WallClock()
	defer func() {
		if v := recover(); v != nil {
			err = t.scope.Recovered(v, debug.Stack())
		}
		if !t.cfg.OwnStats {
			t.stats.publish(t.in)
		}
	}()
	for n < limit && !t.commit {
		if t.scope.Returned() {
			if err := t.take(); err != nil {
				return n, err
			}
		}
		if t.scope.Full() {
			break
		}
		if t.scope.WorkLeft() {
			t.touched = true
			if err := t.scope.Turn(); err != nil {
				return n, t.scope.Failed(err)
			}
			return n + 1, nil
		}
		if t.waiting {
			t.admit()
		}
		if t.extracting {
			t.extract()
		}
		in := t.choose()
		if in == nil {
			break
		}
		record := in.pop()
		t.touched = true
		t.scope.Begin(operators.Origin{Topic: in.topic, Partition: t.id.Partition, Offset: record.Offset}, record.Key, record.Timestamp, record)
		if record.Timestamp <= operators.MaxTimestamp {
			t.scope.StreamTime = max(t.scope.StreamTime, record.Timestamp)
			in.time = max(in.time, record.Timestamp)
		}
		if t.watch == nil {
			err = in.read(record)
		} else {
			err = t.watch.read(t, in, record)
		}
		if err != nil {
			return n, err
		}
		n++
		if len(t.sched) > 0 {
			if err := t.run(operators.StreamClock, t.scope.StreamTime); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// take forwards what has come back to operators that work beside the task.
func (t *Task) take() error {
	t.touched = true
	if err := t.scope.Take(); err != nil {
		return t.scope.Failed(err)
	}
	return nil
}

// Publish makes [Task.Stats] say what the operators have counted so far. Its caller is the one that calls Process.
func (t *Task) Publish() { t.stats.publish(t.in) }

// WorksBeside reports whether an operator works beside the task (K7), LeavesWork whether one may leave work for later turns (K5).
func (t *Task) WorksBeside() bool { return t.scope.WorksBeside() }

// LeavesWork is described at [Task.WorksBeside].
func (t *Task) LeavesWork() bool { return t.scope.LeavesWork() }

// Busy reports whether operators have something on its way beside the task (K7).
func (t *Task) Busy() bool { return t.scope.Busy() }

// Full reports whether the task takes no more input until something has come back.
func (t *Task) Full() bool { return t.scope.Full() }

// Returned reports whether something has come back that Take would forward.
func (t *Task) Returned() bool { return t.scope.Returned() }

// Await waits until everything has come back that is on its way.
func (t *Task) Await() { t.scope.Await() }

// Take forwards what has come back, as Process does before each record.
func (t *Task) Take() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = t.scope.Recovered(v, debug.Stack())
		}
		t.stats.publish(t.in)
	}()
	return t.take()
}

// Punctuate runs the wall-clock schedules that are due.
func (t *Task) Punctuate() (err error) {
	if len(t.sched) == 0 {
		return nil
	}
	t.nowMs = t.cfg.WallClock()
	defer func() {
		if v := recover(); v != nil {
			err = t.scope.Recovered(v, debug.Stack())
		}
		t.stats.publish(t.in)
	}()
	return t.run(operators.WallClock, t.nowMs)
}

// CommitRequested reports whether user code asked for a commit since the last one.
func (t *Task) CommitRequested() bool { return t.commit }

// Touched reports whether anything happened since the last commit that a commit has to cover, or user code asked for one.
func (t *Task) Touched() bool {
	return t.touched || t.commit || slices.ContainsFunc(t.inputs, func(in *input) bool { return in.next() != in.committed })
}

// Prepare is the first step of a commit: results on commit leave, and the changes of the stores go to their changelogs.
func (t *Task) Prepare() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = t.scope.Recovered(v, debug.Stack())
		}
		t.stats.publish(t.in)
	}()
	if t.scope.Returned() {
		if err := t.take(); err != nil {
			return err
		}
	}
	t.scope.BeginOther("at a commit", nil, max(0, t.scope.StreamTime))
	for _, s := range t.stores {
		if err := s.EmitDirty(); err != nil {
			return t.scope.Failed(err)
		}
	}
	t.scope.BeginOther("at a commit", nil, max(0, t.scope.StreamTime))
	if err := t.scope.Commit(); err != nil {
		return t.scope.Failed(err)
	}
	for i, s := range t.stores {
		s.Times().Task = t.scope.StreamTime
		var log func(key, value []byte) error
		if topic := t.cfg.SubTopology.Stores[i].Changelog; topic != "" {
			log = func(key, value []byte) error { return t.cfg.Collector.Log(topic, t.id.Partition, key, value) }
		}
		if err := s.Flush(log); err != nil {
			return t.scope.Failed(err)
		}
	}
	return nil
}

// Position is how far an input has been read: the offset of the next record that was not processed.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64
	Metadata  string // belongs into the committed offset: times that no store keeps
}

// Positions are those of all inputs of which anything is known. A transaction in which the task wrote must commit one of
// them at least, moved or not, or else the group does not fence a zombie (hard point 5).
func (t *Task) Positions() []Position {
	var positions []Position
	for i, in := range t.inputs {
		if in.next() == unknown {
			continue
		}
		p := Position{Topic: in.topic, Partition: t.id.Partition, Offset: in.next()}
		switch {
		case in.extracts != nil:
			p.Metadata = metadata(t.scope.StreamTime, in.time)
		case i == 0 && !t.logs:
			p.Metadata = metadata(t.scope.StreamTime, operators.NoTime)
		}
		positions = append(positions, p)
	}
	return positions
}

// positionOf is the position of an input, or -1.
func (t *Task) positionOf(topic string) int64 {
	for _, in := range t.inputs {
		if in.topic == topic {
			return in.next()
		}
	}
	return -1
}

// Touch makes the next commit write the positions, although nothing was processed.
func (t *Task) Touch() { t.touched = true }

// Committed is the last step of a commit that succeeded. end gives the offset of a changelog partition up to which
// (exclusive) it holds what Prepare sent. The generations returned are to be applied to the backend, in this order.
func (t *Task) Committed(end func(topic string, partition int32) int64) []*state.Generation {
	var pending []*state.Generation
	for i, s := range t.stores {
		offset := int64(-1)
		switch of := t.cfg.SubTopology.Stores[i]; {
		case of.Source != nil:
			offset = t.positionOf(of.Source.Topic)
		case of.Changelog != "":
			offset = end(of.Changelog, t.id.Partition)
		}
		s.Commit(offset)
		pending = append(pending, s.Pending()...)
	}
	for _, in := range t.inputs {
		in.committed, in.committedTime = in.next(), in.time
	}
	t.restored, t.touched, t.commit = t.scope.StreamTime, false, false
	return pending
}

// Abort forgets everything since the last commit, buffered input too, and makes the operators anew. The runtime reads on
// from the committed offsets.
func (t *Task) Abort() error {
	for _, s := range t.stores {
		s.Abort()
	}
	for _, in := range t.inputs {
		in.reset()
	}
	t.touched, t.commit = false, false
	t.stats.publish(t.in)
	err := errors.Join(t.closeOperators(), t.instantiate())
	t.stats.rebase()
	return err
}

// closeOperators ends the operators' life.
func (t *Task) closeOperators() error {
	t.scope.BeginOther("at its close", nil, max(0, t.scope.StreamTime))
	return t.in.Close()
}

// Close ends the operators and releases the task's memory. The backend's partitions are the runtime's to release.
func (t *Task) Close() error {
	errs := []error{t.closeOperators()}
	for _, s := range t.stores {
		if err := s.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close store %q of task %s: %w", s.Name(), t.id, err))
		}
	}
	for name, v := range t.views {
		if err := v.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close the view of global store %q of task %s: %w", name, t.id, err))
		}
	}
	return errors.Join(errs...)
}

// view is the task's view of a global store, or nil if there is no such store.
func (t *Task) view(name string) state.View {
	if v := t.views[name]; v != nil {
		return v
	}
	g := t.cfg.Globals[name]
	if g == nil {
		return nil
	}
	if t.views == nil {
		t.views = make(map[string]state.View)
	}
	v := g.cfg.Global.View(g.shared, t.cfg.Budget)
	t.views[name] = v
	return v
}

// WorkLeft reports whether operators have left work that comes before the next record (K5).
func (t *Task) WorkLeft() bool { return t.scope.WorkLeft() }

// StreamTime is the largest timestamp processed, in ms, or operators.NoTime.
func (t *Task) StreamTime() int64 { return t.scope.StreamTime }
