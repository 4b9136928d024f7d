package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/topology"
)

// Brokers is what a cluster has.
type Brokers struct {
	// Partitions are those of each topic.
	Partitions map[string]int32
	// RetentionMs are the settings retention.ms of changelogs, where they are known; -1 for no limit.
	RetentionMs map[string]int64
}

// changelogMarginMs is what a changelog keeps windows longer than their store, as package engine makes it.
const changelogMarginMs = 24 * 60 * 60 * 1000

// checkBrokers compares what the new version needs with what there is.
func (p *Plan) checkBrokers(from, to topology.Description, b *Brokers) {
	p.clear(to, b)
	g := skeleton(to)
	plan, err := g.NewPlan(b.count, slices.Sorted(maps.Keys(b.Partitions)))
	if err != nil {
		p.missing(g, b, err)
		return
	}
	needed := make(map[string]bool)
	for _, t := range plan.Internal {
		needed[t.Name] = true
		if n, there := b.Partitions[t.Name]; there && n != t.Partitions {
			p.add(partitionsChanged, t.Name, partitionsText(n), partitionsText(t.Partitions))
		}
	}
	for topic := range b.Partitions {
		internal := strings.HasSuffix(topic, "-changelog") || strings.HasSuffix(topic, "-repartition")
		if !needed[topic] && internal && strings.HasPrefix(topic, to.Application+"-") {
			p.add(topicOrphaned, topic, topic, "")
		}
	}
}

func (b *Brokers) count(topic string) (int32, bool) {
	n, ok := b.Partitions[topic]
	return n, ok
}

// clear takes back what the topics that there are do not bear out: retentions that have been raised, and repartition topics
// with the number of partitions that the new version has.
func (p *Plan) clear(to topology.Description, b *Brokers) {
	v := newVersion(to)
	p.Changes = slices.DeleteFunc(p.Changes, func(c Change) bool {
		switch c.Kind {
		case retentionLonger:
			s := v.store(c.Subject)
			ms, known := b.RetentionMs[s.Changelog]
			return known && s.RetentionMs > 0 && (ms < 0 || ms >= s.RetentionMs+changelogMarginMs)
		case repartitionPartitions:
			return true // the numbers are compared now
		}
		return false
	})
}

// missing says which topics are not there, or what else is wrong with them.
func (p *Plan) missing(g *graph.Topology, b *Brokers, err error) {
	found := false
	for _, topic := range append(g.ExternalSources(), g.ExternalSinks()...) {
		if _, there := b.Partitions[topic]; !there {
			p.add(topicMissing, topic, topic, "")
			found = true
		}
	}
	if !found {
		p.add(partitionsChanged, p.To, "", fmt.Sprint(err))
	}
}

// skeleton is what [graph.Topology.NewPlan] needs of a topology.
func skeleton(d topology.Description) *graph.Topology {
	v := newVersion(d)
	g := &graph.Topology{Application: d.Application}
	byName := make(map[string]*graph.Node)
	for i := range v.nodes {
		n := &v.nodes[i]
		to := &graph.Node{ID: i, Name: n.Name, Op: n.Op}
		switch topics := n.reads(); {
		case n.ReadsPattern != "":
			pattern, err := graph.NewPattern(n.ReadsPattern)
			if err != nil { // of a file that was changed by hand
				pattern = &graph.Pattern{Expr: n.ReadsPattern}
			}
			to.Source = &graph.Source{Pattern: pattern}
		case len(topics) > 0:
			to.Source = &graph.Source{Topics: topics, Internal: v.internal[topics[0]]}
		}
		if n.Writes != "" || n.WritesChosen {
			to.Sink = &graph.Sink{Topic: n.Writes, Internal: v.internal[n.Writes]}
		}
		g.Nodes = append(g.Nodes, to)
		byName[n.Name] = to
	}
	for i := range v.nodes {
		for _, next := range v.nodes[i].Next {
			if child := byName[next]; child != nil {
				g.Nodes[i].Children = append(g.Nodes[i].Children, child)
				child.Parents = append(child.Parents, g.Nodes[i])
			}
		}
	}
	for _, s := range v.stores {
		of := &graph.Store{Name: s.Name, Changelog: s.Changelog, RetentionMs: s.RetentionMs}
		for _, user := range s.users {
			of.Nodes = append(of.Nodes, byName[user])
			byName[user].Stores = append(byName[user].Stores, of)
		}
		g.Stores = append(g.Stores, of)
	}
	for _, r := range d.Repartitions {
		g.Repartitions = append(g.Repartitions, &graph.Repartition{Topic: r.Topic, Partitions: r.Partitions})
	}
	for _, c := range d.CoPartitioned {
		co := graph.CoPartition{Node: byName[c.Operator], Topics: c.Topics}
		for _, expr := range c.Patterns {
			for _, n := range g.Nodes {
				if n.Source != nil && n.Source.Pattern != nil && n.Source.Pattern.Expr == expr {
					co.Patterns = append(co.Patterns, n.Source.Pattern)
					break
				}
			}
		}
		if co.Node != nil {
			g.CoPartitions = append(g.CoPartitions, co)
		}
	}
	g.Finish()
	return g
}
