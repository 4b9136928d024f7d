package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// topicsFound is what the brokers have of a topology's topics.
type topicsFound struct {
	partitions map[string]int32             // of those that exist
	settings   map[string]map[string]string // of internal ones
	unchecked  map[string]error             // why settings are not known
	existing   []string                     // all topics, if a source reads those of a pattern
}

// lookUp asks the brokers.
func lookUp(ctx context.Context, adm *kadm.Client, g *graph.Topology) (*topicsFound, error) {
	var internal []string
	for _, r := range g.Repartitions {
		internal = append(internal, r.Topic)
	}
	for _, s := range g.Stores {
		if s.Changelog != "" {
			internal = append(internal, s.Changelog)
		}
	}
	found := &topicsFound{settings: make(map[string]map[string]string), unchecked: make(map[string]error)}
	var err error
	if g.HasPatterns() {
		if err := found.readAll(ctx, adm); err != nil {
			return nil, err
		}
	}
	if found.partitions, err = countPartitions(ctx, adm, slices.Concat(g.ExternalSources(), g.ExternalSinks(), internal, g.Matched(found.existing))); err != nil {
		return nil, err
	}
	internal = slices.DeleteFunc(internal, func(topic string) bool { return found.partitions[topic] == 0 })
	return found, found.readSettings(ctx, adm, internal)
}

// findPartitions tells how many partitions a topic has that a sink chose for a record. It asks the brokers once for each
// topic.
func (a *App) findPartitions(topic string) (partitions int32, ok bool, err error) {
	if n, found := a.chosen.Load(topic); found {
		return n.(int32), true, nil
	}
	ctx, cancel := context.WithTimeout(a.hard, a.cfg.ConnectTimeout)
	defer cancel()
	counts, err := countPartitions(ctx, a.adm, []string{topic})
	if n := counts[topic]; n > 0 {
		if err := a.limits.read(ctx, a.adm, []string{topic}); err != nil {
			return 0, false, classify(err)
		}
		a.chosen.Store(topic, n)
		return n, true, nil
	}
	return 0, false, classify(err)
}

// readAll finds out which topics there are.
func (f *topicsFound) readAll(ctx context.Context, adm *kadm.Client) error {
	details, err := adm.ListTopics(kadm.WithAuthorizedOps(ctx))
	if err != nil {
		return fmt.Errorf("read metadata of all topics, for a pattern: %w", err)
	}
	f.existing = details.Names()
	return nil
}

func (f *topicsFound) readSettings(ctx context.Context, adm *kadm.Client, topics []string) error {
	configs, err := adm.DescribeTopicConfigs(ctx, topics...)
	var unauthorized *kadm.AuthError
	switch {
	case errors.As(err, &unauthorized) && len(topics) > 1: // one topic without the right hides all others
		for _, topic := range topics {
			if err := f.readSettings(ctx, adm, []string{topic}); err != nil {
				return err
			}
		}
		return nil
	case errors.As(err, &unauthorized):
		f.unchecked[topics[0]] = err
		return nil
	case err != nil:
		return fmt.Errorf("read settings of topics %q: %w", topics, err)
	}
	for _, c := range configs {
		if c.Err != nil {
			f.unchecked[c.Name] = c.Err
			continue
		}
		f.settings[c.Name] = make(map[string]string, len(c.Configs))
		for _, s := range c.Configs {
			f.settings[c.Name][s.Key] = s.MaybeValue()
		}
	}
	return nil
}

// countPartitions gives the partitions of the topics that exist. What brokers cannot tell yet is asked again.
func countPartitions(ctx context.Context, adm *kadm.Client, topics []string) (map[string]int32, error) {
	for deadline := time.Now().Add(topicsTimeout); ; {
		// Asking for rights too goes past the client's cache, which would show a topic that was made late.
		details, err := adm.ListTopics(kadm.WithAuthorizedOps(ctx), topics...)
		if err != nil {
			return nil, fmt.Errorf("read metadata of topics %q: %w", topics, err)
		}
		counts := make(map[string]int32, len(details))
		for _, d := range details.Sorted() {
			switch {
			case errors.Is(d.Err, kerr.UnknownTopicOrPartition):
			case d.Err != nil:
				err = fmt.Errorf("read metadata of topic %q: %w", d.Topic, d.Err)
			default:
				counts[d.Topic] = int32(len(d.Partitions))
			}
		}
		if err == nil {
			return counts, nil
		}
		if !kerr.IsRetriable(err) || time.Now().After(deadline) {
			return nil, err
		}
		if err := sleep(ctx, topicsRetry); err != nil {
			return nil, err
		}
	}
}
