package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

const (
	globalPoll  = time.Second      // at most between two looks at the clock
	globalRenew = 10 * time.Minute // between two checkpoints of a topic to which nothing comes
	globalWait  = 10 * time.Second // for the end of a topic, until it is logged what is waited for
)

// globalReader feeds one global store from all partitions of its topic, with a client of its own that is in no group. One
// goroutine runs it; tasks read what it has applied.
type globalReader struct {
	app        *App
	graph      *graph.Global
	log        *slog.Logger
	backend    state.Backend
	partitions []state.Partition
	rows       *task.Global
	cl         *kgo.Client
	ends       []int64 // offsets up to which the store must be read before anything is processed
	began      time.Time
	renewed    time.Time
	in         operators.Input
	progress   atomic.Int64 // unix ns of the last turn, for the watchdog
	shown      publishedGlobal
}

// publishedGlobal is what other goroutines see of a globalReader.
type publishedGlobal struct {
	ready   atomic.Bool
	rows    atomic.Pointer[task.Global] // for its counters
	inputs  []publishedInput
	restore restoreProgress
}

// GlobalInfo is what a global store of this process is doing.
type GlobalInfo struct {
	Store string
	Topic string
	// Ready is whether it has been read up to the ends that the topic had at the start. Nothing is processed before.
	Ready     bool
	Inputs    []InputInfo      // the partitions of the topic
	Operators []task.NodeStats // those that feed the store; nil before it is open
	Restore   RestoreProgress  // up to when it was ready
}

// Globals are the global stores of the process as they were a moment ago, in the order of the topology.
func (a *App) Globals() []GlobalInfo {
	var infos []GlobalInfo
	for _, r := range *a.globals.Load() {
		s := &r.shown
		info := GlobalInfo{Store: r.graph.Name, Topic: r.graph.Topic, Ready: s.ready.Load(), Restore: s.restore.info()}
		if rows := s.rows.Load(); rows != nil {
			info.Operators = rows.Stats()
		}
		for i := range s.inputs {
			in := &s.inputs[i]
			info.Inputs = append(info.Inputs, InputInfo{Topic: r.graph.Topic, Partition: int32(i), Position: in.position.Load(), Lag: in.lag.Load()})
		}
		infos = append(infos, info)
	}
	return infos
}

// startGlobals opens all global stores and reads them up to the present ends of their topics, in parallel.
func (a *App) startGlobals(ctx context.Context) error {
	readers := make([]*globalReader, len(a.graph.Globals))
	for i, g := range a.graph.Globals {
		backend := a.disk
		if g.InMemory {
			backend = a.memory
		}
		r := &globalReader{app: a, graph: g, backend: backend, log: a.cfg.Logger.With("global store", g.Name)}
		r.shown.inputs = make([]publishedInput, a.plan.Partitions[g.Topic])
		for p := range r.shown.inputs {
			r.shown.inputs[p].position.Store(-1)
			r.shown.inputs[p].lag.Store(-1)
		}
		readers[i] = r
	}
	a.globals.Store(&readers)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	for _, r := range readers {
		wait.Go(func() {
			if err := r.bootstrap(ctx); err != nil {
				cancel(fmt.Errorf("engine: global store %q: %w", r.graph.Name, err)) // the first one counts
			}
		})
	}
	ended := make(chan struct{})
	go func() { wait.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		select {
		case <-ended:
		case <-time.After(a.cfg.StopTimeout):
			return fmt.Errorf("engine: global stores did not stop within %v: %w", a.cfg.StopTimeout, context.Cause(ctx))
		}
	}
	if err := context.Cause(ctx); err != nil {
		for _, r := range readers {
			err = errors.Join(err, r.close())
		}
		return err
	}
	for _, r := range readers {
		a.globalRows[r.graph.Name] = r.rows
	}
	return nil
}

