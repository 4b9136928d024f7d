package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/topology"
)

// Range is a part of a partition: the records at offsets From up to To, without To.
type Range struct {
	Topic     string
	Partition int32
	From, To  int64
}

// Bound is a place in every partition of some topics: its start, its end, the first record of a time or later, or given offsets.
// The zero value is the start.
type Bound struct {
	// End is behind the last committed record, as of the look-up.
	End bool
	// Time, if not zero, is the first record with that timestamp or a later one, or the end if there is none. Brokers take the marks
	// of transactions for records that are as old as their commit: where records of transactions have event times long past,
	// what they find may lie earlier.
	Time time.Time
	// Offsets count for the partitions that they name, whatever the rest says.
	Offsets map[string]map[int32]int64
}

// TopicOffsets are the bounds of the partitions of topics.
type TopicOffsets map[string][]PartitionOffsets

// PartitionOffsets are places in one partition: where the log starts and ends (its last stable offset), and the bounds that were
// asked for.
type PartitionOffsets struct {
	Start, End int64
	Bounds     []int64 // in the order in which they were given; none is below Start or above End unless an offset was given
}

// LookUpOffsets finds bounds in all partitions of topics. A topic that does not exist is an error.
func LookUpOffsets(ctx context.Context, c Config, topics []string, bounds ...Bound) (found TopicOffsets, err error) {
	err = c.withAdmin(ctx, func(adm *kadm.Client) error {
		found, err = lookUpOffsets(ctx, adm, topics, bounds...)
		return err
	})
	return found, err
}

// lookUpOffsets is [LookUpOffsets] with a client.
func lookUpOffsets(ctx context.Context, adm *kadm.Client, topics []string, bounds ...Bound) (TopicOffsets, error) {
	found := make(TopicOffsets)
	if len(topics) == 0 {
		return found, nil
	}
	starts, err := listed(adm.ListStartOffsets(ctx, topics...))
	if err != nil {
		return nil, err
	}
	ends, err := listed(adm.ListCommittedOffsets(ctx, topics...))
	if err != nil {
		return nil, err
	}
	starts.Each(func(o kadm.ListedOffset) {
		end, _ := ends.Lookup(o.Topic, o.Partition)
		found.at(o.Topic, o.Partition, PartitionOffsets{Start: o.Offset, End: end.Offset})
	})
	for _, b := range bounds {
		if err := b.find(ctx, adm, topics, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// listed is the answer to a look-up of offsets, without errors of partitions.
func listed(o kadm.ListedOffsets, err error) (kadm.ListedOffsets, error) {
	if err == nil {
		err = o.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("engine: offsets of topics: %w", err)
	}
	return o, nil
}

func (t TopicOffsets) at(topic string, partition int32, o PartitionOffsets) {
	for len(t[topic]) <= int(partition) {
		t[topic] = append(t[topic], PartitionOffsets{})
	}
	t[topic][partition] = o
}

// find adds a bound to every partition.
func (b *Bound) find(ctx context.Context, adm *kadm.Client, topics []string, found TopicOffsets) error {
	var after kadm.ListedOffsets
	if !b.Time.IsZero() {
		var err error
		if after, err = listed(adm.ListOffsetsAfterMilli(ctx, b.Time.UnixMilli(), topics...)); err != nil {
			return err
		}
	}
	for topic, partitions := range found {
		for i := range partitions {
			p := &partitions[i]
			at := p.Start
			switch offset, given := b.Offsets[topic][int32(i)]; {
			case given:
				at = offset
			case !b.Time.IsZero():
				o, _ := after.Lookup(topic, int32(i))
				at = min(max(o.Offset, p.Start), p.End)
			case b.End:
				at = p.End
			}
			p.Bounds = append(p.Bounds, at)
		}
	}
	for topic, partitions := range b.Offsets {
		for p := range partitions {
			if int(p) >= len(found[topic]) {
				return fmt.Errorf("engine: an offset is given for topic %q, partition %d, which is not there or is not read", topic, p)
			}
		}
	}
	return nil
}

// InputTopics are the topics outside of the topology that it reads, those that patterns match on the brokers too, sorted.
func InputTopics(ctx context.Context, c Config, t *topology.Topology) (topics []string, err error) {
	g := t.Graph()
	if !g.HasPatterns() {
		return g.ExternalSources(), nil
	}
	err = c.withAdmin(ctx, func(adm *kadm.Client) error {
		found, err := lookUp(ctx, adm, g)
		if err != nil {
			return err
		}
		topics = append(g.ExternalSources(), g.Matched(found.existing)...)
		slices.Sort(topics)
		topics = slices.Compact(topics)
		return nil
	})
	return topics, err
}

// CountPartitions tells how many partitions topics have; those that do not exist are left out.
func CountPartitions(ctx context.Context, c Config, topics []string) (counts map[string]int32, err error) {
	if len(topics) == 0 {
		return map[string]int32{}, nil
	}
	err = c.withAdmin(ctx, func(adm *kadm.Client) (err error) {
		counts, err = countPartitions(ctx, adm, topics)
		return err
	})
	return counts, err
}

// Slice reads ranges of partitions, each in the order of its offsets, as committed readers see them, without a group. Make one
// with [OpenSlice]. It is used from one goroutine.
type Slice struct {
	client *kgo.Client
	cfg    Config
	parts  []slicePart
	byName map[string]map[int32]*slicePart
	high   int64 // bytes of a part from which it is not fetched
}

// slicePart is one range as far as it was read.
type slicePart struct {
	Range
	queue    []*kgo.Record
	head     int
	bytes    int64
	fetched  int64 // offset behind what was fetched
	paused   bool
	gap      [2]int64  // the first offsets that were not fetched
	stoppage time.Time // since when nothing has come, zero if something has
}

const (
	sliceBytes     = 64 << 20 // of all parts together
	slicePartBytes = 1 << 20  // that each may have at least
	// sliceSilence is after how long without anything a range is taken for ended: its last offsets are no records. Brokers answer
	// each fetch within fetchWait.
	sliceSilence = 10 * time.Second
)

// OpenSlice begins to read ranges, of which there may be one for each partition.
func OpenSlice(ctx context.Context, c Config, ranges []Range) (*Slice, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	s := &Slice{cfg: c, byName: make(map[string]map[int32]*slicePart), high: max(slicePartBytes, sliceBytes/int64(max(1, len(ranges))))}
	offsets := make(map[string]map[int32]kgo.Offset)
	s.parts = make([]slicePart, len(ranges))
	for i, r := range ranges {
		s.parts[i] = slicePart{Range: r, fetched: r.From}
		if r.From >= r.To {
			continue
		}
		if offsets[r.Topic] == nil {
			offsets[r.Topic], s.byName[r.Topic] = make(map[int32]kgo.Offset), make(map[int32]*slicePart)
		}
		offsets[r.Topic][r.Partition] = kgo.NewOffset().At(r.From)
		s.byName[r.Topic][r.Partition] = &s.parts[i]
	}
	if len(offsets) == 0 {
		return s, nil
	}
	var err error
	s.client, err = kgo.NewClient(append(c.clientOptions(), kgo.ConsumePartitions(offsets), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(fetchWait),
		kgo.FetchMaxBytes(16<<20), kgo.FetchMaxPartitionBytes(1<<20))...)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return s, nil
}

// Close ends the reading.
func (s *Slice) Close() {
	if s.client != nil {
		s.client.Close()
	}
}

// Next is the next record of the range with that index, or [io.EOF]. Its slices are the caller's.
func (s *Slice) Next(ctx context.Context, i int) (operators.Input, error) {
	p := &s.parts[i]
	for p.head == len(p.queue) {
		if p.fetched >= p.To {
			return operators.Input{}, io.EOF
		}
		if err := s.poll(ctx, p); err != nil {
			return operators.Input{}, err
		}
	}
	r := p.queue[p.head]
	p.queue[p.head] = nil
	p.head++
	p.bytes -= sizeOf(r)
	if p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
	}
	if p.paused && p.fetched < p.To && p.bytes < s.high/2 {
		p.paused = false
		s.client.ResumeFetchPartitions(map[string][]int32{p.Topic: {p.Partition}})
	}
	var in operators.Input
	inputOf(r, &in)
	return in, nil
}

func sizeOf(r *kgo.Record) int64 { return int64(len(r.Key)+len(r.Value)) + 200 }

// Gap is the first offsets of a range that are neither records nor marks of transactions, as far as it was fetched: from up to to,
// without to. They were compacted away, or are records of an aborted transaction. from is to if there are none.
func (s *Slice) Gap(i int) (from, to int64) { return s.parts[i].gap[0], s.parts[i].gap[1] }

// poll takes what has come, of whatever range. want is the one that is waited for.
func (s *Slice) poll(ctx context.Context, want *slicePart) error {
	waiting, cancel := context.WithTimeout(ctx, 4*fetchWait)
	defer cancel()
	fetches := s.client.PollFetches(waiting)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	before := want.fetched
	for _, e := range fetches.Errors() {
		if errors.Is(e.Err, context.DeadlineExceeded) {
			continue
		}
		return fmt.Errorf("engine: topic %q, partition %d, from offset %d: %w", e.Topic, e.Partition, s.fetchedOf(e.Topic, e.Partition), e.Err)
	}
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if p := s.byName[f.Topic][f.Partition]; p != nil {
			s.take(p, f.Records)
		}
	})
	return s.silent(ctx, want, before)
}

