package operators

import "github.com/rivusio/rivusio/state"

// ToVersionedTable reads each record as the row of its key from its timestamp on, until that of the next one; a null value
// deletes the row from then on. Records with a null key are dropped and counted. Unlike [ToTable] timestamps decide, not
// offsets: a record that is older than the latest row of its key goes to the history, and is forwarded as superseded. One
// that is older than the history is neither kept nor forwarded, and counted as expired (KIP-889, KIP-914).
func ToVersionedTable[K, V any](c *Context, store *state.VersionedStore[K, V], sendOld bool, next Forward[K, Change[V]]) Forward[K, V] {
	var o Record[K, Change[V]]
	return func(r *Record[K, V]) error {
		if r.NullKey {
			c.Drop(NullKey)
			return nil
		}
		o = Record[K, Change[V]]{Key: r.Key, Timestamp: r.Timestamp, Headers: r.Headers, NullValue: r.NullValue}
		o.Value.New = r.Value
		if sendOld {
			row, found, err := store.Get(r.Key)
			if err != nil {
				return err
			}
			o.Value.Old, o.Value.HasOld = row.Value, found
		}
		var latest, kept bool
		var err error
		if r.NullValue {
			latest, kept, err = store.Delete(r.Key, r.Timestamp)
		} else {
			latest, kept, err = store.Put(r.Key, r.Value, r.Timestamp)
		}
		if err != nil {
			return err
		}
		if !kept {
			c.Drop(Expired)
			return nil
		}
		o.Value.Superseded = !latest
		return next(&o)
	}
}

// Versions is the [Lookup] of a versioned store: the latest row of a key.
func Versions[K, V any](store *state.VersionedStore[K, V]) Lookup[K, V] {
	return func(k K) (v V, timestamp int64, ok bool, err error) {
		row, ok, err := store.Get(k)
		return row.Value, row.From, ok, err
	}
}

// VersionsAsOf is the [LookupAsOf] of a versioned store.
func VersionsAsOf[K, V any](store *state.VersionedStore[K, V]) LookupAsOf[K, V] {
	return func(k K, timestamp int64) (v V, from int64, ok bool, err error) {
		row, ok, err := store.GetAsOf(k, timestamp)
		return row.Value, row.From, ok, err
	}
}
