//go:build integration

package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const hostileTopology = `application: hostile-plugin
streams:
  good:
    topic: hostile-plugin-input
    steps:
      - map_values: value * 2
      - to: hostile-plugin-good
  bad:
    from: good
    steps:
      - through: {pipe: second}
        name: hostile
        on_error: skip
      - to: hostile-plugin-rest
`

// TestHostilePluginOnKafka: a module that traps at every second message of an instance, with the policy skip, loses those and
// nothing else; the process goes on. With the policy fail the process ends and says why.
func TestHostilePluginOnKafka(t *testing.T) {
	k := connect(t)
	const application, input, good, rest, records = "hostile-plugin", "hostile-plugin-input", "hostile-plugin-good", "hostile-plugin-rest", 2000
	k.clean(application, input, good, rest)
	k.create(2, keepAll, input, good, rest)
	folder := t.TempDir()
	code, err := os.ReadFile("../plugins/wasm/testdata/hostile/second.wasm")
	k.must("read the module", err)
	k.must("write the module", os.WriteFile(filepath.Join(folder, "second.wasm"), code, 0o600))
	file := filepath.Join(t.TempDir(), "hostile.yaml")
	k.must("write the file", os.WriteFile(file, []byte(hostileTopology), 0o600))
	var batch []*kgo.Record
	var want []string
	for i := range records {
		batch = append(batch, &kgo.Record{Topic: input, Key: fmt.Appendf(nil, "k%d", i%50), Value: fmt.Append(nil, i)})
		want = append(want, fmt.Sprint(2*i))
	}
	k.produce(batch...)
	args := []string{"run", file, "--plugins", folder, "--brokers", brokers(t), "--state-dir", t.TempDir()}
	p := newProgram(t, processorBinary, "processor", args...)
	p.start()
	k.consumed(application, p.died, input)
	p.stop()
	var got []string
	k.read(good, func(r *kgo.Record) { got = append(got, string(r.Value)) })
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d good records came out, want %d, each once", len(got), len(want))
	}
	if n := k.count(rest); n == 0 || n == records {
		t.Errorf("%d of %d records came through the plugin: it was not hostile, or never answered", n, records)
	}

	k.must("write the file", os.WriteFile(file, []byte(strings.Replace(hostileTopology, "        on_error: skip\n", "", 1)), 0o600))
	k.produce(batch[:100]...)
	p.start()
	if code := p.exit(time.Minute); code != 1 {
		t.Errorf("exit code %d with the policy fail, want 1", code)
	}
	p.says(`operator "hostile"`, `pipe "second": WebAssembly plugin "second": it trapped`)
}
