package state

import (
	"iter"

	"github.com/rivusio/rivusio/serde"
)

// ranges is the loops over the rows of a key-value store: all of them are a read between two encoded keys.
type ranges[K, V any] struct {
	id   StoreID
	keys serde.Serde[K]
	// between reads the rows with lower <= encoded key < upper. Nil bounds are none.
	between func(lower, upper []byte, reverse bool, yield func(Row[K, V], error) bool)
}

// Range implements [KeyValueReader].
func (r *ranges[K, V]) Range(from, to K) iter.Seq2[Row[K, V], error] {
	return r.loop(&from, &to, false)
}

// ReverseRange implements [KeyValueReader].
func (r *ranges[K, V]) ReverseRange(from, to K) iter.Seq2[Row[K, V], error] {
	return r.loop(&from, &to, true)
}

// RangeFrom implements [KeyValueReader].
func (r *ranges[K, V]) RangeFrom(from K) iter.Seq2[Row[K, V], error] {
	return r.loop(&from, nil, false)
}

// ReverseRangeFrom implements [KeyValueReader].
func (r *ranges[K, V]) ReverseRangeFrom(from K) iter.Seq2[Row[K, V], error] {
	return r.loop(&from, nil, true)
}

// RangeTo implements [KeyValueReader].
func (r *ranges[K, V]) RangeTo(to K) iter.Seq2[Row[K, V], error] { return r.loop(nil, &to, false) }

// ReverseRangeTo implements [KeyValueReader].
func (r *ranges[K, V]) ReverseRangeTo(to K) iter.Seq2[Row[K, V], error] {
	return r.loop(nil, &to, true)
}

// All implements [KeyValueReader].
func (r *ranges[K, V]) All() iter.Seq2[Row[K, V], error] { return r.loop(nil, nil, false) }

// ReverseAll implements [KeyValueReader].
func (r *ranges[K, V]) ReverseAll() iter.Seq2[Row[K, V], error] { return r.loop(nil, nil, true) }

func (r *ranges[K, V]) loop(from, to *K, reverse bool) iter.Seq2[Row[K, V], error] {
	return func(yield func(Row[K, V], error) bool) {
		lower, err := r.bound(from)
		var upper []byte
		if err == nil {
			upper, err = r.bound(to)
		}
		if err != nil {
			yield(Row[K, V]{}, err)
			return
		}
		if upper != nil {
			upper = append(upper, 0) // to is included
		}
		r.between(lower, upper, reverse, yield)
	}
}

func (r *ranges[K, V]) bound(k *K) ([]byte, error) {
	if k == nil {
		return nil, nil
	}
	encoded, err := r.keys.Append([]byte{}, *k)
	if err != nil {
		return nil, r.id.keyError(err)
	}
	return encoded, nil
}

// Prefix implements [KeyValueReader].
func (r *ranges[K, V]) Prefix(p []byte) iter.Seq2[Row[K, V], error] { return r.prefix(p, false) }

// ReversePrefix implements [KeyValueReader].
func (r *ranges[K, V]) ReversePrefix(p []byte) iter.Seq2[Row[K, V], error] { return r.prefix(p, true) }

func (r *ranges[K, V]) prefix(p []byte, reverse bool) iter.Seq2[Row[K, V], error] {
	return func(yield func(Row[K, V], error) bool) { r.between(p, after(p), reverse, yield) }
}

// after returns the smallest key that is larger than all keys with a prefix, nil if there is none.
func after(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			return append(append([]byte{}, prefix[:i]...), prefix[i]+1)
		}
	}
	return nil
}
