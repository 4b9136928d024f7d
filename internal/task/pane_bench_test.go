package task_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// One operation is one record of 100 keys, 10,000 records for each advance, at which a window of each key closes: with panes
// its cost hardly depends on how many windows it lies in.
func BenchmarkPanes(b *testing.B) {
	for _, ratio := range []int{1, 5, 60} {
		for name, opts := range map[string][]topology.StoreOption{
			"panes": {topology.Combine(func(a, b int64) int64 { return a + b })}, "plain": nil,
		} {
			b.Run(fmt.Sprintf("%s/%d windows", name, ratio), func(b *testing.B) {
				l := newLoop(b, func(s stream) stream {
					w := s.GroupByKey().Windowed(windows.Hopping(time.Duration(ratio)*time.Second, time.Second)).OnClose()
					return w.Count("counts", opts...).ToStream(func(k int64, w windows.Window) int64 { return k + w.Start }).
						WithSerdes(serde.Int64, serde.Int64)
				})
				b.ReportAllocs()
				rounds := 0
				for n := 0; n < b.N; n += loopRecords {
					for i := range l.records {
						l.records[i].Timestamp = 1_001_000 + int64(n/10+i/10) // ms, behind those of newLoop
					}
					l.round()
					if rounds++; rounds%10 == 0 {
						l.commit()
					}
				}
			})
		}
	}
}
