package operators

// Filter forwards the records that keep accepts, unchanged. A null value that the serde cannot carry is forwarded
// without asking: a delete must not get lost because a predicate cannot judge it.
func Filter[K, V any](keep func(K, V) bool, nulls Nulls[K, V], next Forward[K, V]) Forward[K, V] {
	return func(r *Record[K, V]) error {
		if nulls.carries(r) && !keep(r.Key, r.Value) {
			return nil
		}
		return next(r)
	}
}

// FilterNot forwards the records that drop refuses; everything else is as in [Filter].
func FilterNot[K, V any](drop func(K, V) bool, nulls Nulls[K, V], next Forward[K, V]) Forward[K, V] {
	return Filter(func(k K, v V) bool { return !drop(k, v) }, nulls, next)
}

// Branch gives each record to the first branch whose predicate accepts it, else to rest. A null value that the serde
// cannot carry goes to rest. It has one branch more than predicates: the last is rest.
func Branch[K, V any](accept []func(K, V) bool, nulls Nulls[K, V], branches []Forward[K, V]) Forward[K, V] {
	rest := branches[len(accept)]
	return func(r *Record[K, V]) error {
		if nulls.carries(r) {
			for i, accepts := range accept {
				if accepts(r.Key, r.Value) {
					return branches[i](r)
				}
			}
		}
		return rest(r)
	}
}

// Peek shows every record to f and forwards it. f does not see null values that the serde cannot carry.
func Peek[K, V any](f func(K, V), nulls Nulls[K, V], next Forward[K, V]) Forward[K, V] {
	return func(r *Record[K, V]) error {
		if nulls.carries(r) {
			f(r.Key, r.Value)
		}
		return next(r)
	}
}
