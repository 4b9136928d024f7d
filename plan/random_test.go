package plan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rivusio/rivusio/plan"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// part is a part of a random topology: an input that is aggregated into a store, or copied.
type part struct {
	topic, also string // also is merged into it, "" for none
	filters     int    // that change nothing
	hop         string // name of a repartition, "" for none
	shape       string
	store       string
	sizeMs      int
	graceMs     int
	longMs      int // of retention beyond what is needed
	advances    int // windows of one size that overlap
	onClose     bool
	inMemory    bool
	inclusive   bool // counts are texts
}

var shapesOfParts = []string{"copy", "count", "windows", "sessions", "sliding", "join", "held", "closing"}

func randomPart(r *rand.Rand, number int) part {
	return part{
		topic: pick(r, "a", "b"), filters: r.IntN(2), hop: pick(r, "", "", fmt.Sprintf("hop%d", number)), shape: pick(r, shapesOfParts...),
		store: fmt.Sprintf("s%d", number), sizeMs: 6 + 6*r.IntN(3), graceMs: 4 * r.IntN(3), longMs: pick(r, 0, 0, 100), advances: 1 + r.IntN(2),
		onClose: r.IntN(2) == 0, inMemory: r.IntN(3) == 0,
	}
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// change makes one random edit.
func (p part) change(r *rand.Rand, number int) part {
	switch r.IntN(14) {
	case 0:
		p.topic = pick(r, "a", "b")
	case 1:
		p.also = pick(r, "", "rows")
	case 2, 3:
		p.filters = r.IntN(3)
	case 4:
		p.hop = pick(r, "", fmt.Sprintf("hop%d", number), fmt.Sprintf("other%d", number))
	case 5:
		p.shape = pick(r, shapesOfParts...)
	case 6:
		p.store = pick(r, p.store, p.store+"-new")
	case 7:
		p.sizeMs = 6 + 6*r.IntN(3)
	case 8, 9:
		p.graceMs = 4 * r.IntN(3)
	case 10:
		p.longMs = pick(r, 0, 100)
	case 11:
		p.onClose = !p.onClose
	case 12:
		p.inMemory = !p.inMemory
	case 13:
		p.inclusive = !p.inclusive
	}
	return p
}

func (p part) declare(b *builder) {
	s := in(b, p.topic)
	if p.also != "" {
		s = s.Merge(in(b, p.also))
	}
	for range p.filters {
		s = s.Filter(always)
	}
	if p.hop != "" {
		s = s.Repartition(p.hop)
	}
	var opts []option
	if p.inMemory {
		opts = append(opts, topology.InMemory())
	}
	size, grace := time.Duration(p.sizeMs)*ms, time.Duration(p.graceMs)*ms
	retention := func(least time.Duration) option {
		return topology.Retention(least + time.Duration(p.longMs)*ms)
	}
	g := s.GroupByKey()
	var w topology.Windowed[string, string]
	switch p.shape {
	case "copy":
		s.To("out")
		return
	case "count":
		if p.inclusive {
			g.Aggregate(p.store, func() string { return "" }, func(_, _, n string) string { return n + "|" }, opts...).ToStream().To("out")
		} else {
			g.Count(p.store, opts...).ToStream().To("out")
		}
		return
	case "windows", "closing":
		def := windows.Hopping(size, size/time.Duration(p.advances)).Grace(grace)
		w = g.Windowed(def)
		opts = append(opts, retention(def.Retention()))
	case "sliding":
		def := windows.Sliding(size).Grace(grace)
		w = g.Windowed(def)
		opts = append(opts, retention(def.Retention()))
	case "sessions":
		def := windows.Session(size).Grace(grace)
		sessions := g.Sessions(def)
		if p.onClose {
			sessions = sessions.OnClose()
		}
		sessions.Count(p.store, append(opts, retention(def.Retention()))...).ToStream(windowed).To("out")
		return
	case "join":
		def := windows.Within(size).Grace(grace)
		opts = append(opts, retention(def.Retention()))
		s.Join(s, def, p.store, pair, opts...).To("out")
		return
	case "held":
		g.Count(p.store, opts...).Suppress(topology.UntilTimeLimit(p.store+"-held", size)).ToStream().To("out")
		return
	}
	if p.shape == "closing" {
		w.Count(p.store, opts...).Suppress(topology.UntilWindowCloses(p.store + "-held")).ToStream(windowed).To("out")
		return
	}
	if p.onClose {
		w = w.OnClose()
	}
	w.Count(p.store, opts...).ToStream(windowed).To("out")
}

func declare(parts []part) func(b *builder) {
	return func(b *builder) {
		for _, p := range parts {
			p.declare(b)
		}
	}
}

// TestSafeUpgradesKeepEverything plans random edits of random topologies. Those that are safe are run with random records, on
// disks that are kept or lost, and have what the new version has over all records.
func TestSafeUpgradesKeepEverything(t *testing.T) {
	const pairs = 600
	verdicts := make(map[plan.Verdict]int)
	for seed := range uint64(pairs) {
		r := rand.New(rand.NewPCG(seed, 3))
		var before, after []part
		for i := range 1 + r.IntN(3) {
			before = append(before, randomPart(r, i))
		}
		after = slices.Clone(before)
		for range 1 + r.IntN(2) {
			i := r.IntN(len(after))
			after[i] = after[i].change(r, i)
		}
		if r.IntN(8) == 0 {
			after = append(after, randomPart(r, len(after)))
		}
		old, new := build(t, "app", declare(before)), build(t, "app", declare(after))
		p := plan.Compare(old.Describe(), new.Describe(), nil)
		verdicts[p.Verdict]++
		if p.Verdict != plan.Safe {
			continue
		}
		records := someRecords(r, 10+r.IntN(50), false)
		x := trial{t: t, old: old, new: new, records: records, switchAt: 1 + r.IntN(len(records)-1), loses: r.IntN(2) == 0, moves: r.IntN(2) == 0}
		kinds := make(map[plan.Kind]bool)
		for _, change := range p.Changes {
			kinds[change.Kind] = true
		}
		// Of an input that comes the new version writes everything after the upgrade, of one that goes, or of results that leave at
		// other times, the old one wrote something else before: together there is nothing to compare with.
		x.rowsOnly = kinds["input-added"] && (kinds["input-removed"] || kinds["emit-on-close"] || kinds["emit-on-update"] || kinds["join-window-wider"] || kinds["join-window-narrower"])
		x.tables = kinds["suppress-limit"]
		if len(after) == len(before) && asBefore(kinds) && r.IntN(2) == 0 {
			x.inFlight, x.whole = true, true
		}
		differs := x.differs()
		if differs != "" {
			// An edit of the time at which results leave does not change them, but how many had left before.
			x.whole = true
			differs = x.differs()
		}
		if differs != "" {
			t.Fatalf("seed %d: from\n%+v\nto\n%+v\nis safe by\n%+v\nbut\n%s", seed, before, after, p.Changes, differs)
		}
	}
	t.Logf("of %d pairs: %v", pairs, verdicts)
	if verdicts[plan.Safe] < pairs/5 {
		t.Errorf("only %d of %d pairs are safe", verdicts[plan.Safe], pairs)
	}
}

// asBefore reports whether changes leave what comes out of the same records as it was.
func asBefore(kinds map[plan.Kind]bool) bool {
	for kind := range kinds {
		if !slices.Contains([]plan.Kind{"operator-added", "operator-removed", "store-in-memory", "sub-topologies-merged", "sub-topology-split", "repartition-added", "suppress-limit"}, kind) {
			return false
		}
	}
	return true
}
