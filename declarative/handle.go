package declarative

import "github.com/rivusio/rivusio/topology"

// handle is what an entry has become after a step.
type handle interface{ described() string }

// stream is a stream. All keys and values are of any: a key in a window is a windows.Keyed[any] there, a count an int64.
type stream struct {
	topology.Stream[any, any]
	key, value *format
}

// variables are those of a stateless operator.
func (h stream) variables(more ...variable) []variable {
	if h.key.base != nil {
		more = append([]variable{varWindow}, more...)
	}
	return append([]variable{varKey, varValue}, more...)
}

// unwindowed is a stream whose keys have no windows.
func unwindowed(in handle) (stream, bool) {
	h, ok := in.(stream)
	return h, ok && h.key.base == nil
}

// table is a table.
type table struct {
	topology.Table[any, any]
	key, value *format
}

// windowedTable is a table with a row for each key and window.
type windowedTable struct {
	topology.WindowedTable[any, any]
	key, value *format // of the base key
	windows    *format // of the keys in their windows
}

type grouped struct {
	topology.Grouped[any, any]
	key, value *format
}

type windowed struct {
	topology.Windowed[any, any]
	key, value *format
	windows    *format
	closes     bool
}

type sessions struct {
	topology.Sessions[any, any]
	key, value *format
}

type groupedTable struct {
	topology.GroupedTable[any, any]
	key, value *format
}

type cogrouped struct {
	topology.Cogrouped[any, any]
	key *format
}

type windowedCogroup struct {
	topology.WindowedCogroup[any, any]
	key     *format
	windows *format
}

type sessionCogroup struct {
	topology.SessionCogroup[any, any]
	key *format
}

// branches is a stream that was split. Nothing goes on from it but from its branches.
type branches struct {
	names   []string
	streams []handle
}

// broken stands for what could not be made. Whatever is done with it is not reported again.
type broken struct{}

func (h stream) described() string {
	if h.key.base != nil {
		return "a stream with keys in windows"
	}
	return "a stream"
}
func (table) described() string           { return "a table" }
func (windowedTable) described() string   { return "a table with windows" }
func (grouped) described() string         { return "a grouped stream" }
func (windowed) described() string        { return "a grouped stream with windows" }
func (sessions) described() string        { return "a grouped stream with sessions" }
func (groupedTable) described() string    { return "a grouped table" }
func (cogrouped) described() string       { return "a cogroup" }
func (windowedCogroup) described() string { return "a cogroup with windows" }
func (sessionCogroup) described() string  { return "a cogroup with sessions" }
func (branches) described() string        { return "a stream that was split into branches" }
func (broken) described() string          { return "nothing" }

// cannot reports a step that does not fit what it is applied to.
func (l *loader) cannot(in handle, s *step, want string) handle {
	if _, ok := in.(broken); !ok {
		l.fail(s.node.Errorf("%s is for %s, and this is %s", s.kind.name, want, in.described()))
	}
	return broken{}
}

// fail notes a mistake.
func (l *loader) fail(err error) {
	if err != nil {
		l.errs = append(l.errs, err)
	}
}
