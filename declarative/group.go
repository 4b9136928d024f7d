package declarative

import (
	"strings"
	"time"

	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/windows"
)

func applyGroupByKey(l *loader, in handle, s *step, _ *none) handle {
	if h, ok := unwindowed(in); ok {
		return grouped{h.Stream.GroupByKey(s.options()...), h.key, h.value}
	}
	return l.cannot(in, s, "a stream whose keys have no windows")
}

func applyGroupBy(l *loader, in handle, s *step, x *expression) handle {
	switch h := in.(type) {
	case streamSteps:
		return h.groupBy(l, s, x.node)
	case tableSteps:
		return h.groupRows(l, s, x.node)
	}
	return l.cannot(in, s, "a stream or a table")
}

func (h stream) groupBy(l *loader, s *step, n *document.Node) handle {
	t := l.template(n, h.variables())
	key := h.key
	if key.base != nil {
		key = key.base
	}
	g := h.Stream.GroupBy(func(k, v any) any { return t.eval(&variables{key: k, value: v}) }, s.options()...)
	if key != h.key {
		g = g.WithSerdes(key.serde, h.value.serde)
	}
	return grouped{g, key, h.value}
}

// definition is the windows of a step window. It is nil for sessions, and after a mistake.
func (a *windowArgs) definition(l *loader, s *step) (d windows.Definition, keys func(*format) *format) {
	plainKeys := func(f *format) *format { return f.windowed(windows.KeySerde(f.serde)) }
	given := 0
	for _, is := range []bool{a.Tumbling != nil, a.Hopping != nil, a.Sliding != nil, a.Session != nil, a.Unlimited, a.TumblingCount > 0, a.HoppingCount > 0} {
		if is {
			given++
		}
	}
	if given != 1 {
		l.fail(s.node.Errorf("want one of tumbling, hopping, sliding, session, unlimited, tumbling_count and hopping_count"))
		return nil, nil
	}
	for _, mistake := range []struct {
		text  string
		wrong bool
	}{
		{"advance is for hopping windows", a.Advance != nil && a.Hopping == nil},
		{"hopping windows need advance", a.Hopping != nil && a.Advance == nil},
		{"advance_count is for hopping_count windows", a.AdvanceCount > 0 && a.HoppingCount == 0},
		{"hopping_count windows need advance_count", a.HoppingCount > 0 && a.AdvanceCount == 0},
		{"start is for the unlimited window", a.Start != "" && !a.Unlimited},
		{"grace is for windows that close by time", a.Grace != 0 && (a.Unlimited || a.TumblingCount > 0 || a.HoppingCount > 0)},
		{"the unlimited window never closes, so it cannot emit on_close", a.Unlimited && a.Emit == "on_close"},
	} {
		if mistake.wrong {
			l.fail(s.node.Errorf("%s", mistake.text))
		}
	}
	switch {
	case a.Tumbling != nil:
		return windows.Tumbling(*a.Tumbling).Grace(a.Grace), func(f *format) *format { return timeKeys(f, *a.Tumbling) }
	case a.Hopping != nil && a.Advance != nil:
		return windows.Hopping(*a.Hopping, *a.Advance).Grace(a.Grace), func(f *format) *format { return timeKeys(f, *a.Hopping) }
	case a.Sliding != nil:
		if *a.Sliding > 0 {
			return windows.Sliding(*a.Sliding).Grace(a.Grace), func(f *format) *format { return timeKeys(f, *a.Sliding) }
		}
		return windows.Sliding(0).Grace(a.Grace), plainKeys
	case a.Unlimited:
		u := windows.Unlimited()
		if a.Start != "" {
			at, err := time.Parse(time.RFC3339, a.Start)
			if err != nil {
				l.fail(s.node.Errorf("start: %q is no time such as 2024-02-29T12:00:00Z", a.Start))
			}
			u = u.StartOn(at)
		}
		return u, plainKeys
	case a.TumblingCount > 0:
		return windows.TumblingCount(a.TumblingCount), plainKeys
	case a.HoppingCount > 0:
		return windows.HoppingCount(a.HoppingCount, max(1, a.AdvanceCount)), plainKeys
	}
	return nil, nil
}

func applyWindow(l *loader, in handle, s *step, a *windowArgs) handle {
	d, keys := a.definition(l, s)
	if d == nil && a.Session == nil {
		return broken{}
	}
	check := func(v interface{ Validate() error }) {
		if err := v.Validate(); err != nil {
			l.fail(s.node.Errorf("%s", strings.ReplaceAll(err.Error(), "windows: ", "")))
		}
	}
	closes := a.Emit == "on_close"
	if a.Session != nil {
		def := windows.Session(*a.Session).Grace(a.Grace)
		check(def)
		switch h := in.(type) {
		case grouped:
			return sessionsOf(h, def, closes)
		case cogrouped:
			if closes {
				return l.onCloseOfCogroup(s)
			}
			return sessionCogroup{h.Sessions(def), h.key}
		}
		return l.cannot(in, s, "a grouped stream: put group_by_key or group_by in front of it")
	}
	check(d)
	switch h := in.(type) {
	case grouped:
		return windowedOf(h, d, keys, closes)
	case cogrouped:
		if closes {
			return l.onCloseOfCogroup(s)
		}
		return windowedCogroup{h.Windowed(d), h.key, keys(h.key)}
	}
	return l.cannot(in, s, "a grouped stream: put group_by_key or group_by in front of it")
}

func (l *loader) onCloseOfCogroup(s *step) handle {
	l.fail(s.node.Errorf("a cogroup cannot emit on_close: put suppress behind the aggregate"))
	return broken{}
}

func sessionsOf(h grouped, def windows.SessionWindow, closes bool) handle {
	to := h.Sessions(def)
	if closes {
		to = to.OnClose()
	}
	return sessions{to, h.key, h.value}
}

func windowedOf(h grouped, d windows.Definition, keys func(*format) *format, closes bool) handle {
	to := h.Windowed(d)
	if closes {
		to = to.OnClose()
	}
	return windowed{to, h.key, h.value, keys(h.key), closes}
}

// cogroup makes the aggregate of several grouped streams.
func (l *loader) cogroup(inputs []cogroupInput) handle {
	var all *topology.Cogrouped[any, any]
	var key *format
	for _, in := range inputs {
		h := l.refer(in.From)
		add := l.template(in.Add.node, []variable{varKey, varValue, varAggregate})
		switch g := h.(type) {
		case grouped:
			key = g.key
			all = with(all, g.Grouped, add)
		case broken:
			return h
		default:
			l.fail(in.From.node.Errorf("%q is %s, want a stream that ends with group_by or group_by_key", in.From.name(), h.described()))
			return broken{}
		}
	}
	return cogrouped{*all, key}
}

// with adds an input to a cogroup, or begins one.
func with(all *topology.Cogrouped[any, any], g topology.Grouped[any, any], add *template) *topology.Cogrouped[any, any] {
	f := func(k, v, a any) any { return add.eval(&variables{key: k, value: v, aggregate: a}) }
	var to topology.Cogrouped[any, any]
	if all == nil {
		to = g.Cogroup(f)
	} else {
		to = all.And(g, f)
	}
	return &to
}