// followGlobals goes on reading until the context ends.
func (a *App) followGlobals(ctx context.Context) (ended <-chan struct{}) {
	var wait sync.WaitGroup
	for _, r := range *a.globals.Load() {
		wait.Go(func() {
			if err := r.follow(ctx); err != nil {
				a.fail(fmt.Errorf("engine: global store %q: %w", r.graph.Name, err))
			}
			if err := r.close(); err != nil {
				a.fail(fmt.Errorf("engine: %w", err))
			}
		})
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	return done
}

// cacheShare is what one worker may cache, and what all global stores together may while they are written.
func (a *App) cacheShare() int64 {
	if len(a.graph.Globals) > 0 {
		return a.cfg.CacheBytes / int64(a.cfg.Workers+1)
	}
	return a.cfg.CacheBytes / int64(a.cfg.Workers)
}

// bootstrap opens the store and reads it up to the ends that the topic has now. Those are high watermarks: an open
// transaction below them is waited for, since nobody can tell whether its records belong to the table.
func (r *globalReader) bootstrap(ctx context.Context) error {
	r.began = time.Now()
	if err := r.open(ctx); err != nil {
		return err
	}
	for said := r.began; ; {
		behind := r.behind()
		if len(behind) == 0 {
			break
		}
		if time.Since(said) > globalWait {
			said = time.Now()
			r.log.Info("waits for the end of its topic", "topic", r.graph.Topic, "partitions", strings.Join(behind, ", "))
		}
		if err := r.turn(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if err := r.renew(); err != nil {
		return err
	}
	r.shown.ready.Store(true)
	p := r.shown.restore.info()
	info := RestoreInfo{Store: r.graph.Name, Partition: -1, Records: p.Records, Took: time.Since(r.began), Rebuilt: p.Rebuilt > 0, Empty: p.Empty > 0}
	r.app.cfg.Observer.RestoreEnded(info)
	r.log.Info("global store restored", "topic", r.graph.Topic, "records", info.Records, "kept", p.Kept > 0,
		"took", info.Took.Round(time.Millisecond).String())
	return nil
}

// behind are the partitions that are not read to their ends, in words.
func (r *globalReader) behind() (partitions []string) {
	for p, end := range r.ends {
		if at := r.rows.Position(int32(p)); at < end {
			partitions = append(partitions, fmt.Sprintf("%d (at offset %d of %d)", p, at, end))
		}
	}
	return partitions
}

// open leases the store, makes what feeds it, and a client that starts where the store ends.
func (r *globalReader) open(ctx context.Context) (err error) {
	for p := range r.shown.inputs {
		lease, err := r.backend.Acquire(ctx, state.StoreID{Name: r.graph.Name, Partition: int32(p), Kind: r.graph.Kind})
		if err != nil {
			return err
		}
		r.partitions = append(r.partitions, lease)
	}
	starts, err := r.offsets(ctx, r.app.adm.ListStartOffsets)
	if err != nil {
		return fmt.Errorf("start offsets: %w", err)
	}
	if r.ends, err = r.offsets(ctx, r.app.adm.ListEndOffsets); err != nil {
		return fmt.Errorf("end offsets: %w", err)
	}
	if err := r.discard(ctx, starts); err != nil {
		return err
	}
	if err := r.dropSurplus(ctx); err != nil {
		return err
	}
	r.rows, err = task.NewGlobal(task.GlobalConfig{
		Global: r.graph, Partitions: r.partitions,
		Budget:    state.NewBudget(max(1, r.app.cacheShare()/int64(len(r.app.graph.Globals)))),
		WallClock: func() int64 { return time.Now().UnixMilli() }, OnFailure: r.app.onFailure,
	})
	if err != nil {
		return err
	}
	r.shown.rows.Store(r.rows)
	from := make(map[int32]kgo.Offset)
	for p := range r.partitions {
		number := int32(p)
		if r.rows.Position(number) < 0 {
			r.rows.Start(number, starts[p])
		}
		r.shown.restore.missing.Add(r.ends[p] - r.rows.Position(number))
		r.shown.inputs[p].position.Store(r.rows.Position(number))
		from[number] = kgo.NewOffset().At(r.rows.Position(number))
	}
	fetch := max(1<<20, r.app.cfg.FetchBytes/int32(len(r.app.graph.Globals)))
	r.cl, err = kgo.NewClient(append(r.app.cfg.clientOptions(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.graph.Topic: from}),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(fetchWait), kgo.FetchMaxBytes(fetch), kgo.FetchMaxPartitionBytes(min(fetch, 4<<20)),
	)...)
	return err
}

// offsets asks for an offset of every partition, until the brokers can tell all of them.
func (r *globalReader) offsets(ctx context.Context, list func(context.Context, ...string) (kadm.ListedOffsets, error)) ([]int64, error) {
	for deadline := time.Now().Add(topicsTimeout); ; {
		offsets := make([]int64, len(r.partitions))
		listed, err := list(ctx, r.graph.Topic)
		for p := range offsets {
			at, ok := listed.Lookup(r.graph.Topic, int32(p))
			switch {
			case err != nil:
			case !ok:
				err = fmt.Errorf("topic %q, partition %d: %w", r.graph.Topic, p, kerr.UnknownTopicOrPartition)
			case at.Err != nil:
				err = fmt.Errorf("topic %q, partition %d: %w", r.graph.Topic, p, at.Err)
			}
			offsets[p] = at.Offset
		}
		if err == nil {
			return offsets, nil
		}
		if !kerr.IsRetriable(err) || time.Now().After(deadline) {
			return nil, err
		}
		if err := sleep(ctx, topicsRetry); err != nil {
			return nil, err
		}
	}
}

// turn reads what has come, or waits for it, and applies it.
func (r *globalReader) turn(ctx context.Context) error {
	r.progress.Store(time.Now().UnixNano())
	poll, cancel := context.WithTimeout(ctx, globalPoll)
	defer cancel()
	fetches := r.cl.PollRecords(poll, pollRecords)
	moved := false
	for i := range fetches {
		for j := range fetches[i].Topics {
			for k := range fetches[i].Topics[j].Partitions {
				p := &fetches[i].Topics[j].Partitions[k]
				if p.Err != nil {
					if err := r.fetchError(p); err != nil {
						return err
					}
					continue
				}
				moved = moved || len(p.Records) > 0
				if err := r.take(p); err != nil {
					return err
				}
			}
		}
	}
	if !moved {
		return nil
	}
	return r.rows.Apply(r.app.hard, r.backend)
}

// take runs the records of one partition into the store.
func (r *globalReader) take(p *kgo.FetchPartition) error {
	before, records := r.rows.Position(p.Partition), int64(0)
	for _, rec := range p.Records {
		if rec.Attrs.IsControl() {
			r.rows.Advance(p.Partition, rec.Offset+1)
			continue
		}
		records++
		inputOf(rec, &r.in)
		if err := r.rows.Process(p.Partition, &r.in); err != nil {
			return err
		}
		if r.rows.Full() {
			if err := r.rows.Apply(r.app.hard, r.backend); err != nil {
				return err
			}
		}
	}
	at := r.rows.Position(p.Partition)
	in := &r.shown.inputs[p.Partition]
	in.position.Store(at)
	if p.LastStableOffset >= 0 {
		in.lag.Store(max(0, p.LastStableOffset-at))
	}
	if !r.shown.ready.Load() {
		end := r.ends[p.Partition]
		r.shown.restore.records.Add(records)
		r.shown.restore.missing.Add(min(before, end) - min(at, end))
	}
	return nil
}

// fetchError says what to do about an error of a poll; nil: nothing.
func (r *globalReader) fetchError(p *kgo.FetchPartition) error {
	var loss *kgo.ErrDataLoss
	switch err := p.Err; {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed):
		return nil
	case errors.As(err, &loss), errors.Is(err, kerr.OffsetOutOfRange), errors.Is(err, kerr.UnknownTopicID):
		e := &DataLossError{Topic: r.graph.Topic, Partition: p.Partition, Expected: r.rows.Position(p.Partition), Found: -1, Err: err}
		if loss != nil {
			e.Found = loss.ResetTo
		} else if p.LogStartOffset > e.Expected {
			e.Found = p.LogStartOffset
		}
		// Tasks read the rows until the App has stopped, so they stay until then.
		return errors.Join(fmt.Errorf("the next start builds it anew: %w", e), r.rows.Forget(r.app.hard, r.backend))
	case kerr.IsRetriable(err):
		r.log.Warn("fetch failed, trying again", "topic", r.graph.Topic, "partition", p.Partition, "error", err)
		return nil
	default:
		return fmt.Errorf("fetch from topic %q, partition %d: %w", r.graph.Topic, p.Partition, err)
	}
}

// follow reads on until the context ends.
func (r *globalReader) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := r.turn(ctx); err != nil {
			return err
		}
		if time.Since(r.renewed) > globalRenew {
			if err := r.renew(); err != nil {
				return err
			}
		}
	}
	return r.renew()
}

// renew notes the time up to which the store has seen its topic, also of partitions to which nothing came.
func (r *globalReader) renew() error {
	if r.app.hard.Err() != nil {
		return nil // killed
	}
	r.renewed = time.Now()
	return r.rows.Renew(r.app.hard, r.backend)
}

func (r *globalReader) close() error {
	if r.cl != nil {
		r.cl.Close()
	}
	var err error
	if r.rows != nil {
		err = r.rows.Close()
	}
	for _, p := range r.partitions {
		p.Release()
	}
	return err
}
