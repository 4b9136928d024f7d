package graph

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// InternalTopic is a topic that belongs to the topology, as it has to be on the broker.
type InternalTopic struct {
	Name       string
	Partitions int32
	// Repartition topics are kept until purged behind the committed offsets; anything else is a changelog.
	Repartition bool
	// RetentionMs is how long a changelog of windows keeps its records; 0 for compaction only.
	RetentionMs int64
}

// Plan is a topology on the topics of a broker.
type Plan struct {
	Partitions map[string]int32 // of every topic that it reads or writes and whose count is known
	Internal   []InternalTopic  // by name
	Tasks      []int32          // number of tasks by sub-topology ID: they are partitions 0 to Tasks-1
	Sources    [][]string       // topics that each sub-topology reads, sorted, by its ID
	matched    map[string][]string
	starts     map[string]Start // of topics that do not begin at the earliest record
}

// TopicsOf are the topics that a source reads, sorted.
func (p *Plan) TopicsOf(s *Source) []string {
	if s.Pattern != nil {
		return p.matched[s.Pattern.Expr]
	}
	return s.Topics
}

// StartOf is where reading a topic begins if nothing is committed.
func (p *Plan) StartOf(topic string) Start { return p.starts[topic] }

// Inputs are all topics that the topology reads, internal ones too, sorted.
func (p *Plan) Inputs() []string {
	topics := slices.Concat(p.Sources...)
	slices.Sort(topics)
	return slices.Compact(topics)
}

