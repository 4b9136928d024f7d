package operators

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// Unmatched is the values of one key, time and side of a left or outer join that have no match yet, in the order of their
// arrival. It is a row of the join's store of waiting records, whose keys are the time as windows.AppendTime writes it, a
// byte for the side (0 right, 1 left), and the encoded key; so the rows lie in the order in which they leave.
//
// Join time is the largest timestamp of any record that came to the join, on either side. An unmatched record whose interval
// ends before join time gives its result at once. Any other waits here. It leaves without a result when it finds a match,
// and so do all waiting values of the same key, time and side. It leaves with one when join time is later than its own time +
// after (right: + before) + grace; looked for only by a record with a key and a value whose timestamp is join time.
//
// As in Kafka Streams (4.3, KStreamKStreamJoin) there is a lower bound of the waiting times, from which a record tells
// whether to look at all: not if bound + after (right: before) of the record's own side + grace >= join time. Looking sets it
// to the time of the last row looked at: the one after the first row still to wait of each side, or the very last; a new
// row lowers it. So rows leave in bursts, and may leave later than their own time allows. A burst of many rows leaves in
// turns (see [Work]): the first before the results of the record that lets them go, the others after those.
type Unmatched[V, V2 any] struct {
	Left  []V
	Right []V2
}

// UnmatchedSerde writes how many left values a row of waiting records has, then the left values, then the right ones. The
// number, and the size in front of each value, are four bytes, big-endian.
func UnmatchedSerde[V, V2 any](left serde.Serde[V], right serde.Serde[V2]) serde.Serde[Unmatched[V, V2]] {
	return unmatchedSerde[V, V2]{left, right}
}

type unmatchedSerde[V, V2 any] struct {
	left  serde.Serde[V]
	right serde.Serde[V2]
}

