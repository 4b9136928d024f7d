//go:build integration

package integration_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rivusio/rivusio/integration"
)

// binaries is where the programs under test are built, once for all tests.
var binaries string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rivusio-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		os.Exit(1)
	}
	binaries = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// The programs under test, each built when a test first needs it.
var (
	processorBinary = buildOnce("github.com/rivusio/rivusio/cmd/processor")
	killedBinary    = buildOnce("github.com/rivusio/rivusio/integration/cmd/killed")
)

func buildOnce(program string) func() (binary string, err error) {
	return sync.OnceValues(func() (string, error) {
		binary := filepath.Join(binaries, strings.ReplaceAll(program, "/", "-")) // two programs may have one last name
		if out, err := exec.Command("go", "build", "-o", binary, program).CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", program, err, out)
		}
		return binary, nil
	})
}

// brokers is the value of KAFKA_BROKERS; a test that needs it is skipped without.
func brokers(t *testing.T) string {
	t.Helper()
	addresses := os.Getenv("KAFKA_BROKERS")
	if addresses == "" {
		t.Skip("KAFKA_BROKERS is not set: this test needs the address of a Kafka broker (make integration starts one)")
	}
	return addresses
}

// program is a program under test, which may be started many times, one process after the other.
type program struct {
	t    *testing.T
	name string   // of the process, in logs
	path string   // of the binary
	args []string // of every start
	log  string   // standard error of all its processes

	process *process // the latest
}

// process is one run of a program. err may be read when exited is closed.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error
	killed bool
}

// newProgram makes a program of one of the binaries. When the test fails, the end of its log is shown.
func newProgram(t *testing.T, binary func() (string, error), name string, args ...string) *program {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, name: name, path: path, args: args, log: filepath.Join(t.ArtifactDir(), name+".log")}
	t.Cleanup(func() {
		if p.process != nil {
			p.kill()
		}
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", name, p.logTail(8<<10))
		}
	})
	return p
}

func (p *program) logTail(bytesAtMost int64) string {
	f, err := os.Open(p.log)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if size, err := f.Seek(0, 2); err == nil {
		_, _ = f.Seek(max(0, size-bytesAtMost), 0)
	}
	var b bytes.Buffer
	_, _ = b.ReadFrom(f)
	return b.String()
}

// start starts the program; more are arguments of this start only.
func (p *program) start(more ...string) {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(p.path, append(append([]string{}, p.args...), more...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	started := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		started.err = cmd.Wait()
		close(started.exited)
	}()
	p.process = started
}

// kill kills the process with SIGKILL and waits until it is gone. It reports whether it was running.
func (p *program) kill() bool {
	if !p.alive() {
		return false
	}
	p.process.killed = true
	_ = p.process.cmd.Process.Kill() // it fails only if the process ended meanwhile
	<-p.process.exited
	return true
}

func (p *program) alive() bool {
	if p.process == nil {
		return false
	}
	select {
	case <-p.process.exited:
		return false
	default:
		return true
	}
}

// died returns an error if the process ended by itself.
func (p *program) died() error {
	if p.process == nil || p.alive() || p.process.killed {
		return nil
	}
	return fmt.Errorf("%s ended by itself: %v", p.name, p.process.err)
}

// stop ends the process with SIGTERM and fails the test unless it ends in order.
func (p *program) stop() {
	p.t.Helper()
	if err := p.died(); err != nil {
		p.t.Fatal(err)
	}
	if err := p.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatalf("stop %s: %v", p.name, err)
	}
	if code := p.exit(30 * time.Second); code != 0 {
		p.t.Fatalf("%s ended with exit code %d after SIGTERM, want 0", p.name, code)
	}
}

// exit waits for the end of the process and returns its exit code.
func (p *program) exit(patience time.Duration) int {
	p.t.Helper()
	select {
	case <-p.process.exited:
	case <-time.After(patience):
		p.t.Fatalf("%s did not end within %v", p.name, patience)
	}
	var failed *exec.ExitError
	if err := p.process.err; err != nil && !errors.As(err, &failed) {
		p.t.Fatalf("wait for %s: %v", p.name, err)
	}
	return p.process.cmd.ProcessState.ExitCode()
}

// until waits for a condition and fails the test after a time.
func until(t *testing.T, patience time.Duration, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after %v: %s", patience, what)
		}
	}
}

// watched is a program that writes a status file.
type watched struct {
	*program
	status string
	events []integration.Event
	read   int64
}

// tallying is a program that runs the topology on a state directory of its own.
func tallying(t *testing.T, topics integration.Tallies, instance string, args ...string) *watched {
	t.Helper()
	status := filepath.Join(t.ArtifactDir(), instance+".status")
	args = append([]string{
		"-brokers", brokers(t), "-status", status, "-state-dir", filepath.Join(t.TempDir(), instance), "-instance", instance,
		"-application", topics.Application, "-input", topics.Input, "-updates", topics.Updates, "-totals", topics.Totals,
	}, args...)
	return &watched{program: newProgram(t, killedBinary, instance, args...), status: status}
}

// update reads what the status file has more than before.
func (w *watched) update() []integration.Event {
	w.t.Helper()
	more, next, err := integration.ReadStatus(w.status, w.read)
	if err != nil {
		w.t.Fatal(err)
	}
	w.events, w.read = append(w.events, more...), next
	return w.events
}

// committing reports whether the present process has committed something.
func (w *watched) committing() bool {
	pid := w.process.cmd.Process.Pid
	for _, e := range w.update() {
		if e.PID == pid && e.Kind == integration.Committed && e.Written > 0 {
			return true
		}
	}
	return false
}

// says checks that the log holds all of the texts.
func (p *program) says(texts ...string) {
	p.t.Helper()
	log := p.logTail(1 << 20)
	for _, text := range texts {
		if !strings.Contains(log, text) {
			p.t.Errorf("%s does not say %q; it says:\n%s", p.name, text, log)
		}
	}
}
