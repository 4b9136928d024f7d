package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

// State is what an App is doing.
type State int32

// The states of an App, in the order in which a run goes through them.
const (
	Created     State = iota
	Starting          // looking at topics, opening the state, reading global tables
	Rebalancing       // waiting for the group, or for tasks to be restored
	Running           // every task that this process has is processing
	Stopping
	Stopped // Run returned nil
	Failed  // Run returned an error
)

// String names the state as in logs and metrics.
func (s State) String() string {
	names := [...]string{"created", "starting", "rebalancing", "running", "stopping", "stopped", "failed"}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("state %d", int32(s))
	}
	return names[s]
}

// App runs a topology in this process, on Kafka. All methods may be called from any goroutine.
type App struct {
	cfg   Config
	graph *graph.Topology

	state   atomic.Int32
	stateMu sync.Mutex // orders the calls of OnStateChange
	began   atomic.Bool
	paused  atomic.Bool
	live    atomic.Bool

	// Of the run.
	instance    string
	plan        *graph.Plan
	cl          *kgo.Client // for administration
	adm         *kadm.Client
	disk        state.Backend // nil if no store is on disk
	database    atomic.Pointer[state.Pebble]
	memory      state.Backend
	inMemory    map[string]bool // stores by name
	repartition map[string]bool // topics
	chosen      sync.Map        // partitions of topics that sinks chose for records
	limits      limits
	held        atomic.Pointer[map[string]string] // sources that are held, with the topic that they feed too fast
	failures    failureLog
	restorer    *restorer
	purger      *purger
	globals     atomic.Pointer[[]*globalReader]
	globalRows  task.Globals // read to where their topics ended at the start
	workers     atomic.Pointer[[]*worker]
	hard        context.Context // ends when the time to stop is over
	give        context.CancelFunc
	failOnce    sync.Once
	failed      chan struct{}
	failure     error
}

