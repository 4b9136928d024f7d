package state

import (
	"cmp"
	"slices"
	"strings"
)

// keyEntry stands for an encoded key in a sort: eight of its bytes, from some depth on, and a number by which to find it.
// Most comparisons end with the eight bytes, so that sorting does not touch the keys.
type keyEntry struct {
	prefix uint64 // big-endian, filled up with zeros
	index  int32
}

// prefixAt returns the eight bytes of key from depth on, as a number.
func prefixAt(key string, depth int) uint64 {
	if depth > len(key) {
		return 0
	}
	key = key[depth:]
	if len(key) >= 8 {
		return uint64(key[0])<<56 | uint64(key[1])<<48 | uint64(key[2])<<40 | uint64(key[3])<<32 |
			uint64(key[4])<<24 | uint64(key[5])<<16 | uint64(key[6])<<8 | uint64(key[7])
	}
	var p uint64
	for i := range len(key) {
		p |= uint64(key[i]) << (56 - 8*i)
	}
	return p
}

const (
	radixMin = 256  // below this a comparison sort is faster
	maxDepth = 1024 // no more than so many bytes of common prefix are skipped by radix
)

// sortKeys sorts entries whose prefixes are those at depth by the order of their keys, equal keys by index. It returns the
// scratch space for the next call.
func sortKeys(entries, scratch []keyEntry, depth int, key func(index int32) string) []keyEntry {
	if len(entries) < radixMin || depth > maxDepth {
		slices.SortFunc(entries, func(a, b keyEntry) int {
			if a.prefix != b.prefix {
				return cmp.Compare(a.prefix, b.prefix)
			}
			return compareKeys(a, b, depth, key)
		})
		return scratch
	}
	if cap(scratch) < len(entries) {
		scratch = make([]keyEntry, len(entries))
	}
	radixSort(entries, scratch[:len(entries)])
	for i := 0; i < len(entries); {
		end := i + 1
		for end < len(entries) && entries[end].prefix == entries[i].prefix {
			end++
		}
		if end-i > 1 {
			sortTies(entries[i:end], scratch, depth, key)
		}
		i = end
	}
	return scratch
}

// sortTies sorts entries of the same prefix. Their prefixes are unchanged afterwards.
func sortTies(ties, scratch []keyEntry, depth int, key func(index int32) string) {
	if len(ties) < radixMin {
		slices.SortFunc(ties, func(a, b keyEntry) int { return compareKeys(a, b, depth, key) })
		return
	}
	prefix := ties[0].prefix
	var short []keyEntry // keys that end here differ by trailing zeros only, and are prefixes of the others
	rest := 0
	for _, e := range ties {
		if k := key(e.index); len(k) <= depth+8 {
			short = append(short, e)
		} else {
			ties[rest] = keyEntry{prefixAt(k, depth+8), e.index}
			rest++
		}
	}
	sortKeys(ties[:rest], scratch, depth+8, key)
	copy(ties[len(short):], ties[:rest])
	slices.SortFunc(short, func(a, b keyEntry) int { return compareKeys(a, b, depth, key) })
	copy(ties, short)
	for i := range ties {
		ties[i].prefix = prefix
	}
}

func compareKeys(a, b keyEntry, depth int, key func(index int32) string) int {
	x, y := key(a.index), key(b.index)
	if c := strings.Compare(x[min(depth, len(x)):], y[min(depth, len(y)):]); c != 0 {
		return c
	}
	return cmp.Compare(a.index, b.index)
}

// radixSort sorts by prefix, stably, one byte at a time from the last to the first, skipping bytes that are all equal.
func radixSort(entries, scratch []keyEntry) {
	var counts [8][256]int32
	for i := range entries {
		p := entries[i].prefix
		for b := range counts {
			counts[b][byte(p>>(8*b))]++
		}
	}
	from, to := entries, scratch
	for b := range counts {
		if counts[b][byte(from[0].prefix>>(8*b))] == int32(len(entries)) {
			continue
		}
		var sum int32
		for i, n := range counts[b] {
			counts[b][i] = sum
			sum += n
		}
		for _, e := range from {
			at := &counts[b][byte(e.prefix>>(8*b))]
			to[*at] = e
			*at++
		}
		from, to = to, from
	}
	if &from[0] != &entries[0] {
		copy(entries, from)
	}
}
