package conformance

import (
	"fmt"
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
	var opts []topology.StoreOption
	if op.RetentionMs != nil {
		opts = append(opts, topology.Retention(ms(*op.RetentionMs)))
	}
	in.compared(op)
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

func combineOrNone(name string) (combineFn, error) {
	if name == "" {
		return nil, nil
	}
	return newCombine(name)
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// initial is the function that makes empty aggregates.
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
	return plainTable{t.MapValues(func(_ Key, n int64) Value { return numberValue(n) }, topology.StoreSerdes(keys, values))}
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
	switch w.Type {
	case "tumbling", "hopping":
		return windowed{onClose(g.g.Windowed(timeWindow(w)), op), windowedKeys(windows.TimeKeySerde(keys, ms(w.SizeMs)))}, nil
	case "sliding", "session":
		return nil, unsupported("%s windows", w.Type)
	}
	return nil, fmt.Errorf("unknown window type %q", w.Type)
}

func timeWindow(w *Window) windows.TimeWindow {
	if w.Type == "tumbling" {
		return windows.Tumbling(ms(w.SizeMs)).Grace(ms(w.GraceMs))
	}
	return windows.Hopping(ms(w.SizeMs), ms(w.AdvanceMs)).Grace(ms(w.GraceMs))
}

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

func (in *interpreter) cogroup(*Operator) (handle, error) { return nil, unsupported("cogroup") }
