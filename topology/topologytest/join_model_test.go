package topologytest_test

import (
	"cmp"
	"fmt"
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

// naiveJoin is Kafka Streams' join of two streams on one partition, as plain loops over all records that ever were.
type naiveJoin struct {
	before, after, grace int64
	keep                 [2]bool // by side: 0 left, 1 right
	time, bound          int64   // -1: none
	rows                 [2][]naiveJoinRow
	newest               [2]int64
	waiting              []naiveJoinRow
	dropped              uint64
}

type naiveJoinRow struct {
	ts         int64
	side       int
	key, value string
}

func (n *naiveJoin) add(side int, key, value string, ts int64) (results []string) {
	n.time = max(n.time, ts)
	noKey, noValue := key == "", value == ""
	pair := func(k, own, other string, ts int64) {
		l, r := own, other
		if side == 1 {
			l, r = other, own
		}
		results = append(results, fmt.Sprintf("%s=(%s,%s)@%d", k, l, r, ts))
	}
	if noKey && !noValue && n.keep[side] {
		pair("null", value, "-", ts)
		return results
	}
	if noKey || noValue {
		n.dropped++
		return nil
	}
	own, across := n.after, n.before // how much later, and how much earlier, the other record may be
	if side == 1 {
		own, across = n.before, n.after
	}
	if ts == n.time && n.bound >= 0 && n.bound+own+n.grace < n.time {
		results = n.let()
	}
	matched := false
	retention := max(1, n.before+n.after+n.grace)
	for _, o := range sortedByTime(n.rows[1-side]) {
		if o.key != key || o.ts < max(0, ts-across) || o.ts > max(0, ts+own) || o.ts <= n.newest[1-side]-retention {
			continue
		}
		matched = true
		n.waiting = slices.DeleteFunc(n.waiting, func(w naiveJoinRow) bool {
			return w.key == key && w.ts == o.ts && w.side == o.side
		})
		pair(key, value, o.value, max(ts, o.ts))
	}
	row := naiveJoinRow{ts, side, key, value}
	if !matched && n.keep[side] {
		if max(0, ts+own) < n.time {
			pair(key, value, "-", ts)
		} else {
			n.waiting = append(n.waiting, row)
			if n.bound < 0 || ts < n.bound {
				n.bound = ts
			}
		}
	}
	if ts <= n.newest[side]-retention {
		n.dropped++
	} else {
		n.newest[side] = max(n.newest[side], ts)
		n.rows[side] = append(n.rows[side], row)
	}
	return results
}

func sortedByTime(rows []naiveJoinRow) []naiveJoinRow {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b naiveJoinRow) int { return cmp.Compare(a.ts, b.ts) })
	return rows
}

// let returns the results of what waits no longer. It goes through the waiting rows by time, right before left, key, until
// a row of each side has to wait still.
func (n *naiveJoin) let() (results []string) {
	slices.SortStableFunc(n.waiting, func(a, b naiveJoinRow) int {
		return cmp.Or(cmp.Compare(a.ts, b.ts), -cmp.Compare(a.side, b.side), strings.Compare(a.key, b.key))
	})
	var left []naiveJoinRow
	var open [2]bool
	n.bound = -1
	for i, w := range n.waiting {
		n.bound = w.ts
		if open[0] && open[1] {
			left = append(left, n.waiting[i:]...)
			break
		}
		wait := n.after
		if w.side == 1 {
			wait = n.before
		}
		if w.ts+wait+n.grace >= n.time {
			open[w.side] = true
			left = append(left, w)
			continue
		}
		l, r := w.value, "-"
		if w.side == 1 {
			l, r = "-", w.value
		}
		results = append(results, fmt.Sprintf("%s=(%s,%s)@%d", w.key, l, r, w.ts))
	}
	n.waiting = left
	return results
}

func optionalText(o serde.Optional[string]) string {
	if !o.OK {
		return "-"
	}
	return o.Value
}

