package plan_test

import (
	"fmt"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/plan"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// upgradeCase is a pair of versions with the changes between them.
type upgradeCase struct {
	want     []plan.Kind // the first is what the case is for
	old, new func(b *topology.Builder)
	// How the upgrade is run, see trial.
	late, inFlight, loses, moves, whole, back bool
	application                               string // of the new version; "" for that of the old
}

type (
	builder = topology.Builder
	stream  = topology.Stream[string, string]
	option  = topology.StoreOption
)

const ms = time.Millisecond

func in(b *builder, topic string) stream { return b.Stream(topic, serde.String, serde.String) }

func byValue(_, v string) string { return v }

func always(_, _ string) bool { return true }

func windowed(k string, w windows.Window) string { return fmt.Sprintf("%s@%d-%d", k, w.Start, w.End) }

func counts(store string, opts ...option) func(b *builder) {
	return func(b *builder) { in(b, "a").GroupByKey().Count(store, opts...).ToStream().To("out") }
}

// both is two topologies in one.
func both(parts ...func(b *builder)) func(b *builder) {
	return func(b *builder) {
		for _, part := range parts {
			part(b)
		}
	}
}

func copies(from, to string) func(b *builder) { return func(b *builder) { in(b, from).To(to) } }

func windowCounts(w windows.Definition, opts ...option) func(b *builder) {
	return func(b *builder) {
		in(b, "a").GroupByKey().Windowed(w).Count("n", opts...).ToStream(windowed).To("out")
	}
}

func closedCounts(w windows.Definition, opts ...option) func(b *builder) {
	return func(b *builder) {
		in(b, "a").GroupByKey().Windowed(w).OnClose().Count("n", opts...).ToStream(windowed).To("out")
	}
}

func sessionCounts(gap time.Duration) func(b *builder) {
	return func(b *builder) {
		in(b, "a").GroupByKey().Sessions(windows.Session(gap)).Count("n", topology.Retention(time.Hour)).ToStream(windowed).To("out")
	}
}

func pair(_, a, b string) string { return a + b }

func joins(w windows.JoinWindow) func(b *builder) {
	return func(b *builder) { in(b, "a").Join(in(b, "b"), w, "j", pair, topology.Retention(time.Hour)).To("out") }
}

func leftJoins(w windows.JoinWindow) func(b *builder) {
	return func(b *builder) {
		in(b, "a").LeftJoin(in(b, "b"), w, "j", func(_, a string, b serde.Optional[string]) string { return fmt.Sprint(a, b) }, topology.Retention(time.Hour)).To("out")
	}
}

func byValueCounts(name string, opts ...topology.NodeOption) func(b *builder) {
	return func(b *builder) {
		opts := append([]topology.NodeOption{topology.Named(name)}, opts...)
		in(b, "a").SelectKey(byValue).Repartition(name, opts[1:]...).GroupByKey().Count("n").ToStream().To("out")
	}
}

func table(topic string, opts ...option) func(b *builder) {
	return func(b *builder) { b.Table(topic, "t", serde.String, serde.String, opts...).ToStream().To("out") }
}

func suppressed(s topology.Suppression) func(b *builder) {
	return func(b *builder) { in(b, "a").GroupByKey().Count("n").Suppress(s).ToStream().To("out") }
}

func versions(history time.Duration) func(b *builder) {
	return func(b *builder) {
		t := b.Table("rows", "t", serde.String, serde.String, topology.Versioned(history))
		in(b, "a").JoinTable(t, pair).To("out")
	}
}

// global joins with a global table of the topic, by which the key has a row or not.
func globalRows(topic, store string, opts ...option) func(b *builder) {
	return func(b *builder) {
		t := b.GlobalTable(topic, store, serde.String, serde.String, opts...)
		in(b, "a").LeftJoinGlobal(t, func(k, _ string) string { return k }, func(_, v string, row serde.Optional[string]) string {
			return fmt.Sprint(v, row)
		}).To("out")
	}
}

func tumbling(d time.Duration) windows.TimeWindow { return windows.Tumbling(d) }

// upgradeCases have every kind of change that two versions can have.
var upgradeCases = []upgradeCase{
	{want: []plan.Kind{"application-renamed"}, old: counts("n"), new: counts("n"), application: "other"},

	{want: []plan.Kind{"store-added"}, old: counts("n"), new: both(counts("n"), func(b *builder) {
		in(b, "a").GroupByKey().Reduce("last", func(_, v string) string { return v }).ToStream().To("out2")
	})},
	{want: []plan.Kind{"store-added-with-its-input", "input-added", "output-changed"}, whole: true, old: counts("n"), new: both(counts("n"), func(b *builder) {
		in(b, "b").GroupByKey().Count("m").ToStream().To("out2")
	})},
	{want: []plan.Kind{"store-removed", "output-changed"}, back: true, old: both(counts("n"), func(b *builder) {
		in(b, "a").GroupByKey().Count("m").ToStream().To("out2")
	}), new: counts("n")},
	{want: []plan.Kind{"store-renamed"}, old: counts("n"), new: counts("m")},
	{want: []plan.Kind{"store-kind"}, old: counts("n"), new: windowCounts(tumbling(10 * ms))},
	{want: []plan.Kind{"store-kind"}, old: table("rows"), new: table("rows", topology.Versioned(time.Second)), loses: true},
	{
		want: []plan.Kind{"store-operator"},
		old: func(b *builder) {
			in(b, "a").GroupByKey().Reduce("n", func(a, v string) string { return a + v }).ToStream().To("out")
		},
		new: func(b *builder) {
			in(b, "a").GroupByKey().Aggregate("n", func() string { return "" }, func(_, v, a string) string { return v }).ToStream().To("out")
		},
	},
	{want: []plan.Kind{"store-repartitioned", "repartition-added", "sub-topology-split"}, old: counts("n"), new: func(b *builder) {
		in(b, "a").SelectKey(byValue).GroupByKey().Count("n").ToStream().To("out")
	}},
	{want: []plan.Kind{"key-serde"}, old: counts("n"), new: counts("n", topology.StoreSerdes(prefixed{}, serde.Int64))},
	{
		want: []plan.Kind{"value-serde"},
		old: func(b *builder) {
			in(b, "a").GroupByKey().Aggregate("n", func() int64 { return 0 }, func(_, _ string, n int64) int64 { return n + 1 }).ToStream().To("out")
		},
		new: func(b *builder) {
			in(b, "a").GroupByKey().Aggregate("n", func() string { return "" }, func(_, _, n string) string { return n + "|" }).ToStream().To("out")
		},
	},
	{want: []plan.Kind{"windows-kind", "retention-shorter"}, old: windowCounts(windows.Unlimited()), new: windowCounts(tumbling(20*ms), topology.Retention(time.Hour))},
	{want: []plan.Kind{"window-size", "window-advance"}, old: windowCounts(tumbling(20*ms), topology.Retention(time.Hour)), new: windowCounts(tumbling(10*ms), topology.Retention(time.Hour))},
	{want: []plan.Kind{"window-advance"}, old: windowCounts(tumbling(20 * ms)), new: windowCounts(windows.Hopping(20*ms, 10*ms))},
	{want: []plan.Kind{"window-advance"}, old: windowCounts(windows.TumblingCount(4)), new: windowCounts(windows.HoppingCount(4, 2))},
	{want: []plan.Kind{"window-panes"}, old: closedCounts(windows.Hopping(20*ms, 5*ms)), new: closedCounts(windows.Hopping(20*ms, 5*ms),
		topology.Combine(func(a, b int64) int64 { return a + b }))},
	{want: []plan.Kind{"window-start"}, old: windowCounts(windows.Unlimited()), new: windowCounts(windows.Unlimited().StartOn(time.UnixMilli(10)))},
	{want: []plan.Kind{"session-gap"}, old: sessionCounts(3 * ms), new: sessionCounts(20 * ms)},
	{want: []plan.Kind{"grace", "retention-shorter"}, whole: true, old: closedCounts(tumbling(10 * ms).Grace(20 * ms)), new: closedCounts(tumbling(10 * ms).Grace(5 * ms))},
	{
		want: []plan.Kind{"grace"}, whole: true,
		old: closedCounts(tumbling(10*ms).Grace(5*ms), topology.Retention(time.Hour)), new: closedCounts(tumbling(10*ms).Grace(20*ms), topology.Retention(time.Hour)),
	},
	{want: []plan.Kind{"emit-on-close"}, old: windowCounts(tumbling(10 * ms)), new: closedCounts(tumbling(10 * ms))},
	{want: []plan.Kind{"emit-on-close-of-kept-windows"}, old: windowCounts(tumbling(10*ms), topology.Retention(time.Hour)), new: closedCounts(tumbling(10*ms), topology.Retention(time.Hour))},
	{want: []plan.Kind{"emit-on-update"}, old: closedCounts(tumbling(10 * ms)), new: windowCounts(tumbling(10 * ms))},
	{want: []plan.Kind{"retention-shorter"}, late: true, old: windowCounts(tumbling(10*ms), topology.Retention(time.Hour)), new: windowCounts(tumbling(10*ms), topology.Retention(20*ms))},
	{want: []plan.Kind{"history-shorter"}, late: true, old: versions(time.Second), new: versions(5 * ms)},
	{want: []plan.Kind{"history-longer"}, late: true, old: versions(0), new: versions(time.Second)},
	{want: []plan.Kind{"ttl"}, whole: true, old: counts("n", topology.TTL(time.Hour)), new: counts("n", topology.TTL(2*time.Hour))},
	{want: []plan.Kind{"join-window-wider"}, late: true, old: joins(windows.Within(2 * ms)), new: joins(windows.Within(12 * ms))},
	{want: []plan.Kind{"join-window-wider-than-kept", "retention-longer"}, old: func(b *builder) {
		in(b, "a").Join(in(b, "b"), windows.Within(1*ms), "j", pair).To("out")
	}, new: func(b *builder) {
		in(b, "a").Join(in(b, "b"), windows.Within(20*ms), "j", pair).To("out")
	}},
	{want: []plan.Kind{"join-window-narrower"}, late: true, old: joins(windows.Within(12 * ms)), new: joins(windows.Within(2 * ms))},
	{want: []plan.Kind{"outer-join-window"}, whole: true, old: leftJoins(windows.Within(12 * ms)), new: leftJoins(windows.Within(2 * ms))},
	{want: []plan.Kind{"outer-join-window"}, whole: true, old: leftJoins(windows.Within(2 * ms)), new: leftJoins(windows.Within(12 * ms))},
	{want: []plan.Kind{"suppress-limit"}, whole: true, old: suppressed(topology.UntilTimeLimit("held", time.Hour)), new: suppressed(topology.UntilTimeLimit("held", 2*time.Hour))},
	{want: []plan.Kind{"suppress-holds-less"}, old: suppressed(topology.UntilTimeLimit("held", time.Hour)), new: suppressed(topology.UntilTimeLimit("held", time.Hour).MaxRecords(1))},
	{want: []plan.Kind{"changelog-off"}, loses: true, old: counts("n"), new: counts("n", topology.NoChangelog())},
	{want: []plan.Kind{"changelog-on"}, moves: true, old: counts("n", topology.NoChangelog()), new: counts("n")},
	{want: []plan.Kind{"table-gets-a-changelog"}, old: table("rows", topology.SourceAsChangelog()), new: table("rows")},
	{want: []plan.Kind{"table-topic-as-changelog"}, old: table("rows"), new: table("rows", topology.SourceAsChangelog())},
	{want: []plan.Kind{"store-in-memory"}, moves: true, old: counts("n"), new: counts("n", topology.InMemory())},
	{want: []plan.Kind{"store-in-memory"}, moves: true, old: counts("n", topology.InMemory()), new: counts("n")},
	{want: []plan.Kind{"store-in-memory-without-changelog"}, old: counts("n", topology.NoChangelog()), new: counts("n", topology.NoChangelog(), topology.InMemory())},

	{want: []plan.Kind{"global-store-added"}, old: copies("a", "out"), new: both(copies("a", "out"), func(b *builder) {
		b.GlobalTable("rows", "g", serde.String, serde.String)
	})},
	{want: []plan.Kind{"global-store-removed"}, old: both(copies("a", "out"), func(b *builder) {
		b.GlobalTable("rows", "g", serde.String, serde.String)
	}), new: copies("a", "out")},
	{want: []plan.Kind{"global-store-topic"}, old: globalRows("rows", "g"), new: globalRows("b", "g")},
	{want: []plan.Kind{"global-store-serde"}, old: globalRows("rows", "g"), new: func(b *builder) {
		t := b.GlobalStore("rows", serde.String, serde.String, "g", serde.Serde[string](prefixed{}), serde.String,
			func(_ *operators.Context, rows state.KeyValue[string, string]) (operators.Forward[string, string], error) {
				return func(r *operators.Record[string, string]) error { return rows.Put(r.Key, r.Value) }, nil
			})
		in(b, "a").LeftJoinGlobal(t, func(k, _ string) string { return k }, func(_, v string, row serde.Optional[string]) string {
			return fmt.Sprint(v, row)
		}).To("out")
	}},

	{want: []plan.Kind{"repartition-added", "operator-added"}, whole: true, old: copies("a", "out"), new: func(b *builder) {
		in(b, "a").Filter(always).Repartition("again").To("out")
	}},
	{want: []plan.Kind{"repartition-removed"}, whole: true, inFlight: true, old: func(b *builder) { in(b, "a").Repartition("again").To("out") }, new: copies("a", "out")},
	{want: []plan.Kind{"repartition-renamed"}, whole: true, inFlight: true, old: byValueCounts("one"), new: byValueCounts("two")},
	{want: []plan.Kind{"repartition-serde"}, whole: true, inFlight: true, old: func(b *builder) {
		in(b, "a").Repartition("again").To("out")
	}, new: func(b *builder) {
		in(b, "a").WithSerdes(prefixed{}, serde.String).Repartition("again").WithSerdes(serde.String, serde.String).To("out")
	}},
	{want: []plan.Kind{"repartition-partitions"}, old: byValueCounts("one"), new: byValueCounts("one", topology.Partitions(3))},

	{want: []plan.Kind{"input-added"}, whole: true, old: counts("n"), new: func(b *builder) {
		in(b, "a").Merge(in(b, "b")).GroupByKey().Count("n").ToStream().To("out")
	}},
	{want: []plan.Kind{"input-added-to-windows"}, old: windowCounts(tumbling(10 * ms)), new: func(b *builder) {
		in(b, "a").Merge(in(b, "b")).GroupByKey().Windowed(tumbling(10 * ms)).Count("n").ToStream(windowed).To("out")
	}},
	{want: []plan.Kind{"input-removed"}, old: both(counts("n"), copies("b", "out")), new: counts("n")},
	{want: []plan.Kind{"input-removed-from-store"}, old: func(b *builder) {
		in(b, "a").Merge(in(b, "b")).GroupByKey().Count("n").ToStream().To("out")
	}, new: counts("n")},
	{want: []plan.Kind{"input-replaced"}, old: table("rows"), new: table("b")},
	{want: []plan.Kind{"output-changed"}, old: counts("n"), new: func(b *builder) { in(b, "a").GroupByKey().Count("n").ToStream().To("out2") }},

	{want: []plan.Kind{"operator-added"}, old: counts("n"), new: func(b *builder) {
		in(b, "a").Filter(always).GroupByKey().Count("n").ToStream().To("out")
	}},
	{want: []plan.Kind{"operator-removed"}, old: func(b *builder) {
		in(b, "a").Filter(always).GroupByKey().Count("n").ToStream().To("out")
	}, new: counts("n")},
	{want: []plan.Kind{"operator-renamed"}, old: func(b *builder) {
		in(b, "a").Filter(always, topology.Named("one")).GroupByKey().Count("n").ToStream().To("out")
	}, new: func(b *builder) {
		in(b, "a").Filter(always, topology.Named("two")).GroupByKey().Count("n").ToStream().To("out")
	}},
	{want: []plan.Kind{"sub-topologies-merged"}, old: both(counts("n"), func(b *builder) {
		in(b, "b").GroupByKey().Count("m").ToStream().To("out")
	}), new: func(b *builder) {
		in(b, "a").GroupByKey().Count("n").ToStream().Merge(in(b, "b").GroupByKey().Count("m").ToStream()).To("out")
	}},
	{want: []plan.Kind{"sub-topology-split"}, old: func(b *builder) {
		in(b, "a").GroupByKey().Count("n").ToStream().Merge(in(b, "b").GroupByKey().Count("m").ToStream()).To("out")
	}, new: both(counts("n"), func(b *builder) {
		in(b, "b").GroupByKey().Count("m").ToStream().To("out")
	})},
}

// prefixed writes other bytes than serde.String.
type prefixed struct{}

func (prefixed) Append(dst []byte, v string) ([]byte, error) {
	return append(append(dst, 'x'), v...), nil
}

func (prefixed) Decode(b []byte) (string, error) {
	if len(b) == 0 || b[0] != 'x' {
		return "", fmt.Errorf("%q does not begin with x", b)
	}
	return string(b[1:]), nil
}

// PartitionKey keeps keys on the partitions of plain strings.
func (prefixed) PartitionKey(encoded []byte) []byte { return encoded[min(1, len(encoded)):] }
