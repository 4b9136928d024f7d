package graph

import (
	"fmt"
	"hash/fnv"
	"slices"
)

// Finish finds the sub-topologies: the sets of nodes that are connected by edges or shared stores, in the order of
// their first nodes. Nothing of the topology may change afterwards.
func (t *Topology) Finish() {
	group := components(t)
	t.SubTopologies = nil
	for _, g := range t.Globals {
		g.topology = t
	}
	subs := make(map[int]*SubTopology)
	for _, n := range t.Nodes {
		sub := subs[group[n.ID]]
		if sub == nil {
			sub = &SubTopology{ID: len(t.SubTopologies), topology: t}
			subs[group[n.ID]] = sub
			t.SubTopologies = append(t.SubTopologies, sub)
		}
		sub.add(n)
	}
	for _, sub := range t.SubTopologies {
		slices.Sort(sub.Sources)
		sub.Sources = slices.Compact(sub.Sources)
		slices.Sort(sub.Sinks)
		sub.Sinks = slices.Compact(sub.Sinks)
		sub.Hash = sub.hash()
	}
}

func (s *SubTopology) add(n *Node) {
	s.Nodes = append(s.Nodes, n)
	for _, store := range n.Stores {
		if !slices.Contains(s.Stores, store) {
			s.Stores = append(s.Stores, store)
		}
	}
	if n.Source != nil {
		s.Sources = append(s.Sources, n.Source.Topics...)
	}
	if n.Sink != nil && n.Sink.Topic != "" {
		s.Sinks = append(s.Sinks, n.Sink.Topic)
	}
}

// components numbers the connected nodes alike: the smallest ID among them.
func components(t *Topology) []int {
	parent := make([]int, len(t.Nodes))
	for i := range parent {
		parent[i] = i
	}
	var find func(int) int
	find = func(i int) int {
		if parent[i] != i {
			parent[i] = find(parent[i])
		}
		return parent[i]
	}
	union := func(a, b int) {
		a, b = find(a), find(b)
		parent[max(a, b)] = min(a, b)
	}
	sources := make(map[string]int)
	for _, n := range t.Nodes {
		for _, child := range n.Children {
			union(n.ID, child.ID)
		}
		if n.Source == nil {
			continue
		}
		// Two readers of one topic are in one task, or its records would be fetched twice.
		topics := n.Source.Topics
		if n.Source.Pattern != nil {
			topics = []string{n.Source.String()}
		}
		for _, topic := range topics {
			if first, ok := sources[topic]; ok {
				union(first, n.ID)
			} else {
				sources[topic] = n.ID
			}
		}
	}
	for _, store := range t.Stores {
		for _, n := range store.Nodes[min(1, len(store.Nodes)):] {
			union(store.Nodes[0].ID, n.ID)
		}
	}
	for i := range parent {
		parent[i] = find(i)
	}
	return parent
}

// hash covers what tasks of other instances must agree on: topics, operators with their edges, stores.
func (s *SubTopology) hash() uint64 {
	h := fnv.New64a()
	for _, n := range s.Nodes {
		fmt.Fprintf(h, "%s\x00%s\x00", n.Op, n.Name)
		for _, p := range n.Parents {
			fmt.Fprintf(h, "<%s\x00", p.Name)
		}
		if n.Source != nil {
			fmt.Fprintf(h, "r%s\x00", n.Source)
		}
		if n.Sink != nil {
			fmt.Fprintf(h, "w%s\x00", n.Sink.Topic)
		}
		for _, g := range n.Globals {
			fmt.Fprintf(h, "g%s\x00%s\x00", g.Name, g.Topic)
		}
	}
	for _, store := range s.Stores {
		if store.Source != nil {
			fmt.Fprintf(h, "c%s\x00", store.Source.Topic)
		}
		fmt.Fprintf(h, "s%s\x00%d\x00%s\x00%d\x00", store.Name, store.Kind, store.Changelog, store.RetentionMs)
	}
	return h.Sum64()
}
