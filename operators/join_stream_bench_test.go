package operators_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// sideStore is an empty store of one side of a join.
func sideStore(b *testing.B, backend state.Backend, name string, retention time.Duration) *state.ListStore[int64, int64] {
	p, err := backend.Acquire(context.Background(), state.StoreID{Name: name, Kind: state.KindList})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Release)
	return state.NewList(state.Config{Name: name, Partition: p}, state.ListConfig{RetentionMs: retention.Milliseconds()}, serde.Int64, serde.Int64)
}

// The inner join of two streams that have each key by turns, so that nearly every record finds one match, with everything in
// the cache and a commit every 10000 records.
func BenchmarkStreamJoin(b *testing.B) {
	for _, keys := range []int64{100, 10_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			backend := state.NewMemory()
			defer backend.Close()
			w := windows.Within(100 * time.Millisecond)
			left, right := sideStore(b, backend, "left", w.Retention()), sideStore(b, backend, "right", w.Retention())
			results := 0
			fromLeft, fromRight := operators.StreamJoin[int64, int64, int64, int64]{
				Window: w, Left: left, Right: right,
				Join: func(_ int64, l, r serde.Optional[int64]) int64 { return l.Value + r.Value },
			}.Forwards(newContext(), newContext(), func(*operators.Record[int64, int64]) error { results++; return nil })
			perMs := keys * 2 / 100 // a key comes once in 100 ms on either side
			var r operators.Record[int64, int64]
			b.ReportAllocs()
			b.ResetTimer()
			for i := range int64(b.N) {
				r = operators.Record[int64, int64]{Key: i / 2 % keys, Value: i, Timestamp: i / perMs}
				side := fromLeft
				if i%2 == 1 {
					side = fromRight
				}
				if err := side(&r); err != nil {
					b.Fatal(err)
				}
				if i%10_000 == 9_999 {
					commit(b, backend, left, right)
				}
			}
			b.ReportMetric(float64(results)/float64(b.N), "results/record")
		})
	}
}

func commit(b rapid.TB, backend state.Backend, stores ...state.Store) {
	var pending []*state.Generation
	for _, s := range stores {
		if err := s.Flush(nil); err != nil {
			b.Fatal(err)
		}
		s.Commit(-1)
		pending = append(pending, s.Pending()...)
	}
	if err := backend.Apply(context.Background(), pending); err != nil {
		b.Fatal(err)
	}
}
