package graph

import (
	"errors"
	"fmt"
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
}

// NewPlan works out how many partitions the internal topics have and how many tasks there are. count tells the partitions
// of a topic outside of the topology; ok is false if there is no such topic. All problems are returned, joined.
func (t *Topology) NewPlan(count func(topic string) (partitions int32, ok bool)) (*Plan, error) {
	p := &Plan{Partitions: make(map[string]int32)}
	var errs []error
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
			if n := t.upstream(r.Topic, p); p.Partitions[r.Topic] == 0 && n > 0 && !t.coPartitioned(r.Topic, p) {
				p.Partitions[r.Topic] = n
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	// What is left waits for another topic of its join that waits too: the largest upstream decides for all.
	for _, r := range t.Repartitions {
		if p.Partitions[r.Topic] == 0 {
			p.Partitions[r.Topic] = max(1, t.upstream(r.Topic, p))
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
		for _, topic := range c.Topics {
			n = max(n, p.Partitions[topic])
		}
		for _, topic := range c.Topics {
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
		return slices.Contains(c.Topics, topic) && slices.ContainsFunc(c.Topics, func(other string) bool {
			return p.Partitions[other] > 0
		})
	})
}

// upstream is the largest number of partitions among the sources of the sub-topologies that write a topic, or 0 if one
// is not known yet.
func (t *Topology) upstream(topic string, p *Plan) (n int32) {
	for _, sub := range t.SubTopologies {
		if !slices.Contains(sub.Sinks, topic) {
			continue
		}
		for _, source := range sub.Sources {
			if p.Partitions[source] == 0 {
				return 0
			}
			n = max(n, p.Partitions[source])
		}
	}
	return n
}

func (c CoPartition) check(p *Plan) error {
	first := p.Partitions[c.Topics[0]]
	if !slices.ContainsFunc(c.Topics, func(topic string) bool { return p.Partitions[topic] != first }) {
		return nil
	}
	counts := make([]string, len(c.Topics))
	for i, topic := range c.Topics {
		counts[i] = fmt.Sprintf("%q has %d", topic, p.Partitions[topic])
	}
	return fmt.Errorf("operator %q needs inputs with the same number of partitions, but %s", c.Node.Name, strings.Join(counts, " and "))
}

func (t *Topology) tasks(p *Plan) {
	p.Tasks = make([]int32, len(t.SubTopologies))
	for i, sub := range t.SubTopologies {
		for _, source := range sub.Sources {
			p.Tasks[i] = max(p.Tasks[i], p.Partitions[source])
		}
	}
}

func (t *Topology) internal(p *Plan) {
	for _, r := range t.Repartitions {
		p.Internal = append(p.Internal, InternalTopic{Name: r.Topic, Partitions: p.Partitions[r.Topic], Repartition: true})
	}
	for i, sub := range t.SubTopologies {
		for _, store := range sub.Stores {
			if store.Changelog != "" {
				p.Internal = append(p.Internal, InternalTopic{Name: store.Changelog, Partitions: p.Tasks[i], RetentionMs: store.RetentionMs})
			}
		}
	}
	slices.SortFunc(p.Internal, func(a, b InternalTopic) int { return strings.Compare(a.Name, b.Name) })
}

func (t *Topology) readers(topic string) string {
	return t.names(func(n *Node) bool { return n.Source != nil && n.Source.Topic == topic })
}

func (t *Topology) writers(topic string) string {
	return t.names(func(n *Node) bool { return n.Sink != nil && n.Sink.Topic == topic })
}

func (t *Topology) names(of func(*Node) bool) string {
	var names []string
	for _, n := range t.Nodes {
		if of(n) {
			names = append(names, fmt.Sprintf("%q", n.Name))
		}
	}
	return strings.Join(names, " and ")
}
