package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

func logged(key, value string, timestamp int64) state.ChangelogRow {
	return state.ChangelogRow{
		Key:   state.AppendChangelogKey(nil, state.RowRecord, []byte(key)),
		Value: state.AppendRowValue(nil, timestamp, []byte(value)),
	}
}

func tombstone(key string) state.ChangelogRow {
	return state.ChangelogRow{Key: state.AppendChangelogKey(nil, state.RowRecord, []byte(key))}
}

func loggedTimes(t state.Times) state.ChangelogRow {
	return state.ChangelogRow{Key: state.AppendChangelogKey(nil, state.TimeRecord, nil), Value: t.Append(nil)}
}

func testRestore(t *testing.T, b state.Backend) {
	t.Run("last record of a key wins", func(t *testing.T) {
		p := acquire(t, b, newID(state.KindKeyValue))
		defer p.Release()
		if c := p.Checkpoint(); c.Offset != -1 || !c.At.IsZero() || c.Times != state.NoTimes() {
			t.Fatalf("checkpoint of a new partition is %+v", c)
		}
		start := time.Now()
		must(t, p.Restore([]state.ChangelogRow{logged("b", "1", 1), logged("a", "2", 2), logged("b", "3", 3), tombstone("a"), logged("c", "4", 4)}, 9))
		same(t, "rows", stored(t, p), map[string]row{"b": {"3", 3}, "c": {"4", 4}})
		must(t, p.Restore([]state.ChangelogRow{tombstone("c"), logged("a", "5", 5)}, 11))
		same(t, "rows", stored(t, p), map[string]row{"a": {"5", 5}, "b": {"3", 3}})
		c := p.Checkpoint()
		if c.Offset != 11 || c.At.Before(start.Add(-time.Second)) || c.At.After(time.Now().Add(time.Second)) {
			t.Fatalf("checkpoint is %+v", c)
		}
		must(t, p.Restore(nil, 11))
		if c2 := p.Checkpoint(); c2.Offset != 11 || c2.At.Before(c.At) {
			t.Fatalf("renewed checkpoint is %+v, was %+v", c2, c)
		}
	})
	t.Run("expired windows", func(t *testing.T) {
		p := acquire(t, b, newID(state.KindWindow))
		defer p.Release()
		must(t, p.Restore([]state.ChangelogRow{logged(windowKey(10, "a"), "", 10), logged(windowKey(20, "a"), "", 20)}, 2))
		times := state.NoTimes()
		times.Put, times.Kept = 60, 20
		must(t, p.Restore([]state.ChangelogRow{
			logged(windowKey(5, "b"), "", 5), loggedTimes(state.NoTimes()), logged(windowKey(19, "b"), "", 19), loggedTimes(times), logged(windowKey(60, "b"), "", 60),
		}, 7))
		same(t, "rows", stored(t, p), map[string]row{windowKey(20, "a"): {"", 20}, windowKey(60, "b"): {"", 60}})
		if got := p.Checkpoint().Times; got != times {
			t.Fatalf("times are %+v, want %+v", got, times)
		}
		s := state.NewWindow(state.Config{Name: "s", Partition: p}, state.WindowConfig{SizeMs: 1, RetentionMs: 1000}, serde.String, serde.String)
		if *s.Times() != times {
			t.Fatalf("times of the store are %+v, want %+v", *s.Times(), times)
		}
		if _, kept, err := s.Lookup("a", 19); kept || err != nil {
			t.Fatal("a longer retention made a deleted window visible")
		}
		must(t, s.Close())
	})
	t.Run("many", func(t *testing.T) {
		p := acquire(t, b, newID(state.KindKeyValue))
		defer p.Release()
		var rows []state.ChangelogRow
		want := map[string]row{}
		for i := range 20_000 {
			k := fmt.Sprintf("key-%d", i*7919%5000)
			if i%11 == 0 {
				rows = append(rows, tombstone(k))
				delete(want, k)
				continue
			}
			rows = append(rows, logged(k, fmt.Sprint(i), int64(i)))
			want[k] = row{fmt.Sprint(i), int64(i)}
		}
		for from := 0; from < len(rows); from += 7000 {
			to := min(from+7000, len(rows))
			must(t, p.Restore(rows[from:to], int64(to)))
		}
		same(t, "rows", stored(t, p), want)
		must(t, p.Drop())
	})
}

