package storetest

import (
	"iter"
	"maps"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

const (
	windowSize      = 10
	windowRetention = 40
)

// windowKey is a key of the model, as the row key that a store must give it.
func windowKey(start int64, k string) string { return string(windows.AppendTime(nil, start)) + k }

func startOf(key string) int64 {
	start, _ := windows.Time([]byte(key))
	return start
}

// windowModel runs a window store beside maps. It knows the rule of visibility in its plainest form, so it must also
// forget rows at the moment they become invisible.
type windowModel struct {
	*driver
	store       *state.WindowStore[string, []byte]
	live        map[string]row
	saved       map[string]row // as of the last commit
	put, hold   int64
	savedPut    int64
	savedHold   int64
	emitted     []string
	changed     []string
	listening   bool
	holds       bool
	futureStart int64
}

func (m *windowModel) open() {
	m.store = state.NewWindow(m.config(), state.WindowConfig{SizeMs: windowSize, RetentionMs: windowRetention}, serde.String, serde.Bytes)
	m.driver.store = m.store
	if m.listening {
		m.store.OnCommit(func(k string, start int64, s *state.Slot[[]byte]) error {
			m.emitted = append(m.emitted, windowKey(start, k))
			return nil
		})
	}
	if m.holds {
		m.store.HoldFrom(m.hold)
	}
}

func (m *windowModel) visible(start int64) bool {
	return start >= m.put-windowRetention+1 || start >= m.hold
}

// forget drops what is not visible any more.
func (m *windowModel) forget() {
	maps.DeleteFunc(m.live, func(k string, _ row) bool { return !m.visible(startOf(k)) })
}

func testWindow(t *testing.T, b state.Backend) {
	check(t, func(t *rapid.T) {
		m := &windowModel{driver: newDriver(t, b, state.KindWindow), live: map[string]row{}, saved: map[string]row{}}
		m.put, m.savedPut, m.hold, m.savedHold = state.NoTime, state.NoTime, math.MaxInt64, math.MaxInt64
		m.listening, m.holds = rapid.Bool().Draw(t, "listening"), rapid.Bool().Draw(t, "holds")
		if m.holds {
			m.hold, m.savedHold = 0, 0
		}
		m.open()
		t.Repeat(map[string]func(*rapid.T){
			"put": m.putRow, "delete": m.delete, "update": m.update, "remove": m.remove, "get": m.get, "fetch": m.fetch, "fetch keys": m.fetchKeys,
			"scan": m.scan, "all": m.all, "hold": m.moveHold,
			"commit": m.commitRows, "abort": m.abortRows, "apply": m.applySome, "reopen": m.reopenRows, "": m.check,
		})
		m.finish(t, m.kept(m.saved))
	})
}

func (m *windowModel) key(t *rapid.T) (k string, start int64) {
	m.futureStart += rapid.Int64Range(0, 3).Draw(t, "later")
	back := rapid.Int64Range(0, windowRetention+10).Draw(t, "back")
	return rapid.SampledFrom([]string{"", "a", "b", "ab", "\x00", "\xff"}).Draw(t, "key"), max(0, m.futureStart-back)
}

// touch notes that a row was put or deleted; false if the store must have refused.
func (m *windowModel) touch(k string, start int64) bool {
	if !m.visible(start) {
		return false
	}
	m.put = max(m.put, start)
	if k := windowKey(start, k); !slices.Contains(m.changed, k) {
		m.changed = append(m.changed, k)
	}
	m.forget()
	return true
}

func (m *windowModel) putRow(t *rapid.T) {
	k, start := m.key(t)
	v := rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "value")
	m.now++
	must(t, m.store.Put(k, start, v))
	if m.touch(k, start) {
		m.live[windowKey(start, k)] = row{string(v), m.now}
	}
}

func (m *windowModel) delete(t *rapid.T) {
	k, start := m.key(t)
	must(t, m.store.Delete(k, start))
	if m.touch(k, start) {
		delete(m.live, windowKey(start, k))
	}
}

// lookup finds a slot and compares it; nil if the window is gone.
func (m *windowModel) lookup(t *rapid.T, k string, start int64) *state.Slot[[]byte] {
	slot, kept, err := m.store.Lookup(k, start)
	must(t, err)
	if kept != m.visible(start) {
		t.Fatalf("Lookup(%q, %d) is kept: %v; T %d, hold %d", k, start, kept, m.put, m.hold)
	}
	if !kept {
		return nil
	}
	r, ok := m.live[windowKey(start, k)]
	if slot.Present != ok || ok && (string(slot.Value) != r.value || slot.Timestamp != r.timestamp) {
		t.Fatalf("Lookup(%q, %d) = %x@%d, %v; want %v, %v", k, start, slot.Value, slot.Timestamp, slot.Present, r, ok)
	}
	return slot
}

func (m *windowModel) update(t *rapid.T) {
	k, start := m.key(t)
	slot := m.lookup(t, k, start)
	if slot == nil {
		return
	}
	m.now++
	v := slot.Value
	if len(v) > 0 {
		v[0]++
	} else {
		v = []byte{1}
	}
	m.store.Set(slot, v, m.now)
	m.touch(k, start)
	m.live[windowKey(start, k)] = row{string(v), m.now}
}

