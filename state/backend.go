package state

import (
	"context"
	"fmt"
	"time"

	"github.com/rivusio/rivusio/windows"
)

// Kind says how the rows of a store are keyed.
type Kind uint8

// The kinds of stores.
const (
	KindKeyValue    Kind = 1 // row key: the encoded key
	KindWindow      Kind = 2 // row key: the start of the window, then the encoded key
	KindSession     Kind = 3 // row keys of segments (see segmentKey): by the end of the session, then its start
	KindList        Kind = 4 // of segments: by time, then a number
	KindVersioned   Kind = 5 // of segments: by the end of validity, then its start
	KindDenseWindow Kind = 6 // of segments: by the start of the window
)

// timed reports whether row keys begin with a time, before which rows expire.
func (k Kind) timed() bool { return k >= KindWindow && k <= KindDenseWindow }

// minKeyBytes is the length of the shortest row key.
func (k Kind) minKeyBytes() int {
	switch {
	case k == KindWindow:
		return windows.TimeBytes
	case k.timed():
		return bucketBytes
	}
	return 0
}

// String names the kind as in messages.
func (k Kind) String() string {
	switch k {
	case KindKeyValue:
		return "key-value"
	case KindWindow:
		return "window"
	case KindSession:
		return "session"
	case KindList:
		return "list"
	case KindVersioned:
		return "versioned"
	case KindDenseWindow:
		return "dense window"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// StoreID names one partition of a store.
type StoreID struct {
	Name      string
	Partition int32
	Kind      Kind
}

// String is the store and partition as in errors: "store orders, partition 3".
func (s StoreID) String() string { return fmt.Sprintf("store %s, partition %d", s.Name, s.Partition) }

func (s StoreID) errorf(format string, args ...any) error {
	return &StoreError{s, fmt.Errorf(format, args...)}
}

// keyError is about a key that its serde refuses, which is the fault of a record and not of the store.
func (s StoreID) keyError(err error) error { return fmt.Errorf("state: %v: key: %w", s, err) }

// StoreError says that something is wrong with a store itself: it cannot be read or written, or has rows that do not decode.
type StoreError struct {
	Store StoreID
	Err   error
}

// Error names the store and the partition.
func (e *StoreError) Error() string { return fmt.Sprintf("state: %v: %v", e.Store, e.Err) }

// Unwrap returns the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// Checkpoint says what the rows of a partition are: the state after all changelog records before Offset.
type Checkpoint struct {
	Offset int64     // of the changelog, exclusive; -1: none, the partition is empty or has no changelog
	At     time.Time // wall clock when it was written; zero if it never was
	Times  Times
}

func noCheckpoint() Checkpoint { return Checkpoint{Offset: -1, Times: NoTimes()} }

// Backend holds the committed rows of all stores of a process. It may be used by any number of goroutines.
type Backend interface {
	// Acquire leases one partition of a store. It waits, at most as long as ctx, until the former holder has released it
	// and its last apply is done. It is an error if the store is there with another kind.
	Acquire(ctx context.Context, store StoreID) (Partition, error)

	// Apply writes generations atomically: their rows, what they expire, and a checkpoint of each partition at the wall
	// clock's time. Generations of one partition come oldest first. Afterwards they count as applied, and their stores
	// drop them. If the lease of any of them has ended, nothing is written and the error wraps [ErrLeaseEnded].
	Apply(ctx context.Context, generations []*Generation) error

	// Partitions lists what is stored, in no order: the partitions that have a checkpoint.
	Partitions() ([]StoreID, error)

	// Close waits for running applies and ends all use. Partitions must not be used afterwards.
	Close() error
}

// Partition is a leased partition of a store. Reads may run beside an [Backend.Apply]; otherwise one goroutine at a time
// uses it.
type Partition interface {
	Reader

	// ID is what Acquire was asked for.
	ID() StoreID

	// Reader returns another reader of the rows as they are at each of its reads, for another goroutine. It is good until
	// a Swap, and as long as the backend is open.
	Reader() Reader

	// Checkpoint is the last one written, by Apply or Restore.
	Checkpoint() Checkpoint

	// Restore writes a chunk of changelog records, in the order of the log, that ends before offset: in one batch, with
	// a checkpoint there. Rows that the times of the result say are expired are left out. The rows stay the caller's.
	// An empty chunk renews the checkpoint's time. Chunks come in ascending order of their offsets.
	Restore(rows []ChangelogRow, offset int64) error

	// Rebuild returns an empty twin of the partition, to be restored while the rows are still there. It replaces a twin
	// that was there. A crash before Swap forgets the twin.
	Rebuild(ctx context.Context) (Twin, error)

	// Bytes is about how much the rows take where they are kept.
	Bytes() (int64, error)

	// Drop deletes all rows and the checkpoint. The lease goes on.
	Drop() error

	// Release ends the lease; the rows stay. Whatever is to be applied must have been: afterwards it is refused. A second
	// call does nothing.
	Release()
}

// Reader reads the rows of a partition. One goroutine at a time uses it.
type Reader interface {
	// Get appends the value of a row to dst. Without such a row found is false.
	Get(dst, key []byte) (value []byte, found bool, err error)

	// Scan reads the rows with lower <= key < upper as they are now, in ascending order of their keys or, reverse, in
	// descending order. A nil bound is none.
	Scan(lower, upper []byte, reverse bool) Cursor
}

// Twin is a partition that is built beside another one of the same name, under the lease of that one.
type Twin interface {
	Partition

	// Swap puts the twin's rows and checkpoint in the place of the old ones, atomically, and deletes those. The partition
	// that was rebuilt goes on with the new rows; the twin must not be used any more. Release instead of Swap deletes the
	// twin.
	Swap() error
}

// Cursor is a position in the rows of a partition, before the first one at the beginning.
type Cursor interface {
	// Next moves to the next row. It is false at the end and after an error, which Close returns.
	Next() bool
	// Key and Value are those of the row, valid until the next call of Next or Close.
	Key() []byte
	Value() []byte
	// Close ends the use of the cursor and returns the error that ended it early, if any.
	Close() error
}
