package state

import (
	"iter"

	"github.com/rivusio/rivusio/serde"
)

// KeyValue is a store of one row per key, as operators and user code see it: the partition of the task that asks, on that
// task's goroutine.
//
// A value that a read gives is the store's: change it in place only to Put it afterwards. Loops over rows may stop early,
// and may change the store: whether they see rows that change meanwhile is not said. After an error a loop ends.
type KeyValue[K, V any] interface {
	KeyValueReader[K, V]
	// Put sets the value of a key, with the timestamp of the record in work. A null of the value's serde deletes it.
	Put(k K, v V) error
	// Delete deletes the row of a key, if there is one.
	Delete(k K) error
	// PutRow is Put with a timestamp of the caller's.
	PutRow(r Row[K, V]) error
	// PutIfAbsent is Put if the key has no value. If it has one, that is what it returns, and found is true.
	PutIfAbsent(k K, v V) (present V, found bool, err error)
	// PutAll is Put for each pair, in their order. After an error those before it are put.
	PutAll(pairs iter.Seq2[K, V]) error
}

// KeyValueReader is the reading half of a [KeyValue], and all that there is of a global store: nobody changes the values
// that it gives.
type KeyValueReader[K, V any] interface {
	// Get returns the value of a key; the bool is false if there is none.
	Get(k K) (V, bool, error)
	// GetRow is Get with the row's timestamp.
	GetRow(k K) (Row[K, V], bool, error)
	// Range reads the rows of the keys from one to another, both included, in the unsigned order of their encodings.
	Range(from, to K) iter.Seq2[Row[K, V], error]
	// ReverseRange is Range in descending order.
	ReverseRange(from, to K) iter.Seq2[Row[K, V], error]
	// RangeFrom reads the rows from a key on, which is included: for paging, among others.
	RangeFrom(from K) iter.Seq2[Row[K, V], error]
	// ReverseRangeFrom is RangeFrom in descending order: from the last row down to the key.
	ReverseRangeFrom(from K) iter.Seq2[Row[K, V], error]
	// RangeTo reads the rows up to a key, which is included.
	RangeTo(to K) iter.Seq2[Row[K, V], error]
	// ReverseRangeTo is RangeTo in descending order.
	ReverseRangeTo(to K) iter.Seq2[Row[K, V], error]
	// Prefix reads the rows whose encoded keys begin with p.
	Prefix(p []byte) iter.Seq2[Row[K, V], error]
	// ReversePrefix is Prefix in descending order.
	ReversePrefix(p []byte) iter.Seq2[Row[K, V], error]
	// All reads all rows.
	All() iter.Seq2[Row[K, V], error]
	// ReverseAll is All in descending order.
	ReverseAll() iter.Seq2[Row[K, V], error]
	// Count is the number of rows. It reads all keys, so that it is exact: an estimate would depend on how the rows lie on
	// the disk (Kafka Streams' approximateNumEntries).
	Count() (int64, error)
}

// KeyValueStore is one partition of a key-value store. It implements [Store] and [KeyValue].
type KeyValueStore[K, V any] struct {
	rowStore[V]
	ranges[K, V]
	group   *group
	scratch []byte
}

// NewKeyValue makes the store of a partition. Keys are the same if their encodings are.
func NewKeyValue[K, V any](c Config, k serde.Serde[K], v serde.Serde[V]) *KeyValueStore[K, V] {
	s := &KeyValueStore[K, V]{rowStore: rowStore[V]{newCore(c, 0, v)}}
	s.ranges = ranges[K, V]{id: c.Partition.ID(), keys: k, between: s.rows}
	s.core.cache.budget.join(&s.core.cache)
	s.group = s.core.cache.addGroup(0)
	return s
}

func (s *KeyValueStore[K, V]) encode(k K) error {
	key, err := s.keys.Append(s.scratch[:0], k)
	if err != nil {
		return s.core.layers.keyError(err)
	}
	s.scratch = key
	return nil
}

// Lookup returns the slot of a key, loading the row if it is not cached. Without a row the slot is not Present; Set then
// makes one. It is the fast way of aggregates: one look-up for a read and a write.
func (s *KeyValueStore[K, V]) Lookup(k K) (*Slot[V], error) {
	if err := s.encode(k); err != nil {
		return nil, err
	}
	if slot := s.core.cache.find(s.group, s.scratch); slot != nil {
		return slot, nil
	}
	return s.core.load(0, s.scratch)
}

// blind is Lookup for a slot that is to be overwritten: it does not read the row.
func (s *KeyValueStore[K, V]) blind(k K) (*Slot[V], error) {
	if err := s.encode(k); err != nil {
		return nil, err
	}
	if slot := s.core.cache.find(s.group, s.scratch); slot != nil {
		return slot, nil
	}
	return s.core.insert(0, s.scratch, int(s.core.codec.averageBytes)), nil
}

