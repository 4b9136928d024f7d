package plan_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rivusio/rivusio/plan"
)

// TestVerdictsAreWhatHappens compares the plan of each case with its kinds, and runs the upgrade with random records: a safe one
// has the results and the rows of the new version over all records, always; any other one has not, at least sometimes.
func TestVerdictsAreWhatHappens(t *testing.T) {
	for i, c := range upgradeCases {
		t.Run(fmt.Sprintf("%d-%s", i, c.want[0]), func(t *testing.T) {
			t.Parallel()
			application := c.application
			if application == "" {
				application = "app"
			}
			old, new := build(t, "app", c.old), build(t, application, c.new)
			p := plan.Compare(old.Describe(), new.Describe(), nil)
			checkKinds(t, p, c.want)
			const seeds = 25
			for seed := range uint64(seeds) {
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				records := someRecords(r, 10+r.IntN(60), c.late)
				safe := p.Verdict == plan.Safe // then also on other disks
				x := trial{
					t: t, old: old, new: new, records: records, switchAt: 1 + r.IntN(len(records)-1),
					inFlight: c.inFlight, loses: c.loses || safe && r.IntN(2) == 0, moves: c.moves || safe && r.IntN(2) == 0, whole: c.whole, back: c.back,
				}
				differs := x.differs()
				switch {
				case differs == "":
				case p.Verdict == plan.Safe:
					t.Fatalf("seed %d: %s is safe, but\n%s", seed, c.want[0], differs)
				default:
					return
				}
			}
			if p.Verdict != plan.Safe {
				t.Fatalf("%s is %q, but of %d upgrades none differs", c.want[0], p.Verdict, seeds)
			}
		})
	}
}

// checkKinds compares the kinds of changes. Which operators and outputs come and go on the way is said only by the cases that are
// for it.
func checkKinds(t *testing.T, p *plan.Plan, want []plan.Kind) {
	t.Helper()
	beside := []plan.Kind{"operator-added", "operator-removed", "operator-renamed", "output-changed"}
	kinds := make(map[plan.Kind]bool)
	for _, change := range p.Changes {
		if slices.Contains(want, change.Kind) || !slices.Contains(beside, change.Kind) {
			kinds[change.Kind] = true
		}
	}
	got, want := slices.Sorted(maps.Keys(kinds)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Fatalf("changes %v, want %v", got, want)
	}
}
