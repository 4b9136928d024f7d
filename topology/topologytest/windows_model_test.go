package topologytest_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

type event struct {
	key string
	ts  int64
}

// randomEvents are records in a time that goes on, most of them in order and none later than late.
func randomEvents(t *rapid.T, late int64) []event {
	events := make([]event, rapid.IntRange(1, 40).Draw(t, "records"))
	now := rapid.SampledFrom([]int64{0, 0, 100}).Draw(t, "from")
	for i := range events {
		now += rapid.SampledFrom([]int64{0, 1, 2, 5, 40}).Draw(t, "step")
		ts := max(0, now-min(late, rapid.SampledFrom([]int64{0, 0, 3, 9, 25}).Draw(t, "late")))
		events[i] = event{rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"), ts}
	}
	return events
}

// showKeyed writes results in windows of any kind: KEY/START-END=VALUE@TIMESTAMP.
func showKeyed(records []topologytest.Record[windows.Keyed[string], int64]) (lines []string) {
	for _, r := range records {
		value := fmt.Sprint(r.Value)
		if r.NullValue {
			value = "null"
		}
		lines = append(lines, fmt.Sprintf("%s/%d-%d=%s@%d", r.Key.Key, r.Key.Start, r.Key.End, value, r.Timestamp))
	}
	return lines
}

// naiveSessions is Kafka Streams' rule for sessions as loops over all sessions that ever were.
type naiveSessions struct {
	gap, grace, retention int64
	time, put, emitted    int64
	onClose               bool
	rows                  map[windows.Keyed[string]]int64
	drops                 uint64
}

func newNaiveSessions(gap, grace, retention int64, onClose bool) *naiveSessions {
	return &naiveSessions{
		gap: gap, grace: grace, retention: retention, time: -1, put: -1, emitted: -1, onClose: onClose,
		rows: map[windows.Keyed[string]]int64{},
	}
}

func (n *naiveSessions) visible(end int64) bool {
	bound := n.put - n.retention + 1
	if n.onClose {
		bound = min(bound, max(0, n.emitted))
	}
	return end >= bound
}

func (n *naiveSessions) add(e event) (updates []string) {
	n.time = max(n.time, e.ts)
	session := windows.Key(e.key, windows.Window{Start: e.ts, End: e.ts})
	var found []windows.Keyed[string]
	count := int64(1)
	for _, k := range n.sorted() {
		if k.Key == e.key && n.visible(k.End) && k.End >= e.ts-n.gap && k.Start <= e.ts+n.gap {
			found = append(found, k)
			count += n.rows[k]
			session.Start, session.End = min(session.Start, k.Start), max(session.End, k.End)
		}
	}
	if session.End < n.time-n.grace-n.gap {
		n.drops++
		return nil
	}
	if session.Start < session.End {
		for _, k := range found {
			delete(n.rows, k)
			updates = append(updates, fmt.Sprintf("%s/%d-%d=null@%d", k.Key, k.Start, k.End, k.End))
		}
	}
	if n.visible(session.End) {
		n.rows[session] = count
	} else {
		n.drops++
	}
	n.put = max(n.put, session.End)
	return append(updates, fmt.Sprintf("%s/%d-%d=%d@%d", session.Key, session.Start, session.End, count, session.End))
}

func (n *naiveSessions) sorted() []windows.Keyed[string] {
	return slices.SortedFunc(maps.Keys(n.rows), func(a, b windows.Keyed[string]) int {
		return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.Start, b.Start), strings.Compare(a.Key, b.Key))
	})
}

func (n *naiveSessions) close() (finals []string) {
	closed := n.time - n.grace - n.gap
	for _, k := range n.sorted() {
		if n.emitted <= k.End && k.End < closed {
			finals = append(finals, fmt.Sprintf("%s/%d-%d=%d@%d", k.Key, k.Start, k.End, n.rows[k], k.End))
		}
	}
	if closed > 0 {
		n.emitted = max(n.emitted, closed)
	}
	return finals
}

func TestSessionsAreThoseOfTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		gap, grace := rapid.Int64Range(0, 10).Draw(rt, "gap"), rapid.Int64Range(0, 15).Draw(rt, "grace")
		retention := max(1, gap+grace) + rapid.SampledFrom([]int64{0, 0, 7, 1000}).Draw(rt, "longer")
		topo := build(t, func(b *topology.Builder) {
			w := b.Stream("in", serde.String, serde.String).GroupByKey().Sessions(windows.Session(millis(gap)).Grace(millis(grace)))
			w.Count("updated", topology.Retention(millis(retention))).ToStream(windows.Key).To("updates")
			w.OnClose().Count("closed", topology.Retention(millis(retention))).ToStream(windows.Key).To("finals")
		})
		d := topologytest.New(t, topo, topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 3000}).Draw(rt, "cache")))
		in := topologytest.Input(d, "in", serde.String, serde.String)
		k := windows.KeySerde(serde.String)
		updates, finals := topologytest.Output(d, "updates", k, serde.Int64), topologytest.Output(d, "finals", k, serde.Int64)
		updated, closed := newNaiveSessions(gap, grace, retention, false), newNaiveSessions(gap, grace, retention, true)
		for _, e := range randomEvents(rt, math.MaxInt64) {
			in.Send(e.key, "", topologytest.AtMs(e.ts))
			if got, want := showKeyed(updates.ReadAll()), updated.add(e); !slices.Equal(got, want) {
				rt.Fatalf("%v updates %v, want %v", e, got, want)
			}
			closed.add(e)
			if got, want := showKeyed(finals.ReadAll()), closed.close(); !slices.Equal(got, want) {
				rt.Fatalf("%v closes %v, want %v", e, got, want)
			}
		}
		if got, want := dropped(d), updated.drops+closed.drops; got != want {
			rt.Errorf("dropped %v, want %d", d.Dropped(), want)
		}
	})
}

func dropped(d *topologytest.Driver) (n uint64) {
	for _, drop := range d.Dropped() {
		n += drop.Records
	}
	return n
}

// slidingWindows are the windows of a key's records by their definition: of each record the one that ends with it, the
// one after it if that holds any, and one for all in the first difference after the epoch.
func slidingWindows(records []int64, difference int64) map[windows.Window][]int64 {
	all := make(map[windows.Window][]int64)
	for _, ts := range records {
		start := max(0, ts-difference)
		all[windows.Window{Start: start, End: start + difference}] = nil
		all[windows.Window{Start: ts + 1, End: ts + 1 + difference}] = nil
	}
	for w := range all {
		for _, ts := range records {
			if w.Start <= ts && ts <= w.End {
				all[w] = append(all[w], ts)
			}
		}
		if len(all[w]) == 0 {
			delete(all, w)
		}
	}
	return all
}

func showSliding(key string, w windows.Window, records []int64) string {
	return fmt.Sprintf("%s/%d-%d=%d@%d", key, w.Start, w.End, len(records), slices.Max(records))
}

