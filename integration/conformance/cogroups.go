package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rivusio/rivusio/topology"
)

// cogroup makes a cogrouped stream.
func (in *interpreter) cogroup(op *Operator) (handle, error) {
	var c topology.Cogrouped[Key, Value]
	for i, of := range op.Of {
		from, err := in.input(of.From)
		if err != nil {
			return nil, err
		}
		if from == (absent{}) {
			return absent{}, nil
		}
		g, ok := from.(grouped)
		if !ok {
			return nil, fmt.Errorf("it does not cogroup a %T", from)
		}
		add, err := newCombine(of.Add)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			c = g.g.Cogroup(keyed(add))
		} else {
			c = c.And(g.g, keyed(add))
		}
	}
	return cogrouped{c}, nil
}

// named is the option with the name of a grouping. One that a cogroup takes may need a name, which the scenario may not give; but
// two that are repartitioned without a name are refused, as Kafka Streams does.
func (in *interpreter) named(op *Operator) []topology.NodeOption {
	all := in.scenario.Topology
	taker := slices.IndexFunc(all, func(o Operator) bool {
		return slices.ContainsFunc(o.Of, func(of CogroupOf) bool { return of.From == op.ID })
	})
	if op.Name != "" || taker < 0 {
		return named(op.Name)
	}
	hops := make(map[string]bool)
	for _, of := range all[taker].Of {
		if g := find(of.From, all); g != nil && g.Name == "" && rekeyed(g.ID, all) {
			hops[g.ID] = true
		}
	}
	if hops[op.ID] && len(hops) > 1 {
		return nil
	}
	return named("group-" + op.ID)
}

// rekeyed reports whether a grouping or stream has other keys than the topic that it was read from.
func rekeyed(id string, all []Operator) bool {
	op := find(id, all)
	if op == nil {
		return false
	}
	switch op.Op {
	case "groupBy", "selectKey", "map", "flatMap":
		return true
	case "toStream":
		return op.KeyFn != ""
	case "merge":
		return rekeyed(op.Left, all) || rekeyed(op.Right, all)
	case "filter", "filterNot", "mapValues", "flatMapValues", "branch", "groupByKey":
		return rekeyed(op.From, all)
	default:
		return false
	}
}

// find returns the operator with an ID, or behind the address of a branch.
func find(id string, all []Operator) *Operator {
	id, _, _ = strings.Cut(id, ".")
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
	}
	return nil
}

// cogrouped is a cogrouped stream.
type cogrouped struct {
	c topology.Cogrouped[Key, Value]
}

func (c cogrouped) operator(in *interpreter, op *Operator) (handle, error) {
	switch op.Op {
	case "windowedBy":
		if op.Window.Type == "session" {
			return cogroupedSessions{c.c.Sessions(sessionWindow(op.Window))}, nil
		}
		def, key, err := definition(op.Window)
		if err != nil {
			return nil, err
		}
		return cogroupedWindows{c.c.Windowed(def), key}, nil
	case "aggregate":
		in.compared(op)
		return plainTable{c.c.Aggregate(op.Store, initial(op.Init), retention(op)...)}, nil
	}
	return nil, errNoOperator
}

// cogroupedWindows is a cogrouped stream with windows.
type cogroupedWindows struct {
	w   topology.WindowedCogroup[Key, Value]
	key keyOf[windowedKey]
}

func (c cogroupedWindows) operator(in *interpreter, op *Operator) (handle, error) {
	if op.Op != "aggregate" {
		return nil, errNoOperator
	}
	in.compared(op)
	return windowTable{c.w.Aggregate(op.Store, initial(op.Init), retention(op)...), c.key}, nil
}

// cogroupedSessions is a cogrouped stream with sessions.
type cogroupedSessions struct {
	s topology.SessionCogroup[Key, Value]
}

func (c cogroupedSessions) operator(in *interpreter, op *Operator) (handle, error) {
	if op.Op != "aggregate" {
		return nil, errNoOperator
	}
	merge, err := combineOrNone(op.Merge)
	if err != nil {
		return nil, err
	}
	in.compared(op)
	return windowTable{c.s.Aggregate(op.Store, initial(op.Init), merger(merge), retention(op)...), sessionKeys}, nil
}
