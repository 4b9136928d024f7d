package operators

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/rivusio/rivusio/serde"
)

const (
	retryTick = 10 * time.Millisecond // how exactly a backoff is kept
	retryTurn = 1000                  // records at most that are tried in one tick, so that commits come between
)

// retrying is an operator that is tried again: a record that it fails for is parked, and with it those of its key that come
// after, so their order stays; everything else goes on. What is parked at a commit lies in the rows of a store (hard point
// 14), with how often it was tried, so a restart or another process goes on with it. Records without a key have no order.
type retrying[K, V any] struct {
	c      *Context
	f      Forward[K, V]
	again  Forward[K, V] // f for a record that was parked
	policy *Policy
	rows   *ParkedRows // keys are the records' numbers, eight bytes, big-endian
	keys   serde.Serde[K]
	values serde.Serde[V]
	nulls  Nulls[K, V]

	number   uint64 // of the last record that was parked
	waiting  int    // records that are parked
	byKey    map[string]*waiting
	due      dueHeap[*waiting]
	scratch  []byte
	schedule *Schedule // while something is parked
	failure  error     // of the start; the first record gets it
}

// waiting is a record that is parked.
type waiting struct {
	number uint64
	parked Parked
	stored bool     // its row says what parked does
	row    bool     // it has a row
	next   *waiting // the next one of the key
	last   *waiting // of the key; kept by the first
}

// retried makes the operator that tries f again. It begins with what its store holds.
func retried[K, V any](c *Context, f Forward[K, V]) Forward[K, V] {
	r := &retrying[K, V]{c: c, f: f, again: resumed(c, f), policy: c.policy, byKey: make(map[string]*waiting)}
	r.due.before = func(a, b *waiting) bool {
		return a.parked.DueMs < b.parked.DueMs || a.parked.DueMs == b.parked.DueMs && a.number < b.number
	}
	r.failure = r.open()
	c.OnCommit(r.park)
	c.RunBeside(r)
	return r.process
}

func (r *retrying[K, V]) open() error {
	rows, ok := r.c.Store(r.c.parked).(*ParkedRows)
	var okK, okV bool
	r.keys, okK = r.c.keys.(serde.Serde[K])
	r.values, okV = r.c.values.(serde.Serde[V])
	if !ok || !okK || !okV {
		return errors.New("it has no store or no serdes for records that wait for another attempt")
	}
	r.rows = rows
	r.nulls = Nulls[K, V]{Key: serde.IsNull(r.keys), Value: serde.IsNull(r.values)}
	for row, err := range rows.All() {
		if err != nil {
			return err
		}
		if len(row.Key) != numberBytes {
			return fmt.Errorf("store %q has a row with the key %x, which is not the number of a record", rows.Name(), row.Key)
		}
		r.number = binary.BigEndian.Uint64(row.Key)
		r.add(&waiting{number: r.number, parked: row.Value, stored: true, row: true})
	}
	return nil
}

func (r *retrying[K, V]) process(rec *Record[K, V]) error {
	if r.failure != nil {
		return r.c.failed(r.failure)
	}
	if len(r.byKey) > 0 && !rec.NullKey {
		key, err := r.keys.Append(r.scratch[:0], rec.Key)
		if err != nil {
			return r.done(rec, r.c.own(&EncodeError{Part: "key", Err: err}), 1)
		}
		if r.scratch = key; r.byKey[string(key)] != nil {
			return r.wait(rec, 0, nil)
		}
	}
	err := r.f(rec)
	if err == nil {
		return nil
	}
	e := r.c.own(err)
	if e == nil {
		return err
	}
	if r.policy.Retry.worth(e.Err, 1) {
		return r.wait(rec, 1, e)
	}
	return r.done(rec, e, 1)
}

// done is the end of a record that is not tried again.
func (r *retrying[K, V]) done(rec *Record[K, V], e *Error, attempts int) error {
	return conclude(r.c, rec, e, attempts)
}

