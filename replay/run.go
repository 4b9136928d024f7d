package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
)

// Config is what is replayed, and how. Topology and Source are required.
type Config struct {
	Topology *topology.Topology
	// Source has the slice. Run closes it.
	Source Source
	// Results is given every result, in the order of the input records that led to them (Result.Input). Its slices are the callee's. An error ends the
	// replay. Nil: results are counted only.
	Results func(*Result) error
	// Start is the state that the slice begins with. Nil: none, but for what Range.Warm makes.
	Start *Snapshot
	// StateDir is where the folder of the scratch state is made. "": the system's place for temporary files.
	StateDir string
	// CommitEvery is after how many records there is a commit, at which emit-on-commit results leave and the wall clock moves; a
	// commit comes earlier when the records since the last one have 16 MiB. 0: 50,000.
	CommitEvery int
	// CacheBytes bounds what the stores cache. 0: 64 MiB.
	CacheBytes int64
	// AllowExternal runs pipes that reach outside in the place of their stubs (R4).
	AllowExternal bool
	// Progress is told how far the replay is. It may be read while it runs. Nil: nobody.
	Progress *Progress

	// watch is told of every record that an operator writes, to internal topics too, with what led to it directly.
	watch func(o *operators.Output, cause operators.Origin)
	// until, if it has a topic, is the record after which the replay ends.
	until operators.Origin
	// input is told of each record of the slice before it runs.
	input func(topic string, partition int32, in *operators.Input)
}

// Result is a record that the topology would have written to a topic.
type Result struct {
	Topic      string
	Partition  int32
	Key, Value []byte // nil is null
	Timestamp  int64  // ms since the epoch
	Headers    []operators.Header
	// Cause is the place of the input record that led to it directly: that which was in work when it was written. A window that
	// closes was closed by it.
	Cause operators.Origin
	// Input is the number of that record in the slice, from 1: two replays of one slice over the same topics count alike.
	Input int64
}

// Progress is how far a replay is.
type Progress struct {
	// Records of the slice that ran, and of those before it; results that were given.
	Read, Warm, Written atomic.Int64
	// Total is how many offsets the slice has, with those before it: at least as many as there are records.
	Total atomic.Int64
}

// Summary is what a replay did.
type Summary struct {
	Start   string // what the slice began with, for people
	Ranges  []Range
	Warm    int64            // records that ran before the slice
	Records int64            // records of the slice
	Results map[string]int64 // results by topic
	Dropped []Drop           // what operators discarded of the slice, in the order of the topology
	Stubbed []string         // operators whose external pipes were replaced by stubs
	// First and Last are the smallest and the largest timestamp of the slice; zero without records.
	First, Last time.Time
	Took        time.Duration
	// Interrupted says that the context ended before the slice did.
	Interrupted bool
}

// Drop is a number of records that an operator discarded on purpose, for a reason.
type Drop struct {
	Operator string
	Reason   operators.Reason
	Records  uint64
}

const (
	defaultCommitEvery = 50_000
	defaultCacheBytes  = 64 << 20
	commitBytes        = 16 << 20
	memTableBytes      = 32 << 20 // of the scratch state: windows that come and go are then seldom written to disk
	skipOffsets        = 10_000   // that are passed over at once
	roundRecords       = 10_000   // that run as one where the topology allows it
)

