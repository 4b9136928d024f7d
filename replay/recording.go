package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/replay/recording"
)

// Record writes a slice to a recording. It closes the source, and returns how many records there were. outputs are topics whose
// numbers of partitions are noted too, as far as the source knows them, so that results get the partitions that they have there.
func Record(ctx context.Context, s Source, to io.Writer, outputs ...string) (n int64, err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	ranges := s.Ranges()
	if err := checkRanges(ranges); err != nil {
		return 0, err
	}
	h := recording.Header{Partitions: make(map[string]int32), Ranges: ranges}
	for _, r := range ranges {
		p, ok := s.Partitions(r.Topic)
		if !ok {
			return 0, fmt.Errorf("replay: the source does not know how many partitions topic %q has", r.Topic)
		}
		h.Partitions[r.Topic] = p
	}
	for _, topic := range outputs {
		if p, ok := s.Partitions(topic); ok {
			h.Partitions[topic] = p
		}
	}
	w := recording.NewWriter(to, h)
	m := merge{source: s, ranges: ranges, used: slices.Repeat([]bool{true}, len(ranges))}
	if err := m.start(ctx); err != nil {
		return 0, err
	}
	for range 2 { // what comes before the slice, and the slice
		for i, ok := m.next(); ok; i, ok = m.next() {
			if err := w.Write(recording.RecordOf(ranges[i].Topic, ranges[i].Partition, &m.heads[i].in)); err != nil {
				return n, fmt.Errorf("replay: %w", err)
			}
			n++
			if err := m.ran(ctx); err != nil {
				return n, err
			}
		}
		m.begin()
	}
	return n, w.Close()
}

// recorded is a Source of what [Record] wrote.
type recorded struct {
	*recording.Reader
	byName map[string]map[int32]int
	queues [][]operators.Input
	close  func() error
}

// Recording is the source of what [Record] has written. Lines may have been taken out of it. If from is an io.Closer it is closed at
// the end.
func Recording(from io.Reader) (Source, error) {
	r := &recorded{byName: make(map[string]map[int32]int), close: func() error { return nil }}
	if c, ok := from.(io.Closer); ok {
		r.close = c.Close
	}
	var err error
	if r.Reader, err = recording.NewReader(from); err == nil {
		err = checkRanges(r.Header.Ranges)
	}
	if err == nil && len(r.Header.Ranges) == 0 {
		err = errors.New("replay: the recording has no records of a slice, but a state to start with")
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	for i, x := range r.Header.Ranges {
		if r.byName[x.Topic] == nil {
			r.byName[x.Topic] = make(map[int32]int)
		}
		r.byName[x.Topic][x.Partition] = i
	}
	r.queues = make([][]operators.Input, len(r.Header.Ranges))
	return r, nil
}

func (r *recorded) Ranges() []Range { return r.Header.Ranges }

func (r *recorded) Partitions(topic string) (int32, bool) {
	n, ok := r.Header.Partitions[topic]
	return n, ok
}

func (r *recorded) Close() error { return r.close() }

// Next reads lines until there is one of the range. Records lie in the order in which they are asked for, so little waits.
func (r *recorded) Next(_ context.Context, i int) (operators.Input, error) {
	for len(r.queues[i]) == 0 {
		rec, err := r.Reader.Next()
		if err != nil {
			return operators.Input{}, err
		}
		at, ok := r.byName[rec.Topic][rec.Partition]
		if !ok {
			return operators.Input{}, fmt.Errorf("replay: line %d of the recording: topic %q, partition %d has no range", r.Line(), rec.Topic, rec.Partition)
		}
		r.queues[at] = append(r.queues[at], rec.Input())
	}
	in := r.queues[i][0]
	r.queues[i] = r.queues[i][1:]
	return in, nil
}
