package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

const (
	restoreRows  = 200_000          // that are sorted and written together
	restoreBytes = 32 << 20         // likewise
	restoreIdle  = 10 * time.Second // after which the client is closed
	restoreStall = 15 * time.Second // without a record, after which another client goes on
	maxRestores  = 4                // at a time, each with so many rows; others wait
)

// restorer brings partitions of stores up to date from their changelogs, on one goroutine with a client of its own, off the
// workers' poll path.
type restorer struct {
	app  *App
	adm  *kadm.Client
	log  *slog.Logger
	jobs chan *restore

	cl      *kgo.Client // nil while there is nothing to do
	running map[topicPartition]*restore
}

// restore is one partition of a store on its way.
type restore struct {
	ctx       context.Context
	store     *graph.Store
	partition state.Partition
	topic     string // its changelog, or the topic of its table
	number    int32
	shown     *restoreProgress
	// Of a table that is restored from its topic: the offset up to which the group has processed it, and what makes rows of
	// its records. until is -1 for a changelog.
	until int64
	read  func(*operators.Input) (state.ChangelogRow, bool, error)

	target  state.Partition // the partition, or its twin
	twin    state.Twin      // nil unless the partition is built anew
	empty   bool            // there was no state before
	next    int64
	end     int64
	rows    []state.ChangelogRow
	bytes   int64
	records int64
	began   time.Time
	moved   time.Time // when something came last
	done    chan error
}

// restoreProgress is what snapshots show of a task's restore.
type restoreProgress struct {
	records  atomic.Int64 // written to the stores
	missing  atomic.Int64 // offsets still to be read
	rebuilt  atomic.Int64 // stores that were built anew
	kept     atomic.Int64 // stores that were there
	restored atomic.Int64 // stores that were empty
}

func newRestorer(a *App) *restorer {
	return &restorer{app: a, adm: a.adm, log: a.cfg.Logger, jobs: make(chan *restore), running: make(map[topicPartition]*restore)}
}

