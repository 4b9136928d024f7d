package topologytest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

var errInjected = errors.New("injected")

// Wherever one failure is injected, a driver that goes on from it has lost nothing and doubled nothing.
func TestAfterAnyFaultNothingIsLostOrDoubled(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).
			GroupBy(func(_, v string) string { return v }).Count("counts").
			ToStream(topology.Named("changes")).To("out")
	})
	run := func(t *testing.T, goOn func(d *topologytest.Driver), opts ...topologytest.Option) (out string, failures int) {
		d := topologytest.New(t, topo, append(opts, topologytest.Partitions(2), topologytest.CommitEvery(3))...)
		in := topologytest.Input(d, "in", serde.String, serde.String)
		try := func(err error) {
			if err != nil {
				failures++
				if !errors.Is(err, errInjected) {
					t.Fatalf("error is %v", err)
				}
				goOn(d)
			}
		}
		for i := range 10 {
			try(in.SendErr(fmt.Sprint("k", i), fmt.Sprint("v", i%3), topologytest.AtMs(int64(i))))
		}
		in.Send("last", "v0", topologytest.AtMs(10)) // no fault is that far
		d.Commit()
		var rows []string
		for _, r := range topologytest.Output(d, "out", serde.String, serde.Int64).ReadAll() {
			rows = append(rows, r.String())
		}
		slices.Sort(rows)
		return fmt.Sprint(rows, topologytest.KeyValue[string, int64](d, "counts").All()), failures
	}
	want, _ := run(t, nil)
	abort := func(d *topologytest.Driver) { d.Abort() }
	kept := func(d *topologytest.Driver) { d.Restart(topologytest.KeptState) }
	empty := func(d *topologytest.Driver) { d.Restart(topologytest.EmptyState) }
	for _, c := range []struct {
		name  string
		most  int
		fault func(n int) topologytest.Option
		goOn  []func(*topologytest.Driver)
	}{
		{"record", 10, func(n int) topologytest.Option { return topologytest.FailRecord("changes", n, errInjected) }, []func(*topologytest.Driver){abort, kept, empty}},
		{"commit", 6, func(n int) topologytest.Option { return topologytest.FailCommit(n, errInjected) }, []func(*topologytest.Driver){abort, kept, empty}},
		{"write", 5, func(n int) topologytest.Option { return topologytest.FailWrite("counts", n, errInjected) }, []func(*topologytest.Driver){kept, empty}},
	} {
		for n := 1; n <= c.most; n++ {
			for i, goOn := range c.goOn {
				got, failures := run(t, goOn, c.fault(n))
				if got != want || failures != 1 {
					t.Errorf("%s %d, way %d: %d failures, got\n%s\nwant\n%s", c.name, n, i, failures, got, want)
				}
			}
		}
	}
}

func TestFaultsNameTheirPlace(t *testing.T) {
	topo := counting(t)
	d := topologytest.New(failing{t}, topo,
		topologytest.FailRecord("check", 1, errInjected), topologytest.FailCommit(1, errInjected), topologytest.FailWrite("counts", 1, errInjected))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	goOn := []func(){d.Abort, d.Abort, func() { d.Restart(topologytest.KeptState) }}
	for i, want := range []string{
		`operator "check", task 0_0, topic "in", partition 0, offset 0, key "k": injected`,
		`commit: injected`,
		`apply: write store counts, partition 0: injected`,
	} {
		var got string
		if i == 0 {
			got = failureOf(func() { in.Send("k", "v") })
		} else {
			got = failureOf(goOn[i-1]) // which runs the record again
		}
		if !strings.Contains(got, want) {
			t.Errorf("failure %d is %q\nwant %s", i, got, want)
		}
	}
	if got := failureOf(d.Abort); !strings.Contains(got, "only Restart can go on from") {
		t.Errorf("Abort after a failed write says %q", got)
	}
	d.Restart(topologytest.KeptState)
	if n, _ := topologytest.KeyValue[string, int64](d, "counts").Get("k"); n != 1 {
		t.Errorf("count is %d", n)
	}
	for want, opt := range map[string]topologytest.Option{
		`option FailRecord: topology "app" has no operator "chek"`: topologytest.FailRecord("chek", 1, errInjected),
		`option FailWrite: topology "app" has no store "count"`:    topologytest.FailWrite("count", 1, errInjected),
	} {
		if got := failureOf(func() { topologytest.New(failing{t}, topo, opt) }); !strings.Contains(got, want) {
			t.Errorf("the test fails with %q, want %q", got, want)
		}
	}
}