// Run replays a slice. When the context ends it stops, which is no error: the summary says so. An error of an operator names it
// and the record. Whatever happens, nothing of it is left behind.
func Run(ctx context.Context, cfg Config) (_ *Summary, err error) {
	defer func() { err = errors.Join(err, cfg.Source.Close()) }()
	r, err := newRun(cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	return r.all(ctx)
}

// run is a replay at work.
type run struct {
	Config
	merge    merge
	broker   *local.Broker
	runtime  *local.Runtime
	backend  state.Backend
	dir      string
	summary  *Summary
	begun    time.Time
	silent   bool // results go nowhere
	records  int  // since the last commit
	bytes    int64
	largest  int64 // timestamp seen
	smallest int64
	before   []Drop   // discarded before the slice
	started  bool     // the runtime's clock was set
	staged   bool     // records run in rounds
	round    int      // records that wait for their round
	results  []Result // of the round, which are told in the order of what led to them
	first    int64    // number of records from outside before the slice
}

func newRun(cfg Config) (_ *run, err error) {
	r := &run{Config: cfg, broker: local.NewBroker(), begun: time.Now(), smallest: -1}
	if r.CommitEvery <= 0 {
		r.CommitEvery = defaultCommitEvery
	}
	if r.CacheBytes <= 0 {
		r.CacheBytes = defaultCacheBytes
	}
	if r.Progress == nil {
		r.Progress = new(Progress)
	}
	ranges := cfg.Source.Ranges()
	if err := checkRanges(ranges); err != nil {
		return nil, err
	}
	r.summary = &Summary{Ranges: ranges, Results: make(map[string]int64)}
	r.merge = merge{source: cfg.Source, ranges: ranges, used: make([]bool, len(ranges))}
	if r.dir, err = os.MkdirTemp(cfg.StateDir, "rivusio-replay-"); err != nil {
		return nil, fmt.Errorf("replay: folder of the scratch state: %w", err)
	}
	if err := r.open(); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// open makes the topics and the tasks.
func (r *run) open() (err error) {
	g := r.Topology.Graph()
	if err := r.checkExternal(g); err != nil {
		return err
	}
	if err := r.createTopics(g); err != nil {
		return err
	}
	if err := r.begin(g); err != nil {
		return err
	}
	if r.backend, err = state.OpenPebble(state.PebbleOptions{Dir: r.dir, Scratch: true, MemTableBytes: memTableBytes}); err != nil {
		return err
	}
	r.runtime, err = local.New(local.Config{
		Graph: g, Broker: r.broker, Backend: r.backend, CommitEvery: 1 << 30, CacheBytes: r.CacheBytes, NoChangelogs: true,
		CreateChosen: 1, Outputs: r.output, Stubs: !r.AllowExternal, Written: r.written(), Staged: r.watch == nil,
	})
	if err != nil {
		return err
	}
	reads := r.runtime.Reads()
	writes := r.Topology.Sinks()
	for i, rng := range r.merge.ranges {
		r.merge.used[i] = reads[rng.Topic] && !slices.Contains(writes, rng.Topic)
		if r.merge.used[i] {
			r.Progress.Total.Add(rng.To - rng.Warm)
		}
	}
	if r.runtime.Extracts() {
		r.merge.timestamp = r.runtime.Timestamp
	}
	// A timestamp that is extracted may depend on what came before, so there each record runs before the next one is looked at.
	r.staged = r.runtime.CanRunStaged() && r.merge.timestamp == nil
	return nil
}

// checkExternal notes what is replaced by a stub, and refuses what cannot be (R4).
func (r *run) checkExternal(g *graph.Topology) error {
	if r.AllowExternal {
		return nil
	}
	var errs []error
	for _, n := range g.Nodes {
		if n.Unstubbed != nil {
			errs = append(errs, fmt.Errorf("replay: operator %q: %w; give it one with pipes.External, or allow external calls", n.Name, n.Unstubbed))
		}
		if len(n.External) > 0 {
			r.summary.Stubbed = append(r.summary.Stubbed, n.Name)
		}
	}
	return errors.Join(errs...)
}

// createTopics makes the topics outside of the topology, with as many partitions as the source knows of.
func (r *run) createTopics(g *graph.Topology) error {
	largest := int32(1)
	var topics []string
	for _, rng := range r.merge.ranges {
		topics = append(topics, rng.Topic)
	}
	topics = append(topics, g.ExternalSources()...)
	for _, topic := range topics {
		n, ok := r.Source.Partitions(topic)
		if !ok {
			if slices.Contains(g.ExternalSinks(), topic) {
				continue
			}
			return fmt.Errorf("replay: input topic %q is not in the source of the records", topic)
		}
		largest = max(largest, n)
		if err := r.broker.Create(topic, n); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	for _, topic := range g.ExternalSinks() {
		if _, made := r.broker.Partitions(topic); made {
			continue
		}
		n, ok := r.Source.Partitions(topic)
		if !ok {
			n = largest
		}
		if err := r.broker.Create(topic, n); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	return nil
}

// begin makes each partition begin where its range does, or where the state that the slice starts with has come to.
func (r *run) begin(g *graph.Topology) error {
	r.summary.Start = "nothing"
	if slices.ContainsFunc(r.merge.ranges, func(rng Range) bool { return rng.Warm < rng.From }) {
		r.summary.Start = "the records before the slice"
	}
	if r.Start != nil {
		r.summary.Start = "a snapshot of " + r.Start.Application
		if err := r.Start.restore(r.broker, g, r.merge.ranges); err != nil {
			return err
		}
	}
	for _, rng := range r.merge.ranges {
		if end, err := r.broker.End(rng.Topic, rng.Partition); err != nil || end > 0 {
			if err != nil {
				return fmt.Errorf("replay: %w", err)
			}
			continue // the snapshot has moved it
		}
		if slices.Contains(g.ExternalSinks(), rng.Topic) {
			continue // what the replay writes there begins anew
		}
		if err := r.broker.Begin(rng.Topic, rng.Partition, rng.Warm); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	return nil
}

func (r *run) close() error {
	var errs []error
	if r.runtime != nil {
		errs = append(errs, r.runtime.Close())
	}
	if r.backend != nil {
		errs = append(errs, r.backend.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}

// all runs what comes before the slice, and then the slice.
func (r *run) all(ctx context.Context) (*Summary, error) {
	if err := r.merge.start(ctx); err != nil {
		return r.end(ctx, err)
	}
	r.silent = r.Start == nil // what a snapshot has under way belongs to the slice
	if err := r.phase(ctx, &r.Progress.Warm); err != nil {
		return r.end(ctx, err)
	}
	r.merge.begin()
	r.silent = false
	r.before, r.smallest, r.first = r.dropped(), -1, r.broker.Appended()
	return r.end(ctx, r.phase(ctx, &r.Progress.Read))
}

// end makes the summary.
func (r *run) end(ctx context.Context, err error) (*Summary, error) {
	s := r.summary
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err())) {
		s.Interrupted, err = true, nil
	}
	s.Warm, s.Records, s.Took = r.Progress.Warm.Load(), r.Progress.Read.Load(), time.Since(r.begun)
	if s.Records > 0 {
		s.First, s.Last = time.UnixMilli(r.smallest).UTC(), time.UnixMilli(r.largest).UTC()
	}
	s.Dropped = without(r.dropped(), r.before)
	if err != nil {
		return s, fmt.Errorf("replay: %w", err)
	}
	return s, nil
}

// phase runs the records of one phase and commits what came of them.
func (r *run) phase(ctx context.Context, count *atomic.Int64) error {
	for {
		i, ok := r.merge.next()
		if !ok || ctx.Err() != nil {
			break
		}
		rng, h := &r.merge.ranges[i], &r.merge.heads[i]
		if err := r.record(rng, h); err != nil {
			return err
		}
		count.Add(1)
		if cause := (operators.Origin{Topic: rng.Topic, Partition: rng.Partition, Offset: h.in.Offset}); cause == r.until {
			break
		}
		if err := r.merge.ran(ctx); err != nil {
			return err
		}
	}
	return r.commit()
}

// record runs one record to its end.
func (r *run) record(rng *Range, h *head) error {
	if r.smallest < 0 || h.ms < r.smallest {
		r.smallest = h.ms
	}
	r.largest = max(r.largest, h.ms)
	if !r.started { // schedules count from the first record on
		r.started = true
		if err := r.advance(h.ms); err != nil {
			return err
		}
	}
	if err := r.skip(rng, h.in.Offset); err != nil {
		return err
	}
	if r.input != nil && !r.silent {
		r.input(rng.Topic, rng.Partition, &h.in)
	}
	if _, err := r.broker.Append(rng.Topic, rng.Partition, h.in); err != nil {
		return err
	}
	if !r.staged {
		if err := r.runtime.Run(); err != nil {
			return err
		}
	} else if r.round++; r.round >= roundRecords {
		if err := r.runRound(); err != nil {
			return err
		}
	}
	r.records++
	r.bytes += int64(len(h.in.Key)+len(h.in.Value)) + 100
	if r.records >= r.CommitEvery || r.bytes >= commitBytes {
		return r.commit()
	}
	return nil
}

// skip passes over offsets that are no records, so that the next one gets its own.
func (r *run) skip(rng *Range, to int64) error {
	for {
		end, err := r.broker.End(rng.Topic, rng.Partition)
		if err != nil || end == to {
			return err
		}
		if err := r.broker.Skip(rng.Topic, rng.Partition, min(to, end+skipOffsets)); err != nil {
			return err
		}
		if to > end+skipOffsets {
			if err := r.commit(); err != nil {
				return err
			}
		}
	}
}

// commit commits, with the wall clock at the largest timestamp seen, and forgets what nobody needs any more.
func (r *run) commit() error {
	if err := r.runRound(); err != nil {
		return err
	}
	r.records, r.bytes = 0, 0
	if err := r.advance(r.largest); err != nil {
		return err
	}
	r.runtime.Trim(nil)
	return r.tell()
}

// latestMs is how far the wall clock goes, in the year 2255: a timestamp may be far beyond any clock.
const latestMs = 9_000_000_000_000

// advance moves the wall clock to a time, unless it is there already, and commits.
func (r *run) advance(ms int64) error {
	ahead := max(0, min(ms, latestMs)-r.runtime.Now().UnixMilli())
	return r.runtime.Advance(time.Duration(ahead) * time.Millisecond)
}

func (r *run) dropped() (drops []Drop) {
	for _, s := range r.runtime.Stats() {
		for reason, n := range s.Dropped {
			if n > 0 {
				drops = append(drops, Drop{s.Node, operators.Reason(reason), n})
			}
		}
	}
	return drops
}

// without takes from numbers of drops those from before.
func without(drops, before []Drop) (left []Drop) {
	for _, d := range drops {
		for _, b := range before {
			if b.Operator == d.Operator && b.Reason == d.Reason {
				d.Records -= b.Records
			}
		}
		if d.Records > 0 {
			left = append(left, d)
		}
	}
	return left
}
