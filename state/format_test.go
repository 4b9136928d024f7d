package state_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
)

// TestFormats holds the bytes that are in changelogs and databases already.
func TestFormats(t *testing.T) {
	times := state.Times{Task: 1, Operator: 2, Closed: -1, Put: 0x0102030405060708, Kept: 5}
	closing := times
	closing.Closing = "ab"
	for what, c := range map[string]struct {
		got  []byte
		want string
	}{
		"row key":       {state.AppendChangelogKey(nil, state.RowRecord, []byte("k")), "00" + "6b"},
		"time key":      {state.AppendChangelogKey(nil, state.TimeRecord, nil), "01"},
		"row value":     {state.AppendRowValue(nil, 258, []byte("v")), "0000000000000102" + "76"},
		"closing times": {closing.Append(nil), "02" + "0000000000000001" + "0000000000000002" + "ffffffffffffffff" + "0102030405060708" + "0000000000000005" + "6162"},
		"time record":   {times.Append(nil), "01" + "0000000000000001" + "0000000000000002" + "ffffffffffffffff" + "0102030405060708" + "0000000000000005"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s is %s, want %s", what, got, c.want)
		}
	}
	for _, want := range []state.Times{times, closing} {
		if got, err := state.DecodeTimes(want.Append(nil)); got != want || err != nil {
			t.Errorf("times decode to %+v (%v), want %+v", got, err, want)
		}
	}
	for _, bad := range [][]byte{nil, {3}, times.Append(nil)[:40], append(times.Append(nil), 'a'), closing.Append(nil)[:41]} {
		if got, err := state.DecodeTimes(bad); err == nil {
			t.Errorf("%x decodes to %+v", bad, got)
		}
	}
	if timestamp, value, err := state.ParseRowValue(state.AppendRowValue(nil, -7, nil)); timestamp != -7 || value == nil || len(value) != 0 || err != nil {
		t.Errorf("an empty value is %d, %v, %v", timestamp, value, err)
	}
}

// TestFlushRecords holds what a store logs: keys, values, order, tombstones, times last.
func TestFlushRecords(t *testing.T) {
	b := state.NewMemory()
	s := state.NewWindow(state.Config{Name: "s", Partition: acquire(t, b, "s", state.KindWindow), Changelog: true},
		state.WindowConfig{SizeMs: 10, RetentionMs: 100}, serde.String, serde.Pointer(serde.Int64))
	one := int64(1)
	for _, err := range []error{s.Put("b", 10, &one), s.Put("a", 10, &one), s.Put("z", 0, nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	if err := s.Flush(func(k, v []byte) error {
		got = append(got, hex.EncodeToString(k)+"="+hex.EncodeToString(v))
		if v == nil {
			got[len(got)-1] += "null"
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	row := "ffffffffffffffff" + "0000000000000001"
	no := "ffffffffffffffff"
	want := []string{
		"00" + "8000000000000000" + "7a=null",
		"00" + "800000000000000a" + "61=" + row,
		"00" + "800000000000000a" + "62=" + row,
		"01=" + "01" + no + no + no + "000000000000000a" + no,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if err := s.Flush(nil); err == nil || !strings.Contains(err.Error(), "store s, partition 0") {
		t.Errorf("a second flush without a commit: %v", err)
	}
	s.Commit(4)
	if err := s.Flush(func(k, v []byte) error { t.Errorf("logged %x without a change", k); return nil }); err != nil {
		t.Error(err)
	}
	if n := len(s.Pending()); n != 1 {
		t.Errorf("%d generations are pending, want 1", n)
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte{0, 'k'}, state.AppendRowValue(nil, 1, []byte("v")), true)
	f.Add([]byte{1}, state.NoTimes().Append(nil), false)
	f.Fuzz(func(t *testing.T, key, value []byte, window bool) {
		kind := state.KindKeyValue
		if window {
			kind = state.KindWindow
		}
		b := state.NewMemory()
		p := acquire(t, b, "s", kind)
		rows := []state.ChangelogRow{{Key: key, Value: value}, {Key: key, Value: value}}
		if err := p.Restore(rows, 2); err != nil {
			if p.Checkpoint().Offset != -1 {
				t.Fatal("a refused chunk moved the checkpoint")
			}
			return
		}
		if k, row, _ := state.ParseChangelogKey(key); k == state.RowRecord && value != nil {
			got, found, err := p.Get(nil, row)
			if err != nil || found && !bytes.Equal(got, value) || !found && !window {
				t.Fatalf("restored %x as %x, %v, %v", value, got, found, err)
			}
		}
	})
}
