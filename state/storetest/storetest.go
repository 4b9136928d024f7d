package storetest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/state"
)

// Run tests a backend. open gives an empty one, which Run closes.
func Run(t *testing.T, open func(t *testing.T) state.Backend) {
	b := open(t)
	t.Run("KeyValue", func(t *testing.T) { testKeyValue(t, b) })
	t.Run("Window", func(t *testing.T) { testWindow(t, b) })
	t.Run("Session", func(t *testing.T) { testSegments(t, b, state.KindSession) })
	t.Run("List", func(t *testing.T) { testSegments(t, b, state.KindList) })
	t.Run("DenseWindow", func(t *testing.T) { testSegments(t, b, state.KindDenseWindow) })
	t.Run("Versioned", func(t *testing.T) { testVersioned(t, b) })
	t.Run("VersionedExpiry", func(t *testing.T) { testVersionedExpiry(t, b) })
	t.Run("Restore", func(t *testing.T) { testRestore(t, b) })
	t.Run("RestoreErrors", func(t *testing.T) { testRestoreErrors(t, b) })
	t.Run("Rebuild", func(t *testing.T) { testRebuild(t, b) })
	t.Run("Drop", func(t *testing.T) { testDrop(t, b) })
	t.Run("Leases", func(t *testing.T) { testLeases(t, b) })
	t.Run("Kinds", func(t *testing.T) { testKinds(t, b) })
	t.Run("Cursors", func(t *testing.T) { testCursors(t, b) })
	t.Run("Partitions", func(t *testing.T) { testPartitions(t, b) })
	t.Run("View", func(t *testing.T) { testView(t, b) })
	t.Run("ConcurrentApply", func(t *testing.T) { testConcurrentApply(t, b) })
	if err := b.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := b.Acquire(context.Background(), state.StoreID{Name: "after-close", Kind: state.KindKeyValue}); err == nil {
		t.Error("a closed backend still leases partitions")
	}
}

// check is rapid.Check, some times over.
func check(t *testing.T, property func(*rapid.T)) {
	rounds := 8
	if testing.Short() {
		rounds = 1
	}
	for range rounds {
		rapid.Check(t, property)
	}
}

// row is a row of a model.
type row struct {
	value     string
	timestamp int64
}

func (r row) String() string { return fmt.Sprintf("%x@%d", r.value, r.timestamp) }

// log is the changelog of one partition: what a restore would read.
type log struct {
	committed []state.ChangelogRow
	open      []state.ChangelogRow // flushed, not committed
	given     [][2][]byte          // the slices that the last Flush gave, and copies
}

func (l *log) append(key, value []byte) error {
	l.open = append(l.open, state.ChangelogRow{Key: bytes.Clone(key), Value: bytes.Clone(value)})
	l.given = append(l.given, [2][]byte{key, bytes.Clone(key)}, [2][]byte{value, bytes.Clone(value)})
	return nil
}

func (l *log) commit() int64 {
	l.committed = append(l.committed, l.open...)
	l.open = nil
	return int64(len(l.committed))
}

// replay is the rows and times that the committed records give.
func (l *log) replay(t interface{ Fatalf(string, ...any) }) (map[string]row, state.Times) {
	rows, times := map[string]row{}, state.NoTimes()
	for _, r := range l.committed {
		kind, key, err := state.ParseChangelogKey(r.Key)
		if err != nil {
			t.Fatalf("%v", err)
		}
		switch {
		case kind == state.TimeRecord:
			if times, err = state.DecodeTimes(r.Value); err != nil {
				t.Fatalf("%v", err)
			}
		case r.Value == nil:
			delete(rows, string(key))
		default:
			timestamp, value, err := state.ParseRowValue(r.Value)
			if err != nil {
				t.Fatalf("%v", err)
			}
			rows[string(key)] = row{string(value), timestamp}
		}
	}
	return rows, times
}

var stores atomic.Int64

// newID gives a store that no other test has.
func newID(kind state.Kind) state.StoreID {
	return state.StoreID{Name: fmt.Sprintf("store-%d", stores.Add(1)), Partition: int32(stores.Load() % 3), Kind: kind}
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

func acquire(t fataler, b state.Backend, id state.StoreID) state.Partition {
	t.Helper()
	p, err := b.Acquire(context.Background(), id)
	must(t, err)
	if p.ID() != id {
		t.Fatalf("acquired %v, got %v", id, p.ID())
	}
	return p
}

// stored reads all rows of a partition, as a model has them.
func stored(t fataler, p state.Partition) map[string]row {
	t.Helper()
	rows := map[string]row{}
	c := p.Scan(nil, nil, false)
	for c.Next() {
		timestamp, value, err := state.ParseRowValue(c.Value())
		must(t, err)
		rows[string(c.Key())] = row{string(value), timestamp}
	}
	must(t, c.Close())
	return rows
}

func same(t fataler, what string, got, want map[string]row) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Fatalf("%s: got %s, want %s", what, show(got), show(want))
	}
}

func show(rows map[string]row) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&b, " %x=%v", k, rows[k])
	}
	return "{" + b.String() + " }"
}

// keys are short, share prefixes, and have bytes that tell signed from unsigned order and padding from zeros.
func keys() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		prefix := rapid.SampledFrom([]string{"", "", "a", "common-prefix-", "common-prefix-of-keys"}).Draw(t, "prefix")
		rest := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0x7f, 0x80, 0xff}), 0, 3).Draw(t, "rest")
		return prefix + string(rest)
	})
}