// Every kind of store can be read, whole and by partition.
func TestStoresOfEveryKindAreShown(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		in := b.Stream("in", serde.String, serde.String)
		keyed := in.GroupByKey()
		keyed.Count("counts")
		keyed.Windowed(windows.Tumbling(10 * time.Millisecond)).Count("tumbling")
		keyed.Windowed(windows.Sliding(5 * time.Millisecond)).Count("sliding")
		keyed.Sessions(windows.Session(5 * time.Millisecond)).Count("sessions")
		in.ToTable("versions", topology.Versioned(time.Second))
		buffer := b.ListStore("buffer", time.Second, serde.String, serde.String)
		in.Process(func(c *operators.Context, _ forward) (forward, error) {
			buffer := buffer.In(c)
			return func(r *record) error { return buffer.Append(r.Key, r.Timestamp, r.Value) }, nil
		}, buffer)
		b.GlobalTable("names", "global", serde.String, serde.String)
	})
	d := topologytest.New(t, topo, topologytest.Partitions(2))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("a", "x", topologytest.AtMs(1), topologytest.ToPartition(0))
	in.Send("a", "y", topologytest.AtMs(3), topologytest.ToPartition(0))
	in.Send("b", "z", topologytest.AtMs(12), topologytest.ToPartition(1))
	topologytest.Input(d, "names", serde.String, serde.String).Send("n", "global")

	at := func(rows []state.Row[windows.Keyed[string], int64]) string {
		var s []string
		for _, r := range rows {
			s = append(s, fmt.Sprintf("%s[%d,%d]=%d", r.Key.Key, r.Key.Start, r.Key.End, r.Value))
		}
		return strings.Join(s, " ")
	}
	counts, buffer := topologytest.KeyValue[string, int64](d, "counts"), topologytest.Lists[string, string](d, "buffer")
	tumbling, sliding := topologytest.Windows[string, int64](d, "tumbling"), topologytest.Windows[string, int64](d, "sliding")
	sessions, versions := topologytest.Sessions[string, int64](d, "sessions"), topologytest.Versions[string, string](d, "versions")
	one, _ := sessions.Get("a", windows.Window{Start: 1, End: 3})
	name, _ := topologytest.KeyValue[string, string](d, "global").Get("n")
	for want, got := range map[string]any{
		"[{a 2 3} {b 1 12}]":                  counts.All(),
		"[{b 1 12}]":                          counts.Partition(1).All(),
		"a[0,10]=2 b[10,20]=1":                at(tumbling.All()),
		"b[10,20]=1":                          at(tumbling.Of("b")),
		"":                                    at(tumbling.Partition(0).Of("b")),
		"a[1,3]=2 b[12,12]=1":                 at(sessions.All()),
		"b[12,12]=1":                          at(sessions.Partition(1).Of("b")),
		"2":                                   one,
		"a[0,5]=2 a[2,7]=1 b[7,12]=1":         at(sliding.All()),
		"b[7,12]=1":                           at(sliding.Partition(1).All()),
		"[{a x 1} {a y 3} {b z 12}]":          buffer.All(),
		"[{a x 1} {a y 3}]":                   buffer.Partition(0).Of("a"),
		"[{y 3 9223372036854775807} {x 1 3}]": versions.History("a"),
		"[{a y 3}]":                           versions.Partition(0).All(),
		"global":                              name,
	} {
		if s := fmt.Sprint(got); s != want {
			t.Errorf("got %s\nwant %s", s, want)
		}
	}
	d = topologytest.New(failing{t}, topo)
	for want, do := range map[string]func(){
		`store "counts" has 1 partitions and no partition 1`:                          func() { topologytest.KeyValue[string, int64](d, "counts").Partition(1) },
		`store "sessions" is a *state.SessionStore[string,int64], not a state.Window`: func() { topologytest.Windows[string, int64](d, "sessions") },
	} {
		if got := failureOf(do); !strings.Contains(got, want) {
			t.Errorf("the test fails with %q, want %q", got, want)
		}
	}
}
