package jsonlines

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// Config is how a [Runner] runs. The zero value is usable.
type Config struct {
	// Partitions is how many partitions the topics of the file have. 0: 1.
	Partitions int32
	// Topics are made beside those that the file names, for instance for a pattern to match.
	Topics []string
	// StateDir is where the state lies; what is there of the topology is deleted first. "": in memory.
	StateDir string
	// CacheBytes bounds what the stores cache. 0: 64 MiB.
	CacheBytes int64
	// Now is the wall clock at the start. Zero: the epoch.
	Now time.Time
	// Beside lets pipes with concurrency work on records while further ones are read, which is what makes them fast. The order of
	// results of different keys is then open, and what is on its way at the end [Runner.Drain] waits for.
	Beside bool
}

const defaultCacheBytes = 64 << 20

// Runner runs the topology of a file over records. Make one with [New]. It is used from one goroutine.
type Runner struct {
	file    *declarative.File
	broker  *local.Broker
	runtime *local.Runtime
	backend state.Backend
	read    map[string]local.Positions
	keyless map[string]*operators.Sticky
	outputs []string
	last    operators.Origin // of the record that was sent last
	reads   map[string]bool  // topics that the topology reads
}

// New makes the topics of a file and starts its topology on them.
func New(f *declarative.File, cfg Config) (*Runner, error) {
	r := &Runner{file: f, broker: local.NewBroker(), read: make(map[string]local.Positions), keyless: make(map[string]*operators.Sticky)}
	partitions := max(1, cfg.Partitions)
	for _, topic := range slices.Concat(f.Topology.Sources(), f.Topology.Sinks(), cfg.Topics) {
		if err := r.broker.Create(topic, partitions); err != nil {
			return nil, err
		}
	}
	if cfg.CacheBytes == 0 {
		cfg.CacheBytes = defaultCacheBytes
	}
	r.backend = state.NewMemory()
	if cfg.StateDir != "" {
		disk, err := state.OpenPebble(state.PebbleOptions{Dir: cfg.StateDir})
		if err != nil {
			return nil, err
		}
		r.backend = disk
	}
	var err error
	r.runtime, err = local.New(local.Config{
		Graph: f.Topology.Graph(), Broker: r.broker, Backend: r.backend, EmptyState: true, CommitEvery: 1 << 30,
		CacheBytes: cfg.CacheBytes, CreateChosen: partitions, Now: cfg.Now, Beside: cfg.Beside,
	})
	if err != nil {
		return nil, errors.Join(err, r.backend.Close())
	}
	r.reads = r.runtime.Reads()
	return r, nil
}

// Close ends the run.
func (r *Runner) Close() error { return errors.Join(r.runtime.Close(), r.backend.Close()) }

// Send writes a record to a topic that the file reads and runs it to its end.
func (r *Runner) Send(rec Record) error {
	t, err := r.input(rec.Topic)
	if err != nil {
		return err
	}
	key, err := t.Key.Encode(rec.Key)
	if err != nil {
		return fmt.Errorf("key for topic %q: %w", rec.Topic, err)
	}
	value, err := t.Value.Encode(rec.Value)
	if err != nil {
		return fmt.Errorf("value for topic %q: %w", rec.Topic, err)
	}
	return r.send(rec.Topic, rec.Partition, operators.Input{Key: key, Value: value, Timestamp: rec.Timestamp, Headers: rec.Headers})
}

// input is a topic that the file reads.
func (r *Runner) input(topic string) (declarative.Topic, error) {
	t, ok := r.file.Input(topic)
	if ok && r.reads[topic] {
		return t, nil
	}
	var names []string
	for _, in := range r.file.Inputs {
		names = append(names, fmt.Sprintf("%q", in.Name))
	}
	if r.file.Matched != nil {
		names = append(names, "the topics of its pattern that were named before the start")
	}
	return t, fmt.Errorf("the topology does not read topic %q, but %s", topic, strings.Join(names, ", "))
}

func (r *Runner) send(topic string, partition int32, in operators.Input) error {
	n, _ := r.broker.Partitions(topic)
	switch {
	case partition >= 0:
	case in.Key == nil:
		s := r.keyless[topic]
		if s == nil {
			s = new(operators.Sticky)
			r.keyless[topic] = s
		}
		partition = s.Next(n)
	default:
		partition = operators.KeyPartition(in.Key, n)
	}
	offset, err := r.broker.Append(topic, partition, in)
	if err != nil {
		return err
	}
	r.last = operators.Origin{Topic: topic, Partition: partition, Offset: offset}
	return r.runtime.Run()
}

