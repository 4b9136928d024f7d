package assign_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/rivusio/rivusio/internal/assign"
	"pgregory.net/rapid"
)

func ExampleAssign() {
	var tasks []assign.Task
	for p := range int32(4) {
		tasks = append(tasks, assign.Task{ID: assign.ID{SubTopology: 0, Partition: p}})
	}
	one := assign.Assign([]assign.Member{{ID: "a"}}, tasks)
	two := assign.Assign([]assign.Member{{ID: "a", Owned: one["a"]}, {ID: "b"}}, tasks)
	fmt.Println("a", two["a"])
	fmt.Println("b", two["b"])
	// Output:
	// a [{0 0} {0 1}]
	// b [{0 2} {0 3}]
}

func TestNobodyToAssignTo(t *testing.T) {
	if got := assign.Assign(nil, []assign.Task{{}}); len(got) != 0 {
		t.Errorf("assigned %v to nobody", got)
	}
}

// The property is A1 and A2, whatever members claim to own.
func TestEveryTaskOnceAndEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := drawTasks(t, 6, 20)
		members := drawMembers(t, tasks, 9)
		checkEven(t, members, tasks, assign.Assign(members, tasks))
	})
}

// The property is A3: no even assignment at all moves less.
func TestMovesAsLittleAsPossible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := drawTasks(t, 3, 3)
		members := drawMembers(t, tasks, 3)
		got := cost(members, tasks, assign.Assign(members, tasks))
		if best := cheapest(members, tasks); got != best {
			t.Fatalf("moved %+v, %+v is possible\nmembers %v\ntasks %v\nassigned %v", got, best, members, tasks, assign.Assign(members, tasks))
		}
	})
}

func TestOrderOfArgumentsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := drawTasks(t, 4, 6)
		members := drawMembers(t, tasks, 5)
		want := assign.Assign(members, tasks)
		got := assign.Assign(rapid.Permutation(members).Draw(t, "members"), rapid.Permutation(tasks).Draw(t, "tasks"))
		if !maps.EqualFunc(want, got, slices.Equal) {
			t.Fatalf("got %v, then %v", want, got)
		}
	})
}

// The simulator: members join, leave and forget, and tasks move in two rounds as a cooperative group moves them.
func TestGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &group{t: t, tasks: drawTasks(t, 5, 12), owned: make(map[string][]assign.ID)}
		g.join("m0")
		next := 1
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				if next == 12 {
					t.Skip("large enough")
				}
				name := fmt.Sprint("m", next)
				next++
				moved := g.join(name)
				g.bounded(t, moved, len(g.owned[name]))
			},
			"leave": func(t *rapid.T) {
				if len(g.owned) == 1 {
					t.Skip("nobody would be left")
				}
				name := g.draw(t)
				orphans := len(g.owned[name])
				delete(g.owned, name)
				g.bounded(t, g.converge(), orphans)
			},
			"restart": func(t *rapid.T) {
				name := g.draw(t)
				lost := len(g.owned[name])
				g.owned[name] = nil
				if moved := g.converge(); moved != lost {
					t.Fatalf("%d tasks moved after a member with %d forgot them", moved, lost)
				}
			},
			"": func(t *rapid.T) {
				if moved := g.converge(); moved != 0 {
					t.Fatalf("%d tasks moved although nothing happened", moved)
				}
				checkEven(t, g.members(), g.tasks, g.owned)
			},
		})
	})
}

type group struct {
	t     *rapid.T
	tasks []assign.Task
	owned map[string][]assign.ID
}

func (g *group) members() []assign.Member {
	var members []assign.Member
	for id, owned := range g.owned {
		members = append(members, assign.Member{ID: id, Owned: owned})
	}
	return members
}

func (g *group) draw(t *rapid.T) string {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(g.owned))).Draw(t, "member")
}

func (g *group) join(name string) (moved int) {
	g.owned[name] = nil
	return g.converge()
}

// bounded checks that beside the tasks that have to move, those that the newcomer gets or that nobody has any more, at most
// one of each sub-topology moved, to keep everything even at once.
func (g *group) bounded(t *rapid.T, moved, needed int) {
	t.Helper()
	subs := make(map[int]bool)
	for _, task := range g.tasks {
		subs[task.ID.SubTopology] = true
	}
	if moved < needed || moved > needed+len(subs) {
		t.Fatalf("%d tasks moved, %d had to, of %d sub-topologies", moved, needed, len(subs))
	}
}

// converge rebalances until nothing changes and returns how many tasks have another owner than before, or none before.
func (g *group) converge() (moved int) {
	before := owners(g.owned)
	for round := 0; ; round++ {
		if round > 2 {
			g.t.Fatalf("not settled after %d rebalances", round)
		}
		owner := owners(g.owned)
		target := assign.Assign(g.members(), g.tasks)
		changed := false
		for name := range g.owned {
			var next []assign.ID
			for _, id := range target[name] {
				if holder, held := owner[id]; held && holder != name {
					changed = true // its owner lets go in this round; the next one gives it away
					continue
				}
				next = append(next, id)
			}
			changed = changed || !slices.Equal(next, g.owned[name])
			g.owned[name] = next
		}
		if !changed {
			break
		}
	}
	after := owners(g.owned)
	for id, name := range after {
		if before[id] != name {
			moved++
		}
	}
	return moved
}

func owners(owned map[string][]assign.ID) map[assign.ID]string {
	owner := make(map[assign.ID]string)
	for name, ids := range owned {
		for _, id := range ids {
			owner[id] = name
		}
	}
	return owner
}

