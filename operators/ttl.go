package operators

import (
	"math"

	"github.com/rivusio/rivusio/state"
)

// Expiry deletes the rows of a table that were not updated for a time. The time is that of the largest timestamp that
// reached the operator: a row goes when it is TTLMs later than it was at the row's last update, or up to a sixteenth of that
// later still. Rows that are due go before the record that makes them due is processed, by time, then key bytes: with a
// delete in the changelog, and one that is forwarded, at the present time. If many are due at once, the others go in turns
// after the record (see [Work]).
//
// The times of last updates lie in an index by time, in granules of a sixteenth of TTLMs, so that an update seldom writes
// there and expiry reads nothing but what was updated that long ago.
type Expiry[K, V any] struct {
	Rows    *state.KeyValueStore[K, V]
	Index   *state.WindowStore[K, []byte] // rows without a value, by granule
	TTLMs   int64                         // at least 1
	Emit    Emit                          // of the table
	SendOld bool
}

const granulesPerTTL = 16

// Forward makes an operator of f, which updates the rows: a record with a key and a value updates that of its key.
func (e Expiry[K, V]) Forward[In any](c *Context, f Forward[K, In], next Forward[K, Change[V]]) Forward[K, In] {
	x := &expiry[K, V]{Expiry: e, next: next, granuleMs: max(1, e.TTLMs/granulesPerTTL), time: NewEventTime(e.Index.Times(), e.TTLMs)}
	x.work = c.Work(x.turn)
	if x.time.CloseTime() > x.time.Emitted() {
		x.work.Leave()
	}
	return func(r *Record[K, In]) error {
		if r.NullKey {
			return f(r)
		}
		if err := x.advance(r.Key, r.Timestamp); err != nil {
			return err
		}
		if err := f(r); err != nil || r.NullValue {
			return err
		}
		return x.note(r.Key)
	}
}

type expiry[K, V any] struct {
	Expiry[K, V]
	next      Forward[K, Change[V]]
	time      EventTime
	work      *Work
	granuleMs int64
	granules  []int64 // that have rows, in order
	loaded    bool
	o         Record[K, Change[V]]
}

// advance moves time on and deletes what is due then, of one key in any case.
func (x *expiry[K, V]) advance(k K, timestamp int64) error {
	x.time.Observe(timestamp)
	if !x.work.Left() {
		if err := x.turn(); err != nil {
			return err
		}
	}
	if !x.work.Left() {
		return nil
	}
	for i := 0; i < len(x.granules) && x.due(x.granules[i]); i++ {
		slot, _, err := x.Index.Lookup(k, x.granules[i])
		if err != nil {
			return err
		}
		if slot.Present {
			return x.expireKey(k, x.granules[i+1:])
		}
	}
	return nil
}

// due reports whether all updates of a granule are TTLMs ago.
func (x *expiry[K, V]) due(granule int64) bool {
	return granule+x.granuleMs-1 <= x.time.CloseTime()
}

// turn deletes rows that are due, up to turnRows.
func (x *expiry[K, V]) turn() error {
	if !x.loaded {
		if err := x.load(); err != nil {
			return err
		}
	}
	for room := turnRows; len(x.granules) > 0 && x.due(x.granules[0]); x.granules = x.granules[1:] {
		n, err := x.expire(x.granules[0], x.granules[1:], room)
		if err != nil {
			return err
		}
		if room -= n; room < 0 {
			x.work.Leave()
			return nil
		}
	}
	x.time.SetEmitted(max(x.time.Emitted(), x.time.CloseTime()))
	return nil
}

// note writes down that the row of a key was updated now.
func (x *expiry[K, V]) note(k K) error {
	now := x.Index.Times().Operator
	granule := now / x.granuleMs * x.granuleMs
	slot, _, err := x.Index.Lookup(k, granule)
	if err != nil || slot.Present {
		return err
	}
	x.Index.Set(slot, []byte{}, now)
	if n := len(x.granules); n == 0 || x.granules[n-1] < granule {
		x.granules = append(x.granules, granule)
	}
	return nil
}

// expire deletes the rows that were updated in a granule and not later. It returns how many it looked at; that is one more
// than there is room for if it left some.
func (x *expiry[K, V]) expire(granule int64, later []int64, room int) (n int, err error) {
	for row, err := range x.Index.Scan(granule, granule) {
		if err != nil {
			return n, err
		}
		if n++; n > room {
			return n, nil
		}
		k := row.Key.Key
		if err := x.expireKey(k, later); err != nil {
			return n, err
		}
		if err := x.Index.Delete(k, granule); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (x *expiry[K, V]) expireKey(k K, later []int64) error {
	updated, err := x.updatedIn(k, later)
	if err != nil || updated {
		return err
	}
	return x.remove(k)
}

func (x *expiry[K, V]) updatedIn(k K, granules []int64) (bool, error) {
	for i := len(granules) - 1; i >= 0; i-- {
		if slot, _, err := x.Index.Lookup(k, granules[i]); err != nil || slot.Present {
			return err == nil, err
		}
	}
	return false, nil
}

func (x *expiry[K, V]) remove(k K) error {
	slot, err := x.Rows.Lookup(k)
	if err != nil || !slot.Present {
		return err
	}
	now := x.Index.Times().Operator
	x.o = Record[K, Change[V]]{Key: k, Timestamp: now, NullValue: true}
	if x.SendOld {
		x.o.Value.Old, x.o.Value.HasOld = slot.Value, true
	}
	x.Rows.Remove(slot)
	slot.Timestamp = now
	if x.Emit == EmitOnCommit {
		return nil
	}
	return x.next(&x.o)
}

// load finds the granules that have rows, a seek for each.
func (x *expiry[K, V]) load() error {
	for from := int64(0); ; {
		found := false
		for row, err := range x.Index.Scan(from, math.MaxInt64) {
			if err != nil {
				return err
			}
			found = true
			x.granules = append(x.granules, row.Key.Start)
			from = row.Key.Start + 1
			break
		}
		if !found {
			x.loaded = true
			return nil
		}
	}
}
