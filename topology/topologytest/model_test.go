package topologytest_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// Words that arrive on any partition are counted together, on the partition of the word.
func TestRepartitionBringsKeysTogether(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in, hop, table := rapid.IntRange(1, 4).Draw(rt, "in"), rapid.IntRange(1, 5).Draw(rt, "hop"), rapid.IntRange(1, 3).Draw(rt, "table")
		topo := build(t, func(b *topology.Builder) {
			names := b.Table("names", "names", serde.String, serde.String)
			words := b.Stream("lines", serde.String, serde.String).
				FlatMap(func(_, line string, emit func(string, string)) {
					for _, w := range strings.Fields(line) {
						emit(w, line)
					}
				})
			words.Repartition("words", topology.Partitions(hop)).GroupByKey().Count("counts").ToStream().To("counts")
			words.LeftJoinTable(names, func(w, _ string, name serde.Optional[string]) string { return w + ":" + name.Value }, topology.Named("named")).To("named")
		})
		d := topologytest.New(t, topo, topologytest.Partitions(in, "lines"), topologytest.Partitions(table, "names"), topologytest.Partitions(2, "counts", "named"))
		lines := topologytest.Input(d, "lines", serde.String, serde.String)
		names := topologytest.Input(d, "names", serde.String, serde.String)
		var named []string
		known, counts := map[string]string{}, map[string]int64{}
		for range rapid.IntRange(0, 30).Draw(rt, "records") {
			if rapid.IntRange(0, 3).Draw(rt, "kind") == 0 {
				w := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(rt, "word")
				known[w] = strings.ToUpper(w)
				names.Send(w, known[w])
				continue
			}
			line := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}), 0, 4).Draw(rt, "line"), " ")
			lines.Send("", line, topologytest.ToPartition(rapid.IntRange(0, in-1).Draw(rt, "partition")))
			for _, w := range strings.Fields(line) {
				counts[w]++
				named = append(named, w+":"+known[w])
			}
		}
		got := make(map[string]int64)
		for _, r := range topologytest.KeyValue[string, int64](d, "counts").All() {
			if got[r.Key] != 0 {
				rt.Errorf("%q has rows in two tasks", r.Key)
			}
			got[r.Key] = r.Value
		}
		if !maps.Equal(got, counts) {
			rt.Errorf("counts are %v, want %v", got, counts)
		}
		last := make(map[string]int64)
		for _, r := range topologytest.Output(d, "counts", serde.String, serde.Int64).ReadAll() {
			if r.Value != last[r.Key]+1 || r.Partition != operators.KeyPartition([]byte(r.Key), 2) {
				rt.Errorf("result %v on partition %d follows %d", r, r.Partition, last[r.Key])
			}
			last[r.Key] = r.Value
		}
		for _, r := range topologytest.Output(d, "app-words-repartition", serde.String, serde.String).ReadAll() {
			if want := operators.KeyPartition([]byte(r.Key), int32(hop)); r.Partition != want {
				rt.Errorf("%q is on partition %d of the repartition topic, want %d", r.Key, r.Partition, want)
			}
		}
		var joined []string
		for _, r := range topologytest.Output(d, "named", serde.String, serde.String).ReadAll() {
			joined = append(joined, r.Value)
		}
		slices.Sort(named) // several tasks write them
		if slices.Sort(joined); !slices.Equal(joined, named) {
			rt.Errorf("joined are %v, want %v", joined, named)
		}
	})
}

// naiveWindows is Kafka Streams' rule for time windows as a plain loop over all windows that ever were.
type naiveWindows struct {
	size, advance, grace int64
	time, emitted        int64
	rows                 map[naiveKey]*naiveRow
	late                 uint64
}

type naiveKey struct {
	start int64
	key   string
}

type naiveRow struct{ count, timestamp int64 }

func (n *naiveWindows) add(key string, ts int64) (updates []string) {
	n.time = max(n.time, ts)
	for start := int64(0); start <= ts; start += n.advance {
		switch {
		case ts >= start+n.size:
		case start+n.size <= n.time-n.grace:
			n.late++
		default:
			k := naiveKey{start, key}
			if n.rows[k] == nil {
				n.rows[k] = &naiveRow{timestamp: ts}
			}
			r := n.rows[k]
			r.count, r.timestamp = r.count+1, max(r.timestamp, ts)
			updates = append(updates, n.show(k))
		}
	}
	return updates
}

func (n *naiveWindows) show(k naiveKey) string {
	return fmt.Sprintf("%s/%d=%d@%d", k.key, k.start, n.rows[k].count, n.rows[k].timestamp)
}

func (n *naiveWindows) close() (finals []string) {
	closed := n.time - n.grace
	for _, k := range slices.SortedFunc(maps.Keys(n.rows), func(a, b naiveKey) int {
		return cmp.Or(cmp.Compare(a.start, b.start), strings.Compare(a.key, b.key))
	}) {
		if end := k.start + n.size; n.emitted < end && end <= closed {
			finals = append(finals, n.show(k))
		}
	}
	n.emitted = max(n.emitted, closed)
	return finals
}

func TestWindowsAreThoseOfTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.Int64Range(1, 20).Draw(rt, "size")
		advance := rapid.Int64Range(1, size).Draw(rt, "advance")
		grace := rapid.Int64Range(0, 15).Draw(rt, "grace")
		ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
		topo := build(t, func(b *topology.Builder) {
			w := b.Stream("in", serde.String, serde.String).GroupByKey().Windowed(windows.Hopping(ms(size), ms(advance)).Grace(ms(grace)))
			w.Count("updated").ToStream(windows.Key).To("updates")
			w.OnClose().Count("closed").ToStream(windows.Key).To("finals")
		})
		d := topologytest.New(t, topo, topologytest.CacheBytes(rapid.SampledFrom([]int64{0, 1, 3000}).Draw(rt, "cache")))
		in := topologytest.Input(d, "in", serde.String, serde.String)
		k := windows.TimeKeySerde(serde.String, ms(size))
		updates, finals := topologytest.Output(d, "updates", k, serde.Int64), topologytest.Output(d, "finals", k, serde.Int64)
		model := naiveWindows{size: size, advance: advance, grace: grace, time: -1, emitted: -1, rows: map[naiveKey]*naiveRow{}}
		now := int64(0)
		for range rapid.IntRange(1, 40).Draw(rt, "records") {
			now += rapid.SampledFrom([]int64{0, 1, 2, 5, 40}).Draw(rt, "step")
			ts := max(0, now-rapid.SampledFrom([]int64{0, 0, 3, 9, 25}).Draw(rt, "late"))
			key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "key")
			in.Send(key, "", topologytest.AtMs(ts))
			if got, want := show(updates.ReadAll()), model.add(key, ts); !slices.Equal(got, want) {
				rt.Errorf("%s@%d updates %v, want %v", key, ts, got, want)
			}
			if got, want := show(finals.ReadAll()), model.close(); !slices.Equal(got, want) {
				rt.Errorf("%s@%d closes %v, want %v", key, ts, got, want)
			}
		}
		var late uint64
		for _, drop := range d.Dropped() {
			late += drop.Records
		}
		if late != 2*model.late {
			rt.Errorf("dropped %v, want %d twice", d.Dropped(), model.late)
		}
	})
}

func show(records []topologytest.Record[windows.Keyed[string], int64]) (lines []string) {
	for _, r := range records {
		lines = append(lines, fmt.Sprintf("%s/%d=%d@%d", r.Key.Key, r.Key.Start, r.Value, r.Timestamp))
	}
	return lines
}

// With EmitOnCommit each commit gives the last state of each row that changed, in the order of the first change.
func TestEmitOnCommit(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		s := b.Stream("in", serde.String, serde.Nullable(serde.String))
		s.GroupByKey().Aggregate("longest",
			func() serde.Optional[string] { return serde.Some("") },
			func(_ string, v, a serde.Optional[string]) serde.Optional[string] {
				switch {
				case v.Value == "drop":
					return serde.None[string]()
				case len(v.Value) > len(a.Value):
					return v
				}
				return a
			}, topology.EmitOnCommit()).
			ToStream().To("longest")
		s.GroupByKey().Windowed(windows.Tumbling(10*time.Millisecond)).Count("counts", topology.EmitOnCommit()).ToStream(windows.Key).To("counts")
		s.ToTable("last", topology.EmitOnCommit()).ToStream().To("last")
	})
	d := topologytest.New(t, topo, topologytest.CommitEvery(5))
	in := topologytest.Input(d, "in", serde.String, serde.Nullable(serde.String))
	longest := topologytest.Output(d, "longest", serde.String, serde.String)
	counts := topologytest.Output(d, "counts", windows.TimeKeySerde(serde.String, 10*time.Millisecond), serde.Int64)
	last := topologytest.Output(d, "last", serde.String, serde.String)
	send := func(k, v string, ms int64) { in.Send(k, serde.Some(v), topologytest.AtMs(ms)) }

	send("b", "x", 1)
	send("a", "xx", 2)
	send("b", "xyz", 3)
	send("b", "y", 12)
	if !longest.Empty() || !counts.Empty() || !last.Empty() {
		t.Error("results left before the commit")
	}
	send("c", "drop", 13)
	for what, got := range map[string]string{
		"[b=xyz@12 a=xx@2 c=null@13]":           fmt.Sprint(longest.ReadAll()),
		"[b/0=2@3 a/0=1@2 b/10=1@12 c/10=1@13]": fmt.Sprint(show(counts.ReadAll())),
		"[b=y@12 a=xx@2 c=drop@13]":             fmt.Sprint(last.ReadAll()),
	} {
		if got != what {
			t.Errorf("the first commit gives %s, want %s", got, what)
		}
	}
	send("a", "drop", 14)
	in.Delete("b", topologytest.AtMs(15))
	d.Commit()
	for what, got := range map[string]string{
		"[a=null@14]":           fmt.Sprint(longest.ReadAll()),
		"[a/10=1@14 b/10=2@15]": fmt.Sprint(show(counts.ReadAll())),
		"[a=drop@14 b=null@15]": fmt.Sprint(last.ReadAll()),
	} {
		if got != what {
			t.Errorf("the second commit gives %s, want %s", got, what)
		}
	}
	d.Commit()
	if !longest.Empty() || !counts.Empty() || !last.Empty() {
		t.Error("a commit without changes gives results")
	}
	want := []state.Row[string, serde.Optional[string]]{{Key: "b", Value: serde.Some("xyz"), Timestamp: 12}}
	if rows := topologytest.KeyValue[string, serde.Optional[string]](d, "longest").All(); !slices.Equal(rows, want) {
		t.Errorf("rows are %v, want %v", rows, want)
	}
}