func testRestoreErrors(t *testing.T, b state.Backend) {
	id := newID(state.KindWindow)
	p := acquire(t, b, id)
	defer p.Release()
	good := logged(windowKey(0, ""), "", 0)
	for _, bad := range []struct {
		record state.ChangelogRow
		says   string
	}{
		{state.ChangelogRow{}, "empty key"},
		{state.ChangelogRow{Key: []byte{9}}, "kind 9"},
		{state.ChangelogRow{Key: []byte{1, 2}}, "2 bytes"},
		{state.ChangelogRow{Key: []byte{1}}, "empty"},
		{state.ChangelogRow{Key: []byte{1}, Value: []byte{77}}, "version 77"},
		{state.ChangelogRow{Key: []byte{1}, Value: []byte{1, 2}}, "2 bytes"},
		{logged("short", "", 0), "row key has 5 bytes"},
		{state.ChangelogRow{Key: good.Key, Value: []byte("short")}, "row value has 5 bytes"},
	} {
		err := p.Restore([]state.ChangelogRow{good, bad.record}, 2)
		if err == nil || !strings.Contains(err.Error(), bad.says) || !strings.Contains(err.Error(), id.String()) || !strings.Contains(err.Error(), "record 2 of 2") {
			t.Errorf("record %x: %x: error is %v, want one with %q", bad.record.Key, bad.record.Value, err, bad.says)
		}
	}
	if len(stored(t, p)) > 0 || p.Checkpoint().Offset != -1 {
		t.Error("a refused chunk left rows or a checkpoint")
	}
}

func testRebuild(t *testing.T, b state.Backend) {
	id := newID(state.KindKeyValue)
	p := acquire(t, b, id)
	must(t, p.Restore([]state.ChangelogRow{logged("old", "1", 1), logged("both", "1", 1)}, 2))
	before := stored(t, p)

	twin, err := p.Rebuild(context.Background())
	must(t, err)
	if len(stored(t, twin)) != 0 || twin.Checkpoint().Offset != -1 {
		t.Fatal("a twin is not empty")
	}
	must(t, twin.Restore([]state.ChangelogRow{logged("abandoned", "1", 1)}, 50))
	same(t, "rows beside a twin", stored(t, p), before)
	twin.Release()
	same(t, "rows after a twin was released", stored(t, p), before)

	for round := range 3 { // each goes to where the one before came from
		twin, err = p.Rebuild(context.Background())
		must(t, err)
		if rows := stored(t, twin); len(rows) != 0 {
			t.Fatalf("round %d: a twin has rows: %s", round, show(rows))
		}
		must(t, twin.Restore([]state.ChangelogRow{logged("both", "2", 2), logged(fmt.Sprint("new", round), "2", 2)}, 5))
		must(t, twin.Restore(nil, int64(6+round)))
		must(t, twin.Swap())
		if err := twin.Restore([]state.ChangelogRow{logged("later", "", 0)}, 9); err == nil {
			t.Fatal("a twin could be written after the swap")
		}
		twin.Release()
		want := map[string]row{"both": {"2", 2}, fmt.Sprint("new", round): {"2", 2}}
		same(t, "rows after the swap", stored(t, p), want)
		if c := p.Checkpoint(); c.Offset != int64(6+round) {
			t.Fatalf("checkpoint after the swap is %+v", c)
		}
		p.Release()
		p = acquire(t, b, id)
		same(t, "rows of the next holder", stored(t, p), want)
		if c := p.Checkpoint(); c.Offset != int64(6+round) {
			t.Fatalf("checkpoint of the next holder is %+v", c)
		}
	}
	must(t, p.Drop())
	p.Release()
}

func testDrop(t *testing.T, b state.Backend) {
	id, beside := newID(state.KindKeyValue), newID(state.KindKeyValue)
	beside.Name, beside.Partition = id.Name, id.Partition+1
	p, q := acquire(t, b, id), acquire(t, b, beside)
	defer q.Release()
	must(t, p.Restore([]state.ChangelogRow{logged("", "1", 1), logged("\xff\xff", "1", 1)}, 2))
	must(t, q.Restore([]state.ChangelogRow{logged("", "2", 2), logged("\xff\xff", "2", 2)}, 2))
	must(t, p.Drop())
	same(t, "dropped rows", stored(t, p), map[string]row{})
	same(t, "rows beside", stored(t, q), map[string]row{"": {"2", 2}, "\xff\xff": {"2", 2}})
	p.Release()
	p = acquire(t, b, id)
	defer p.Release()
	if c := p.Checkpoint(); c.Offset != -1 || len(stored(t, p)) != 0 {
		t.Fatalf("after a drop the next holder finds %+v", c)
	}
}

