package topology

import (
	"fmt"
	"time"

	"github.com/rivusio/rivusio/internal/graph"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// handle stands for a store of the topology, as an option of the processors that use it.
type handle struct{ s *graph.Store }

func (h handle) process(o *processOptions) { o.stores = append(o.stores, h.s) }

// storeIn is the task's partition of a store, or nil if the operator of c was not given it.
func storeIn[S any](h handle, c *operators.Context) (s S, ok bool) {
	if h.s == nil {
		return s, false
	}
	s, ok = c.Store(h.s.Name).(S)
	return s, ok
}

// KeyValueHandle stands for a key-value store. Make one with [Builder.KeyValueStore].
type KeyValueHandle[K, V any] struct{ handle }

// In is the task's partition of the store, or nil if the operator was not given the handle when the topology was built.
func (h KeyValueHandle[K, V]) In(c *operators.Context) state.KeyValue[K, V] {
	if s, ok := storeIn[*state.KeyValueStore[K, V]](h.handle, c); ok {
		return s
	}
	return nil
}

// KeyValueStore declares a store of one row per key, with its timestamp, for [Stream.Process] and [Stream.ProcessValues].
//
// Options: [InMemory], [NoChangelog].
func (b *Builder) KeyValueStore[K, V any](name string, k serde.Serde[K], v serde.Serde[V], opts ...StoreOption) KeyValueHandle[K, V] {
	return KeyValueHandle[K, V]{declare(b, name, state.KindKeyValue, 0, k, v, opts, nil, func(c state.Config) state.Store {
		return state.NewKeyValue(c, k, v)
	})}
}

// declare adds a store for processors.
func declare[K, V any](b *Builder, name string, kind state.Kind, retentionMs int64, k serde.Serde[K], v serde.Serde[V], opts []StoreOption, settings map[string]int64, open func(state.Config) state.Store) handle {
	o := b.storeOptions("store "+name, opts, optInMemory|optNoChangelog)
	if k == nil || v == nil {
		b.fail("store %q has a nil serde", name)
	}
	return handle{b.store(&graph.Store{
		Name: name, Kind: kind, RetentionMs: retentionMs, Keys: serde.Name(k), Values: serde.Name(v), Settings: settings, Open: open,
	}, o)}
}

// WindowHandle stands for a window store. Make one with [Builder.WindowStore].
type WindowHandle[K, V any] struct{ handle }

// In is the task's partition of the store, or nil if the operator was not given the handle when the topology was built.
func (h WindowHandle[K, V]) In(c *operators.Context) state.Window[K, V] {
	if s, ok := storeIn[*state.WindowStore[K, V]](h.handle, c); ok {
		return s
	}
	return nil
}

// WindowStore declares a store of one row per key and start of a window, for [Stream.Process] and [Stream.ProcessValues].
// Windows are of that size, and are kept for retention after their start, in event time; it must be at least the size.
//
// Options: [InMemory], [NoChangelog].
func (b *Builder) WindowStore[K, V any](name string, size, retention time.Duration, k serde.Serde[K], v serde.Serde[V], opts ...StoreOption) WindowHandle[K, V] {
	if size < time.Millisecond || retention < size {
		b.fail("store %q has windows of %v and a retention of %v, want at least 1ms and at least the size", name, size, retention)
	}
	w := state.WindowConfig{SizeMs: size.Milliseconds(), RetentionMs: retention.Milliseconds()}
	return WindowHandle[K, V]{declare(b, name, state.KindWindow, w.RetentionMs, k, v, opts, map[string]int64{settingSize: w.SizeMs}, func(c state.Config) state.Store {
		return state.NewWindow(c, w, k, v)
	})}
}

// SessionHandle stands for a session store. Make one with [Builder.SessionStore].
type SessionHandle[K, V any] struct{ handle }

// In is the task's partition of the store, or nil if the operator was not given the handle when the topology was built.
func (h SessionHandle[K, V]) In(c *operators.Context) state.Session[K, V] {
	if s, ok := storeIn[*state.SessionStore[K, V]](h.handle, c); ok {
		return s
	}
	return nil
}

// SessionStore declares a store of one row per key and session, for [Stream.Process] and [Stream.ProcessValues]. A session is
// kept for retention after its end, in event time.
//
// Options: [InMemory], [NoChangelog].
func (b *Builder) SessionStore[K, V any](name string, retention time.Duration, k serde.Serde[K], v serde.Serde[V], opts ...StoreOption) SessionHandle[K, V] {
	w := state.SessionConfig{RetentionMs: b.retentionMs(name, retention)}
	return SessionHandle[K, V]{declare(b, name, state.KindSession, w.RetentionMs, k, v, opts, nil, func(c state.Config) state.Store {
		return state.NewSession(c, w, k, v)
	})}
}

// VersionedHandle stands for a versioned store. Make one with [Builder.VersionedStore].
type VersionedHandle[K, V any] struct{ handle }

// In is the task's partition of the store, or nil if the operator was not given the handle when the topology was built.
func (h VersionedHandle[K, V]) In(c *operators.Context) state.Versioned[K, V] {
	if s, ok := storeIn[*state.VersionedStore[K, V]](h.handle, c); ok {
		return s
	}
	return nil
}

// VersionedStore declares a store of the versions of each key's value, for [Stream.Process] and [Stream.ProcessValues]: those
// that were valid during the last history of event time, and the latest one, for ever. A put or delete says from when it
// is valid; one that is older than the history is refused, which is what its result says (KIP-889). history is 0 or more,
// in whole milliseconds.
//
// Options: [InMemory], [NoChangelog].
func (b *Builder) VersionedStore[K, V any](name string, history time.Duration, k serde.Serde[K], v serde.Serde[V], opts ...StoreOption) VersionedHandle[K, V] {
	w := state.VersionedConfig{HistoryMs: b.historyMs(fmt.Sprintf("store %q", name), history)}
	return VersionedHandle[K, V]{declare(b, name, state.KindVersioned, 0, k, v, opts, map[string]int64{settingHistory: w.HistoryMs}, func(c state.Config) state.Store {
		return state.NewVersioned(c, w, k, v)
	})}
}

// ListHandle stands for a list store. Make one with [Builder.ListStore].
type ListHandle[K, V any] struct{ handle }

// In is the task's partition of the store, or nil if the operator was not given the handle when the topology was built.
func (h ListHandle[K, V]) In(c *operators.Context) state.List[K, V] {
	if s, ok := storeIn[*state.ListStore[K, V]](h.handle, c); ok {
		return s
	}
	return nil
}

// ListStore declares a store of any number of rows per key and time, for [Stream.Process] and [Stream.ProcessValues]: a
// buffer, for instance of records that wait. Rows are kept for retention after their time, in event time (Kafka Streams'
// window store that retains duplicates).
//
// Options: [InMemory], [NoChangelog].
func (b *Builder) ListStore[K, V any](name string, retention time.Duration, k serde.Serde[K], v serde.Serde[V], opts ...StoreOption) ListHandle[K, V] {
	l := state.ListConfig{RetentionMs: b.retentionMs(name, retention)}
	return ListHandle[K, V]{declare(b, name, state.KindList, l.RetentionMs, k, v, opts, nil, func(c state.Config) state.Store {
		return state.NewList(c, l, k, v)
	})}
}

// retentionMs is the retention of a store.
func (b *Builder) retentionMs(store string, retention time.Duration) int64 {
	if retention < time.Millisecond {
		b.fail("store %q has a retention of %v, want at least 1ms", store, retention)
	}
	return retention.Milliseconds()
}

// historyMs is the history of a versioned store.
func (b *Builder) historyMs(of string, history time.Duration) int64 {
	if history < 0 || history%time.Millisecond != 0 {
		b.fail("%s has a history of %v, want whole milliseconds, 0 or more", of, history)
	}
	return history.Milliseconds()
}

// tableRead is a table whose rows a processor reads.
type tableRead struct {
	b    *Builder
	from *graph.Node
	own  *graph.Store
}

func (t Table[K, V]) process(o *processOptions) {
	o.tables = append(o.tables, tableRead{t.b, t.from, t.own})
}

func (t tableRead) connect(b *Builder, n, stream *graph.Node) {
	switch {
	case t.b != b:
		b.fail("operator %q was given a table that this builder did not make", n.Name)
	case t.own == nil:
		b.fail("operator %q reads the rows of a table that keeps none of its own (%q), or keeps versions: give the table a store name", n.Name, t.from.Name)
	default:
		connect(t.own, n)
		b.coPartition(n, stream, t.from)
	}
}

// In reads the rows of the table in a processor that was given it ([Stream.Process]), on its task's goroutine: those of the
// task's partition, as they are after the records of the table that the task has processed. It is nil anywhere else. Values
// belong to the table: do not change them.
//
// With [SourceAsChangelog] the table is a store that is fed by its topic and has no changelog (Kafka Streams' read-only state
// store, KIP-813).
func (t Table[K, V]) In[C interface{ *operators.Context }](c C) state.KeyValueReader[K, V] {
	if s, ok := storeIn[*state.KeyValueStore[K, V]](handle{t.own}, (*operators.Context)(c)); ok {
		return s
	}
	return nil
}
