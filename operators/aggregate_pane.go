package operators

import (
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// PaneMs is the length (ms) of the panes of windows, the parts that no window cuts: the greatest common divisor of size
// and advance.
func PaneMs(w windows.TimeWindow) int64 {
	a, b := w.SizeMs(), w.AdvanceMs()
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// PaneAggregate is [WindowAggregate] with results on close that keeps one aggregate for each key and pane and combines those
// of a window when it closes. What a record costs does not depend on how many windows it lies in; nor does, most of the
// time, what the result of a key costs. The results are those of WindowAggregate if Combine is what it has to be.
type PaneAggregate[K, V, A any] struct {
	WindowAggregate[K, V, A] // with a store of panes
	Panes                    windows.TimeWindow
	// Combine joins the aggregates of two panes. It is associative and commutative, an initial aggregate is neutral to it, and
	// it changes neither.
	Combine func(a, b A) A
}

// Forward makes the operator.
func (p PaneAggregate[K, V, A]) Forward(c *Context, next Forward[windows.Keyed[K], Change[A]]) (Forward[K, V], error) {
	op := &paneAggregate[K, V, A]{
		windowAggregate: windowAggregate[K, V, A]{
			WindowAggregate: p.WindowAggregate, c: c, next: next,
			time: NewEventTime(p.Store.Times(), p.Panes.GraceMs()), size: p.Panes.SizeMs(), advance: p.Panes.AdvanceMs(),
		},
		pane: PaneMs(p.Panes),
	}
	op.rows = newPaneRows(p.Store, p.Panes, p.Combine)
	var err error
	op.closing, err = newClosing(c, closingConfig[K, A]{rows: op.rows, time: &op.time, lag: op.size, step: op.advance, timeOf: startOf, next: next})
	if err != nil {
		return nil, err
	}
	return op.process, nil
}

type paneAggregate[K, V, A any] struct {
	windowAggregate[K, V, A]
	pane int64
	rows *paneRows[K, A]
}

func (p *paneAggregate[K, V, A]) process(r *Record[K, V]) error {
	if r.NullKey {
		p.c.Drop(NullKey)
		return nil
	}
	p.time.Observe(r.Timestamp)
	if p.CountNulls || p.Nulls.admits(p.c, r) {
		if err := p.add(r); err != nil {
			return err
		}
	}
	return p.closing.advance(r.Headers)
}

// add adds a record to its pane, if any of its windows is open.
func (p *paneAggregate[K, V, A]) add(r *Record[K, V]) error {
	first, count := p.Windows.Starts(r.Timestamp)
	late := 0
	if behind := p.time.CloseTime() - p.size - first; behind >= 0 {
		late = int(min(int64(count), behind/p.advance+1))
	}
	p.c.Dropped[Late] += uint64(late)
	if late == count {
		return nil
	}
	// A window that closed but has not left yet must not see the record in a pane that it shares with open ones.
	for late > 0 && p.closing.work.Left() {
		p.closing.work.left = false
		if err := p.closing.turn(); err != nil {
			return err
		}
	}
	start := r.Timestamp / p.pane * p.pane
	slot, kept, err := p.Store.Lookup(r.Key, start)
	if err != nil {
		return err
	}
	if !kept {
		p.c.Drop(Expired)
		return nil
	}
	if start < p.rows.end {
		p.rows.changed(slot.RowKey()[windows.TimeBytes:])
	}
	a, timestamp := p.Aggregator.apply(slot, r)
	if p.Aggregator.IsNull != nil && p.Aggregator.IsNull(a) {
		p.Store.Remove(slot)
		return nil
	}
	p.Store.Set(slot, a, timestamp)
	return p.closing.remember(r.Key, r.Timestamp, r.Headers)
}

// paneRows shows the rows of windows that a store of panes has: by start, then key bytes. It holds the panes of the window
// that it showed last, each key's as a queue from which old panes leave and into which new ones come, and in which the
// aggregate of all is known at any time with about one call of combine for each pane (a queue of two stacks).
// What it holds is made anew from the store after a restart or an abort.
type paneRows[K, A any] struct {
	store         *state.WindowStore[K, A]
	size, advance int64
	combine       func(a, b A) A
	start, end    int64 // of the window; end 0: none yet
	keys          []*paneQueue[K, A]
	byKey         map[string]*paneQueue[K, A]
	stale         map[string]bool // keys with panes that changed since
	key           string          // of the row that a scan is at
}

func newPaneRows[K, A any](store *state.WindowStore[K, A], w windows.TimeWindow, combine func(a, b A) A) *paneRows[K, A] {
	return &paneRows[K, A]{
		store: store, size: w.SizeMs(), advance: w.AdvanceMs(), combine: combine,
		byKey: map[string]*paneQueue[K, A]{}, stale: map[string]bool{},
	}
}

// changed says that a pane before the end of the window has changed.
func (p *paneRows[K, A]) changed(key string) {
	p.stale[key] = true
}

func (p *paneRows[K, A]) HoldFrom(start int64) { p.store.HoldFrom(start) }
func (p *paneRows[K, A]) Times() *state.Times  { return p.store.Times() }
func (p *paneRows[K, A]) AppendKey(dst []byte, k K) ([]byte, error) {
	return p.store.AppendKey(dst, k)
}
func (p *paneRows[K, A]) Position() string       { return string(windows.AppendTime(nil, p.start)) + p.key }
func (p *paneRows[K, A]) align(ms int64) int64   { return (ms + p.advance - 1) / p.advance * p.advance }
func (p *paneRows[K, A]) window() windows.Window { return windows.Window{Start: p.start, End: p.end} }

func (p *paneRows[K, A]) Scan(from, to int64) iter.Seq2[state.Row[windows.Keyed[K], A], error] {
	return func(yield func(state.Row[windows.Keyed[K], A], error) bool) {
		p.scan(p.align(from), "", to, yield)
	}
}

func (p *paneRows[K, A]) ScanAfter(position string, to int64) iter.Seq2[state.Row[windows.Keyed[K], A], error] {
	return func(yield func(state.Row[windows.Keyed[K], A], error) bool) {
		start, _ := windows.Time([]byte(position))
		p.scan(start, position[windows.TimeBytes:], to, yield)
	}
}

// scan goes through windows that start from one time to another; in the first one only behind a key, if that is not "".
func (p *paneRows[K, A]) scan(from int64, after string, to int64, yield func(state.Row[windows.Keyed[K], A], error) bool) {
	for start := from; start <= to; {
		if err := p.move(start); err != nil {
			yield(state.Row[windows.Keyed[K], A]{}, err)
			return
		}
		for _, q := range p.keys {
			if after != "" && q.encoded <= after {
				continue
			}
			a, timestamp := q.all(p.combine)
			p.key = q.encoded
			if !yield(state.Row[windows.Keyed[K], A]{Key: windows.Key(q.key, p.window()), Value: a, Timestamp: timestamp}, nil) {
				return
			}
		}
		after = ""
		next, err := p.next(start, to)
		if err != nil {
			yield(state.Row[windows.Keyed[K], A]{}, err)
			return
		}
		start = next
	}
}

// next is the start of the next window that may have rows, or one after to.
func (p *paneRows[K, A]) next(start, to int64) (int64, error) {
	start += p.advance
	if len(p.keys) > 0 {
		return start, nil
	}
	for row, err := range p.store.Scan(start, math.MaxInt64) {
		if err != nil {
			return 0, err
		}
		// The first window that has this pane.
		return max(start, p.align(max(0, row.Key.Start-p.size+1))), nil
	}
	return to + 1, nil
}

// move makes it hold the panes of the window that starts there.
func (p *paneRows[K, A]) move(start int64) error {
	from := p.end // panes before it are there
	if p.end == 0 || start < p.start || start >= p.end {
		p.keys, from = p.keys[:0], start
		clear(p.byKey)
		clear(p.stale)
	}
	p.start, p.end = start, start+p.size
	for key := range p.stale {
		if err := p.reload(key, from); err != nil {
			return err
		}
	}
	clear(p.stale)
	var added []*paneQueue[K, A]
	for row, err := range p.store.Scan(from, p.end-1) {
		if err != nil {
			return err
		}
		key := p.store.Position()[windows.TimeBytes:]
		q := p.byKey[key]
		if q == nil {
			q = &paneQueue[K, A]{key: row.Key.Key, encoded: key}
			p.byKey[key] = q
			added = append(added, q)
		}
		q.push(pane[A]{row.Key.Start, row.Value, row.Timestamp}, p.combine)
	}
	p.keys = slices.DeleteFunc(p.keys, func(q *paneQueue[K, A]) bool {
		q.drop(start, p.combine)
		if q.empty() {
			delete(p.byKey, q.encoded)
		}
		return q.empty()
	})
	p.insert(added)
	return nil
}

// reload reads the panes of a key that are before a time anew.
func (p *paneRows[K, A]) reload(key string, end int64) error {
	q := p.byKey[key]
	if q == nil {
		k, err := p.store.DecodeKey([]byte(key))
		if err != nil {
			return err
		}
		q = &paneQueue[K, A]{key: k, encoded: key}
		p.byKey[key] = q
		p.insert([]*paneQueue[K, A]{q})
	}
	q.front, q.back = q.front[:0], q.back[:0]
	for row, err := range p.store.Fetch(q.key, p.start, end-1) {
		if err != nil {
			return err
		}
		q.push(pane[A]{row.Key.Start, row.Value, row.Timestamp}, p.combine)
	}
	return nil
}

// insert adds keys in their order.
func (p *paneRows[K, A]) insert(added []*paneQueue[K, A]) {
	if len(added) == 0 {
		return
	}
	byKey := func(a, b *paneQueue[K, A]) int { return strings.Compare(a.encoded, b.encoded) }
	slices.SortFunc(added, byKey)
	n, m := len(p.keys), len(added)
	p.keys = append(p.keys, added...)
	for at := n + m - 1; m > 0; at-- {
		if n > 0 && byKey(p.keys[n-1], added[m-1]) > 0 {
			n--
			p.keys[at] = p.keys[n]
		} else {
			m--
			p.keys[at] = added[m]
		}
	}
}

// pane is the aggregate of a key in a pane, or in it and all panes behind it in a stack.
type pane[A any] struct {
	start     int64
	value     A
	timestamp int64 // the largest
}

func (a pane[A]) with(b pane[A], combine func(a, b A) A) pane[A] {
	return pane[A]{a.start, combine(a.value, b.value), max(a.timestamp, b.timestamp)}
}

// paneQueue is the panes of a key, by start. The older ones are in front, the oldest last, each together with those behind
// it; the younger ones are in back, and together in sum.
type paneQueue[K, A any] struct {
	key         K
	encoded     string
	front, back []pane[A]
	sum         pane[A]
}

func (q *paneQueue[K, A]) empty() bool { return len(q.front) == 0 && len(q.back) == 0 }

// push adds a pane that starts after all others.
func (q *paneQueue[K, A]) push(p pane[A], combine func(a, b A) A) {
	if len(q.back) == 0 {
		q.sum = p
	} else {
		q.sum = q.sum.with(p, combine)
	}
	q.back = append(q.back, p)
}

// drop removes the panes that start before a time.
func (q *paneQueue[K, A]) drop(before int64, combine func(a, b A) A) {
	q.pop(before)
	if len(q.front) > 0 || len(q.back) == 0 || q.back[0].start >= before {
		return
	}
	for i := len(q.back) - 1; i >= 0; i-- {
		p := q.back[i]
		if n := len(q.front); n > 0 {
			p = p.with(q.front[n-1], combine)
		}
		q.front = append(q.front, p)
	}
	clear(q.back)
	q.back = q.back[:0]
	q.pop(before)
}

func (q *paneQueue[K, A]) pop(before int64) {
	n := len(q.front)
	for n > 0 && q.front[n-1].start < before {
		n--
	}
	clear(q.front[n:])
	q.front = q.front[:n]
}

// all is the aggregate of all panes. There is one at least.
func (q *paneQueue[K, A]) all(combine func(a, b A) A) (A, int64) {
	n := len(q.front)
	switch {
	case n == 0:
		return q.sum.value, q.sum.timestamp
	case len(q.back) == 0:
		return q.front[n-1].value, q.front[n-1].timestamp
	}
	p := q.front[n-1].with(q.sum, combine)
	return p.value, p.timestamp
}