// Every record within the grace updates exactly the windows that it is in, and makes the one after it if records came
// before their turn. Final results are those of all windows, once, in order.
func TestSlidingWindowsAreThoseOfTheDefinition(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		difference, grace := rapid.Int64Range(0, 12).Draw(rt, "difference"), rapid.Int64Range(0, 15).Draw(rt, "grace")
		topo := build(t, func(b *topology.Builder) {
			w := b.Stream("in", serde.String, serde.String).GroupByKey().Windowed(windows.Sliding(millis(difference)).Grace(millis(grace)))
			w.Count("updated", topology.Retention(time.Second)).ToStream(windows.Key).WithSerdes(windows.KeySerde(serde.String), serde.Int64).To("updates")
			w.OnClose().Count("closed").ToStream(windows.Key).WithSerdes(windows.KeySerde(serde.String), serde.Int64).To("finals")
		})
		d := topologytest.New(t, topo, topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 3000}).Draw(rt, "cache")))
		in := topologytest.Input(d, "in", serde.String, serde.String)
		k := windows.KeySerde(serde.String)
		updates, finals := topologytest.Output(d, "updates", k, serde.Int64), topologytest.Output(d, "finals", k, serde.Int64)
		records, now := map[string][]int64{}, int64(-1)
		var emitted []string
		for _, e := range randomEvents(rt, grace) {
			before := slidingWindows(records[e.key], difference)
			records[e.key], now = append(records[e.key], e.ts), max(now, e.ts)
			var want []string
			for w, in := range slidingWindows(records[e.key], difference) {
				if _, there := before[w]; w.Start <= e.ts && e.ts <= w.End || w.Start == e.ts+1 && !there {
					want = append(want, showSliding(e.key, w, in))
				}
			}
			in.Send(e.key, "", topologytest.AtMs(e.ts))
			got := showKeyed(updates.ReadAll())
			slices.Sort(want)
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, want) {
				rt.Fatalf("%v updates %v, want %v", e, got, want)
			}
			emitted = append(emitted, showKeyed(finals.ReadAll())...)
		}
		// A last record, not an early one, closes all.
		in.Send("z", "", topologytest.AtMs(now+1000))
		emitted = append(emitted, showKeyed(finals.ReadAll())...)
		type final struct {
			windows.Window
			key, line string
		}
		var want []final
		for key, times := range records {
			for w, in := range slidingWindows(times, difference) {
				want = append(want, final{w, key, showSliding(key, w, in)})
			}
		}
		slices.SortFunc(want, func(a, b final) int { return cmp.Or(cmp.Compare(a.Start, b.Start), strings.Compare(a.key, b.key)) })
		lines := make([]string, len(want))
		for i := range want {
			lines[i] = want[i].line
		}
		if !slices.Equal(emitted, lines) {
			rt.Errorf("final results are %v, want %v", emitted, lines)
		}
		if drops := d.Dropped(); len(drops) > 0 {
			rt.Errorf("dropped %v", drops)
		}
	})
}

// What is later than all its windows allow is dropped and moves nothing.
func TestSlidingWindowsDropWhatIsLate(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.Stream("in", serde.String, serde.String).GroupByKey().Windowed(windows.Sliding(10 * time.Millisecond).Grace(5 * time.Millisecond)).
			Count("counts").ToStream(windows.Key).To("out")
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	out := topologytest.Output(d, "out", windows.TimeKeySerde(serde.String, 10*time.Millisecond), serde.Int64)
	in.Send("a", "", topologytest.AtMs(100))
	in.Send("b", "", topologytest.AtMs(84)) // 84 + 10 < 100 - 5
	in.Send("b", "", topologytest.AtMs(85)) // its left window has closed
	in.Send("", "", topologytest.NullKey(), topologytest.AtMs(500))
	in.Delete("b", topologytest.AtMs(500))
	in.Send("b", "", topologytest.AtMs(95))
	if got, want := fmt.Sprint(showKeyed(out.ReadAll())), "[a/90-100=1@100 b/85-95=1@95]"; got != want {
		t.Errorf("results are %s, want %s", got, want)
	}
	want := []topologytest.Drop{
		{Operator: "counts-window-count", Reason: operators.NullKey, Records: 1},
		{Operator: "counts-window-count", Reason: operators.NullValue, Records: 1},
		{Operator: "counts-window-count", Reason: operators.Late, Records: 2},
	}
	if got := d.Dropped(); !slices.Equal(got, want) {
		t.Errorf("dropped %v, want %v", got, want)
	}
}

