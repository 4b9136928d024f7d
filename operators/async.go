package operators

import (
	"cmp"
	"container/list"
	"context"
	"encoding/binary"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/rivusio/rivusio/serde"
)

// Call is a function of user code that may wait: it makes any number of records of one and appends them to to. Several
// goroutines may call it at once. It returns soon after the context ends. o is the place that the record comes from.
type Call[K, V, K2, V2 any] func(ctx context.Context, r *Record[K, V], o Origin, to []Record[K2, V2]) ([]Record[K2, V2], error)

// Order is in which order the results of concurrent calls leave.
type Order uint8

const (
	// OrderByKey keeps the order of the records of each key: the call for one begins when that for the one before has
	// returned. Records without a key have no order. It is the default.
	OrderByKey Order = iota
	// OrderByInput lets results leave in the order of the records. Calls for one key run beside each other.
	OrderByInput
	// Unordered lets results leave as they come.
	Unordered
)

// Apply calls f for each record on the task's goroutine and forwards what it returns. Nothing else is done meanwhile, so
// it is for calls that compute and do not wait; [Async] is for those.
func Apply[K, V, K2, V2 any](c *Context, f Call[K, V, K2, V2], out Nulls[K2, V2], next Forward[K2, V2]) Forward[K, V] {
	ctx, cancel := context.WithCancel(context.Background())
	c.OnClose(func() error { cancel(); return nil })
	var results []Record[K2, V2]
	return func(r *Record[K, V]) error {
		o, _ := c.Origin()
		var err error
		if results, err = f(ctx, r, o, results[:0]); err != nil {
			return err
		}
		for i := range results {
			out.mark(&results[i])
			if err := next(&results[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

// Async calls F for up to Concurrency records at once, on goroutines of its own, and forwards what comes back on the
// task's. It takes four times as many records, so that there is something to begin with while the task commits; when it
// has them the task takes no more input.
//
// A record that is not done with at a commit lies in Rows, in the transaction that commits its offset, and its row is
// deleted in the one that has its results: each record has its results exactly once, however often the process is killed.
// The call itself is made again then, and after an abort, so what it does elsewhere should be idempotent.
//
// An operator with a policy that tries again waits on the goroutine of the call, which is one of Concurrency: the order of
// the keys stays, and a commit need not wait. How often a call was tried is forgotten when the process ends.
type Async[K, V, K2, V2 any] struct {
	F           Call[K, V, K2, V2]
	Rows        *ParkedRows // keys are the records' numbers, eight bytes, big-endian
	Keys        serde.Serde[K]
	Values      serde.Serde[V]
	In          Nulls[K, V]
	Out         Nulls[K2, V2]
	Concurrency int
	Order       Order
}

// Forward makes the operator. It begins with the records of Rows.
func (a Async[K, V, K2, V2]) Forward(c *Context, next Forward[K2, V2]) (Forward[K, V], error) {
	op := &async[K, V, K2, V2]{Async: a, c: c, next: resumed(c, next), take: takes * a.Concurrency}
	op.ctx, op.cancel = context.WithCancel(context.Background())
	op.calls.init(a.Concurrency, a.Order == OrderByKey, op.call, c.scope.Runtime.Wake)
	c.OnClose(op.close)
	c.OnCommit(op.park)
	c.RunBeside(op)
	for row, err := range a.Rows.All() {
		if err != nil {
			return nil, err
		}
		if len(row.Key) != numberBytes {
			return nil, fmt.Errorf("store %q has a row with the key %x, which is not the number of a record", a.Rows.Name(), row.Key)
		}
		op.number = binary.BigEndian.Uint64(row.Key)
		op.add(&flight[K2, V2]{number: op.number, parked: row.Value, stored: true})
	}
	return op.process, nil
}

const (
	takes       = 4 // times the concurrency
	numberBytes = 8
)

type async[K, V, K2, V2 any] struct {
	Async[K, V, K2, V2]
	c      *Context
	next   Forward[K2, V2]
	ctx    context.Context
	cancel context.CancelFunc
	calls  calls[K2, V2]
	take   int // how many records it has before the task takes no more

	number  uint64    // of the last record
	flights list.List // of *flight, all that have not left, in the order of their numbers
}

// flight is one record on its way.
type flight[K2, V2 any] struct {
	number uint64
	parked Parked
	stored bool // it has a row
	place  *list.Element
	behind *flight[K2, V2] // the next one of the key, which begins when this one is done
	out    []Record[K2, V2]
	err    error
	tries  int // calls so far
	done   bool
}

func (a *async[K, V, K2, V2]) process(r *Record[K, V]) error {
	p, err := park(a.c, a.Keys, a.Values, r)
	if err != nil {
		return err
	}
	a.number++
	a.add(&flight[K2, V2]{number: a.number, parked: p})
	return nil
}

func (a *async[K, V, K2, V2]) add(f *flight[K2, V2]) {
	f.place = a.flights.PushBack(f)
	a.calls.begin(f)
}

// call runs on a goroutine of its own.
func (a *async[K, V, K2, V2]) call(f *flight[K2, V2]) {
	for {
		f.tries++
		a.once(f)
		p := a.c.policy
		if f.err == nil || p == nil || !p.Retry.worth(f.err, f.tries) || a.ctx.Err() != nil {
			return
		}
		wait := time.NewTimer(p.Retry.Backoff(f.tries + 1))
		select {
		case <-wait.C:
		case <-a.ctx.Done():
			wait.Stop()
			return
		}
	}
}

func (a *async[K, V, K2, V2]) once(f *flight[K2, V2]) {
	defer func() {
		if v := recover(); v != nil {
			f.out, f.err = nil, &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	var r Record[K, V]
	if f.err = unpark(&f.parked, a.Keys, a.Values, a.In, &r); f.err == nil {
		f.out, f.err = a.F(a.ctx, &r, f.parked.Origin, nil)
	}
}

// Take forwards what has come back.
func (a *async[K, V, K2, V2]) Take() error {
	back := a.calls.collect()
	if a.Order == OrderByInput {
		for first := a.flights.Front(); first != nil; first = a.flights.Front() {
			f := first.Value.(*flight[K2, V2])
			if !f.done {
				return nil
			}
			if err := a.let(f); err != nil {
				return err
			}
		}
		return nil
	}
	// What has come back together leaves in the order of the records, so those of a key in theirs.
	slices.SortFunc(back, func(f, g *flight[K2, V2]) int { return cmp.Compare(f.number, g.number) })
	for _, f := range back {
		if err := a.let(f); err != nil {
			return err
		}
	}
	return nil
}

// let forwards the results of a record and forgets it.
func (a *async[K, V, K2, V2]) let(f *flight[K2, V2]) error {
	a.flights.Remove(f.place)
	a.c.resume(&f.parked)
	if f.stored {
		if err := a.Rows.Delete(rowNumber(f.number)); err != nil {
			return a.c.Fail(err)
		}
	}
	if f.err != nil {
		return a.fail(f)
	}
	for i := range f.out {
		a.Out.mark(&f.out[i])
		if err := a.next(&f.out[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *async[K, V, K2, V2]) fail(f *flight[K2, V2]) error {
	e := a.c.own(f.err)
	if e == nil || a.c.policy == nil {
		return a.c.Fail(f.err)
	}
	var r Record[K, V]
	if unpark(&f.parked, a.Keys, a.Values, a.In, &r) != nil {
		return a.c.conclude(nil, e, f.tries) // that it does not decode is what it failed for
	}
	return a.c.conclude(&r, e, f.tries)
}

// park makes rows of what is on its way at a commit.
func (a *async[K, V, K2, V2]) park() error {
	for e := a.flights.Front(); e != nil; e = e.Next() {
		f := e.Value.(*flight[K2, V2])
		if f.stored {
			continue
		}
		slot, err := a.Rows.Lookup(rowNumber(f.number))
		if err != nil {
			return err
		}
		a.Rows.Set(slot, f.parked, f.parked.Timestamp)
		f.stored = true
	}
	return nil
}

func rowNumber(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Returned, Full, Busy and Await are those of [Beside].
func (a *async[K, V, K2, V2]) Returned() bool { return a.calls.returned.Load() }
func (a *async[K, V, K2, V2]) Full() bool     { return a.flights.Len() >= a.take }
func (a *async[K, V, K2, V2]) Busy() bool     { return a.flights.Len() > 0 }
func (a *async[K, V, K2, V2]) Await()         { a.calls.await() }

// closeWait is how long the end of an operator waits for calls that do not heed the end of their context.
const closeWait = 10 * time.Second

// close ends the calls. What they return is not looked at.
func (a *async[K, V, K2, V2]) close() error {
	a.cancel()
	if left := a.calls.end(closeWait); left > 0 {
		return fmt.Errorf("%d calls did not return within %v of the end of their context; they are left alone", left, closeWait)
	}
	return nil
}
