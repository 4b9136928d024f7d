package engine

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

// showEvery is how often workers publish what their tasks do.
const showEvery = 100 * time.Millisecond

// TaskState is what a task is doing.
type TaskState int

// The states of a task.
const (
	TaskRestoring  TaskState = iota // getting its stores, or bringing them up to date
	TaskProcessing                  // running
)

// String names the state.
func (s TaskState) String() string {
	if s == TaskRestoring {
		return "restoring"
	}
	return "processing"
}

// TaskInfo is what a task of this process is doing.
type TaskInfo struct {
	ID         string // SUBTOPOLOGY_PARTITION
	Worker     int
	State      TaskState
	StreamTime int64 // ms; operators.NoTime before the first record
	Inputs     []InputInfo
	Operators  []task.NodeStats // in the order of the sub-topology; nil while restoring
	Stores     []StoreInfo      // likewise
	Occupation Occupation
	Restore    RestoreProgress
}

// StoreInfo is one store of a task.
type StoreInfo struct {
	Name  string
	Bytes int64 // about, where the rows are kept, as of a while ago; on disk without what is still in memory
	state.Figures
}

// InputInfo is one input partition of a task.
type InputInfo struct {
	Topic     string
	Partition int32
	Position  int64 // offset of the next record to be fetched
	Lag       int64 // offsets up to the end that are not processed; -1 if it is not known
	// Behind is about how long the next record to be processed has been in the partition; 0 at its end. It is known from
	// when the worker saw the end at that offset, and a guess for what was there before it looked.
	Behind        time.Duration
	BufferedBytes int64
	Paused        bool  // fetching waits for the buffer to get smaller, or the source is held
	Pauses        int64 // how often that began
}

// WorkerInfo is the memory that a worker's tasks share.
type WorkerInfo struct {
	Worker          int
	CachedBytes     int64 // rows in caches
	CacheLimitBytes int64
	DirtyBytes      int64 // of the rows, what waits for a commit
	ProducerRecords int64 // that the producer holds
	ProducerBytes   int64
}

// workerUsage is what a worker publishes of a WorkerInfo.
type workerUsage struct{ cached, limit, dirty, records, bytes atomic.Int64 }

// Workers are the workers of the process as they were a moment ago.
func (a *App) Workers() []WorkerInfo {
	var infos []WorkerInfo
	for _, w := range *a.workers.Load() {
		u := &w.usage
		infos = append(infos, WorkerInfo{
			Worker: w.number, CachedBytes: u.cached.Load(), CacheLimitBytes: u.limit.Load(), DirtyBytes: u.dirty.Load(),
			ProducerRecords: u.records.Load(), ProducerBytes: u.bytes.Load(),
		})
	}
	return infos
}

// Database is what the state on disk does; ok is false if there is none, or it is not open.
func (a *App) Database() (m state.PebbleMetrics, ok bool) {
	p := a.database.Load()
	if p == nil {
		return m, false
	}
	return p.Metrics(), true
}

// Application is the name of the application, which is that of its group.
func (a *App) Application() string { return a.graph.Application }

// RestoreProgress is how far the stores of a task are.
type RestoreProgress struct {
	Records int64 // read from changelogs into the stores
	Missing int64 // offsets that are still to be read
	// Stores by what there was: state of an earlier run, nothing, or state too old to be used.
	Kept, Empty, Rebuilt int64
}

// published is what a worker shows of a task to other goroutines.
type published struct {
	task       atomic.Pointer[task.Task] // for its counters
	streamTime atomic.Int64
	spent      atomic.Pointer[Occupation]
	stores     atomic.Pointer[[]StoreInfo]
	inputs     []publishedInput
	restore    restoreProgress
}

type publishedInput struct {
	topic               string
	partition           int32
	position, lag, held atomic.Int64
	behind              atomic.Int64 // ns
	stops               atomic.Int64
	stopped             atomic.Bool
}

// Tasks are the tasks of the process as they were a moment ago, by id.
func (a *App) Tasks() []TaskInfo {
	var infos []TaskInfo
	for _, w := range *a.workers.Load() {
		for _, r := range *w.published.Load() {
			infos = append(infos, r.info(w.number))
		}
	}
	return infos
}

