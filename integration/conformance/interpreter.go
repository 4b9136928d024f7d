package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rivusio/rivusio/topology"
)

// program is a scenario's topology and how to look at what it does.
type program struct {
	topo   *topology.Topology
	topics map[string]int32 // partitions of the topics that the topology reads and writes
	sinks  []sink
	stores []string // whose rows are compared
}

type sink struct {
	topic string
	key   func([]byte) (AnyKey, error)
}

// unsupportedError names what the builder does not have.
type unsupportedError struct{ what string }

func (e unsupportedError) Error() string { return e.what + " is not supported" }

func unsupported(format string, args ...any) error {
	return unsupportedError{fmt.Sprintf(format, args...)}
}

// handle is what an operator gave and others can be made on.
type handle interface {
	// operator makes one that has this handle as its only input. It returns nil for a sink.
	operator(in *interpreter, op *Operator) (handle, error)
}

// absent is the handle of what could not be made because it, or something above it, is not supported.
type absent struct{}

func (a absent) operator(_ *interpreter, op *Operator) (handle, error) {
	if op.Op == "to" {
		return nil, nil
	}
	return a, nil
}

// errNoOperator is of an operator that its input does not have.
var errNoOperator = errors.New("its input has no such operator")

// interpreter makes a topology of a scenario's operators.
type interpreter struct {
	scenario *Scenario
	b        *topology.Builder
	program  *program
	handles  map[string]handle
	missing  []string // names of what is not supported
}

// compile makes the topology of a scenario. missing names what it needs and the builder does not have; then there is no
// program. refused is an error of Build; err says that the scenario itself is wrong.
func compile(s *Scenario) (p *program, missing []string, refused, err error) {
	in := &interpreter{
		scenario: s, b: topology.NewBuilder("conformance"), handles: make(map[string]handle),
		program: &program{topics: make(map[string]int32)},
	}
	for i := range s.Topology {
		op := &s.Topology[i]
		h, err := in.operator(op)
		if u, ok := errors.AsType[unsupportedError](err); ok {
			in.missing, h = append(in.missing, u.what), absent{}
		} else if err != nil {
			return nil, nil, nil, fmt.Errorf("operator %q (%s): %w", op.ID, op.Op, err)
		}
		in.keep(op, h)
	}
	if len(in.missing) > 0 {
		slices.Sort(in.missing)
		return nil, slices.Compact(in.missing), nil, nil
	}
	in.program.topo, refused = in.b.Build()
	return in.program, nil, refused, nil
}

// branches are the streams of a branch, the one of all other records last.
type branches []stream

func (branches) operator(*interpreter, *Operator) (handle, error) { return nil, errNoOperator }

func (in *interpreter) keep(op *Operator, h handle) {
	list, ok := h.(branches)
	if !ok {
		if h != nil {
			in.handles[op.ID] = h
		}
		return
	}
	for i, s := range list[:len(op.Predicates)] {
		in.handles[op.ID+"."+strconv.Itoa(i)] = s
	}
	if op.Default {
		in.handles[op.ID+".default"] = list[len(op.Predicates)]
	}
}

// input finds an input of an operator.
func (in *interpreter) input(id string) (handle, error) {
	if h, ok := in.handles[id]; ok {
		return h, nil
	}
	// A branch of what is missing is missing too.
	if branch, _, ok := strings.Cut(id, "."); ok && in.handles[branch] == (absent{}) {
		return absent{}, nil
	}
	return nil, fmt.Errorf("its input %q is not there", id)
}

// operator makes one operator. It returns its handle, or nil for a sink.
func (in *interpreter) operator(op *Operator) (handle, error) {
	switch op.Op {
	case "stream":
		return in.stream(op)
	case "table":
		return in.table(op)
	case "globalTable":
		return in.globalTable(op)
	case "cogroup":
		return in.cogroup(op)
	case "merge", "join", "leftJoin", "outerJoin":
		return in.two(op)
	}
	if !slices.Contains(ofOne, op.Op) {
		return nil, unsupported("operator %s", op.Op)
	}
	from, err := in.input(op.From)
	if err != nil {
		return nil, err
	}
	return from.operator(in, op)
}

// ofOne are the operators that have one input.
var ofOne = strings.Fields("filter filterNot map mapValues flatMap flatMapValues selectKey branch repartition toTable toStream " +
	"groupByKey groupBy windowedBy count reduce aggregate suppress to")

// two makes an operator with two inputs.
func (in *interpreter) two(op *Operator) (handle, error) {
	left, errLeft := in.input(op.Left)
	right, errRight := in.input(op.Right)
	switch {
	case errLeft != nil || errRight != nil:
		return nil, errors.Join(errLeft, errRight)
	case left == (absent{}) || right == (absent{}):
		return absent{}, nil
	case op.Op == "merge":
		if l, ok := left.(stream); ok {
			return l.merge(right)
		}
		return nil, fmt.Errorf("it does not merge a %T and a %T", left, right)
	}
	return in.join(op, left, right)
}

// named are the options of an operator that may have a name.
func named(name string) []topology.NodeOption {
	if name == "" {
		return nil
	}
	return []topology.NodeOption{topology.Named(name)}
}
