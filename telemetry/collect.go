package telemetry

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
)

// emit takes one value of a metric.
type emit func(value float64, attributes ...attribute.KeyValue)

// database is the figures of the state on disk.
type database = state.PebbleMetrics

// collection is what one App is at one moment.
type collection struct {
	now      time.Time
	state    engine.State
	tasks    []engine.TaskInfo
	workers  []engine.WorkerInfo
	memory   []engine.MemoryUse
	database *database
	counts   *counts
	group    string
}

func collect(app *engine.App, counts *counts) *collection {
	c := &collection{now: time.Now(), memory: app.Memory(), state: app.State(), tasks: app.Tasks(), workers: app.Workers(), counts: counts, group: app.Application()}
	if d, ok := app.Database(); ok {
		c.database = &d
	}
	return c
}

func str(key, value string) attribute.KeyValue { return attribute.String(key, value) }

func partition(p int32) attribute.KeyValue {
	return attribute.String(AttrPartition, strconv.Itoa(int(p)))
}

func worker(n int) attribute.KeyValue { return attribute.Int(AttrWorker, n) }

func observeIn(c *collection, e emit) {
	for _, t := range c.tasks {
		for _, o := range t.Operators {
			e(float64(o.In), str(AttrTask, t.ID), str(AttrOperator, o.Node), str(AttrOperation, o.Op))
		}
	}
}

func observeOut(c *collection, e emit) {
	for _, t := range c.tasks {
		for _, o := range t.Operators {
			e(float64(o.Out), str(AttrTask, t.ID), str(AttrOperator, o.Node), str(AttrOperation, o.Op))
		}
	}
}

func observeDropped(c *collection, e emit) {
	for _, t := range c.tasks {
		for _, o := range t.Operators {
			for reason, n := range o.Dropped {
				if n > 0 {
					e(float64(n), str(AttrTask, t.ID), str(AttrOperator, o.Node), str(AttrOperation, o.Op), str(AttrReason, operators.Reason(reason).String()))
				}
			}
		}
	}
}

func observeOccupation(c *collection, e emit) {
	for _, t := range c.tasks {
		if t.State != engine.TaskProcessing {
			continue
		}
		o := t.Occupation
		e(o.Busy.Seconds(), str(AttrTask, t.ID), str(AttrActivity, "busy"))
		e(o.Backpressured.Seconds(), str(AttrTask, t.ID), str(AttrActivity, "backpressured"))
		e(o.Idle.Seconds(), str(AttrTask, t.ID), str(AttrActivity, "idle"))
	}
}

func observeStreamTime(c *collection, e emit) {
	for _, t := range c.tasks {
		if t.StreamTime >= 0 {
			e(float64(t.StreamTime)/1e3, str(AttrTask, t.ID))
		}
	}
}

func observeDelay(c *collection, e emit) {
	for _, t := range c.tasks {
		if t.StreamTime >= 0 {
			e(c.now.Sub(time.UnixMilli(t.StreamTime)).Seconds(), str(AttrTask, t.ID))
		}
	}
}

func observeTasks(c *collection, e emit) {
	for _, s := range []engine.TaskState{engine.TaskRestoring, engine.TaskProcessing} {
		n := 0
		for _, t := range c.tasks {
			if t.State == s {
				n++
			}
		}
		e(float64(n), str(AttrTaskState, s.String()))
	}
}

// inputs emits a figure of every input partition.
func (c *collection) inputs(e emit, figure func(engine.InputInfo) (float64, bool)) {
	for _, t := range c.tasks {
		for _, in := range t.Inputs {
			if v, ok := figure(in); ok {
				e(v, str(AttrTask, t.ID), str(AttrTopic, in.Topic), partition(in.Partition))
			}
		}
	}
}

func observeLag(c *collection, e emit) {
	c.inputs(e, func(in engine.InputInfo) (float64, bool) { return float64(in.Lag), in.Lag >= 0 })
}

func observeBehind(c *collection, e emit) {
	c.inputs(e, func(in engine.InputInfo) (float64, bool) { return in.Behind.Seconds(), in.Lag >= 0 })
}

func observeBuffered(c *collection, e emit) {
	c.inputs(e, func(in engine.InputInfo) (float64, bool) { return float64(in.BufferedBytes), true })
}

func observePaused(c *collection, e emit) {
	c.inputs(e, func(in engine.InputInfo) (float64, bool) {
		if in.Paused {
			return 1, true
		}
		return 0, true
	})
}

func observePauses(c *collection, e emit) {
	c.inputs(e, func(in engine.InputInfo) (float64, bool) { return float64(in.Pauses), true })
}

// stores emits a figure of every store partition.
func (c *collection) stores(e emit, figure func(engine.StoreInfo) int64) {
	for _, t := range c.tasks {
		for _, s := range t.Stores {
			e(float64(figure(s)), str(AttrTask, t.ID), str(AttrStore, s.Name))
		}
	}
}

func observeStoreSize(c *collection, e emit) {
	c.stores(e, func(s engine.StoreInfo) int64 { return s.Bytes })
}

func observeCached(c *collection, e emit) {
	c.stores(e, func(s engine.StoreInfo) int64 { return s.CachedBytes })
}

func observeDirty(c *collection, e emit) {
	c.stores(e, func(s engine.StoreInfo) int64 { return s.DirtyBytes })
}

func observeHits(c *collection, e emit) {
	c.stores(e, func(s engine.StoreInfo) int64 { return s.Hits })
}

func observeMisses(c *collection, e emit) {
	c.stores(e, func(s engine.StoreInfo) int64 { return s.Misses })
}