// generation makes a committed generation of a store with these rows.
func generation(t fataler, p state.Partition, rows map[string]string) *state.Generation {
	s := state.NewKeyValue(state.Config{Name: p.ID().Name, Partition: p}, serde.String, serde.String)
	for k, v := range rows {
		must(t, s.PutRow(state.Row[string, string]{Key: k, Value: v}))
	}
	must(t, s.Flush(nil))
	s.Commit(-1)
	return s.Pending()[0]
}

func testLeases(t *testing.T, b state.Backend) {
	id, other := newID(state.KindKeyValue), newID(state.KindKeyValue)
	p, q := acquire(t, b, id), acquire(t, b, other)
	defer q.Release()

	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	cancel(why)
	if _, err := b.Acquire(ctx, id); !errors.Is(err, why) || !strings.Contains(err.Error(), id.String()) {
		t.Fatalf("Acquire of a leased partition with a context that has ended: %v", err)
	}

	old := generation(t, p, map[string]string{"k": "old"})
	second := make(chan state.Partition)
	go func() {
		next, err := b.Acquire(context.Background(), id)
		if err != nil {
			t.Error(err)
		}
		second <- next
	}()
	must(t, b.Apply(context.Background(), []*state.Generation{generation(t, p, map[string]string{"k": "1"})}))
	p.Release()
	p.Release()
	next := <-second

	// The former holder writes nothing any more, nor does what is applied together with it.
	if err := b.Apply(context.Background(), []*state.Generation{generation(t, q, map[string]string{"q": "1"}), old}); !errors.Is(err, state.ErrLeaseEnded) {
		t.Fatalf("Apply for a lease that has ended: %v", err)
	}
	if old.Applied() || len(stored(t, q)) != 0 {
		t.Fatal("a refused Apply wrote something")
	}
	for what, err := range map[string]error{"Restore": p.Restore(nil, 1), "Drop": p.Drop(), "Rebuild": func() error { _, err := p.Rebuild(context.Background()); return err }()} {
		if !errors.Is(err, state.ErrLeaseEnded) {
			t.Errorf("%s for a lease that has ended: %v", what, err)
		}
	}
	p.Release()
	if err := next.Restore(nil, 5); err != nil {
		t.Fatalf("the former holder's Release ended the lease of the next: %v", err)
	}
	same(t, "rows", stored(t, next), map[string]row{"k": {"1", 0}})
	next.Release()
}

func testKinds(t *testing.T, b state.Backend) {
	id := newID(state.KindKeyValue)
	acquire(t, b, id).Release()
	id.Kind, id.Partition = state.KindWindow, id.Partition+1
	_, err := b.Acquire(context.Background(), id)
	if err == nil || !strings.Contains(err.Error(), id.Name) || !strings.Contains(err.Error(), "key-value") || !strings.Contains(err.Error(), "window") {
		t.Fatalf("acquired a key-value store as a window store: %v", err)
	}
}

