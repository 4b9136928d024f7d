package state

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/windows"
)

// Window is a store of one row per key and window start, as operators and user code see it; see [KeyValue] for what
// holds of values and loops.
//
// With T the largest window start ever put and R the retention, a row is seen while its start >= T-R+1. A put or delete
// of an older window is ignored, as the in-memory window store of Kafka Streams does.
type Window[K, V any] interface {
	// Get returns the value of a key in the window that starts there (ms).
	Get(k K, start int64) (V, bool, error)
	// Put sets it, with the timestamp of the record in work. A null of the value's serde deletes it.
	Put(k K, start int64, v V) error
	// Delete deletes it.
	Delete(k K, start int64) error
	// Fetch reads the rows of one key whose windows start from one time to another (ms), both included, in that order.
	Fetch(k K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// ReverseFetch is Fetch in the opposite order.
	ReverseFetch(k K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// FetchKeys is Scan of the keys from one to another, both included, in the unsigned order of their encodings.
	FetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// ReverseFetchKeys is FetchKeys in the opposite order.
	ReverseFetchKeys(fromKey, toKey K, from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// Scan reads the rows of all keys whose windows start from one time to another, both included: by start, then in the
	// unsigned order of the encoded keys.
	Scan(from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// ReverseScan is Scan in the opposite order.
	ReverseScan(from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error]
	// All is Scan over all windows.
	All() iter.Seq2[Row[windows.Keyed[K], V], error]
	// ReverseAll is All in the opposite order.
	ReverseAll() iter.Seq2[Row[windows.Keyed[K], V], error]
}

// WindowConfig says what windows a store keeps, and for how long.
type WindowConfig struct {
	SizeMs      int64 // of the windows in the keys that reads return
	RetentionMs int64 // R of [Window]; at least 1
}

// WindowStore is one partition of a window store. It implements [Store] and [Window]. Rows of one window lie together,
// in the cache and in the backend, so that reading or expiring a window touches only that.
type WindowStore[K, V any] struct {
	rowStore[V]
	keys    serde.Serde[K]
	windows WindowConfig
	scratch []byte
	// position is the row key of the row that a scan is at.
	position []byte

	// hold is the start from which rows are kept whatever T is, and committedHold what it goes back to on an abort.
	hold, committedHold int64

	// starts are those that may have rows, in order; known once Fetch needed them.
	starts      []int64
	startsKnown bool
}

// notHeld is a hold that keeps nothing.
const notHeld = math.MaxInt64

// NewWindow makes the store of a partition. Keys are the same if their encodings are.
func NewWindow[K, V any](c Config, w WindowConfig, k serde.Serde[K], v serde.Serde[V]) *WindowStore[K, V] {
	s := &WindowStore[K, V]{rowStore: rowStore[V]{newCore(c, windows.TimeBytes, v)}, keys: k, windows: w, hold: notHeld, committedHold: notHeld}
	s.core.cache.budget.join(&s.core.cache)
	return s
}

// HoldFrom keeps the rows of windows that start at or after a time, for they still wait for their close: they stay
// visible and can be put whatever the retention says. An operator that emits on close calls it when it starts and after
// each close. An abort goes back to what held at the last commit.
func (s *WindowStore[K, V]) HoldFrom(start int64) {
	if s.hold == notHeld {
		s.committedHold = start
	}
	s.hold = start
}

// bound is the first start that is visible. It never goes down but by an abort.
func (s *WindowStore[K, V]) bound() int64 {
	return max(s.core.layers.times.Kept, min(s.core.layers.times.Put-s.windows.RetentionMs+1, s.hold))
}

// rowKey leaves the row key of a window in scratch.
func (s *WindowStore[K, V]) rowKey(k K, start int64) error {
	key, err := s.keys.Append(windows.AppendTime(s.scratch[:0], start), k)
	if err != nil {
		return s.core.layers.keyError(err)
	}
	s.scratch = key
	return nil
}

// AppendKey appends the encoding of a key.
func (s *WindowStore[K, V]) AppendKey(dst []byte, k K) ([]byte, error) {
	return s.keys.Append(dst, k)
}

// cached returns the slot of the key in scratch, or nil.
func (s *WindowStore[K, V]) cached(start int64) *Slot[V] {
	if g := s.core.cache.group(start); g != nil {
		return s.core.cache.find(g, s.scratch[windows.TimeBytes:])
	}
	if s.startsKnown {
		s.noteStart(start)
	}
	return nil
}

// Lookup returns the slot of a key in the window that starts there (ms), loading the row if it is not cached. Without a
// row the slot is not Present; Set then makes one. It is false, without a slot, if the window is older than what is kept.
func (s *WindowStore[K, V]) Lookup(k K, start int64) (*Slot[V], bool, error) {
	if start < s.bound() {
		return nil, false, nil
	}
	if err := s.rowKey(k, start); err != nil {
		return nil, false, err
	}
	if slot := s.cached(start); slot != nil {
		return slot, true, nil
	}
	slot, err := s.core.load(start, s.scratch)
	return slot, err == nil, err
}

// blind is Lookup for a slot that is to be overwritten: it does not read the row.
func (s *WindowStore[K, V]) blind(k K, start int64) (*Slot[V], error) {
	if start < s.bound() {
		return nil, nil
	}
	if err := s.rowKey(k, start); err != nil {
		return nil, err
	}
	if slot := s.cached(start); slot != nil {
		return slot, nil
	}
	return s.core.insert(start, s.scratch, int(s.core.codec.averageBytes)), nil
}

// Set gives a slot, as the last Lookup returned it, a value and the event time (ms) of the update.
func (s *WindowStore[K, V]) Set(slot *Slot[V], v V, timestamp int64) {
	s.core.layers.times.Put = max(s.core.layers.times.Put, slot.group.start)
	s.core.set(slot, v, timestamp)
}

// Remove deletes the row of a slot, as the last Lookup returned it.
func (s *WindowStore[K, V]) Remove(slot *Slot[V]) {
	s.core.layers.times.Put = max(s.core.layers.times.Put, slot.group.start)
	s.core.remove(slot)
}

// OnCommit makes EmitDirty call emit for every changed row; a deleted one is not Present. It is set once, before the first
// change.
func (s *WindowStore[K, V]) OnCommit(emit func(k K, start int64, slot *Slot[V]) error) {
	s.core.listen(func(slot *Slot[V]) error {
		k, err := s.keys.Decode([]byte(slot.key[windows.TimeBytes:]))
		if err != nil {
			return s.core.layers.errorf("key of a row: %w", err)
		}
		return emit(k, slot.group.start, slot)
	})
}

// Previous is the value of a slot's row as of the last flush: what the listener of OnCommit told last.
func (s *WindowStore[K, V]) Previous(slot *Slot[V]) (v V, found bool, err error) {
	return s.core.previous(slot)
}

// Flush implements [Store].
func (s *WindowStore[K, V]) Flush(log func(key, value []byte) error) error {
	if kept := s.bound(); kept > s.core.layers.times.Kept {
		s.core.layers.times.Kept = kept
		s.core.expire(kept)
		i, _ := slices.BinarySearch(s.starts, kept)
		s.starts = slices.Delete(s.starts, 0, i)
	}
	groups := s.core.cache.dirty
	sortGroups(groups)
	if err := s.core.flush(groups, log); err != nil {
		return err
	}
	s.core.cache.dirty = groups[:0]
	s.core.cache.budget.room()
	return nil
}

// Commit implements [Store].
func (s *WindowStore[K, V]) Commit(offset int64) {
	s.core.layers.commit(offset)
	s.committedHold = s.hold
}

// Abort implements [Store].
func (s *WindowStore[K, V]) Abort() {
	s.core.abort()
	s.hold = s.committedHold
	s.starts, s.startsKnown = nil, false // an aborted flush may have dropped some
}

// Get implements [Window].
func (s *WindowStore[K, V]) Get(k K, start int64) (v V, found bool, err error) {
	slot, kept, err := s.Lookup(k, start)
	if err != nil || !kept {
		return v, false, err
	}
	return slot.Value, slot.Present, nil
}

// Put implements [Window].
func (s *WindowStore[K, V]) Put(k K, start int64, v V) error {
	slot, err := s.blind(k, start)
	if slot != nil {
		s.Set(slot, v, s.core.layers.timestamp())
	}
	return err
}

// Delete implements [Window].
func (s *WindowStore[K, V]) Delete(k K, start int64) error {
	slot, err := s.blind(k, start)
	if slot != nil {
		s.Remove(slot)
		slot.Timestamp = s.core.layers.timestamp()
	}
	return err
}

// Scan implements [Window].
func (s *WindowStore[K, V]) Scan(from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error] {
	return windowScan[K, V]{s, from, nil, to, false}.loop
}

// ReverseScan implements [Window].
func (s *WindowStore[K, V]) ReverseScan(from, to int64) iter.Seq2[Row[windows.Keyed[K], V], error] {
	return windowScan[K, V]{s, from, nil, to, true}.loop
}

// ScanAfter is the rest of a Scan, up to windows that start at to, behind the row at a position.
func (s *WindowStore[K, V]) ScanAfter(position string, to int64) iter.Seq2[Row[windows.Keyed[K], V], error] {
	from, _ := windows.Time([]byte(position))
	return windowScan[K, V]{s, from, append([]byte(position), 0), to, false}.loop
}

// Position is that of the row that a Scan or a ScanAfter is at; it stays good when the store has changed.
func (s *WindowStore[K, V]) Position() string { return string(s.position) }

// DecodeKey decodes a key, as it is behind the start of its window in a position.
func (s *WindowStore[K, V]) DecodeKey(encoded []byte) (K, error) {
	k, err := s.keys.Decode(encoded)
	if err != nil {
		return k, s.core.layers.errorf("key of a row: %w", err)
	}
	return k, nil
}

// windowScan is a loop over windows that start from one time to another; at lower, if it is not nil, and behind it.
type windowScan[K, V any] struct {
	store   *WindowStore[K, V]
	from    int64
	lower   []byte
	to      int64
	reverse bool
}

func (w windowScan[K, V]) loop(yield func(Row[windows.Keyed[K], V], error) bool) {
	s, from, lower := w.store, w.from, w.lower
	if bound := s.bound(); lower == nil || from < bound {
		from = max(from, bound)
		lower = windows.AppendTime(nil, from)
	}
	if from > w.to {
		return
	}
	var upper []byte
	if w.to < math.MaxInt64 {
		upper = windows.AppendTime(nil, w.to+1)
	}
	var groups []*group
	for _, g := range s.core.cache.dirty {
		if from <= g.start && g.start <= w.to {
			groups = append(groups, g)
		}
	}
	sortGroups(groups)
	s.part(lower, upper, w.reverse, groups, yield)
}

// part yields the rows with lower <= row key < upper, whose dirty ones are in groups. It is false if the loop has ended.
func (s *WindowStore[K, V]) part(lower, upper []byte, reverse bool, groups []*group, yield func(Row[windows.Keyed[K], V], error) bool) (more bool) {
	more = true
	var bad error
	err := s.core.scan(lower, upper, reverse, groups, func(key []byte, v V, timestamp int64) bool {
		k, err := s.keyed(key)
		if err != nil {
			bad = err
			return false
		}
		s.position = key
		more = yield(Row[windows.Keyed[K], V]{Key: k, Value: v, Timestamp: timestamp}, nil)
		return more
	})
	if bad != nil {
		err = bad
	}
	if err != nil && more {
		yield(Row[windows.Keyed[K], V]{}, err)
	}
	return more && err == nil
}

// All implements [Window].
func (s *WindowStore[K, V]) All() iter.Seq2[Row[windows.Keyed[K], V], error] {
	return s.Scan(math.MinInt64, math.MaxInt64)
}

// ReverseAll implements [Window].
func (s *WindowStore[K, V]) ReverseAll() iter.Seq2[Row[windows.Keyed[K], V], error] {
	return s.ReverseScan(math.MinInt64, math.MaxInt64)
}

// keyed decodes a row key.
func (s *WindowStore[K, V]) keyed(rowKey []byte) (windows.Keyed[K], error) {
	start, ok := windows.Time(rowKey)
	if !ok {
		return windows.Keyed[K]{}, s.core.layers.errorf("key of a row has %d bytes, want at least %d", len(rowKey), windows.TimeBytes)
	}
	k, err := s.keys.Decode(rowKey[windows.TimeBytes:])
	if err != nil {
		return windows.Keyed[K]{}, s.core.layers.errorf("key of a row: %w", err)
	}
	return windows.Key(k, s.window(start)), nil
}

func (s *WindowStore[K, V]) window(start int64) windows.Window {
	return windowFrom(start, s.windows.SizeMs)
}

// windowFrom is the window of a size (ms) that starts at a time.
func windowFrom(start, sizeMs int64) windows.Window {
	if start > math.MaxInt64-sizeMs {
		return windows.Window{Start: start, End: math.MaxInt64}
	}
	return windows.Window{Start: start, End: start + sizeMs}
}

func sortGroups(groups []*group) {
	slices.SortFunc(groups, func(a, b *group) int { return cmp.Compare(a.start, b.start) })
}
