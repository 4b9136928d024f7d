package topologytest_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// Until windows close, suppression gives what the aggregation itself gives on close, in the same order, after whatever
// restart.
func TestSuppressedWindowsAreThoseOnClose(t *testing.T) {
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.Int64Range(1, 20).Draw(rt, "size")
		advance := rapid.Int64Range(1, size).Draw(rt, "advance")
		limits := rapid.Bool().Draw(rt, "limits")
		topo := build(t, func(b *topology.Builder) {
			w := b.Stream("in", serde.String, serde.String).GroupByKey().
				Windowed(windows.Hopping(ms(size), ms(advance)).Grace(ms(rapid.Int64Range(0, 15).Draw(rt, "grace"))))
			until := topology.UntilWindowCloses("buffer")
			if limits {
				until = until.MaxRecords(10_000).MaxBytes(1 << 20)
			}
			w.Count("updated").Suppress(until).ToStream(windows.Key).To("suppressed")
			w.OnClose().Count("closed").ToStream(windows.Key).To("finals")
		})
		d := topologytest.New(t, topo, topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 3000}).Draw(rt, "cache")))
		in := topologytest.Input(d, "in", serde.String, serde.String)
		k := windows.TimeKeySerde(serde.String, ms(size))
		suppressed, finals := topologytest.Output(d, "suppressed", k, serde.Int64), topologytest.Output(d, "finals", k, serde.Int64)
		now := int64(0)
		for range rapid.IntRange(1, 40).Draw(rt, "records") {
			now += rapid.SampledFrom([]int64{0, 1, 2, 5, 40}).Draw(rt, "step")
			ts := max(0, now-rapid.SampledFrom([]int64{0, 0, 3, 9, 25}).Draw(rt, "late"))
			in.Send(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "key"), "", topologytest.AtMs(ts))
			if got, want := show(suppressed.ReadAll()), show(finals.ReadAll()); !slices.Equal(got, want) {
				rt.Errorf("at %d suppression gives %v, want %v", ts, got, want)
			}
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 9 {
				d.Restart(topologytest.State(rapid.Bool().Draw(rt, "empty")))
			}
		}
	})
}

// naiveLimit is suppression until a time limit as a list that is sorted again and again.
type naiveLimit struct {
	limit, most, time int64
	held              []naiveHeld
	left              map[string]string // what left last
}

type naiveHeld struct {
	at        int64
	key, last string
	old       string
	timestamp int64
}

func (n *naiveLimit) add(key, value string, ts int64) (out []string) {
	n.time = max(n.time, ts)
	i := slices.IndexFunc(n.held, func(h naiveHeld) bool { return h.key == key })
	if i < 0 {
		i = len(n.held)
		n.held = append(n.held, naiveHeld{at: ts, key: key, old: n.left[key]})
	}
	n.held[i].last, n.held[i].timestamp = value, ts
	slices.SortFunc(n.held, func(a, b naiveHeld) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.key, b.key))
	})
	for len(n.held) > 0 && (n.held[0].at <= n.time-n.limit || n.most >= 0 && int64(len(n.held)) > n.most) {
		h := n.held[0]
		n.held = n.held[1:]
		n.left[h.key] = h.last
		out = append(out, fmt.Sprintf("%s:%s>%s@%d", h.key, cmp.Or(h.old, "-"), cmp.Or(h.last, "-"), h.timestamp))
	}
	return out
}

func TestSuppressionUntilATimeLimitIsThatOfTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		model := naiveLimit{
			limit: rapid.Int64Range(0, 15).Draw(rt, "limit"), most: rapid.Int64Range(-1, 3).Draw(rt, "most"), time: -1, left: map[string]string{},
		}
		topo := build(t, func(b *topology.Builder) {
			until := topology.UntilTimeLimit("buffer", time.Duration(model.limit)*time.Millisecond)
			if model.most >= 0 {
				until = until.MaxRecords(model.most).EmitEarly()
			}
			rows := b.Table("rows", "rows", serde.String, serde.String).Suppress(until)
			rows.ToStream().To("out")
			b.Stream("probe", serde.String, serde.String).
				LeftJoinTable(rows, func(_, _ string, row serde.Optional[string]) string { return row.Value }).To("probed")
		})
		d := topologytest.New(t, topo, topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 2000}).Draw(rt, "cache")))
		in := topologytest.Input(d, "rows", serde.String, serde.String)
		probe := topologytest.Input(d, "probe", serde.String, serde.String)
		out := topologytest.Output(d, "out", serde.String, serde.String)
		probed := topologytest.Output(d, "probed", serde.String, serde.String)
		now := int64(0)
		for i := range rapid.IntRange(1, 40).Draw(rt, "records") {
			now += rapid.SampledFrom([]int64{0, 1, 2, 5, 20}).Draw(rt, "step")
			ts := max(0, now-rapid.SampledFrom([]int64{0, 0, 3, 9}).Draw(rt, "late"))
			key := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "key")
			before := map[string]string{}
			for k, v := range model.left {
				before[k] = v
			}
			var want []string
			if rapid.IntRange(0, 4).Draw(rt, "delete") == 4 {
				in.Delete(key, topologytest.AtMs(ts))
				want = model.add(key, "", ts)
			} else {
				v := fmt.Sprint("v", i)
				in.Send(key, v, topologytest.AtMs(ts), topologytest.Header("n", v))
				want = model.add(key, v, ts)
			}
			var got []string
			for _, r := range out.ReadAll() {
				if h, _ := r.Header("n"); h != r.Value {
					rt.Errorf("%v has the headers of %q", r, h)
				}
				value := cmp.Or(r.Value, "-")
				got = append(got, fmt.Sprintf("%s:%s>%s@%d", r.Key, cmp.Or(before[r.Key], "-"), value, r.Timestamp))
				before[r.Key] = r.Value
			}
			if !slices.Equal(got, want) {
				rt.Errorf("%s@%d gives %v, want %v", key, ts, got, want)
			}
			probe.Send(key, "", topologytest.AtMs(0))
			if v := probed.Read().Value; v != model.left[key] {
				rt.Errorf("the row of %q is %q, want %q", key, v, model.left[key])
			}
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 9 {
				d.Restart(topologytest.State(rapid.Bool().Draw(rt, "empty")))
			}
		}
	})
}

