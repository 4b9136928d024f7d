package engine

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
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
	Restore    RestoreProgress
}

// InputInfo is one input partition of a task.
type InputInfo struct {
	Topic         string
	Partition     int32
	Position      int64 // offset of the next record to be fetched
	Lag           int64 // offsets up to the end that are not processed; -1 if it is not known
	BufferedBytes int64
	Paused        bool // fetching waits for the buffer to get smaller
}

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
	inputs     []publishedInput
	restore    restoreProgress
}

type publishedInput struct {
	topic               string
	partition           int32
	position, lag, held atomic.Int64
	full                atomic.Bool
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
	}
	for i := range s.inputs {
		in := &s.inputs[i]
		info.Inputs = append(info.Inputs, InputInfo{
			Topic: in.topic, Partition: in.partition, Position: in.position.Load(), Lag: in.lag.Load(),
			BufferedBytes: in.held.Load(), Paused: in.full.Load(),
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
	for _, r := range w.tasks {
		if r.t == nil {
			continue
		}
		s := &r.shown
		s.streamTime.Store(r.t.StreamTime())
		for i, f := range r.feeds {
			in := &s.inputs[i]
			in.position.Store(f.next)
			in.lag.Store(r.t.Lag(i))
			in.held.Store(r.t.BufferedBytes(i))
			in.full.Store(f.full)
		}
		s.task.Store(r.t)
	}
}