func (s *Slice) fetchedOf(topic string, partition int32) int64 {
	if p := s.byName[topic][partition]; p != nil {
		return p.fetched
	}
	return -1
}

// take queues records, without what is behind the range and what are no records.
func (s *Slice) take(p *slicePart, records []*kgo.Record) {
	for _, r := range records {
		if r.Offset < p.fetched {
			continue
		}
		if p.gap[1] == 0 && r.Offset > p.fetched {
			p.gap = [2]int64{p.fetched, r.Offset}
		}
		p.fetched = r.Offset + 1
		if r.Offset >= p.To || r.Attrs.IsControl() {
			continue
		}
		p.queue = append(p.queue, r)
		p.bytes += sizeOf(r)
	}
	if full := p.fetched >= p.To || p.bytes > s.high; full && !p.paused {
		p.paused = true
		s.client.PauseFetchPartitions(map[string][]int32{p.Topic: {p.Partition}})
	}
}

// silent ends a range whose last offsets nobody will ever be given, such as those of records that were compacted away.
func (s *Slice) silent(ctx context.Context, p *slicePart, before int64) error {
	switch {
	case p.fetched > before:
		p.stoppage = time.Time{}
	case p.stoppage.IsZero():
		p.stoppage = time.Now()
	case time.Since(p.stoppage) >= sliceSilence:
		ctx, cancel := context.WithTimeout(ctx, s.cfg.ConnectTimeout)
		defer cancel()
		starts, err := listed(kadm.NewClient(s.client).ListStartOffsets(ctx, p.Topic))
		if err != nil {
			return err
		}
		if start, ok := starts.Lookup(p.Topic, p.Partition); ok && start.Offset > p.fetched {
			return fmt.Errorf("engine: topic %q, partition %d: offsets %d to %d are deleted meanwhile", p.Topic, p.Partition, p.fetched, start.Offset-1)
		}
		p.fetched = p.To
	}
	return nil
}
