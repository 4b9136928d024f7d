package topologytest_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// A cogroup is one row per key that every input adds to, in the order of the records; the same grouping twice adds twice.
func TestCogroupIsThatOfTheModel(t *testing.T) {
	text := serde.Nullable(serde.String)
	type optional = serde.Optional[string]
	add := func(sign string) func(string, string, optional) optional {
		return func(_, v string, a optional) optional {
			if v == "drop" {
				return serde.None[string]()
			}
			return serde.Some(a.Value + sign + v)
		}
	}
	topo := build(t, func(b *topology.Builder) {
		a := b.Stream("a", serde.String, serde.String).GroupByKey()
		c := b.Stream("b", serde.String, serde.String).GroupByKey()
		a.Cogroup(add("+")).And(c, add("-")).And(a, add("*")).
			Aggregate("texts", func() optional { return serde.Some("0") }, topology.StoreSerdes(serde.String, text)).
			ToStream().To("out")
	})
	rapid.Check(t, func(rt *rapid.T) {
		partitions := rapid.IntRange(1, 3).Draw(rt, "partitions")
		d := topologytest.New(t, topo, topologytest.Partitions(partitions), topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 2000}).Draw(rt, "cache")))
		inputs := map[string]*topologytest.InputTopic[string, optional]{}
		for _, topic := range []string{"a", "b"} {
			inputs[topic] = topologytest.Input(d, topic, serde.String, text)
		}
		out := topologytest.Output(d, "out", serde.String, text)
		type row struct {
			text string
			ts   int64
		}
		rows, dropped := map[string]row{}, uint64(0)
		for range rapid.IntRange(0, 40).Draw(rt, "records") {
			topic := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "topic")
			key := rapid.SampledFrom([]string{"k", "l", "m"}).Draw(rt, "key")
			value := rapid.SampledFrom([]string{"1", "2", "drop", "null"}).Draw(rt, "value")
			ts := rapid.Int64Range(0, 50).Draw(rt, "ts")
			signs := map[string][]string{"a": {"+", "*"}, "b": {"-"}}[topic]
			if value == "null" {
				inputs[topic].Delete(key, topologytest.AtMs(ts))
				dropped += uint64(len(signs))
				continue
			}
			inputs[topic].Send(key, serde.Some(value), topologytest.AtMs(ts))
			var want []string
			for _, sign := range signs {
				r, ok := rows[key]
				if !ok {
					r.text = "0"
				}
				r.text, r.ts = r.text+sign+value, max(r.ts, ts)
				if value == "drop" {
					delete(rows, key)
					want = append(want, fmt.Sprintf("%s=null@%d", key, r.ts))
					continue
				}
				rows[key] = r
				want = append(want, fmt.Sprintf("%s={%s true}@%d", key, r.text, r.ts))
			}
			var got []string
			for _, r := range out.ReadAll() {
				got = append(got, r.String())
			}
			if !slices.Equal(got, want) {
				rt.Errorf("%s: %s=%s@%d gives %v, want %v", topic, key, value, ts, got, want)
			}
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 9 {
				d.Restart(topologytest.State(rapid.Bool().Draw(rt, "empty")))
				dropped = 0
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
