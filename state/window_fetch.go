package state

import (
	"iter"
	"slices"

	"github.com/rivusio/rivusio/windows"
)

// Fetch implements [Window]. Rows lie by time first, so it asks for the key in each window that may have rows.
func (s *WindowStore[K, V]) Fetch(k K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error] {
	return func(yield func(Row[windows.Keyed[K], V], error) bool) {
		if err := s.loadStarts(); err != nil {
			yield(Row[windows.Keyed[K], V]{}, err)
			return
		}
		lo, _ := slices.BinarySearch(s.starts, max(from, s.bound()))
		hi, found := slices.BinarySearch(s.starts, to)
		if found {
			hi++
		}
		if lo >= hi {
			return
		}
		for _, start := range slices.Clone(s.starts[lo:hi]) {
			v, timestamp, found, err := s.peek(k, start)
			if err != nil {
				yield(Row[windows.Keyed[K], V]{}, err)
				return
			}
			if found && !yield(Row[windows.Keyed[K], V]{Key: windows.Key(k, s.window(start)), Value: v, Timestamp: timestamp}, nil) {
				return
			}
		}
	}
}

// peek is a Lookup that caches nothing.
func (s *WindowStore[K, V]) peek(k K, start int64) (v V, timestamp int64, found bool, err error) {
	if err := s.rowKey(k, start); err != nil || start < s.bound() {
		return v, 0, false, err
	}
	if slot := s.cached(start); slot != nil {
		return slot.Value, slot.Timestamp, slot.Present, nil
	}
	row, found, err := s.read(s.scratch)
	if err != nil || !found {
		return v, 0, false, err
	}
	v, timestamp, err = s.decode(row)
	return v, timestamp, err == nil, err
}

// loadStarts finds the window starts that have rows, with one seek for each in every layer.
func (s *WindowStore[K, V]) loadStarts() error {
	if s.startsKnown {
		return nil
	}
	var starts []int64
	for start := range s.cache.groups {
		starts = append(starts, start)
	}
	err := s.prefixes(windows.TimeBytes, windows.AppendTime(nil, s.bound()), func(prefix []byte) {
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
