package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// program is a scenario's topology and how to look at what it does.
type program struct {
	topo   *topology.Topology
	topics map[string]int32 // partitions of the topics that the topology reads and writes
	sinks  []sink
	stores map[string]func(*local.Runtime) ([]Row, error)
}

type sink struct {
	topic string
	key   func([]byte) (AnyKey, error)
}

// unsupportedError names what the builder does not have yet.
type unsupportedError struct{ what string }

func (e unsupportedError) Error() string { return e.what + " is not supported" }

func unsupported(format string, args ...any) error {
	return unsupportedError{fmt.Sprintf(format, args...)}
}

// absent is the handle of what could not be made because it, or something above it, is not supported.
type absent struct{}

// interpreter makes a topology of a scenario's operators.
type interpreter struct {
	scenario *Scenario
	b        *topology.Builder
	program  *program
	handles  map[string]any // stream, table, grouped, windowed, absent; by id
	missing  []string       // names of what is not supported
	joined   map[string]bool
}

// compile makes the topology of a scenario. missing names what it needs and the builder does not have; then there is no
// program. refused is an error of Build; err says that the scenario itself is wrong.
func compile(s *Scenario) (p *program, missing []string, refused, err error) {
	in := &interpreter{
		scenario: s, b: topology.NewBuilder("conformance"), handles: make(map[string]any), joined: make(map[string]bool),
		program: &program{topics: make(map[string]int32), stores: make(map[string]func(*local.Runtime) ([]Row, error))},
	}
	for _, op := range s.Topology {
		if op.Right != "" {
			in.joined[op.Right] = true
		}
	}
	for i := range s.Topology {
		op := &s.Topology[i]
		h, err := in.operator(op)
		if u, ok := errors.AsType[unsupportedError](err); ok {
			in.missing, h = append(in.missing, u.what), absent{}
		} else if err != nil {
			return nil, nil, nil, fmt.Errorf("operator %q (%s): %w", op.ID, op.Op, err)
		}
		if branches, ok := h.([]stream); ok {
			in.branches(op, branches)
		} else if h != nil {
			in.handles[op.ID] = h
		}
	}
	if len(in.missing) > 0 {
		slices.Sort(in.missing)
		return nil, slices.Compact(in.missing), nil, nil
	}
	in.program.topo, refused = in.b.Build()
	return in.program, nil, refused, nil
}

func (in *interpreter) branches(op *Operator, branches []stream) {
	for i, s := range branches[:len(op.Predicates)] {
		in.handles[op.ID+"."+strconv.Itoa(i)] = s
	}
	if op.Default {
		in.handles[op.ID+".default"] = branches[len(op.Predicates)]
	}
}

// handle finds an input of an operator.
func (in *interpreter) handle(id string) (any, error) {
	h, ok := in.handles[id]
	if !ok {
		// A branch of a missing operator is missing too.
		for i := range in.scenario.Topology {
			if op := &in.scenario.Topology[i]; op.Op == "branch" && len(id) > len(op.ID) && id[:len(op.ID)+1] == op.ID+"." {
				if _, gone := in.handles[op.ID].(absent); gone {
					return absent{}, nil
				}
			}
		}
		return nil, fmt.Errorf("its input %q is not there", id)
	}
	return h, nil
}

// operator makes one operator. It returns its handle, or nil for a sink.
func (in *interpreter) operator(op *Operator) (any, error) {
	switch op.Op {
	case "stream":
		return in.stream(op)
	case "table":
		return in.table(op)
	case "globalTable":
		return nil, unsupported("globalTable")
	case "cogroup":
		return nil, unsupported("cogroup")
	case "merge", "join", "leftJoin", "outerJoin":
		return in.two(op)
	}
	from, err := in.handle(op.From)
	if err != nil {
		return nil, err
	}
	switch from := from.(type) {
	case absent:
		if op.Op == "to" {
			return nil, nil
		}
		return from, nil
	case stream:
		return in.ofStream(op, from)
	case table:
		return in.ofTable(op, from)
	case grouped:
		return in.ofGrouped(op, from)
	case windowed:
		return in.ofWindowed(op, from)
	}
	return nil, fmt.Errorf("there is no such operator on a %T", from)
}

