package replay

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rivusio/rivusio/operators"
)

// merge gives the records of a source in the order of R1, those before the slice first.
type merge struct {
	source Source
	ranges []Range
	used   []bool // which ranges are read
	heads  []head // by range
	queue  queue  // ranges of this phase
	later  []int  // ranges whose heads belong to the slice, while those before it run
	warm   bool   // records before the slice are running
	// timestamp is when a record happened that is next of its partition.
	timestamp func(topic string, partition int32, in *operators.Input) (int64, error)
}

// head is the record that is next of a range.
type head struct {
	in operators.Input
	ms int64
}

// queue has the ranges by the time of their heads.
type queue struct {
	m  *merge
	at []int
}

func (q *queue) Len() int { return len(q.at) }
func (q *queue) Less(i, j int) bool {
	a, b := q.at[i], q.at[j]
	if x, y := q.m.heads[a].ms, q.m.heads[b].ms; x != y {
		return x < y
	}
	return a < b
}
func (q *queue) Swap(i, j int) { q.at[i], q.at[j] = q.at[j], q.at[i] }
func (q *queue) Push(x any)    { q.at = append(q.at, x.(int)) }
func (q *queue) Pop() any {
	last := len(q.at) - 1
	x := q.at[last]
	q.at = q.at[:last]
	return x
}

// start reads the first record of each range.
func (m *merge) start(ctx context.Context) error {
	m.heads = make([]head, len(m.ranges))
	m.queue.m, m.warm = m, true
	for i := range m.ranges {
		if !m.used[i] {
			continue
		}
		if err := m.load(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// load reads the next record of a range.
func (m *merge) load(ctx context.Context, i int) error {
	r := &m.ranges[i]
	in, err := m.source.Next(ctx, i)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	case in.Offset < r.Warm || in.Offset >= r.To:
		return fmt.Errorf("topic %q, partition %d: offset %d is not in the range from %d to %d", r.Topic, r.Partition, in.Offset, r.Warm, r.To)
	}
	ms := in.Timestamp
	if m.timestamp != nil {
		if ms, err = m.timestamp(r.Topic, r.Partition, &in); err != nil {
			return err
		}
	}
	m.heads[i] = head{in, ms}
	if m.warm && in.Offset >= r.From {
		m.later = append(m.later, i)
		return nil
	}
	heap.Push(&m.queue, i)
	return nil
}

// next is the range whose head runs next; ok is false if there is none in this phase.
func (m *merge) next() (i int, ok bool) {
	if len(m.queue.at) == 0 {
		return 0, false
	}
	return m.queue.at[0], true
}

// ran replaces the head of the range that is next.
func (m *merge) ran(ctx context.Context) error {
	return m.load(ctx, heap.Pop(&m.queue).(int))
}

// begin goes on to the slice itself.
func (m *merge) begin() {
	m.warm = false
	for _, i := range m.later {
		heap.Push(&m.queue, i)
	}
	m.later = nil
}
