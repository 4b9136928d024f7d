package storetest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

const history = 30

// versionedModel runs a versioned store beside the list of all versions ever put.
type versionedModel struct {
	*driver
	store        *state.VersionedStore[string, *string]
	live, saved  map[string]map[int64]*string // by key and timestamp; nil is a delete
	put, savedAt int64
	future       int64
}

func testVersioned(t *testing.T, b state.Backend) {
	check(t, func(t *rapid.T) {
		m := &versionedModel{driver: newDriver(t, b, state.KindVersioned), live: map[string]map[int64]*string{}, put: state.NoTime, savedAt: state.NoTime}
		m.open()
		t.Repeat(map[string]func(*rapid.T){
			"put": m.putVersion, "put again": m.putVersion, "get": m.get, "as of": m.asOf, "history": m.history, "all": m.all,
			"commit": m.commitRows, "abort": m.abortRows, "apply": m.applySome, "reopen": m.reopenRows, "": m.check,
		})
		m.commitRows(t)
		m.finish(t, m.logged(t))
	})
}

func (m *versionedModel) open() {
	m.store = state.NewVersioned(m.config(), state.VersionedConfig{HistoryMs: history}, serde.String, serde.Pointer(serde.String))
	m.driver.store = m.store
}

func clonesOf(all map[string]map[int64]*string) map[string]map[int64]*string {
	clones := map[string]map[int64]*string{}
	for k, versions := range all {
		clones[k] = maps.Clone(versions)
	}
	return clones
}

func (m *versionedModel) key(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "a", "b", "\x00", "a\x00"}).Draw(t, "key")
}

func (m *versionedModel) time(t *rapid.T) int64 {
	m.future += rapid.Int64Range(0, 3).Draw(t, "later")
	return max(0, m.future-rapid.Int64Range(0, history+10).Draw(t, "back"))
}

func (m *versionedModel) putVersion(t *rapid.T) {
	k, ts, v := m.key(t), m.time(t), rapid.Ptr(rapid.StringN(0, 5, 10), true).Draw(t, "value")
	wantKept, wantLatest := m.put == state.NoTime || ts >= m.put-history, true
	for at := range m.live[k] {
		wantLatest = wantLatest && at <= ts
	}
	var latest, kept bool
	var err error
	if v == nil && rapid.Bool().Draw(t, "delete") {
		latest, kept, err = m.store.Delete(k, ts)
	} else {
		latest, kept, err = m.store.Put(k, v, ts)
	}
	must(t, err)
	if kept != wantKept || kept && latest != wantLatest && m.forgets(k, ts) {
		t.Fatalf("put of %q at %d is latest %v, kept %v; want %v, %v; T %d", k, ts, latest, kept, wantLatest, wantKept, m.put)
	}
	if !kept {
		return
	}
	m.put = max(m.put, ts)
	if m.live[k] == nil {
		m.live[k] = map[int64]*string{}
	}
	m.live[k][ts] = v
}

// forgets is false if the latest version is a delete at the edge of the history, which may be forgotten.
func (m *versionedModel) forgets(k string, ts int64) bool {
	for at, v := range m.live[k] {
		if at >= ts && v == nil && at <= m.put-history {
			return false
		}
	}
	return true
}

// rows are the versions of a key that have a value and are remembered, oldest first.
func (m *versionedModel) rows(k string) (rows []state.VersionedRow[*string]) {
	starts := slices.Sorted(maps.Keys(m.live[k]))
	for i, from := range starts {
		to := state.StillValid
		if i+1 < len(starts) {
			to = starts[i+1]
		}
		if v := m.live[k][from]; v != nil && to > m.put-history {
			rows = append(rows, state.VersionedRow[*string]{Value: v, From: from, To: to})
		}
	}
	return rows
}

func versionLine(r state.VersionedRow[*string]) string {
	return fmt.Sprintf("%q from %d to %d", *r.Value, r.From, r.To)
}

func (m *versionedModel) compare(t *rapid.T, what string, got state.VersionedRow[*string], found bool, want []state.VersionedRow[*string]) {
	if found != (len(want) > 0) || found && versionLine(got) != versionLine(want[0]) {
		t.Fatalf("%s: got %+v, %v; want %+v; T %d", what, got, found, want, m.put)
	}
}

func (m *versionedModel) get(t *rapid.T) {
	k := m.key(t)
	got, found, err := m.store.Get(k)
	must(t, err)
	rows := m.rows(k)
	rows = slices.DeleteFunc(rows, func(r state.VersionedRow[*string]) bool { return r.To != state.StillValid })
	m.compare(t, "get", got, found, rows)
}

