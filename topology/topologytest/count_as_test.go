package topologytest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// units are counts of another type.
type units struct{ N int64 }

func toUnits(n int64) units   { return units{n} }
func fromUnits(u units) int64 { return u.N }

func windowStart(k string, w windows.Window) string { return fmt.Sprint(k, w.Start) }

// Counts of another type are those of int64, in the same topology.
func TestCountsOfAnotherType(t *testing.T) {
	plain := build(t, func(b *topology.Builder) {
		g := b.Stream("in", serde.String, serde.String).GroupByKey()
		g.Count("keys").ToStream().To("keys")
		g.Windowed(windows.Hopping(4*time.Millisecond, 2*time.Millisecond)).Count("windows").ToStream(windowStart).To("windows")
		g.Sessions(windows.Session(2 * time.Millisecond)).Count("sessions").ToStream(windowStart).To("sessions")
		b.Table("rows", "rows", serde.String, serde.String).GroupBy(func(k, v string) (string, string) { return v, k }, topology.Named("by-value")).
			Count("groups").ToStream().To("groups")
	})
	other := build(t, func(b *topology.Builder) {
		g := b.Stream("in", serde.String, serde.String).GroupByKey()
		number := func(_ string, u units) int64 { return u.N }
		g.CountAs("keys", toUnits, fromUnits).ToStream().MapValues(number).To("keys")
		g.Windowed(windows.Hopping(4*time.Millisecond, 2*time.Millisecond)).CountAs("windows", toUnits, fromUnits).ToStream(windowStart).MapValues(number).To("windows")
		g.Sessions(windows.Session(2*time.Millisecond)).CountAs("sessions", toUnits, fromUnits).ToStream(windowStart).MapValues(number).To("sessions")
		b.Table("rows", "rows", serde.String, serde.String).GroupBy(func(k, v string) (string, string) { return v, k }, topology.Named("by-value")).
			CountAs("groups", toUnits, fromUnits).ToStream().MapValues(number).To("groups")
	})
	run := func(topo *topology.Topology) string {
		d := topologytest.New(t, topo)
		in := topologytest.Input(d, "in", serde.String, serde.String)
		rows := topologytest.Input(d, "rows", serde.String, serde.String)
		for i, k := range []string{"a", "b", "a", "a", "b", "a"} {
			in.Send(k, "v", topologytest.AtMs(int64(i*i)))
			rows.Send(k, fmt.Sprint(i%2), topologytest.AtMs(int64(i)))
		}
		in.Delete("a", topologytest.AtMs(30))
		rows.Delete("a", topologytest.AtMs(30))
		var all []string
		for _, topic := range []string{"keys", "windows", "sessions", "groups"} {
			for _, r := range topologytest.Output(d, topic, serde.String, serde.Int64).ReadAll() {
				all = append(all, fmt.Sprint(topic, r))
			}
		}
		return fmt.Sprint(all)
	}
	if want, got := run(plain), run(other); got != want || len(want) < 300 {
		t.Errorf("counts are %s\nwant       %s", got, want)
	}
}
