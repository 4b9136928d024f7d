package engine

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

type stringStream = topology.Stream[string, string]

// held is which sources of a topology are held when some of its repartition topics are over their marks.
func held(t *testing.T, build func(b *topology.Builder), over ...string) string {
	t.Helper()
	b := topology.NewBuilder("app")
	build(b)
	g := must[*topology.Topology](t)(b.Build()).Graph()
	plan := must[*graph.Plan](t)(g.NewPlan(func(string) (int32, bool) { return 1, true }, nil))
	p := &backpressure{app: &App{graph: g}, plan: plan, over: make(map[string]bool)}
	for _, name := range over {
		p.over["app-"+name+"-repartition"] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(p.sources())), " ")
}

// A source is held by a topic that it feeds and that lags, but never where the stage behind that topic could be waiting for
// it.
func TestWhichSourcesAreHeld(t *testing.T) {
	stream := func(b *topology.Builder, topic string) stringStream {
		return b.Stream(topic, serde.String, serde.String)
	}
	chain := func(b *topology.Builder) {
		stream(b, "a").Merge(stream(b, "b")).Repartition("first").Repartition("second").To("out")
		stream(b, "c").To("out")
	}
	join := func(l, r string, from, to stringStream) {
		rows := to.Repartition(r).ToTable(r + "-rows")
		from.Repartition(l).JoinTable(rows, func(_, v, row string) string { return v + row }).To("out")
	}
	diamond := func(b *topology.Builder) {
		a := stream(b, "a")
		join("left", "right", a, a)
	}
	apart := func(b *topology.Builder) { join("left", "right", stream(b, "a"), stream(b, "b")) }
	back := func(b *topology.Builder) { // the stage reads the source itself too
		a := stream(b, "a")
		rows := a.ToTable("rows")
		a.Repartition("left").JoinTable(rows, func(_, v, row string) string { return v + row }).To("out")
	}
	for _, c := range []struct {
		name  string
		build func(*topology.Builder)
		over  []string
		want  string
	}{
		{"nothing lags", chain, nil, ""},
		{"the first stage lags", chain, []string{"first"}, "a b"},
		{"the second stage lags", chain, []string{"second"}, "app-first-repartition"},
		{"both lag", chain, []string{"first", "second"}, "a app-first-repartition b"},
		{"one input of a diamond lags", diamond, []string{"left"}, ""},
		{"both inputs of a diamond lag", diamond, []string{"left", "right"}, "a"},
		{"one input of a join lags", apart, []string{"left"}, "a"},
		{"the stage needs the source itself", back, []string{"left"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := held(t, c.build, c.over...); got != c.want {
				t.Errorf("held are %q, want %q", got, c.want)
			}
		})
	}
}

// Marks have a distance, in records and in time, and a stage that stands still counts by records alone.
func TestMarks(t *testing.T) {
	b := &backpressure{
		cfg:  Backpressure{Topics: []TopicLag{{"own", 50_000}}}.withDefaults(),
		lags: make(map[topicPartition]*stageLag), over: make(map[string]bool),
	}
	for _, step := range []struct {
		topic     string
		lag       int64
		perSecond float64
		over      bool
	}{
		{"t", 999_999, 0, false}, // restoring, say
		{"t", 1_000_000, 0, true},
		{"t", 600_000, 1e9, true}, // still more than the low mark
		{"t", 500_000, 1e9, false},
		{"t", 600_000, 1e9, false},
		{"t", 31_000, 1_000, true}, // 31 s
		{"t", 6_000, 1_000, false}, // too few to count
		{"t", 29_000, 1_000, false},
		{"t", 30_000, 1_000, true},
		{"t", 12_000, 1_000, true},
		{"t", 12_000, 2_400, false}, // 5 s
		{"own", 50_000, 1e9, true},
		{"own", 25_000, 1e9, false},
	} {
		b.lags[topicPartition{step.topic, 0}] = &stageLag{lag: step.lag, perSecond: step.perSecond}
		b.judge()
		if b.over[step.topic] != step.over {
			t.Errorf("lag %d at %.0f a second: over is %v, want %v", step.lag, step.perSecond, b.over[step.topic], step.over)
		}
	}
}

// A stage that is slower than its source holds it: what lies between them stays bounded, with few changes, and nothing is lost.
func TestASlowStageHoldsItsSource(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const records = 30_000
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		b := topology.NewBuilder("slow")
		b.Stream("in", serde.String, serde.String).
			Peek(func(string, string) { time.Sleep(100 * time.Microsecond) }).
			Repartition("between").
			Peek(func(string, string) { time.Sleep(time.Millisecond) }).
			To("out")
		c := r.config("one")
		c.Workers = 2
		c.BufferBytes, c.FetchBytes = 64<<10, 64<<10
		c.Backpressure = Backpressure{HighLag: 4_000, LowLag: 1_000}
		p := r.start(must[*topology.Topology](t)(b.Build()), c)
		p.awaitRunning()
		for _, part := range chunks(numbered(records), 1000) {
			r.produce("in", part...)
		}
		most := int64(0)
		await(t, "all results", func() bool {
			lags, err := r.adm.Lag(t.Context(), "slow")
			if err == nil {
				for _, l := range lags["slow"].Lag["slow-between-repartition"] {
					most = max(most, l.Lag)
				}
			}
			time.Sleep(500 * time.Millisecond)
			return len(r.read("out")) == records
		})
		var stops int64
		for _, info := range p.App.Tasks() {
			for _, in := range info.Inputs {
				if in.Topic == "in" {
					stops += in.Pauses
				}
			}
		}
		p.mustEnd()
		r.wantNumbered(records)
		if most < 4_000 || most > 16_000 {
			t.Errorf("up to %d records lay between the stages, want not much more than 4,000", most)
		}
		// 3,000 records between the marks take the stage 3 s at least.
		if limit := int64(records/3_000 + 1); stops == 0 || stops > limit {
			t.Errorf("the source was paused %d times, want 1 to %d", stops, limit)
		}
		t.Logf("up to %d records between the stages, %d pauses", most, stops)
	})
}
