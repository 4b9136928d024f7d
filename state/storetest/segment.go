package storetest

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// at is where a row of a store in segments is. For a list, sub counts the appends.
type at struct {
	key       string
	time, sub int64
}

func compareAt(byKey bool) func(a, b at) int {
	return func(a, b at) int {
		if byKey {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.key, b.key), cmp.Compare(a.sub, b.sub))
		}
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.sub, b.sub), cmp.Compare(a.key, b.key))
	}
}

// segmentModel runs a session, list or dense window store beside a map, with the rule of visibility in its plainest form.
// Rows that are not visible any more stay in the map until a commit. The retention may change with every reopen.
type segmentModel struct {
	*driver
	store     segmentStore
	kind      state.Kind
	retention int64
	live      map[at]row
	saved     map[at]row // as of the last commit
	put, hold int64
	next      int64 // number of the next append
	committed struct{ put, hold, next int64 }
	changed   []at
	emitted   []string
	listening bool
	holds     bool
	future    int64
}

// segmentStore is the three kinds of stores, as the model sees them.
type segmentStore interface {
	state.Store
	HoldFrom(time int64)
	put(r at, v *string, timestamp int64) (bool, error)
	delete(r at) error
	get(r at) (*string, bool, error)
	find(k string, from, to int64) ([]string, error)
	fetch(k string, from, to int64, reverse bool) iter.Seq2[string, error]
	fetchKeys(fromKey, toKey string, from, to int64, reverse bool) iter.Seq2[string, error]
	scan(from, to int64, reverse bool) iter.Seq2[string, error]
	all(reverse bool) iter.Seq2[string, error]
	onCommit(func(line string))
	// lies says whether a fetch of these times has a row.
	lies(r at, from, to int64) bool
}

func testSegments(t *testing.T, b state.Backend, kind state.Kind) {
	check(t, func(t *rapid.T) {
		m := &segmentModel{driver: newDriver(t, b, kind), kind: kind, live: map[at]row{}, saved: map[at]row{}}
		m.put, m.hold = state.NoTime, math.MaxInt64
		m.listening, m.holds = kind != state.KindList && rapid.Bool().Draw(t, "listening"), kind != state.KindList && rapid.Bool().Draw(t, "holds")
		if m.holds {
			m.hold = 0
		}
		m.save()
		m.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"put": m.putRow, "putMany": m.putMany, "delete": m.deleteRow, "move": m.moveRow, "get": m.getRow, "find": m.find, "fetch": m.fetch, "fetch keys": m.fetchKeys,
			"scan": m.scan, "close": m.closeTimes, "changing": m.changing, "hold": m.moveHold,
			"commit": m.commitRows, "abort": m.abortRows, "apply": m.applySome, "reopen": m.reopenRows, "": m.check,
		})
		m.commitRows(t)
		m.finish(t, m.logged(t))
	})
}

func (m *segmentModel) open(t *rapid.T) {
	m.retention = rapid.SampledFrom([]int64{40, 40, 7, 300}).Draw(t, "retention")
	pointer := serde.Pointer(serde.String)
	switch m.kind {
	case state.KindSession:
		m.store = sessions{state.NewSession(m.config(), state.SessionConfig{RetentionMs: m.retention}, serde.String, pointer)}
	case state.KindList:
		m.store = lists{state.NewList(m.config(), state.ListConfig{RetentionMs: m.retention}, serde.String, pointer)}
	default:
		m.store = denseWindows{state.NewDenseWindow(m.config(), state.WindowConfig{SizeMs: windowSize, RetentionMs: m.retention}, serde.String, pointer)}
	}
	m.driver.store = m.store
	if m.listening {
		m.store.onCommit(func(line string) { m.emitted = append(m.emitted, line) })
	}
	if m.holds {
		m.store.HoldFrom(m.hold)
	}
}

func (m *segmentModel) bound() int64 {
	return max(m.store.Times().Kept, min(m.put-m.retention+1, m.hold))
}

func (m *segmentModel) visible(r at) bool { return r.time >= m.bound() }

func (m *segmentModel) save() {
	m.saved = maps.Clone(m.live)
	m.committed.put, m.committed.hold, m.committed.next = m.put, m.hold, m.next
}

func (m *segmentModel) time(t *rapid.T) int64 {
	m.future += rapid.Int64Range(0, 3).Draw(t, "later")
	return max(0, m.future-rapid.Int64Range(0, 60).Draw(t, "back"))
}

