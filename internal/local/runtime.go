package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

// Config is what a Runtime is made of. Graph and Broker are required.
type Config struct {
	Graph *graph.Topology
	// Broker has the topics that the topology reads and writes. Internal topics are created.
	Broker *Broker
	// Backend holds the state; it stays open when the runtime closes. Nil: memory that lives as long as the runtime.
	Backend state.Backend
	// EmptyState deletes what the backend holds for the topology before it is restored.
	EmptyState bool
	// CommitEvery is after how many records, over all tasks, there is a commit. 0: 1. Whatever it is, user code may ask
	// for a commit, and a full cache does.
	CommitEvery int
	// CacheBytes bounds what the stores cache. 0: no limit.
	CacheBytes int64
	// Beside lets what operators have on its way beside their task come back while further records run, which is faster; the
	// order of results is then open, and [Runtime.Drain] waits for them (L6).
	Beside bool
	// CreateChosen makes the topics that a sink chooses for a record and that are not there, with so many partitions. 0: to
	// choose such a topic is an error.
	CreateChosen int32
	// NoChangelogs leaves out what stores write to their changelogs: for a run that no other one goes on from.
	NoChangelogs bool
	// Outputs, if not nil, is given the records for topics that the topology does not read, when an operator writes them, and
	// the topics stay empty. Its slices are the callee's. An error fails the run. What a transaction wrote that was aborted
	// is not taken back.
	Outputs func(*operators.Output) error
	// Staged prepares for [Runtime.RunStaged], and hands values over in memory: what the topology wrote it does not decode where its
	// serdes are exact ([serde.Exact]).
	Staged bool
	// Written, if not nil, is shown every record that an operator writes, for internal topics too.
	Written func(*operators.Output)
	// Stubs replaces pipes that reach outside by their stubs.
	Stubs bool
	// Now is the wall clock at the start. Zero: the epoch.
	Now time.Time
	// BeforeCommit, if not nil, is called when everything of a transaction has been written and nothing is committed. An
	// error aborts the transaction and is returned as the runtime's failure.
	BeforeCommit func() error
}

// Runtime runs the tasks of a topology. Make one with [New].
type Runtime struct {
	cfg         Config
	plan        *graph.Plan
	budget      *state.Budget
	nowMs       int64
	tasks       []*task.Task
	beside      []*task.Task // those of tasks of which an operator works beside them
	leaving     []*task.Task // those of which an operator may leave work for later
	inputs      []*input
	queue       queue
	globals     []*global
	byGlobal    task.Globals
	leases      []state.Partition
	restored    map[string]int
	uncommitted int           // records of the running transaction
	order       [][]*input    // see stages
	woken       chan struct{} // something has come back to a task
	failed      error
	closed      bool
}

// input is one partition that a task reads.
type input struct {
	task   *task.Task
	number int
	name   group
	log    *log
	next   int  // offset of the next entry
	queued bool // it is in the runtime's queue
	// Of what the task was given last by RunStaged: the offset and the cause of its first record.
	from  int
	cause int64
}

// New makes the tasks of a topology, with their state restored up to the end of the changelogs and their inputs at the
// committed offsets. It runs nothing yet.
func New(cfg Config) (*Runtime, error) {
	if cfg.Backend == nil {
		cfg.Backend = state.NewMemory()
	}
	cfg.CommitEvery = max(1, cfg.CommitEvery)
	r := &Runtime{cfg: cfg, budget: state.NewBudget(cfg.CacheBytes), restored: make(map[string]int), byGlobal: make(task.Globals), woken: make(chan struct{}, 1)}
	if !cfg.Now.IsZero() {
		r.nowMs = cfg.Now.UnixMilli()
	}
	if err := r.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("topology %q: %w", cfg.Graph.Application, err), r.Close())
	}
	return r, nil
}

func (r *Runtime) open() (err error) {
	if r.plan, err = r.cfg.Graph.NewPlan(r.cfg.Broker.Partitions, r.cfg.Broker.Topics()); err != nil {
		return err
	}
	for _, t := range r.plan.Internal {
		if err := r.cfg.Broker.Create(t.Name, t.Partitions); err != nil {
			return fmt.Errorf("internal topic: %w", err)
		}
	}
	for _, g := range r.cfg.Graph.Globals {
		if err := r.addGlobal(g); err != nil {
			return err
		}
	}
	for _, sub := range r.cfg.Graph.SubTopologies {
		for p := range r.plan.Tasks[sub.ID] {
			if err := r.addTask(sub, p); err != nil {
				return err
			}
		}
	}
	if r.cfg.Staged {
		r.order = r.stages()
	}
	return nil
}

