package topologytest_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// Each input of a windowed cogroup has its own time, through restarts too: what is late depends on the input's records only.
// With a retention longer than that the rows are those of a plain loop over all windows.
func TestWindowedCogroupIsThatOfTheModel(t *testing.T) {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	add := func(_, v, a string) string { return a + v }
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.Int64Range(1, 20).Draw(rt, "size")
		advance := rapid.Int64Range(1, size).Draw(rt, "advance")
		grace := rapid.Int64Range(0, 15).Draw(rt, "grace")
		topo := build(t, func(b *topology.Builder) {
			a, c := b.Stream("a", serde.String, serde.String).GroupByKey(), b.Stream("b", serde.String, serde.String).GroupByKey()
			a.Cogroup(add).And(c, add).Windowed(windows.Hopping(ms(size), ms(advance)).Grace(ms(grace))).
				Aggregate("texts", func() string { return "" }, topology.Retention(time.Hour)).
				ToStream(func(k string, w windows.Window) string { return fmt.Sprint(k, w.Start) }).To("out")
		})
		d := topologytest.New(t, topo, topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 3000}).Draw(rt, "cache")))
		inputs := map[string]*topologytest.InputTopic[string, string]{
			"a": topologytest.Input(d, "a", serde.String, serde.String), "b": topologytest.Input(d, "b", serde.String, serde.String),
		}
		out := topologytest.Output(d, "out", serde.String, serde.String)
		times, rows, late := map[string]int64{"a": -1, "b": -1}, map[string]string{}, uint64(0)
		updated := map[string]int64{}
		now := int64(0)
		for i := range rapid.IntRange(1, 40).Draw(rt, "records") {
			now += rapid.SampledFrom([]int64{0, 1, 2, 5, 40}).Draw(rt, "step")
			ts := max(0, now-rapid.SampledFrom([]int64{0, 0, 3, 9, 25}).Draw(rt, "late"))
			topic := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "topic")
			key, v := rapid.SampledFrom([]string{"k", "l"}).Draw(rt, "key"), string(rune('A'+i))
			inputs[topic].Send(key, v, topologytest.AtMs(ts))
			times[topic] = max(times[topic], ts)
			var want []string
			for start := int64(0); start <= ts; start += advance {
				switch {
				case ts >= start+size:
				case start+size <= times[topic]-grace:
					late++
				default:
					row := fmt.Sprint(key, start)
					rows[row] += v
					updated[row] = max(updated[row], ts)
					want = append(want, fmt.Sprintf("%s=%s@%d", row, rows[row], updated[row]))
				}
			}
			if got := lines(out.ReadAll()); !slices.Equal(got, want) {
				rt.Errorf("%s: %s@%d gives %v, want %v", topic, key, ts, got, want)
			}
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 9 {
				d.Restart(topologytest.State(rapid.Bool().Draw(rt, "empty")))
				late = 0
			}
		}
		var n uint64
		for _, drop := range d.Dropped() {
			n += drop.Records
		}
		if n != late {
			rt.Errorf("dropped %v, want %d", d.Dropped(), late)
		}
	})
}