func (m *segmentModel) at(t *rapid.T) at {
	r := at{key: rapid.SampledFrom([]string{"", "a", "b", "ab", "a\x00", "\x00", "\x00\x01", "\x00\xff", "\xff"}).Draw(t, "key"), time: m.time(t)}
	if m.kind == state.KindSession {
		r.sub = max(0, r.time-rapid.Int64Range(0, 30).Draw(t, "length"))
	}
	return r
}

// known draws a row that is there, mostly.
func (m *segmentModel) known(t *rapid.T) at {
	if len(m.live) == 0 || rapid.IntRange(0, 3).Draw(t, "any") == 0 {
		return m.at(t)
	}
	return rapid.SampledFrom(slices.SortedFunc(maps.Keys(m.live), compareAt(true))).Draw(t, "row")
}

func (m *segmentModel) note(r at) {
	if !slices.Contains(m.changed, r) {
		m.changed = append(m.changed, r)
	}
}

// noteDelete notes that a row is gone. One that came since the last commit counts as never been.
func (m *segmentModel) noteDelete(r at) {
	if _, before := m.saved[r]; before {
		m.note(r)
		return
	}
	m.changed = slices.DeleteFunc(m.changed, func(other at) bool { return other == r })
}

func (m *segmentModel) putRow(t *rapid.T) {
	m.putAt(t, m.at(t), rapid.Ptr(rapid.StringN(0, 10, 20), true).Draw(t, "value"))
}

func (m *segmentModel) putAt(t *rapid.T, r at, v *string) {
	m.now++
	want := m.visible(r)
	kept, err := m.store.put(r, v, m.now)
	must(t, err)
	if kept != want {
		t.Fatalf("put of %v is kept: %v; T %d, hold %d, retention %d, times %+v", r, kept, m.put, m.hold, m.retention, *m.store.Times())
	}
	if !kept || m.kind == state.KindList && v == nil {
		return
	}
	timestamp := m.now
	if m.kind == state.KindList {
		r.sub = m.next
		m.next++
		timestamp = r.time
	}
	m.put = max(m.put, r.time)
	if v != nil {
		m.live[r] = row{*v, timestamp}
		m.note(r)
	} else if _, ok := m.live[r]; ok {
		delete(m.live, r)
		m.noteDelete(r)
	}
}

// putMany makes more rows of one key than are read in one piece.
func (m *segmentModel) putMany(t *rapid.T) {
	if rapid.IntRange(0, 19).Draw(t, "rarely") > 0 {
		t.Skip()
	}
	k, start := rapid.SampledFrom([]string{"a", "hot"}).Draw(t, "key"), m.time(t)
	for i := range int64(300) {
		r := at{key: k, time: start + i%40}
		if m.kind == state.KindSession {
			r.sub = r.time - i/40
		}
		if r.sub >= 0 {
			m.putAt(t, r, new(fmt.Sprint(i)))
		}
	}
}

func (m *segmentModel) deleteRow(t *rapid.T) { m.deleteAt(t, m.known(t)) }

func (m *segmentModel) deleteAt(t *rapid.T, r at) {
	must(t, m.store.delete(r))
	if !m.visible(r) {
		return
	}
	if m.kind == state.KindDenseWindow {
		m.put = max(m.put, r.time)
	}
	for _, other := range slices.SortedFunc(maps.Keys(m.live), compareAt(true)) {
		if other == r || m.kind == state.KindList && other.key == r.key && other.time == r.time {
			delete(m.live, other)
			m.noteDelete(other)
		}
	}
}

// moveRow replaces a row by a later one of its key, as sessions grow.
func (m *segmentModel) moveRow(t *rapid.T) { m.moveAt(t, m.known(t)) }

func (m *segmentModel) moveAt(t *rapid.T, r at) {
	m.deleteAt(t, r)
	r.time += rapid.Int64Range(0, 5).Draw(t, "by")
	m.putAt(t, r, new("moved"))
}

func (m *segmentModel) getRow(t *rapid.T) {
	r := m.known(t)
	if m.kind == state.KindList {
		t.Skip()
	}
	got, ok, err := m.store.get(r)
	must(t, err)
	want, has := m.live[r]
	has = has && m.visible(r)
	if ok != has || ok && *got != want.value {
		t.Fatalf("get of %v is %v, %v; want %v, %v", r, got, ok, want, has)
	}
}

func (m *segmentModel) line(r at) string { return line(r, m.live[r], true) }

func line(r at, v row, present bool) string {
	if !present {
		return fmt.Sprintf("%q %d %d deleted", r.key, r.time, r.sub)
	}
	return fmt.Sprintf("%q %d %d %q@%d", r.key, r.time, r.sub, v.value, v.timestamp)
}

