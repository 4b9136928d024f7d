package state

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/RaduBerinde/btreemap"

	"github.com/rivusio/rivusio/windows"
)

// NewMemory makes a backend that keeps everything in memory, until it is dropped or the process ends.
func NewMemory() Backend { return &memory{tables: map[leaseKey]*memoryTable{}} }

type memory struct {
	leases leases
	mu     sync.Mutex
	tables map[leaseKey]*memoryTable
}

// memoryTable is the rows of one partition.
type memoryTable struct {
	mu         sync.Mutex
	kind       Kind
	rows       *btreemap.BTreeMap[[]byte, []byte] // copied on write, so that cursors read a clone
	bytes      int64                              // of keys and values
	checkpoint Checkpoint
}

const treeDegree = 32

func newMemoryTable(kind Kind) *memoryTable {
	return &memoryTable{kind: kind, rows: btreemap.New[[]byte, []byte](treeDegree, bytes.Compare), checkpoint: noCheckpoint()}
}

// put copies a row; a nil value deletes.
func (t *memoryTable) put(key, value []byte) {
	if value == nil {
		k, v, _ := t.rows.Delete(key)
		t.bytes -= int64(len(k) + len(v))
		return
	}
	row := append(append(make([]byte, 0, len(key)+len(value)), key...), value...)
	k, v, _ := t.rows.ReplaceOrInsert(row[:len(key):len(key)], row[len(key):])
	t.bytes += int64(len(row) - len(k) - len(v))
}

// expire deletes the rows of windows that start before kept.
func (t *memoryTable) expire(kept int64) {
	bound := windows.AppendTime(nil, kept)
	for {
		key, _, ok := t.rows.Min()
		if !ok || bytes.Compare(key, bound) >= 0 {
			return
		}
		k, v, _ := t.rows.DeleteMin()
		t.bytes -= int64(len(k) + len(v))
	}
}

// Acquire implements [Backend].
func (m *memory) Acquire(ctx context.Context, id StoreID) (Partition, error) {
	t, err := m.leases.acquire(ctx, id)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := leaseKey{id.Name, id.Partition}
	for other, table := range m.tables {
		if other.name == id.Name && table.kind != id.Kind {
			t.release()
			return nil, kindError(id, table.kind)
		}
	}
	table := m.tables[key]
	if table == nil {
		table = newMemoryTable(id.Kind)
		m.tables[key] = table
	}
	return &memoryPartition{tenure: t, backend: m, table: table}, nil
}

func kindError(id StoreID, stored Kind) error {
	return fmt.Errorf("state: %v: is a %v store, but what is stored under this name is a %v store", id, id.Kind, stored)
}

// Apply implements [Backend].
func (m *memory) Apply(_ context.Context, generations []*Generation) error {
	partitions, err := beginAll[*memoryPartition](generations)
	if err != nil {
		return err
	}
	defer endAll(partitions)
	now := time.Now()
	for _, g := range generations {
		t := g.partition.(*memoryPartition).table
		t.mu.Lock()
		for i := range g.rows {
			t.put(g.key(i), g.value(i))
		}
		if t.kind.timed() && g.times.Kept > g.kept {
			t.expire(g.times.Kept)
		}
		t.checkpoint = Checkpoint{Offset: g.offset, At: now, Times: g.times}
		t.mu.Unlock()
	}
	for _, g := range generations {
		g.applied.Store(true)
	}
	return nil
}

// Partitions implements [Backend].
func (m *memory) Partitions() ([]StoreID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []StoreID
	for key, t := range m.tables {
		t.mu.Lock()
		if !t.checkpoint.At.IsZero() {
			ids = append(ids, StoreID{Name: key.name, Partition: key.partition, Kind: t.kind})
		}
		t.mu.Unlock()
	}
	return ids, nil
}

// Close implements [Backend].
func (m *memory) Close() error {
	m.leases.close()
	return nil
}

// memoryPartition is a lease of a table, or a twin under the lease.
type memoryPartition struct {
	tenure  tenure
	backend *memory
	table   *memoryTable
	twinOf  *memoryPartition
}

func (p *memoryPartition) tenureOf() *tenure { return &p.tenure }

func (p *memoryPartition) ID() StoreID { return p.tenure.id }

func (p *memoryPartition) Get(dst, key []byte) (value []byte, found bool, err error) {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	_, row, found := p.table.rows.Get(key)
	return append(dst, row...), found, nil
}

