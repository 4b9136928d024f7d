package state_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"pgregory.net/rapid"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/state"
	"github.com/rivusio/rivusio/windows"
)

// history is what a test applied to one partition: its changelog, and where in it each apply ended.
type history struct {
	id    state.StoreID
	store *state.WindowStore[string, string]
	log   []state.ChangelogRow
	ends  []int // after how many records each of the applies of the database was, for this partition
}

func (h *history) append(key, value []byte) error {
	h.log = append(h.log, state.ChangelogRow{Key: bytes.Clone(key), Value: bytes.Clone(value)})
	return nil
}

// at is the rows after the first n records of the changelog, without expired ones.
func (h *history) at(t fatal, n int) (map[string]string, state.Times) {
	rows, times := map[string]string{}, state.NoTimes()
	for _, r := range h.log[:n] {
		kind, key, err := state.ParseChangelogKey(r.Key)
		switch {
		case err != nil:
			t.Fatalf("%v", err)
		case kind == state.TimeRecord:
			if times, err = state.DecodeTimes(r.Value); err != nil {
				t.Fatalf("%v", err)
			}
		case r.Value == nil:
			delete(rows, string(key))
		default:
			rows[string(key)] = string(r.Value)
		}
	}
	maps.DeleteFunc(rows, func(k string, _ string) bool {
		start, _ := windows.Time([]byte(k))
		return start < times.Kept
	})
	return rows, times
}

type fatal interface{ Fatalf(string, ...any) }

// TestCrash loses the machine at any moment: afterwards the database is what it was after some apply, in all partitions
// after the same one, and says so.
func TestCrash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := vfs.NewCrashableMem()
		open := func(fs *vfs.MemFS) *state.Pebble {
			p, err := state.OpenPebble(state.PebbleOptions{Dir: "db", FS: fs, MemTableBytes: 64 << 10, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatalf("%v", err)
			}
			return p
		}
		db := open(fs)
		defer func() { db.Close() }()
		var all []*history
		for i := range rapid.IntRange(1, 3).Draw(t, "partitions") {
			h := &history{id: state.StoreID{Name: fmt.Sprint("store-", i/2), Partition: int32(i), Kind: state.KindWindow}, ends: []int{0}}
			all = append(all, h)
			h.open(t, db)
		}
		unsynced := rapid.SampledFrom([]int{0, 50, 100}).Draw(t, "percent of unsynced data that survives")
		applies := rapid.IntRange(0, 25).Draw(t, "applies")
		for n := range applies {
			var generations []*state.Generation
			for i, h := range all {
				for r := range rapid.IntRange(0, 40).Draw(t, "rows") {
					start := int64(n*3 - r%7)
					if err := h.store.Put(fmt.Sprint(r*31%17), max(0, start), strings.Repeat("x", r*(i+1)*7)); err != nil {
						t.Fatalf("%v", err)
					}
				}
				if err := h.store.Flush(h.append); err != nil {
					t.Fatalf("%v", err)
				}
				h.store.Commit(int64(len(h.log)))
				generations = append(generations, h.store.Pending()...)
				h.ends = append(h.ends, len(h.log))
			}
			if err := db.Apply(context.Background(), generations); err != nil {
				t.Fatalf("%v", err)
			}
		}
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))})
		db.Close()
		db = open(crashed)
		survived := map[int]bool{}
		for n := range applies + 1 {
			survived[n] = true
		}
		for _, h := range all {
			h.check(t, db, survived)
		}
		if len(survived) == 0 {
			t.Fatalf("the partitions are not those of one moment")
		}
	})
}

func (h *history) open(t fatal, db state.Backend) {
	p, err := db.Acquire(context.Background(), h.id)
	if err != nil {
		t.Fatalf("%v", err)
	}
	h.store = state.NewWindow(state.Config{Name: h.id.Name, Partition: p, Changelog: true}, state.WindowConfig{SizeMs: 1, RetentionMs: 20}, serde.String, serde.String)
}

