package conformance

import (
	"errors"
	"fmt"

	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// table is a table of plain or of windowed keys. Tables of counts are made tables of Values at once.
type table interface {
	handle
	toStream() stream
	filter(p predicate, not bool, opts []topology.StoreOption) table
	mapValues(f valueFn, opts []topology.StoreOption) table
	groupBy(k keyFn, v valueFn, opts []topology.NodeOption) handle
	suppress(s topology.Suppression) table
}

type plainTable struct {
	t topology.Table[Key, Value]
}

type windowTable struct {
	t   topology.WindowedTable[Key, Value]
	key keyOf[windowedKey]
}

func (t plainTable) operator(in *interpreter, op *Operator) (handle, error) { return in.ofTable(op, t) }
func (t windowTable) operator(in *interpreter, op *Operator) (handle, error) {
	return in.ofTable(op, t)
}

func (in *interpreter) ofTable(op *Operator, t table) (handle, error) {
	switch op.Op {
	case "to":
		t.toStream().to(in, op)
		return nil, nil
	case "toStream":
		if op.KeyFn == "" {
			return t.toStream(), nil
		}
		f, err := newKeyFn(op.KeyFn)
		return t.toStream().selectKey(f), err
	case "filter", "filterNot":
		p, err := newPredicate(op.Predicate)
		not := op.Op == "filterNot"
		if in.oldUnknown(op) {
			return t.mapValues(func(k Key, v Value) Value { return nullIf(v, p(k, v) == not) }, in.storeOption(op)), err
		}
		return t.filter(p, not, in.storeOption(op)), err
	case "mapValues":
		f, err := newValueFn(op.ValueFn)
		return t.mapValues(f, in.storeOption(op)), err
	case "groupBy":
		k, errK := newKeyFn(op.KeyFn)
		value := op.ValueFn
		if value == "" {
			value = "identity"
		}
		v, errV := newValueFn(value)
		if err := errors.Join(errK, errV); err != nil {
			return nil, err
		}
		return t.groupBy(k, v, named(op.Name)), nil
	case "suppress":
		s, err := suppression(op)
		return t.suppress(s), err
	}
	return nil, errNoOperator
}

// compared makes the store that the scenario names for an operator one whose rows are compared.
func (in *interpreter) compared(op *Operator) {
	if op.Store != "" {
		in.program.stores = append(in.program.stores, op.Store)
	}
}

// storeOption keeps the rows of a derived table where the scenario names a store for them.
func (in *interpreter) storeOption(op *Operator) []topology.StoreOption {
	if op.Store == "" {
		return nil
	}
	in.compared(op)
	return []topology.StoreOption{topology.As(op.Store)}
}

// resultOption is storeOption for a join, whose result gets a hidden store where an operator below needs its rows.
func (in *interpreter) resultOption(op *Operator) []topology.StoreOption {
	if op.Store == "" && rowsNeeded(op.ID, in.scenario.Topology) {
		return []topology.StoreOption{topology.As("hidden-" + op.ID)}
	}
	return in.storeOption(op)
}

// rowsOf is the name of the store of a table that reads records. One without a name gets a hidden one where an operator
// below needs its rows, as Kafka Streams does (rule 16).
func (in *interpreter) rowsOf(op *Operator) string {
	if op.Store == "" && rowsNeeded(op.ID, in.scenario.Topology) {
		return "hidden-" + op.ID
	}
	return op.Store
}

func (t plainTable) toStream() stream { return plain(t.t.ToStream(), false) }

func (t plainTable) filter(p predicate, not bool, opts []topology.StoreOption) table {
	if not {
		return plainTable{t.t.FilterNot(p, opts...)}
	}
	return plainTable{t.t.Filter(p, opts...)}
}

func (t plainTable) mapValues(f valueFn, opts []topology.StoreOption) table {
	return plainTable{t.t.MapValues(f, opts...)}
}

func (t plainTable) groupBy(k keyFn, v valueFn, opts []topology.NodeOption) handle {
	return groupedTable{t.t.GroupBy(func(key Key, value Value) (Key, Value) { return k(key, value), v(key, value) }, opts...)}
}

func (t plainTable) suppress(s topology.Suppression) table { return plainTable{t.t.Suppress(s)} }

func (t windowTable) toStream() stream {
	return windowStream{t.t.ToStream(windows.Key), t.key, true}
}

func (t windowTable) filter(p predicate, not bool, opts []topology.StoreOption) table {
	f := func(k Key, _ windows.Window, v Value) bool { return p(k, v) }
	if not {
		return windowTable{t.t.FilterNot(f, opts...), t.key}
	}
	return windowTable{t.t.Filter(f, opts...), t.key}
}

func (t windowTable) mapValues(f valueFn, opts []topology.StoreOption) table {
	return windowTable{t.t.MapValues(func(k Key, _ windows.Window, v Value) Value { return f(k, v) }, opts...), t.key}
}

func (t windowTable) groupBy(k keyFn, v valueFn, opts []topology.NodeOption) handle {
	return groupedTable{t.t.GroupBy(func(key Key, _ windows.Window, value Value) (Key, Value) {
		return k(key, value), v(key, value)
	}, opts...)}
}

func (t windowTable) suppress(s topology.Suppression) table {
	return windowTable{t.t.Suppress(s), t.key}
}

// suppression is that of an operator. Its store, which the scenario does not name, is not compared.
func suppression(op *Operator) (topology.Suppression, error) {
	store := "suppress-" + op.ID
	var s topology.Suppression
	switch op.Until {
	case "windowCloses":
		s = topology.UntilWindowCloses(store)
	case "timeLimit":
		s = topology.UntilTimeLimit(store, ms(op.LimitMs))
	default:
		return s, fmt.Errorf("it suppresses until %q", op.Until)
	}
	if op.MaxRecords != nil {
		s = s.MaxRecords(int64(*op.MaxRecords))
	}
	if op.WhenFull == "emitEarly" {
		s = s.EmitEarly()
	}
	return s, nil
}

// versioned are the options of a table that may keep versions.
func versioned(op *Operator) []topology.StoreOption {
	if op.VersionedMs == nil {
		return nil
	}
	return []topology.StoreOption{topology.Versioned(ms(*op.VersionedMs))}
}
