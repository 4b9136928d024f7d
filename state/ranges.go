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
	return rangeLoop[K, V]{r, &from, &to, false}.loop
}

// ReverseRange implements [KeyValueReader].
func (r *ranges[K, V]) ReverseRange(from, to K) iter.Seq2[Row[K, V], error] {
	return rangeLoop[K, V]{r, &from, &to, true}.loop
}

// RangeFrom implements [KeyValueReader].
func (r *ranges[K, V]) RangeFrom(from K) iter.Seq2[Row[K, V], error] {
	return rangeLoop[K, V]{r, &from, nil, false}.loop
}

// ReverseRangeFrom implements [KeyValueReader].
func (r *ranges[K, V]) ReverseRangeFrom(from K) iter.Seq2[Row[K, V], error] {
	return rangeLoop[K, V]{r, &from, nil, true}.loop
}

// RangeTo implements [KeyValueReader].
func (r *ranges[K, V]) RangeTo(to K) iter.Seq2[Row[K, V], error] {
	return rangeLoop[K, V]{r, nil, &to, false}.loop
}

// ReverseRangeTo implements [KeyValueReader].
func (r *ranges[K, V]) ReverseRangeTo(to K) iter.Seq2[Row[K, V], error] {
	return rangeLoop[K, V]{r, nil, &to, true}.loop
}

// All implements [KeyValueReader].
func (r *ranges[K, V]) All() iter.Seq2[Row[K, V], error] {
	return rangeLoop[K, V]{r, nil, nil, false}.loop
}

// ReverseAll implements [KeyValueReader].
func (r *ranges[K, V]) ReverseAll() iter.Seq2[Row[K, V], error] {
	return rangeLoop[K, V]{r, nil, nil, true}.loop
}

// rangeLoop is a loop over the keys from one to another; nil is no bound. Loops of this package are method values: a function
// literal is compiled anew in each function that it is inlined into, for each type.
type rangeLoop[K, V any] struct {
	rows     *ranges[K, V]
	from, to *K
	reverse  bool
}

func (l rangeLoop[K, V]) loop(yield func(Row[K, V], error) bool) {
	lower, err := l.rows.bound(l.from)
	var upper []byte
	if err == nil {
		upper, err = l.rows.bound(l.to)
	}
	if err != nil {
		yield(Row[K, V]{}, err)
		return
	}
	if upper != nil {
		upper = append(upper, 0) // to is included
	}
	l.rows.between(lower, upper, l.reverse, yield)
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
func (r *ranges[K, V]) Prefix(p []byte) iter.Seq2[Row[K, V], error] {
	return prefixLoop[K, V]{r, p, false}.loop
}

// ReversePrefix implements [KeyValueReader].
func (r *ranges[K, V]) ReversePrefix(p []byte) iter.Seq2[Row[K, V], error] {
	return prefixLoop[K, V]{r, p, true}.loop
}

// prefixLoop is a loop over the keys with a prefix.
type prefixLoop[K, V any] struct {
	rows    *ranges[K, V]
	prefix  []byte
	reverse bool
}

func (l prefixLoop[K, V]) loop(yield func(Row[K, V], error) bool) {
	l.rows.between(l.prefix, after(l.prefix), l.reverse, yield)
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
