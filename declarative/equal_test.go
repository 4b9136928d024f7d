package declarative_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

func number(v any) int64 {
	n, _ := v.(map[string]any)["n"].(int64)
	return n
}

func pair(l, r any) any { return []any{l, r} }

func optional(o serde.Optional[any]) any { return o.Value }

// both reads in and other as streams of any value.
func both(b *topology.Builder) (in, other topology.Stream[string, any]) {
	return b.Stream("in", serde.String, serde.JSONAny()), b.Stream("other", serde.String, serde.JSONAny())
}

// equalTopologies are files beside the Go code that says the same.
func equalTopologies() map[string]struct {
	file string
	code func(b *topology.Builder)
} {
	sum := func(a, v any) any { return map[string]any{"n": number(a) + number(v)} }
	add := func(_ string, v, a any) any { return sum(a, v) }
	zero := func() any { return map[string]any{"n": int64(0)} }
	json := topology.StoreSerdes(serde.String, serde.JSONAny())
	const sums = "store: sums, initial: {n: 0}, add: {n: aggregate.n + value.n}"
	return map[string]struct {
		file string
		code func(b *topology.Builder)
	}{
		"hopping windows, suppressed": {`
streams:
  s:
    topic: in
    steps:
      - group_by_key:
      - window: {hopping: 4s, advance: 2s, grace: 1s}
      - count: {store: counts, retention: 1h, in_memory: true}
      - suppress: {store: held, until: window_closes, max_records: 1000}
      - filter: value > 1
        name: many
      - to_stream: {key: 'key + "@" + string(window.start)'}
      - to: out
`, func(b *topology.Builder) {
			b.Stream("in", serde.String, serde.JSONAny()).GroupByKey().Windowed(windows.Hopping(4*time.Second, 2*time.Second).Grace(time.Second)).
				Count("counts", topology.Retention(time.Hour), topology.InMemory()).
				Suppress(topology.UntilWindowCloses("held").MaxRecords(1000)).
				Filter(func(_ string, _ windows.Window, n int64) bool { return n > 1 }, topology.Named("many")).
				ToStream(func(k string, w windows.Window) string { return fmt.Sprint(k, "@", w.Start) }).To("out")
		}},
		"sliding windows": {`
streams:
  s:
    topic: in
    steps:
      - group_by_key:
      - window: {sliding: 3s, grace: 5s}
      - reduce: {store: sums, add: {n: aggregate.n + value.n}}
      - to_stream:
      - to: out
`, func(b *topology.Builder) {
			b.Stream("in", serde.String, serde.JSONAny()).GroupByKey().Windowed(windows.Sliding(3*time.Second).Grace(5*time.Second)).
				Reduce("sums", func(a, v any) any { return sum(a, v) }).ToStream(windows.Key).To("out")
		}},
		"sessions": {`
streams:
  s:
    topic: in
    steps:
      - group_by_key:
      - window: {session: 2s, grace: 1s}
      - aggregate: {` + sums + `, merge: {n: left.n + right.n}}
      - to_stream:
      - to: out
`, func(b *topology.Builder) {
			b.Stream("in", serde.String, serde.JSONAny()).GroupByKey().Sessions(windows.Session(2*time.Second).Grace(time.Second)).
				Aggregate("sums", zero, add, func(_ string, l, r any) any { return sum(l, r) }, json).ToStream(windows.Key).To("out")
		}},
		"windows without time": {`
streams:
  g:
    topic: in
    steps:
      - group_by_key:
  unlimited:
    from: g
    steps:
      - window: {unlimited: true, start: "1970-01-01T00:00:01Z"}
      - count: {store: all}
      - to_stream:
      - to: out
  threes:
    from: g
    steps:
      - window: {hopping_count: 3, advance_count: 2, emit: on_close}
      - aggregate: {` + sums + `, changelog: false}
      - to_stream: {key: key}
      - to: out2
  twos:
    from: g
    steps:
      - window: {tumbling_count: 2}
      - reduce: {store: twos, add: value}
      - to_stream: {key: key}
      - to: out3
`, func(b *topology.Builder) {
			g := b.Stream("in", serde.String, serde.JSONAny()).GroupByKey()
			key := func(k string, _ windows.Window) string { return k }
			g.Windowed(windows.Unlimited().StartOn(time.Unix(1, 0))).Count("all").ToStream(windows.Key).To("out")
			g.Windowed(windows.HoppingCount(3, 2)).OnClose().Aggregate("sums", zero, add, topology.NoChangelog(), json).ToStream(key).To("out2")
			g.Windowed(windows.TumblingCount(2)).Reduce("twos", func(_, v any) any { return v }).ToStream(key).To("out3")
		}},
		"joins of tables": {`
tables:
  l: {topic: in, store: left-rows, ttl: 1h}
  r: {topic: other, store: right-rows, in_memory: true, undecodable: skip}
  small:
    from: r
    steps:
      - filter_not: value.n > 50
        name: small
      - map_values: {n: value.n * 2}
        name: doubled
  inner:
    from: l
    steps:
      - join: {table: small, value: [left, right], store: joined}
        name: inner
  outer:
    from: l
    steps:
      - outer_join: {table: r, value: [left, right]}
        name: outer
streams:
  a:
    from: inner
    steps: [to_stream: , to: out]
  b:
    from: outer
    steps:
      - left_join: {table: small, value: [left, right]}
      - to_stream:
      - to: out2
  c:
    from: r
    steps:
      - suppress: {store: later, for: 2s, max_bytes: 1MiB, emit_early: true}
      - to_stream:
      - to: out3
`, func(b *topology.Builder) {
			l := b.Table("in", "left-rows", serde.String, serde.JSONAny(), topology.TTL(time.Hour))
			r := b.Table("other", "right-rows", serde.String, serde.JSONAny(), topology.InMemory(), topology.SkipUndecodable())
			small := r.FilterNot(func(_ string, v any) bool { return number(v) > 50 }, topology.Named("small")).
				MapValues(func(_ string, v any) any { return map[string]any{"n": 2 * number(v)} }, topology.Named("doubled"))
			join := func(_ string, v, v2 any) any { return pair(v, v2) }
			inner := l.Join(small, join, topology.Named("inner"), topology.As("joined"))
			outer := l.OuterJoin(r, func(_ string, v, v2 serde.Optional[any]) any { return pair(optional(v), optional(v2)) }, topology.Named("outer"))
			inner.ToStream().To("out")
			outer.LeftJoin(small, func(_ string, v any, v2 serde.Optional[any]) any { return pair(v, optional(v2)) }).ToStream().To("out2")
			r.Suppress(topology.UntilTimeLimit("later", 2*time.Second).MaxBytes(1 << 20).EmitEarly()).ToStream().To("out3")
		}},
		"a join with a versioned table": {`
tables:
  prices: {topic: other, store: prices, versioned: 1h}
streams:
  s:
    topic: in
    steps:
      - join: {table: prices, value: [left, right], grace: 1s, store: waiting}
        name: priced
      - to: out
`, func(b *topology.Builder) {
			prices := b.Table("other", "prices", serde.String, serde.JSONAny(), topology.Versioned(time.Hour))
			b.Stream("in", serde.String, serde.JSONAny()).JoinTable(prices, func(_ string, v, v2 any) any { return pair(v, v2) },
				topology.Named("priced"), topology.Grace(time.Second, "waiting")).To("out")
		}},
		"joins of streams": {`
streams:
  other: {topic: other}
  s:
    topic: in
    steps:
      - outer_join: {stream: other, before: 1s, after: 2s, grace: 500ms, store: pairs, value: [left, right]}
      - to: out
`, func(b *topology.Builder) {
			other := b.Stream("other", serde.String, serde.JSONAny())
			in := b.Stream("in", serde.String, serde.JSONAny())
			in.OuterJoin(other, windows.Within(0).Before(time.Second).After(2*time.Second).Grace(500*time.Millisecond), "pairs",
				func(_ string, l, r serde.Optional[any]) any { return pair(optional(l), optional(r)) }).To("out")
		}},
		"cogroups with windows": {`
streams:
  in:
    topic: in
    steps: [group_by_key: ]
  other:
    topic: other
    steps: [group_by_key: ]
  a:
    from: tumbling
    steps: [to_stream: , to: out]
  b:
    from: sessions
    steps: [to_stream: , to: out2]
tables:
  tumbling:
    cogroup:
      - {from: in, add: {n: aggregate.n + value.n}}
      - {from: other, add: {n: aggregate.n - value.n}}
    steps:
      - window: {tumbling: 2s, grace: 1s}
      - aggregate: {store: tumbling, initial: {n: 0}}
  sessions:
    cogroup:
      - {from: in, add: {n: aggregate.n + value.n}}
    steps:
      - window: {session: 1s}
      - aggregate: {store: sessions, initial: {n: 0}, merge: {n: left.n + right.n}}
`, func(b *topology.Builder) {
			in, other := both(b)
			gIn, gOther := in.GroupByKey(), other.GroupByKey()
			minus := func(_ string, v, a any) any { return map[string]any{"n": number(a) - number(v)} }
			tumbling := gIn.Cogroup(add).And(gOther, minus).Windowed(windows.Tumbling(2*time.Second).Grace(time.Second)).Aggregate("tumbling", zero, json)
			tumbling.ToStream(windows.Key).To("out")
			gIn.Cogroup(add).Sessions(windows.Session(time.Second)).Aggregate("sessions", zero, func(_ string, l, r any) any { return sum(l, r) }, json).
				ToStream(windows.Key).To("out2")
		}},
		"several topics and streams of tables": {`
streams:
  all:
    topics: [other, in]
    name: all
    start: latest
    steps:
      - repartition: {name: again, partitions: 3}
      - to_table: {store: rows, emit_on_commit: true}
      - to_stream:
      - to: out
`, func(b *topology.Builder) {
			b.StreamOf(topology.Topics("in", "other"), serde.String, serde.JSONAny(), topology.StartFrom(topology.Latest()), topology.Named("all")).
				Repartition("again", topology.Partitions(3)).ToTable("rows", topology.EmitOnCommit()).ToStream().To("out")
		}},
		"groups of tables with windows": {`
tables:
  per-window:
    from: in
    steps:
      - window: {tumbling: 2s, grace: 1s}
      - aggregate: {` + sums + `}
      - map_values: {n: value.n + window.start}
        name: later
  per-key:
    from: per-window
    steps:
      - group_by: {key: key, value: {n: value.n}}
        name: again
      - reduce: {store: totals, add: {n: aggregate.n + value.n}, subtract: {n: aggregate.n - value.n}}
streams:
  in:
    topic: in
    steps: [group_by_key: ]
  out:
    from: per-key
    steps: [to_stream: , to: out]
  joined:
    from: per-window
    steps:
      - left_join: {table: per-window, value: {n: left.n + right.n + window.start}}
        name: self
      - to_stream:
      - to: out2
`, func(b *topology.Builder) {
			perWindow := b.Stream("in", serde.String, serde.JSONAny()).GroupByKey().Windowed(windows.Tumbling(2*time.Second).Grace(time.Second)).
				Aggregate("sums", zero, add, json).
				MapValues(func(_ string, w windows.Window, v any) any { return map[string]any{"n": number(v) + w.Start} }, topology.Named("later"))
			perKey := perWindow.GroupBy(func(k string, _ windows.Window, v any) (string, any) { return k, map[string]any{"n": number(v)} }, topology.Named("again")).
				Reduce("totals", func(a, v any) any { return sum(a, v) }, func(a, v any) any { return map[string]any{"n": number(a) - number(v)} })
			perKey.ToStream().To("out")
			perWindow.LeftJoin(perWindow, func(_ string, w windows.Window, l any, r serde.Optional[any]) any {
				return map[string]any{"n": number(l) + number(r.Value) + w.Start}
			}, topology.Named("self")).ToStream(windows.Key).To("out2")
		}},
	}
}

