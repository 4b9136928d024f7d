package operators

import (
	"cmp"
	"container/list"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/rivusio/rivusio/serde"
)

// Batch gathers the values of each key and forwards what Fold makes of Size of them, or of fewer when LingerMs have passed on
// the wall clock since the first. Records without a key are gathered together. A null value that the serde cannot carry is
// dropped and counted. A result has the key, the largest timestamp of its records and the headers of the last one.
//
// What is gathered at a commit lies in Rows, so nothing waits inside a transaction and nothing is lost; the time goes on
// from when the first value arrived. In memory are some 150 bytes and the key of each key that has values waiting, and the
// values since the last commit.
type Batch[K, V, B any] struct {
	Size     int
	LingerMs int64 // 0: there is no such limit
	Fold     func(k K, values []V) B
	Rows     *ParkedRows // keys are the encoded key with its size in front, and the record's number in it, eight bytes, big-endian
	Keys     serde.Serde[K]
	Values   serde.Serde[V]
	In       Nulls[K, V]
	Out      Nulls[K, B]
}

// Forward makes the operator. It goes on with what Rows has.
func (b Batch[K, V, B]) Forward(c *Context, next Forward[K, B]) (Forward[K, V], error) {
	op := &batch[K, V, B]{Batch: b, c: c, next: next, keys: make(map[string]*gathering[K, V])}
	c.OnCommit(op.park)
	if err := op.load(); err != nil {
		return nil, err
	}
	return op.process, nil
}

type batch[K, V, B any] struct {
	Batch[K, V, B]
	c        *Context
	next     Forward[K, B]
	keys     map[string]*gathering[K, V]
	waiting  list.List // of *gathering, by when the first record arrived
	unparked []*gathering[K, V]
	fresh    int // records that have no row
	alarm    *Schedule
	scratch  []byte
	o        Record[K, B]
}

// gathering is what has come for a key. Some of it may have rows.
type gathering[K, V any] struct {
	key     string // encoded, with its size
	firstMs int64  // when the first of it arrived
	n       int    // how many records it has
	rows    int    // how many of them have rows: the first ones
	from    uint64 // number of the first row
	fresh   []Parked
	place   *list.Element
}

func (b *batch[K, V, B]) process(r *Record[K, V]) error {
	if !b.In.admits(b.c, r) {
		return nil
	}
	p, err := park(b.c, b.Keys, b.Values, r)
	if err != nil {
		return err
	}
	b.scratch = appendSizedBytes(b.scratch[:0], p.Key)
	g := b.keys[string(b.scratch)]
	if g == nil {
		g = &gathering[K, V]{key: string(b.scratch), firstMs: p.ArrivedMs}
		b.add(g)
		b.watch()
	}
	if len(g.fresh) == 0 {
		b.unparked = append(b.unparked, g)
	}
	g.fresh = append(g.fresh, p)
	g.n++
	b.fresh++
	if g.n >= b.Size {
		return b.let(g)
	}
	if b.fresh >= maxFresh {
		b.c.Commit()
	}
	return nil
}

// maxFresh is after how many records that wait in memory a commit is asked for, which moves them to the store.
const maxFresh = 20_000

func (b *batch[K, V, B]) add(g *gathering[K, V]) {
	b.keys[g.key] = g
	g.place = b.waiting.PushBack(g)
}

// watch makes sure that the time limit of the first one is looked at.
func (b *batch[K, V, B]) watch() {
	if b.LingerMs == 0 || b.waiting.Len() == 0 || b.alarm != nil && !b.alarm.Cancelled() {
		return
	}
	first := b.waiting.Front().Value.(*gathering[K, V])
	wait := max(1, first.firstMs+b.LingerMs-b.c.WallClock())
	b.alarm = b.c.Schedule(time.Duration(wait)*time.Millisecond, WallClock, b.expire)
}

// expire forwards what has waited long enough.
func (b *batch[K, V, B]) expire(nowMs int64) error {
	b.alarm.Cancel()
	for b.waiting.Len() > 0 {
		g := b.waiting.Front().Value.(*gathering[K, V])
		if g.firstMs+b.LingerMs > nowMs {
			break
		}
		if err := b.let(g); err != nil {
			return err
		}
	}
	b.watch()
	return nil
}

// let forwards what has come for a key.
func (b *batch[K, V, B]) let(g *gathering[K, V]) error {
	b.waiting.Remove(g.place)
	delete(b.keys, g.key)
	all := make([]Parked, 0, g.n)
	for i := range g.rows {
		row, ok, err := b.Rows.Get(b.rowKey(g, i))
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("store %q has lost a row of a batch", b.Rows.Name())
		}
		all = append(all, row)
		if err := b.Rows.Delete(b.rowKey(g, i)); err != nil {
			return err
		}
	}
	all = append(all, g.fresh...)
	b.fresh -= len(g.fresh)
	g.fresh, g.rows = nil, 0
	return b.fold(all)
}

func (b *batch[K, V, B]) fold(all []Parked) error {
	values := make([]V, len(all))
	var r Record[K, V]
	b.o = Record[K, B]{}
	for i := range all {
		if err := unpark(&all[i], b.Keys, b.Values, b.In, &r); err != nil {
			return err
		}
		values[i] = r.Value
		b.o.Timestamp = max(b.o.Timestamp, r.Timestamp)
	}
	b.o.Key, b.o.NullKey, b.o.Headers = r.Key, r.NullKey, r.Headers
	b.o.Value = b.Fold(r.Key, values)
	b.o.NullValue = b.Out.Value != nil && b.Out.Value(b.o.Value)
	return b.next(&b.o)
}

// park makes rows of what has come since the last commit.
func (b *batch[K, V, B]) park() error {
	for _, g := range b.unparked {
		for _, p := range g.fresh {
			slot, err := b.Rows.Lookup(b.rowKey(g, g.rows))
			if err != nil {
				return err
			}
			b.Rows.Set(slot, p, p.Timestamp)
			g.rows++
		}
		g.fresh = nil
	}
	b.unparked, b.fresh = b.unparked[:0], 0
	return nil
}

func (b *batch[K, V, B]) rowKey(g *gathering[K, V], i int) []byte {
	return binary.BigEndian.AppendUint64([]byte(g.key), g.from+uint64(i))
}

// load finds out what waits.
func (b *batch[K, V, B]) load() error {
	var found []*gathering[K, V]
	for row, err := range b.Rows.All() {
		if err != nil {
			return err
		}
		at := len(row.Key) - numberBytes
		if at < sizeBytes {
			return fmt.Errorf("store %q has a row with the key %x, which is not that of a record in a batch", b.Rows.Name(), row.Key)
		}
		if len(found) == 0 || found[len(found)-1].key != string(row.Key[:at]) {
			found = append(found, &gathering[K, V]{key: string(row.Key[:at]), firstMs: row.Value.ArrivedMs, from: binary.BigEndian.Uint64(row.Key[at:])})
		}
		g := found[len(found)-1]
		g.n++
		g.rows++
	}
	slices.SortStableFunc(found, func(g, h *gathering[K, V]) int { return cmp.Compare(g.firstMs, h.firstMs) })
	for _, g := range found {
		b.add(g)
	}
	b.watch()
	return nil
}
