package task

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

// schedule is a function that operators asked to be called.
type schedule struct {
	operators.Schedule
	c          *operators.Context
	clock      operators.Clock
	intervalMs int64
	nextMs     int64
	f          func(int64) error
}

// run calls what is due on a clock. Slots that were missed together give one call (Kafka Streams, PunctuationQueue).
func (t *Task) run(clock operators.Clock, nowMs int64) error {
	// A function may add schedules; those have their first turn later.
	for _, s := range t.sched {
		if s.clock != clock || s.Cancelled() || nowMs < s.nextMs {
			continue
		}
		s.nextMs += ((nowMs-s.nextMs)/s.intervalMs + 1) * s.intervalMs
		t.touched = true
		t.scope.BeginOther("in a schedule", s.c, nowMs)
		if err := s.f(nowMs); err != nil {
			return t.scope.Failed(err)
		}
	}
	t.sched = slices.DeleteFunc(t.sched, func(s *schedule) bool { return s.Cancelled() })
	return nil
}

// Next is when (wall clock, ms since the epoch) the first of the wall-clock schedules is due; ok is false if there is none.
func (t *Task) Next() (ms int64, ok bool) {
	for _, s := range t.sched {
		if s.clock == operators.WallClock && !s.Cancelled() && (!ok || s.nextMs < ms) {
			ms, ok = s.nextMs, true
		}
	}
	return ms, ok
}

// runtime is the task as its operators see it.
type runtime Task

func (r *runtime) Wake() {
	if r.cfg.Wake != nil {
		r.cfg.Wake()
	}
}

func (r *runtime) Store(name string) state.Store  { return r.byName[name] }
func (r *runtime) Global(name string) state.View  { return (*Task)(r).view(name) }
func (r *runtime) RequestCommit()                 { r.commit = true }
func (r *runtime) WallClock() int64               { return r.nowMs }
func (r *runtime) Collector() operators.Collector { return r.cfg.Collector }
func (r *runtime) Partitions(topic string) int32  { return r.cfg.Plan.Partitions[topic] }

func (r *runtime) Failed(e *operators.Error, o operators.Outcome) {
	if r.cfg.OnFailure != nil {
		r.cfg.OnFailure(e, o)
	}
}

func (r *runtime) FindPartitions(topic string) (int32, error) {
	if topic == "" {
		return 0, errors.New("its name is empty")
	}
	if slices.ContainsFunc(r.cfg.Plan.Internal, func(t graph.InternalTopic) bool { return t.Name == topic }) {
		return 0, errors.New("it is an internal topic of the application")
	}
	n, ok := r.cfg.Plan.Partitions[topic]
	if !ok && r.cfg.FindPartitions != nil {
		var err error
		if n, ok, err = r.cfg.FindPartitions(topic); err != nil {
			return 0, &operators.RuntimeError{Err: err}
		}
	}
	if !ok {
		return 0, errors.New("it does not exist")
	}
	return n, nil
}

func (r *runtime) Schedule(c *operators.Context, interval time.Duration, clock operators.Clock, f func(int64) error) *operators.Schedule {
	s := &schedule{c: c, clock: clock, intervalMs: max(1, interval.Milliseconds()), f: f}
	switch {
	case clock == operators.WallClock:
		s.nextMs = r.nowMs + s.intervalMs
	case r.scope.StreamTime >= 0:
		s.nextMs = (r.scope.StreamTime/s.intervalMs + 1) * s.intervalMs
	}
	r.sched = append(r.sched, s)
	return &s.Schedule
}

// metadataVersion begins the metadata of committed offsets.
const metadataVersion = "rivusio/1 "

// metadata is times as text for the metadata of a committed offset: the task's, and that of the partition if it is not
// NoTime.
func metadata(streamTime, partitionTime int64) string {
	text := metadataVersion + strconv.FormatInt(streamTime, 10)
	if partitionTime != operators.NoTime {
		text += " " + strconv.FormatInt(partitionTime, 10)
	}
	return text
}

// timesOf reads what metadata wrote; anything else is no time.
func timesOf(metadata string) (stream, partition int64) {
	text, ok := strings.CutPrefix(metadata, metadataVersion)
	if !ok {
		return operators.NoTime, operators.NoTime
	}
	first, second, both := strings.Cut(text, " ")
	stream = timeOf(first)
	partition = operators.NoTime
	if both {
		partition = timeOf(second)
	}
	return stream, partition
}

func timeOf(text string) int64 {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return operators.NoTime
	}
	return ms
}

// NodeStats are the counters of one operator of a task.
type NodeStats struct {
	Node    string
	Op      string // what it is: "filter", "sink"
	In      uint64
	Out     uint64 // see [operators.Counters]
	Dropped [operators.Reasons]uint64
}

// stats publishes the operators' plain counters for other goroutines, once for each round. Nodes keep their order, and
// counts go on when the operators are made anew.
type stats struct {
	names, ops []string
	nodes      []publishedNode
}

type publishedNode struct {
	base    operators.Counters // of the operators before the last abort
	in, out atomic.Uint64
	dropped [operators.Reasons]atomic.Uint64
}

func (s *stats) init(in *graph.Instance) {
	s.nodes = make([]publishedNode, len(in.Contexts))
	for _, c := range in.Contexts {
		s.names, s.ops = append(s.names, c.Operator()), append(s.ops, c.Op())
	}
}

func (s *stats) publish(in *graph.Instance) {
	if in == nil || len(s.nodes) != len(in.Contexts) {
		return
	}
	for i, c := range in.Contexts {
		n := &s.nodes[i]
		n.in.Store(n.base.In + c.In)
		n.out.Store(n.base.Out + c.Out)
		for r := range c.Dropped {
			n.dropped[r].Store(n.base.Dropped[r] + c.Dropped[r])
		}
	}
}

func (s *stats) rebase() {
	for i := range s.nodes {
		n := &s.nodes[i]
		n.base.In, n.base.Out = n.in.Load(), n.out.Load()
		for r := range n.dropped {
			n.base.Dropped[r] = n.dropped[r].Load()
		}
	}
}

// Stats are the counters of the task's operators, in the order of the sub-topology, as of the last round. They may be
// read from any goroutine. Records processed again after an abort count again.
func (t *Task) Stats() []NodeStats { return t.stats.snapshot() }

func (s *stats) snapshot() []NodeStats {
	out := make([]NodeStats, len(s.nodes))
	for i := range out {
		n := &s.nodes[i]
		out[i] = NodeStats{Node: s.names[i], Op: s.ops[i], In: n.in.Load(), Out: n.out.Load()}
		for r := range n.dropped {
			out[i].Dropped[r] = n.dropped[r].Load()
		}
	}
	return out
}