func (in *interpreter) source(op *Operator) error {
	switch {
	case len(op.Topics) > 0:
		return unsupported("stream of several topics")
	case op.TimestampFn != "":
		return unsupported("timestampFn")
	}
	in.program.topics[op.Topic] = max(1, in.program.topics[op.Topic])
	return nil
}

func (in *interpreter) stream(op *Operator) (any, error) {
	if err := in.source(op); err != nil {
		return nil, err
	}
	var opts []topology.NodeOption
	if in.scenario.OnMalformed == "skip" {
		opts = append(opts, topology.SkipUndecodable())
	}
	return plain(in.b.Stream(op.Topic, keys, values, opts...), false), nil
}

func (in *interpreter) table(op *Operator) (any, error) {
	if op.VersionedMs != nil {
		return nil, unsupported("versioned table")
	}
	if err := in.source(op); err != nil {
		return nil, err
	}
	var opts []topology.StoreOption
	if in.scenario.OnMalformed == "skip" {
		opts = append(opts, topology.SkipUndecodable())
	}
	return in.rows(op, in.b.Table(op.Topic, in.store(op), keys, values, opts...)), nil
}

// store is the name of a table's store. One without a name gets a hidden one where the semantics need rows.
func (in *interpreter) store(op *Operator) string {
	if op.Store == "" && in.joined[op.ID] {
		return "hidden-" + op.ID
	}
	return op.Store
}

func (in *interpreter) rows(op *Operator, t topology.Table[Key, Value]) table {
	return keepTable(in, op, t, func(v Value) Value { return v })
}

func (in *interpreter) ofStream(op *Operator, s stream) (any, error) {
	switch op.Op {
	case "filter", "filterNot":
		p, err := newPredicate(op.Predicate)
		return s.filter(p, op.Op == "filterNot"), err
	case "map":
		k, errK := newKeyFn(op.KeyFn)
		v, errV := newValueFn(op.ValueFn)
		return s.mapBoth(k, v), errors.Join(errK, errV)
	case "mapValues":
		f, err := newValueFn(op.ValueFn)
		return s.mapValues(f), err
	case "flatMap":
		f, err := newPairsFn(op.FlatFn)
		return s.flatMap(f), err
	case "flatMapValues":
		f, err := newListFn(op.FlatFn)
		return s.flatMapValues(f), err
	case "selectKey":
		f, err := newKeyFn(op.KeyFn)
		return s.selectKey(f), err
	case "branch":
		preds := make([]predicate, len(op.Predicates))
		for i, name := range op.Predicates {
			var err error
			if preds[i], err = newPredicate(name); err != nil {
				return nil, err
			}
		}
		return s.branch(preds), nil
	case "groupBy":
		f, err := newKeyFn(op.KeyFn)
		return s.groupBy(f, op.Name), err
	case "to":
		return nil, in.to(op, s)
	}
	p, ok := s.(plainStream)
	if !ok {
		return nil, errors.New("it does not take windowed keys")
	}
	return in.ofPlain(op, p)
}

func (in *interpreter) ofPlain(op *Operator, s plainStream) (any, error) {
	switch op.Op {
	case "repartition":
		return plain(s.s.Repartition(op.Name), false), nil
	case "groupByKey":
		return grouped{s.s.GroupByKey(named(op.Name)...)}, nil
	case "toTable":
		if op.VersionedMs != nil {
			return nil, unsupported("versioned table")
		}
		store := in.store(op)
		if store == "" && s.rekeyed {
			// The repartition topic has the name of the store; here there is none.
			return in.rows(op, s.s.Repartition(op.ID).ToTable("")), nil
		}
		return in.rows(op, s.s.ToTable(store)), nil
	}
	return nil, errors.New("there is no such operator on a stream")
}

func named(name string) []topology.NodeOption {
	if name == "" {
		return nil
	}
	return []topology.NodeOption{topology.Named(name)}
}

func (in *interpreter) to(op *Operator, s stream) error {
	partitions := int32(1)
	if op.Partitions != nil {
		for _, p := range *op.Partitions {
			partitions = max(partitions, p+1)
		}
	}
	in.program.topics[op.Topic] = max(partitions, in.program.topics[op.Topic])
	in.program.sinks = append(in.program.sinks, sink{op.Topic, s.to(op.Topic, op.Partitions)})
	return nil
}

