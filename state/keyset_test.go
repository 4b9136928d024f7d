package state

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSortKeys(t *testing.T) {
	// Few distinct bytes and shared beginnings make ties, keys that end within a prefix, and zeros like its padding.
	key := rapid.Custom(func(t *rapid.T) string {
		begin := rapid.SampledFrom([]string{"", "\x00", "common-0", "common-01", "common-prefix-of-many-keys-", strings.Repeat("z", 9)}).Draw(t, "begin")
		return begin + string(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x7f, 0x80, 0xff}), 0, 18).Draw(t, "end"))
	})
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(key, 0, 40).Draw(t, "keys")
		for range rapid.IntRange(0, 5).Draw(t, "doublings") { // enough for the radix sort at every depth
			for _, k := range slices.Clone(keys) {
				keys = append(keys, k+string(rune(len(keys)%50)))
			}
		}
		depth := 0
		if rapid.Bool().Draw(t, "with a common begin") {
			depth = 8
			for i := range keys {
				keys[i] = "the-same" + keys[i]
			}
		}
		entries := make([]keyEntry, len(keys))
		for i, k := range keys {
			entries[i] = keyEntry{prefixAt(k, depth), int32(i)}
		}
		sortKeys(entries, nil, depth, func(i int32) string { return keys[i] })
		want := make([]int32, len(keys))
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortStableFunc(want, func(a, b int32) int { return strings.Compare(keys[a], keys[b]) })
		for i, e := range entries {
			if e.index != want[i] || e.prefix != prefixAt(keys[e.index], depth) {
				t.Fatalf("entry %d is %q (prefix %x), want %q", i, keys[e.index], e.prefix, keys[want[i]])
			}
		}
	})
}

func TestSortKeysOfZeros(t *testing.T) {
	keys := make([]string, 600)
	for i := range keys {
		keys[i] = strings.Repeat("\x00", i*7%600*5) // up to 3,000 zeros: deeper than the radix sort goes
	}
	entries := make([]keyEntry, len(keys))
	for i := range keys {
		entries[i] = keyEntry{0, int32(i)}
	}
	sortKeys(entries, nil, 0, func(i int32) string { return keys[i] })
	for i := 1; i < len(entries); i++ {
		if keys[entries[i-1].index] >= keys[entries[i].index] {
			t.Fatalf("key of %d zeros before one of %d", len(keys[entries[i-1].index]), len(keys[entries[i].index]))
		}
	}
}

// TestArena appends rows of all sizes and finds them again, in fresh memory and in used.
func TestArena(t *testing.T) {
	var spare [][]byte
	for range 2 {
		a := arena{spare: spare}
		type place struct{ chunk, offset, size uint32 }
		var places []place
		for i, size := range []int{1, 100, 5000, 3, 300_000, 20, 250_000, 250_000, 8, 70_000, 70_000, 70_000, 1} {
			row := a.begin(min(size, 100+i)) // often too little
			for range size {
				row = append(row, byte(i))
			}
			chunk, offset := a.end(row)
			places = append(places, place{chunk, offset, uint32(size)})
		}
		for i, p := range places {
			for _, b := range a.chunks[p.chunk][p.offset : p.offset+p.size] {
				if b != byte(i) {
					t.Fatalf("row %d has a byte of row %d", i, b)
				}
			}
		}
		spare = a.chunks
	}
}