// wait parks a record. e is what the operator failed with, or nil if it was not tried yet.
func (r *retrying[K, V]) wait(rec *Record[K, V], attempts int, e *Error) error {
	p, err := park(r.c, r.keys, r.values, rec)
	if err != nil {
		return r.done(rec, r.c.own(err), max(1, attempts))
	}
	r.number++
	w := &waiting{number: r.number, parked: p}
	if e != nil {
		r.postpone(w, attempts, e)
	}
	r.add(w)
	return nil
}

// postpone says when a record is tried again.
func (r *retrying[K, V]) postpone(w *waiting, attempts int, e *Error) {
	w.parked.Attempts, w.stored = attempts, false
	w.parked.DueMs = r.c.WallClock() + max(1, r.policy.Retry.Backoff(attempts+1).Milliseconds())
	r.c.scope.Runtime.Failed(e, Outcome{Attempts: attempts, Again: true})
}

// add puts a record behind those of its key, or among those that are due some time.
func (r *retrying[K, V]) add(w *waiting) {
	r.waiting++
	if r.schedule == nil {
		r.schedule = r.c.Schedule(retryTick, WallClock, r.tick)
	}
	if w.parked.Key != nil {
		if first := r.byKey[string(w.parked.Key)]; first != nil {
			first.last.next = w
			first.last = w
			return
		}
		w.last = w
		r.byKey[string(w.parked.Key)] = w
	}
	r.due.push(w)
}

// tick tries what is due.
func (r *retrying[K, V]) tick(now int64) error {
	for n := 0; n < retryTurn && len(r.due.items) > 0 && r.due.items[0].parked.DueMs <= now; n++ {
		if err := r.try(r.due.pop()); err != nil {
			return err
		}
	}
	if r.waiting == 0 {
		r.schedule.Cancel()
		r.schedule = nil
	}
	return nil
}

// try tries a record again. Then it is gone, with the next of its key in its place, or waits for longer.
func (r *retrying[K, V]) try(w *waiting) error {
	var rec Record[K, V]
	r.c.resume(&w.parked)
	attempts := w.parked.Attempts + 1
	err := unpark(&w.parked, r.keys, r.values, r.nulls, &rec)
	decoded := &rec
	if err != nil {
		decoded = nil
	} else {
		err = r.again(&rec)
	}
	if err != nil {
		e := r.c.own(err)
		if e == nil {
			return r.c.Fail(err)
		}
		if r.policy.Retry.worth(e.Err, attempts) {
			r.postpone(w, attempts, e)
			r.due.push(w)
			return nil
		}
		if err := r.done(decoded, e, attempts); err != nil {
			return err
		}
	}
	return r.remove(w)
}

func (r *retrying[K, V]) remove(w *waiting) error {
	r.waiting--
	if w.row {
		if err := r.rows.Delete(rowNumber(w.number)); err != nil {
			return r.c.Fail(err)
		}
	}
	if w.parked.Key == nil {
		return nil
	}
	if w.next == nil {
		delete(r.byKey, string(w.parked.Key))
		return nil
	}
	w.next.last = w.last
	r.byKey[string(w.parked.Key)] = w.next
	r.due.push(w.next)
	return nil
}

// park makes rows of what waits at a commit.
func (r *retrying[K, V]) park() error {
	if r.waiting == 0 {
		return nil
	}
	for _, w := range r.due.items {
		for ; w != nil; w = w.next {
			if w.stored {
				continue
			}
			slot, err := r.rows.Lookup(rowNumber(w.number))
			if err != nil {
				return err
			}
			r.rows.Set(slot, w.parked, w.parked.Timestamp)
			w.stored, w.row = true, true
		}
	}
	return nil
}

// Full reports whether so many records wait that the task takes no more. The rest is that of [Beside] for an operator that
// does all its work on the task's goroutine.
func (r *retrying[K, V]) Full() bool {
	limit := r.policy.Retry.MaxParked
	if limit == 0 {
		limit = DefaultMaxParked
	}
	return r.waiting >= limit
}

func (r *retrying[K, V]) Returned() bool { return false }
func (r *retrying[K, V]) Take() error    { return nil }
func (r *retrying[K, V]) Busy() bool     { return false }
func (r *retrying[K, V]) Await()         {}
