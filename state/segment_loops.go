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
	return x.fetch(k, from, to, false)
}

// ReverseFetch is Fetch in the opposite order.
func (x *loops[K, V, R]) ReverseFetch(k K, from, to int64) iter.Seq2[R, error] {
	return x.fetch(k, from, to, true)
}

// FetchKeys reads rows of a range of keys: see the interface of the store.
func (x *loops[K, V, R]) FetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[R, error] {
	return x.fetchKeys(fromKey, toKey, from, to, false)
}

// ReverseFetchKeys is FetchKeys in the opposite order.
func (x *loops[K, V, R]) ReverseFetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[R, error] {
	return x.fetchKeys(fromKey, toKey, from, to, true)
}

// Scan reads rows of all keys: see the interface of the store.
func (x *loops[K, V, R]) Scan(from, to int64) iter.Seq2[R, error] { return x.scan(from, to, false) }

// ReverseScan is Scan in the opposite order.
func (x *loops[K, V, R]) ReverseScan(from, to int64) iter.Seq2[R, error] {
	return x.scan(from, to, true)
}

// All is Scan over all times.
func (x *loops[K, V, R]) All() iter.Seq2[R, error] {
	return x.scan(math.MinInt64, math.MaxInt64, false)
}

// ReverseAll is All in the opposite order.
func (x *loops[K, V, R]) ReverseAll() iter.Seq2[R, error] {
	return x.scan(math.MinInt64, math.MaxInt64, true)
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

func (x *loops[K, V, R]) fetch(k K, from, to int64, reverse bool) iter.Seq2[R, error] {
	return rows(func(yield func(R) bool) error {
		return x.rows.fetch(k, firstAt(from), lastAt(x.last(to)), reverse, func(r *item[V]) bool {
			return x.fetched(k, r, to, yield)
		})
	})
}

func (x *loops[K, V, R]) fetchKeys(fromKey, toKey K, from, to int64, reverse bool) iter.Seq2[R, error] {
	return rows(func(yield func(R) bool) error {
		keys, err := x.rows.keysBetween(fromKey, toKey)
		if err != nil {
			return err
		}
		return x.rows.scanTimes(from, x.last(to), keys, reverse, func(k K, r *item[V]) bool {
			return x.fetched(k, r, to, yield)
		})
	})
}

func (x *loops[K, V, R]) scan(from, to int64, reverse bool) iter.Seq2[R, error] {
	return rows(func(yield func(R) bool) error {
		return x.rows.scanTimes(from, to, keyRange{}, reverse, func(k K, r *item[V]) bool { return yield(x.show(k, r)) })
	})
}
