package engine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func acquire(t *testing.T, dir, configured string) (string, func() error) {
	t.Helper()
	name, release, err := acquireInstance(dir, configured)
	if err != nil {
		t.Fatal(err)
	}
	return name, release
}

func release(t *testing.T, f func() error) {
	t.Helper()
	if err := f(); err != nil {
		t.Fatal(err)
	}
}

func TestInstanceNameIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "state")
	first, done := acquire(t, dir, "")
	if len(first) != 36 {
		t.Errorf("name %q, want a UUID", first)
	}
	release(t, done)
	second, done := acquire(t, dir, "")
	release(t, done)
	if second != first {
		t.Errorf("name %q, then %q", first, second)
	}
	other, done := acquire(t, t.TempDir(), "")
	release(t, done)
	if other == first {
		t.Errorf("two directories have the name %q", other)
	}
	configured, done := acquire(t, dir, "worker-1")
	release(t, done)
	if configured != "worker-1" {
		t.Errorf("name %q, configured worker-1", configured)
	}
	if again, done := acquire(t, dir, ""); again != first {
		t.Errorf("name %q after another one was configured for a while, want %q", again, first)
	} else {
		release(t, done)
	}
}

func TestStateDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	_, done := acquire(t, dir, "a")
	_, _, err := acquireInstance(dir, "b")
	want := fmt.Sprintf("state directory %s is in use by process %d", dir, os.Getpid())
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	release(t, done)
	_, done = acquire(t, dir, "b")
	release(t, done)
}

// A process that is killed leaves a lock file, but no lock.
func TestKilledHolder(t *testing.T) {
	dir := t.TempDir()
	if os.Getenv("HOLD_STATE_DIR") != "" {
		acquire(t, os.Getenv("HOLD_STATE_DIR"), "")
		fmt.Println("held")
		select {}
	}
	holder := exec.Command(os.Args[0], "-test.run=^TestKilledHolder$")
	holder.Env = append(os.Environ(), "HOLD_STATE_DIR="+dir)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(dir, instanceFile))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = acquireInstance(dir, "")
	want := fmt.Sprintf("in use by process %d:", holder.Process.Pid)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	holder.Wait() // it was killed
	name, done := acquire(t, dir, "")
	release(t, done)
	if name != strings.TrimSpace(string(kept)) {
		t.Errorf("name %q, the killed process had %q", name, kept)
	}
}

func TestInstanceMistakes(t *testing.T) {
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, instanceFile), []byte("no good\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ dir, configured, want string }{
		{"", "a", "no state directory"},
		{t.TempDir(), "a b", `instance name "a b" is not`},
		{broken, "", filepath.Join(broken, instanceFile)},
		{file, "a", file},
	} {
		_, _, err := acquireInstance(tt.dir, tt.configured)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q %q: error %v, want %s", tt.dir, tt.configured, err, tt.want)
		}
	}
	// A mistake does not keep the lock.
	if err := os.Remove(filepath.Join(broken, instanceFile)); err != nil {
		t.Fatal(err)
	}
	_, done := acquire(t, broken, "")
	release(t, done)
}
