package storetest

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// keyValueModel runs a key-value store beside maps.
type keyValueModel struct {
	*driver
	store     *state.KeyValueStore[string, []byte]
	live      map[string]row
	saved     map[string]row // as of the last commit
	changed   []string       // keys since the last emission, in order of the first change
	emitted   []string
	listening bool
}

func (m *keyValueModel) open() {
	m.store = state.NewKeyValue(m.config(), serde.String, serde.Bytes)
	m.driver.store = m.store
	if m.listening {
		m.store.OnCommit(func(k string, s *state.Slot[[]byte]) error {
			m.emitted = append(m.emitted, k)
			if r, ok := m.live[k]; ok != s.Present || ok && r.value != string(s.Value) {
				m.emitted = append(m.emitted, "wrong row")
			}
			return nil
		})
	}
}

func testKeyValue(t *testing.T, b state.Backend) {
	check(t, func(t *rapid.T) {
		m := &keyValueModel{driver: newDriver(t, b, state.KindKeyValue), live: map[string]row{}, saved: map[string]row{}}
		m.listening = rapid.Bool().Draw(t, "listening")
		m.open()
		t.Repeat(map[string]func(*rapid.T){
			"put": m.put, "putMany": m.putMany, "delete": m.delete, "update": m.update, "remove": m.remove, "get": m.get,
			"absent": m.putIfAbsent, "pairs": m.putAll, "range": m.rangeOf, "prefix": m.prefix, "all": m.all, "changing": m.changing,
			"commit": m.commitRows, "abort": m.abortRows, "apply": m.applySome, "reopen": m.reopenRows, "": m.check,
		})
		m.finish(t, m.saved)
	})
}

func (m *keyValueModel) note(k string) {
	if !slices.Contains(m.changed, k) {
		m.changed = append(m.changed, k)
	}
}

func (m *keyValueModel) put(t *rapid.T) {
	k, v := keys().Draw(t, "key"), rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value")
	m.now++
	must(t, m.store.Put(k, v))
	m.live[k] = row{string(v), m.now}
	m.note(k)
}

// putMany changes more rows than a comparison sort takes, many with long common prefixes.
func (m *keyValueModel) putMany(t *rapid.T) {
	if rapid.IntRange(0, 19).Draw(t, "rarely") > 0 {
		t.Skip()
	}
	prefix := rapid.SampledFrom([]string{"", "common-prefix-", "common-prefix-of-keys"}).Draw(t, "prefix")
	for i := range 300 {
		k := prefix + strings.Repeat("\x00", i%5) + string(rune('a'+i*7%60)) + string(rune(i*31%300))
		must(t, m.store.PutRow(state.Row[string, []byte]{Key: k, Value: []byte{byte(i)}, Timestamp: int64(i)}))
		m.live[k] = row{string([]byte{byte(i)}), int64(i)}
		m.note(k)
	}
}

func (m *keyValueModel) putIfAbsent(t *rapid.T) {
	k := keys().Draw(t, "key")
	m.now++
	present, found, err := m.store.PutIfAbsent(k, []byte("new"))
	must(t, err)
	if want, has := m.live[k]; found != has || string(present) != want.value {
		t.Fatalf("PutIfAbsent(%q) = %x, %v; want %v, %v", k, present, found, want, has)
	}
	if !found {
		m.live[k] = row{"new", m.now}
		m.note(k)
	}
}

func (m *keyValueModel) putAll(t *rapid.T) {
	m.now++
	ks := rapid.SliceOfN(keys(), 0, 3).Draw(t, "keys")
	must(t, m.store.PutAll(func(yield func(string, []byte) bool) {
		for i, k := range ks {
			if !yield(k, []byte{byte(i)}) {
				return
			}
		}
	}))
	for i, k := range ks {
		m.live[k] = row{string([]byte{byte(i)}), m.now}
		m.note(k)
	}
}

func (m *keyValueModel) delete(t *rapid.T) {
	k := keys().Draw(t, "key")
	must(t, m.store.Delete(k))
	delete(m.live, k)
	m.note(k)
}

// update changes a value in place, as aggregates do.
func (m *keyValueModel) update(t *rapid.T) {
	k := keys().Draw(t, "key")
	slot, err := m.store.Lookup(k)
	must(t, err)
	r, ok := m.live[k]
	if slot.Present != ok || ok && (string(slot.Value) != r.value || slot.Timestamp != r.timestamp) {
		t.Fatalf("Lookup(%q) = %x@%d, %v; want %v, %v", k, slot.Value, slot.Timestamp, slot.Present, r, ok)
	}
	m.now++
	v := slot.Value
	if len(v) > 0 {
		v[0]++
	} else {
		v = []byte{1}
	}
	m.store.Set(slot, v, m.now)
	m.live[k] = row{string(v), m.now}
	m.note(k)
}

func (m *keyValueModel) remove(t *rapid.T) {
	k := keys().Draw(t, "key")
	slot, err := m.store.Lookup(k)
	must(t, err)
	m.store.Remove(slot)
	delete(m.live, k)
	m.note(k)
}

func (m *keyValueModel) get(t *rapid.T) {
	k := keys().Draw(t, "key")
	got, ok, err := m.store.GetRow(k)
	must(t, err)
	if want, has := m.live[k]; ok != has || ok && (string(got.Value) != want.value || got.Timestamp != want.timestamp) {
		t.Fatalf("GetRow(%q) = %x@%d, %v; want %v, %v", k, got.Value, got.Timestamp, ok, want, has)
	}
}

