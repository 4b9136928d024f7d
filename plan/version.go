package plan

import (
	"slices"
	"strings"

	"github.com/rivusio/rivusio/topology"
)

// version is a description made ready to be asked.
type version struct {
	topology.Description
	stores   []store // by declaration
	nodes    []node
	internal map[string]bool // repartition topics
}

// store is a store with the operators that use it.
type store struct {
	topology.StoreDescription
	sub   int
	users []string // names of operators, the first one is its own
	op    string   // what that one is
}

type node struct {
	topology.NodeDescription
	sub     int
	parents []string
}

func newVersion(d topology.Description) *version {
	v := &version{Description: d, internal: make(map[string]bool)}
	for _, r := range d.Repartitions {
		v.internal[r.Topic] = true
	}
	for i, sub := range d.SubTopologies {
		for _, n := range sub.Nodes {
			v.nodes = append(v.nodes, node{NodeDescription: n, sub: i})
		}
		for _, s := range sub.Stores {
			of := store{StoreDescription: s, sub: i}
			for _, n := range sub.Nodes {
				if slices.Contains(n.Stores, s.Name) {
					of.users = append(of.users, n.Name)
				}
			}
			if len(of.users) > 0 {
				of.op = v.node(of.users[0]).Op
			}
			v.stores = append(v.stores, of)
		}
	}
	for _, n := range v.nodes {
		for _, next := range n.Next {
			if child := v.node(next); child != nil {
				child.parents = append(child.parents, n.Name)
			}
		}
	}
	return v
}

func (v *version) node(name string) *node {
	i := slices.IndexFunc(v.nodes, func(n node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &v.nodes[i]
}

func (v *version) store(name string) *store {
	i := slices.IndexFunc(v.stores, func(s store) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &v.stores[i]
}

// reads are the topics that a node reads; patterns are named as such.
func (n *node) reads() []string {
	switch {
	case n.ReadsPattern != "":
		return []string{"pattern " + n.ReadsPattern}
	case n.Reads != "":
		return []string{n.Reads}
	}
	return n.ReadsTopics
}

// above are operators and all that records come to them from without a topic in between.
func (v *version) above(names []string) []*node {
	var seen []string
	var nodes []*node
	for todo := slices.Clone(names); len(todo) > 0; {
		n := v.node(todo[0])
		todo = todo[1:]
		if n == nil || slices.Contains(seen, n.Name) {
			continue
		}
		seen, nodes = append(seen, n.Name), append(nodes, n)
		todo = append(todo, n.parents...)
	}
	return nodes
}

// direct are the topics from which records come to operators, sorted.
func (v *version) direct(names []string) []string {
	var topics []string
	for _, n := range v.above(names) {
		topics = append(topics, n.reads()...)
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// upstream are the inputs from which records come to operators, also by way of repartition topics, sorted.
func (v *version) upstream(names []string) []string {
	var inputs, done []string
	for todo := v.direct(names); len(todo) > 0; {
		topic := todo[0]
		todo = todo[1:]
		if slices.Contains(done, topic) {
			continue
		}
		done = append(done, topic)
		if !v.internal[topic] {
			inputs = append(inputs, topic)
			continue
		}
		for _, n := range v.nodes {
			if n.Writes == topic {
				todo = append(todo, v.direct([]string{n.Name})...)
			}
		}
	}
	slices.Sort(inputs)
	return inputs
}

// inputs are the topics of others that tasks read, sorted.
func (v *version) inputs() []string {
	var topics []string
	for _, n := range v.nodes {
		for _, topic := range n.reads() {
			if !v.internal[topic] {
				topics = append(topics, topic)
			}
		}
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// outputs are the topics of others that are written, sorted.
func (v *version) outputs() []string {
	var topics []string
	for _, n := range v.nodes {
		if n.Writes != "" && !v.internal[n.Writes] {
			topics = append(topics, n.Writes)
		}
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

func list(names []string) string { return strings.Join(names, ", ") }

// without are the members of a that b does not have.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func shares(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
