package state

import (
	"iter"
	"slices"

	"github.com/rivusio/rivusio/windows"
)

// Fetch implements [Window]. Rows lie by time first, so it asks for the key in each window that may have rows.
func (s *WindowStore[K, V]) Fetch(k K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error] {
	return windowFetch[K, V]{s, k, from, to, false}.loop
}

// ReverseFetch implements [Window].
func (s *WindowStore[K, V]) ReverseFetch(k K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error] {
	return windowFetch[K, V]{s, k, from, to, true}.loop
}

// windowFetch is a loop over the windows of a key.
type windowFetch[K, V any] struct {
	store    *WindowStore[K, V]
	key      K
	from, to int64
	reverse  bool
}

func (f windowFetch[K, V]) loop(yield func(Row[windows.Keyed[K], V], error) bool) {
	starts, err := f.store.startsIn(f.from, f.to, f.reverse)
	if err != nil {
		yield(Row[windows.Keyed[K], V]{}, err)
		return
	}
	for _, start := range starts {
		v, timestamp, found, err := f.store.peek(f.key, start)
		if err != nil {
			yield(Row[windows.Keyed[K], V]{}, err)
			return
		}
		if found && !yield(Row[windows.Keyed[K], V]{Key: windows.Key(f.key, f.store.window(start)), Value: v, Timestamp: timestamp}, nil) {
			return
		}
	}
}

// FetchKeys implements [Window].
func (s *WindowStore[K, V]) FetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error] {
	return windowFetchKeys[K, V]{s, fromKey, toKey, from, to, false}.loop
}

// ReverseFetchKeys implements [Window].
func (s *WindowStore[K, V]) ReverseFetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error] {
	return windowFetchKeys[K, V]{s, fromKey, toKey, from, to, true}.loop
}

// windowFetchKeys is a loop over the windows of a range of keys: it reads a part of each window that may have rows.
type windowFetchKeys[K, V any] struct {
	store          *WindowStore[K, V]
	fromKey, toKey K
	from, to       int64
	reverse        bool
}

func (f windowFetchKeys[K, V]) loop(yield func(Row[windows.Keyed[K], V], error) bool) {
	s := f.store
	starts, err := s.startsIn(f.from, f.to, f.reverse)
	for _, start := range starts {
		if start < s.bound() { // by what the loop put
			continue
		}
		if err = s.rowKey(f.fromKey, start); err != nil {
			break
		}
		lower := slices.Clone(s.scratch)
		if err = s.rowKey(f.toKey, start); err != nil {
			break
		}
		var groups []*group
		if g := s.core.cache.group(start); g != nil {
			groups = []*group{g}
		}
		if !s.part(lower, append(slices.Clone(s.scratch), 0), f.reverse, groups, yield) {
			return
		}
	}
	if err != nil {
		yield(Row[windows.Keyed[K], V]{}, err)
	}
}

// startsIn are the starts of visible windows, from one time to another, that may have rows.
func (s *WindowStore[K, V]) startsIn(from, to int64, reverse bool) ([]int64, error) {
	if err := s.loadStarts(); err != nil {
		return nil, err
	}
	lo, _ := slices.BinarySearch(s.starts, max(from, s.bound()))
	hi, found := slices.BinarySearch(s.starts, to)
	if found {
		hi++
	}
	if lo >= hi {
		return nil, nil
	}
	starts := slices.Clone(s.starts[lo:hi])
	if reverse {
		slices.Reverse(starts)
	}
	return starts, nil
}

// peek is a Lookup that caches nothing.
func (s *WindowStore[K, V]) peek(k K, start int64) (v V, timestamp int64, found bool, err error) {
	if err := s.rowKey(k, start); err != nil || start < s.bound() {
		return v, 0, false, err
	}
	if slot := s.cached(start); slot != nil {
		return slot.Value, slot.Timestamp, slot.Present, nil
	}
	row, found, err := s.core.layers.read(s.scratch)
	if err != nil || !found {
		return v, 0, false, err
	}
	v, timestamp, err = s.core.codec.decode(row)
	return v, timestamp, err == nil, err
}

// loadStarts finds the window starts that have rows, with one seek for each in every layer.
func (s *WindowStore[K, V]) loadStarts() error {
	if s.startsKnown {
		return nil
	}
	var starts []int64
	for start := range s.core.cache.groups {
		starts = append(starts, start)
	}
	err := s.core.layers.prefixes(windows.TimeBytes, windows.AppendTime(nil, s.bound()), func(prefix []byte) {
		start, _ := windows.Time(prefix)
		starts = append(starts, start)
	})
	if err != nil {
		return err
	}
	slices.Sort(starts)
	s.starts, s.startsKnown = slices.Compact(starts), true
	return nil
}

// noteStart adds a start that is about to have rows.
func (s *WindowStore[K, V]) noteStart(start int64) {
	if i, found := slices.BinarySearch(s.starts, start); !found {
		s.starts = slices.Insert(s.starts, i, start)
	}
}
