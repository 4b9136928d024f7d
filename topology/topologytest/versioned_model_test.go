package topologytest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// naiveVersions keeps every record of a key by timestamp.
type naiveVersions map[string]map[int64]string

// asOf is the value at a time, "" for none.
func (n naiveVersions) asOf(key string, ts int64) (value string, from int64) {
	from = -1
	for at, v := range n[key] {
		if at <= ts && at > from {
			value, from = v, at
		}
	}
	return value, from
}

func TestVersionedTablesAreThoseOfTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		history := rapid.Int64Range(0, 30).Draw(rt, "history")
		topo := build(t, func(b *topology.Builder) {
			rows := b.Table("rows", "rows", serde.String, serde.String, topology.Versioned(time.Duration(history)*time.Millisecond))
			rows.ToStream().To("out")
			rows.Filter(func(_, v string) bool { return !strings.Contains(v, "3") }).
				MapValues(func(_, v string) string { return v + "!" }).ToStream().To("derived")
			rows.MapValues(func(_, v string) string { return v + "?" }, topology.As("kept")).ToStream().To("kept")
		})
		d := topologytest.New(t, topo, topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 2000}).Draw(rt, "cache")))
		in := topologytest.Input(d, "rows", serde.String, serde.String)
		out := topologytest.Output(d, "out", serde.String, serde.String)
		derived := topologytest.Output(d, "derived", serde.String, serde.String)
		kept := topologytest.Output(d, "kept", serde.String, serde.String)
		store := topologytest.Versions[string, string](d, "rows")
		model := naiveVersions{}
		now, largest, dropped, last := int64(0), int64(-1), uint64(0), map[string]string{}
		for i := range rapid.IntRange(1, 40).Draw(rt, "records") {
			now += rapid.SampledFrom([]int64{0, 1, 2, 5, 20}).Draw(rt, "step")
			ts := max(0, now-rapid.SampledFrom([]int64{0, 0, 3, 9, 40}).Draw(rt, "late"))
			key := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "key")
			value := fmt.Sprint("v", i)
			if rapid.IntRange(0, 4).Draw(rt, "delete") == 4 {
				value = ""
				in.Delete(key, topologytest.AtMs(ts))
			} else {
				in.Send(key, value, topologytest.AtMs(ts))
			}
			known := largest < 0 || ts >= largest-history
			largest = max(largest, ts)
			if known {
				if model[key] == nil {
					model[key] = map[int64]string{}
				}
				model[key][ts], last[key] = value, value
			} else {
				dropped++
			}
			want := func(suffix, not string) []string {
				switch {
				case !known:
					return nil
				case value == "" || not != "" && strings.Contains(value, not):
					return []string{fmt.Sprintf("%s=null@%d", key, ts)}
				}
				return []string{fmt.Sprintf("%s=%s%s@%d", key, value, suffix, ts)}
			}
			for what, c := range map[string]struct{ got, want []string }{
				"the table":       {lines(out.ReadAll()), want("", "")},
				"a derived table": {lines(derived.ReadAll()), want("!", "3")},
				"a kept table":    {lines(kept.ReadAll()), want("?", "")},
			} {
				if !slices.Equal(c.got, c.want) {
					rt.Errorf("%s=%s@%d: %s gives %v, want %v", key, value, ts, what, c.got, c.want)
				}
			}
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 9 {
				d.Restart(topologytest.State(rapid.Bool().Draw(rt, "empty")))
				dropped = 0
			}
		}
		for _, key := range []string{"a", "b"} {
			for at := max(0, largest-history); at <= largest; at++ {
				want, _ := model.asOf(key, at)
				if got, _ := store.GetAsOf(key, time.UnixMilli(at)); got != want {
					rt.Errorf("%q was %q at %d, want %q", key, got, at, want)
				}
			}
			want := ""
			if last[key] != "" {
				want = last[key] + "?"
			}
			if got, _ := topologytest.KeyValue[string, string](d, "kept").Get(key); got != want {
				rt.Errorf("the kept row of %q is %q, want %q", key, got, want)
			}
		}
		var n uint64
		for _, drop := range d.Dropped() {
			n += drop.Records
		}
		if n != dropped {
			rt.Errorf("dropped %v, want %d", d.Dropped(), dropped)
		}
	})
}