func (in *interpreter) ofTable(op *Operator, t table) (any, error) {
	switch op.Op {
	case "to":
		return nil, in.to(op, t.toStream())
	case "toStream":
		s := t.toStream()
		if op.KeyFn == "" {
			return s, nil
		}
		f, err := newKeyFn(op.KeyFn)
		return s.selectKey(f), err
	case "filter", "filterNot", "mapValues", "groupBy":
		return nil, unsupported("%s of a table", op.Op)
	case "suppress":
		return nil, unsupported("suppress")
	}
	return nil, errors.New("there is no such operator on a table")
}

// two makes an operator with two inputs.
func (in *interpreter) two(op *Operator) (any, error) {
	left, errLeft := in.handle(op.Left)
	right, errRight := in.handle(op.Right)
	if err := errors.Join(errLeft, errRight); err != nil {
		return nil, err
	}
	if left == (absent{}) || right == (absent{}) {
		return absent{}, nil
	}
	_, leftTable := left.(table)
	s, isStream := left.(stream)
	rightTable, isTable := right.(table)
	switch {
	case op.Op == "merge" && isStream && !isTable:
		return s.merge(right.(stream))
	case op.FkFn != "":
		return nil, unsupported("%s by a foreign key", op.Op)
	case leftTable && isTable:
		return nil, unsupported("%s of tables", op.Op)
	case isStream && !isTable:
		return nil, unsupported("%s of streams", op.Op)
	case op.GraceMs != nil:
		return nil, unsupported("%s of a stream and a table with grace", op.Op)
	}
	p, ok := left.(plainStream)
	if !ok || !isTable || op.Op == "outerJoin" {
		return nil, fmt.Errorf("it does not join a %T and a %T", left, right)
	}
	f, err := newJoiner(op.Joiner)
	if err != nil {
		return nil, err
	}
	name := op.Name
	if name == "" {
		name = "join-" + op.ID
	}
	return rightTable.join(p, op.Op == "leftJoin", f, name)
}

func (in *interpreter) ofGrouped(op *Operator, g grouped) (any, error) {
	if op.Op == "windowedBy" {
		w, err := definition(op.Window)
		if err != nil {
			return nil, err
		}
		windowing := g.g.Windowed(w)
		if op.Emit == "close" {
			windowing = windowing.OnClose()
		}
		return windowed{windowing}, nil
	}
	return in.aggregate(op, g)
}

func definition(w *Window) (windows.TimeWindow, error) {
	switch ms := time.Millisecond; w.Type {
	case "tumbling":
		return windows.Tumbling(time.Duration(w.SizeMs) * ms).Grace(time.Duration(w.GraceMs) * ms), nil
	case "hopping":
		return windows.Hopping(time.Duration(w.SizeMs)*ms, time.Duration(w.AdvanceMs)*ms).Grace(time.Duration(w.GraceMs) * ms), nil
	case "sliding", "session":
		return windows.TimeWindow{}, unsupported("%s windows", w.Type)
	}
	return windows.TimeWindow{}, fmt.Errorf("unknown window type %q", w.Type)
}

func (in *interpreter) ofWindowed(op *Operator, w windowed) (any, error) {
	return in.aggregate(op, w)
}

// aggregating is what a grouping and a windowing have in common.
type aggregating interface {
	count(in *interpreter, op *Operator, opts []topology.StoreOption) table
	reduce(in *interpreter, op *Operator, f combineFn, opts []topology.StoreOption) table
	aggregate(in *interpreter, op *Operator, add combineFn, opts []topology.StoreOption) table
}

func (in *interpreter) aggregate(op *Operator, g aggregating) (any, error) {
	var opts []topology.StoreOption
	if op.RetentionMs != nil {
		opts = append(opts, topology.Retention(time.Duration(*op.RetentionMs)*time.Millisecond))
	}
	if op.Op == "count" {
		return g.count(in, op, opts), nil
	}
	f, err := newCombine(op.Add)
	if err != nil {
		return nil, err
	}
	switch op.Op {
	case "reduce":
		return g.reduce(in, op, f, opts), nil
	case "aggregate":
		return g.aggregate(in, op, f, opts), nil
	}
	return nil, errors.New("there is no such operator on a grouped stream")
}
