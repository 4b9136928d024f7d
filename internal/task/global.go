package task

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

// GlobalConfig is what a [Global] is made of. All fields are required unless they say otherwise.
type GlobalConfig struct {
	Global *graph.Global
	// Partitions are those of the store, as many as the topic has. The rows of all lie in the first one; the checkpoint of
	// each is the offset up to which that partition of the topic has been read.
	Partitions []state.Partition
	Budget     *state.Budget
	WallClock  func() int64 // ms since the epoch
	// OnFailure is told what operators failed for and what was done about it. It must not wait. May be nil.
	OnFailure func(e *operators.Error, o operators.Outcome)
}

// Global feeds a global store with the records of its topic. One goroutine at a time uses it; views of what it has
// applied belong to other goroutines.
type Global struct {
	cfg       GlobalConfig
	shared    *state.Shared
	scope     operators.Scope
	in        *graph.Instance
	sources   []operators.Source
	store     state.Store
	positions []int64 // of the topic's partitions: offset of the next record, or -1
	applied   []int64
	restored  int64 // stream time of what is applied
	refused   error // what the processor asked for and cannot have
	stats     stats
}

// Globals are the global stores of a process, by name.
type Globals map[string]*Global

// NewGlobal makes the operators that feed a store. State without a checkpoint of its rows is deleted, since nobody knows
// what it is.
func NewGlobal(cfg GlobalConfig) (*Global, error) {
	rows := cfg.Partitions[0]
	if rows.Checkpoint().Offset < 0 {
		for _, p := range cfg.Partitions {
			if err := p.Drop(); err != nil {
				return nil, err
			}
		}
	}
	g := &Global{cfg: cfg, shared: state.NewShared(rows), positions: make([]int64, len(cfg.Partitions)), applied: make([]int64, len(cfg.Partitions))}
	for i, p := range cfg.Partitions {
		g.positions[i] = p.Checkpoint().Offset
	}
	copy(g.applied, g.positions)
	g.scope = operators.Scope{Runtime: (*globalRuntime)(g), Application: cfg.Global.Topology().Application, Task: "global", Tasks: 1}
	g.store = cfg.Global.Open(state.Config{
		Name: cfg.Global.Name, Partition: rows, Budget: cfg.Budget, Timestamp: func() int64 { return g.scope.Timestamp },
	})
	g.restored = g.store.Times().Task
	if err := g.instantiate(); err != nil {
		return nil, errors.Join(err, g.in.Close(), g.store.Close())
	}
	g.stats.init(g.in)
	return g, nil
}

func (g *Global) instantiate() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = g.scope.Recovered(v, debug.Stack())
		}
	}()
	g.scope.StreamTime, g.refused = g.restored, nil
	g.scope.BeginOther("at its start", nil, max(0, g.restored))
	g.in = g.cfg.Global.NewInstance(&g.scope)
	if err := g.in.Make(new(graph.Plan)); err != nil {
		return err
	}
	g.sources = g.in.Inputs[g.cfg.Global.Topic]
	return g.refused
}

// Name is that of the store.
func (g *Global) Name() string { return g.cfg.Global.Name }

// Position is the offset of the next record of a partition of the topic, or -1 if it is not known where to start.
func (g *Global) Position(partition int32) int64 { return g.positions[partition] }

// Start tells where to start a partition of which nothing has been read.
func (g *Global) Start(partition int32, offset int64) { g.positions[partition] = offset }

// Process runs a record into the store. An error is final until [Global.Abort].
func (g *Global) Process(partition int32, r *operators.Input) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = g.scope.Recovered(v, debug.Stack())
		}
	}()
	g.scope.Partition = partition
	g.scope.Begin(operators.Origin{Topic: g.cfg.Global.Topic, Partition: partition, Offset: r.Offset}, r.Key, r.Timestamp, r)
	if r.Timestamp <= operators.MaxTimestamp {
		g.scope.StreamTime = max(g.scope.StreamTime, r.Timestamp)
	}
	for _, s := range g.sources {
		if err := s.Process(r); err != nil {
			return err
		}
	}
	g.positions[partition] = r.Offset + 1
	return g.refused
}

// Advance tells the position behind offsets that are not for the store, such as transaction markers.
func (g *Global) Advance(partition int32, position int64) {
	g.positions[partition] = max(g.positions[partition], position)
}