// Set gives a slot, as the last Lookup returned it, a value and the event time (ms) of the update.
func (s *KeyValueStore[K, V]) Set(slot *Slot[V], v V, timestamp int64) {
	s.core.set(slot, v, timestamp)
}

// Remove deletes the row of a slot, as the last Lookup returned it.
func (s *KeyValueStore[K, V]) Remove(slot *Slot[V]) { s.core.remove(slot) }

// OnCommit makes EmitDirty call emit for every changed row; a deleted one is not Present. It is set once, before the first
// change.
func (s *KeyValueStore[K, V]) OnCommit(emit func(k K, slot *Slot[V]) error) {
	s.core.listen(func(slot *Slot[V]) error {
		k, err := s.keys.Decode([]byte(slot.key))
		if err != nil {
			return s.core.layers.errorf("key of a row: %w", err)
		}
		return emit(k, slot)
	})
}

// Previous is the value of a slot's row as of the last flush: what the listener of OnCommit told last.
func (s *KeyValueStore[K, V]) Previous(slot *Slot[V]) (v V, found bool, err error) {
	return s.core.previous(slot)
}

// Flush implements [Store].
func (s *KeyValueStore[K, V]) Flush(log func(key, value []byte) error) error {
	groups := s.core.cache.dirty
	if err := s.core.flush(groups, log); err != nil {
		return err
	}
	s.core.cache.dirty = groups[:0]
	s.core.cache.budget.room()
	return nil
}

// Commit implements [Store].
func (s *KeyValueStore[K, V]) Commit(offset int64) { s.core.layers.commit(offset) }

// Abort implements [Store].
func (s *KeyValueStore[K, V]) Abort() {
	s.core.abort()
	s.group = s.core.cache.addGroup(0)
}

// Get implements [KeyValue].
func (s *KeyValueStore[K, V]) Get(k K) (v V, found bool, err error) {
	slot, err := s.Lookup(k)
	if err != nil {
		return v, false, err
	}
	return slot.Value, slot.Present, nil
}

// GetRow implements [KeyValue].
func (s *KeyValueStore[K, V]) GetRow(k K) (r Row[K, V], found bool, err error) {
	slot, err := s.Lookup(k)
	if err != nil || !slot.Present {
		return r, false, err
	}
	return Row[K, V]{Key: k, Value: slot.Value, Timestamp: slot.Timestamp}, true, nil
}

// Put implements [KeyValue].
func (s *KeyValueStore[K, V]) Put(k K, v V) error {
	return s.PutRow(Row[K, V]{Key: k, Value: v, Timestamp: s.core.layers.timestamp()})
}

// PutRow implements [KeyValue].
func (s *KeyValueStore[K, V]) PutRow(r Row[K, V]) error {
	slot, err := s.blind(r.Key)
	if err != nil {
		return err
	}
	s.core.set(slot, r.Value, r.Timestamp)
	return nil
}

// Delete implements [KeyValue].
func (s *KeyValueStore[K, V]) Delete(k K) error {
	slot, err := s.blind(k)
	if err != nil {
		return err
	}
	s.core.remove(slot)
	slot.Timestamp = s.core.layers.timestamp()
	return nil
}

// PutIfAbsent implements [KeyValue].
func (s *KeyValueStore[K, V]) PutIfAbsent(k K, v V) (present V, found bool, err error) {
	slot, err := s.Lookup(k)
	if err != nil {
		return present, false, err
	}
	if slot.Present {
		return slot.Value, true, nil
	}
	s.core.set(slot, v, s.core.layers.timestamp())
	return present, false, nil
}

// PutAll implements [KeyValue].
func (s *KeyValueStore[K, V]) PutAll(pairs iter.Seq2[K, V]) error {
	for k, v := range pairs {
		if err := s.Put(k, v); err != nil {
			return err
		}
	}
	return nil
}

// Count implements [KeyValueReader].
func (s *KeyValueStore[K, V]) Count() (n int64, err error) {
	err = s.core.each(nil, nil, false, s.core.cache.dirty, func(r run, live *slotRun[V]) (bool, error) {
		if r == run(live) && live.slot().Present || r != run(live) && r.value() != nil {
			n++
		}
		return true, nil
	})
	return n, err
}

func (s *KeyValueStore[K, V]) rows(lower, upper []byte, reverse bool, yield func(Row[K, V], error) bool) {
	stopped := false
	var bad error
	err := s.core.scan(lower, upper, reverse, s.core.cache.dirty, func(key []byte, v V, timestamp int64) bool {
		k, err := s.keys.Decode(key)
		if err != nil {
			bad = s.core.layers.errorf("key of a row: %w", err)
			return false
		}
		stopped = !yield(Row[K, V]{Key: k, Value: v, Timestamp: timestamp}, nil)
		return !stopped
	})
	if bad != nil {
		err = bad
	}
	if err != nil && !stopped {
		yield(Row[K, V]{}, err)
	}
}
