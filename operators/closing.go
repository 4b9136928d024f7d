package operators

import (
	"encoding/binary"
	"iter"

	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// turnRows is how many rows whose time has come leave in one turn. What comes out depends on it in nothing but the order
// between operators, so it is no option.
const turnRows = 1024

// closedRows is a store of windows as results on close are read from it: by a time of the windows, then in an order of its
// own. Positions are those of [state.WindowStore.ScanAfter].
type closedRows[K, A any] interface {
	Scan(from, to int64) iter.Seq2[state.Row[windows.Keyed[K], A], error]
	ScanAfter(position string, to int64) iter.Seq2[state.Row[windows.Keyed[K], A], error]
	Position() string
	HoldFrom(from int64)
	Times() *state.Times
	AppendKey(dst []byte, k K) ([]byte, error)
}

// rowsByTime is a store whose rows of one time are few. A position in it is that time, and how many of its rows are before.
type rowsByTime[K, A any] struct {
	store interface {
		Scan(from, to int64) iter.Seq2[state.Row[windows.Keyed[K], A], error]
		HoldFrom(from int64)
		Times() *state.Times
		AppendKey(dst []byte, k K) ([]byte, error)
	}
	timeOf func(windows.Window) int64
	time   int64
	count  uint64 // of the rows of that time that a scan has given
}

func (b *rowsByTime[K, A]) HoldFrom(from int64) { b.store.HoldFrom(from) }
func (b *rowsByTime[K, A]) Times() *state.Times { return b.store.Times() }
func (b *rowsByTime[K, A]) AppendKey(dst []byte, k K) ([]byte, error) {
	return b.store.AppendKey(dst, k)
}
func (b *rowsByTime[K, A]) Position() string {
	return string(binary.AppendUvarint(windows.AppendTime(nil, b.time), b.count))
}

func (b *rowsByTime[K, A]) Scan(from, to int64) iter.Seq2[state.Row[windows.Keyed[K], A], error] {
	return b.scan(from, 0, to)
}

func (b *rowsByTime[K, A]) ScanAfter(position string, to int64) iter.Seq2[state.Row[windows.Keyed[K], A], error] {
	from, _ := windows.Time([]byte(position))
	skip, _ := binary.Uvarint([]byte(position[windows.TimeBytes:]))
	return b.scan(from, skip, to)
}

func (b *rowsByTime[K, A]) scan(from int64, skip uint64, to int64) iter.Seq2[state.Row[windows.Keyed[K], A], error] {
	return func(yield func(state.Row[windows.Keyed[K], A], error) bool) {
		b.time, b.count = from, 0
		for row, err := range b.store.Scan(from, to) {
			if err != nil {
				yield(row, err)
				return
			}
			if time := b.timeOf(row.Key.Window); time != b.time {
				b.time, b.count = time, 0
			}
			if b.count++; b.time == from && b.count <= skip {
				continue
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

func startOf(w windows.Window) int64 { return w.Start }
func endOf(w windows.Window) int64   { return w.End }

// closing forwards the final results of windows. A window closes by its time, its start or its end: when that is lag before
// the close time or earlier. Many windows may close at once; then the results leave in turns.
//
// All of its state is in the times of the store: up to which close time everything has left, and while turns are
// going on the row that left last, with the close times on the way and the headers of the records that brought them.
type closing[K, A any] struct {
	closingConfig[K, A]
	c      *Context
	work   *Work
	links  links // traced records in windows that have not closed
	key    []byte
	causes []cause
	after  string // position of the last row that left, "" for none yet
	o      Record[windows.Keyed[K], Change[A]]
}

type closingConfig[K, A any] struct {
	rows   closedRows[K, A]
	time   *EventTime
	lag    int64
	step   int64 // the times are multiples of it
	ends   bool  // the end of a window belongs to it
	reach  int64 // rows so much older than the open windows are needed to make them
	timeOf func(windows.Window) int64
	next   Forward[windows.Keyed[K], Change[A]]
}

// newClosing makes it, and goes on with what was left at the last commit.
func newClosing[K, A any](c *Context, cfg closingConfig[K, A]) (*closing[K, A], error) {
	x := &closing[K, A]{closingConfig: cfg, c: c}
	x.work = c.Work(x.turn)
	x.hold()
	if left := x.rows.Times().Closing; left != "" {
		if err := x.decode(left); err != nil {
			return nil, err
		}
		x.work.Leave()
	}
	return x, nil
}

// from is the first time of windows whose results have not all left.
func (x *closing[K, A]) from() int64 { return max(0, x.time.Emitted()-x.lag+1) }

// hold keeps the rows whose results have not left, whatever the retention says.
func (x *closing[K, A]) hold() { x.rows.HoldFrom(max(0, x.from()-x.reach)) }

// advance forwards the results of what closed by a record with these headers.
func (x *closing[K, A]) advance(headers []Header) error {
	closeTime, last := x.time.CloseTime(), x.time.Emitted()
	if n := len(x.causes); n > 0 {
		last = x.causes[n-1].closeTime
	}
	to := closeTime - x.lag
	switch {
	case closeTime <= last || to < 0:
		return nil
	case to/x.step*x.step <= last-x.lag:
		return nil // no window closed in between
	case x.work.Left():
		x.causes = append(x.causes, cause{closeTime, headers})
		x.save()
		return nil
	}
	x.causes = append(x.causes, cause{closeTime, headers})
	return x.turn()
}

// turn forwards up to turnRows results.
func (x *closing[K, A]) turn() error {
	to := x.causes[len(x.causes)-1].closeTime - x.lag
	rows := x.rows.Scan(x.from(), to)
	if x.after != "" {
		rows = x.rows.ScanAfter(x.after, to)
	}
	n, at := 0, 0
	for row, err := range rows {
		if err != nil {
			return err
		}
		if n == turnRows {
			x.causes = x.causes[at:]
			x.save()
			x.work.Leave()
			return nil
		}
		for x.causes[at].closeTime-x.lag < x.timeOf(row.Key.Window) {
			at++
		}
		x.o = Record[windows.Keyed[K], Change[A]]{Key: row.Key, Timestamp: row.Timestamp, Headers: x.causes[at].headers}
		x.o.Value.New = row.Value
		links, err := x.linksOf(row.Key)
		if err != nil {
			return err
		}
		if err := closed(x.c, links, x.next, &x.o); err != nil {
			return err
		}
		if n++; n == turnRows {
			x.after = x.rows.Position()
		}
	}
	x.causes, x.after = x.causes[:0], ""
	x.rows.Times().Closing = ""
	x.time.SetEmitted(to + x.lag)
	x.hold()
	return nil
}

// remember notes that the record in work, if it is traced, went into windows of a key.
func (x *closing[K, A]) remember(k K, timestamp int64, headers []Header) (err error) {
	if x.c.scope.watch.span == nil {
		return nil
	}
	if x.key, err = x.rows.AppendKey(x.key[:0], k); err == nil {
		x.links.add(string(x.key), timestamp, headers)
	}
	return err
}

// linksOf are the contexts of traced records in a window of a key.
func (x *closing[K, A]) linksOf(k windows.Keyed[K]) (_ []string, err error) {
	if len(x.links.byKey) == 0 {
		return nil, nil
	}
	if x.key, err = x.rows.AppendKey(x.key[:0], k.Key); err != nil {
		return nil, err
	}
	last := k.End
	if !x.ends {
		last--
	}
	return x.links.of(string(x.key), k.Start, last), nil
}

// save writes down what is left. The headers belong to a record that is done, so they are read back.
func (x *closing[K, A]) save() {
	left := appendCauses(x.causes) + x.after
	if err := x.decode(left); err != nil {
		panic(err) // it was just written
	}
	x.rows.Times().Closing = left
}

func (x *closing[K, A]) decode(left string) (err error) {
	x.causes, x.after, err = decodeCauses(left)
	return err
}