// Hash is the sub-topology's hash and what its patterns stand for: what instances must agree on.
func (p *Plan) Hash(sub *SubTopology) uint64 {
	if !slices.ContainsFunc(sub.Nodes, func(n *Node) bool { return n.Source != nil && n.Source.Pattern != nil }) {
		return sub.Hash
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%016x", sub.Hash)
	for _, topic := range p.Sources[sub.ID] {
		fmt.Fprintf(h, "%s\x00%d\x00", topic, p.Partitions[topic])
	}
	return h.Sum64()
}

// NewPlan works out which topics patterns stand for, how many partitions the internal topics have and how many tasks there
// are. count tells the partitions of a topic outside of the topology; ok is false if there is no such topic. existing are
// the topics that patterns are matched with; nil if there are no patterns. All problems are returned, joined.
func (t *Topology) NewPlan(count func(topic string) (partitions int32, ok bool), existing []string) (*Plan, error) {
	p := &Plan{Partitions: make(map[string]int32), matched: make(map[string][]string), starts: make(map[string]Start)}
	matched, errs := t.match(p, existing)
	for _, topic := range matched {
		if n, ok := count(topic); ok {
			p.Partitions[topic] = n
		}
	}
	for _, topic := range t.ExternalSources() {
		if n, ok := count(topic); ok {
			p.Partitions[topic] = n
		} else {
			errs = append(errs, fmt.Errorf("input topic %q of %s does not exist", topic, t.readers(topic)))
		}
	}
	for _, topic := range t.ExternalSinks() {
		if n, ok := count(topic); ok {
			p.Partitions[topic] = n
		} else if _, isSource := p.Partitions[topic]; !isSource {
			errs = append(errs, fmt.Errorf("output topic %q of %s does not exist", topic, t.writers(topic)))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	t.sources(p)
	for _, n := range t.Nodes {
		if n.Source != nil && n.Source.Start != (Start{}) {
			for _, topic := range p.TopicsOf(n.Source) {
				p.starts[topic] = n.Source.Start
			}
		}
	}
	if err := t.repartitions(p); err != nil {
		return nil, err
	}
	t.tasks(p)
	t.internal(p)
	return p, nil
}

// repartitions gives every repartition topic its number of partitions, in rounds, since one may depend on another.
func (t *Topology) repartitions(p *Plan) error {
	for _, r := range t.Repartitions {
		if r.Partitions > 0 {
			p.Partitions[r.Topic] = r.Partitions
		}
	}
	for range len(t.Repartitions) + 1 {
		changed := t.spread(p)
		for _, r := range t.Repartitions {
			if n, known := t.largest(r.Topic, p); p.Partitions[r.Topic] == 0 && known && n > 0 && !t.coPartitioned(r.Topic, p) {
				p.Partitions[r.Topic] = n
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	flows := t.flowing(p)
	// What is left waits for another topic of its join that waits too: the largest upstream decides for all.
	for _, r := range t.Repartitions {
		if p.Partitions[r.Topic] == 0 && flows[r.Topic] {
			n, _ := t.upstream(r.Topic, p)
			p.Partitions[r.Topic] = max(1, n)
			t.spread(p)
		}
	}
	var errs []error
	for _, c := range t.CoPartitions {
		if err := c.check(p); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// spread gives repartition topics the count of the topics that they are joined with.
func (t *Topology) spread(p *Plan) (changed bool) {
	for _, c := range t.CoPartitions {
		n := int32(0)
		for _, topic := range p.coPartitioned(c) {
			n = max(n, p.Partitions[topic])
		}
		for _, topic := range p.coPartitioned(c) {
			if n > 0 && p.Partitions[topic] == 0 {
				p.Partitions[topic] = n
				changed = true
			}
		}
	}
	return changed
}

// coPartitioned reports whether a topic will get its count from another one that a join puts beside it.
func (t *Topology) coPartitioned(topic string, p *Plan) bool {
	return slices.ContainsFunc(t.CoPartitions, func(c CoPartition) bool {
		topics := p.coPartitioned(c)
		return slices.Contains(topics, topic) && slices.ContainsFunc(topics, func(other string) bool {
			return p.Partitions[other] > 0
		})
	})
}

// largest is upstream of a topic and of those that a join puts beside it, but for what the topic itself leads to.
func (t *Topology) largest(topic string, p *Plan) (n int32, known bool) {
	n, known = t.upstream(topic, p)
	for _, c := range t.CoPartitions {
		topics := p.coPartitioned(c)
		if !slices.Contains(topics, topic) {
			continue
		}
		for _, other := range topics {
			if !t.leads(topic, other, p) {
				m, ok := t.upstream(other, p)
				n, known = max(n, m), known && ok
			}
		}
	}
	return n, known
}

// leads reports whether what is read from a topic can be written to another one, over any number of sub-topologies.
func (t *Topology) leads(from, to string, p *Plan) bool {
	reached := []string{from}
	for i := 0; i < len(reached); i++ {
		for _, sub := range t.SubTopologies {
			if !slices.Contains(p.Sources[sub.ID], reached[i]) {
				continue
			}
			for _, sink := range sub.Sinks {
				if !slices.Contains(reached, sink) {
					reached = append(reached, sink)
				}
			}
		}
	}
	return slices.Contains(reached[1:], to)
}

// upstream is the largest number of partitions among the other sources of the sub-topologies that write a topic; known
// says that all of them have one.
func (t *Topology) upstream(topic string, p *Plan) (n int32, known bool) {
	known = true
	for _, sub := range t.SubTopologies {
		if !slices.Contains(sub.Sinks, topic) {
			continue
		}
		for _, source := range p.Sources[sub.ID] {
			if source != topic {
				known = known && p.Partitions[source] > 0
				n = max(n, p.Partitions[source])
			}
		}
	}
	return n, known
}

// flowing are the topics into which records can come: all but the repartition topics below patterns that no topic
// matches yet. Those are made when one does.
func (t *Topology) flowing(p *Plan) map[string]bool {
	flows := make(map[string]bool)
	for range len(t.SubTopologies) + 1 {
		for i, sub := range t.SubTopologies {
			if slices.ContainsFunc(p.Sources[i], func(source string) bool { return flows[source] || !t.owns(source) }) {
				for _, topic := range sub.Sinks {
					flows[topic] = true
				}
			}
		}
	}
	return flows
}

// coPartitioned are the topics of a co-partitioning, also those of patterns.
func (p *Plan) coPartitioned(c CoPartition) []string {
	topics := slices.Clone(c.Topics)
	for _, pattern := range c.Patterns {
		topics = append(topics, p.matched[pattern.Expr]...)
	}
	return topics
}

func (c CoPartition) check(p *Plan) error {
	topics := p.coPartitioned(c)
	if len(topics) == 0 {
		return nil
	}
	first := p.Partitions[topics[0]]
	if !slices.ContainsFunc(topics, func(topic string) bool { return p.Partitions[topic] != first }) {
		return nil
	}
	counts := make([]string, len(topics))
	for i, topic := range topics {
		counts[i] = fmt.Sprintf("%q has %d", topic, p.Partitions[topic])
	}
	return fmt.Errorf("operator %q needs inputs with the same number of partitions, but %s", c.Node.Name, strings.Join(counts, " and "))
}

func (t *Topology) tasks(p *Plan) {
	p.Tasks = make([]int32, len(t.SubTopologies))
	for i, sources := range p.Sources {
		for _, source := range sources {
			p.Tasks[i] = max(p.Tasks[i], p.Partitions[source])
		}
	}
}

func (t *Topology) internal(p *Plan) {
	for _, r := range t.Repartitions {
		if p.Partitions[r.Topic] == 0 {
			continue // see flowing
		}
		p.Internal = append(p.Internal, InternalTopic{Name: r.Topic, Partitions: p.Partitions[r.Topic], Repartition: true})
	}
	for i, sub := range t.SubTopologies {
		for _, store := range sub.Stores {
			if store.Changelog != "" && p.Tasks[i] > 0 {
				p.Internal = append(p.Internal, InternalTopic{Name: store.Changelog, Partitions: p.Tasks[i], RetentionMs: store.RetentionMs})
			}
		}
	}
	slices.SortFunc(p.Internal, func(a, b InternalTopic) int { return strings.Compare(a.Name, b.Name) })
}

func (t *Topology) readers(topic string) string {
	return t.names(func(n *Node) bool { return n.Source != nil && n.Source.Reads(topic) })
}

func (t *Topology) writers(topic string) string {
	return t.names(func(n *Node) bool {
		p := t.PolicyOf(n)
		return n.Sink != nil && n.Sink.Topic == topic || p != nil && p.Topic == topic
	})
}

func (t *Topology) names(of func(*Node) bool) string {
	var names []string
	for n := range t.EveryNode() {
		if of(n) {
			names = append(names, fmt.Sprintf("%q", n.Name))
		}
	}
	return strings.Join(names, " and ")
}
