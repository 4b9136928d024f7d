package conformance

import (
	"fmt"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
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
		}
	case plainTable:
		if r, ok := right.(plainTable); ok && op.FkFn != "" {
			h, err = in.joinForeign(op, l, r, f)
		} else if ok {
			h, err = in.joinTables(op, l, r, f)
		}
	case windowTable:
		if r, ok := right.(windowTable); ok {
			h, err = in.joinWindows(op, l, r, f)
		}
	}
	if h == nil && err == nil {
		err = fmt.Errorf("it does not join a %T and a %T", left, right)
	}
	return h, err
}

func joinStreams(op *Operator, _, _ plainStream, _ joinerFn) (handle, error) {
	return nil, unsupported("%s of streams", op.Op)
}

func joinTable(op *Operator, s plainStream, t plainTable, f joinerFn) (handle, error) {
	if op.GraceMs != nil {
		return nil, unsupported("%s of a stream and a table with grace", op.Op)
	}
	name := op.Name
	if name == "" {
		name = "join-" + op.ID
	}
	opts := []topology.NodeOption{topology.Named(name)}
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

func (in *interpreter) joinTables(op *Operator, _, _ plainTable, _ joinerFn) (handle, error) {
	return nil, unsupported("%s of tables", op.Op)
}

func (in *interpreter) joinForeign(op *Operator, _, _ plainTable, _ joinerFn) (handle, error) {
	return nil, unsupported("%s by a foreign key", op.Op)
}

func (in *interpreter) joinWindows(op *Operator, _, _ windowTable, _ joinerFn) (handle, error) {
	return nil, unsupported("%s of windowed tables", op.Op)
}