// Reader implements [Partition]. It has no lease, so it can but read.
func (p *memoryPartition) Reader() Reader {
	return &memoryPartition{tenure: tenure{id: p.tenure.id}, table: p.table}
}

func (p *memoryPartition) Checkpoint() Checkpoint {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	return p.table.checkpoint
}

func (p *memoryPartition) Restore(rows []ChangelogRow, offset int64) error {
	if err := p.tenure.begin(); err != nil {
		return err
	}
	defer p.tenure.end()
	t := p.table
	t.mu.Lock()
	defer t.mu.Unlock()
	c, err := newChunk(p.tenure.id, rows, t.checkpoint.Times)
	if err != nil {
		return err
	}
	if t.kind.timed() {
		t.expire(c.times.Kept)
	}
	for _, e := range c.order {
		t.put(rows[e.index].Key[1:], rows[e.index].Value)
	}
	t.checkpoint = Checkpoint{Offset: offset, At: time.Now(), Times: c.times}
	return nil
}

func (p *memoryPartition) Bytes() (int64, error) {
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	return p.table.bytes, nil
}

func (p *memoryPartition) Rebuild(context.Context) (Twin, error) {
	if err := p.tenure.begin(); err != nil {
		return nil, err
	}
	defer p.tenure.end()
	return &memoryPartition{tenure: p.tenure, backend: p.backend, table: newMemoryTable(p.table.kind), twinOf: p}, nil
}

func (p *memoryPartition) Swap() error {
	if err := p.tenure.begin(); err != nil {
		return err
	}
	defer p.tenure.end()
	p.backend.mu.Lock()
	defer p.backend.mu.Unlock()
	p.twinOf.table = p.table
	p.backend.tables[leaseKey{p.tenure.id.Name, p.tenure.id.Partition}] = p.table
	p.tenure.epoch = 0 // nothing goes through the twin any more
	return nil
}

func (p *memoryPartition) Drop() error {
	if err := p.tenure.begin(); err != nil {
		return err
	}
	defer p.tenure.end()
	p.table.mu.Lock()
	defer p.table.mu.Unlock()
	p.table.rows.Clear(false)
	p.table.bytes = 0
	p.table.checkpoint = noCheckpoint()
	return nil
}

func (p *memoryPartition) Release() {
	if p.twinOf == nil {
		p.tenure.release()
	}
}

// Scan implements [Partition] on a clone of the tree, which costs nothing until rows are written.
func (p *memoryPartition) Scan(lower, upper []byte, reverse bool) Cursor {
	p.table.mu.Lock()
	rows := p.table.rows.Clone()
	p.table.mu.Unlock()
	c := &memoryCursor{rows: rows, reverse: reverse, lower: btreemap.Min[[]byte](), upper: btreemap.Max[[]byte]()}
	if lower != nil {
		c.lower = btreemap.GE(lower)
	}
	if upper != nil {
		c.upper = btreemap.LT(upper)
	}
	return c
}

// memoryCursor reads a tree in pieces, for the tree has no cursors.
type memoryCursor struct {
	rows    *btreemap.BTreeMap[[]byte, []byte]
	lower   btreemap.LowerBound[[]byte]
	upper   btreemap.UpperBound[[]byte]
	reverse bool
	piece   [][2][]byte
	at      int
	pieces  int
}

func (c *memoryCursor) Next() bool {
	c.at++
	if c.at < len(c.piece) {
		return true
	}
	n := len(c.piece)
	if n < c.pieces {
		return false
	}
	if n > 0 {
		if last := c.piece[n-1][0]; c.reverse {
			c.upper = btreemap.LT(last)
		} else {
			c.lower = btreemap.GT(last)
		}
	}
	c.pieces = min(max(1, c.pieces*4), 1024)
	c.piece, c.at = c.piece[:0], 0
	collect := func(key, value []byte) bool {
		c.piece = append(c.piece, [2][]byte{key, value})
		return len(c.piece) < c.pieces
	}
	if c.reverse {
		c.rows.DescendFunc(c.upper, c.lower, collect)
	} else {
		c.rows.AscendFunc(c.lower, c.upper, collect)
	}
	return len(c.piece) > 0
}

func (c *memoryCursor) Key() []byte   { return c.piece[c.at][0] }
func (c *memoryCursor) Value() []byte { return c.piece[c.at][1] }
func (c *memoryCursor) Close() error  { return nil }
