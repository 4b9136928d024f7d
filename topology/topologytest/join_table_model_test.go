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

// A stream joins the present rows of a table, whatever their timestamps, and the rows of a global table by another key; an
// unlimited window counts what is not before its start. All give what a map does, record by record, with any cache, commits
// anywhere and restarts on kept and on empty state.
func TestJoinsWithTablesAreThoseOfTheModel(t *testing.T) {
	const start = 20
	topo := build(t, func(b *topology.Builder) {
		rows := b.Table("rows", "rows", serde.String, serde.String)
		names := b.GlobalTable("names", "names", serde.String, serde.String)
		in := b.Stream("in", serde.String, serde.String)
		with := func(_, v string, row serde.Optional[string]) string { return v + "+" + optionalText(row) }
		in.JoinTable(rows, func(_, v, row string) string { return v + "+" + row }).To("inner")
		in.LeftJoinTable(rows, with).To("left")
		in.LeftJoinGlobal(names, func(_, v string) string { return v }, with).To("global")
		in.GroupByKey().Windowed(windows.Unlimited().StartOn(time.UnixMilli(start))).Count("since").
			ToStream(func(k string, _ windows.Window) string { return k }).To("since")
	})
	rapid.Check(t, func(rt *rapid.T) {
		d := topologytest.New(t, topo, cached(rt), topologytest.Partitions(rapid.IntRange(1, 3).Draw(rt, "partitions")))
		ins := map[string]*topologytest.InputTopic[string, string]{}
		for _, topic := range []string{"rows", "names", "in"} {
			ins[topic] = topologytest.Input(d, topic, serde.String, serde.String)
		}
		since := topologytest.Output(d, "since", serde.String, serde.Int64)
		outs := map[string]func() []string{"since": func() []string { return lines(since.ReadAll()) }}
		for _, topic := range []string{"inner", "left", "global"} {
			out := topologytest.Output(d, topic, serde.String, serde.String)
			outs[topic] = func() []string { return lines(out.ReadAll()) }
		}
		tables := map[string]map[string]string{"rows": {}, "names": {}}
		counts, newest := map[string]int{}, map[string]int64{}
		for range rapid.IntRange(1, 40).Draw(rt, "records") {
			topic := rapid.SampledFrom([]string{"rows", "names", "in", "in"}).Draw(rt, "topic")
			key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "key")
			value := rapid.SampledFrom([]string{"a", "b", "c", ""}).Draw(rt, "value")
			ts := rapid.Int64Range(0, 40).Draw(rt, "timestamp")
			want := map[string][]string{}
			switch {
			case topic == "in":
				row := func(table, key string) string {
					if v, ok := tables[table][key]; ok {
						return v
					}
					return "-"
				}
				result := func(table, k string) string { return fmt.Sprintf("%s=%s+%s@%d", key, value, row(table, k), ts) }
				want["left"], want["global"] = []string{result("rows", key)}, []string{result("names", value)}
				if row("rows", key) != "-" {
					want["inner"] = want["left"]
				}
				if ts >= start {
					counts[key]++
					newest[key] = max(newest[key], ts)
					want["since"] = []string{fmt.Sprintf("%s=%d@%d", key, counts[key], newest[key])}
				}
				ins[topic].Send(key, value, topologytest.AtMs(ts))
			case value == "":
				delete(tables[topic], key)
				ins[topic].Delete(key, topologytest.AtMs(ts))
			default:
				tables[topic][key] = value
				ins[topic].Send(key, value, topologytest.AtMs(ts))
			}
			for topic, read := range outs {
				if got := read(); !slices.Equal(got, want[topic]) {
					rt.Fatalf("%s %s=%s@%d gives %v in %q, want %v", topic, key, value, ts, got, topic, want[topic])
				}
			}
			if rapid.IntRange(0, 7).Draw(rt, "restart") == 7 {
				d.Restart(topologytest.State(rapid.Bool().Draw(rt, "empty")))
			}
		}
	})
}
