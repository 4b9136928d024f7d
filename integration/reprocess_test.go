//go:build integration

package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/serde"
)

// versions are two applications of one topology: it counts by value, behind a repartition topic, and writes each update.
type versions struct {
	*cluster
	folder string
	sent   int
	want   map[string]int // by value
}

const countsByValue = `application: %s
streams:
  words:
    topic: integration-words
    value_serde: string
    steps:
      - group_by: value
      - count: {store: n}
      - to_stream:
      - to: integration-counts
`

func newVersions(t *testing.T) *versions {
	v := &versions{cluster: connect(t, kgo.RecordPartitioner(kgo.ManualPartitioner())), folder: t.TempDir(), want: make(map[string]int)}
	v.clean("integration-old", "integration-words", "integration-counts")
	v.clean("integration-new")
	v.create(3, keepAll, "integration-words")
	v.create(1, keepAll, "integration-counts")
	return v
}

func (v *versions) args(command, application string) []string {
	v.t.Helper()
	file := filepath.Join(v.folder, application+".yaml")
	v.must("write a topology", os.WriteFile(file, fmt.Appendf(nil, countsByValue, application), 0o600))
	return []string{
		command, file, "--brokers", strings.Join(v.addresses, ","), "--state-dir", filepath.Join(v.folder, "state"),
		"--log-level", "warn", "--stop-policy", "handover",
	}
}

// do runs a command to its end.
func (v *versions) do(command, application string, more ...string) (out string, err error) {
	v.t.Helper()
	binary, err := processorBinary()
	v.must("build", err)
	text, err := exec.CommandContext(v.t.Context(), binary, append(v.args(command, application), more...)...).CombinedOutput()
	return string(text), err
}

func (v *versions) must2(out string, err error) string {
	v.t.Helper()
	if err != nil {
		v.t.Fatalf("%v: %s", err, out)
	}
	return out
}

func (v *versions) feed(n int) {
	v.t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		value := fmt.Sprintf("value-%d", v.sent%7)
		records[i] = &kgo.Record{Topic: "integration-words", Partition: int32(v.sent % 3), Key: []byte("k"), Value: []byte(value), Timestamp: time.UnixMilli(int64(v.sent))}
		v.want[value]++
		v.sent++
	}
	v.produce(records...)
}

func (v *versions) caughtUp(p *program) {
	v.t.Helper()
	application := strings.TrimSuffix(filepath.Base(p.args[1]), ".yaml")
	v.consumed(application, p.died, "integration-words", application+"-n-repartition")
}

// results are the updates of each value, in their order.
func (v *versions) results() map[string][]int {
	got := make(map[string][]int)
	v.read("integration-counts", func(r *kgo.Record) {
		n, err := serde.Int64.Decode(r.Value)
		v.must("decode a count", err)
		value := strings.Trim(string(r.Key), `"`)
		got[value] = append(got[value], int(n))
	})
	return got
}

// TestReset runs an application, resets it and runs it again: what it writes is what it wrote from nothing.
func TestReset(t *testing.T) {
	v := newVersions(t)
	p := newProgram(t, processorBinary, "old", v.args("run", "integration-old")...)
	v.feed(5_000)
	p.start()
	v.caughtUp(p)
	if out, err := v.do("reset", "integration-old"); err == nil || !strings.Contains(out, "is in use by process") {
		t.Errorf("reset of a running application: %v, %s", err, out)
	}
	if out, err := v.do("reset", "integration-old", "--state-dir", t.TempDir()); err == nil || !strings.Contains(out, `application "integration-old" is running: its group has the members`) {
		t.Errorf("reset from elsewhere: %v, %s", err, out)
	}
	p.stop()
	out := v.must2(v.do("reset", "integration-old"))
	t.Log("dry run:\n" + out)
	for _, want := range []string{"topic integration-old-n-changelog would be deleted", "topic integration-old-n-repartition would be deleted", "state would be deleted"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not print %q", want)
		}
	}
	v.must2(v.do("reset", "integration-old", "--execute"))
	p.start()
	v.caughtUp(p)
	p.stop()
	for value, n := range v.want {
		got := v.results()[value]
		if len(got) != 2*n {
			t.Fatalf("%s has %d updates, want %d", value, len(got), 2*n)
		}
		for i, count := range got {
			if want := i%n + 1; count != want {
				t.Fatalf("update %d of %s is %d, want %d", i, value, count, want)
			}
		}
	}
}

// TestSwitchOver lets a new application take the output of an old one over while records come all the time: each update of each
// value is there once, and in order.
func TestSwitchOver(t *testing.T) {
	v := newVersions(t)
	old := newProgram(t, processorBinary, "old", v.args("run", "integration-old")...)
	v.feed(5_000)
	old.start()
	v.caughtUp(old)
	catchUp := newProgram(t, processorBinary, "catch-up", append(v.args("reprocess", "integration-new"), "--from", "integration-old", "--pause", "500ms")...)
	catchUp.start()
	until(t, time.Minute, "the new application has caught up once", func() bool {
		v.feed(100)
		return strings.Contains(catchUp.logTail(1<<20), "integration-old still runs")
	})
	v.feed(20_000)
	old.stop() // with records on their way
	v.feed(5_000)
	v.must2(v.do("drain", "integration-old"))
	if code := catchUp.exit(time.Minute); code != 0 && !strings.Contains(catchUp.logTail(1<<20), "run `drain`") {
		t.Fatalf("reprocess ended with %d", code)
	}
	t.Log(v.must2(v.do("reprocess", "integration-new", "--from", "integration-old"))) // what the other one did not see any more
	before := v.count("integration-counts")
	new := newProgram(t, processorBinary, "new", v.args("run", "integration-new")...)
	new.start()
	v.feed(5_000)
	v.caughtUp(new)
	new.stop()
	t.Logf("%d updates by the old application, %d by the new one", before, int64(v.sent)-before)
	if before == 0 || before >= int64(v.sent) {
		t.Errorf("one of them has written nothing")
	}
	got := v.results()
	for value, n := range v.want {
		if len(got[value]) != n {
			t.Errorf("%s has %d updates, want %d", value, len(got[value]), n)
		}
		for i, count := range got[value] {
			if count != i+1 {
				t.Fatalf("update %d of %s is %d", i+1, value, count)
			}
		}
	}
}
