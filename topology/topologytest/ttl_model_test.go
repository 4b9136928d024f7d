package topologytest_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// naiveTTL counts, and looks at every row to find out which are due.
type naiveTTL struct {
	ttl, granule, time int64
	rows               map[string]naiveTTLRow
}

type naiveTTLRow struct{ count, timestamp, updated int64 }

func (n *naiveTTL) add(key string, ts int64) (out []string) {
	n.time = max(n.time, ts)
	for at := int64(0); at+n.granule-1 <= n.time-n.ttl; at += n.granule {
		for _, k := range slices.Sorted(maps.Keys(n.rows)) {
			if n.rows[k].updated/n.granule*n.granule == at {
				delete(n.rows, k)
				out = append(out, fmt.Sprintf("%s=null@%d", k, n.time))
			}
		}
	}
	r, ok := n.rows[key]
	if !ok {
		r.timestamp = ts
	}
	r.count, r.timestamp, r.updated = r.count+1, max(r.timestamp, ts), n.time
	n.rows[key] = r
	return append(out, fmt.Sprintf("%s=%d@%d", key, r.count, r.timestamp))
}

func TestRowsExpireAsInTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ttl := rapid.Int64Range(1, 60).Draw(rt, "ttl")
		model := naiveTTL{ttl: ttl, granule: max(1, ttl/16), time: -1, rows: map[string]naiveTTLRow{}}
		topo := build(t, func(b *topology.Builder) {
			counts := b.Stream("in", serde.String, serde.String).GroupByKey().
				Count("counts", topology.TTL(time.Duration(ttl)*time.Millisecond))
			counts.ToStream().To("out")
			counts.Filter(func(string, int64) bool { return true }).ToStream().To("filtered")
		})
		d := topologytest.New(t, topo, topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 2000}).Draw(rt, "cache")))
		in := topologytest.Input(d, "in", serde.String, serde.String)
		out := topologytest.Output(d, "out", serde.String, serde.Int64)
		filtered := topologytest.Output(d, "filtered", serde.String, serde.Int64)
		now := int64(0)
		for range rapid.IntRange(1, 50).Draw(rt, "records") {
			now += rapid.SampledFrom([]int64{0, 1, 2, 7, ttl, 3 * ttl}).Draw(rt, "step")
			ts := max(0, now-rapid.SampledFrom([]int64{0, 0, 0, 5, 2 * ttl}).Draw(rt, "late"))
			key := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "key")
			in.Send(key, "", topologytest.AtMs(ts))
			want := model.add(key, ts)
			if got := lines(out.ReadAll()); !slices.Equal(got, want) {
				rt.Errorf("%s@%d gives %v, want %v", key, ts, got, want)
			}
			if got := lines(filtered.ReadAll()); !slices.Equal(got, want) {
				rt.Errorf("%s@%d gives %v behind a filter, want %v", key, ts, got, want)
			}
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 9 {
				d.Restart(topologytest.State(rapid.Bool().Draw(rt, "empty")))
			}
		}
		if got, want := len(topologytest.KeyValue[string, int64](d, "counts").All()), len(model.rows); got != want {
			rt.Errorf("%d rows are left, want %d", got, want)
		}
		if index := topologytest.Windows[string, []byte](d, "counts-ttl").All(); len(index) > len(model.rows)*18 {
			rt.Errorf("the index has %d rows for %d", len(index), len(model.rows))
		}
	})
}

// A delete by a record leaves nothing to expire, and a new row of the key lives its full time.
func TestDeletedRowsDoNotExpire(t *testing.T) {
	d := topologytest.New(t, build(t, func(b *topology.Builder) {
		b.Table("rows", "rows", serde.String, serde.String, topology.TTL(10*time.Millisecond)).ToStream().To("out")
	}))
	in := topologytest.Input(d, "rows", serde.String, serde.String)
	out := topologytest.Output(d, "out", serde.String, serde.String)
	in.Send("a", "1", topologytest.AtMs(0))
	in.Send("b", "1", topologytest.AtMs(1))
	in.Delete("a", topologytest.AtMs(2))
	in.Send("a", "2", topologytest.AtMs(5))
	d.Restart(topologytest.EmptyState)
	in.Send("c", "1", topologytest.AtMs(12))
	in.Send("c", "2", topologytest.AtMs(15))
	got, want := fmt.Sprint(out.ReadAll()), "[a=1@0 b=1@1 a=null@2 a=2@5 b=null@12 c=1@12 a=null@15 c=2@15]"
	if got != want {
		t.Errorf("results are %s, want %s", got, want)
	}
}