// New makes an App of a topology. It returns the mistakes of the configuration, joined; nothing is contacted before Run.
func New(t *topology.Topology, c Config) (*App, error) {
	if t == nil {
		return nil, errors.New("engine: topology is nil")
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a := &App{
		cfg: c.withDefaults(), graph: t.Graph(), inMemory: make(map[string]bool), repartition: make(map[string]bool),
		failed: make(chan struct{}), globalRows: make(task.Globals),
	}
	a.globals.Store(new([]*globalReader))
	a.workers.Store(new([]*worker))
	a.held.Store(new(map[string]string))
	a.live.Store(true)
	for _, s := range a.graph.Stores {
		a.inMemory[s.Name] = s.InMemory
	}
	for _, r := range a.graph.Repartitions {
		a.repartition[r.Topic] = true
	}
	for _, own := range c.Backpressure.Topics {
		if !a.repartition[own.Topic] {
			return nil, fmt.Errorf("engine: config: Backpressure.Topics: %q is no repartition topic of topology %q", own.Topic, a.graph.Application)
		}
	}
	return a, nil
}

// Run processes records until the context ends: then it commits what is done, leaves the group by policy and returns nil.
// It returns an error as soon as one cannot be mended by trying again: one of user code (an *operators.Error is in it), data
// loss (*DataLossError), another process of the same name (*FencedError), missing topics or rights. An App runs once.
func (a *App) Run(ctx context.Context) (err error) {
	if a.began.Swap(true) {
		return errors.New("engine: Run was called twice; make a new App for every run")
	}
	a.setState(Starting)
	defer func() {
		err = refused(a.graph, err)
		if err != nil {
			a.setState(Failed)
			return
		}
		a.setState(Stopped)
	}()
	a.hard, a.give = context.WithCancel(context.WithoutCancel(ctx))
	defer a.give()
	closing, err := a.prepare(ctx)
	defer func() {
		for _, c := range slices.Backward(closing) {
			err = errors.Join(err, c())
		}
	}()
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	return a.work(ctx)
}

// prepare connects, checks the topics and opens the state. It returns what has to be closed, also with an error.
func (a *App) prepare(ctx context.Context) (closing []func() error, err error) {
	if a.cl, err = a.cfg.connect(ctx); err != nil {
		return closing, err
	}
	closing = append(closing, func() error { a.cl.Close(); return nil })
	a.adm = kadm.NewClient(a.cl)
	dir := filepath.Join(a.cfg.StateDir, a.graph.Application)
	instance, release, err := acquireInstance(dir, a.cfg.Instance)
	if err != nil {
		return closing, fmt.Errorf("engine: %w", err)
	}
	closing = append(closing, release)
	a.instance = instance
	if err := a.checkRights(ctx); err != nil {
		return closing, err
	}
	if err := a.openSerdes(ctx); err != nil {
		return closing, fmt.Errorf("engine: %w", err)
	}
	if a.plan, err = a.planTopics(ctx); err != nil {
		return closing, fmt.Errorf("engine: %w", err)
	}
	if err := a.checkMarks(ctx); err != nil {
		return closing, err
	}
	if err := a.readLimits(ctx); err != nil {
		return closing, fmt.Errorf("engine: %w", err)
	}
	if err := a.checkRights(ctx); err != nil { // now to internal topics too
		return closing, err
	}
	a.memory = state.NewMemory()
	closing = append(closing, a.memory.Close)
	if slices.ContainsFunc(a.graph.Stores, func(s *graph.Store) bool { return !s.InMemory }) ||
		slices.ContainsFunc(a.graph.Globals, func(g *graph.Global) bool { return !g.InMemory }) {
		disk, err := state.OpenPebble(state.PebbleOptions{
			Dir: filepath.Join(dir, stateFolder), CacheBytes: a.cfg.BlockCacheBytes, MemTableBytes: a.cfg.MemTableBytes, Logger: a.cfg.Logger,
		})
		if err != nil {
			return closing, fmt.Errorf("engine: %w", err)
		}
		a.disk = disk
		a.database.Store(disk)
		closing = append(closing, disk.Close)
	}
	if err := a.dismiss(ctx); err != nil {
		return closing, err
	}
	a.restorer = newRestorer(a)
	a.purger = newPurger(a.adm, a.cfg.Logger)
	a.purger.interval = a.cfg.PurgeInterval
	return closing, a.startGlobals(ctx)
}

func (a *App) planTopics(ctx context.Context) (*graph.Plan, error) {
	return prepareTopics(ctx, a.adm, a.graph, topicOptions{
		ReplicationFactor: a.cfg.ReplicationFactor, Create: !a.cfg.RequireTopics, Log: a.cfg.Logger,
	})
}

// work runs the workers until the context ends or one fails.
func (a *App) work(ctx context.Context) error {
	beside, stopBeside := context.WithCancel(a.hard)
	var helpers sync.WaitGroup
	helpers.Go(func() { a.restorer.run(beside) })
	helpers.Go(func() { a.purger.run(beside) })
	helpers.Go(func() { a.watch(beside) })
	following, stopFollowing := context.WithCancel(a.hard)
	followed := a.followGlobals(following)
	for a.runWorkers(ctx) {
	}
	a.setState(Stopping)
	stopFollowing()
	select {
	case <-followed:
	case <-time.After(abandonAfter): // a processor of the user's does not return
	}
	if a.cfg.StopPolicy == Handover {
		a.leave(*a.workers.Load())
	}
	a.give()
	stopBeside()
	helpers.Wait()
	select {
	case <-a.failed:
		return a.failure
	default:
		return nil
	}
}

// runWorkers runs the workers on the present plan until the context ends, one fails, or patterns match other topics than
// before: then there is a new plan, and it returns true.
func (a *App) runWorkers(ctx context.Context) (again bool) {
	workers := make([]*worker, a.cfg.Workers)
	for i := range workers {
		workers[i] = newWorker(a, i)
	}
	a.workers.Store(&workers)
	a.setState(Rebalancing)
	a.cfg.Logger.Info("runs", "application", a.graph.Application, "instance", a.instance, "workers", len(workers), "guarantee", a.cfg.Guarantee.String())

	soft, stop := context.WithCancel(ctx)
	defer stop()
	var watcher sync.WaitGroup
	watcher.Go(func() { newBackpressure(a).run(soft) })
	defer watcher.Wait()
	defer stop()
	var loops sync.WaitGroup
	for _, w := range workers {
		loops.Go(func() {
			if err := w.run(soft); err != nil {
				a.fail(err)
			}
		})
	}
	ended := make(chan struct{})
	go func() { loops.Wait(); close(ended) }()
	var next *graph.Plan
	select {
	case <-ctx.Done():
		a.setState(Stopping)
	case <-a.failed:
		a.setState(Stopping)
	case <-ended:
	case <-a.until(soft):
		a.cfg.Logger.Info("everything before the marks is processed", "application", a.graph.Application)
		a.setState(Stopping)
	case next = <-a.planAnew(soft):
	}
	stop()
	select {
	case <-ended:
	case <-time.After(a.cfg.StopTimeout):
		a.fail(fmt.Errorf("engine: the stop took longer than %v; what was not committed is given up", a.cfg.StopTimeout))
		a.give()
		select {
		case <-ended:
		case <-time.After(abandonAfter):
			// User code does not return. The process is about to end; nothing is applied or committed any more.
		}
		return false
	}
	select {
	case <-a.failed:
		return false
	default:
	}
	if next == nil || ctx.Err() != nil {
		return false
	}
	a.plan = next
	if err := a.readLimits(ctx); err != nil {
		a.fail(fmt.Errorf("engine: %w", err))
		return false
	}
	return true
}

// abandonAfter is how long a worker has, after the time to stop is over, to notice.
const abandonAfter = time.Second

// fail stops the run with its first error.
func (a *App) fail(err error) {
	a.failOnce.Do(func() {
		var e *operators.Error
		if errors.As(err, &e) {
			a.failures.add(failureOf(e))
		}
		a.failure = err
		close(a.failed)
	})
}

// backend is where a store is kept.
func (a *App) backend(s *graph.Store) state.Backend {
	if s.InMemory {
		return a.memory
	}
	return a.disk
}

// byBackend parts generations by where their stores are kept.
func (a *App) byBackend(generations []*state.Generation) map[state.Backend][]*state.Generation {
	parts := make(map[state.Backend][]*state.Generation, 2)
	for _, g := range generations {
		backend := a.disk
		if a.inMemory[g.ID().Name] {
			backend = a.memory
		}
		parts[backend] = append(parts[backend], g)
	}
	return parts
}

// State is what the App is doing.
func (a *App) State() State { return State(a.state.Load()) }

// Ready reports whether every worker has joined the group and every task that the process has is processing.
func (a *App) Ready() bool { return a.State() == Running }

// Live reports whether the process is of use: it has not failed, and no worker or global store is held up by user code.
func (a *App) Live() bool { return a.live.Load() && a.State() != Failed }

// Pause stops fetching and processing after a commit, without leaving the group.
func (a *App) Pause() { a.setPaused(true) }

// Resume ends a pause.
func (a *App) Resume() { a.setPaused(false) }

// Paused reports whether Pause was called.
func (a *App) Paused() bool { return a.paused.Load() }

func (a *App) setPaused(paused bool) {
	a.paused.Store(paused)
	for _, w := range *a.workers.Load() {
		w.wake()
	}
}

func (a *App) setState(to State) {
	a.stateMu.Lock()
	defer a.stateMu.Unlock()
	from := State(a.state.Load())
	if from == to || from > to && from > Running {
		return
	}
	a.state.Store(int32(to))
	if a.cfg.OnStateChange != nil {
		a.cfg.OnStateChange(from, to)
	}
}

// refreshState follows the workers between Rebalancing and Running.
func (a *App) refreshState() {
	to := Running
	for _, w := range *a.workers.Load() {
		if !w.settled.Load() {
			to = Rebalancing
		}
	}
	if s := a.State(); s == Running || s == Rebalancing {
		a.setState(to)
	}
}

func (a *App) reportRebalance(w *worker, partitions int) {
	i := RebalanceInfo{Worker: w.number, Partitions: partitions}
	if !w.rejoining() {
		if began := w.group.joining.Swap(0); began != 0 {
			i.Took = max(1, time.Since(time.Unix(0, began)))
		}
	}
	a.cfg.Observer.Rebalanced(i)
}