func (m *windowModel) remove(t *rapid.T) {
	k, start := m.key(t)
	if slot := m.lookup(t, k, start); slot != nil {
		m.store.Remove(slot)
		m.touch(k, start)
		delete(m.live, windowKey(start, k))
	}
}

func (m *windowModel) get(t *rapid.T) {
	k, start := m.key(t)
	got, ok, err := m.store.Get(k, start)
	must(t, err)
	if want, has := m.live[windowKey(start, k)]; ok != has || string(got) != want.value {
		t.Fatalf("Get(%q, %d) = %x, %v; want %v, %v", k, start, got, ok, want, has)
	}
}

// read compares an iteration, stopped after some rows, with the rows of the model that keep accepts.
func (m *windowModel) read(t *rapid.T, rows iter.Seq2[state.Row[windows.Keyed[string], []byte], error], reverse bool, keep func(start int64, k string) bool) {
	want := slices.Sorted(maps.Keys(m.live))
	want = slices.DeleteFunc(want, func(k string) bool { return !keep(startOf(k), k[windows.TimeBytes:]) })
	if reverse {
		slices.Reverse(want)
	}
	stop := rapid.IntRange(1, 30).Draw(t, "stop")
	n := 0
	for r, err := range rows {
		must(t, err)
		if n == len(want) {
			t.Fatalf("row %v is too much", r.Key)
		}
		w := m.live[want[n]]
		if windowKey(r.Key.Start, r.Key.Key) != want[n] || r.Key.End != r.Key.Start+windowSize || string(r.Value) != w.value || r.Timestamp != w.timestamp {
			t.Fatalf("row %d is %v: %x@%d, want %x: %v", n, r.Key, r.Value, r.Timestamp, want[n], w)
		}
		if n++; n == stop {
			return
		}
	}
	if n != len(want) {
		t.Fatalf("%d rows, want %d", n, len(want))
	}
}

func (m *windowModel) fetch(t *rapid.T) {
	k, from := m.key(t)
	_, to := m.key(t)
	reverse := rapid.Bool().Draw(t, "reverse")
	rows := either(reverse, m.store.Fetch, m.store.ReverseFetch)(k, from, to)
	m.read(t, rows, reverse, func(start int64, key string) bool { return key == k && from <= start && start <= to })
}

func (m *windowModel) fetchKeys(t *rapid.T) {
	fromKey, from := m.key(t)
	toKey, to := m.key(t)
	reverse := rapid.Bool().Draw(t, "reverse")
	rows := either(reverse, m.store.FetchKeys, m.store.ReverseFetchKeys)(fromKey, toKey, from, to)
	m.read(t, rows, reverse, func(start int64, k string) bool { return fromKey <= k && k <= toKey && from <= start && start <= to })
}

func (m *windowModel) scan(t *rapid.T) {
	_, from := m.key(t)
	_, to := m.key(t)
	reverse := rapid.Bool().Draw(t, "reverse")
	rows := either(reverse, m.store.Scan, m.store.ReverseScan)(from, to)
	m.read(t, rows, reverse, func(start int64, _ string) bool { return from <= start && start <= to })
}

func (m *windowModel) all(t *rapid.T) {
	reverse := rapid.Bool().Draw(t, "reverse")
	rows := either(reverse, m.store.All, m.store.ReverseAll)()
	m.read(t, rows, reverse, func(int64, string) bool { return true })
}

// moveHold closes windows, as an operator that emits on close.
func (m *windowModel) moveHold(t *rapid.T) {
	if !m.holds {
		t.Skip()
	}
	m.hold += rapid.Int64Range(0, 30).Draw(t, "hold")
	m.store.HoldFrom(m.hold)
	m.forget()
}

// kept is the rows that have not been deleted physically.
func (m *windowModel) kept(rows map[string]row) map[string]row {
	rows = maps.Clone(rows)
	maps.DeleteFunc(rows, func(k string, _ row) bool { return startOf(k) < m.committed.Kept })
	return rows
}

func (m *windowModel) commitRows(t *rapid.T) {
	m.emitted = nil
	m.commit(t)
	if m.listening && !slices.Equal(m.emitted, m.changed) {
		t.Fatalf("emitted %q, want %q", m.emitted, m.changed)
	}
	m.changed = nil
	m.saved, m.savedPut, m.savedHold = maps.Clone(m.live), m.put, m.hold
	if m.committed.Put != m.put {
		t.Fatalf("the largest start put is %d, want %d", m.committed.Put, m.put)
	}
	rows, times := m.log.replay(t)
	if times != m.committed {
		t.Fatalf("times in the changelog are %+v, want %+v", times, m.committed)
	}
	same(t, "changelog", m.kept(rows), m.kept(m.saved))
}

func (m *windowModel) goBack() {
	m.live, m.changed = maps.Clone(m.saved), nil
	m.put, m.hold = m.savedPut, m.savedHold
}

func (m *windowModel) abortRows(t *rapid.T) {
	m.abort(t)
	m.goBack()
}

func (m *windowModel) applySome(t *rapid.T) {
	if len(m.pending) == 0 {
		t.Skip()
	}
	m.apply(t, rapid.IntRange(1, len(m.pending)).Draw(t, "generations"))
}

func (m *windowModel) reopenRows(t *rapid.T) {
	m.reopen(t)
	m.goBack()
	same(t, "stored rows", stored(t, m.partition), m.kept(m.saved))
	m.open()
}
