package conformance

import (
	"fmt"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// join makes a join of two inputs; what kind it is, they say.
func (in *interpreter) join(op *Operator, left, right handle) (handle, error) {
	f, err := newJoiner(op.Joiner)
	if err != nil {
		return nil, err
	}
	var h handle
	switch l := left.(type) {
	case plainStream:
		switch r := right.(type) {
		case plainStream:
			h, err = joinStreams(op, l, r, f)
		case plainTable:
			h, err = joinTable(op, l, r, f)
		case global:
			h, err = joinGlobal(op, l, r, f)
		}
	case plainTable:
		if r, ok := right.(plainTable); ok && op.FkFn != "" {
			h, err = joinForeign(op, l, r, f, in.resultOption(op))
		} else if ok {
			h = joinTables(op, l, r, f, in.resultOption(op))
		}
	case windowTable:
		if r, ok := right.(windowTable); ok {
			h = joinWindows(op, l, r, f, in.resultOption(op))
		}
	}
	if h == nil && err == nil {
		err = fmt.Errorf("it does not join a %T and a %T", left, right)
	}
	return h, err
}

func joinStreams(op *Operator, l, r plainStream, f joinerFn) (handle, error) {
	w := windows.Within(0).Before(ms(op.Window.BeforeMs)).After(ms(op.Window.AfterMs)).Grace(ms(op.Window.GraceMs))
	switch op.Op {
	case "join":
		return plain(l.s.Join(r.s, w, op.Store, f), false), nil
	case "leftJoin":
		return plain(l.s.LeftJoin(r.s, w, op.Store, leftJoiner(f)), false), nil
	}
	return plain(l.s.OuterJoin(r.s, w, op.Store, outerJoiner(f)), false), nil
}

func joinTable(op *Operator, s plainStream, t plainTable, f joinerFn) (handle, error) {
	name := op.Name
	if name == "" {
		name = "join-" + op.ID
	}
	opts := []topology.NodeOption{topology.Named(name)}
	if op.GraceMs != nil {
		opts = append(opts, topology.Grace(ms(*op.GraceMs), "grace-"+op.ID))
	}
	switch op.Op {
	case "join":
		return plain(s.s.JoinTable(t.t, f, opts...), false), nil
	case "leftJoin":
		return plain(s.s.LeftJoinTable(t.t, leftJoiner(f), opts...), false), nil
	}
	return nil, nil
}

// leftJoiner and outerJoiner are joiners as left and outer joins take them: an absent side is null.
func leftJoiner(f joinerFn) func(Key, Value, serde.Optional[Value]) Value {
	return func(k Key, left Value, right serde.Optional[Value]) Value { return f(k, left, right.Value) }
}

func outerJoiner(f joinerFn) func(Key, serde.Optional[Value], serde.Optional[Value]) Value {
	return func(k Key, left, right serde.Optional[Value]) Value { return f(k, left.Value, right.Value) }
}

func joinGlobal(op *Operator, s plainStream, g global, f joinerFn) (handle, error) {
	key, err := newKeyFn(op.KeyFn)
	if err != nil {
		return nil, err
	}
	switch op.Op {
	case "join":
		return plain(s.s.JoinGlobal(g.t, key, f), s.rekeyed), nil
	case "leftJoin":
		return plain(s.s.LeftJoinGlobal(g.t, key, leftJoiner(f)), s.rekeyed), nil
	}
	return nil, nil
}

func joinTables(op *Operator, l, r plainTable, f joinerFn, opts []topology.StoreOption) handle {
	switch op.Op {
	case "join":
		return plainTable{l.t.Join(r.t, f, opts...)}
	case "leftJoin":
		return plainTable{l.t.LeftJoin(r.t, leftJoiner(f), opts...)}
	}
	return plainTable{l.t.OuterJoin(r.t, outerJoiner(f), opts...)}
}

func joinForeign(op *Operator, l, r plainTable, f joinerFn, opts []topology.StoreOption) (handle, error) {
	foreign, err := newKeyFn(op.FkFn)
	if err != nil {
		return nil, err
	}
	switch op.Op {
	case "join":
		return plainTable{l.t.JoinForeign(r.t, foreign, "foreign-"+op.ID, f, opts...)}, nil
	case "leftJoin":
		return plainTable{l.t.LeftJoinForeign(r.t, foreign, "foreign-"+op.ID, leftJoiner(f), opts...)}, nil
	}
	return nil, nil
}

func joinWindows(op *Operator, l, r windowTable, f joinerFn, opts []topology.StoreOption) handle {
	switch left, outer := leftJoiner(f), outerJoiner(f); op.Op {
	case "join":
		return windowTable{l.t.Join(r.t, func(k Key, _ windows.Window, v, v2 Value) Value { return f(k, v, v2) }, opts...), l.key}
	case "leftJoin":
		return windowTable{l.t.LeftJoin(r.t, func(k Key, _ windows.Window, v Value, v2 serde.Optional[Value]) Value { return left(k, v, v2) }, opts...), l.key}
	default:
		return windowTable{l.t.OuterJoin(r.t, func(k Key, _ windows.Window, v, v2 serde.Optional[Value]) Value { return outer(k, v, v2) }, opts...), l.key}
	}
}