func (s unmatchedSerde[V, V2]) Append(dst []byte, u Unmatched[V, V2]) (_ []byte, err error) {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(u.Left)))
	for _, v := range u.Left {
		if dst, err = appendSized(dst, s.left, v); err != nil {
			return dst, err
		}
	}
	for _, v := range u.Right {
		if dst, err = appendSized(dst, s.right, v); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (s unmatchedSerde[V, V2]) Decode(b []byte) (u Unmatched[V, V2], err error) {
	in := sized{rest: b}
	for n := in.number(); n > 0 && err == nil; n-- {
		u.Left, err = appendDecoded(u.Left, s.left, &in)
	}
	for err == nil && in.more() {
		u.Right, err = appendDecoded(u.Right, s.right, &in)
	}
	if err == nil {
		err = in.err
	}
	return u, err
}

func appendDecoded[V any](values []V, s serde.Serde[V], in *sized) ([]V, error) {
	b := in.bytes()
	if in.err != nil {
		return values, in.err
	}
	v, err := s.Decode(b)
	return append(values, v), err
}

// joinSideID is a side of a join, as it is written into keys: at equal times the right side leaves first.
type joinSideID byte

const (
	rightSide joinSideID = 0
	leftSide  joinSideID = 1
)

func (s joinSideID) opposite() joinSideID { return 1 - s }

// unmatchedRows is what both sides of a join need of its waiting records.
type unmatchedRows[K any] interface {
	// observe moves join time forward to a record's timestamp (ms), if that is later.
	observe(timestamp int64)
	// time is join time.
	time() int64
	// emit lets go what a record lets go: one with this timestamp, from a side whose interval ends after ms later.
	emit(timestamp, after int64, headers []Header) error
	// remove forgets the values of a key, time and side, which have a match.
	remove(side joinSideID, timestamp int64, k K) error
}

type unmatched[K, V, V2, R any] struct {
	store   *state.KeyValueStore[[]byte, Unmatched[V, V2]]
	keys    serde.Serde[K]
	out     *joined[K, R]
	join    func(K, serde.Optional[V], serde.Optional[V2]) R
	times   *state.Times // Operator is join time, Closed the lower bound (NoTime is none), Closing what is left of a turn
	work    *Work
	waitMs  [2]int64 // after or before + grace, by side
	graceMs int64
	both    bool   // rows of either side wait
	first   int64  // no row is older. A hint: 0 until it is known
	key     []byte // scratch
}

func newUnmatched[K, V, V2, R any](c *Context, s StreamJoin[K, V, V2, R], out *joined[K, R]) *unmatched[K, V, V2, R] {
	u := &unmatched[K, V, V2, R]{
		store: s.Waiting, keys: s.Keys, out: out, join: s.Join, times: s.Waiting.Times(),
		graceMs: s.Window.GraceMs(), both: s.KeepLeft && s.KeepRight,
	}
	u.waitMs[leftSide] = s.Window.AfterMs() + u.graceMs
	u.waitMs[rightSide] = s.Window.BeforeMs() + u.graceMs
	if u.work = c.Work(u.resume); u.times.Closing != "" {
		u.work.Leave()
	}
	return u
}

func (u *unmatched[K, V, V2, R]) observe(timestamp int64) {
	u.times.Operator = max(u.times.Operator, timestamp)
}

func (u *unmatched[K, V, V2, R]) time() int64 { return u.times.Operator }

// lookUp finds the row of a key, time and side.
func (u *unmatched[K, V, V2, R]) lookUp(side joinSideID, timestamp int64, k K) (*state.Slot[Unmatched[V, V2]], error) {
	key, err := u.keys.Append(append(windows.AppendTime(u.key[:0], timestamp), byte(side)), k)
	if err != nil {
		return nil, fmt.Errorf("encode key of a waiting record: %w", err)
	}
	u.key = key
	return u.store.Lookup(key)
}

// add makes a record wait: v has its value.
func (u *unmatched[K, V, V2, R]) add(side joinSideID, timestamp int64, k K, v Unmatched[V, V2]) error {
	slot, err := u.lookUp(side, timestamp, k)
	if err != nil {
		return err
	}
	if slot.Present {
		v.Left, v.Right = append(slot.Value.Left, v.Left...), append(slot.Value.Right, v.Right...)
	}
	u.store.Set(slot, v, timestamp)
	u.first = min(u.first, timestamp)
	if u.times.Closed == NoTime || timestamp < u.times.Closed {
		u.times.Closed = timestamp
	}
	return nil
}

func (u *unmatched[K, V, V2, R]) remove(side joinSideID, timestamp int64, k K) error {
	if timestamp < u.first {
		return nil
	}
	slot, err := u.lookUp(side, timestamp, k)
	if err == nil && slot.Present {
		u.store.Remove(slot)
		slot.Timestamp = timestamp
	}
	return err
}

// afterAll is larger than every key: the first byte of a time from the epoch on is at most 0xc0.
var afterAll = []byte{0xff}

func (u *unmatched[K, V, V2, R]) emit(timestamp, after int64, headers []Header) error {
	now := u.times.Operator
	if timestamp != now || u.times.Closed == NoTime || u.times.Closed+after+u.graceMs >= now {
		return nil
	}
	return u.turn(headers)
}

// turn forwards the results of rows that are due, up to turnRows rows. If there are more, the headers of the record that
// lets them go are kept, which is done before the next turn.
func (u *unmatched[K, V, V2, R]) turn(headers []Header) error {
	now := u.times.Operator
	bound, first, n := NoTime, int64(math.MaxInt64), 0
	var open [2]bool // a row of that side has yet to wait
rows:
	for row, err := range u.store.Range(windows.AppendTime(nil, u.first), afterAll) {
		if err != nil {
			return err
		}
		side, err := u.sideOf(row.Key)
		if err != nil {
			return err
		}
		switch {
		case open[leftSide] && open[rightSide]:
			bound = row.Timestamp
			break rows
		case row.Timestamp+u.waitMs[side] >= now:
			bound, first = row.Timestamp, min(first, row.Timestamp)
			if open[side] = true; !u.both {
				break rows
			}
		case n == turnRows:
			u.first = min(first, row.Timestamp)
			u.times.Closing = appendCauses([]cause{{now, headers}})
			u.work.Leave()
			return nil
		default:
			if err := u.let(row, headers); err != nil {
				return err
			}
			bound = row.Timestamp
			n++
		}
	}
	u.first, u.times.Closed, u.times.Closing = first, bound, ""
	if !u.both && bound != NoTime && first != math.MaxInt64 {
		return u.boundByLast() // every row behind the first one that waits would have been looked at
	}
	return nil
}

// resume does a turn that was left, as its cause was written down.
func (u *unmatched[K, V, V2, R]) resume() error {
	causes, _, err := decodeCauses(u.times.Closing)
	if err != nil {
		return fmt.Errorf("store %q: %w", u.store.Name(), err)
	}
	return u.turn(causes[0].headers)
}

// boundByLast sets the lower bound to the time of the last row.
func (u *unmatched[K, V, V2, R]) boundByLast() error {
	for row, err := range u.store.ReverseAll() {
		if err != nil {
			return err
		}
		u.times.Closed = row.Timestamp
		break
	}
	return nil
}

// sideOf is the side that the key of a row names.
func (u *unmatched[K, V, V2, R]) sideOf(key []byte) (joinSideID, error) {
	if len(key) <= windows.TimeBytes || key[windows.TimeBytes] > byte(leftSide) {
		return 0, fmt.Errorf("store %q has a row with the key %x, which is not that of a waiting record", u.store.Name(), key)
	}
	return joinSideID(key[windows.TimeBytes]), nil
}

// let forwards the results of a row and deletes it.
func (u *unmatched[K, V, V2, R]) let(row state.Row[[]byte, Unmatched[V, V2]], headers []Header) error {
	k, err := u.keys.Decode(row.Key[windows.TimeBytes+1:])
	if err != nil {
		return fmt.Errorf("decode key of a waiting record: %w", err)
	}
	for _, v := range row.Value.Left {
		if err := u.out.forward(k, false, u.join(k, serde.Some(v), serde.None[V2]()), row.Timestamp, headers); err != nil {
			return err
		}
	}
	for _, v := range row.Value.Right {
		if err := u.out.forward(k, false, u.join(k, serde.None[V](), serde.Some(v)), row.Timestamp, headers); err != nil {
			return err
		}
	}
	return u.store.Delete(row.Key)
}