// What a file can say is what the Go code says: for every kind of windows, tables and joins the topologies are equal, and so
// are the results of random records.
func TestFilesSayWhatTheDSLSays(t *testing.T) {
	for name, c := range equalTopologies() {
		t.Run(name, func(t *testing.T) {
			f, err := declarative.Load("f.yaml", []byte("application: app"+c.file))
			if err != nil {
				t.Fatal(err)
			}
			b := topology.NewBuilder("app")
			c.code(b)
			fromGo, err := b.Build()
			if err != nil {
				t.Fatal(err)
			}
			got, _ := f.Topology.Describe().JSON()
			want, _ := fromGo.Describe().JSON()
			if !bytes.Equal(got, want) {
				t.Fatalf("the file says\n%s\nthe code says\n%s", got, want)
			}
			run := func(topo *topology.Topology) string {
				random := rand.New(rand.NewPCG(1, uint64(len(name))))
				d := topologytest.New(t, topo, topologytest.Partitions(2))
				for i := range 200 {
					topics := topo.Sources()
					topic := topics[random.IntN(len(topics))]
					value, options := fmt.Sprintf(`{"n":%d}`, random.IntN(100)), []topologytest.SendOption{topologytest.AtMs(int64(i)*100 + random.Int64N(1500))}
					if random.IntN(8) == 0 && !strings.Contains(c.file, "initial") { // whose expressions are not for nulls
						options = append(options, topologytest.NullValue())
					}
					topologytest.Input(d, topic, serde.String, serde.String).Send(fmt.Sprint("k", random.IntN(4)), value, options...)
				}
				var all strings.Builder
				for _, out := range topo.Sinks() {
					fmt.Fprintf(&all, "%s\n%s", out, raw(d, out))
				}
				return all.String()
			}
			if a, b := run(f.Topology), run(fromGo); a != b || strings.Count(a, "\n") < 15 {
				t.Errorf("the file gives\n%s\nthe code gives\n%s", a, b)
			}
		})
	}
}
