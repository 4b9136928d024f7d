package state_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/state"
)

// A scratch database finds what was written and nothing else, and is refused where there is another one already.
func TestScratch(t *testing.T) {
	dir := t.TempDir()
	db, err := state.OpenPebble(state.PebbleOptions{Dir: dir, Scratch: true})
	if err != nil {
		t.Fatal(err)
	}
	p, err := db.Acquire(t.Context(), state.StoreID{Name: "s", Kind: state.KindKeyValue})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	want := make(map[string]string)
	for n := range 10 {
		var rows []state.ChangelogRow
		for range 200 {
			key, value := fmt.Sprint(random.IntN(1_000)), fmt.Sprint(n)
			row := state.ChangelogRow{Key: state.AppendChangelogKey(nil, state.RowRecord, []byte(key)), Value: append(make([]byte, 8), value...)}
			if random.IntN(5) == 0 {
				row.Value, value = nil, ""
			}
			want[key] = value
			rows = append(rows, row)
		}
		if err := p.Restore(rows, int64(n+1)); err != nil {
			t.Fatal(err)
		}
		for i := range 1_000 {
			key := fmt.Sprint(i)
			got, found, err := p.Get(nil, []byte(key))
			if err != nil || found != (want[key] != "") || found && !strings.HasSuffix(string(got), want[key]) {
				t.Fatalf("row %s is %q, %v, %v, want %q", key, got, found, err, want[key])
			}
		}
	}
	p.Release()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	kept, err := state.OpenPebble(state.PebbleOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = kept.Acquire(t.Context(), state.StoreID{Name: "s", Kind: state.KindKeyValue}); err != nil {
		t.Fatal(err)
	}
	if err := p.Restore([]state.ChangelogRow{{Key: state.AppendChangelogKey(nil, state.RowRecord, []byte("k")), Value: make([]byte, 8)}}, 1); err != nil {
		t.Fatal(err)
	}
	p.Release()
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := state.OpenPebble(state.PebbleOptions{Dir: dir, Scratch: true}); err == nil || !strings.Contains(err.Error(), "a scratch database must be new") {
		t.Error(err)
	}
}