// Joins of streams give what the model gives, record by record, with any cache and over restarts on kept and on empty
// state.
func TestStreamJoinsAreThoseOfTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		before := rapid.SampledFrom([]int64{0, 1, 5, 10, -2}).Draw(rt, "before")
		after := rapid.SampledFrom([]int64{2, 3, 10}).Draw(rt, "after")
		grace := rapid.SampledFrom([]int64{0, 0, 4, 20}).Draw(rt, "grace")
		ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
		w := windows.Within(ms(after)).Before(ms(before)).Grace(ms(grace))
		topo := build(t, func(b *topology.Builder) {
			l, r := b.Stream("left", serde.String, serde.String), b.Stream("right", serde.String, serde.String)
			l.Join(r, w, "inner", func(_, l, r string) string { return fmt.Sprintf("(%s,%s)", l, r) }).To("out-inner")
			l.LeftJoin(r, w, "outer-left", func(_, l string, r serde.Optional[string]) string {
				return fmt.Sprintf("(%s,%s)", l, optionalText(r))
			}).To("out-left")
			l.OuterJoin(r, w, "outer", func(_ string, l, r serde.Optional[string]) string {
				return fmt.Sprintf("(%s,%s)", optionalText(l), optionalText(r))
			}).To("out-outer")
		})
		partitions := rapid.IntRange(1, 2).Draw(rt, "partitions")
		d := topologytest.New(t, topo, topologytest.Partitions(partitions), topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 3000}).Draw(rt, "cache")))
		topics := []*topologytest.InputTopic[string, string]{
			topologytest.Input(d, "left", serde.String, serde.String), topologytest.Input(d, "right", serde.String, serde.String),
		}
		kinds := []string{"inner", "left", "outer"}
		var outputs []*topologytest.OutputTopic[string, string]
		models := make([][]*naiveJoin, len(kinds))
		for i, kind := range kinds {
			outputs = append(outputs, topologytest.Output(d, "out-"+kind, serde.String, serde.String))
			for range partitions {
				models[i] = append(models[i], &naiveJoin{
					before: before, after: after, grace: grace, keep: [2]bool{i > 0, i > 1}, time: -1, bound: -1, newest: [2]int64{-1, -1},
				})
			}
		}
		now, dropped := int64(0), uint64(0)
		count := func() {
			for _, drop := range d.Dropped() {
				dropped += drop.Records
			}
		}
		for i := range rapid.IntRange(1, 40).Draw(rt, "records") {
			if restart := rapid.IntRange(0, 15).Draw(rt, "restart"); restart < 2 {
				count()
				d.Restart(topologytest.State(restart == 1))
			}
			now += rapid.SampledFrom([]int64{0, 1, 2, 5, 40}).Draw(rt, "step")
			ts := max(0, now-rapid.SampledFrom([]int64{0, 0, 0, 3, 9, 25}).Draw(rt, "late"))
			key := rapid.SampledFrom([]string{"a", "b", "c", "a", "b", "c", ""}).Draw(rt, "key")
			side := rapid.IntRange(0, 1).Draw(rt, "side")
			value := fmt.Sprint(i)
			partition := int(operators.KeyPartition([]byte(key), int32(partitions)))
			opts := []topologytest.SendOption{topologytest.AtMs(ts), topologytest.ToPartition(partition)}
			if key == "" {
				opts = append(opts, topologytest.NullKey())
			}
			if rapid.IntRange(0, 9).Draw(rt, "null") == 0 {
				value, opts = "", append(opts, topologytest.NullValue())
			}
			topics[side].Send(key, value, opts...)
			for j, kind := range kinds {
				var got []string
				for _, r := range outputs[j].ReadAll() {
					got = append(got, r.String())
				}
				if want := models[j][partition].add(side, key, value, ts); !slices.Equal(got, want) {
					rt.Fatalf("%s, before %d after %d grace %d: side %d %q=%q@%d gives\n%v, want\n%v", kind, before, after, grace, side, key, value, ts, got, want)
				}
			}
		}
		count()
		want := uint64(0)
		for _, m := range slices.Concat(models...) {
			want += m.dropped
		}
		if dropped != want {
			rt.Errorf("dropped %d records, want %d: %v", dropped, want, d.Dropped())
		}
	})
}