func (r *Runtime) addTask(sub *graph.SubTopology, partition int32) error {
	stores := make(map[string]state.Partition)
	for _, s := range sub.Stores {
		p, err := r.acquire(s, partition)
		if err != nil {
			return fmt.Errorf("store %q, partition %d: %w", s.Name, partition, err)
		}
		stores[s.Name] = p
	}
	t, err := task.New(task.Config{
		Plan: r.plan, SubTopology: sub, Partition: partition, Stores: stores, Globals: r.byGlobal, Budget: r.budget,
		Collector: r.collector(),
		FindPartitions: func(topic string) (int32, bool, error) {
			n, ok := r.cfg.Broker.Partitions(topic)
			if !ok && r.cfg.CreateChosen > 0 {
				n, ok = r.cfg.CreateChosen, true
				if err := r.cfg.Broker.Create(topic, n); err != nil {
					return 0, false, err
				}
			}
			return n, ok, nil
		},
		WallClock: func() int64 { return r.nowMs },
		MaxIdleMs: -1, // the runtime decides about the order, and gives a task one record at a time
		Wake:      r.wake,
		OwnStats:  true,
		Stubs:     r.cfg.Stubs,
		Handover:  r.cfg.Staged,
		Metadata:  r.metadata(sub, partition),
	})
	if err != nil {
		return err
	}
	r.tasks = append(r.tasks, t)
	if t.WorksBeside() {
		r.beside = append(r.beside, t)
	}
	if t.LeavesWork() {
		r.leaving = append(r.leaving, t)
	}
	for i, topic := range t.Topics() {
		in := &input{task: t, number: i, name: group{r.cfg.Graph.Application, topic, partition}, log: r.cfg.Broker.topics[topic][partition]}
		in.start(r.cfg.Broker)
		r.inputs = append(r.inputs, in)
	}
	return nil
}

// metadata is what the task committed beside the offsets of its inputs.
func (r *Runtime) metadata(sub *graph.SubTopology, partition int32) map[string]string {
	metadata := make(map[string]string)
	for _, topic := range r.plan.Sources[sub.ID] {
		metadata[topic] = r.cfg.Broker.offsets[group{r.cfg.Graph.Application, topic, partition}].Metadata
	}
	return metadata
}

func (in *input) start(b *Broker) {
	in.next = max(int(b.offsets[in.name].Offset), in.log.begin)
	in.task.Start(in.number, int64(in.next))
}

// acquire leases a partition of a store and restores it.
func (r *Runtime) acquire(s *graph.Store, partition int32) (state.Partition, error) {
	p, err := r.cfg.Backend.Acquire(context.Background(), state.StoreID{Name: s.Name, Partition: partition, Kind: s.Kind})
	if err != nil {
		return nil, err
	}
	r.leases = append(r.leases, p)
	// A store that is declared to live in memory does not outlive its runtime, whatever the backend could keep.
	if r.cfg.EmptyState || s.InMemory {
		if err := p.Drop(); err != nil {
			return nil, err
		}
	}
	switch {
	case s.Source != nil:
		return p, r.restoreFromSource(s, p)
	case s.Changelog != "":
		return p, r.restore(s, p)
	}
	return p, nil
}

// restoreRows is how many changelog records are restored at once.
const restoreRows = 10_000

func (r *Runtime) restore(s *graph.Store, p state.Partition) error {
	l, err := r.cfg.Broker.log(s.Changelog, p.ID().Partition)
	if err != nil {
		return err
	}
	from := max(0, p.Checkpoint().Offset)
	if from > int64(l.stable) {
		return fmt.Errorf("its state is complete up to offset %d of changelog %q, which ends at %d", from, s.Changelog, l.stable)
	}
	if err := l.has(from, s.Changelog); err != nil {
		return err
	}
	var rows []state.ChangelogRow
	for i := from; i < int64(l.stable); i++ {
		if e := l.at(int(i)); !e.aborted {
			rows = append(rows, state.ChangelogRow{Key: e.Key, Value: e.Value})
		}
		end := i + 1
		if len(rows) == restoreRows || end == int64(l.stable) {
			if err := p.Restore(rows, end); err != nil {
				return fmt.Errorf("restore from changelog %q: %w", s.Changelog, err)
			}
			r.restored[s.Name] += len(rows)
			rows = rows[:0]
		}
	}
	return nil
}