// lines are the visible rows that keep accepts.
func (m *segmentModel) lines(reverse bool, keep func(at) bool) (lines []string) {
	for _, r := range slices.SortedFunc(maps.Keys(m.live), compareAt(m.kind != state.KindSession)) {
		if m.visible(r) && keep(r) {
			lines = append(lines, m.line(r))
		}
	}
	if m.kind == state.KindList { // the number of an append is not seen
		for i := range lines {
			lines[i] = listLine(lines[i])
		}
	}
	if reverse {
		slices.Reverse(lines)
	}
	return lines
}

// listLine leaves out sub.
func listLine(line string) string {
	end := strings.LastIndex(line, "\"") // keys and values are quoted, and only values come after sub
	begin := strings.LastIndex(line[:end], " \"")
	if begin < 0 {
		return line
	}
	front := line[:begin]
	return front[:strings.LastIndex(front, " ")] + line[begin:]
}

func (m *segmentModel) find(t *rapid.T) {
	r, to := m.known(t), m.time(t)
	got, err := m.store.find(r.key, r.time, to)
	must(t, err)
	want := m.lines(false, func(o at) bool { return o.key == r.key && m.store.lies(o, r.time, to) })
	if !slices.Equal(got, want) {
		t.Fatalf("find of %q from %d to %d: got %q, want %q", r.key, r.time, to, got, want)
	}
}

func (m *segmentModel) fetch(t *rapid.T) {
	r, to, reverse := m.known(t), m.time(t), rapid.Bool().Draw(t, "reverse")
	want := m.lines(reverse, func(o at) bool { return o.key == r.key && m.store.lies(o, r.time, to) })
	read(t, fmt.Sprintf("fetch of %q from %d to %d", r.key, r.time, to), m.store.fetch(r.key, r.time, to, reverse), want)
}

func (m *segmentModel) fetchKeys(t *rapid.T) {
	first, last, to, reverse := m.known(t), m.known(t), m.time(t), rapid.Bool().Draw(t, "reverse")
	want := m.lines(reverse, func(o at) bool {
		return first.key <= o.key && o.key <= last.key && m.store.lies(o, first.time, to)
	})
	read(t, fmt.Sprintf("fetch of %q to %q from %d to %d", first.key, last.key, first.time, to),
		m.store.fetchKeys(first.key, last.key, first.time, to, reverse), want)
}

func (m *segmentModel) scan(t *rapid.T) {
	from, to, reverse := m.time(t), m.time(t), rapid.Bool().Draw(t, "reverse")
	rows := m.store.scan(from, to, reverse)
	switch rapid.IntRange(0, 3).Draw(t, "ends") {
	case 0:
		from, to = math.MinInt64, math.MaxInt64
		rows = m.store.all(reverse)
	case 1:
		from, rows = math.MinInt64, m.store.scan(math.MinInt64, to, reverse)
	}
	want := m.lines(reverse, func(o at) bool { return from <= o.time && o.time <= to })
	read(t, fmt.Sprintf("scan from %d to %d", from, to), rows, want)
}

// closeTimes reads on and on over times that are close to each other, as an operator that emits on close does, with puts
// between.
func (m *segmentModel) closeTimes(t *rapid.T) {
	from := m.time(t)
	for range rapid.IntRange(1, 10).Draw(t, "closes") {
		to := from + rapid.Int64Range(0, 6).Draw(t, "by")
		want := m.lines(false, func(o at) bool { return from <= o.time && o.time <= to })
		read(t, fmt.Sprintf("scan from %d to %d", from, to), m.store.scan(from, to, false), want)
		from = to + 1
		m.putRow(t)
		m.moveRow(t)
	}
}

