package main

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// Marked is a value on its way through a repartition topic, or a mark between the values: then Value means nothing.
type Marked[V any] struct {
	Value V
	Mark  Mark
}

func value[V any](v V) Marked[V]       { return Marked[V]{Value: v} }
func (m Marked[V]) isMark() bool       { return m.Mark.Origins > 0 }
func markFrom[V any](m Mark) Marked[V] { return Marked[V]{Mark: m} }

// key is the key of a mark. Those of values are not negative.
func (m Mark) key() int64 { return -1 - int64(m.Origin) }

// Serde is the default serde of marked values: a byte that tells a mark, and the value in its default form.
func (Marked[V]) Serde() serde.Serde[Marked[V]] { return markedSerde[V]{serde.For[V]()} }

type markedSerde[V any] struct{ v serde.Serde[V] }

const (
	tagValue byte = 0
	tagMark  byte = 1
)

func (s markedSerde[V]) Append(dst []byte, m Marked[V]) ([]byte, error) {
	if m.isMark() {
		return appendInts(append(dst, tagMark), int64(m.Mark.Origin), int64(m.Mark.Origins)), nil
	}
	b, err := s.v.Append(append(dst, tagValue), m.Value)
	if err != nil {
		return dst, err
	}
	return b, nil
}

func (s markedSerde[V]) Decode(b []byte) (m Marked[V], err error) {
	switch {
	case len(b) == 0:
		return m, errors.New("marked value without a tag")
	case b[0] == tagValue:
		m.Value, err = s.v.Decode(b[1:])
		return m, err
	case b[0] != tagMark:
		return m, fmt.Errorf("marked value with tag %d", b[0])
	}
	var origin, origins int64
	if err := decodeInts(b[1:], &origin, &origins); err != nil {
		return m, err
	}
	m.Mark = Mark{int32(origin), int32(origins)}
	if int64(m.Mark.Origin) != origin || int64(m.Mark.Origins) != origins || origin < 0 || origins < 1 {
		return m, fmt.Errorf("mark of origin %d of %d", origin, origins)
	}
	return m, nil
}

func appendInts(dst []byte, ints ...int64) []byte {
	for _, n := range ints {
		dst = binary.AppendVarint(dst, n)
	}
	return dst
}

func decodeInts(b []byte, ints ...*int64) (err error) {
	for _, to := range ints {
		if b, err = takeInt(b, to); err != nil {
			return err
		}
	}
	if len(b) > 0 {
		return fmt.Errorf("%d bytes too many", len(b))
	}
	return nil
}

// takeInt reads a number and returns what follows it.
func takeInt(b []byte, to *int64) ([]byte, error) {
	n, length := binary.Varint(b)
	if length <= 0 {
		return nil, errors.New("number cut off or too long")
	}
	*to = n
	return b[length:], nil
}

// gathered sends a stream through a repartition topic with as many partitions as the input has. Each mark goes to all of
// them, and behind the topic it waits for those of the other origins: partitions advance at different speeds, so time must
// not jump before the last of them has ended. Then one mark goes on, whose origin is the task.
func gathered[V any](b *topology.Builder, s topology.Stream[int64, Marked[V]], name string) topology.Stream[int64, Marked[V]] {
	ended := b.KeyValueStore(name+"-ended", serde.Int32, serde.Bool)
	return s.
		Repartition(name, topology.Partitioner(marksToAll[V])).
		Process(gate[V](ended), ended).
		MarkAsPartitioned()
}

func marksToAll[V any](dst []int32, _ string, _ int64, v Marked[V], partitions int32) []int32 {
	if !v.isMark() {
		return append(dst, operators.DefaultPartition)
	}
	for p := range partitions {
		dst = append(dst, p)
	}
	return dst
}

type forward[V any] = operators.Forward[int64, Marked[V]]

func gate[V any](ended topology.KeyValueHandle[int32, bool]) func(*operators.Context, forward[V]) (forward[V], error) {
	return func(c *operators.Context, next forward[V]) (forward[V], error) {
		origins := ended.In(c)
		last := func(m Mark) (bool, error) {
			if _, before, err := origins.Get(m.Origin); before || err != nil {
				return false, err
			}
			if err := origins.Put(m.Origin, true); err != nil {
				return false, err
			}
			n := int32(0)
			for _, err := range origins.All() {
				if err != nil {
					return false, err
				}
				n++
			}
			return n == m.Origins, nil
		}
		return func(r *operators.Record[int64, Marked[V]]) error {
			if !r.Value.isMark() {
				return next(r)
			}
			if all, err := last(r.Value.Mark); !all || err != nil {
				return err
			}
			m := Mark{Origin: c.Partition(), Origins: r.Value.Mark.Origins}
			return next(&operators.Record[int64, Marked[V]]{Key: m.key(), Value: markFrom[V](m), Timestamp: r.Timestamp})
		}, nil
	}
}

// afterwards forwards records when the operators declared before it have nothing left to do: windows that close together
// leave in turns.
func afterwards[V any](waiting topology.KeyValueHandle[int64, Marked[V]]) func(*operators.Context, forward[V]) (forward[V], error) {
	return func(c *operators.Context, next forward[V]) (forward[V], error) {
		rows := waiting.In(c)
		work := c.Work(func() error {
			for row, err := range rows.All() {
				if err != nil {
					return err
				}
				if err := rows.Delete(row.Key); err != nil {
					return err
				}
				if err := next(&operators.Record[int64, Marked[V]]{Key: row.Key, Value: row.Value, Timestamp: row.Timestamp}); err != nil {
					return err
				}
			}
			return nil
		})
		for _, err := range rows.All() {
			if err != nil {
				return nil, err
			}
			work.Leave() // since the last commit
			break
		}
		return func(r *operators.Record[int64, Marked[V]]) error {
			work.Leave()
			return rows.Put(r.Key, r.Value)
		}, nil
	}
}