// restoreFromSource restores a table from the topic that it is made of, up to the committed offset.
func (r *Runtime) restoreFromSource(s *graph.Store, p state.Partition) error {
	partition := p.ID().Partition
	if partition >= r.plan.Partitions[s.Source.Topic] {
		return nil
	}
	l, err := r.cfg.Broker.log(s.Source.Topic, partition)
	if err != nil {
		return err
	}
	from, to := max(0, p.Checkpoint().Offset), r.cfg.Broker.Committed(r.cfg.Graph.Application, s.Source.Topic, partition)
	if from > to {
		return fmt.Errorf("its state is complete up to offset %d of topic %q, of which %d is committed", from, s.Source.Topic, to)
	}
	if err := l.has(from, s.Source.Topic); from < to && err != nil {
		return err
	}
	read := s.Source.Reader(partition)
	var rows []state.ChangelogRow
	for i := from; i < to; i++ {
		e := l.at(int(i))
		if e.aborted {
			continue
		}
		row, ok, err := read(&e.Input)
		if err != nil {
			return err
		}
		if ok {
			rows = append(rows, row)
		}
	}
	r.restored[s.Name] += len(rows)
	if err := p.Restore(rows, to); err != nil {
		return fmt.Errorf("restore from topic %q: %w", s.Source.Topic, err)
	}
	return nil
}

// Close ends the runtime. What is not committed is lost, as in a crash; the broker keeps the records.
func (r *Runtime) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.cfg.Broker.end(false)
	var errs []error
	for _, t := range r.tasks {
		errs = append(errs, t.Close())
	}
	for _, g := range r.globals {
		errs = append(errs, g.Close())
	}
	for _, p := range r.leases {
		p.Release()
	}
	return errors.Join(errs...)
}

// Restored is how many records of its changelog were read for a store when the runtime was made, over all partitions; for a
// global store those of its topic.
func (r *Runtime) Restored(store string) int { return r.restored[store] }

// Extracts reports whether a source has an extractor of timestamps.
func (r *Runtime) Extracts() bool { return slices.ContainsFunc(r.tasks, (*task.Task).Extracts) }

// Reads are all topics that the topology reads, internal ones and those of global stores too.
func (r *Runtime) Reads() map[string]bool {
	reads := make(map[string]bool)
	for _, topic := range r.plan.Inputs() {
		reads[topic] = true
	}
	for _, g := range r.cfg.Graph.Globals {
		reads[g.Topic] = true
	}
	return reads
}

// Plan is the topology on the topics of the broker.
func (r *Runtime) Plan() *graph.Plan { return r.plan }

// Now is the wall clock.
func (r *Runtime) Now() time.Time { return time.UnixMilli(r.nowMs).UTC() }

// Tasks are the tasks, in the order in which they were made.
func (r *Runtime) Tasks() []*task.Task { return r.tasks }

// Stores are the partitions of a store, one for each task that has it, in their order; of a global store one with all
// rows. Nobody may read them while a record runs, or change them.
func (r *Runtime) Stores(name string) []state.Store {
	if g := r.byGlobal[name]; g != nil {
		return []state.Store{g.Store()}
	}
	var stores []state.Store
	for _, t := range r.tasks {
		if s := t.Store(name); s != nil {
			stores = append(stores, s)
		}
	}
	return stores
}

// Stats are the counters of all operators, summed over the partitions, by sub-topology and there in the order of the
// topology; then those that feed global stores. Records that ran again after an abort count again.
func (r *Runtime) Stats() []task.NodeStats {
	var stats []task.NodeStats
	at := make(map[string]int)
	for _, t := range r.tasks {
		t.Publish()
		for _, n := range t.Stats() {
			i, ok := at[n.Node]
			if !ok {
				i = len(stats)
				at[n.Node] = i
				stats = append(stats, task.NodeStats{Node: n.Node})
			}
			stats[i].In += n.In
			for reason := range operators.Reasons {
				stats[i].Dropped[reason] += n.Dropped[reason]
			}
		}
	}
	for _, g := range r.globals {
		stats = append(stats, g.Stats()...)
	}
	return stats
}
