package topologytest

import (
	"io"
	"testing"
	"time"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/replay/recording"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

// Driver runs a topology in a test. Make one with [New].
type Driver struct {
	t       testing.TB
	topo    *topology.Topology
	broker  *local.Broker
	runtime *local.Runtime
	cfg     local.Config
	faults  *faults

	recording *recording.Reader // nil without Recorded
}

type settings struct {
	partitions  int32
	ofTopic     map[string]int32
	more        map[string]int32
	commitEvery int
	cacheBytes  int64
	backend     state.Backend
	start       time.Time
	faults      faults
	recorded    io.Reader
}

// Option is an option of [New].
type Option func(*settings)

// Partitions sets how many partitions the given topics have; without topics, all that are not given. Default: 1. Internal
// topics follow from that as on a real broker.
func Partitions(n int, topics ...string) Option {
	return func(s *settings) {
		if len(topics) == 0 {
			s.partitions = int32(n)
		}
		for _, topic := range topics {
			s.ofTopic[topic] = int32(n)
		}
	}
}

// Topics makes more topics, with n partitions each: those that a pattern of the topology is to match, or that a sink
// chooses for itself.
func Topics(n int, topics ...string) Option {
	return func(s *settings) {
		for _, topic := range topics {
			s.more[topic] = int32(n)
		}
	}
}

// CommitEvery makes the driver commit after so many processed records, over all tasks, and not after each. Outputs show
// nothing before; see [Driver.Commit].
func CommitEvery(records int) Option { return func(s *settings) { s.commitEvery = records } }

// CacheBytes bounds what the stores cache. Default: no limit.
func CacheBytes(bytes int64) Option { return func(s *settings) { s.cacheBytes = bytes } }

// Backend keeps the state in a backend of the test's, which stays open when the driver is closed. Default: memory.
func Backend(b state.Backend) Option { return func(s *settings) { s.backend = b } }

// StartAt sets the wall clock at the start. Default: the epoch.
func StartAt(t time.Time) Option { return func(s *settings) { s.start = t } }

// New starts a topology on new topics: those that it reads and writes by name. The test's end closes it.
func New(t testing.TB, topo *topology.Topology, opts ...Option) *Driver {
	t.Helper()
	s := settings{partitions: 1, ofTopic: make(map[string]int32), more: make(map[string]int32), start: time.UnixMilli(0), faults: newFaults()}
	for _, opt := range opts {
		opt(&s)
	}
	if s.backend == nil {
		s.backend = state.NewMemory()
		t.Cleanup(func() { s.backend.Close() })
	}
	d := &Driver{t: t, topo: topo, broker: local.NewBroker(), faults: &s.faults}
	d.faults.check(d)
	d.record(&s)
	for _, topic := range append(topo.Sources(), topo.Sinks()...) {
		n, ok := s.ofTopic[topic]
		if !ok {
			n = s.partitions
		}
		if _, made := d.broker.Partitions(topic); made {
			continue
		}
		if err := d.broker.Create(topic, n); err != nil {
			t.Fatalf("topologytest: %v", err)
		}
	}
	for topic, n := range s.more {
		if err := d.broker.Create(topic, n); err != nil {
			t.Fatalf("topologytest: option Topics: %v", err)
		}
	}
	for topic := range s.ofTopic {
		if _, ok := d.broker.Partitions(topic); !ok {
			t.Fatalf("topologytest: option Partitions names topic %q, which topology %q neither reads nor writes", topic, topo.Application())
		}
	}
	d.cfg = local.Config{
		Graph: topo.Graph(), Broker: d.broker, Backend: failingBackend{s.backend, d.faults}, BeforeCommit: d.faults.beforeCommit,
		CommitEvery: s.commitEvery, CacheBytes: s.cacheBytes, Now: s.start,
	}
	if len(d.faults.records) > 0 {
		d.cfg.Graph = d.cfg.Graph.Wrapped(d.faults.hook)
	}
	d.start(d.cfg)
	t.Cleanup(func() {
		if err := d.runtime.Close(); err != nil {
			t.Errorf("topologytest: close: %v", err)
		}
	})
	return d
}

func (d *Driver) start(cfg local.Config) {
	d.t.Helper()
	runtime, err := local.New(cfg)
	if err != nil {
		d.t.Fatalf("topologytest: %v", err)
	}
	d.runtime = runtime
}

func (d *Driver) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("topologytest: %v", err)
	}
}

// Now is the wall clock.
func (d *Driver) Now() time.Time { return d.runtime.Now() }

// Advance moves the wall clock, runs the wall-clock schedules that are due, each at most once, and commits.
func (d *Driver) Advance(by time.Duration) {
	d.t.Helper()
	d.check(d.runtime.Advance(by))
}

// Commit commits what was processed. It matters with [CommitEvery] only.
func (d *Driver) Commit() {
	d.t.Helper()
	d.check(d.runtime.Commit())
}

// State says what becomes of the state at a [Driver.Restart].
type State bool

const (
	// KeptState is state that the next start finds as the last commit left it.
	KeptState State = false
	// EmptyState is state that the next start restores from the changelogs, as after the loss of a disk.
	EmptyState State = true
)

// Restart stops the topology as a crash does and starts it again, on the same topics: what is not committed is processed
// again. Counters start at 0. Handles of stores that were taken before stay usable.
func (d *Driver) Restart(s State) {
	d.t.Helper()
	d.check(d.runtime.Close())
	cfg := d.cfg
	cfg.Now = d.runtime.Now()
	cfg.EmptyState = s == EmptyState
	d.faults.broken = nil
	d.start(cfg)
	d.check(d.runtime.Run())
}

// Abort forgets what was not committed and processes it again, as the engine does after a failed transaction. It also ends
// the failure that [InputTopic.SendErr] returned.
func (d *Driver) Abort() {
	d.t.Helper()
	if d.faults.broken != nil {
		d.t.Fatalf("topologytest: Abort after a failed write of a store, which only Restart can go on from: %v", d.faults.broken)
	}
	d.check(d.runtime.Abort())
	d.check(d.runtime.Run())
}

// AddTopic makes a topic and restarts the topology, which looks the topics of its patterns up at its start: everything is
// committed before, and state stays.
func (d *Driver) AddTopic(name string, partitions int) {
	d.t.Helper()
	d.Commit()
	d.check(d.broker.Create(name, int32(partitions)))
	d.Restart(KeptState)
}

// Restored is how many changelog records the last start read for a store; for a global store, how many of its topic.
func (d *Driver) Restored(store string) int { return d.runtime.Restored(store) }

// Tasks names the tasks that run, as SUBTOPOLOGY_PARTITION.
func (d *Driver) Tasks() []string {
	var names []string
	for _, t := range d.runtime.Tasks() {
		names = append(names, t.ID().String())
	}
	return names
}

// Drop is a number of records that an operator discarded for a reason.
type Drop struct {
	Operator string
	Reason   operators.Reason
	Records  uint64
}

// Dropped is what operators discarded on purpose, by operator in the order of the topology.
func (d *Driver) Dropped() []Drop {
	var drops []Drop
	for _, n := range d.runtime.Stats() {
		for reason, records := range n.Dropped {
			if records > 0 {
				drops = append(drops, Drop{n.Node, operators.Reason(reason), records})
			}
		}
	}
	return drops
}

// Received is how many records came to an operator, by its name.
func (d *Driver) Received(operator string) uint64 {
	d.t.Helper()
	for _, n := range d.runtime.Stats() {
		if n.Node == operator {
			return n.In
		}
	}
	d.t.Fatalf("topologytest: topology %q has no operator %q", d.topo.Application(), operator)
	return 0
}
