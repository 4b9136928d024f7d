package state_test

import (
	"fmt"
	"iter"
	"math"
	"testing"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

func segmentConfig(t testing.TB, b state.Backend, name string, kind state.Kind) state.Config {
	return state.Config{Name: name, Partition: acquire(t, b, name, kind), Changelog: true, Timestamp: func() int64 { return 5 }}
}

func no(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rowsOf is what an iteration yields, one line.
func rowsOf[R any](t testing.TB, rows iter.Seq2[R, error]) (s string) {
	t.Helper()
	for r, err := range rows {
		no(t, err)
		s += fmt.Sprint(r, " ")
	}
	return s
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestSession(t *testing.T) {
	b := state.NewMemory()
	s := state.NewSession(segmentConfig(t, b, "s", state.KindSession), state.SessionConfig{RetentionMs: 100}, serde.String, serde.Int64)
	w := func(start, end int64) windows.Window { return windows.Window{Start: start, End: end} }
	no(t, s.Put("a", w(10, 20), 1))
	no(t, s.Put("a\x00", w(0, 20), 2))
	no(t, s.Put("a", w(30, 40), 3))
	commit(t, b, s, 1)
	no(t, s.Put("a", w(5, 20), 4))
	same(t, "scan", rowsOf(t, s.All()), "{{a\x00 {0 20}} 2 5} {{a {5 20}} 4 5} {{a {10 20}} 1 5} {{a {30 40}} 3 5} ")
	same(t, "fetch", rowsOf(t, s.Fetch("a", 20, 9)), "{{a {5 20}} 4 5} ")
	no(t, s.RemoveSession("a", w(10, 20)))
	kept, err := s.PutKept("b", w(100, 120), 5, 7)
	no(t, err)
	same(t, "kept", kept, true)
	kept, err = s.PutKept("b", w(1, 20), 6, 7)
	no(t, err)
	same(t, "kept", kept, false)
	same(t, "all", rowsOf(t, s.All()), "{{a {30 40}} 3 5} {{b {100 120}} 5 7} ")
}

func TestList(t *testing.T) {
	b := state.NewMemory()
	s := state.NewList(segmentConfig(t, b, "s", state.KindList), state.ListConfig{RetentionMs: 100}, serde.String, serde.String)
	for i, ts := range []int64{3, 1, 3, 2} {
		no(t, s.Append("k", ts, fmt.Sprint(i)))
		commit(t, b, s, int64(i))
	}
	no(t, s.Append("j", 3, "j"))
	same(t, "fetch", rowsOf(t, s.Fetch("k", 2, 3)), "{k 3 2} {k 0 3} {k 2 3} ")
	same(t, "all", rowsOf(t, s.All()), "{k 1 1} {k 3 2} {j j 3} {k 0 3} {k 2 3} ")
	no(t, s.Delete("k", 3))
	same(t, "after delete", rowsOf(t, s.All()), "{k 1 1} {k 3 2} {j j 3} ")
	no(t, s.Append("k", 102, "x"))
	kept, err := s.AppendKept("k", 2, "late")
	no(t, err)
	same(t, "kept", kept, false)
	same(t, "all", rowsOf(t, s.All()), "{j j 3} {k x 102} ")
}

func TestVersioned(t *testing.T) {
	b := state.NewMemory()
	s := state.NewVersioned(segmentConfig(t, b, "s", state.KindVersioned), state.VersionedConfig{HistoryMs: 100}, serde.String, serde.String)
	put := func(v string, ts int64) string {
		latest, kept, err := s.Put("k", v, ts)
		if v == "" {
			latest, kept, err = s.Delete("k", ts)
		}
		no(t, err)
		commit(t, b, s, 1)
		return fmt.Sprint(latest, kept)
	}
	same(t, "first", put("a", 10), "true true")
	same(t, "second", put("b", 20), "true true")
	same(t, "between", put("c", 15), "false true")
	same(t, "history", rowsOf(t, s.History("k", 0, 100)), fmt.Sprintf("{b 20 %d} {c 15 20} {a 10 15} ", int64(math.MaxInt64)))
	same(t, "delete", put("", 30), "true true")
	same(t, "before the delete", put("d", 25), "false true")
	same(t, "history", rowsOf(t, s.History("k", 20, 100)), "{d 25 30} {b 20 25} ")
	same(t, "all", rowsOf(t, s.All()), "")
	same(t, "latest", put("e", 40), "true true")
	for ts, want := range map[int64]string{9: "", 10: "a", 15: "c", 24: "b", 29: "d", 30: "", 39: "", 40: "e", 1000: "e"} {
		r, _, err := s.GetAsOf("k", ts)
		no(t, err)
		same(t, fmt.Sprint("as of ", ts), r.Value, want)
	}
	same(t, "move", put("f", 130), "true true")
	same(t, "too old", put("g", 29), "false false")
	same(t, "history", rowsOf(t, s.History("k", 0, 1000)), fmt.Sprintf("{f 130 %d} {e 40 130} ", int64(math.MaxInt64)))
	same(t, "all", rowsOf(t, s.All()), "{k f 130} ")
}

func TestDenseWindow(t *testing.T) {
	b := state.NewMemory()
	s := state.NewDenseWindow(segmentConfig(t, b, "s", state.KindDenseWindow), state.WindowConfig{SizeMs: 10, RetentionMs: 100}, serde.String, serde.Int64)
	for start := range int64(5) {
		no(t, s.Put("k", start, start))
		no(t, s.Put("j", start, -start))
	}
	commit(t, b, s, 1)
	no(t, s.Remove("k", 2))
	same(t, "fetch", rowsOf(t, s.Fetch("k", 1, 3)), "{{k {1 11}} 1 5} {{k {3 13}} 3 5} ")
	rows, err := s.Find(nil, "j", 3, 9)
	no(t, err)
	same(t, "find", fmt.Sprint(rows), "[{3 -3 5} {4 -4 5}]")
	same(t, "scan", rowsOf(t, s.Scan(0, 1)), "{{j {0 10}} 0 5} {{k {0 10}} 0 5} {{j {1 11}} -1 5} {{k {1 11}} 1 5} ")
}
