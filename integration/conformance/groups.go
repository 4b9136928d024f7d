package conformance

import (
	"time"

	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// aggregating is what groupings have in common.
type aggregating interface {
	count(store string, opts []topology.StoreOption) table
	reduce(store string, f, subtract combineFn, opts []topology.StoreOption) table
	aggregate(store string, init Value, add, other combineFn, opts []topology.StoreOption) table
}

// aggregate makes an aggregation. other is the function, if any, that takes part beside add: a subtractor or a merger.
func (in *interpreter) aggregate(op *Operator, g aggregating, other string) (handle, error) {
	in.compared(op)
	opts := retention(op)
	if op.Op == "count" {
		return g.count(op.Store, opts), nil
	}
	add, err := combineOrNone(op.Add)
	if err != nil {
		return nil, err
	}
	second, err := combineOrNone(other)
	if err != nil {
		return nil, err
	}
	switch op.Op {
	case "reduce":
		return g.reduce(op.Store, add, second, opts), nil
	case "aggregate":
		return g.aggregate(op.Store, op.Init, add, second, opts), nil
	}
	return nil, errNoOperator
}

func retention(op *Operator) []topology.StoreOption {
	if op.RetentionMs == nil {
		return nil
	}
	return []topology.StoreOption{topology.Retention(ms(*op.RetentionMs))}
}

func combineOrNone(name string) (combineFn, error) {
	if name == "" {
		return nil, nil
	}
	return newCombine(name)
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// initial is a function that makes empty aggregates.
func initial(v Value) func() Value { return func() Value { return v } }

// keyed is a combine function as a topology's aggregations take it.
func keyed(add combineFn) func(Key, Value, Value) Value {
	if add == nil {
		return nil
	}
	return func(_ Key, v, a Value) Value { return add(a, v) }
}

// numbers makes a table of Values of one of counts.
func numbers(t topology.Table[Key, int64]) table {
	return plainTable{t.MapValues(func(_ Key, n int64) Value { return numberValue(n) })}
}

func windowedNumbers(t topology.WindowedTable[Key, int64], key keyOf[windowedKey]) table {
	return windowTable{t.MapValues(func(_ Key, _ windows.Window, n int64) Value { return numberValue(n) }), key}
}

// grouped is a grouped stream.
type grouped struct{ g topology.Grouped[Key, Value] }

func (g grouped) operator(in *interpreter, op *Operator) (handle, error) {
	if op.Op == "windowedBy" {
		return g.windowedBy(op)
	}
	return in.aggregate(op, g, "")
}

func (g grouped) windowedBy(op *Operator) (handle, error) {
	w := op.Window
	if w.Type == "session" {
		return sessions{onClose(g.g.Sessions(sessionWindow(w)), op)}, nil
	}
	def, key, err := definition(w)
	if err != nil {
		return nil, err
	}
	return windowed{onClose(g.g.Windowed(def), op), key}, nil
}

// definition is that of windows other than sessions, and how their keys look.
func definition(w *Window) (windows.Definition, keyOf[windowedKey], error) {
	switch w.Type {
	case "tumbling":
		return windows.Tumbling(ms(w.SizeMs)).Grace(ms(w.GraceMs)), timeKeys(w.SizeMs), nil
	case "hopping":
		return windows.Hopping(ms(w.SizeMs), ms(w.AdvanceMs)).Grace(ms(w.GraceMs)), timeKeys(w.SizeMs), nil
	case "sliding":
		return windows.Sliding(ms(w.DiffMs)).Grace(ms(w.GraceMs)), timeKeys(w.DiffMs), nil
	}
	return nil, keyOf[windowedKey]{}, unsupported("%s windows", w.Type)
}

func timeKeys(sizeMs int64) keyOf[windowedKey] {
	if sizeMs == 0 { // start and end are the same
		return sessionKeys
	}
	return windowedKeys(windows.TimeKeySerde(keys, ms(sizeMs)))
}

func sessionWindow(w *Window) windows.SessionWindow {
	return windows.Session(ms(w.GapMs)).Grace(ms(w.GraceMs))
}

var sessionKeys = windowedKeys(windows.KeySerde(keys))

// onClose makes a windowing one with results on close, if the operator says so.
func onClose[W interface{ OnClose() W }](w W, op *Operator) W {
	if op.Emit == "close" {
		return w.OnClose()
	}
	return w
}

func (g grouped) count(store string, opts []topology.StoreOption) table {
	return numbers(g.g.Count(store, opts...))
}

func (g grouped) reduce(store string, f, _ combineFn, opts []topology.StoreOption) table {
	return plainTable{g.g.Reduce(store, f, opts...)}
}

func (g grouped) aggregate(store string, init Value, add, _ combineFn, opts []topology.StoreOption) table {
	return plainTable{g.g.Aggregate(store, initial(init), keyed(add), opts...)}
}

// windowed is a grouped stream with windows.
type windowed struct {
	w   topology.Windowed[Key, Value]
	key keyOf[windowedKey]
}

func (w windowed) operator(in *interpreter, op *Operator) (handle, error) {
	return in.aggregate(op, w, "")
}

func (w windowed) count(store string, opts []topology.StoreOption) table {
	return windowedNumbers(w.w.Count(store, opts...), w.key)
}

func (w windowed) reduce(store string, f, _ combineFn, opts []topology.StoreOption) table {
	return windowTable{w.w.Reduce(store, f, opts...), w.key}
}

func (w windowed) aggregate(store string, init Value, add, _ combineFn, opts []topology.StoreOption) table {
	return windowTable{w.w.Aggregate(store, initial(init), keyed(add), opts...), w.key}
}

// sessions is a grouped stream with sessions.
type sessions struct {
	s topology.Sessions[Key, Value]
}

func (s sessions) operator(in *interpreter, op *Operator) (handle, error) {
	return in.aggregate(op, s, op.Merge)
}

func (s sessions) count(store string, opts []topology.StoreOption) table {
	return windowedNumbers(s.s.Count(store, opts...), sessionKeys)
}

func (s sessions) reduce(store string, f, _ combineFn, opts []topology.StoreOption) table {
	return windowTable{s.s.Reduce(store, f, opts...), sessionKeys}
}

func (s sessions) aggregate(store string, init Value, add, merge combineFn, opts []topology.StoreOption) table {
	return windowTable{s.s.Aggregate(store, initial(init), keyed(add), merger(merge), opts...), sessionKeys}
}

// merger is a merge function as sessions take it.
func merger(merge combineFn) func(Key, Value, Value) Value {
	if merge == nil {
		return nil
	}
	return func(_ Key, a, b Value) Value { return merge(a, b) }
}

// groupedTable is a grouped table.
type groupedTable struct {
	g topology.GroupedTable[Key, Value]
}

func (g groupedTable) operator(in *interpreter, op *Operator) (handle, error) {
	return in.aggregate(op, g, op.Subtract)
}

func (g groupedTable) count(store string, opts []topology.StoreOption) table {
	return numbers(g.g.Count(store, opts...))
}

func (g groupedTable) reduce(store string, add, subtract combineFn, opts []topology.StoreOption) table {
	return plainTable{g.g.Reduce(store, add, subtract, opts...)}
}

func (g groupedTable) aggregate(store string, init Value, add, subtract combineFn, opts []topology.StoreOption) table {
	return plainTable{g.g.Aggregate(store, initial(init), keyed(add), keyed(subtract), opts...)}
}
