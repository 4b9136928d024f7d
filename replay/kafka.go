package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/topology"
)

// Slice says which part of the input topics is replayed. The zero value is all that there is.
type Slice struct {
	// From is where it begins and To where it ends, in each partition. A To that is the start, its zero value, is the end of the
	// partition as of now.
	From, To engine.Bound
	// WarmUp, if not nil, is from where records run without results before the slice; the topics of tables are then read from
	// their start.
	WarmUp *engine.Bound
	// Start, if not nil, is where the slice begins, in the place of From and WarmUp.
	Start *Snapshot
}

// MissingError says that records are needed that the brokers have not any more.
type MissingError struct {
	Topic     string
	Partition int32
	From, To  int64 // offsets that are missing: From up to To, without To
	Reason    string
}

// Error names the partition and the offsets.
func (e *MissingError) Error() string {
	return fmt.Sprintf("topic %q, partition %d: offsets %d to %d are missing: %s", e.Topic, e.Partition, e.From, e.To-1, e.Reason)
}

// Resolve finds the offsets of a slice, as they are now, in the input topics of topologies. That of a topic which a topology writes
// too is left out (R3). What a warm-up needs and retention has deleted is a [MissingError].
func Resolve(ctx context.Context, c engine.Config, s Slice, topologies ...*topology.Topology) ([]Range, error) {
	var topics []string
	tables := make(map[string]bool)
	written := make(map[string]bool)
	for _, t := range topologies {
		inputs, err := engine.InputTopics(ctx, c, t)
		if err != nil {
			return nil, err
		}
		topics = append(topics, inputs...)
		for topic := range tablesOf(t.Graph()) {
			tables[topic] = true
		}
		for _, topic := range t.Sinks() {
			written[topic] = true
		}
	}
	slices.Sort(topics)
	topics = slices.DeleteFunc(slices.Compact(topics), func(topic string) bool { return written[topic] })
	if s.To.Time.IsZero() {
		s.To.End = true
	}
	bounds := []engine.Bound{s.From, s.To}
	if s.WarmUp != nil {
		bounds = append(bounds, *s.WarmUp)
	}
	found, err := engine.LookUpOffsets(ctx, c, topics, bounds...)
	if err != nil {
		return nil, err
	}
	var ranges []Range
	var errs []error
	for _, topic := range topics {
		for p, o := range found[topic] {
			r, err := s.rangeOf(topic, int32(p), o, tables[topic])
			ranges, errs = append(ranges, r), append(errs, err)
		}
	}
	return ranges, errors.Join(errs...)
}

// rangeOf is the range of one partition.
func (s *Slice) rangeOf(topic string, partition int32, o engine.PartitionOffsets, table bool) (Range, error) {
	r := Range{Topic: topic, Partition: partition, From: o.Bounds[0], To: o.Bounds[1]}
	r.Warm = r.From
	missing := func(from, to int64, reason string) error {
		return &MissingError{topic, partition, from, to, reason}
	}
	switch {
	case s.Start != nil:
		at, ok := s.Start.Offset(topic, partition)
		if !ok {
			at = o.Start
		}
		r.Warm, r.From = at, at
		if s.Start.Global(topic) {
			r.Warm = o.Start
		}
	case s.WarmUp != nil && table:
		r.Warm = o.Start
		if o.Start > 0 && r.From > 0 {
			return r, missing(0, o.Start, "retention has deleted rows of the table that the slice begins with")
		}
	case s.WarmUp != nil:
		r.Warm = min(o.Bounds[2], r.From)
		if !s.WarmUp.Time.IsZero() && r.Warm == o.Start && o.Start > 0 {
			return r, missing(0, o.Start, "retention has deleted records that may be as young as the warm-up needs them")
		}
	}
	switch {
	case r.Warm < o.Start:
		return r, missing(r.Warm, o.Start, "retention has deleted them")
	case r.To > o.End:
		return r, missing(o.End, r.To, "the partition ends there")
	case r.From > r.To:
		return r, fmt.Errorf("topic %q, partition %d: the slice begins at offset %d and ends at %d", topic, partition, r.From, r.To)
	}
	return r, nil
}

// tablesOf are the topics that are read as tables.
func tablesOf(g *graph.Topology) map[string]bool {
	tables := make(map[string]bool)
	for _, global := range g.Globals {
		tables[global.Topic] = true
	}
	for _, n := range g.Nodes {
		if n.Source == nil || !slices.ContainsFunc(n.Children, func(c *graph.Node) bool { return strings.HasPrefix(c.Op, "table") }) {
			continue
		}
		for _, topic := range n.Source.Topics {
			tables[topic] = true
		}
	}
	return tables
}

// kafka is a Source of topics on brokers.
type kafka struct {
	ranges     []Range
	partitions map[string]int32
	slice      *engine.Slice
	tables     map[string]bool // whose records before the slice must be all there; nil: none
}

// KafkaOptions are options of [Kafka].
type KafkaOptions struct {
	// Topologies are those that run. Their outputs get the numbers of partitions that they have on the brokers, and the tables
	// that they read must be whole up to the slice, if anything runs before it.
	Topologies []*topology.Topology
	// AllowGaps takes tables as they are: compaction keeps the last row of each key, which may be one from after the begin of the
	// slice in the place of one from before. Without it a gap is a [MissingError].
	AllowGaps bool
}

// Kafka is the source of ranges on brokers.
func Kafka(ctx context.Context, c engine.Config, ranges []Range, o KafkaOptions) (Source, error) {
	if err := checkRanges(ranges); err != nil {
		return nil, err
	}
	k := &kafka{ranges: slices.Clone(ranges), tables: make(map[string]bool)}
	sortRanges(k.ranges)
	var topics []string
	var read []engine.Range
	for _, r := range k.ranges {
		topics = append(topics, r.Topic)
		read = append(read, engine.Range{Topic: r.Topic, Partition: r.Partition, From: r.Warm, To: r.To})
	}
	for _, t := range o.Topologies {
		topics = append(topics, t.Sinks()...)
		topics = append(topics, t.Sources()...)
		if !o.AllowGaps {
			for topic := range tablesOf(t.Graph()) {
				k.tables[topic] = true
			}
		}
	}
	slices.Sort(topics)
	var err error
	if k.partitions, err = engine.CountPartitions(ctx, c, slices.Compact(topics)); err != nil {
		return nil, err
	}
	k.slice, err = engine.OpenSlice(ctx, c, read)
	return k, err
}

func (k *kafka) Ranges() []Range { return k.ranges }

func (k *kafka) Partitions(topic string) (int32, bool) {
	n, ok := k.partitions[topic]
	return n, ok
}

func (k *kafka) Next(ctx context.Context, i int) (operators.Input, error) {
	in, err := k.slice.Next(ctx, i)
	if err != nil {
		return in, err
	}
	r := &k.ranges[i]
	if r.Warm < r.From && k.tables[r.Topic] {
		if from, to := k.slice.Gap(i); from < to && from < r.From {
			return in, &MissingError{r.Topic, r.Partition, from, min(to, r.From), "the rows of a table were compacted away, or belong to an aborted transaction"}
		}
	}
	return in, nil
}

func (k *kafka) Close() error {
	k.slice.Close()
	return nil
}
