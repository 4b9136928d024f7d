package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/topology"
)

// AppState is what an application that is stopped has committed, and where its stores are on the brokers.
type AppState struct {
	Partitions map[string]int32 // of all topics that are named here
	Positions  []TopicPosition  // committed, of inputs and repartition topics, by topic and partition
	Globals    []TopicPosition  // ends of the topics of global stores
	Changelogs []string
	// Rows are the records that make the stores: changelogs, what repartition topics hold behind the committed positions, and the
	// topics of tables that have no changelog up to those.
	Rows []Range
}

// TopicPosition is a committed offset.
type TopicPosition struct {
	Topic     string
	Partition int32
	Offset    int64
	Metadata  string
}

// ReadState finds the state of an application. It is a [GroupRunningError] if the application runs, and an error if it has
// never committed anything.
func ReadState(ctx context.Context, c Config, t *topology.Topology) (s *AppState, err error) {
	g := t.Graph()
	err = c.withAdmin(ctx, func(adm *kadm.Client) error {
		if err := groupIdle(ctx, adm, g.Application, c.withDefaults().ConnectTimeout); err != nil {
			return err
		}
		s = &AppState{}
		if err := s.positions(ctx, adm, g.Application); err != nil {
			return err
		}
		return s.rows(ctx, adm, g)
	})
	return s, err
}

func (s *AppState) positions(ctx context.Context, adm *kadm.Client, group string) error {
	offsets, err := adm.FetchOffsets(ctx, group)
	if err == nil {
		err = offsets.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("engine: offsets of group %q: %w", group, err)
	}
	for _, o := range offsets.Sorted() {
		if o.At >= 0 {
			s.Positions = append(s.Positions, TopicPosition{o.Topic, o.Partition, o.At, o.Metadata})
		}
	}
	if len(s.Positions) == 0 {
		return fmt.Errorf("engine: application %q has committed nothing", group)
	}
	return nil
}

// rows finds the ranges of what the stores are made of.
func (s *AppState) rows(ctx context.Context, adm *kadm.Client, g *graph.Topology) error {
	kinds := make(map[string]func(p int32, o kadm.ListedOffset, end int64) (from, to int64))
	for _, store := range g.Stores {
		switch {
		case store.Source != nil:
			kinds[store.Source.Topic] = func(p int32, start kadm.ListedOffset, _ int64) (int64, int64) {
				return start.Offset, s.positionOf(store.Source.Topic, p)
			}
		case store.Changelog != "":
			s.Changelogs = append(s.Changelogs, store.Changelog)
			kinds[store.Changelog] = func(_ int32, start kadm.ListedOffset, end int64) (int64, int64) { return start.Offset, end }
		}
	}
	for _, r := range g.Repartitions {
		kinds[r.Topic] = func(p int32, start kadm.ListedOffset, end int64) (int64, int64) {
			return max(start.Offset, s.positionOf(r.Topic, p)), end
		}
	}
	topics := make([]string, 0, len(kinds))
	for topic := range kinds {
		topics = append(topics, topic)
	}
	globals := make([]string, 0, len(g.Globals))
	for _, global := range g.Globals {
		globals = append(globals, global.Topic)
	}
	var read []string
	for _, p := range s.Positions {
		read = append(read, p.Topic)
	}
	var err error
	if s.Partitions, err = countPartitions(ctx, adm, slices.Concat(topics, globals, read)); err != nil {
		return err
	}
	topics = slices.DeleteFunc(topics, func(topic string) bool { return s.Partitions[topic] == 0 })
	return s.ranges(ctx, adm, topics, globals, kinds)
}

func (s *AppState) ranges(ctx context.Context, adm *kadm.Client, topics, globals []string, kinds map[string]func(int32, kadm.ListedOffset, int64) (int64, int64)) error {
	all := slices.Concat(topics, globals)
	if len(all) == 0 {
		return nil
	}
	starts, err := listed(adm.ListStartOffsets(ctx, all...))
	if err != nil {
		return err
	}
	ends, err := listed(adm.ListCommittedOffsets(ctx, all...))
	if err != nil {
		return err
	}
	slices.Sort(topics)
	slices.Sort(globals)
	for _, topic := range topics {
		for p := range s.Partitions[topic] {
			start, _ := starts.Lookup(topic, p)
			end, _ := ends.Lookup(topic, p)
			if from, to := kinds[topic](p, start, end.Offset); from < to {
				s.Rows = append(s.Rows, Range{topic, p, from, to})
			}
		}
	}
	for _, topic := range globals {
		for p := range s.Partitions[topic] {
			end, _ := ends.Lookup(topic, p)
			s.Globals = append(s.Globals, TopicPosition{Topic: topic, Partition: p, Offset: end.Offset})
		}
	}
	return nil
}

// positionOf is the committed offset of a partition, 0 if there is none.
func (s *AppState) positionOf(topic string, partition int32) int64 {
	for _, p := range s.Positions {
		if p.Topic == topic && p.Partition == partition {
			return p.Offset
		}
	}
	return 0
}
