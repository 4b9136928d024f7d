package operators

import (
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// NoTime is the time before the first record.
const NoTime = state.NoTime

// MaxTimestamp is the largest timestamp (ms) that sources let in: beyond it windows have no arithmetic.
const MaxTimestamp = windows.MaxTimestamp

// Origin is the place of the record that a task is working on.
type Origin struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Reason says why a record was discarded on purpose.
type Reason uint8

// The reasons for which operators discard records.
const (
	NullKey           Reason = iota // the operator cannot work without a key
	NullValue                       // the operator cannot work without a value
	Late                            // every window of the record, or one of them, is closed
	Expired                         // older than what the store keeps
	UndecodableRecord               // the bytes were not of the source's serde, and the source skips those
	InvalidTime                     // a timestamp before the epoch, or beyond MaxTimestamp
	NoPartition                     // a custom partitioner named no partition
	Superseded                      // a change of a versioned table that is not its latest
	Stale                           // an answer of a foreign-key join to a row that has changed since
	Failed                          // the operator failed for it, and the policy skips those
	DeadLettered                    // the operator failed for it, and it went to the topic of dead letters
	reasons
)

// String returns the reason as it appears in metrics and logs.
func (r Reason) String() string {
	return [...]string{"null_key", "null_value", "late", "expired", "undecodable", "invalid_time", "no_partition", "superseded", "stale", "failed", "dead_letter"}[r]
}

// Reasons is the number of reasons: they are 0 to Reasons-1.
const Reasons = int(reasons)

// Counters are what one operator of one task did so far. The task's goroutine writes them without synchronisation.
type Counters struct {
	In      uint64          // records that came to the operator
	Out     uint64          // records that it forwarded, to each operator below it, or wrote to a topic
	Dropped [Reasons]uint64 // records that it discarded, by Reason
}

// TotalDropped is the sum over all reasons.
func (c *Counters) TotalDropped() (n uint64) {
	for _, d := range c.Dropped {
		n += d
	}
	return n
}

// Runtime is what a task gives to its operators. Only the task's goroutine calls it, but for Wake.
type Runtime interface {
	// Wake tells that something has come back to an operator that works beside the task. Any goroutine may call it; it does
	// not wait.
	Wake()
	// Store returns the task's partition of a store that the operator was connected to, or nil.
	Store(name string) state.Store
	// Global returns the task's view of a global store, or nil.
	Global(name string) state.View
	// Schedule calls f at every multiple of the interval that passes; see [Context.Schedule].
	Schedule(c *Context, interval time.Duration, clock Clock, f func(ms int64) error) *Schedule
	// RequestCommit makes the task commit as soon as the record in hand is done.
	RequestCommit()
	// WallClock is the time of day in ms since the epoch, as of the current round of the task.
	WallClock() int64
	// Collector takes records for topics.
	Collector() Collector
	// Partitions returns how many partitions a topic that the topology writes to has.
	Partitions(topic string) int32
	// Failed is told what an operator failed for and what was done about it, unless the task stops for it.
	Failed(e *Error, o Outcome)
	// FindPartitions is Partitions for a topic that a sink chose for a record. It may ask the brokers, and it is an error
	// if there is no such topic or if it belongs to the topology itself.
	FindPartitions(topic string) (int32, error)
}

// Scope is what the operators of one task share while a record runs through them. The task sets it.
type Scope struct {
	Runtime     Runtime
	Application string
	Task        string // name of the task, as in errors: SUBTOPOLOGY_PARTITION
	Partition   int32
	Tasks       int32 // of the sub-topology
	StreamTime  int64 // largest timestamp of a record processed so far, or NoTime

	Origin    Origin
	HasOrigin bool   // false while no record runs
	Key       []byte // of the input record, for errors
	Timestamp int64  // of the input record
	// Input is the record in work as it was read, for dead letters; nil if what runs was not made of it alone.
	Input *Input
	// KeepInputs says that operators that hold records back keep their Input too, since something writes dead letters.
	KeepInputs bool

	// Stubs says that pipes that reach outside are replaced by their stubs. It is set before the operators are made.
	Stubs bool

	// Handover says that what is written to topics of this topology may be read from the same memory, so that values can be handed
	// over beside their bytes. It is set before the operators are made.
	Handover bool

	// Watches is which records are watched. It is set before the operators are made.
	Watches Watch
	watch   watching

	current *Context
	during  string // what runs in the place of a record, for errors
	works   []*Work
	beside  []Beside
	commits []commitHook
}

// Begin names the record that runs next; in may be nil.
func (s *Scope) Begin(o Origin, key []byte, timestamp int64, in *Input) {
	s.Origin, s.HasOrigin, s.Key, s.Timestamp, s.Input = o, true, key, timestamp, in
}

// BeginOther says that no record runs but something else, at a time: during is that in the words of an error, such as
// "at a commit". c is the operator that it is about, nil if there is none or not yet.
func (s *Scope) BeginOther(during string, c *Context, timestamp int64) {
	s.Origin, s.HasOrigin, s.Key, s.Timestamp, s.Input = Origin{Partition: -1, Offset: -1}, false, nil, timestamp, nil
	s.during, s.current = during, c
}

// Context is one operator's view of its task. It is valid on the task's goroutine only, from instantiation to close.
type Context struct {
	Counters
	name   string
	op     string
	scope  *Scope
	stores []string // that the operator may use
	hooks  []Hook   // the outermost first
	closes []func() error
	side   map[string]any // forwards to outputs of the operator's own

	policy       *Policy // nil: fail
	keys, values any     // serdes of the input, or nil
	parked       string  // store of records that wait for another attempt
}

// NewContext makes the context of the operator with this name, which may use these stores.
func NewContext(name string, s *Scope, stores ...string) *Context {
	return &Context{name: name, scope: s, stores: stores}
}

// Application is the name of the application.
func (c *Context) Application() string { return c.scope.Application }

// Tasks is how many tasks the operator has, over all instances: they are partitions 0 to Tasks-1.
func (c *Context) Tasks() int32 { return c.scope.Tasks }

// AddOutput gives the operator an output of its own, by the name of what it forwards to.
func (c *Context) AddOutput(name string, forward any) {
	if c.side == nil {
		c.side = make(map[string]any)
	}
	c.side[name] = forward
}

// Output is what AddOutput was given under that name, or nil.
func (c *Context) Output(name string) any { return c.side[name] }

// OnClose calls f once when the operator's life ends: when the task stops or moves to another process, and also when it
// is made anew after an abort. What an operator opened in its init is closed there; the last that was registered first. An
// error stops the task. A process that is killed calls nothing.
func (c *Context) OnClose(f func() error) { c.closes = append(c.closes, f) }

// Close calls what was registered with OnClose, once.
func (c *Context) Close() error {
	closes := c.closes
	c.closes = nil
	var errs []error
	for _, f := range slices.Backward(closes) {
		if err := c.close(f); err != nil {
			c.scope.current = c
			errs = append(errs, c.scope.failure(err))
		}
	}
	return errors.Join(errs...)
}

func (c *Context) close(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

// Operator is the name of the operator.
func (c *Context) Operator() string { return c.name }

// Op is what the operator is: "filter", "sink".
func (c *Context) Op() string { return c.op }

// Task names the task as SUBTOPOLOGY_PARTITION.
func (c *Context) Task() string { return c.scope.Task }

// Partition is the partition of the task, which is that of its input topics and of its stores' changelogs.
func (c *Context) Partition() int32 { return c.scope.Partition }

// StreamTime is the largest timestamp (ms) of a record that the task has processed, or [NoTime] before the first.
func (c *Context) StreamTime() int64 { return c.scope.StreamTime }

// WallClock is the time of day in ms since the epoch. In tests it is the clock of the test driver.
func (c *Context) WallClock() int64 { return c.scope.Runtime.WallClock() }

// Timestamp is the timestamp (ms) of the input record in work; in a schedule the time at which it runs.
func (c *Context) Timestamp() int64 { return c.scope.Timestamp }

// Origin is the place of the input record in work; ok is false in a schedule, which has none.
func (c *Context) Origin() (o Origin, ok bool) { return c.scope.Origin, c.scope.HasOrigin }

// Commit asks for a commit as soon as the record in hand is done.
func (c *Context) Commit() { c.scope.Runtime.RequestCommit() }

// Store returns the task's partition of a store that the operator was connected to, or nil. Handles with types, such
// as topology.KeyValueHandle, are the usual way to it.
func (c *Context) Store(name string) state.Store {
	if !slices.Contains(c.stores, name) {
		return nil
	}
	return c.scope.Runtime.Store(name)
}

// Fail makes an error of the operator name it, as the errors of its Forward do by themselves.
func (c *Context) Fail(err error) error {
	c.scope.current = c
	return c.scope.failure(err)
}

// Drop counts a record that the operator discards.
func (c *Context) Drop(why Reason) { c.Dropped[why]++ }

// Clock says what drives a schedule.
type Clock uint8

const (
	// StreamClock is the task's stream time: it stands still while no records come.
	StreamClock Clock = iota
	// WallClock is the time of day.
	WallClock
)

// Schedule is a function that a task calls again and again.
type Schedule struct {
	cancelled bool
}

// Cancel ends a schedule, also from inside its function. A second call does nothing.
func (s *Schedule) Cancel() { s.cancelled = true }

// Cancelled reports whether Cancel was called.
func (s *Schedule) Cancelled() bool { return s.cancelled }

// Schedule calls f every interval (at least 1 ms), with the present time of the clock in ms, until it is cancelled or
// the task closes. On StreamClock it is aligned to the epoch and so runs for the first time with the first record; on
// WallClock first an interval from now. Intervals that pass in one step give one call, not several (Kafka Streams'
// punctuation). What f forwards has no [Context.Origin].
func (c *Context) Schedule(interval time.Duration, clock Clock, f func(ms int64) error) *Schedule {
	return c.scope.Runtime.Schedule(c, interval, clock, f)
}

// Enter is the door of an operator: it counts what comes in, makes errors and panics name the operator, and does what its
// policy says about them.
func Enter[K, V any](c *Context, f Forward[K, V]) Forward[K, V] {
	s := c.scope
	if c.policy != nil {
		f = caught(c, f)
	}
	for i := len(c.hooks) - 1; i >= 0; i-- {
		f = hooked(c.hooks[i], f)
	}
	switch {
	case c.policy != nil && c.parked != "":
		f = retried(c, f)
	case c.policy != nil:
		f = guarded(c, f)
	}
	return func(r *Record[K, V]) error {
		c.In++
		caller := s.current
		if caller != nil {
			caller.Out++
		}
		s.current = c
		var err error
		if s.watch.on {
			err = watched(c, f, r)
		} else {
			err = f(r)
		}
		if err != nil {
			return s.failure(err)
		}
		s.current = caller
		return nil
	}
}
