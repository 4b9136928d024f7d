package topology

import (
	"encoding/json/v2"
	"fmt"
	"strings"

	"encoding/json/jsontext"

	"github.com/rivusio/rivusio/internal/graph"
)

// Description is a topology as people and tools read it. Its JSON form is stable: fields are added, never renamed.
type Description struct {
	Application   string                   `json:"application"`
	SubTopologies []SubTopologyDescription `json:"sub_topologies"`
	Globals       []GlobalDescription      `json:"global_stores,omitzero"`
	Repartitions  []RepartitionDescription `json:"repartition_topics"`
	CoPartitioned []CoPartitionDescription `json:"co_partitioned"`
}

// SubTopologyDescription is a part whose operators run together in one task for each partition.
type SubTopologyDescription struct {
	ID     int                `json:"id"`
	Hash   string             `json:"hash"` // of what instances must agree on
	Nodes  []NodeDescription  `json:"nodes"`
	Stores []StoreDescription `json:"stores"`
}

// GlobalDescription is a store that every process has whole, with what feeds it. It makes no tasks.
type GlobalDescription struct {
	Store StoreDescription  `json:"store"`
	Topic string            `json:"topic"`
	Nodes []NodeDescription `json:"nodes"`
}

// NodeDescription is an operator, a source or a sink.
type NodeDescription struct {
	Name   string   `json:"name"`
	Op     string   `json:"op"`
	Reads  string   `json:"reads,omitzero"`  // topic of a source, if it is one
	Writes string   `json:"writes,omitzero"` // topic of a sink
	Stores []string `json:"stores,omitzero"`
	Next   []string `json:"next,omitzero"`
	// Topics of a source that reads several, or the regular expression that they match.
	ReadsTopics  []string `json:"reads_topics,omitzero"`
	ReadsPattern string   `json:"reads_pattern,omitzero"`
	WritesChosen bool     `json:"writes_chosen,omitzero"` // a sink that chooses the topic for each record
}

// reads is what a source reads, for people: topics, or a pattern.
func (n NodeDescription) reads() []string {
	switch {
	case n.ReadsPattern != "":
		return []string{"pattern " + n.ReadsPattern}
	case n.Reads != "":
		return []string{n.Reads}
	}
	return n.ReadsTopics
}

// StoreDescription is a store with its changelog.
type StoreDescription struct {
	Name        string `json:"name"`
	Kind        string `json:"kind"`
	Changelog   string `json:"changelog,omitzero"` // topic; empty for none
	InMemory    bool   `json:"in_memory,omitzero"`
	RetentionMs int64  `json:"retention_ms,omitzero"`
	Source      string `json:"source,omitzero"` // topic that it is restored from in the place of a changelog
	// Keys and Values name the serdes of what the user keeps in the store: see serde.Name. "" for none.
	Keys   string `json:"keys,omitzero"`
	Values string `json:"values,omitzero"`
	// Windows is the kind of windows by which it is filled, "" for none: time, sliding, session, count, unlimited or join.
	Windows string `json:"windows,omitzero"`
	// Settings are the numbers on which the meaning of its rows depends: size_ms, advance_ms, grace_ms and so on.
	Settings map[string]int64 `json:"settings,omitzero"`
}

// RepartitionDescription is a topic between sub-topologies. Partitions is 0 unless the topology fixes it.
type RepartitionDescription struct {
	Topic      string `json:"topic"`
	Partitions int32  `json:"partitions,omitzero"`
	// Keys and Values name the serdes of its records: see serde.Name.
	Keys   string `json:"keys,omitzero"`
	Values string `json:"values,omitzero"`
}

// CoPartitionDescription names topics that must have the same number of partitions.
type CoPartitionDescription struct {
	Operator string   `json:"operator"`
	Topics   []string `json:"topics"`
	Patterns []string `json:"patterns,omitzero"` // whose topics it is about too
}

