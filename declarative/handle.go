package declarative

import (
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

// handle is what an entry has become after a step.
type handle interface{ described() string }

// stream is a stream, with keys of any or of any in windows, and values of any, or int64 behind a count.
type stream[K, V any] struct {
	topology.Stream[K, V]
	key, value *format
}

// table is a table, with values of any, or int64 behind a count.
type table[V any] struct {
	topology.Table[any, V]
	key, value *format
}

// windowedTable is a table with a row for each key and window.
type windowedTable[V any] struct {
	topology.WindowedTable[any, V]
	key, value *format // of the base key
	windows    *format // of the keys in their windows
}

type grouped[V any] struct {
	topology.Grouped[any, V]
	key, value *format
}

type windowed[V any] struct {
	topology.Windowed[any, V]
	key, value *format
	windows    *format
	closes     bool
}

type sessions[V any] struct {
	topology.Sessions[any, V]
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

func (stream[K, V]) described() string {
	if _, ok := any(*new(K)).(windows.Keyed[any]); ok {
		return "a stream with keys in windows"
	}
	return "a stream"
}
func (table[V]) described() string {
	if isCount[V]() {
		return "a table of counts"
	}
	return "a table"
}
func (windowedTable[V]) described() string {
	if isCount[V]() {
		return "a table of counts with windows"
	}
	return "a table with windows"
}
func (grouped[V]) described() string      { return "a grouped stream" }
func (windowed[V]) described() string     { return "a grouped stream with windows" }
func (sessions[V]) described() string     { return "a grouped stream with sessions" }
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

// named is the option of the name of a step.
func (s *step) named() []topology.NodeOption {
	if s.name == "" {
		return nil
	}
	return []topology.NodeOption{topology.Named(s.name)}
}
