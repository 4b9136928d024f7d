package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/replay/recording"
)

// Range is a part of a partition that is replayed: the offsets From up to To, without To. Those from Warm up to From run before
// the slice, without results (R6); Warm equal to From is none.
type Range = recording.Range

// Source gives the records of ranges.
type Source interface {
	// Ranges are the parts of partitions that it has, at most one of each partition.
	Ranges() []Range
	// Partitions tells how many partitions a topic has; ok is false if that is not known.
	Partitions(topic string) (n int32, ok bool)
	// Next is the next record of the range with that index, from Warm on, and io.EOF behind the last one. Its slices are the
	// caller's.
	Next(ctx context.Context, i int) (operators.Input, error)
	// Close ends the reading.
	Close() error
}

// checkRanges refuses ranges that cannot be.
func checkRanges(ranges []Range) error {
	seen := make(map[string]map[int32]bool)
	for _, r := range ranges {
		if r.Partition < 0 || r.Warm < 0 || r.Warm > r.From || r.From > r.To {
			return fmt.Errorf("topic %q, partition %d: offsets %d, %d and %d are no range", r.Topic, r.Partition, r.Warm, r.From, r.To)
		}
		if seen[r.Topic] == nil {
			seen[r.Topic] = make(map[int32]bool)
		}
		if seen[r.Topic][r.Partition] {
			return fmt.Errorf("topic %q, partition %d has two ranges", r.Topic, r.Partition)
		}
		seen[r.Topic][r.Partition] = true
	}
	return nil
}

func sortRanges(ranges []Range) {
	slices.SortFunc(ranges, func(a, b Range) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}