// changing changes the store within a loop. Rows that the loop does not change must all be seen, once, in order.
func (m *segmentModel) changing(t *rapid.T) {
	reverse := rapid.Bool().Draw(t, "reverse")
	want := m.lines(reverse, func(at) bool { return true })
	touched := map[string]bool{}
	var got []string
	for r, err := range m.store.scan(math.MinInt64, math.MaxInt64, reverse) {
		must(t, err)
		got = append(got, r)
		if len(got) > 20 {
			return
		}
		if len(m.pending) > 0 && rapid.Bool().Draw(t, "apply") { // as on another goroutine
			m.applySome(t)
		}
		before := m.lines(reverse, func(at) bool { return true })
		moved := m.known(t)
		for _, line := range m.lines(false, func(r at) bool { return r.key == moved.key && r.time == moved.time }) {
			touched[line] = true
		}
		m.moveAt(t, moved)
		after := m.lines(reverse, func(at) bool { return true })
		for _, line := range append(before, after...) {
			if count(before, line) != count(after, line) {
				touched[line] = true
			}
		}
	}
	skip := func(line string) bool { return touched[line] }
	if g, w := slices.DeleteFunc(got, skip), slices.DeleteFunc(want, skip); !slices.Equal(g, w) {
		t.Fatalf("a loop that changes other rows saw\n%s\nwant\n%s", strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
}

func count(lines []string, line string) (n int) {
	for _, l := range lines {
		if l == line {
			n++
		}
	}
	return n
}

func (m *segmentModel) moveHold(t *rapid.T) {
	if !m.holds {
		t.Skip()
	}
	m.hold += rapid.Int64Range(0, 30).Draw(t, "hold")
	m.store.HoldFrom(m.hold)
}

// logged is what the changelog has that is not expired.
func (m *segmentModel) logged(t *rapid.T) map[string]row {
	rows, times := m.log.replay(t)
	if times != m.driver.committed {
		t.Fatalf("times in the changelog are %+v, want %+v", times, m.driver.committed)
	}
	maps.DeleteFunc(rows, func(k string, _ row) bool { return startOf(k) < times.Kept })
	return rows
}

func (m *segmentModel) commitRows(t *rapid.T) {
	m.emitted = nil
	m.commit(t)
	if m.listening {
		var want []string
		for _, r := range m.changed {
			now, present := m.live[r]
			want = append(want, line(r, now, present))
		}
		if !slices.Equal(m.emitted, want) {
			t.Fatalf("emitted\n%s\nwant\n%s", strings.Join(m.emitted, "\n"), strings.Join(want, "\n"))
		}
	}
	m.changed = nil
	if kept, bound := m.store.Times().Kept, m.bound(); kept > bound {
		t.Fatalf("rows from %d on are kept, but visible from %d on", kept, bound)
	}
	maps.DeleteFunc(m.live, func(r at, _ row) bool { return !m.visible(r) })
	m.save()
	if m.driver.committed.Put != m.put {
		t.Fatalf("the largest time put is %d, want %d", m.driver.committed.Put, m.put)
	}
	m.compareLog(t)
}

// compareLog compares the visible rows of the model with those of the changelog, and returns the latter.
func (m *segmentModel) compareLog(t *rapid.T) map[at]row {
	rows := map[at]row{}
	for k, v := range m.logged(t) {
		if r, ok := parseRowKey(t, k); ok {
			rows[r] = v
		}
	}
	invisible := func(r at, _ row) bool { return !m.visible(r) }
	got, want := maps.Clone(rows), maps.Clone(m.saved)
	maps.DeleteFunc(got, invisible)
	maps.DeleteFunc(want, invisible)
	if !maps.Equal(got, want) {
		t.Fatalf("changelog has %v, want %v", got, want)
	}
	return rows
}

// parseRowKey reads the format of row keys; it is false for the counter of a list.
func parseRowKey(t *rapid.T, k string) (r at, ok bool) {
	const bucketBytes, placeBytes = 9, 16
	if k == string(windows.AppendTime(nil, math.MaxInt64))+"\xff" {
		return r, false
	}
	rest, found := strings.CutSuffix(k[bucketBytes:len(k)-placeBytes], "\x00\x01")
	if !found {
		t.Fatalf("row key %x has no end of the key", k)
	}
	r.key = strings.ReplaceAll(rest, "\x00\xff", "\x00")
	place := []byte(k[len(k)-placeBytes:])
	r.time, _ = windows.Time(place)
	r.sub, _ = windows.Time(place[8:])
	start, shift := startOf(k), k[8]
	if start%(1<<shift) != 0 || r.time < start || r.time >= start+1<<shift {
		t.Fatalf("row key %x: time %d is not in the bucket", k, r.time)
	}
	return r, true
}

func (m *segmentModel) goBack() {
	m.live, m.changed = maps.Clone(m.saved), nil
	m.put, m.hold, m.next = m.committed.put, m.committed.hold, m.committed.next
}

func (m *segmentModel) abortRows(t *rapid.T) {
	m.abort(t)
	m.goBack()
}

func (m *segmentModel) applySome(t *rapid.T) {
	if len(m.pending) == 0 {
		t.Skip()
	}
	m.apply(t, rapid.IntRange(1, len(m.pending)).Draw(t, "generations"))
}

func (m *segmentModel) reopenRows(t *rapid.T) {
	m.reopen(t)
	m.goBack()
	same(t, "stored rows", stored(t, m.partition), m.logged(t))
	m.live = m.compareLog(t) // with another retention, more of them may be visible
	m.saved = maps.Clone(m.live)
	m.open(t)
}
