package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/state"
)

const (
	pollRecords  = 10_000                 // of one poll
	roundRecords = 2_000                  // at most that a task processes before the clock is looked at
	roundTime    = 10 * time.Millisecond  // about that long at most, where records take long
	idlePoll     = 100 * time.Millisecond // at most between two looks at schedules and commits
)

// worker is one goroutine with its own client: a static member of the group, a consumer and a producer. It owns its
// tasks; nothing else calls them.
type worker struct {
	app    *App
	number int
	member string // group instance id
	txid   string
	// clientID tells this run from others with the same member name, which group and transactions do not.
	clientID string
	log      *slog.Logger

	// Of the present session, that is of one client.
	client  *kgo.Client
	session *kgo.GroupTransactSession // nil at least once
	// sessionCtx ends what was begun for the session; openings are those goroutines.
	sessionCtx context.Context
	endSession context.CancelFunc
	openings   sync.WaitGroup
	group      membership
	feeds      map[topicPartition]*feed
	byTopic    map[string][]*feed // the same, for fetched partitions
	tasks      []*running         // by id
	out        *collector
	budget     *state.Budget
	applier    *applier
	opened     chan *opening
	ends       chan map[topicPartition]int64 // ends of silent partitions
	silent     silence

	firstWork   time.Time // when the oldest work that is not committed was done; zero: there is none
	positions   []task.Position
	committing  []*running
	transacting bool
	began       time.Time // when the transaction was
	aborts      int       // in a row
	paused      bool      // by the user
	asked       bool      // for another assignment, since the first one was for another topology

	cancelPoll atomic.Pointer[context.CancelFunc]
	woken      atomic.Bool
	progress   atomic.Int64               // unix ns of the last round, for the watchdog
	joined     atomic.Bool                // an assignment has come, maybe an empty one
	quiet      atomic.Bool                // nothing is left to do before the marks
	settled    atomic.Bool                // all tasks of the assignment run
	wasMember  bool                       // an assignment has come in this run
	published  atomic.Pointer[[]*running] // tasks, for snapshots
	lastShown  time.Time
	polling    time.Time // when the present poll began, if records are traced
	usage      workerUsage
}

// feed is one input partition of the worker.
type feed struct {
	topic     string
	partition int32
	known     bool            // start is known
	start     committedOffset // as fetched when the partition was assigned
	run       *running        // whose input it is; nil while its task is not open
	input     int             // its number there

	next      int64 // offset after what was fetched
	committed int64 // what the group has
	full      bool  // so much is buffered that fetching waits
	stopped   bool  // fetching is paused, because of that or because the source is held
	stops     int64 // how often that began
	ends      ends

	mark   int64 // offset from which nothing is processed
	marked bool  // there is one
}

// running is one task of the worker.
type running struct {
	id      task.ID
	t       *task.Task // nil while it is opened
	feeds   []*feed    // by input number
	stores  []state.Partition
	limit   int // records of its next round
	opening *opening
	spent   occupied
	sized   time.Time // when the sizes of the stores were looked at
	shown   published
}

func newWorker(a *App, number int) *worker {
	member := fmt.Sprintf("%s-%d", a.instance, number)
	w := &worker{
		app: a, number: number, member: member, txid: a.graph.Application + "-" + member,
		clientID: a.graph.Application + "-" + member + "-" + uuid.NewString()[:8],
		log:      a.cfg.Logger.With("worker", number),
	}
	w.group.wake = w.wake
	w.published.Store(new([]*running))
	w.progress.Store(time.Now().UnixNano())
	return w
}

// run works until the context ends or something fails for good. What a new client can mend is mended by one.
func (w *worker) run(ctx context.Context) error {
	for tries := 0; ; tries++ {
		began := time.Now()
		err := w.runSession(ctx)
		if err == nil || !restartable(err) || w.app.hard.Err() != nil {
			return err
		}
		if time.Since(began) > time.Minute {
			tries = 0
		}
		if err := w.stillMember(ctx, err); err != nil {
			return err
		}
		backoff := min(5*time.Second, 100*time.Millisecond<<min(tries, 6))
		w.log.Warn("worker starts anew with the committed state", "error", err, "after", backoff.String())
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return nil
		}
	}
}