// check compares a partition with its history, and leaves in survived the numbers of applies after which it can be.
func (h *history) check(t fatal, db state.Backend, survived map[int]bool) {
	p, err := db.Acquire(context.Background(), h.id)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer p.Release()
	checkpoint := p.Checkpoint()
	end := max(0, int(checkpoint.Offset))
	for n := range survived {
		if h.ends[n] != end {
			delete(survived, n)
		}
	}
	want, times := h.at(t, end)
	if checkpoint.Times != times {
		t.Fatalf("%v: times are %+v, want %+v", h.id, checkpoint.Times, times)
	}
	got := map[string]string{}
	c := p.Scan(nil, nil, false)
	for c.Next() {
		got[string(c.Key())] = string(c.Value())
	}
	if err := c.Close(); err != nil {
		t.Fatalf("%v", err)
	}
	if !maps.Equal(got, want) {
		t.Fatalf("%v: %d rows at offset %d, want %d: %q, want %q", h.id, len(got), end, len(want), got, want)
	}
	// The rest of the changelog restores the whole.
	if err := p.Restore(h.log[end:], int64(len(h.log))); err != nil {
		t.Fatalf("%v", err)
	}
	want, _ = h.at(t, len(h.log))
	n := 0
	c = p.Scan(nil, nil, false)
	for c.Next() {
		n++
		if want[string(c.Key())] != string(c.Value()) {
			t.Fatalf("%v: after the restore row %x is %q", h.id, c.Key(), c.Value())
		}
	}
	if err := c.Close(); err != nil || n != len(want) {
		t.Fatalf("%v: %d rows after the restore, want %d (%v)", h.id, n, len(want), err)
	}
}

