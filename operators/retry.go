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

// retries is the records that wait until an operator is tried again: a record that it fails for is parked, and with it those of
// its key that come after, so their order stays; everything else goes on. What is parked at a commit lies in the rows of a store
// (hard point 14), with how often it was tried, so a restart or another process goes on with it. Records without a key have no
// order.
type retries struct {
	c       *Context
	policy  *Policy
	attempt attempt
	rows    *ParkedRows // keys are the records' numbers, eight bytes, big-endian

	number   uint64 // of the last record that was parked
	waiting  int    // records that are parked
	byKey    map[string]*waiting
	due      dueHeap[*waiting]
	schedule *Schedule // while something is parked
}

// attempt is what retries do with a record that needs its types.
type attempt interface {
	// again tries it. What it returns beside the error is nil if it could not be decoded.
	again(p *Parked) (failing, error)
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

// before reports whether a record is due before another.
func (w *waiting) before(other *waiting) bool {
	return w.parked.DueMs < other.parked.DueMs || w.parked.DueMs == other.parked.DueMs && w.number < other.number
}

// retrying is an operator that is tried again.
type retrying[K, V any] struct {
	c       *Context
	f       Forward[K, V]
	resume  Forward[K, V] // f for a record that was parked
	keys    serde.Serde[K]
	values  serde.Serde[V]
	nulls   Nulls[K, V]
	retries *retries
	scratch []byte
	failure error // of the start; the first record gets it
}

// retried makes the operator that tries f again. It begins with what its store holds.
func retried[K, V any](c *Context, f Forward[K, V]) Forward[K, V] {
	r := &retrying[K, V]{c: c, f: f, resume: resumed(c, f)}
	r.retries = newRetries(c, r)
	var okK, okV bool
	r.keys, okK = c.keys.(serde.Serde[K])
	r.values, okV = c.values.(serde.Serde[V])
	if r.failure = r.retries.open(okK && okV); r.failure == nil {
		r.nulls = Nulls[K, V]{Key: serde.IsNull(r.keys), Value: serde.IsNull(r.values)}
	}
	c.OnCommit(r.retries.park)
	c.RunBeside(r.retries)
	return r.process
}

func (r *retrying[K, V]) process(rec *Record[K, V]) error {
	if r.failure != nil {
		return r.c.failed(r.failure)
	}
	if len(r.retries.byKey) > 0 && !rec.NullKey {
		key, err := r.keys.Append(r.scratch[:0], rec.Key)
		if err != nil {
			return r.c.conclude(rec, r.c.own(&EncodeError{Part: "key", Err: err}), 1)
		}
		if r.scratch = key; r.retries.byKey[string(key)] != nil {
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
	if r.retries.policy.Retry.worth(e.Err, 1) {
		return r.wait(rec, 1, e)
	}
	return r.c.conclude(rec, e, 1)
}

// wait parks a record. e is what the operator failed with, or nil if it was not tried yet.
func (r *retrying[K, V]) wait(rec *Record[K, V], attempts int, e *Error) error {
	p, err := park(r.c, r.keys, r.values, rec)
	if err != nil {
		return r.c.conclude(rec, r.c.own(err), max(1, attempts))
	}
	r.retries.wait(p, attempts, e)
	return nil
}

func (r *retrying[K, V]) again(p *Parked) (failing, error) {
	var rec Record[K, V]
	if err := unpark(p, r.keys, r.values, r.nulls, &rec); err != nil {
		return nil, err
	}
	return &rec, r.resume(&rec)
}

func newRetries(c *Context, a attempt) *retries {
	r := &retries{c: c, policy: c.policy, attempt: a, byKey: make(map[string]*waiting)}
	r.due.before = (*waiting).before
	return r
}

// open begins with what the store holds.
func (r *retries) open(serdes bool) error {
	rows, ok := r.c.Store(r.c.parked).(*ParkedRows)
	if !ok || !serdes {
		return errors.New("it has no store or no serdes for records that wait for another attempt")
	}
	r.rows = rows
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

// wait adds a record. e is what the operator failed with, or nil if it was not tried yet.
func (r *retries) wait(p Parked, attempts int, e *Error) {
	r.number++
	w := &waiting{number: r.number, parked: p}
	if e != nil {
		r.postpone(w, attempts, e)
	}
	r.add(w)
}

// postpone says when a record is tried again.
func (r *retries) postpone(w *waiting, attempts int, e *Error) {
	w.parked.Attempts, w.stored = attempts, false
	w.parked.DueMs = r.c.WallClock() + max(1, r.policy.Retry.Backoff(attempts+1).Milliseconds())
	r.c.scope.Runtime.Failed(e, Outcome{Attempts: attempts, Again: true})
}

// add puts a record behind those of its key, or among those that are due some time.
func (r *retries) add(w *waiting) {
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
func (r *retries) tick(now int64) error {
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
func (r *retries) try(w *waiting) error {
	r.c.resume(&w.parked)
	attempts := w.parked.Attempts + 1
	if rec, err := r.attempt.again(&w.parked); err != nil {
		e := r.c.own(err)
		if e == nil {
			return r.c.Fail(err)
		}
		if r.policy.Retry.worth(e.Err, attempts) {
			r.postpone(w, attempts, e)
			r.due.push(w)
			return nil
		}
		if err := r.c.conclude(rec, e, attempts); err != nil {
			return err
		}
	}
	return r.remove(w)
}

func (r *retries) remove(w *waiting) error {
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
func (r *retries) park() error {
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
func (r *retries) Full() bool {
	limit := r.policy.Retry.MaxParked
	if limit == 0 {
		limit = DefaultMaxParked
	}
	return r.waiting >= limit
}

func (r *retries) Returned() bool { return false }
func (r *retries) Take() error    { return nil }
func (r *retries) Busy() bool     { return false }
func (r *retries) Await()         {}