func observeRestored(c *collection, e emit) {
	for _, t := range c.tasks {
		e(float64(t.Restore.Records), str(AttrTask, t.ID))
	}
}

func observeRemaining(c *collection, e emit) {
	for _, t := range c.tasks {
		e(float64(t.Restore.Missing), str(AttrTask, t.ID))
	}
}

func observeDatabase(figure func(database) int64) func(*collection, emit) {
	return func(c *collection, e emit) {
		if c.database != nil {
			e(float64(figure(*c.database)))
		}
	}
}

func (c *collection) eachWorker(e emit, figure func(engine.WorkerInfo) int64) {
	for _, w := range c.workers {
		e(float64(figure(w)), worker(w.Worker))
	}
}

func observeCacheUsage(c *collection, e emit) {
	c.eachWorker(e, func(w engine.WorkerInfo) int64 { return w.CachedBytes })
}

func observeCacheLimit(c *collection, e emit) {
	c.eachWorker(e, func(w engine.WorkerInfo) int64 { return w.CacheLimitBytes })
}

func observeCacheDirty(c *collection, e emit) {
	c.eachWorker(e, func(w engine.WorkerInfo) int64 { return w.DirtyBytes })
}

func observeProducerRecords(c *collection, e emit) {
	c.eachWorker(e, func(w engine.WorkerInfo) int64 { return w.ProducerRecords })
}

func observeProducerBytes(c *collection, e emit) {
	c.eachWorker(e, func(w engine.WorkerInfo) int64 { return w.ProducerBytes })
}

func observeState(c *collection, e emit) {
	for s := engine.Created; s <= engine.Failed; s++ {
		v := 0.0
		if s == c.state {
			v = 1
		}
		e(v, str(AttrState, s.String()))
	}
}

// ofWorkers emits what is counted for each worker.
func ofWorkers(of func(*counts) *counter[int], e emit, c *collection) {
	of(c.counts).each(func(w int, n int64) { e(float64(n), worker(w)) })
}

func observeAborts(c *collection, e emit) {
	ofWorkers(func(n *counts) *counter[int] { return &n.aborts }, e, c)
}

func observeCommitted(c *collection, e emit) {
	ofWorkers(func(n *counts) *counter[int] { return &n.committed }, e, c)
}

func observeRebalances(c *collection, e emit) {
	ofWorkers(func(n *counts) *counter[int] { return &n.rebalances }, e, c)
}

func observeFailures(c *collection, e emit) {
	c.counts.failures.each(func(f failure, n int64) { e(float64(n), str(AttrOperator, f.operator), str(AttrOutcome, f.outcome)) })
}

func observeConsumed(c *collection, e emit) {
	c.counts.consumed.each(func(at topicPartition, n int64) {
		e(float64(n), str(AttrSystem, "kafka"), str(AttrOperationName, "poll"), str(AttrTopic, at.topic), partition(at.partition), str(AttrGroup, c.group))
	})
}

func observeSent(c *collection, e emit) {
	c.counts.sent.each(func(at topicPartition, n int64) {
		e(float64(n), str(AttrSystem, "kafka"), str(AttrOperationName, "send"), str(AttrTopic, at.topic), partition(at.partition))
	})
}

// sample reads a figure of the Go runtime.
func sample(name string) float64 {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	switch s[0].Value.Kind() {
	case metrics.KindUint64:
		return float64(s[0].Value.Uint64())
	case metrics.KindFloat64:
		return s[0].Value.Float64()
	}
	return 0
}

func observeResident(_ *collection, e emit) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return
	}
	if fields := strings.Fields(string(statm)); len(fields) > 1 {
		if pages, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			e(float64(pages * int64(os.Getpagesize())))
		}
	}
}

func observeCPU(_ *collection, e emit) {
	e(sample("/cpu/classes/total:cpu-seconds") - sample("/cpu/classes/idle:cpu-seconds"))
}

func observeGoMemory(_ *collection, e emit) {
	stack := sample("/memory/classes/heap/stacks:bytes")
	e(stack, str(AttrMemoryType, "stack"))
	e(sample("/memory/classes/total:bytes")-sample("/memory/classes/heap/released:bytes")-stack, str(AttrMemoryType, "other"))
}

func observeMemoryUsage(c *collection, e emit) {
	for _, m := range c.memory {
		if m.UsedBytes >= 0 {
			e(float64(m.UsedBytes), str(AttrMemoryPart, m.Part))
		}
	}
}

func observeMemoryLimit(c *collection, e emit) {
	for _, m := range c.memory {
		e(float64(m.LimitBytes), str(AttrMemoryPart, m.Part))
	}
}

func observeGoLimit(_ *collection, e emit) {
	const none = 1 << 62
	if limit := sample("/gc/gomemlimit:bytes"); limit < none {
		e(limit)
	}
}

func observeGoroutines(_ *collection, e emit) { e(sample("/sched/goroutines:goroutines")) }

type topicPartition struct {
	topic     string
	partition int32
}

type failure struct{ operator, outcome string }

// counts is what is counted as it comes: for batches, commits and rebalances, never for records.
type counts struct {
	consumed, sent                counter[topicPartition]
	failures                      counter[failure]
	aborts, committed, rebalances counter[int] // by worker
}

// counter counts by key. The zero value is ready; any goroutine may use it.
type counter[K comparable] struct{ of syncMap[K] }

func (c *counter[K]) add(k K, n int64) { c.of.at(k).Add(n) }

func (c *counter[K]) each(f func(K, int64)) {
	c.of.each(func(k K, n *atomic.Int64) { f(k, n.Load()) })
}