// storedKeys counts the keys of a database by their first byte.
func storedKeys(t *testing.T, fs vfs.FS) map[byte]int {
	t.Helper()
	db, err := pebble.Open("db", &pebble.Options{FS: fs, FormatMajorVersion: pebble.FormatNewest, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	i, err := db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	n := map[byte]int{}
	for i.First(); i.Valid(); i.Next() {
		n[i.Key()[0]]++
	}
	if err := errors.Join(i.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	return n
}

type quiet struct{ pebble.Logger }

func (quiet) Infof(string, ...any) {}

// TestTwinAfterCrash: a rebuild that was not finished leaves nothing, and one that was leaves nothing of the old rows.
func TestTwinAfterCrash(t *testing.T) {
	o := state.PebbleOptions{Dir: "db", FS: vfs.NewMem()}
	record := func(key string) []state.ChangelogRow {
		return []state.ChangelogRow{{Key: []byte("\x00" + key), Value: make([]byte, 9)}}
	}
	const row, twins = 0x10, 0x03
	for _, swap := range []bool{false, true} {
		db, err := state.OpenPebble(o)
		if err != nil {
			t.Fatal(err)
		}
		p := acquire(t, db, "s", state.KindKeyValue)
		if err := p.Restore(record("old"), 1); err != nil {
			t.Fatal(err)
		}
		twin, err := p.Rebuild(context.Background())
		if err := errors.Join(err, twin.Restore(record("new"), 2)); err != nil {
			t.Fatal(err)
		}
		want, offset := "old", int64(1)
		if swap {
			want, offset = "new", 2
			if err := twin.Swap(); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if n := storedKeys(t, o.FS); !swap && (n[row] != 2 || n[twins] != 1) {
			t.Errorf("with a twin: keys by first byte are %v", n)
		}

		if db, err = state.OpenPebble(o); err != nil {
			t.Fatal(err)
		}
		p = acquire(t, db, "s", state.KindKeyValue)
		if c := p.Checkpoint(); c.Offset != offset {
			t.Errorf("swap %v: checkpoint is %+v", swap, c)
		}
		if _, found, err := p.Get(nil, []byte(want)); !found || err != nil {
			t.Errorf("swap %v: row %s is gone (%v)", swap, want, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if n := storedKeys(t, o.FS); n[row] != 1 || n[twins] != 0 {
			t.Errorf("swap %v: keys by first byte are %v", swap, n)
		}
	}
}

const killedDir = "RIVUSIO_STATE_TEST_DIR"

// TestKill kills a process that applies little and rarely, as the operating system does. The log's file has the apply
// soon, without a further one, and so has the database that is opened next.
func TestKill(t *testing.T) {
	if dir := os.Getenv(killedDir); dir != "" {
		applyAndWait(t, dir)
		return
	}
	dir := t.TempDir()
	for round := range 3 {
		c := exec.Command(os.Args[0], "-test.run=^TestKill$")
		c.Env = append(os.Environ(), killedDir+"="+dir)
		in, err := c.StdinPipe() // held open: the process waits for its end
		out, err2 := c.StdoutPipe()
		if err := errors.Join(err, err2, c.Start()); err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "applied" {
			t.Fatalf("round %d: the process says %q (%v)", round, lines.Text(), lines.Err())
		}
		for deadline := time.Now().Add(20 * time.Second); !logHas(t, dir, marker(round)); {
			if time.Now().After(deadline) {
				t.Fatalf("round %d: an apply does not reach the log", round)
			}
			runtime.Gosched()
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, out)
		c.Wait()

		db, err := state.OpenPebble(state.PebbleOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		p := acquire(t, db, "killed", state.KindKeyValue)
		v, _, err := p.Get(nil, []byte("k"))
		if _, v, _ := state.ParseRowValue(v); string(v) != marker(round) || err != nil || p.Checkpoint().Offset != int64(round) {
			t.Errorf("round %d: the row is %q (%v), the checkpoint %+v", round, v, err, p.Checkpoint())
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func marker(round int) string { return fmt.Sprintf("<marker %d>", round) }

// logHas reports whether a log file in a directory contains a string.
func logHas(t *testing.T, dir, what string) bool {
	names, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte(what)) {
			return true
		}
	}
	return false
}

// applyAndWait makes the next apply, says so, and waits for ever.
func applyAndWait(t *testing.T, dir string) {
	db, err := state.OpenPebble(state.PebbleOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	p := acquire(t, db, "killed", state.KindKeyValue)
	s := state.NewKeyValue(state.Config{Name: "killed", Partition: p}, serde.String, serde.String)
	round := p.Checkpoint().Offset + 1
	if err := errors.Join(s.Put("k", marker(int(round))), s.Flush(nil)); err != nil {
		t.Fatal(err)
	}
	s.Commit(round)
	if err := db.Apply(context.Background(), s.Pending()); err != nil {
		t.Fatal(err)
	}
	fmt.Println("applied")
	io.Copy(io.Discard, os.Stdin)
}

// reusingFS injects errors into files that are used again, too, which errorfs leaves out.
type reusingFS struct {
	*errorfs.FS
	inject errorfs.Injector
}

const reusedFile = "" // the path of such a file in an errorfs.Op

func (fs reusingFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(oldname, newname, c)
	if err != nil {
		return nil, err
	}
	return errorfs.WrapFile(f, fs.inject), nil
}

// messages is where a log goes.
type messages chan string

func (m messages) Write(b []byte) (int, error) {
	m <- string(b)
	return len(b), nil
}

// TestFullDisk: a log that cannot be written is an error of the apply, and of everything after it, not the end of the
// process. What was applied before is there when the disk is well again.
func TestFullDisk(t *testing.T) {
	full := errors.New("no space left")
	for operation, fails := range map[string][]errorfs.OpKind{
		"write": {errorfs.OpFileWrite}, "sync": {errorfs.OpFileSyncData, errorfs.OpFileSync}, "create": {errorfs.OpCreate, errorfs.OpReuseForWrite},
	} {
		var broken atomic.Bool
		mem := vfs.NewCrashableMem()
		inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if broken.Load() && (strings.HasSuffix(op.Path, ".log") || op.Path == reusedFile) && slices.Contains(fails, op.Kind) {
				return full
			}
			return nil
		})
		fs := reusingFS{errorfs.Wrap(mem, inject), inject}
		said := make(messages, 1000)
		db, err := state.OpenPebble(state.PebbleOptions{Dir: "the-directory", FS: fs, MemTableBytes: 64 << 10, Logger: slog.New(slog.NewTextHandler(said, nil))})
		if err != nil {
			t.Fatal(err)
		}
		p := acquire(t, db, "s", state.KindKeyValue)
		write := func(n int64) error { // much more than a memtable, so that the log goes through many files
			return p.Restore([]state.ChangelogRow{{Key: []byte("\x00k"), Value: state.AppendRowValue(nil, n, make([]byte, 1000))}}, n)
		}
		n := int64(0)
		for n < 300 && err == nil {
			n++
			err = write(n)
		}
		if err != nil {
			t.Fatal(err)
		}
		for broken.Store(true); n < 200_000 && err == nil; n++ {
			err = write(n)
		}
		if err == nil || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), "the-directory") {
			t.Fatalf("%s: error is %v", operation, err)
		}
		if _, _, err := p.Get(nil, []byte("k")); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: a read afterwards: %v", operation, err)
		}
		if err := db.Close(); err == nil {
			t.Errorf("%s: Close says that all is well", operation)
		}
		for m := range said { // it comes
			if strings.Contains(m, "no space left") && strings.Contains(m, "the-directory") {
				break
			}
		}

		broken.Store(false)
		if db, err = state.OpenPebble(state.PebbleOptions{Dir: "the-directory", FS: mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})}); err != nil {
			t.Fatalf("%s: open afterwards: %v", operation, err)
		}
		p = acquire(t, db, "s", state.KindKeyValue)
		row, _, err := p.Get(nil, []byte("k"))
		at, _, err2 := state.ParseRowValue(row)
		if err := errors.Join(err, err2); err != nil || at != p.Checkpoint().Offset || at < 200 || at > n {
			t.Errorf("%s: after %d writes the row is of write %d, the checkpoint of %d (%v)", operation, n, at, p.Checkpoint().Offset, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	db, err := state.OpenPebble(state.PebbleOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.OpenPebble(state.PebbleOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("opened twice: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := state.OpenPebble(state.PebbleOptions{}); err == nil {
		t.Error("opened without a directory")
	}
}
