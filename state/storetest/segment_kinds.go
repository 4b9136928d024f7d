package storetest

import (
	"iter"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// linesOf turns rows into lines.
func linesOf[R any](rows iter.Seq2[R, error], line func(R) string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for r, err := range rows {
			s := ""
			if err == nil {
				s = line(r)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// either is one of the two directions of a loop.
func either[F any](reverse bool, forward, backward F) F {
	if reverse {
		return backward
	}
	return forward
}

// read compares an iteration, stopped after some rows.
func read(t *rapid.T, what string, rows iter.Seq2[string, error], want []string) {
	stop := rapid.IntRange(1, 600).Draw(t, "stop")
	var got []string
	for r, err := range rows {
		must(t, err)
		if got = append(got, r); len(got) == stop {
			want = want[:min(stop, len(want))]
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func valueOf(v *string) string {
	if v == nil {
		return "a null"
	}
	return *v
}

type sessions struct {
	*state.SessionStore[string, *string]
}

func sessionOf(r at) windows.Window { return windows.Window{Start: r.sub, End: r.time} }

func sessionLine(r state.Row[windows.Keyed[string], *string]) string {
	return line(at{r.Key.Key, r.Key.End, r.Key.Start}, row{valueOf(r.Value), r.Timestamp}, true)
}

func (s sessions) put(r at, v *string, timestamp int64) (bool, error) {
	return s.PutKept(r.key, sessionOf(r), v, timestamp)
}
func (s sessions) delete(r at) error               { return s.RemoveSession(r.key, sessionOf(r)) }
func (s sessions) get(r at) (*string, bool, error) { return s.Get(r.key, sessionOf(r)) }
func (s sessions) lies(r at, from, to int64) bool  { return r.time >= from && r.sub <= to }

func (s sessions) find(k string, from, to int64) (lines []string, err error) {
	rows, err := s.Find(nil, k, from, to)
	for _, r := range rows {
		lines = append(lines, line(at{k, r.Window.End, r.Window.Start}, row{valueOf(r.Value), r.Timestamp}, true))
	}
	return lines, err
}

func (s sessions) fetch(k string, from, to int64, reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.Fetch, s.ReverseFetch)(k, from, to), sessionLine)
}

func (s sessions) fetchKeys(fromKey, toKey string, from, to int64, reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.FetchKeys, s.ReverseFetchKeys)(fromKey, toKey, from, to), sessionLine)
}

func (s sessions) scan(from, to int64, reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.Scan, s.ReverseScan)(from, to), sessionLine)
}

func (s sessions) all(reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.All, s.ReverseAll)(), sessionLine)
}

func (s sessions) onCommit(emit func(string)) {
	s.OnCommit(func(k string, w windows.Window, v *string, present bool, timestamp int64) error {
		emit(line(at{k, w.End, w.Start}, row{valueOf(v), timestamp}, present))
		return nil
	})
}

type lists struct {
	*state.ListStore[string, *string]
}

func appended(r state.Row[string, *string]) string {
	return listLine(line(at{r.Key, r.Timestamp, 0}, row{valueOf(r.Value), r.Timestamp}, true))
}

func (s lists) put(r at, v *string, _ int64) (bool, error) { return s.AppendKept(r.key, r.time, v) }
func (s lists) delete(r at) error                          { return s.Delete(r.key, r.time) }
func (s lists) get(at) (*string, bool, error)              { panic("a list has no single rows") }
func (s lists) lies(r at, from, to int64) bool             { return from <= r.time && r.time <= to }
func (s lists) HoldFrom(int64)                             {}

func (s lists) find(k string, from, to int64) (lines []string, err error) {
	rows, err := s.Find(nil, k, from, to)
	for _, r := range rows {
		lines = append(lines, appended(state.Row[string, *string]{Key: k, Value: r.Value, Timestamp: r.Timestamp}))
	}
	return lines, err
}

func (s lists) fetch(k string, from, to int64, reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.Fetch, s.ReverseFetch)(k, from, to), appended)
}

func (s lists) fetchKeys(fromKey, toKey string, from, to int64, reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.FetchKeys, s.ReverseFetchKeys)(fromKey, toKey, from, to), appended)
}

func (s lists) scan(from, to int64, reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.Scan, s.ReverseScan)(from, to), appended)
}

func (s lists) all(reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.All, s.ReverseAll)(), appended)
}

func (s lists) onCommit(func(string)) { panic("a list does not emit") }

type denseWindows struct {
	*state.DenseWindowStore[string, *string]
}

func denseLine(r state.Row[windows.Keyed[string], *string]) string {
	if r.Key.End != r.Key.Start+windowSize {
		return "wrong window"
	}
	return line(at{r.Key.Key, r.Key.Start, 0}, row{valueOf(r.Value), r.Timestamp}, true)
}

func (s denseWindows) put(r at, v *string, timestamp int64) (bool, error) {
	return s.PutKept(r.key, r.time, v, timestamp)
}
func (s denseWindows) delete(r at) error               { return s.Remove(r.key, r.time) }
func (s denseWindows) get(r at) (*string, bool, error) { return s.Get(r.key, r.time) }
func (s denseWindows) lies(r at, from, to int64) bool  { return from <= r.time && r.time <= to }

func (s denseWindows) find(k string, from, to int64) (lines []string, err error) {
	rows, err := s.Find(nil, k, from, to)
	for _, r := range rows {
		lines = append(lines, line(at{k, r.Start, 0}, row{valueOf(r.Value), r.Timestamp}, true))
	}
	return lines, err
}

func (s denseWindows) fetch(k string, from, to int64, reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.Fetch, s.ReverseFetch)(k, from, to), denseLine)
}

func (s denseWindows) fetchKeys(fromKey, toKey string, from, to int64, reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.FetchKeys, s.ReverseFetchKeys)(fromKey, toKey, from, to), denseLine)
}

func (s denseWindows) scan(from, to int64, reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.Scan, s.ReverseScan)(from, to), denseLine)
}

func (s denseWindows) all(reverse bool) iter.Seq2[string, error] {
	return linesOf(either(reverse, s.All, s.ReverseAll)(), denseLine)
}

func (s denseWindows) onCommit(emit func(string)) {
	s.OnCommit(func(k string, start int64, v *string, present bool, timestamp int64) error {
		emit(line(at{k, start, 0}, row{valueOf(v), timestamp}, present))
		return nil
	})
}