// restore reads a changelog from the checkpoint of the partition to the end that the log has now. It returns when the
// partition is up to date.
func (r *restorer) restore(ctx context.Context, j *restore) error {
	j.ctx, j.began, j.done = ctx, time.Now(), make(chan error, 1)
	if err := r.plan(j); err != nil {
		return fmt.Errorf("store %q: %w", j.store.Name, err)
	}
	if j.next < j.end {
		select {
		case r.jobs <- j:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select {
		case err := <-j.done:
			if err != nil {
				return fmt.Errorf("store %q: %w", j.store.Name, err)
			}
		case <-ctx.Done():
			// The goroutine may be at work on the partition: it says when it is not.
			<-j.done
			return context.Cause(ctx)
		}
	} else if err := j.target.Restore(nil, j.next); err != nil {
		return err
	}
	if j.twin != nil {
		if err := j.twin.Swap(); err != nil {
			return err
		}
	}
	r.report(j)
	return nil
}

func (r *restorer) report(j *restore) {
	info := RestoreInfo{
		Store: j.store.Name, Partition: j.number, Records: j.records, Took: time.Since(j.began),
		Rebuilt: j.twin != nil, Empty: j.empty,
	}
	r.app.cfg.Observer.RestoreEnded(info)
	r.log.Info("store restored", "store", info.Store, "partition", info.Partition, "records", info.Records,
		"kept", !info.Empty && !info.Rebuilt, "took", info.Took.Round(time.Millisecond).String())
}

// plan finds out from where to where the changelog must be read.
func (r *restorer) plan(j *restore) error {
	if j.until >= 0 {
		return r.planSource(j)
	}
	start, end, err := r.bounds(j.ctx, j.topic, j.number)
	if err != nil {
		return err
	}
	checkpoint := j.partition.Checkpoint()
	j.target, j.next, j.end = j.partition, checkpoint.Offset, end
	switch {
	case checkpoint.Offset < 0:
		j.shown.restored.Add(1)
		j.empty, j.next = true, start
	case checkpoint.Offset > end:
		return &DataLossError{Topic: j.topic, Partition: j.number, Expected: checkpoint.Offset, Found: end,
			Err: errors.New("the changelog ends before the state that was made from it")}
	case checkpoint.Offset == end:
		// Nothing was written since, so the rows are complete whatever the log has lost meanwhile: of an application that
		// was idle for longer than the retention of its windows, the brokers have deleted all.
		j.shown.kept.Add(1)
	case checkpoint.Offset < start, time.Since(checkpoint.At) > DeleteRetention/2:
		// Deletes that the log no longer has would not reach the rows that are kept (hard point 7).
		r.log.Warn("kept state is too old for its changelog and is built anew", "store", j.store.Name, "partition", j.number,
			"checkpoint", checkpoint.Offset, "written", checkpoint.At, "log start", start)
		if err := j.rebuild(start); err != nil {
			return err
		}
	default:
		j.shown.kept.Add(1)
	}
	j.shown.missing.Add(max(0, j.end-j.next))
	return nil
}

// rebuild makes the restore one of a twin, from the start of the log.
func (j *restore) rebuild(start int64) error {
	twin, err := j.partition.Rebuild(j.ctx)
	if err != nil {
		return err
	}
	j.shown.rebuilt.Add(1)
	j.twin, j.target, j.next = twin, twin, start
	return nil
}

// missesDeletes reports whether the topic may have lost deletes since a time.
func (r *restorer) missesDeletes(j *restore, since time.Time) bool {
	kept := deletesKept(j.ctx, r.adm, r.log, j.topic)
	return kept > 0 && time.Since(since) > kept/2
}

// planSource is plan for a table whose topic is its changelog. Everything up to the committed offset is stable.
func (r *restorer) planSource(j *restore) error {
	start, err := r.offset(j.ctx, r.adm.ListStartOffsets, j.topic, j.number)
	if err != nil {
		return err
	}
	checkpoint := j.partition.Checkpoint()
	j.target, j.next, j.end = j.partition, checkpoint.Offset, j.until
	switch {
	case checkpoint.Offset < 0:
		j.shown.restored.Add(1)
		j.empty, j.next = true, start
	case checkpoint.Offset == j.end:
		j.shown.kept.Add(1)
	case checkpoint.Offset > j.end, checkpoint.Offset < start, r.missesDeletes(j, checkpoint.At):
		// The group was set back, or the topic does not have everything that would have to be made up for.
		r.log.Warn("kept state does not fit its topic and is built anew", "store", j.store.Name, "partition", j.number,
			"topic", j.topic, "checkpoint", checkpoint.Offset, "written", checkpoint.At, "committed", j.until, "log start", start)
		if err := j.rebuild(start); err != nil {
			return err
		}
	default:
		j.shown.kept.Add(1)
	}
	j.shown.missing.Add(max(0, j.end-j.next))
	return nil
}

// bounds are the start of a changelog and its end: the last stable offset, once it has reached what was the high watermark,
// since an open transaction of a dead owner pins it below later committed records. Such a transaction is ended first.
func (r *restorer) bounds(ctx context.Context, topic string, number int32) (start, end int64, err error) {
	start, err = r.offset(ctx, r.adm.ListStartOffsets, topic, number)
	if err == nil {
		end, err = r.offset(ctx, r.adm.ListEndOffsets, topic, number)
	}
	if err != nil {
		return 0, 0, err
	}
	end, err = r.awaitStable(ctx, topic, number, end)
	return start, end, err
}

func (r *restorer) offset(ctx context.Context, list func(context.Context, ...string) (kadm.ListedOffsets, error), topic string, number int32) (int64, error) {
	listed, err := list(ctx, topic)
	if err != nil {
		return 0, classify(fmt.Errorf("offsets of changelog %q: %w", topic, err))
	}
	at, ok := listed.Lookup(topic, number)
	if !ok {
		return 0, fmt.Errorf("offsets of changelog %q, partition %d: %w", topic, number, kerr.UnknownTopicOrPartition)
	}
	if at.Err != nil {
		return 0, classify(fmt.Errorf("offsets of changelog %q, partition %d: %w", topic, number, at.Err))
	}
	return at.Offset, nil
}

// run works on the restores until the context ends.
func (r *restorer) run(ctx context.Context) {
	defer r.closeClient()
	for ctx.Err() == nil {
		if len(r.running) == 0 {
			select {
			case j := <-r.jobs:
				r.add(j)
			case <-time.After(restoreIdle):
				r.closeClient()
				select {
				case j := <-r.jobs:
					r.add(j)
				case <-ctx.Done():
				}
			case <-ctx.Done():
			}
			continue
		}
		r.turn(ctx)
	}
	for at, j := range r.running {
		r.finish(at, j, ctx.Err())
	}
}

// turn takes in new restores and reads a while.
func (r *restorer) turn(ctx context.Context) {
	for more := true; more && len(r.running) < maxRestores; {
		select {
		case j := <-r.jobs:
			r.add(j)
		default:
			more = false
		}
	}
	for at, j := range r.running {
		if j.ctx.Err() != nil {
			r.finish(at, j, context.Cause(j.ctx))
		}
	}
	if len(r.running) == 0 {
		return
	}
	r.renewStalled()
	wait, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	r.cl.PollRecords(wait, restoreRows).EachPartition(func(p kgo.FetchTopicPartition) {
		at := topicPartition{p.Topic, p.Partition}
		j := r.running[at]
		if j == nil {
			return
		}
		if len(p.Records) > 0 {
			j.moved = time.Now()
		}
		if done, err := j.take(&p.FetchPartition); done || err != nil {
			r.finish(at, j, err)
		}
	})
}

// renewStalled goes on with another client if nothing has come of a partition for long, although there is something: a client
// that is given partitions and loses others all the time has been seen to forget one.
func (r *restorer) renewStalled() {
	for _, j := range r.running {
		if time.Since(j.moved) < restoreStall {
			continue
		}
		r.log.Warn("nothing comes of a changelog, it is read by another client", "store", j.store.Name, "topic", j.topic, "partition", j.number, "offset", j.next)
		r.closeClient()
		for _, j := range r.running {
			r.add(j)
		}
		return
	}
}

func (r *restorer) add(j *restore) {
	j.moved = time.Now()
	if r.cl == nil {
		cl, err := kgo.NewClient(append(r.app.cfg.clientOptions(),
			kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
			kgo.FetchMaxWait(fetchWait), kgo.FetchMaxBytes(r.app.cfg.FetchBytes), kgo.FetchMaxPartitionBytes(min(r.app.cfg.FetchBytes, 4<<20)),
		)...)
		if err != nil {
			j.done <- err
			return
		}
		r.cl = cl
	}
	r.running[topicPartition{j.topic, j.number}] = j
	r.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{j.topic: {j.number: kgo.NewOffset().At(j.next)}})
}