// driver is what the models of the two kinds of stores have in common: commits, aborts and applies.
type driver struct {
	backend   state.Backend
	partition state.Partition
	store     state.Store
	budget    *state.Budget
	log       log
	pending   []*state.Generation
	given     [][][2][]byte // what Flush gave for each pending generation
	now       int64         // timestamp of the record in work
	committed state.Times
}

func newDriver(t *rapid.T, b state.Backend, kind state.Kind) *driver {
	limit := rapid.SampledFrom([]int64{0, 1, 600, 2000, 5000}).Draw(t, "budget")
	d := &driver{backend: b, budget: state.NewBudget(limit), committed: state.NoTimes()}
	d.partition = acquire(t, b, newID(kind))
	return d
}

func (d *driver) config() state.Config {
	return state.Config{
		Name: d.partition.ID().Name, Partition: d.partition, Budget: d.budget, Changelog: true,
		Timestamp: func() int64 { return d.now },
	}
}

func (d *driver) commit(t *rapid.T) {
	times := d.store.Times()
	times.Task = max(times.Task, d.now)
	must(t, d.store.EmitDirty())
	d.log.given = nil
	must(t, d.store.Flush(d.log.append))
	if d.store.DirtyBytes() != 0 {
		t.Fatalf("%d bytes are dirty after Flush", d.store.DirtyBytes())
	}
	d.store.Commit(d.log.commit())
	d.committed = *d.store.Times()
	if pending := d.store.Pending(); len(pending) > 0 {
		d.pending = append(d.pending, pending...)
		d.given = append(d.given, d.log.given)
	} else if len(d.log.given) > 0 {
		t.Fatalf("Flush logged records, but there is no generation")
	}
}

func (d *driver) abort(t *rapid.T) {
	d.store.Times().Operator = 77
	if rapid.Bool().Draw(t, "flushed") {
		must(t, d.store.Flush(d.log.append))
	}
	d.log.open = nil
	d.store.Abort()
	if *d.store.Times() != d.committed {
		t.Fatalf("times after Abort are %+v, want %+v", *d.store.Times(), d.committed)
	}
}

// apply applies the first n pending generations, in one go or one by one.
func (d *driver) apply(t *rapid.T, n int) {
	generations := d.pending[:n]
	for _, given := range d.given[:n] {
		for _, g := range given {
			if !bytes.Equal(g[0], g[1]) {
				t.Fatalf("a changelog record changed after Flush: %x is now %x", g[1], g[0])
			}
		}
	}
	d.pending, d.given = d.pending[n:], d.given[n:]
	if rapid.Bool().Draw(t, "together") {
		must(t, d.backend.Apply(context.Background(), generations))
	} else {
		for _, g := range generations {
			must(t, d.backend.Apply(context.Background(), []*state.Generation{g}))
		}
	}
	for _, g := range generations {
		if !g.Applied() {
			t.Fatalf("a generation is not applied after Apply")
		}
	}
}

// reopen gives the partition back and takes it again, as a task does that moves within the process.
func (d *driver) reopen(t *rapid.T) {
	d.log.open = nil
	d.store.Abort()
	d.apply(t, len(d.pending))
	d.close(t)
	d.partition = acquire(t, d.backend, d.partition.ID())
	if got := d.partition.Checkpoint(); got.Times != d.committed {
		t.Fatalf("times of the checkpoint are %+v, want %+v", got.Times, d.committed)
	}
}

func (d *driver) close(t *rapid.T) {
	must(t, d.store.Close())
	d.partition.Release()
	if d.budget.Used() != 0 || d.budget.Dirty() != 0 {
		t.Fatalf("after Close %d bytes are in use and %d dirty", d.budget.Used(), d.budget.Dirty())
	}
}

func (d *driver) check(t *rapid.T) {
	if u, dirty := d.budget.Used(), d.budget.Dirty(); dirty < 0 || u < dirty || dirty != d.store.DirtyBytes() {
		t.Fatalf("budget: %d used, %d dirty, the store has %d dirty", u, dirty, d.store.DirtyBytes())
	}
}

// finish checks that what is stored in the end, and what a restore of the changelog gives, is what was committed.
func (d *driver) finish(t *rapid.T, committed map[string]row) {
	d.reopen(t)
	same(t, "stored rows", stored(t, d.partition), committed)
	if got, want := d.partition.Checkpoint().Offset, int64(len(d.log.committed)); want > 0 && got != want {
		t.Fatalf("checkpoint is at %d, want %d", got, want)
	}
	id := d.partition.ID()
	must(t, d.partition.Drop())
	d.partition.Release()

	copied := acquire(t, d.backend, newID(id.Kind))
	for from := 0; from < len(d.log.committed); {
		to := min(len(d.log.committed), from+rapid.IntRange(1, 400).Draw(t, "chunk"))
		must(t, copied.Restore(d.log.committed[from:to], int64(to)))
		from = to
	}
	same(t, "restored rows", stored(t, copied), committed)
	if got := copied.Checkpoint(); got.Times != d.committed || len(d.log.committed) > 0 && got.Offset != int64(len(d.log.committed)) {
		t.Fatalf("checkpoint of a restore is %+v, want offset %d and times %+v", got, len(d.log.committed), d.committed)
	}
	must(t, copied.Drop())
	copied.Release()
}