// ofEarlier reports whether an error is about a record that was sent before the last one.
func (r *Runner) ofEarlier(err error) bool {
	var e *operators.Error
	return errors.As(err, &e) && r.reads[e.Origin.Topic] && e.Origin != r.last
}

// Drain waits for what is on its way in pipes with concurrency.
func (r *Runner) Drain() error { return r.runtime.Drain() }

// Commit commits, after the wall clock has moved by d, and returns what has been written to the topics outside of the topology
// since the last one, in that order. Then it drops what nobody needs any more.
func (r *Runner) Commit(d time.Duration) ([]Record, error) {
	if err := r.runtime.Advance(d); err != nil {
		return nil, err
	}
	written, err := r.written()
	if err != nil {
		return nil, err
	}
	r.runtime.Trim(r.read)
	return written, nil
}

// written reads the outputs.
func (r *Runner) written() ([]Record, error) {
	r.outputs = r.outputs[:0]
	for _, topic := range r.broker.Topics() {
		if _, ok := r.file.Output(topic); ok && !r.internal(topic) {
			r.outputs = append(r.outputs, topic)
		}
	}
	var records []Record
	for _, in := range r.broker.ReadAll(r.outputs, r.read) {
		if in.Outside {
			continue // the topic is an input too
		}
		t, _ := r.file.Output(in.Topic)
		rec := Record{Topic: in.Topic, Timestamp: in.Timestamp, Headers: in.Headers, Partition: in.Partition}
		var errKey, errValue error
		rec.Key, errKey = t.Key.Decode(in.Key)
		rec.Value, errValue = t.Value.Decode(in.Value)
		if err := errors.Join(errKey, errValue); err != nil {
			return nil, fmt.Errorf("topic %q: %w", in.Topic, err)
		}
		records = append(records, rec)
	}
	return records, nil
}

// internal reports whether a topic is the topology's own, or one that it only reads.
func (r *Runner) internal(topic string) bool {
	for _, t := range r.runtime.Plan().Internal {
		if t.Name == topic {
			return true
		}
	}
	sinks := r.file.Topology.Sinks()
	return slices.Contains(r.file.Topology.Sources(), topic) && !slices.Contains(sinks, topic)
}

// Row is a row of a store.
type Row struct {
	Key, Value any
	Timestamp  int64 // ms since the epoch
}

// Rows are the rows of a store that a table of the file keeps, over all partitions.
func (r *Runner) Rows(store string) ([]Row, error) {
	s, ok := r.file.Stores[store]
	if !ok {
		return nil, fmt.Errorf("no table keeps its rows in a store %q", store)
	}
	var rows []Row
	for _, p := range r.runtime.Stores(s.Name) {
		switch p := p.(type) {
		case scanned[any]:
			rows = appendRows(rows, p, same)
		case scanned[windows.Keyed[any]]:
			rows = appendRows(rows, p, windowKey)
		default:
			return nil, fmt.Errorf("the rows of store %q cannot be shown", store)
		}
	}
	return rows, nil
}

// scanned is a partition of a store whose rows can be read.
type scanned[K any] interface {
	All() iter.Seq2[state.Row[K, any], error]
}

func appendRows[K any](rows []Row, s scanned[K], key func(K) any) []Row {
	for row, err := range s.All() {
		if err != nil {
			return append(rows, Row{Value: err.Error()})
		}
		rows = append(rows, Row{key(row.Key), row.Value, row.Timestamp})
	}
	return rows
}

func same(v any) any { return v }

func windowKey(k windows.Keyed[any]) any {
	return map[string]any{"key": k.Key, "window": map[string]any{"start": k.Start, "end": k.End}}
}

// Drop is a number of records that an operator discarded on purpose, for a reason.
type Drop struct {
	Operator string
	Reason   operators.Reason
	Records  uint64
}

// Dropped is what operators have discarded so far, in the order of the topology.
func (r *Runner) Dropped() (drops []Drop) {
	for _, s := range r.runtime.Stats() {
		for reason, records := range s.Dropped {
			if records > 0 {
				drops = append(drops, Drop{s.Node, operators.Reason(reason), records})
			}
		}
	}
	return drops
}
