package operators

// Header is one header of a Kafka record.
type Header struct {
	Key   string
	Value []byte
}

// Record is one keyed, timestamped value on its way through a task.
type Record[K, V any] struct {
	Key       K
	Value     V
	Timestamp int64 // ms since the epoch
	Headers   []Header

	// A null key or value of Kafka. The field above then holds the null of its serde (serde.Nullable, serde.Pointer),
	// and with any other serde the zero value, which means nothing.
	NullKey, NullValue bool
}

// Forward hands a record to the next operator, synchronously. The record belongs to the caller again when it returns,
// so whoever keeps a record copies it, and nobody changes one that he was given. An error stops the task; it is not a
// way to discard records.
type Forward[K, V any] func(*Record[K, V]) error

// Change is an update of a table's row on its way to the operators below. New is the row after the update; a delete
// is a record whose NullValue is set. Old is the row before it: HasOld is false if there was none, and also where no
// operator below asked for old values when the topology was built.
type Change[V any] struct {
	New, Old V
	HasOld   bool
	// Superseded marks a change of a versioned table that is not its latest: a row with a later timestamp is there already
	// (Kafka Streams' Change.isLatest, KIP-914).
	Superseded bool
}

// Nulls says which nulls the serdes of a stream have a value for (serde.Nullable, serde.Pointer, serde.Bytes); a nil
// function means none.
//
// A null value without one never reaches user code (O2). A null key without one does, as the zero value of K: topics
// without keys are common, and a filter or a mapper must work on them; [Record].NullKey stays set.
type Nulls[K, V any] struct {
	Key   func(K) bool
	Value func(V) bool
}

// carries reports whether user code can be given this record.
func (n Nulls[K, V]) carries(r *Record[K, V]) bool { return !r.NullValue || n.Value != nil }

// admits is carries for operators that drop what they cannot show to user code.
func (n Nulls[K, V]) admits(c *Context, r *Record[K, V]) bool {
	if n.carries(r) {
		return true
	}
	c.Drop(NullValue)
	return false
}

// Admit drops and counts the records with a null value that the serde cannot carry, in front of what cannot show them to
// user code.
func Admit[K, V any](c *Context, nulls Nulls[K, V], next Forward[K, V]) Forward[K, V] {
	if nulls.Value != nil {
		return next
	}
	return func(r *Record[K, V]) error {
		if !nulls.admits(c, r) {
			return nil
		}
		return next(r)
	}
}

// mark sets the null flags of a record that user code made.
func (n Nulls[K, V]) mark(r *Record[K, V]) {
	if n.Key != nil {
		r.NullKey = n.Key(r.Key)
	}
	if n.Value != nil {
		r.NullValue = n.Value(r.Value)
	}
}

// Input is one record of a topic as it was read: encoded, with its place.
// A nil Key or Value is null; an empty one is not.
type Input struct {
	Key, Value []byte
	Timestamp  int64 // ms since the epoch
	Headers    []Header
	Offset     int64
	// Handed is the Output's.
	Handed any
}

// Output is one encoded record on its way to a topic. A nil Key or Value is null.
type Output struct {
	Topic      string
	Partition  int32
	Key, Value []byte
	Timestamp  int64 // ms since the epoch
	Headers    []Header
	// Handed is what key and value were encoded from if [Scope.Handover] says so, else nil. It goes along with the bytes, or is
	// left out.
	Handed any
}

// Collector takes what a task writes to topics. A task's goroutine is the only caller.
type Collector interface {
	// Buffer returns an empty slice to which the key and the value of the next Output are appended, so that nothing is
	// copied. It stays valid until Send.
	Buffer() []byte
	// Send takes a record over. Key and Value belong to the collector from then on, the Output does not.
	Send(o *Output) error
}

// Fan hands every record to all of next, in order. Each but the last gets a copy, so that one cannot see what another
// did to it.
func Fan[K, V any](next ...Forward[K, V]) Forward[K, V] {
	switch len(next) {
	case 0:
		return func(*Record[K, V]) error { return nil }
	case 1:
		return next[0]
	}
	var each Record[K, V]
	return func(r *Record[K, V]) error {
		for _, forward := range next {
			each = *r
			if err := forward(&each); err != nil {
				return err
			}
		}
		return nil
	}
}
