package state

import (
	"bytes"
	"sort"
	"sync/atomic"
)

// Generation is what one flush of a store encoded: its changed rows in the order of their keys, and the times. The store
// reads from it until it is applied. Only the store, and the backend while it applies, look inside.
type Generation struct {
	partition Partition
	rows      []generationRow
	arena     arena
	times     Times
	kept      int64 // times.Kept of the generation before: rows from there to times.Kept expire
	offset    int64
	applied   atomic.Bool // set by the backend as its last touch, on its own goroutine
	pins      int         // iterators of the store that read here
}

// generationRow is a changelog record in an arena: kind byte, row key, row value. A negative valueBytes is a tombstone.
type generationRow struct {
	chunk, offset        uint32
	keyBytes, valueBytes int32
}

// NewCheckpoint is a generation without rows: what is applied is the checkpoint of a partition, at an offset, or none with
// -1. The times stay.
func NewCheckpoint(p Partition, offset int64) *Generation {
	times := p.Checkpoint().Times
	return &Generation{partition: p, times: times, kept: times.Kept, offset: offset}
}

// ID is the partition whose changes these are.
func (g *Generation) ID() StoreID { return g.partition.ID() }

// Rows is the number of rows.
func (g *Generation) Rows() int { return len(g.rows) }

// Bytes is the length of all rows as changelog records.
func (g *Generation) Bytes() int64 { return g.arena.bytes }

// Applied reports whether the backend has it.
func (g *Generation) Applied() bool { return g.applied.Load() }

// logKey is the key of row i as a changelog record's key.
func (g *Generation) logKey(i int) []byte {
	r := &g.rows[i]
	return g.arena.chunks[r.chunk][r.offset : r.offset+1+uint32(r.keyBytes) : r.offset+1+uint32(r.keyBytes)]
}

func (g *Generation) key(i int) []byte { return g.logKey(i)[1:] }

// value is the row value of row i; nil for a tombstone.
func (g *Generation) value(i int) []byte {
	r := &g.rows[i]
	if r.valueBytes < 0 {
		return nil
	}
	from := r.offset + 1 + uint32(r.keyBytes)
	to := from + uint32(r.valueBytes)
	return g.arena.chunks[r.chunk][from:to:to]
}

// search returns the number of the first row whose key is at least key.
func (g *Generation) search(key []byte) int {
	return sort.Search(len(g.rows), func(i int) bool { return bytes.Compare(g.key(i), key) >= 0 })
}

// get finds a row: its value, nil for a tombstone.
func (g *Generation) get(key []byte) (value []byte, found bool) {
	i := g.search(key)
	if i == len(g.rows) || !bytes.Equal(g.key(i), key) {
		return nil, false
	}
	return g.value(i), true
}

// add adds a row that was begun in the arena: kind byte, row key and, but for a tombstone, row value.
func (g *Generation) add(row []byte, keyBytes int, tombstone bool) {
	r := generationRow{keyBytes: int32(keyBytes), valueBytes: int32(len(row) - 1 - keyBytes)}
	if tombstone {
		r.valueBytes = -1
	}
	r.chunk, r.offset = g.arena.end(row)
	g.rows = append(g.rows, r)
}

// has reports whether there is a row with lower <= key < upper.
func (g *Generation) has(lower, upper []byte) bool {
	i := g.search(lower)
	return i < len(g.rows) && bytes.Compare(g.key(i), upper) < 0
}

const (
	minChunkBytes = 4 << 10
	maxChunkBytes = 256 << 10
)

// arena holds rows in chunks that never move, so that slices of them stay good. It grows by doubling up to maxChunkBytes
// a chunk; a row that is larger gets a chunk of its own.
type arena struct {
	chunks [][]byte
	tail   int // the chunk that is being filled, if there is any
	bytes  int64
	spare  [][]byte // chunks of an earlier generation
}

// begin returns an empty slice to which a row of about so many bytes is to be appended.
func (a *arena) begin(bytes int) []byte {
	if len(a.chunks) > 0 {
		if c := a.chunks[a.tail]; cap(c)-len(c) >= bytes {
			return c[len(c):]
		}
	}
	if n := len(a.spare); n > 0 && cap(a.spare[n-1]) >= bytes {
		a.chunks = append(a.chunks, a.spare[n-1][:0])
		a.spare = a.spare[:n-1]
	} else {
		size := min(max(minChunkBytes, int(a.bytes)), maxChunkBytes)
		a.chunks = append(a.chunks, make([]byte, 0, max(size, bytes)))
	}
	a.tail = len(a.chunks) - 1
	return a.chunks[a.tail]
}

// end keeps what was appended to the slice that begin returned, and returns where it is.
func (a *arena) end(row []byte) (chunk, offset uint32) {
	a.bytes += int64(len(row))
	tail := a.chunks[a.tail]
	if free := tail[len(tail):]; cap(row) != cap(free) || cap(row) > 0 && &row[:1][0] != &free[:1][0] {
		a.chunks = append(a.chunks, row) // append moved it; the tail stays the tail
		return uint32(len(a.chunks) - 1), 0
	}
	a.chunks[a.tail] = tail[:len(tail)+len(row)]
	return uint32(a.tail), uint32(len(tail))
}