// runSession works with one client.
func (w *worker) runSession(ctx context.Context) (err error) {
	if err := w.open(ctx); err != nil {
		return err
	}
	defer func() {
		w.closeAll()
		w.client.CloseAllowingRebalance()
		w.joined.Store(false)
		w.publishTasks()
	}()
	for ctx.Err() == nil {
		if err := w.round(ctx); err != nil {
			return w.giveUp(err)
		}
	}
	w.awaitGroup()
	if err := w.commitIfTouched(); err != nil {
		return w.giveUp(err)
	}
	return nil
}

func (w *worker) open(ctx context.Context) (err error) {
	c := &w.app.cfg
	w.feeds, w.byTopic, w.tasks = make(map[topicPartition]*feed), make(map[string][]*feed), nil
	w.opened, w.ends = make(chan *opening, 1), make(chan map[topicPartition]int64, 1)
	w.silent, w.firstWork, w.aborts, w.paused = silence{}, time.Time{}, 0, false
	w.transacting, w.asked = false, false
	w.group.drain()
	w.group.hurry.Store(false)
	w.group.rejoining.Store(false)
	w.sessionCtx, w.endSession = context.WithCancel(w.app.hard)
	w.budget = state.NewBudget(w.app.cacheShare())
	if c.Guarantee == ExactlyOnce {
		w.session, err = kgo.NewGroupTransactSession(append(w.memberOptions(),
			kgo.TransactionalID(w.txid), kgo.TransactionTimeout(c.TransactionTimeout))...)
		if err != nil {
			return fmt.Errorf("engine: worker %d: %w", w.number, err)
		}
		w.client = w.session.Client()
		// Now, not with the first record: this fences what a former process of this name left open, and its offsets are
		// readable only then.
		if _, _, err := w.client.ProducerID(ctx); err != nil {
			w.client.CloseAllowingRebalance()
			return classify(fmt.Errorf("engine: worker %d: transactional id %s: %w", w.number, w.txid, err))
		}
	} else if w.client, err = kgo.NewClient(w.memberOptions()...); err != nil {
		return fmt.Errorf("engine: worker %d: %w", w.number, err)
	}
	w.out = newCollector(w)
	w.applier = startApplier(w.app, w.number)
	return nil
}

// round is one turn of the loop: fetch, follow the group, process, commit.
func (w *worker) round(ctx context.Context) error {
	fetches := w.poll(ctx)
	w.progress.Store(time.Now().UnixNano())
	if err := w.ingest(fetches); err != nil {
		return err
	}
	if err := w.follow(); err != nil {
		return err
	}
	if err := w.takeOpened(); err != nil {
		return err
	}
	w.takeEnds()
	if err := w.obeyPause(); err != nil {
		return err
	}
	if !w.paused && !w.mustWait() {
		if err := w.process(ctx); err != nil {
			return err
		}
	}
	w.refill()
	w.settleMarks()
	w.askForEnds(ctx)
	if err := w.commitIfDue(ctx); err != nil {
		return err
	}
	if w.firstWork.IsZero() {
		w.group.hurry.Store(false)
		w.client.AllowRebalance()
	}
	w.show()
	return nil
}

// poll fetches what is there, or waits for something to do. When it returns, no rebalance callback runs, and none will
// before AllowRebalance.
func (w *worker) poll(ctx context.Context) kgo.Fetches {
	if w.app.cfg.Watch.Tracer != nil {
		w.polling = time.Now()
	}
	//lint:ignore SA1012 the client takes nil for: what is there, without waiting
	fetches := w.client.PollRecords(nil, pollRecords)
	if len(fetches) > 0 {
		return fetches
	}
	ctx, cancel := context.WithTimeout(ctx, w.patience())
	defer cancel()
	w.cancelPoll.Store(&cancel)
	if w.woken.Swap(false) {
		cancel()
	}
	fetches = w.client.PollRecords(ctx, pollRecords)
	w.cancelPoll.Store(nil)
	return fetches
}

// wake ends a poll that waits, or the next one. Any goroutine may call it.
func (w *worker) wake() {
	w.woken.Store(true)
	if cancel := w.cancelPoll.Load(); cancel != nil {
		(*cancel)()
	}
}

