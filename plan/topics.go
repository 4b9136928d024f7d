package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rivusio/rivusio/topology"
)

type global = topology.GlobalDescription

// repartitions compares the repartition topics.
func (c *comparison) repartitions() {
	var gone, come []topology.RepartitionDescription
	for _, before := range c.from.Repartitions {
		at := slices.IndexFunc(c.to.Repartitions, func(r topology.RepartitionDescription) bool { return r.Topic == before.Topic })
		if at < 0 {
			gone = append(gone, before)
			continue
		}
		after := c.to.Repartitions[at]
		if before.Keys != after.Keys || before.Values != after.Values {
			c.add(repartitionSerde, after.Topic, before.Keys+" and "+before.Values, after.Keys+" and "+after.Values)
		}
		if before.Partitions != after.Partitions {
			c.add(repartitionPartitions, after.Topic, partitionsText(before.Partitions), partitionsText(after.Partitions))
		}
	}
	for _, after := range c.to.Repartitions {
		if !c.from.internal[after.Topic] {
			come = append(come, after)
		}
	}
	for _, before := range gone {
		at := slices.IndexFunc(come, func(after topology.RepartitionDescription) bool {
			return c.sameStores(before.Topic, after.Topic)
		})
		if at < 0 {
			c.add(repartitionRemoved, before.Topic, before.Topic, "")
			continue
		}
		c.add(repartitionRenamed, before.Topic, before.Topic, come[at].Topic)
		come = slices.Delete(come, at, at+1)
	}
	for _, after := range come {
		c.add(repartitionAdded, after.Topic, "", after.Topic)
	}
}

// sameStores reports whether two topics lead to the same stores in either version, or to the same operators where there is no
// store.
func (c *comparison) sameStores(before, after string) bool {
	stores := func(v *version, topic string) (names []string) {
		for _, s := range v.stores {
			if slices.Contains(v.direct(s.users), topic) {
				names = append(names, s.Name)
			}
		}
		return names
	}
	was, is := stores(c.from, before), stores(c.to, after)
	return shares(was, is) || len(was) == 0 && len(is) == 0
}

func partitionsText(n int32) string {
	if n == 0 {
		return "as its inputs"
	}
	return fmt.Sprintf("%d partitions", n)
}

// inputs compares what is read; what it does to stores is found with them.
func (c *comparison) inputs() {
	gone, come := without(c.from.inputs(), c.to.inputs()), without(c.to.inputs(), c.from.inputs())
	for _, topic := range gone {
		if !slices.ContainsFunc(c.Changes, func(change Change) bool { return inList(change.From, topic) && ofInput(change.Kind) }) {
			c.add(inputRemoved, topic, topic, "")
		}
	}
	for _, topic := range come {
		if !slices.ContainsFunc(c.Changes, func(change Change) bool { return inList(change.To, topic) && ofInput(change.Kind) }) {
			c.add(inputAdded, topic, "", topic)
		}
	}
}

func ofInput(k Kind) bool {
	return k == inputReplaced || k == inputRemovedStore || k == inputAddedToWindows
}

func inList(text, name string) bool { return slices.Contains(strings.Split(text, ", "), name) }

func (c *comparison) outputs() {
	gone, come := without(c.from.outputs(), c.to.outputs()), without(c.to.outputs(), c.from.outputs())
	for i := range max(len(gone), len(come)) {
		var before, after string
		if i < len(gone) {
			before = gone[i]
		}
		if i < len(come) {
			after = come[i]
		}
		c.add(outputChanged, cmp.Or(after, before), before, after)
	}
}

// operators compares the operators without a store, source or sink. Generated names tell nothing, so operators of which only
// such a name changed are the same.
func (c *comparison) operators() {
	gone, come := c.plain(c.from, c.to), c.plain(c.to, c.from)
	for _, before := range gone {
		at := slices.IndexFunc(come, func(after *node) bool { return after.Op == before.Op })
		switch {
		case at < 0:
			c.add(operatorRemoved, before.Name, before.Op, "")
			continue
		case !before.generated() || !come[at].generated():
			c.add(operatorRenamed, before.Name, before.Name, come[at].Name)
		}
		come = slices.Delete(come, at, at+1)
	}
	for _, after := range come {
		c.add(operatorAdded, after.Name, "", after.Op)
	}
}

// plain are the operators without stores that the other version does not have by name.
func (c *comparison) plain(v, other *version) (nodes []*node) {
	for i := range v.nodes {
		n := &v.nodes[i]
		if len(n.Stores) > 0 || len(n.reads()) > 0 || n.Writes != "" || n.WritesChosen {
			continue
		}
		if same := other.node(n.Name); same == nil || same.Op != n.Op {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// generated reports whether nobody gave the operator its name.
func (n *node) generated() bool {
	number, ok := strings.CutPrefix(n.Name, n.Op+"-")
	return ok && strings.Trim(number, "0123456789") == ""
}

// subTopologies finds inputs and stores that are in one task and were not, or were and are not.
func (c *comparison) subTopologies() {
	before, after := c.from.homes(), c.to.homes()
	var names []string
	for name := range before {
		if _, both := after[name]; both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	merged, split := make(map[int]bool), make(map[int]bool)
	for i, a := range names {
		for _, b := range names[:i] {
			was, is := before[a] == before[b], after[a] == after[b]
			if is && !was && !merged[after[a]] {
				merged[after[a]] = true
				c.add(subMerged, fmt.Sprintf("sub-topology %d", after[a]), fmt.Sprintf("%d and %d", before[b], before[a]), fmt.Sprint(after[a]))
			}
			if was && !is && !split[before[a]] {
				split[before[a]] = true
				c.add(subSplit, fmt.Sprintf("sub-topology %d", before[a]), fmt.Sprint(before[a]), fmt.Sprintf("%d and %d", after[b], after[a]))
			}
		}
	}
}

// homes are the sub-topologies of what is found again by name: stores and the topics that are read.
func (v *version) homes() map[string]int {
	homes := make(map[string]int)
	for _, s := range v.stores {
		homes["store "+s.Name] = s.sub
	}
	for _, n := range v.nodes {
		for _, topic := range n.reads() {
			homes["topic "+topic] = n.sub
		}
	}
	return homes
}
