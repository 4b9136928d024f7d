package task_test

import (
	"context"
	"testing"

	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

// loop feeds one task, of the last sub-topology, over and over with the same records, as a runtime does.
type loop struct {
	tb      testing.TB
	task    *task.Task
	backend state.Backend
	out     *sink
	records []operators.Input
	offset  int64
}

// sink takes what a task writes and forgets it.
type sink struct {
	buffer []byte
	sent   int
}

func (s *sink) Buffer() []byte                          { return s.buffer[:0] }
func (s *sink) Send(*operators.Output) error            { s.sent++; return nil }
func (s *sink) Log(string, int32, []byte, []byte) error { return nil }
func (s *sink) end(topic string, partition int32) int64 { return 0 }

const loopRecords = 1000

// newLoop makes the task of a topology that reads the topic "in" and writes the topic "out": keys and values are numbers.
func newLoop(tb testing.TB, add func(topology.Stream[int64, int64]) topology.Stream[int64, int64]) *loop {
	tb.Helper()
	return newWatchedLoop(tb, add, operators.Watch{})
}

// newWatchedLoop is newLoop of a task some of whose records are watched.
func newWatchedLoop(tb testing.TB, add func(topology.Stream[int64, int64]) topology.Stream[int64, int64], w operators.Watch) *loop {
	tb.Helper()
	b := topology.NewBuilder("app")
	add(b.Stream("in", serde.Int64, serde.Int64)).To("out")
	topo, err := b.Build()
	if err != nil {
		tb.Fatal(err)
	}
	plan, err := topo.Graph().NewPlan(func(string) (int32, bool) { return 1, true }, nil)
	if err != nil {
		tb.Fatal(err)
	}
	l := &loop{tb: tb, backend: state.NewMemory(), out: &sink{buffer: make([]byte, 0, 1024)}}
	sub := topo.Graph().SubTopologies[0]
	stores := make(map[string]state.Partition)
	for _, s := range sub.Stores {
		p, err := l.backend.Acquire(context.Background(), state.StoreID{Name: s.Name, Kind: s.Kind})
		if err != nil {
			tb.Fatal(err)
		}
		stores[s.Name] = p
	}
	if l.task, err = task.New(task.Config{
		Plan: plan, SubTopology: sub, Stores: stores, Budget: state.NewBudget(0), Collector: l.out,
		WallClock: func() int64 { return 0 }, Watch: w,
	}); err != nil {
		tb.Fatal(err)
	}
	l.task.Start(0, 0)
	l.makeRecords()
	l.round() // everything has its size after it
	return l
}

// makeRecords makes records of 100 keys.
func (l *loop) makeRecords() {
	for i := range int64(loopRecords) {
		key, err := serde.Int64.Append(nil, i*7919%100)
		if err != nil {
			l.tb.Fatal(err)
		}
		value, err := serde.Int64.Append(nil, i)
		if err != nil {
			l.tb.Fatal(err)
		}
		l.records = append(l.records, operators.Input{Key: key, Value: value, Timestamp: 1_000_000 + i})
	}
}

// round gives all records to the task and lets it work.
func (l *loop) round() {
	for i := range l.records {
		r := &l.records[i]
		r.Offset = l.offset
		l.offset++
		l.task.Add(0, r)
	}
	l.task.Advance(0, l.offset, l.offset)
	if n, err := l.task.Process(2 * loopRecords); err != nil || n != loopRecords {
		l.tb.Fatalf("processed %d records, %v", n, err)
	}
}

// commit makes what the task did durable.
func (l *loop) commit() {
	if err := l.task.Prepare(); err != nil {
		l.tb.Fatal(err)
	}
	if err := l.backend.Apply(context.Background(), l.task.Committed(l.out.end)); err != nil {
		l.tb.Fatal(err)
	}
}
