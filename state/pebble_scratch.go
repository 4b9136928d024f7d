package state

import (
	"errors"
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// written remembers which rows of a scratch database may be there: a Bloom filter of fixed size. Most look-ups of a new key end here,
// where one in the database costs a microsecond and more. Several goroutines may use it.
type written struct {
	seed maphash.Seed
	bits []atomic.Uint64
}

const (
	writtenBytes  = 16 << 20 // up to some ten million keys one look-up in a hundred is in vain, and more beyond
	writtenProbes = 3
)

func newWritten() *written {
	return &written{seed: maphash.MakeSeed(), bits: make([]atomic.Uint64, writtenBytes/8)}
}

// place is the word and the mask of a probe.
func (w *written) place(hash uint64, probe int) (word uint64, mask uint64) {
	hash = bits.RotateLeft64(hash, 21*probe) * 0x9e3779b97f4a7c15
	return hash >> 6 % uint64(len(w.bits)), 1 << (hash & 63)
}

// add notes a key of the database.
func (w *written) add(key []byte) {
	hash := maphash.Bytes(w.seed, key)
	for i := range writtenProbes {
		word, mask := w.place(hash, i)
		if w.bits[word].Load()&mask == 0 {
			w.bits[word].Or(mask)
		}
	}
}

// has is false if a key was never added.
func (w *written) has(key []byte) bool {
	hash := maphash.Bytes(w.seed, key)
	for i := range writtenProbes {
		if word, mask := w.place(hash, i); w.bits[word].Load()&mask == 0 {
			return false
		}
	}
	return true
}

// refuseKept is an error if there is something in a database that is to be a scratch one.
func (p *Pebble) refuseKept() error {
	kept, err := p.Partitions()
	if err == nil && len(kept) > 0 {
		err = errors.New("a scratch database must be new")
	}
	return err
}
