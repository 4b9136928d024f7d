package engine

import (
	"strconv"
	"testing"
	"time"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

func countingPattern(t *testing.T) *topology.Topology {
	b := topology.NewBuilder("pattern")
	b.StreamOf(topology.Pattern("in-.*"), serde.String, serde.String).
		GroupBy(func(_, v string) string { return v }, topology.Named("values")).
		Count("counts").
		ToStream().To("out")
	return must[*topology.Topology](t)(b.Build())
}

// A topic that a pattern matches and that is made while the processes run is read by all of them, from its beginning; the
// counts of the others go on.
func TestPatternsFindTopicsThatAreMadeLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in-a": 2, "out": 1, "other": 1})
		var processes []*process
		for i := range 2 {
			c := r.config("instance-" + strconv.Itoa(i))
			c.PatternInterval, c.Workers = time.Second, 2
			processes = append(processes, r.start(countingPattern(t), c))
		}
		for _, p := range processes {
			p.awaitRunning()
		}
		r.produce("in-a", traffic(0, 100, 2)...)
		r.awaitCaughtUp("pattern", "in-a")
		if _, err := r.adm.CreateTopic(t.Context(), 2, 1, nil, "in-b"); err != nil {
			t.Fatal(err)
		}
		r.produce("in-b", traffic(0, 50, 2)...)
		r.produce("other", traffic(0, 50, 1)...)
		r.awaitCaughtUp("pattern", "in-b")
		r.produce("in-a", traffic(100, 50, 2)...)
		r.awaitCaughtUp("pattern", "in-a", "in-b", "pattern-values-repartition")
		for _, p := range processes {
			p.mustEnd()
		}
		want := map[string]int64{}
		for _, records := range [][]in{traffic(0, 150, 2), traffic(0, 50, 2)} {
			for _, in := range records {
				want[in.value]++
			}
		}
		got := r.counts("out")
		for value, n := range want {
			if got[value] != n {
				t.Errorf("%s is counted %d times, want %d", value, got[value], n)
			}
		}
	})
}

// New topics that cannot be read as they are (the repartition topic has too few partitions for them) leave what is read as it
// is.
func TestPatternsKeepTheirTopicsIfOthersDoNotFit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in-a": 1, "out": 1})
		c := r.config("one")
		c.PatternInterval = time.Second
		p := r.start(countingPattern(t), c)
		p.awaitRunning()
		if _, err := r.adm.CreateTopic(t.Context(), 3, 1, nil, "in-b"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		r.produce("in-a", traffic(0, 10, 1)...)
		r.awaitCaughtUp("pattern", "in-a", "pattern-values-repartition")
		p.mustEnd()
	})
}