// read compares an iteration, stopped after some rows, with the rows of the model that keep accepts.
func (m *keyValueModel) read(t *rapid.T, rows iter.Seq2[state.Row[string, []byte], error], reverse bool, keep func(k string) bool) {
	want := slices.Sorted(maps.Keys(m.live))
	want = slices.DeleteFunc(want, func(k string) bool { return !keep(k) })
	if reverse {
		slices.Reverse(want)
	}
	stop := rapid.IntRange(1, 50).Draw(t, "stop")
	n := 0
	for r, err := range rows {
		must(t, err)
		if n == len(want) {
			t.Fatalf("row %q is too much", r.Key)
		}
		if w := m.live[want[n]]; r.Key != want[n] || string(r.Value) != w.value || r.Timestamp != w.timestamp {
			t.Fatalf("row %d is %q: %x@%d, want %q: %v", n, r.Key, r.Value, r.Timestamp, want[n], w)
		}
		if n++; n == stop {
			return
		}
	}
	if n != len(want) {
		t.Fatalf("%d rows, want %d", n, len(want))
	}
}

func (m *keyValueModel) rangeOf(t *rapid.T) {
	r, reverse := drawRange(t), rapid.Bool().Draw(t, "reverse")
	m.read(t, r.of(m.store, reverse), reverse, r.has)
}

// keyRange is a range of keys that may be open.
type keyRange struct {
	from, to   string
	open, upTo bool // without an end, without a start
}

func drawRange(t *rapid.T) keyRange {
	r := keyRange{from: keys().Draw(t, "from"), to: keys().Draw(t, "to")}
	ends := rapid.IntRange(0, 3).Draw(t, "ends")
	r.open, r.upTo = ends == 0, ends == 1
	return r
}

func (r keyRange) has(k string) bool { return (r.upTo || r.from <= k) && (r.open || k <= r.to) }

// of is the read of a range.
func (r keyRange) of[V any](s state.KeyValueReader[string, V], reverse bool) iter.Seq2[state.Row[string, V], error] {
	switch {
	case r.open && reverse:
		return s.ReverseRangeFrom(r.from)
	case r.open:
		return s.RangeFrom(r.from)
	case r.upTo && reverse:
		return s.ReverseRangeTo(r.to)
	case r.upTo:
		return s.RangeTo(r.to)
	case reverse:
		return s.ReverseRange(r.from, r.to)
	}
	return s.Range(r.from, r.to)
}

func (m *keyValueModel) prefix(t *rapid.T) {
	p := keys().Draw(t, "prefix")
	reverse := rapid.Bool().Draw(t, "reverse")
	rows := either(reverse, m.store.Prefix, m.store.ReversePrefix)([]byte(p))
	m.read(t, rows, reverse, func(k string) bool { return strings.HasPrefix(k, p) })
}

func (m *keyValueModel) all(t *rapid.T) {
	reverse := rapid.Bool().Draw(t, "reverse")
	rows := either(reverse, m.store.All, m.store.ReverseAll)()
	m.read(t, rows, reverse, func(string) bool { return true })
	n, err := m.store.Count()
	must(t, err)
	if n != int64(len(m.live)) {
		t.Fatalf("Count() = %d, want %d", n, len(m.live))
	}
}

// changing changes the store within a loop. Rows that the loop does not change must all be seen, once, in order.
func (m *keyValueModel) changing(t *rapid.T) {
	want := slices.Sorted(maps.Keys(m.live))
	var got []string
	touched := map[string]bool{}
	for r, err := range m.store.All() {
		must(t, err)
		if len(got) > 0 && got[len(got)-1] >= r.Key {
			t.Fatalf("row %q after %q", r.Key, got[len(got)-1])
		}
		got = append(got, r.Key)
		k := keys().Draw(t, "key")
		touched[k] = true
		if rapid.Bool().Draw(t, "delete") {
			must(t, m.store.Delete(k))
			delete(m.live, k)
		} else {
			must(t, m.store.Put(k, []byte("x")))
			m.live[k] = row{"x", m.now}
		}
		m.note(k)
		if len(m.pending) > 0 && rapid.Bool().Draw(t, "apply") { // as on another goroutine
			m.applySome(t)
			_, found, err := m.store.Get("never put " + k) // reads below the cache
			must(t, err)
			if found {
				t.Fatalf("a key that was never put is found")
			}
		}
		if len(got) > 20 {
			return
		}
	}
	skip := func(k string) bool { return touched[k] }
	if g, w := slices.DeleteFunc(got, skip), slices.DeleteFunc(want, skip); !slices.Equal(g, w) {
		t.Fatalf("a loop that changes other rows saw %q, want %q", g, w)
	}
}

func (m *keyValueModel) commitRows(t *rapid.T) {
	m.emitted = nil
	m.commit(t)
	if m.listening && !slices.Equal(m.emitted, m.changed) {
		t.Fatalf("emitted %q, want %q", m.emitted, m.changed)
	}
	m.changed = nil
	m.saved = maps.Clone(m.live)
	rows, _ := m.log.replay(t)
	same(t, "changelog", rows, m.saved)
}

func (m *keyValueModel) abortRows(t *rapid.T) {
	m.abort(t)
	m.live, m.changed = maps.Clone(m.saved), nil
}

func (m *keyValueModel) applySome(t *rapid.T) {
	if len(m.pending) == 0 {
		t.Skip()
	}
	m.apply(t, rapid.IntRange(1, len(m.pending)).Draw(t, "generations"))
}

func (m *keyValueModel) reopenRows(t *rapid.T) {
	m.reopen(t)
	m.live, m.changed = maps.Clone(m.saved), nil
	same(t, "stored rows", stored(t, m.partition), m.saved)
	m.open()
}
