package state_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

func commit(t testing.TB, b state.Backend, s state.Store, offset int64) {
	t.Helper()
	if err := s.Flush(drop); err != nil {
		t.Fatal(err)
	}
	s.Commit(offset)
	if err := b.Apply(context.Background(), s.Pending()); err != nil {
		t.Fatal(err)
	}
}

// A cached update is the hot path of every aggregate.
func TestCachedUpdateDoesNotAllocate(t *testing.T) {
	s := counters(t, state.NewMemory())
	increment(t, s, "key")
	if n := testing.AllocsPerRun(1000, func() { increment(t, s, "key") }); n != 0 {
		t.Errorf("key-value: %v allocations, want 0", n)
	}
	w := windowCounters(t, state.NewMemory(), nil)
	update := func() {
		for start := int64(0); start < 5000; start += 1000 {
			slot, _, err := w.Lookup("key", start)
			if err != nil {
				t.Fatal(err)
			}
			w.Set(slot, slot.Value+1, start)
		}
	}
	update()
	if n := testing.AllocsPerRun(1000, update); n != 0 {
		t.Errorf("window: %v allocations, want 0", n)
	}
}

// TestBudget reads much more than fits, in two stores of one budget: clean rows go, dirty ones stay, and Full asks for a
// commit in time.
func TestBudget(t *testing.T) {
	b := state.NewMemory()
	budget := state.NewBudget(200_000)
	stores := make([]*state.KeyValueStore[string, int64], 2)
	for i := range stores {
		name := fmt.Sprint("s", i)
		stores[i] = state.NewKeyValue(state.Config{Name: name, Partition: acquire(t, b, name, state.KindKeyValue), Budget: budget}, serde.String, serde.Int64)
	}
	var most int64
	full := 0
	for i := range 40_000 {
		for _, s := range stores {
			increment(t, s, fmt.Sprint(i*7919%9000))
			if _, _, err := s.Get(fmt.Sprint(i * 31 % 9000)); err != nil {
				t.Fatal(err)
			}
		}
		most = max(most, budget.Used())
		if budget.Full() {
			full++
			for _, s := range stores {
				commit(t, b, s, -1)
			}
			if budget.Dirty() != 0 {
				t.Fatalf("%d bytes are dirty after a commit", budget.Dirty())
			}
		}
	}
	if slack := budget.Limit() + 4000; most > slack {
		t.Errorf("up to %d bytes were in use, want at most %d", most, slack)
	}
	if full == 0 || full > 2000 {
		t.Errorf("the budget was full %d times", full)
	}
	for i := range 9000 {
		want := int64(40_000 / 9000)
		if i < 40_000%9000 {
			want++
		}
		if got, _, err := stores[1].Get(fmt.Sprint(i * 7919 % 9000)); got != want || err != nil {
			t.Fatalf("count %d is %d, want %d (%v)", i, got, want, err)
		}
	}
	for _, s := range stores {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes in use after all stores are closed", budget.Used())
	}
}