func testCursors(t *testing.T, b state.Backend) {
	p := acquire(t, b, newID(state.KindKeyValue))
	defer p.Release()
	var all []string
	var rows []state.ChangelogRow
	for i := range 3000 {
		k := fmt.Sprintf("%04d", i)
		all, rows = append(all, k), append(rows, logged(k, "v"+k, int64(i)))
	}
	must(t, p.Restore(rows, 1))
	before := p.Scan(nil, nil, false)
	must(t, p.Restore([]state.ChangelogRow{tombstone("0001"), logged("0002", "changed", 1)}, 2))
	n := 0
	for before.Next() {
		if _, v, _ := state.ParseRowValue(before.Value()); string(before.Key()) != all[n] || string(v) != "v"+all[n] {
			t.Fatalf("a cursor sees what was written after it: %q: %q", before.Key(), v)
		}
		n++
	}
	must(t, before.Close())
	if n != len(all) {
		t.Fatalf("a cursor saw %d rows, want %d", n, len(all))
	}
	must(t, p.Restore(rows, 3))
	for _, c := range []struct{ lower, upper string }{{"", ""}, {"0100", ""}, {"", "0100"}, {"0100", "0100"}, {"0099x", "2999"}, {"5", ""}, {"2", "1"}} {
		var lower, upper []byte
		from, to := 0, len(all)
		if c.lower != "" {
			lower = []byte(c.lower)
			from, _ = slices.BinarySearch(all, c.lower)
		}
		if c.upper != "" {
			upper = []byte(c.upper)
			to, _ = slices.BinarySearch(all, c.upper)
		}
		want := slices.Clone(all[min(from, to):to])
		for _, reverse := range []bool{false, true} {
			var got []string
			cursor := p.Scan(lower, upper, reverse)
			for cursor.Next() {
				got = append(got, string(cursor.Key()))
			}
			must(t, cursor.Close())
			if reverse {
				slices.Reverse(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("scan of [%q, %q), reverse %v: %d rows, want %d", c.lower, c.upper, reverse, len(got), len(want))
			}
		}
	}
	if v, found, err := p.Get([]byte("before "), []byte("0007")); err != nil || !found || !strings.HasPrefix(string(v), "before ") || !strings.HasSuffix(string(v), "v0007") {
		t.Errorf("Get = %q, %v, %v", v, found, err)
	}
	if v, found, err := p.Get([]byte("before"), []byte("000")); err != nil || found || string(v) != "before" {
		t.Errorf("Get of no row = %q, %v, %v", v, found, err)
	}
	must(t, p.Drop())
}

func testPartitions(t *testing.T, b state.Backend) {
	id, empty := newID(state.KindWindow), newID(state.KindKeyValue)
	p := acquire(t, b, id)
	acquire(t, b, empty).Release()
	must(t, p.Restore([]state.ChangelogRow{logged(windowKey(1, "a"), "", 1)}, 1))
	ids, err := b.Partitions()
	must(t, err)
	if !slices.Contains(ids, id) || slices.Contains(ids, empty) {
		t.Fatalf("partitions are %v; want %v among them, and not %v", ids, id, empty)
	}
	must(t, p.Drop())
	p.Release()
	ids, err = b.Partitions()
	must(t, err)
	if slices.Contains(ids, id) {
		t.Fatalf("partitions are %v after a drop of %v", ids, id)
	}
}

// testConcurrentApply applies on another goroutine while the store is read and written, as the engine does.
func testConcurrentApply(t *testing.T, b state.Backend) {
	p := acquire(t, b, newID(state.KindWindow))
	defer p.Release()
	s := state.NewWindow(state.Config{Name: "s", Partition: p, Budget: state.NewBudget(20_000)},
		state.WindowConfig{SizeMs: 10, RetentionMs: 200}, serde.String, serde.Int64)
	work := make(chan []*state.Generation, 2)
	done := make(chan error, 1)
	go func() {
		for g := range work {
			if err := b.Apply(context.Background(), g); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	want := map[string]int64{}
	for i := range int64(4000) {
		k, start := fmt.Sprint(i*31%50), i/20/10*10
		slot, kept, err := s.Lookup(k, start)
		must(t, err)
		if !kept || slot.Value != want[windowKey(start, k)] {
			t.Fatalf("record %d: %v is %d, want %d", i, k, slot.Value, want[windowKey(start, k)])
		}
		s.Set(slot, slot.Value+1, i)
		want[windowKey(start, k)]++
		if i%100 == 0 {
			must(t, s.Flush(nil))
			s.Commit(i)
			work <- s.Pending()
		}
		if i%150 == 0 {
			maps.DeleteFunc(want, func(k string, _ int64) bool { return startOf(k) < start-199 })
			n := 0
			for r, err := range s.All() {
				must(t, err)
				if n++; r.Value != want[windowKey(r.Key.Start, r.Key.Key)] {
					t.Fatalf("record %d: row %v is %d, want %d", i, r.Key, r.Value, want[windowKey(r.Key.Start, r.Key.Key)])
				}
			}
			if n != len(want) {
				t.Fatalf("record %d: %d rows, want %d", i, n, len(want))
			}
			for r, err := range s.Fetch(k, 0, start) {
				must(t, err)
				if r.Value != want[windowKey(r.Key.Start, k)] {
					t.Fatalf("record %d: fetched %d, want %d", i, r.Value, want[windowKey(r.Key.Start, k)])
				}
			}
		}
	}
	close(work)
	must(t, <-done)
	must(t, s.Close())
	if _, ok := windows.Time([]byte(slices.Min(slices.Collect(maps.Keys(want))))); !ok {
		t.Fatal("no rows")
	}
}