func (m *versionedModel) asOf(t *rapid.T) {
	k, ts := m.key(t), m.time(t)
	got, found, err := m.store.GetAsOf(k, ts)
	must(t, err)
	rows := slices.DeleteFunc(m.rows(k), func(r state.VersionedRow[*string]) bool {
		return ts < r.From || ts >= r.To || ts < m.put-history && r.To != state.StillValid
	})
	m.compare(t, fmt.Sprint("as of ", ts), got, found, rows)
}

func (m *versionedModel) history(t *rapid.T) {
	k, from, to, reverse := m.key(t), m.time(t), m.time(t), rapid.Bool().Draw(t, "reverse")
	var want []string
	for _, r := range m.rows(k) {
		if r.From <= to && r.To > from {
			want = append(want, versionLine(r))
		}
	}
	if !reverse { // the newest first
		slices.Reverse(want)
	}
	rows := either(reverse, m.store.History, m.store.ReverseHistory)(k, from, to)
	read(t, fmt.Sprintf("history of %q from %d to %d, reverse %v, T %d", k, from, to, reverse, m.put), linesOf(rows, versionLine), want)
}

func (m *versionedModel) all(t *rapid.T) {
	var want []string
	for _, k := range slices.Sorted(maps.Keys(m.live)) {
		for _, r := range m.rows(k) {
			if r.To == state.StillValid {
				want = append(want, fmt.Sprintf("%q: %q@%d", k, *r.Value, r.From))
			}
		}
	}
	read(t, "all", linesOf(m.store.All(), func(r state.Row[string, *string]) string {
		return fmt.Sprintf("%q: %q@%d", r.Key, *r.Value, r.Timestamp)
	}), want)
}

// logged is the changelog. What expired must have been deleted from it.
func (m *versionedModel) logged(t *rapid.T) map[string]row {
	rows, times := m.log.replay(t)
	for k := range rows {
		if startOf(k) < times.Kept {
			t.Fatalf("row %x is in the changelog, but only those from %d on are kept", k, times.Kept)
		}
	}
	if width := int64(history / 2); times.Kept < m.put-history-width && m.put > 2*history {
		t.Fatalf("rows from %d on are kept, with T %d", times.Kept, m.put)
	}
	return rows
}

func (m *versionedModel) commitRows(t *rapid.T) {
	m.commit(t)
	m.saved, m.savedAt = clonesOf(m.live), m.put
	m.logged(t)
}

func (m *versionedModel) goBack() { m.live, m.put = clonesOf(m.saved), m.savedAt }

func (m *versionedModel) abortRows(t *rapid.T) {
	m.abort(t)
	m.goBack()
}

func (m *versionedModel) applySome(t *rapid.T) {
	if len(m.pending) == 0 {
		t.Skip()
	}
	m.apply(t, rapid.IntRange(1, len(m.pending)).Draw(t, "generations"))
}

func (m *versionedModel) reopenRows(t *rapid.T) {
	m.reopen(t)
	m.goBack()
	same(t, "stored rows", stored(t, m.partition), m.logged(t))
	m.open()
}

// testVersionedExpiry expires more versions than one flush deletes from the changelog.
func testVersionedExpiry(t *testing.T, b state.Backend) {
	p := acquire(t, b, newID(state.KindVersioned))
	defer p.Release()
	s := state.NewVersioned(state.Config{Name: "s", Partition: p, Changelog: true}, state.VersionedConfig{HistoryMs: 1000}, serde.String, serde.String)
	var l log
	commit := func() {
		must(t, s.Flush(l.append))
		s.Commit(l.commit())
		must(t, b.Apply(t.Context(), s.Pending()))
	}
	const versions = 25_000
	for i := range versions {
		_, _, err := s.Put(strings.Repeat("k", 1+i%7), "v", int64(i/50))
		must(t, err)
	}
	commit()
	for i := range int64(6) {
		_, _, err := s.Put("other", "v", 10_000+i)
		must(t, err)
		commit()
	}
	rows, times := l.replay(t)
	if len(rows) > 7+6 || times.Kept < 8000 || times.Kept == math.MaxInt64 {
		t.Errorf("%d rows are in the changelog, times are %+v", len(rows), times)
	}
	same(t, "stored rows", stored(t, p), rows)
	must(t, s.Close())
	must(t, p.Drop())
}