// TestSlotOutlivesOtherStores: a slot stays good while another store of the budget needs room.
func TestSlotOutlivesOtherStores(t *testing.T) {
	b := state.NewMemory()
	budget := state.NewBudget(1)
	a := state.NewKeyValue(state.Config{Name: "a", Partition: acquire(t, b, "a", state.KindKeyValue), Budget: budget}, serde.String, serde.Int64)
	other := state.NewKeyValue(state.Config{Name: "b", Partition: acquire(t, b, "b", state.KindKeyValue), Budget: budget}, serde.String, serde.Int64)
	slot, err := a.Lookup("k")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if _, err := other.Lookup(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	a.Set(slot, 7, 1)
	if v, ok, err := a.Get("k"); v != 7 || !ok || err != nil {
		t.Errorf("Get = %d, %v, %v", v, ok, err)
	}
}

var errSerde = errors.New("does not fit")

// badSerde fails for one value.
type badSerde struct{ serde.Serde[string] }

func (b badSerde) Append(dst []byte, v string) ([]byte, error) {
	if v == "bad" {
		return dst, errSerde
	}
	return b.Serde.Append(dst, v)
}

func (b badSerde) Decode(d []byte) (string, error) {
	if string(d) == "undecodable" {
		return "", errSerde
	}
	return b.Serde.Decode(d)
}

// TestSerdeErrors: an error of a user's serde names the store, and an abort goes on from the last commit.
func TestSerdeErrors(t *testing.T) {
	b := state.NewMemory()
	s := state.NewKeyValue(state.Config{Name: "orders", Partition: acquire(t, b, "orders", state.KindKeyValue)}, badSerde{serde.String}, badSerde{serde.String})
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, errSerde) || !strings.Contains(err.Error(), "store orders, partition 0") {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("key of Put", s.Put("bad", ""))
	_, _, err := s.Get("bad")
	check("key of Get", err)
	for _, err := range s.Range("a", "bad") {
		check("key of Range", err)
	}
	if err := s.Put("k", "good"); err != nil {
		t.Fatal(err)
	}
	commit(t, b, s, -1)
	if err := errors.Join(s.Put("a", "bad"), s.Put("k", "lost")); err != nil {
		t.Fatal(err)
	}
	check("value in Flush", s.Flush(nil))
	s.Abort()
	if v, _, err := s.Get("k"); v != "good" || err != nil {
		t.Errorf("after the abort: %q, %v", v, err)
	}
	if err := s.Put("u", "undecodable"); err != nil {
		t.Fatal(err)
	}
	commit(t, b, s, -1)
	s.Abort() // forgets the decoded object
	_, _, err = s.Get("u")
	check("value in Get", err)
	n := 0
	for _, e := range s.All() {
		err = e
		n++
	}
	check("value in All", err)
	if n != 2 {
		t.Errorf("a loop went on after an error: %d steps", n)
	}
	failed := errors.New("no producer")
	s2 := counters(t, b)
	increment(t, s2, "k")
	if err := s2.Flush(func(_, _ []byte) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("error of log: %v", err)
	}
}

// TestLoopAcrossFlush: a loop that the store was flushed in ends with an error, not with wrong rows.
func TestLoopAcrossFlush(t *testing.T) {
	b := state.NewMemory()
	s := counters(t, b)
	for i := range 10 {
		increment(t, s, fmt.Sprint(i))
	}
	n := 0
	var last error
	for _, err := range s.All() {
		last = err
		if n++; n == 3 {
			commit(t, b, s, 1)
		}
	}
	if n != 4 || last == nil || !strings.Contains(last.Error(), "store counts") {
		t.Errorf("%d steps, error %v", n, last)
	}
}

// TestFetchAfterAbort: an aborted flush expired windows, which are back afterwards.
func TestFetchAfterAbort(t *testing.T) {
	b := state.NewMemory()
	s := windowCounters(t, b, nil)
	fetched := func() (starts []int64) {
		for row, err := range s.Fetch("k", 0, 100_000) {
			if err != nil {
				t.Fatal(err)
			}
			starts = append(starts, row.Key.Start)
		}
		return starts
	}
	if err := errors.Join(s.Put("k", 0, 1), s.Put("k", 1000, 1)); err != nil {
		t.Fatal(err)
	}
	commit(t, b, s, 1)
	if got := fetched(); len(got) != 2 {
		t.Fatalf("fetched windows %d, want 2", got)
	}
	if err := errors.Join(s.Put("k", 50_000, 1), s.Flush(drop)); err != nil {
		t.Fatal(err)
	}
	if got := fetched(); len(got) != 1 || got[0] != 50_000 {
		t.Fatalf("fetched windows %d, want that of 50000", got)
	}
	s.Abort()
	if got := fetched(); len(got) != 2 || got[0] != 0 || got[1] != 1000 {
		t.Errorf("after the abort fetched windows %d, want 0 and 1000", got)
	}
}

// TestLoopPanics: what a loop had open is closed when its body panics; a database with an open cursor does not close.
func TestLoopPanics(t *testing.T) {
	b := openMemFS(t)
	s := counters(t, b)
	increment(t, s, "a")
	commit(t, b, s, 1)
	func() {
		defer func() { recover() }()
		for range s.All() {
			panic("in the loop")
		}
	}()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// TestExpiredSpace: expiring windows deletes their rows, with one range.
func TestExpiredSpace(t *testing.T) {
	b := openMemFS(t)
	defer b.Close()
	p := acquire(t, b, "w", state.KindWindow)
	s := state.NewWindow(state.Config{Name: "w", Partition: p}, state.WindowConfig{SizeMs: 10, RetentionMs: 50}, serde.Int64, serde.Int64)
	for start := int64(0); start < 2000; start += 10 {
		for k := range int64(50) {
			if err := s.Put(k, start, start); err != nil {
				t.Fatal(err)
			}
		}
		commit(t, b, s, -1)
	}
	n := 0
	c := p.Scan(nil, nil, false)
	for c.Next() {
		if start, _ := windows.Time(c.Key()); start < 1941 {
			t.Fatalf("row of window %d is still stored", start)
		}
		n++
	}
	if err := c.Close(); err != nil || n != 5*50 {
		t.Errorf("%d rows are stored, want 250 (%v)", n, err)
	}
	if m := b.Metrics(); m.DiskBytes == 0 || m.MemTableBytes == 0 {
		t.Errorf("metrics are %+v", m)
	}
}

// TestNewerFormat: a database of a version to come is refused, by name.
func TestNewerFormat(t *testing.T) {
	fs := vfs.NewMem()
	raw, err := pebble.Open("db", &pebble.Options{FS: fs, FormatMajorVersion: pebble.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(raw.Set([]byte{0}, []byte{2}, nil), raw.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = state.OpenPebble(state.PebbleOptions{Dir: "db", FS: fs, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "db") || !strings.Contains(err.Error(), "format 02") {
		t.Errorf("opened a database of format 2: %v", err)
	}
}

func ExampleNewKeyValue() {
	ctx := context.Background()
	backend := state.NewMemory()
	partition, _ := backend.Acquire(ctx, state.StoreID{Name: "totals", Partition: 0, Kind: state.KindKeyValue})
	totals := state.NewKeyValue(state.Config{Name: "totals", Partition: partition, Changelog: true}, serde.String, serde.Int64)

	for timestamp, k := range []string{"tea", "coffee", "tea"} {
		slot, _ := totals.Lookup(k)
		totals.Set(slot, slot.Value+1, int64(timestamp))
	}
	totals.Flush(func(key, value []byte) error {
		fmt.Printf("log %q = %x\n", key, value)
		return nil
	})
	totals.Commit(2)
	backend.Apply(ctx, totals.Pending())
	for row := range totals.All() {
		fmt.Println(row.Key, row.Value, row.Timestamp)
	}
	// Output:
	// log "\x00coffee" = 00000000000000010000000000000001
	// log "\x00tea" = 00000000000000020000000000000002
	// coffee 1 1
	// tea 2 2
}

func ExampleNewWindow() {
	backend := state.NewMemory()
	partition, _ := backend.Acquire(context.Background(), state.StoreID{Name: "visits", Kind: state.KindWindow})
	config := state.Config{Name: "visits", Partition: partition, Timestamp: func() int64 { return 7 }}
	visits := state.NewWindow(config, state.WindowConfig{SizeMs: 10, RetentionMs: 30}, serde.String, serde.Int64)

	for _, start := range []int64{0, 10, 20, 30} { // at 30 the window of 0 is out of the retention
		visits.Put("page", start, start/10)
	}
	for row := range visits.Fetch("page", 0, 20) {
		fmt.Println(row.Key.Start, row.Key.End, row.Value)
	}
	// Output:
	// 10 20 1
	// 20 30 2
}