// Describe describes the topology.
func (t *Topology) Describe() Description {
	d := Description{Application: t.g.Application}
	for _, sub := range t.g.SubTopologies {
		s := SubTopologyDescription{ID: sub.ID, Hash: fmt.Sprintf("%016x", sub.Hash)}
		for _, n := range sub.Nodes {
			s.Nodes = append(s.Nodes, describeNode(n))
		}
		for _, store := range sub.Stores {
			of := StoreDescription{
				Name: store.Name, Kind: store.Kind.String(), Changelog: store.Changelog, InMemory: store.InMemory, RetentionMs: store.RetentionMs,
				Keys: store.Keys, Values: store.Values, Windows: store.Windows, Settings: store.Settings,
			}
			if store.Source != nil {
				of.Source = store.Source.Topic
			}
			s.Stores = append(s.Stores, of)
		}
		d.SubTopologies = append(d.SubTopologies, s)
	}
	for _, g := range t.g.Globals {
		of := GlobalDescription{Store: StoreDescription{Name: g.Name, Kind: g.Kind.String(), InMemory: g.InMemory, Keys: g.Keys, Values: g.Values}, Topic: g.Topic}
		for _, n := range g.Nodes {
			of.Nodes = append(of.Nodes, describeNode(n))
		}
		of.Nodes[len(of.Nodes)-1].Stores = []string{g.Name}
		d.Globals = append(d.Globals, of)
	}
	for _, r := range t.g.Repartitions {
		d.Repartitions = append(d.Repartitions, RepartitionDescription{Topic: r.Topic, Partitions: r.Partitions, Keys: r.Keys, Values: r.Values})
	}
	for _, c := range t.g.CoPartitions {
		co := CoPartitionDescription{Operator: c.Node.Name, Topics: c.Topics}
		for _, p := range c.Patterns {
			co.Patterns = append(co.Patterns, p.Expr)
		}
		d.CoPartitioned = append(d.CoPartitioned, co)
	}
	return d
}

func describeNode(n *graph.Node) NodeDescription {
	d := NodeDescription{Name: n.Name, Op: n.Op}
	if src := n.Source; src != nil {
		switch {
		case src.Pattern != nil:
			d.ReadsPattern = src.Pattern.Expr
		case len(src.Topics) == 1:
			d.Reads = src.Topics[0]
		default:
			d.ReadsTopics = src.Topics
		}
	}
	if n.Sink != nil {
		d.Writes, d.WritesChosen = n.Sink.Topic, n.Sink.Topic == ""
	}
	for _, s := range n.Stores {
		d.Stores = append(d.Stores, s.Name)
	}
	for _, g := range n.Globals {
		d.Stores = append(d.Stores, g.Name)
	}
	for _, c := range n.Children {
		d.Next = append(d.Next, c.Name)
	}
	return d
}

// String is the description as text, in the manner of Kafka Streams' Topology.describe.
func (d Description) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Topology: %s\n", d.Application)
	for _, sub := range d.SubTopologies {
		fmt.Fprintf(&b, "  Sub-topology: %d\n", sub.ID)
		writeNodes(&b, sub.Nodes)
		for _, s := range sub.Stores {
			fmt.Fprintf(&b, "    Store: %s\n", s.title())
		}
	}
	for _, g := range d.Globals {
		fmt.Fprintf(&b, "  Global store: %s, fed without tasks from all partitions of %s\n", g.Store.title(), g.Topic)
		writeNodes(&b, g.Nodes)
	}
	for _, c := range d.CoPartitioned {
		fmt.Fprintf(&b, "  Co-partitioned for %s: %s\n", c.Operator, strings.Join(append(c.Topics[:len(c.Topics):len(c.Topics)], c.Patterns...), ", "))
	}
	return b.String()
}

func writeNodes(b *strings.Builder, nodes []NodeDescription) {
	for _, n := range nodes {
		fmt.Fprintf(b, "    %s\n", n.title())
		if len(n.Next) > 0 {
			fmt.Fprintf(b, "      --> %s\n", strings.Join(n.Next, ", "))
		}
	}
}

func (n NodeDescription) title() string {
	var details []string
	if len(n.Stores) > 0 {
		details = append(details, "stores: "+strings.Join(n.Stores, ", "))
	}
	kind := "Operator"
	switch {
	case n.ReadsPattern != "":
		kind, details = "Source", append(details, "pattern: "+n.ReadsPattern)
	case n.Reads != "":
		kind, details = "Source", append(details, "topic: "+n.Reads)
	case n.ReadsTopics != nil:
		kind, details = "Source", append(details, "topics: "+strings.Join(n.ReadsTopics, ", "))
	case n.Writes != "":
		kind, details = "Sink", append(details, "topic: "+n.Writes)
	}
	if n.WritesChosen {
		kind, details = "Sink", append(details, "topic: chosen for each record")
	}
	title := kind + ": " + n.Name
	if len(details) > 0 {
		title += " (" + strings.Join(details, "; ") + ")"
	}
	return title
}

