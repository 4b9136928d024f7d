package task_test

import (
	"context"
	"testing"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

type stream = topology.Stream[int64, int64]

// paths are the hot paths, from the encoded input to the encoded output.
var paths = map[string]func(stream) stream{
	"copy": func(s stream) stream { return s },
	"filter": func(s stream) stream {
		return s.Filter(func(_, v int64) bool { return v%2 == 0 })
	},
	"mapValues": func(s stream) stream {
		return s.MapValues(func(_, v int64) int64 { return v + 1 })
	},
	"map": func(s stream) stream {
		return s.Map(func(k, v int64) (int64, int64) { return v, k })
	},
	"pipe": func(s stream) stream {
		return s.Through[int64](pipes.Func[int64, int64](func(_ context.Context, v int64) (int64, error) { return v + 1, nil }), "")
	},
	"branch and merge": func(s stream) stream {
		branches := s.Branch(func(_, v int64) bool { return v%2 == 0 })
		return branches[0].Merge(branches[1])
	},
	"count": func(s stream) stream {
		return s.GroupByKey().Count("counts").ToStream()
	},
	"count, on commit": func(s stream) stream {
		return s.GroupByKey().Count("counts", topology.EmitOnCommit()).ToStream()
	},
	"join": func(s stream) stream {
		return s.JoinTable(s.ToTable("rows"), func(_, v, row int64) int64 { return v + row })
	},
	"windowed count": func(s stream) stream {
		return s.GroupByKey().Windowed(windows.Hopping(time.Hour, 20*time.Minute)).Count("counts").
			ToStream(func(k int64, w windows.Window) int64 { return k + w.Start }).WithSerdes(serde.Int64, serde.Int64)
	},
	"windowed count, on close": func(s stream) stream {
		return s.GroupByKey().Windowed(windows.Tumbling(time.Hour)).OnClose().Count("counts").
			ToStream(func(k int64, w windows.Window) int64 { return k + w.Start }).WithSerdes(serde.Int64, serde.Int64)
	},
}

// A record costs no allocation from the task's buffer to the collector, once its key is cached.
func TestHotPathsDoNotAllocate(t *testing.T) {
	for name, path := range paths {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t, path)
			l.round()
			if n := testing.AllocsPerRun(10, l.round); n != 0 {
				t.Errorf("%v allocations for %d records, want 0", n, loopRecords)
			}
			l.commit()
			if l.out.sent == 0 && name != "windowed count, on close" {
				t.Error("nothing came out")
			}
		})
	}
}
