package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// viewModel is a shared partition: what was written, what was applied, and views with caches of different sizes.
type viewModel struct {
	backend state.Backend
	shared  *state.Shared
	store   *state.KeyValueStore[string, string]
	written map[string]row
	applied map[string]row
	views   []*state.KeyValueView[string, string]
	names   []string // keys that were used
}

func testView(t *testing.T, b state.Backend) {
	t.Run("model", func(t *testing.T) {
		check(t, func(t *rapid.T) {
			p := acquire(t, b, newID(state.KindKeyValue))
			defer p.Release()
			m := &viewModel{
				backend: b, shared: state.NewShared(p), written: map[string]row{}, applied: map[string]row{},
				store: state.NewKeyValue(state.Config{Name: p.ID().Name, Partition: p}, serde.String, serde.String),
			}
			for _, limit := range []int64{0, 1, 1000} {
				m.views = append(m.views, state.NewKeyValueView(m.shared, state.NewBudget(limit), serde.String, serde.String))
			}
			t.Repeat(map[string]func(*rapid.T){
				"put": m.put, "delete": m.delete, "apply": m.apply, "get": m.get, "range": m.rangeOf, "prefix": m.prefix, "all": m.all,
			})
			for _, v := range m.views {
				must(t, v.Close())
			}
			must(t, m.store.Close())
		})
	})
	t.Run("beside the writer", func(t *testing.T) { testViewsBesideTheWriter(t, b) })
	t.Run("errors", func(t *testing.T) { testViewErrors(t, b) })
	t.Run("checkpoint", func(t *testing.T) { testNewCheckpoint(t, b) })
}

func (m *viewModel) put(t *rapid.T) {
	k, v, ts := keys().Draw(t, "key"), rapid.StringN(0, 20, 20).Draw(t, "value"), rapid.Int64Range(0, 100).Draw(t, "timestamp")
	must(t, m.store.PutRow(state.Row[string, string]{Key: k, Value: v, Timestamp: ts}))
	m.written[k] = row{v, ts}
	m.names = append(m.names, k)
}

func (m *viewModel) delete(t *rapid.T) {
	if len(m.names) == 0 {
		return
	}
	k := rapid.SampledFrom(m.names).Draw(t, "key")
	must(t, m.store.Delete(k))
	delete(m.written, k)
}

func (m *viewModel) apply(t *rapid.T) {
	must(t, m.store.Flush(nil))
	m.store.Commit(-1)
	must(t, m.shared.Apply(context.Background(), m.backend, m.store.Pending()))
	m.applied = maps.Clone(m.written)
}

func (m *viewModel) get(t *rapid.T) {
	if len(m.names) == 0 {
		return
	}
	k := rapid.SampledFrom(append(m.names, "", "missing")).Draw(t, "key")
	want, there := m.applied[k]
	for i, v := range m.views {
		value, found, err := v.Get(k)
		must(t, err)
		r, foundRow, err := v.GetRow(k)
		must(t, err)
		if found != there || foundRow != there || there && (value != want.value || (row{r.Value, r.Timestamp}) != want) {
			t.Fatalf("view %d: %q is %q and %+v, found %v; want %v, there %v", i, k, value, r, found, want, there)
		}
	}
}

func (m *viewModel) read(t *rapid.T, what string, reverse bool, rows func(*state.KeyValueView[string, string]) iter.Seq2[state.Row[string, string], error], keep func(string) bool) {
	var want []string
	for _, k := range slices.Sorted(maps.Keys(m.applied)) {
		if keep(k) {
			want = append(want, k)
		}
	}
	if reverse {
		slices.Reverse(want)
	}
	limit := len(want)
	if rapid.Bool().Draw(t, "stop early") {
		limit = rapid.IntRange(0, len(want)).Draw(t, "rows")
	}
	for i, v := range m.views {
		var got []string
		for r, err := range rows(v) {
			if len(got) == limit && limit < len(want) {
				break
			}
			must(t, err)
			if (row{r.Value, r.Timestamp}) != m.applied[r.Key] {
				t.Fatalf("view %d, %s: %q is %+v, want %v", i, what, r.Key, r, m.applied[r.Key])
			}
			got = append(got, r.Key)
		}
		if !slices.Equal(got, want[:limit]) {
			t.Fatalf("view %d, %s: keys %q, want %q", i, what, got, want[:limit])
		}
	}
}

type rowsOf = iter.Seq2[state.Row[string, string], error]

func (m *viewModel) rangeOf(t *rapid.T) {
	r, reverse := drawRange(t), rapid.Bool().Draw(t, "reverse")
	m.read(t, "range", reverse, func(v *state.KeyValueView[string, string]) rowsOf { return r.of(v, reverse) }, r.has)
}

func (m *viewModel) prefix(t *rapid.T) {
	p := keys().Draw(t, "prefix")
	in := func(k string) bool { return strings.HasPrefix(k, p) }
	m.read(t, "prefix", false, func(v *state.KeyValueView[string, string]) rowsOf { return v.Prefix([]byte(p)) }, in)
	m.read(t, "prefix in reverse", true, func(v *state.KeyValueView[string, string]) rowsOf { return v.ReversePrefix([]byte(p)) }, in)
}

func (m *viewModel) all(t *rapid.T) {
	every := func(string) bool { return true }
	m.read(t, "all", false, func(v *state.KeyValueView[string, string]) rowsOf { return v.All() }, every)
	m.read(t, "all in reverse", true, func(v *state.KeyValueView[string, string]) rowsOf { return v.ReverseAll() }, every)
	for i, v := range m.views {
		n, err := v.Count()
		must(t, err)
		if n != int64(len(m.applied)) {
			t.Fatalf("view %d: Count() = %d, want %d", i, n, len(m.applied))
		}
	}
}

