package operators_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// buffer is a partition of a delay's store, opened on what the backend has of it.
func buffer(t *rapid.T, backend state.Backend) (*state.KeyValueStore[[]byte, []operators.Delayed[string]], state.Partition) {
	p, err := backend.Acquire(context.Background(), state.StoreID{Name: "buffer", Kind: state.KindKeyValue})
	if err != nil {
		t.Fatal(err)
	}
	return state.NewKeyValue(state.Config{Name: "buffer", Partition: p}, serde.Bytes, operators.DelayedSerde(serde.String)), p
}

// Records leave in the order of time, key and arrival when time has reached theirs + grace, late ones at once, over
// aborts and restarts too.
func TestDelayIsThatOfTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type row struct {
			ts         int64
			key, value string
		}
		backend := state.NewMemory()
		defer backend.Close()
		grace := rapid.SampledFrom([]int64{0, 1, 5, 20}).Draw(t, "grace")
		var got []string
		forward := func(r *operators.Record[string, string]) error {
			got = append(got, fmt.Sprint(r.Key, "=", r.Value, "@", r.Timestamp, r.Headers))
			return nil
		}
		store, lease := buffer(t, backend)
		newDelay := func() operators.Forward[string, string] {
			return operators.Delay[string, string]{Buffer: store, Keys: serde.String, GraceMs: grace}.Forward(newContext(), forward)
		}
		delay := newDelay()
		now, time := int64(0), int64(-1)
		var waiting []row
		for i := range rapid.IntRange(1, 50).Draw(t, "records") {
			now += rapid.SampledFrom([]int64{0, 0, 1, 3, 30}).Draw(t, "step")
			r := row{max(0, now-rapid.SampledFrom([]int64{0, 0, 2, 8, 25}).Draw(t, "late")), rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "key"), fmt.Sprint(i)}
			show := func(r row) string { return fmt.Sprint(r.key, "=", r.value, "@", r.ts, " [{n ", []byte(r.value), "}]") }
			var want []string
			if r.ts < time-grace {
				want = append(want, show(r))
			} else {
				time = max(time, r.ts)
				waiting = append(waiting, r)
				slices.SortStableFunc(waiting, func(a, b row) int { return cmp.Or(cmp.Compare(a.ts, b.ts), strings.Compare(a.key, b.key)) })
				for len(waiting) > 0 && waiting[0].ts <= time-grace {
					want, waiting = append(want, show(waiting[0])), waiting[1:]
				}
			}
			got = nil
			if err := delay(&operators.Record[string, string]{Key: r.key, Value: r.value, Timestamp: r.ts, Headers: []operators.Header{{Key: "n", Value: []byte(r.value)}}}); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("record %v at time %d with grace %d: %v leave, want %v", r, time, grace, got, want)
			}
			commit(t, backend, store)
			switch rapid.SampledFrom([]string{"", "", "abort", "restart"}).Draw(t, "disturbance") {
			case "abort":
				// What an operator did is undone, and it is made anew.
				if err := delay(&operators.Record[string, string]{Key: "c", Timestamp: now + 100}); err != nil {
					t.Fatal(err)
				}
				store.Abort()
				delay = newDelay()
			case "restart":
				lease.Release()
				store, lease = buffer(t, backend)
				delay = newDelay()
			}
		}
	})
}

func TestDelayAndNulls(t *testing.T) {
	backend := state.NewMemory()
	defer backend.Close()
	null := operators.Record[string, string]{NullKey: true}
	for _, keep := range []bool{false, true} {
		c := newContext()
		p, err := backend.Acquire(context.Background(), state.StoreID{Name: fmt.Sprint(keep), Kind: state.KindKeyValue})
		if err != nil {
			t.Fatal(err)
		}
		store := state.NewKeyValue(state.Config{Name: "buffer", Partition: p}, serde.Bytes, operators.DelayedSerde(serde.String))
		delay := operators.Delay[string, string]{Buffer: store, Keys: serde.String, KeepNullKeys: keep}.Forward(c, func(*operators.Record[string, string]) error {
			t.Error("a null was forwarded")
			return nil
		})
		if err := delay(&operators.Record[string, string]{NullValue: true}); err != nil {
			t.Error(err)
		}
		err = delay(&null)
		if keep != (err != nil && strings.Contains(err.Error(), "null key")) {
			t.Errorf("keep %v: a null key gives the error %v", keep, err)
		}
		if c.Dropped[operators.NullValue] != 1 || c.Dropped[operators.NullKey] != map[bool]uint64{false: 1, true: 0}[keep] {
			t.Errorf("keep %v: dropped %v", keep, c.Dropped)
		}
	}
}

// Rows that a store cannot have written are an error, never a panic.
func FuzzRowsOfJoins(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 1, 'a', 0, 0, 0, 1, 'b'})
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 1, 'k', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 'b'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1})
	delayed, unmatched := operators.DelayedSerde(serde.String), operators.UnmatchedSerde(serde.String, serde.Bytes)
	f.Fuzz(func(t *testing.T, b []byte) {
		if rows, err := delayed.Decode(b); err == nil {
			again, err := delayed.Append(nil, rows)
			if err != nil {
				t.Fatal(err)
			}
			if rows2, err := delayed.Decode(again); err != nil || fmt.Sprint(rows2) != fmt.Sprint(rows) {
				t.Errorf("%v becomes %v, %v", rows, rows2, err)
			}
		}
		if rows, err := unmatched.Decode(b); err == nil {
			again, err := unmatched.Append(nil, rows)
			if err != nil {
				t.Fatal(err)
			}
			if rows2, err := unmatched.Decode(again); err != nil || fmt.Sprint(rows2) != fmt.Sprint(rows) {
				t.Errorf("%v becomes %v, %v", rows, rows2, err)
			}
		}
	})
}
