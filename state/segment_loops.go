package state

import (
	"iter"
	"math"
)

// loops is the loops over the rows of a store in segments, which shows them as R.
type loops[K, V, R any] struct {
	rows *segments[K, V]
	show func(k K, r *item[V]) R
	// overlaps says that a fetch is of what overlaps its times: a row lies from its sub to its time. Else it is of the rows
	// whose time is one of them.
	overlaps bool
}

// Fetch reads rows of one key: see the interface of the store.
func (x *loops[K, V, R]) Fetch(k K, from, to int64) iter.Seq2[R, error] {
	return read[R](fetchOf[K, V, R]{x, k, from, to, false}.read).loop
}

// ReverseFetch is Fetch in the opposite order.
func (x *loops[K, V, R]) ReverseFetch(k K, from, to int64) iter.Seq2[R, error] {
	return read[R](fetchOf[K, V, R]{x, k, from, to, true}.read).loop
}

// FetchKeys reads rows of a range of keys: see the interface of the store.
func (x *loops[K, V, R]) FetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[R, error] {
	return read[R](fetchOfKeys[K, V, R]{x, fromKey, toKey, from, to, false}.read).loop
}

// ReverseFetchKeys is FetchKeys in the opposite order.
func (x *loops[K, V, R]) ReverseFetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[R, error] {
	return read[R](fetchOfKeys[K, V, R]{x, fromKey, toKey, from, to, true}.read).loop
}

// Scan reads rows of all keys: see the interface of the store.
func (x *loops[K, V, R]) Scan(from, to int64) iter.Seq2[R, error] {
	return read[R](scanOf[K, V, R]{x, from, to, false}.read).loop
}

// ReverseScan is Scan in the opposite order.
func (x *loops[K, V, R]) ReverseScan(from, to int64) iter.Seq2[R, error] {
	return read[R](scanOf[K, V, R]{x, from, to, true}.read).loop
}

// All is Scan over all times.
func (x *loops[K, V, R]) All() iter.Seq2[R, error] { return x.Scan(math.MinInt64, math.MaxInt64) }

// ReverseAll is All in the opposite order.
func (x *loops[K, V, R]) ReverseAll() iter.Seq2[R, error] {
	return x.ReverseScan(math.MinInt64, math.MaxInt64)
}

// last is the last time of the rows of a fetch.
func (x *loops[K, V, R]) last(to int64) int64 {
	if x.overlaps {
		return math.MaxInt64
	}
	return to
}

// fetched yields a row if it belongs to a fetch.
func (x *loops[K, V, R]) fetched(k K, r *item[V], to int64, yield func(R) bool) bool {
	return x.overlaps && r.sub > to || yield(x.show(k, r))
}

// fetchOf is a [read] of the rows of a key.
type fetchOf[K, V, R any] struct {
	of       *loops[K, V, R]
	key      K
	from, to int64
	reverse  bool
}

func (f fetchOf[K, V, R]) read(yield func(R) bool) error {
	return f.of.rows.fetch(f.key, firstAt(f.from), lastAt(f.of.last(f.to)), f.reverse, func(r *item[V]) bool {
		return f.of.fetched(f.key, r, f.to, yield)
	})
}

// fetchOfKeys is a [read] of the rows of a range of keys.
type fetchOfKeys[K, V, R any] struct {
	of             *loops[K, V, R]
	fromKey, toKey K
	from, to       int64
	reverse        bool
}

func (f fetchOfKeys[K, V, R]) read(yield func(R) bool) error {
	keys, err := f.of.rows.keysBetween(f.fromKey, f.toKey)
	if err != nil {
		return err
	}
	return f.of.rows.scanTimes(f.from, f.of.last(f.to), keys, f.reverse, func(k K, r *item[V]) bool {
		return f.of.fetched(k, r, f.to, yield)
	})
}

// scanOf is a [read] of the rows of all keys.
type scanOf[K, V, R any] struct {
	of       *loops[K, V, R]
	from, to int64
	reverse  bool
}

func (s scanOf[K, V, R]) read(yield func(R) bool) error {
	return s.of.rows.scanTimes(s.from, s.to, keyRange{}, s.reverse, func(k K, r *item[V]) bool { return yield(s.of.show(k, r)) })
}
