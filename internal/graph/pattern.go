package graph

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Pattern is a regular expression that stands for the topics whose whole name it matches.
type Pattern struct {
	Expr  string
	whole *regexp.Regexp
}

// NewPattern compiles a regular expression.
func NewPattern(expr string) (*Pattern, error) {
	if _, err := regexp.Compile(expr); err != nil {
		return nil, err
	}
	whole, err := regexp.Compile("^(?:" + expr + ")$")
	return &Pattern{Expr: expr, whole: whole}, err
}

// Matches reports whether the pattern matches all of a topic's name.
func (p *Pattern) Matches(topic string) bool { return p.whole != nil && p.whole.MatchString(topic) }

// match finds the topics of all patterns. Internal topics, those of the brokers too, are not among them: a pattern like
// .* means the data of others.
func (t *Topology) match(p *Plan, existing []string) (topics []string, errs []error) {
	if !t.HasPatterns() {
		return nil, nil
	}
	existing = slices.Sorted(slices.Values(existing))
	owners := make(map[string]*Node)
	for _, n := range t.Nodes {
		if n.Source == nil || n.Source.Pattern == nil {
			continue
		}
		pattern := n.Source.Pattern
		if _, done := p.matched[pattern.Expr]; done {
			continue
		}
		p.matched[pattern.Expr] = nil
		for _, topic := range existing {
			if !pattern.Matches(topic) || strings.HasPrefix(topic, "__") || t.owns(topic) {
				continue
			}
			if other := owners[topic]; other != nil {
				errs = append(errs, fmt.Errorf("topic %q matches the patterns of %q and of %q, but one source must read it", topic, other.Name, n.Name))
				continue
			}
			owners[topic] = n
			p.matched[pattern.Expr] = append(p.matched[pattern.Expr], topic)
			topics = append(topics, topic)
		}
	}
	return topics, errs
}

// Matched are the topics that patterns of the topology stand for, sorted.
func (t *Topology) Matched(existing []string) []string {
	topics, _ := t.match(&Plan{matched: make(map[string][]string)}, existing)
	slices.Sort(topics)
	return topics
}

// Matched are the topics that patterns stand for in the plan, sorted.
func (p *Plan) Matched() []string {
	var topics []string
	for _, matched := range p.matched {
		topics = append(topics, matched...)
	}
	slices.Sort(topics)
	return topics
}

// owns reports whether a topic is internal to the topology.
func (t *Topology) owns(topic string) bool {
	return slices.ContainsFunc(t.Repartitions, func(r *Repartition) bool { return r.Topic == topic }) ||
		slices.ContainsFunc(t.Stores, func(s *Store) bool { return s.Changelog != "" && s.Changelog == topic })
}

// sources tells what each sub-topology reads.
func (t *Topology) sources(p *Plan) {
	p.Sources = make([][]string, len(t.SubTopologies))
	for i, sub := range t.SubTopologies {
		topics := slices.Clone(sub.Sources)
		for _, n := range sub.Nodes {
			if n.Source != nil && n.Source.Pattern != nil {
				topics = append(topics, p.TopicsOf(n.Source)...)
			}
		}
		slices.Sort(topics)
		p.Sources[i] = slices.Compact(topics)
	}
}