func (s StoreDescription) title() string {
	details := []string{s.Kind}
	if s.InMemory {
		details = append(details, "in memory")
	}
	if s.Changelog != "" {
		details = append(details, "changelog: "+s.Changelog)
	}
	if s.Source != "" {
		details = append(details, "restored from: "+s.Source)
	}
	if s.RetentionMs > 0 {
		details = append(details, fmt.Sprintf("retention: %d ms", s.RetentionMs))
	}
	return s.Name + " (" + strings.Join(details, "; ") + ")"
}

// JSON is the description as indented JSON.
func (d Description) JSON() ([]byte, error) {
	return json.Marshal(d, json.Deterministic(true), jsontext.WithIndent("  "))
}

// DOT is the description as a graph for Graphviz.
func (d Description) DOT() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n  rankdir=LR;\n  node [shape=box];\n", d.Application)
	d.draw(drawing{
		group: func(number int, label string, body func()) {
			fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%q;\n", number, label)
			body()
			b.WriteString("  }\n")
		},
		node:  func(name, label string) { fmt.Fprintf(&b, "    %q [label=%q];\n", name, label) },
		store: func(name string) { fmt.Fprintf(&b, "    %q [label=%q, shape=cylinder];\n", "store "+name, name) },
		topic: func(name string) { fmt.Fprintf(&b, "  %q [label=%q, shape=ellipse];\n", "topic "+name, name) },
		edge:  func(from, to string) { fmt.Fprintf(&b, "  %q -> %q;\n", from, to) },
	})
	b.WriteString("}\n")
	return b.String()
}

// Mermaid is the description as a Mermaid flowchart.
func (d Description) Mermaid() string {
	var b strings.Builder
	ids := make(map[string]string)
	id := func(name string) string {
		if ids[name] == "" {
			ids[name] = fmt.Sprintf("n%d", len(ids))
		}
		return ids[name]
	}
	b.WriteString("flowchart LR\n")
	d.draw(drawing{
		group: func(number int, label string, body func()) {
			fmt.Fprintf(&b, "  subgraph s%d[%s]\n", number, label)
			body()
			b.WriteString("  end\n")
		},
		node:  func(name, label string) { fmt.Fprintf(&b, "    %s[\"%s\"]\n", id(name), label) },
		store: func(name string) { fmt.Fprintf(&b, "    %s[(\"%s\")]\n", id("store "+name), name) },
		topic: func(name string) { fmt.Fprintf(&b, "  %s([\"%s\"])\n", id("topic "+name), name) },
		edge:  func(from, to string) { fmt.Fprintf(&b, "  %s --> %s\n", id(from), id(to)) },
	})
	return b.String()
}

// drawing is what the graphical forms do differently. Names of stores and topics begin with "store " and "topic ".
type drawing struct {
	group        func(number int, label string, body func())
	node         func(name, label string)
	store, topic func(name string)
	edge         func(from, to string)
}

func (d Description) draw(on drawing) {
	topics := make(map[string]bool)
	topic := func(name string) string {
		if !topics[name] {
			topics[name] = true
			on.topic(name)
		}
		return "topic " + name
	}
	type group struct {
		label  string
		nodes  []NodeDescription
		stores []StoreDescription
	}
	var groups []group
	for _, sub := range d.SubTopologies {
		groups = append(groups, group{fmt.Sprintf("sub-topology %d", sub.ID), sub.Nodes, sub.Stores})
	}
	for _, g := range d.Globals {
		groups = append(groups, group{"global store " + g.Store.Name, g.Nodes, []StoreDescription{g.Store}})
	}
	for i, g := range groups {
		on.group(i, g.label, func() {
			for _, n := range g.nodes {
				on.node(n.Name, n.Name)
			}
			for _, s := range g.stores {
				on.store(s.Name)
			}
		})
	}
	for _, g := range groups {
		for _, n := range g.nodes {
			for _, read := range n.reads() {
				on.edge(topic(read), n.Name)
			}
			for _, s := range n.Stores {
				on.edge(n.Name, "store "+s)
			}
			for _, next := range n.Next {
				on.edge(n.Name, next)
			}
			if n.Writes != "" {
				on.edge(n.Name, topic(n.Writes))
			}
			if n.WritesChosen {
				on.edge(n.Name, topic("chosen by "+n.Name))
			}
		}
	}
}
