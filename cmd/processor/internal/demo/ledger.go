package demo

import (
	"errors"
	"fmt"
	"sync"

	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/windows"
)

// window is a tier's window.
type window = windows.Keyed[string]

// way is how an order gets to its total: records that share it stay in order.
type way struct {
	partition, customerPartition int32
	tier                         string
}

// ledger is what was sent and what came back. It is used by the generator and the auditor at once.
type ledger struct {
	mu     sync.Mutex
	sent   map[window]orders.Totals
	newest map[way]int64 // largest timestamp (ms) sent on a way
	got    map[window]orders.Totals

	paid, unpaid, late int64 // orders sent: for totals; of nothing; too late on purpose
}

func newLedger() *ledger {
	return &ledger{sent: make(map[window]orders.Totals), newest: make(map[way]int64), got: make(map[window]orders.Totals)}
}

// place adds an order that is about to be sent. One that is to be too late is refused, with false, if it is not certain
// that it will be.
func (l *ledger) place(w way, timestamp, cents int64, late bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	start, _ := orders.Window.Starts(timestamp)
	of := windows.Key(w.tier, windows.Window{Start: start, End: start + orders.Window.SizeMs()})
	switch {
	case late && l.newest[w] < orders.Window.ClosedAt(of.Window):
		return false
	case late:
		l.late++
	case cents <= 0:
		l.unpaid++
	default:
		l.paid++
		l.newest[w] = max(l.newest[w], timestamp)
		t := l.sent[of]
		l.sent[of] = orders.Totals{Orders: t.Orders + 1, Cents: t.Cents + cents}
	}
	return true
}

// counts are the orders sent so far, and those of them that reach the totals' operator.
func (l *ledger) counts() (sent, paid int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paid + l.unpaid + l.late, l.paid + l.late
}

// receive takes a total. A second one for the same window, or one for a window without orders, is an error.
func (l *ledger) receive(w window, t orders.Totals) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	sent, known := l.sent[w]
	_, again := l.got[w]
	switch {
	case !known:
		return fmt.Errorf("%s has totals, but no orders", label(w))
	case again:
		return fmt.Errorf("%s has totals twice", label(w))
	case t.Orders > sent.Orders || t.Cents > sent.Cents:
		return fmt.Errorf("%s has %d orders of %d cents, but only %d of %d were placed", label(w), t.Orders, t.Cents, sent.Orders, sent.Cents)
	}
	l.got[w] = t
	return nil
}

// audit is the comparison of all totals with the orders.
type audit struct {
	windows int
	orders  int64 // in their totals
	late    int64 // too late on purpose
	missed  int64 // too late otherwise
}

var errAudit = errors.New("the totals are not those of the orders")

// check compares the totals with the orders, given how many orders the engine dropped because they were late.
func (l *ledger) check(dropped int64) (a audit, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a = audit{windows: len(l.got), late: l.late}
	for w, got := range l.got {
		sent := l.sent[w]
		a.orders += got.Orders
		a.missed += sent.Orders - got.Orders
		if sent.Orders == got.Orders && sent.Cents != got.Cents {
			return a, fmt.Errorf("%w: %s has %d cents, want %d", errAudit, label(w), got.Cents, sent.Cents)
		}
	}
	if a.missed != dropped-a.late {
		return a, fmt.Errorf("%w: %d orders are missing, and %d were sent too late, but the engine dropped %d as late", errAudit, a.missed, a.late, dropped)
	}
	return a, nil
}