func TestCountWindowsAreThoseOfTheDefinition(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 6).Draw(rt, "size")
		advance := rapid.IntRange(1, size).Draw(rt, "advance")
		topo := build(t, func(b *topology.Builder) {
			w := b.Stream("in", serde.String, serde.String).GroupByKey().Windowed(windows.HoppingCount(size, advance))
			w.Count("updated").ToStream(windows.Key).To("updates")
			w.OnClose().Count("closed").ToStream(windows.Key).To("finals")
		})
		d := topologytest.New(t, topo, topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1}).Draw(rt, "cache")))
		in := topologytest.Input(d, "in", serde.String, serde.String)
		k := windows.KeySerde(serde.String)
		updates, finals := topologytest.Output(d, "updates", k, serde.Int64), topologytest.Output(d, "finals", k, serde.Int64)
		records := map[string][]int64{}
		for _, e := range randomEvents(rt, math.MaxInt64) {
			in.Send(e.key, "", topologytest.AtMs(e.ts))
			n := len(records[e.key])
			records[e.key] = append(records[e.key], e.ts)
			var wantUpdates, wantFinals []string
			for start := 0; start <= n; start += advance {
				line := fmt.Sprintf("%s/%d-%d=%d@%d", e.key, start, start+size, n-start+1, slices.Max(records[e.key][start:]))
				if n < start+size {
					wantUpdates = append(wantUpdates, line)
				}
				if n == start+size-1 {
					wantFinals = append(wantFinals, line)
				}
			}
			if got := showKeyed(updates.ReadAll()); !slices.Equal(got, wantUpdates) {
				rt.Fatalf("%v updates %v, want %v", e, got, wantUpdates)
			}
			if got := showKeyed(finals.ReadAll()); !slices.Equal(got, wantFinals) {
				rt.Fatalf("%v closes %v, want %v", e, got, wantFinals)
			}
		}
	})
}

// With Combine the results are those without, whatever is late, and so is what is counted as late.
func TestPanesChangeNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		unit := rapid.Int64Range(1, 4).Draw(rt, "unit")
		advance := unit * rapid.Int64Range(1, 6).Draw(rt, "advance")
		size := advance + unit*rapid.Int64Range(0, 14).Draw(rt, "size")
		grace := rapid.Int64Range(0, 15).Draw(rt, "grace")
		longer := func(a, b string) string {
			if len(b) > len(a) || len(b) == len(a) && b > a {
				return b
			}
			return a
		}
		topo := build(t, func(b *topology.Builder) {
			w := b.Stream("in", serde.String, serde.String).GroupByKey().Windowed(windows.Hopping(millis(size), millis(advance)).Grace(millis(grace))).OnClose()
			w.Count("plain-count").ToStream(windows.Key).To("plain")
			w.Count("pane-count", topology.Combine(func(a, b int64) int64 { return a + b })).ToStream(windows.Key).To("panes")
			w.Reduce("plain-longest", longer).ToStream(windows.Key).To("plain-longest")
			w.Reduce("pane-longest", longer, topology.Combine(longer)).ToStream(windows.Key).To("pane-longest")
		})
		d := topologytest.New(t, topo, topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 3000}).Draw(rt, "cache")))
		in := topologytest.Input(d, "in", serde.String, serde.String)
		k := windows.TimeKeySerde(serde.String, millis(size))
		plain, panes := topologytest.Output(d, "plain", k, serde.Int64), topologytest.Output(d, "panes", k, serde.Int64)
		longest, paneLongest := topologytest.Output(d, "plain-longest", k, serde.String), topologytest.Output(d, "pane-longest", k, serde.String)
		for i, e := range randomEvents(rt, math.MaxInt64) {
			in.Send(e.key, strings.Repeat("x", i%5)+fmt.Sprint(i), topologytest.AtMs(e.ts))
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 9 {
				d.Restart(topologytest.State(rapid.Bool().Draw(rt, "empty")))
			}
			if got, want := show(panes.ReadAll()), show(plain.ReadAll()); !slices.Equal(got, want) {
				rt.Fatalf("%v closes %v with panes, and %v without", e, got, want)
			}
			if got, want := fmt.Sprint(paneLongest.ReadAll()), fmt.Sprint(longest.ReadAll()); got != want {
				rt.Fatalf("%v closes %v with panes, and %v without", e, got, want)
			}
		}
		late := map[string]uint64{}
		for _, drop := range d.Dropped() {
			late[strings.Split(drop.Operator, "-")[0]] += drop.Records
		}
		if late["plain"] != late["pane"] {
			rt.Errorf("dropped %v", d.Dropped())
		}
	})
}
