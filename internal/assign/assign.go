package assign

import (
	"cmp"
	"slices"
)

// ID names a task: a sub-topology on a partition.
type ID struct {
	SubTopology int
	Partition   int32
}

// Task is a task to be run. Tasks of one sub-topology are all stateful or all not.
type Task struct {
	ID       ID
	Stateful bool
}

// Member is one that runs tasks.
type Member struct {
	ID string // unique in the group
	// Owned are the tasks that it runs now, or whose state it has. Tasks that do not exist are ignored; of several
	// members with the same task the first by ID counts.
	Owned []ID
}

// Assign gives the tasks of each member by its ID, sorted; see A1 to A3. Neither the order of members nor that of tasks
// matters. Without members it returns an empty map. The arguments are left as they are.
func Assign(members []Member, tasks []Task) map[string][]ID {
	assigned := make(map[string][]ID, len(members))
	if len(members) == 0 {
		return assigned
	}
	members = slices.SortedFunc(slices.Values(members), func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	groups := groupsOf(members, tasks)
	quotas := quotasOf(groups, len(members))
	for i, g := range groups {
		for m, ids := range g.deal(quotas[i]) {
			assigned[members[m].ID] = append(assigned[members[m].ID], ids...)
		}
	}
	for _, ids := range assigned {
		slices.SortFunc(ids, compare)
	}
	return assigned
}

// group is the tasks of one sub-topology.
type group struct {
	stateful bool
	owned    [][]ID // by member, sorted
	free     []ID   // owned by nobody, sorted
	size     int
}

// groupsOf are the groups by sub-topology.
func groupsOf(members []Member, tasks []Task) []*group {
	owner := make(map[ID]int)
	for m, member := range members {
		for _, id := range member.Owned {
			if _, taken := owner[id]; !taken {
				owner[id] = m
			}
		}
	}
	tasks = slices.SortedFunc(slices.Values(tasks), func(a, b Task) int { return compare(a.ID, b.ID) })
	var groups []*group
	for i, t := range tasks {
		if i == 0 || t.ID.SubTopology != tasks[i-1].ID.SubTopology {
			groups = append(groups, &group{stateful: t.Stateful, owned: make([][]ID, len(members))})
		}
		g := groups[len(groups)-1]
		g.size++
		if m, ok := owner[t.ID]; ok {
			g.owned[m] = append(g.owned[m], t.ID)
		} else {
			g.free = append(g.free, t.ID)
		}
	}
	return groups
}

// deal gives every member as many tasks as its quota says, its own before others.
func (g *group) deal(quota []int) [][]ID {
	dealt := make([][]ID, len(quota))
	free := slices.Clone(g.free)
	for m, owned := range g.owned {
		keep := min(len(owned), quota[m])
		dealt[m] = slices.Clone(owned[:keep])
		free = append(free, owned[keep:]...)
	}
	slices.SortFunc(free, compare)
	for m := range dealt {
		take := quota[m] - len(dealt[m])
		dealt[m] = append(dealt[m], free[:take]...)
		free = free[take:]
	}
	return dealt
}

// quotasOf says how many tasks of each group each member gets.
//
// A2 leaves little to choose: of a group of n tasks every member gets n/members, and n%members of them get one more. Who
// gets these is a flow of least cost: source → group → member's stateful or other tasks → member → sink, where a member
// that owns a further task of the group makes that edge cheaper. There always is an answer: dealing the tasks group by
// group in a circle, all stateful ones first, is one.
func quotasOf(groups []*group, members int) [][]int {
	var (
		quotas    = make([][]int, len(groups))
		n         = newNetwork(2 + len(groups) + 3*members)
		source    = 0
		sink      = 1
		groupNode = func(i int) int { return 2 + i }
		classNode = func(m int, stateful bool) int { return 2 + len(groups) + 3*m + index(stateful) }
		node      = func(m int) int { return 2 + len(groups) + 3*m + 2 }

		// One stateful task kept outweighs all others, a bound that is kept outweighs all tasks.
		statefulGain = int64(len(groups)*members) + 1
		boundGain    = statefulGain*int64(len(groups)*members) + 1
		extras       [2]int
		edges        = make([][]int, len(groups))
	)
	for i, g := range groups {
		extra := g.size % members
		extras[index(g.stateful)] += extra
		n.add(source, groupNode(i), extra, 0)
		quotas[i], edges[i] = make([]int, members), make([]int, members)
		for m := range members {
			quotas[i][m] = g.size / members
			gain := int64(0)
			if len(g.owned[m]) > quotas[i][m] {
				gain = 1
				if g.stateful {
					gain = statefulGain
				}
			}
			edges[i][m] = n.add(groupNode(i), classNode(m, g.stateful), 1, -gain)
		}
	}
	for m := range members {
		for _, stateful := range []bool{true, false} {
			n.addEven(classNode(m, stateful), node(m), extras[index(stateful)], members, boundGain)
		}
		n.addEven(node(m), sink, extras[0]+extras[1], members, boundGain)
	}
	n.run(source, sink)
	for i := range groups {
		for m := range members {
			quotas[i][m] += n.flow(edges[i][m])
		}
	}
	return quotas
}

// addEven adds an edge that takes an even share of total: rounded down at least, rounded up at most.
func (n *network) addEven(from, to, total, members int, gain int64) {
	n.add(from, to, total/members, -gain)
	if total%members > 0 {
		n.add(from, to, 1, 0)
	}
}

func index(stateful bool) int {
	if stateful {
		return 0
	}
	return 1
}

func compare(a, b ID) int {
	return cmp.Or(cmp.Compare(a.SubTopology, b.SubTopology), cmp.Compare(a.Partition, b.Partition))
}