// Readers beside the writer see whole rows, and none goes back in time.
func testViewsBesideTheWriter(t *testing.T, b state.Backend) {
	const names, rounds, readers = 7, 300, 3
	p := acquire(t, b, newID(state.KindKeyValue))
	defer p.Release()
	shared := state.NewShared(p)
	s := state.NewKeyValue(state.Config{Name: p.ID().Name, Partition: p}, serde.String, serde.String)
	done := make(chan struct{})
	var wait sync.WaitGroup
	for reader := range readers {
		wait.Go(func() {
			v := state.NewKeyValueView(shared, state.NewBudget(int64(reader)*400), serde.String, serde.String)
			seen := make(map[string]int)
			look := func(k, value string) {
				first, second, _ := strings.Cut(value, "|")
				n, err := strconv.Atoi(first)
				if err != nil || first != second || n < seen[k] {
					t.Errorf("reader %d: %q is %q after %d", reader, k, value, seen[k])
				}
				seen[k] = n
			}
			for last := false; !last; {
				select {
				case <-done:
					last = true
				default:
				}
				for i := range names {
					k := fmt.Sprint("key-", i)
					if value, found, err := v.Get(k); err != nil {
						t.Error(err)
					} else if found {
						look(k, value)
					}
				}
				// The rows of a loop are of one moment: all of one round, since each round is one apply.
				rounds := map[string]bool{}
				for r, err := range v.All() {
					if err != nil {
						t.Error(err)
					}
					look(r.Key, r.Value)
					rounds[r.Value] = true
				}
				if len(rounds) > 1 {
					t.Errorf("reader %d: one loop saw the rows of several moments: %v", reader, rounds)
				}
			}
			for i := range names {
				if n := seen[fmt.Sprint("key-", i)]; n != rounds {
					t.Errorf("reader %d: the last round is not seen, but %d", reader, n)
				}
			}
			must(t, v.Close())
		})
	}
	for round := 1; round <= rounds; round++ {
		for i := range names {
			must(t, s.PutRow(state.Row[string, string]{Key: fmt.Sprint("key-", i), Value: fmt.Sprintf("%d|%d", round, round)}))
		}
		must(t, s.Flush(nil))
		s.Commit(int64(round))
		must(t, shared.Apply(context.Background(), b, s.Pending()))
	}
	close(done)
	wait.Wait()
}

var errRefused = errors.New("refused")

// refusing decodes nothing that begins with an x, and encodes no key that does.
type refusing struct{ serde.Serde[string] }

func (s refusing) Append(dst []byte, v string) ([]byte, error) {
	if strings.HasPrefix(v, "x") {
		return dst, errRefused
	}
	return s.Serde.Append(dst, v)
}

func (s refusing) Decode(b []byte) (string, error) {
	if bytes.HasPrefix(b, []byte("x")) {
		return "", errRefused
	}
	return s.Serde.Decode(b)
}

func testViewErrors(t *testing.T, b state.Backend) {
	p := acquire(t, b, newID(state.KindKeyValue))
	defer p.Release()
	shared := state.NewShared(p)
	must(t, shared.Apply(context.Background(), b, []*state.Generation{generation(t, p, map[string]string{"a": "1", "b": "x"})}))
	v := state.NewKeyValueView(shared, nil, refusing{serde.String}, refusing{serde.String})
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, errRefused) || !strings.Contains(err.Error(), p.ID().String()) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	for range 2 {
		if value, found, err := v.Get("a"); value != "1" || !found || err != nil {
			t.Errorf("a is %q, %v, %v", value, found, err)
		}
		_, _, err := v.Get("b")
		refused("undecodable value", err)
		_, _, err = v.Get("x")
		refused("key", err)
	}
	n := 0
	for _, err := range v.All() {
		if n++; n == 2 {
			refused("undecodable row", err)
		}
	}
	if n != 2 {
		t.Errorf("the loop had %d rows, want one and an error", n)
	}
	for _, err := range v.Range("a", "x") {
		refused("bound", err)
	}
	must(t, v.Close())
}

func testNewCheckpoint(t *testing.T, b state.Backend) {
	id := newID(state.KindKeyValue)
	rows, other := acquire(t, b, id), acquire(t, b, state.StoreID{Name: id.Name, Partition: id.Partition + 1, Kind: id.Kind})
	defer rows.Release()
	defer other.Release()
	g := generation(t, rows, map[string]string{"a": "1"})
	must(t, b.Apply(context.Background(), []*state.Generation{g, state.NewCheckpoint(other, 7), state.NewCheckpoint(rows, 5)}))
	if at, beside := rows.Checkpoint(), other.Checkpoint(); at.Offset != 5 || beside.Offset != 7 || at.At.IsZero() || beside.At.IsZero() {
		t.Errorf("checkpoints are %+v and %+v", at, beside)
	}
	same(t, "rows", stored(t, rows), map[string]row{"a": {"1", 0}})
	must(t, b.Apply(context.Background(), []*state.Generation{state.NewCheckpoint(rows, -1)}))
	if at := rows.Checkpoint(); at.Offset != -1 {
		t.Errorf("checkpoint is %+v", at)
	}
	same(t, "rows", stored(t, rows), map[string]row{"a": {"1", 0}})
}