func (r *running) info(worker int) TaskInfo {
	s := &r.shown
	info := TaskInfo{ID: r.id.String(), Worker: worker, StreamTime: operators.NoTime, Restore: s.restore.info()}
	if t := s.task.Load(); t != nil {
		info.State, info.StreamTime, info.Operators = TaskProcessing, s.streamTime.Load(), t.Stats()
		if stores := s.stores.Load(); stores != nil {
			info.Stores = *stores
		}
		if spent := s.spent.Load(); spent != nil {
			info.Occupation = *spent
		}
	}
	for i := range s.inputs {
		in := &s.inputs[i]
		info.Inputs = append(info.Inputs, InputInfo{
			Topic: in.topic, Partition: in.partition, Position: in.position.Load(), Lag: in.lag.Load(),
			Behind: time.Duration(in.behind.Load()), BufferedBytes: in.held.Load(), Paused: in.stopped.Load(), Pauses: in.stops.Load(),
		})
	}
	return info
}

func (p *restoreProgress) info() RestoreProgress {
	return RestoreProgress{
		Records: p.records.Load(), Missing: p.missing.Load(), Kept: p.kept.Load(), Empty: p.restored.Load(), Rebuilt: p.rebuilt.Load(),
	}
}

// publishTasks tells other goroutines which tasks there are, and the App whether all of them run.
func (w *worker) publishTasks() {
	tasks := slices.Clone(w.tasks)
	w.published.Store(&tasks)
	settled := w.joined.Load()
	running := 0
	for _, r := range w.tasks {
		settled = settled && r.t != nil
		running += len(r.feeds)
	}
	w.settled.Store(settled && running == len(w.feeds))
	w.app.refreshState()
	w.lastShown = time.Time{}
}

// show publishes what the tasks do, now and then.
func (w *worker) show() {
	now := time.Now()
	if now.Sub(w.lastShown) < showEvery {
		return
	}
	w.lastShown = now
	w.showUsage()
	for _, r := range w.tasks {
		if r.t == nil {
			continue
		}
		s := &r.shown
		s.streamTime.Store(r.t.StreamTime())
		r.spent.until(now)
		spent := r.spent.Occupation
		s.spent.Store(&spent)
		w.showStores(r, now)
		for i, f := range r.feeds {
			in := &s.inputs[i]
			in.position.Store(f.next)
			lag := r.t.Lag(i)
			in.lag.Store(lag)
			if lag >= 0 {
				end := r.t.End(i)
				f.ends.note(now, end)
				in.behind.Store(int64(f.ends.behind(now, end-lag, end)))
			}
			in.held.Store(r.t.BufferedBytes(i))
			in.stops.Store(f.stops)
			in.stopped.Store(f.stopped)
		}
		s.task.Store(r.t)
	}
}

// sizeEvery is how often the sizes of stores are looked at.
const sizeEvery = 10 * time.Second

// showStores publishes the stores of a task.
func (w *worker) showStores(r *running, now time.Time) {
	stores := make([]StoreInfo, len(r.stores))
	before := r.shown.stores.Load()
	resize := now.Sub(r.sized) >= sizeEvery
	for i, p := range r.stores {
		name := p.ID().Name
		stores[i] = StoreInfo{Name: name, Figures: r.t.Store(name).Figures()}
		if !resize && before != nil {
			stores[i].Bytes = (*before)[i].Bytes
			continue
		}
		r.sized = now
		bytes, err := p.Bytes()
		if err != nil {
			w.log.Debug("the size of a store is not known", "task", r.id, "store", name, "error", err)
		}
		stores[i].Bytes = bytes
	}
	r.shown.stores.Store(&stores)
}

// showUsage publishes the memory of the worker.
func (w *worker) showUsage() {
	u := &w.usage
	u.cached.Store(w.budget.Used())
	u.limit.Store(w.budget.Limit())
	u.dirty.Store(w.budget.Dirty())
	u.records.Store(w.client.BufferedProduceRecords())
	u.bytes.Store(w.client.BufferedProduceBytes())
}