// patience is how long a poll may wait.
func (w *worker) patience() time.Duration {
	if !w.paused && !w.mustWait() && slices.ContainsFunc(w.tasks, func(r *running) bool { return r.t != nil && r.t.Ready() }) {
		return 0
	}
	patience := idlePoll
	if !w.firstWork.IsZero() && !w.rejoining() {
		patience = min(patience, w.app.cfg.CommitInterval-time.Since(w.firstWork))
	}
	if !w.paused && !w.mustWait() {
		now := time.Now().UnixMilli()
		for _, r := range w.tasks {
			if r.t == nil {
				continue
			}
			if next, ok := r.t.Next(); ok {
				patience = min(patience, time.Duration(next-now)*time.Millisecond)
			}
		}
	}
	return max(0, patience)
}

// process lets the tasks work until nothing is left to do, or something else has to be done.
func (w *worker) process(ctx context.Context) error {
	for {
		worked := 0
		for _, r := range w.tasks {
			if r.t == nil {
				continue
			}
			if err := r.t.Punctuate(); err != nil {
				return err
			}
			n, err := r.process(w.out)
			if err != nil {
				return err
			}
			worked += n
			if w.firstWork.IsZero() && r.t.Touched() {
				w.firstWork = time.Now()
			}
		}
		if w.app.cfg.Faults.OffsetsFirst && worked > 0 {
			if err := w.commitOffsetsFirst(); err != nil {
				return err
			}
		}
		if worked == 0 || w.due(ctx) || w.mustWait() {
			return nil
		}
		w.progress.Store(time.Now().UnixNano())
	}
}

// process lets a task work for a round. How many records that is follows from how long the last ones took, since no commit
// can come in between.
func (r *running) process(out *collector) (int, error) {
	began, blocked, limit := time.Now(), out.blocked, max(1, r.limit)
	n, err := r.t.Process(limit)
	ended := time.Now()
	r.spent.worked(began, ended, out.blocked-blocked, n >= limit || r.t.CommitRequested())
	switch took := ended.Sub(began); {
	case took > roundTime:
		r.limit = max(1, int(int64(n)*int64(roundTime)/int64(took)))
	case n >= r.limit:
		r.limit = min(roundRecords, 2*max(1, r.limit))
	}
	return n, err
}

// due reports whether it is time to commit. It is not while the group rejoins: the commit would carry the generation that
// ends, and be aborted.
func (w *worker) due(ctx context.Context) bool {
	switch {
	case w.firstWork.IsZero(), w.rejoining():
		return false
	case ctx.Err() != nil, w.group.hurry.Load(), time.Since(w.firstWork) >= w.app.cfg.CommitInterval, w.dirty():
		return true
	}
	return slices.ContainsFunc(w.tasks, func(r *running) bool { return r.t != nil && r.t.CommitRequested() })
}

func (w *worker) rejoining() bool { return w.group.rejoining.Load() }

// dirty reports whether so much state has changed that it must be committed.
func (w *worker) dirty() bool {
	return w.budget.Full() || w.budget.Dirty() >= w.app.cfg.MaxDirtyBytes/int64(w.app.cfg.Workers)
}

// mustWait reports whether no more may be done before a commit that cannot be made now.
func (w *worker) mustWait() bool {
	return w.rejoining() && !w.firstWork.IsZero() && (w.dirty() || time.Since(w.firstWork) >= w.app.cfg.TransactionTimeout/2)
}

// awaitGroup waits a while for a rebalance to end, so that what was done last can be committed.
func (w *worker) awaitGroup() {
	for began := time.Now(); w.rejoining() && !w.firstWork.IsZero() && time.Since(began) < w.app.cfg.TransactionTimeout/4; {
		_ = sleep(w.app.hard, 10*time.Millisecond)
	}
}

// giveUp aborts what is not committed and says what ends the session.
func (w *worker) giveUp(cause error) error {
	if w.session == nil || w.app.hard.Err() != nil {
		return cause
	}
	ctx, cancel := context.WithTimeout(w.app.hard, w.app.cfg.TransactionTimeout)
	defer cancel()
	if _, err := w.session.End(ctx, kgo.TryAbort); err != nil && !errors.Is(err, context.Canceled) {
		w.log.Debug("the last transaction was not aborted; its id will be fenced", "error", err)
	}
	return cause
}