func drawTasks(t *rapid.T, subTopologies, partitions int) []assign.Task {
	var tasks []assign.Task
	for sub := range rapid.IntRange(0, subTopologies).Draw(t, "sub-topologies") {
		stateful := rapid.Bool().Draw(t, "stateful")
		for p := range rapid.Int32Range(1, int32(partitions)).Draw(t, "partitions") {
			tasks = append(tasks, assign.Task{ID: assign.ID{SubTopology: sub, Partition: p}, Stateful: stateful})
		}
	}
	return tasks
}

// drawMembers makes members that own anything: tasks of others, the same task twice, tasks that do not exist.
func drawMembers(t *rapid.T, tasks []assign.Task, most int) []assign.Member {
	members := make([]assign.Member, rapid.IntRange(1, most).Draw(t, "members"))
	for i := range members {
		members[i].ID = fmt.Sprint("m", i)
	}
	for _, task := range append(tasks, assign.Task{ID: assign.ID{SubTopology: 77}}) {
		for range rapid.IntRange(0, 2).Draw(t, "claims") {
			m := &members[rapid.IntRange(0, len(members)-1).Draw(t, "owner")]
			m.Owned = append(m.Owned, task.ID)
		}
	}
	return members
}

func checkEven(t *rapid.T, members []assign.Member, tasks []assign.Task, assigned map[string][]assign.ID) {
	t.Helper()
	isStateful := make(map[assign.ID]bool)
	for _, task := range tasks {
		isStateful[task.ID] = task.Stateful
	}
	counts := make(map[string]map[string]int) // what, then by member
	seen := make(map[assign.ID]bool)
	for _, m := range members {
		if !slices.IsSortedFunc(assigned[m.ID], func(a, b assign.ID) int { return (a.SubTopology-b.SubTopology)*1000 + int(a.Partition-b.Partition) }) {
			t.Fatalf("not sorted: %v", assigned[m.ID])
		}
		for _, id := range assigned[m.ID] {
			if _, exists := isStateful[id]; !exists || seen[id] {
				t.Fatalf("%v is assigned twice or does not exist", id)
			}
			seen[id] = true
			for _, what := range []string{"tasks", fmt.Sprint("stateful ", isStateful[id]), fmt.Sprint("sub-topology ", id.SubTopology)} {
				if counts[what] == nil {
					counts[what] = make(map[string]int)
				}
				counts[what][m.ID]++
			}
		}
	}
	if len(seen) != len(tasks) {
		t.Fatalf("%d of %d tasks are assigned", len(seen), len(tasks))
	}
	for what, byMember := range counts {
		least, most := len(tasks), 0
		for _, m := range members {
			least, most = min(least, byMember[m.ID]), max(most, byMember[m.ID])
		}
		if most-least > 1 {
			t.Fatalf("%s: from %d to %d by member", what, least, most)
		}
	}
}

// moves is how many owned tasks go to somebody else.
type moves struct{ stateful, other int }

func cost(members []assign.Member, tasks []assign.Task, assigned map[string][]assign.ID) moves {
	owner := make(map[assign.ID]string)
	for _, m := range members {
		for _, id := range m.Owned {
			if _, taken := owner[id]; !taken {
				owner[id] = m.ID
			}
		}
	}
	var c moves
	now := owners(assigned)
	for _, task := range tasks {
		if was, owned := owner[task.ID]; owned && was != now[task.ID] {
			if task.Stateful {
				c.stateful++
			} else {
				c.other++
			}
		}
	}
	return c
}

// cheapest tries every even assignment.
func cheapest(members []assign.Member, tasks []assign.Task) moves {
	best := moves{stateful: len(tasks) + 1}
	choice := make([]int, len(tasks))
	var try func(i int)
	try = func(i int) {
		if i < len(tasks) {
			for m := range members {
				choice[i] = m
				try(i + 1)
			}
			return
		}
		if !even(len(members), tasks, choice) {
			return
		}
		assigned := make(map[string][]assign.ID)
		for i, m := range choice {
			assigned[members[m].ID] = append(assigned[members[m].ID], tasks[i].ID)
		}
		if c := cost(members, tasks, assigned); c.stateful < best.stateful || c.stateful == best.stateful && c.other < best.other {
			best = c
		}
	}
	try(0)
	return best
}

func even(members int, tasks []assign.Task, choice []int) bool {
	var total [4]int
	var stateful [4]int
	var sub [4][4]int
	subs := 0
	for i, m := range choice {
		total[m]++
		if tasks[i].Stateful {
			stateful[m]++
		}
		sub[tasks[i].ID.SubTopology][m]++
		subs = max(subs, tasks[i].ID.SubTopology+1)
	}
	flat := func(counts []int) bool { return slices.Max(counts)-slices.Min(counts) <= 1 }
	other := total
	for m := range other {
		other[m] -= stateful[m]
	}
	if !flat(total[:members]) || !flat(stateful[:members]) || !flat(other[:members]) {
		return false
	}
	for s := range subs {
		if !flat(sub[s][:members]) {
			return false
		}
	}
	return true
}

// A large group must not hold up a rebalance.
func BenchmarkAssign(b *testing.B) {
	var tasks []assign.Task
	for sub := range 20 {
		for p := range int32(250 + 7*sub) {
			tasks = append(tasks, assign.Task{ID: assign.ID{SubTopology: sub, Partition: p}, Stateful: sub%3 > 0})
		}
	}
	members := make([]assign.Member, 199)
	for i := range members {
		members[i].ID = fmt.Sprintf("m%03d", i)
	}
	before := assign.Assign(members, tasks)
	for i := range members {
		members[i].Owned = before[members[i].ID]
	}
	members = append(members, assign.Member{ID: "new"})
	b.ReportAllocs()
	for b.Loop() {
		assign.Assign(members, tasks)
	}
}