func (r *restorer) finish(at topicPartition, j *restore, err error) {
	delete(r.running, at)
	if r.cl != nil {
		r.cl.RemoveConsumePartitions(map[string][]int32{at.topic: {at.partition}})
	}
	j.done <- err
}

func (r *restorer) closeClient() {
	if r.cl != nil {
		r.cl.Close()
		r.cl = nil
	}
}

// take writes what was read, in large chunks since they are sorted. It reports whether the end is reached: control
// records count, for the last record of a log of transactions always is one.
func (j *restore) take(p *kgo.FetchPartition) (done bool, err error) {
	if p.Err != nil && !kerr.IsRetriable(p.Err) {
		var loss *kgo.ErrDataLoss
		if errors.As(p.Err, &loss) || errors.Is(p.Err, kerr.OffsetOutOfRange) {
			return false, &DataLossError{Topic: j.topic, Partition: j.number, Expected: j.next, Found: p.LogStartOffset, Err: p.Err}
		}
		return false, fmt.Errorf("read changelog %q, partition %d: %w", j.topic, j.number, p.Err)
	}
	before := j.next
	for _, rec := range p.Records {
		if rec.Offset >= j.end {
			j.next = j.end
			break
		}
		j.next = rec.Offset + 1
		if rec.Attrs.IsControl() {
			continue
		}
		row := state.ChangelogRow{Key: rec.Key, Value: rec.Value}
		if j.read != nil {
			var (
				in operators.Input
				ok bool
			)
			inputOf(rec, &in)
			if row, ok, err = j.read(&in); err != nil {
				return false, err
			}
			if !ok {
				continue
			}
		}
		j.rows = append(j.rows, row)
		j.bytes += int64(len(row.Key) + len(row.Value))
	}
	j.shown.missing.Add(before - j.next)
	done = j.next >= j.end
	if done || len(j.rows) >= restoreRows || j.bytes >= restoreBytes {
		if err := j.target.Restore(j.rows, j.next); err != nil {
			return false, err
		}
		j.records += int64(len(j.rows))
		j.shown.records.Add(int64(len(j.rows)))
		clear(j.rows)
		j.rows, j.bytes = j.rows[:0], 0
	}
	return done, nil
}