// Full reports whether so much waits to be applied that nothing more should be processed before.
func (g *Global) Full() bool { return g.cfg.Budget.Full() }

// Apply writes what was processed to the backend: rows and positions in one batch. Views see it from then on.
func (g *Global) Apply(ctx context.Context, b state.Backend) error {
	defer g.stats.publish(g.in)
	g.store.Times().Task = g.scope.StreamTime
	if err := g.store.Flush(nil); err != nil {
		return g.scope.Failed(err)
	}
	g.store.Commit(g.positions[0])
	generations := g.store.Pending()
	for i, p := range g.cfg.Partitions {
		// The first has the rows and says that they are known.
		if g.positions[i] != g.applied[i] || i == 0 && len(generations) == 0 {
			generations = append(generations, state.NewCheckpoint(p, g.positions[i]))
		}
	}
	if err := g.shared.Apply(ctx, b, generations); err != nil {
		return fmt.Errorf("global store %q: %w", g.Name(), err)
	}
	copy(g.applied, g.positions)
	g.restored = g.scope.StreamTime
	return nil
}

// Renew writes all checkpoints, moved or not, as of now.
func (g *Global) Renew(ctx context.Context, b state.Backend) error {
	generations := make([]*state.Generation, len(g.cfg.Partitions))
	for i, p := range g.cfg.Partitions {
		generations[i] = state.NewCheckpoint(p, g.applied[i])
	}
	return b.Apply(ctx, generations)
}

// Forget makes the next start build the store anew, without a change of the rows that tasks read until then.
func (g *Global) Forget(ctx context.Context, b state.Backend) error {
	return b.Apply(ctx, []*state.Generation{state.NewCheckpoint(g.cfg.Partitions[0], -1)})
}

// Abort forgets what was not applied; the positions are those of what was.
func (g *Global) Abort() error {
	g.store.Abort()
	copy(g.positions, g.applied)
	err := errors.Join(g.closeOperators(), g.instantiate())
	g.stats.rebase()
	return err
}

// Store is the store as it is written. Nobody else may use it while records are processed.
func (g *Global) Store() state.Store { return g.store }

// Stats are the counters of the operators as of the last apply. They may be read from any goroutine.
func (g *Global) Stats() []NodeStats { return g.stats.snapshot() }

func (g *Global) closeOperators() error {
	g.scope.BeginOther("at its close", nil, max(0, g.scope.StreamTime))
	return g.in.Close()
}

// Close ends the operators and releases the memory. The backend's partitions are the runtime's to release.
func (g *Global) Close() error {
	err := g.closeOperators()
	if failed := g.store.Close(); failed != nil {
		err = errors.Join(err, fmt.Errorf("close global store %q: %w", g.Name(), failed))
	}
	return err
}

// globalRuntime is a Global as its operators see it.
type globalRuntime Global

func (r *globalRuntime) Store(name string) state.Store {
	if name != r.cfg.Global.Name {
		return nil
	}
	return r.store
}

func (r *globalRuntime) Global(string) state.View       { return nil }
func (r *globalRuntime) Wake()                          {} // no such operator feeds a global store
func (r *globalRuntime) RequestCommit()                 {} // everything is applied soon
func (r *globalRuntime) WallClock() int64               { return r.cfg.WallClock() }
func (r *globalRuntime) Collector() operators.Collector { return nil }
func (r *globalRuntime) Partitions(topic string) int32  { return 0 }

func (r *globalRuntime) Failed(e *operators.Error, o operators.Outcome) {
	if r.cfg.OnFailure != nil {
		r.cfg.OnFailure(e, o)
	}
}

func (r *globalRuntime) FindPartitions(string) (int32, error) {
	return 0, errors.New("the processor of a global store forwards nothing")
}

// Schedule implements [operators.Runtime]. As in Kafka Streams (GlobalProcessorContextImpl) there is none: what a restart
// finds depends on records alone.
func (r *globalRuntime) Schedule(c *operators.Context, _ time.Duration, _ operators.Clock, _ func(int64) error) *operators.Schedule {
	if r.refused == nil {
		r.refused = c.Fail(errors.New("a processor of a global store cannot schedule"))
	}
	s := new(operators.Schedule)
	s.Cancel()
	return s
}
