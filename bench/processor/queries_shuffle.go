package main

import (
	"encoding/binary"
	"errors"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

const (
	shuffleConsumers = 100_000
	shuffleEvery     = 10
)

// Tally is the state of a consumer of the shuffle.
type Tally struct{ Phase, Count, Sum, First, Last int64 }

// Serde writes a tally as five varints.
func (Tally) Serde() serde.Serde[Tally] { return tallySerde{} }

type tallySerde struct{}

func (tallySerde) Append(dst []byte, t Tally) ([]byte, error) {
	return appendInts(dst, t.Phase, t.Count, t.Sum, t.First, t.Last), nil
}

func (tallySerde) Decode(b []byte) (t Tally, err error) {
	err = decodeInts(b, &t.Phase, &t.Count, &t.Sum, &t.First, &t.Last)
	return t, err
}

// Tallied is a result of the shuffle.
type Tallied struct {
	Count int64 `json:"count"`
	Sum   int64 `json:"sum"`
	First int64 `json:"first"`
	Last  int64 `json:"last"`
}

// shuffle sends each record to the consumer that it is for, if any, and tallies those of each consumer.
func shuffle(b *topology.Builder, in, out string) {
	tallies := b.KeyValueStore("tallies", serde.Int64, serde.For[Tally]())
	b.Stream(in, serde.Bytes, serde.Bytes).
		Process(match).
		Repartition("by-consumer").
		Process(func(c *operators.Context, next operators.Forward[int64, Tallied]) (operators.Forward[int64, []byte], error) {
			rows := tallies.In(c)
			var o operators.Record[int64, Tallied]
			return func(r *operators.Record[int64, []byte]) error {
				t, found, err := rows.Get(r.Key)
				if err != nil {
					return err
				}
				if !found {
					t.Phase = r.Key % shuffleEvery
				}
				if err := t.add(r.Value, r.Timestamp); err != nil {
					return err
				}
				if t.Phase < shuffleEvery {
					return rows.Put(r.Key, t)
				}
				if err := rows.Put(r.Key, Tally{}); err != nil {
					return err
				}
				o = operators.Record[int64, Tallied]{Key: r.Key, Value: Tallied{t.Count, t.Sum, t.First, t.Last}, Timestamp: r.Timestamp}
				return next(&o)
			}, nil
		}, tallies).
		WithSerdes(decimal{}, serde.For[Tallied]()).
		To(out)
}

func (t *Tally) add(value []byte, timestamp int64) error {
	if len(value) < 8 {
		return errors.New("record of less than eight bytes")
	}
	if t.Count == 0 {
		t.First = timestamp
	}
	t.Phase++
	t.Count++
	t.Sum += int64(binary.LittleEndian.Uint64(value))
	t.Last = timestamp
	return nil
}

// match makes the consumer of each record its key and drops the records that are for none.
func match(_ *operators.Context, next operators.Forward[int64, []byte]) (operators.Forward[[]byte, []byte], error) {
	var o operators.Record[int64, []byte]
	return func(r *operators.Record[[]byte, []byte]) error {
		consumer, ok := consumerOf(r.Value)
		if !ok {
			return nil
		}
		o = operators.Record[int64, []byte]{Key: consumer, Value: r.Value, Timestamp: r.Timestamp}
		return next(&o)
	}, nil
}

func consumerOf(value []byte) (consumer int64, ok bool) {
	var h uint64
	for ; len(value) >= 8; value = value[8:] {
		h = (h ^ binary.LittleEndian.Uint64(value)) * 0x9E3779B97F4A7C15
		h ^= h >> 32
	}
	return int64(h&0xFFFFFFFF) % shuffleConsumers, (h>>32)%5 == 0
}
