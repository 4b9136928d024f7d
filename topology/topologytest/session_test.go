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

// Tests see into the stores of every kind of window and of joins, over all partitions.
func TestStoresOfWindowsAndJoinsAreShown(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		in := b.Stream("in", serde.String, serde.String)
		in.GroupByKey().Sessions(windows.Session(10 * time.Millisecond)).Count("sessions")
		in.GroupByKey().Windowed(windows.Sliding(10 * time.Millisecond)).Count("sliding")
		in.Join(in, windows.Within(10*time.Millisecond), "pairs", func(_, a, b string) string { return a + b }).To("out")
	})
	d := topologytest.New(t, topo, topologytest.Partitions(2))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "a", topologytest.AtMs(20), topologytest.ToPartition(0))
	in.Send("k", "b", topologytest.AtMs(25), topologytest.ToPartition(0))
	in.Send("l", "c", topologytest.AtMs(21), topologytest.ToPartition(1))

	sessions := topologytest.Sessions[string, int64](d, "sessions")
	if got := fmt.Sprint(sessions.All()); got != "[{{k {20 25}} 2 25} {{l {21 21}} 1 21}]" {
		t.Errorf("sessions are %s", got)
	}
	if n, ok := sessions.Get("l", windows.Window{Start: 21, End: 21}); n != 1 || !ok {
		t.Errorf("a session has %d, %v", n, ok)
	}
	if n, ok := sessions.Get("k", windows.Window{Start: 20, End: 20}); ok {
		t.Errorf("a session that grew is there still, with %d", n)
	}
	if n, ok := topologytest.Windows[string, int64](d, "sliding").Get("k", time.UnixMilli(15)); n != 2 || !ok {
		t.Errorf("a sliding window has %d, %v", n, ok)
	}
	if got := fmt.Sprint(topologytest.Lists[string, string](d, "pairs-left").All()); got != "[{k a 20} {k b 25} {l c 21}]" {
		t.Errorf("what waits on the left is %s", got)
	}
}