// The buffer that must not emit early stops the task, and says how full it is.
func TestAFullSuppressionBufferFails(t *testing.T) {
	for want, until := range map[string]topology.Suppression{
		"it holds 3 records in 96 bytes, and may hold 2 records":              topology.UntilTimeLimit("buffer", time.Hour).MaxRecords(2),
		"it holds 3 records in 96 bytes, and may hold 9 records and 80 bytes": topology.UntilTimeLimit("buffer", time.Hour).MaxRecords(9).MaxBytes(80),
	} {
		d := topologytest.New(t, build(t, func(b *topology.Builder) {
			b.Table("rows", "", serde.String, serde.String).Suppress(until, topology.Named("calm")).ToStream().To("out")
		}))
		in := topologytest.Input(d, "rows", serde.String, serde.String)
		in.Send("a", "12345678901234567890", topologytest.AtMs(1))
		in.Send("b", "12345678901234567890", topologytest.AtMs(2))
		d.Restart(topologytest.EmptyState)
		in.Send("b", "12345678901234567890", topologytest.AtMs(3))
		err := in.SendErr("c", "12345678901234567890", topologytest.AtMs(4))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `operator "calm"`) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

// A windowed table can be held back for a time too; what a filter refused leaves as a delete.
func TestWindowsUntilATimeLimit(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		w := b.Stream("in", serde.String, serde.String).GroupByKey().Windowed(windows.Tumbling(10 * time.Millisecond).Grace(100 * time.Millisecond))
		w.Aggregate("texts", func() string { return "" }, func(_, v, a string) string { return a + v }).
			Filter(func(_ string, _ windows.Window, v string) bool { return v != "ab" }).
			Suppress(topology.UntilTimeLimit("buffer", 5*time.Millisecond)).
			ToStream(func(k string, w windows.Window) string { return fmt.Sprint(k, w.Start) }).To("out")
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	for _, r := range []struct {
		v  string
		ts int64
	}{{"a", 0}, {"x", 12}, {"b", 3}, {"y", 20}, {"c", 4}, {"z", 40}} {
		in.Send("k", r.v, topologytest.AtMs(r.ts))
	}
	got := fmt.Sprint(topologytest.Output(d, "out", serde.String, serde.String).ReadAll())
	if want := "[k0=a@0 k0=null@3 k10=x@12 k0=abc@4 k20=y@20]"; got != want {
		t.Errorf("results are %s, want %s", got, want)
	}
}

// Any number of rows may leave at once: they do so in turns, between which there may be a commit, a crash and the next
// record's wait.
func TestManyRowsLeaveAtOnce(t *testing.T) {
	const keys = 5000
	topo := build(t, func(b *topology.Builder) {
		s := b.Stream("in", serde.String, serde.String)
		s.GroupByKey().Windowed(windows.Tumbling(10 * time.Millisecond)).Count("windows").
			Suppress(topology.UntilWindowCloses("open")).ToStream(windows.Key).To("closed")
		s.GroupByKey().Count("counts", topology.TTL(10*time.Millisecond)).ToStream().To("expired")
	})
	d := topologytest.New(t, topo, topologytest.CommitEvery(700))
	in := topologytest.Input(d, "in", serde.String, serde.String)
	for i := range keys {
		in.Send(fmt.Sprintf("%04d", i), "", topologytest.AtMs(int64(i%3)))
	}
	d.Commit()
	expired := topologytest.Output(d, "expired", serde.String, serde.Int64)
	expired.ReadAll()
	// The record has a row that is due, which goes before it is counted.
	in.Send("4999", "", topologytest.AtMs(100))
	d.Restart(topologytest.EmptyState)
	in.Send("4999", "", topologytest.AtMs(101))
	d.Commit()
	closed := topologytest.Output(d, "closed", windows.TimeKeySerde(serde.String, 10*time.Millisecond), serde.Int64).ReadAll()
	for i, r := range closed {
		if want := fmt.Sprintf("%04d", i); r.Key.Key != want || r.Value != 1 {
			t.Fatalf("window %d that closes is %v, want that of %s", i, r, want)
		}
	}
	if len(closed) != keys {
		t.Errorf("%d windows closed, want %d", len(closed), keys)
	}
	gone, counted := map[string]int{}, []string{}
	for _, r := range expired.ReadAll() {
		if !r.NullValue {
			counted = append(counted, r.String())
		} else if gone[r.Key]++; r.Timestamp != 100 {
			t.Fatalf("%v expired, want that at 100", r)
		}
	}
	if len(gone) != keys || len(counted) != 2 || counted[0] != "4999=1@100" || counted[1] != "4999=2@101" {
		t.Errorf("%d rows expired, want %d; counted is %v", len(gone), keys, counted)
	}
}
