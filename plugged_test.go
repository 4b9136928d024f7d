package rivusio

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pluginsIn is a folder with copies of WebAssembly modules.
func pluginsIn(t *testing.T, modules ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, module := range modules {
		code, err := os.ReadFile(module)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, filepath.Base(module)), code, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

const (
	maskModule   = "examples/plugins/prebuilt/mask.wasm"
	secondModule = "plugins/wasm/testdata/hostile/second.wasm" // traps at each second message of an instance
)

const masking = `application: masking
streams:
  cards:
    topic: cards
    steps:
      - through: {pipe: mask, config: {keep: 2}}
      - to: masked
tests:
  - name: digits become stars
    input: [{key: a1, value: {card: "4111 1234"}, timestamp: 7, headers: {trace: t1}}]
    output: {masked: [{key: a1, value: {card: "**** **34"}, timestamp: 7, headers: {trace: t1}}]}
`

// A file names a plugin of the folder that the flag or the environment names, in every command that reads files.
func TestFilesWithPlugins(t *testing.T) {
	folder := pluginsIn(t, maskModule)
	path := writeFile(t, "masking.yaml", masking)
	damaged := pluginsIn(t, maskModule, "plugins/wasm/testdata/refused/version-2.wasm")
	commands := func(folder string, code int, want ...string) {
		t.Helper()
		for i, args := range [][]string{{"test", path}, {"lint", path}, {"describe", path}, {"pipe", path}, {"run", path}} {
			if folder != "" {
				args = append(args, "--plugins", folder)
			}
			if args[0] == "run" {
				if code == ExitOK {
					continue // see TestHostilePluginOnKafka of the package integration
				}
				args = append(args, "--state-dir", t.TempDir())
			}
			if r := command(t.Context(), []Constructor{double}, args...); r.code != code || !strings.Contains(r.out+r.errors, want[min(i, len(want)-1)]) {
				t.Errorf("%v: %+v, want %d and %q", args, r, code, want)
			}
		}
	}
	good := []string{"1 tests, 0 failed", "no mistakes", "Topology: masking", ""}
	commands(folder, ExitOK, good...)
	commands("", ExitUsage, `masking.yaml:6:39: pipe "mask" is not known`)
	commands("nowhere", ExitUsage, "nowhere: no such file or directory")
	commands(damaged, ExitUsage, "plugin file version-2.wasm: ")
	t.Setenv("RIVUSIO_PLUGINS", folder)
	commands("", ExitOK, good...)
	commands("nowhere", ExitUsage, "nowhere: no such file or directory") // the flag lies over the variable

	if code, out, errs := piped(`{"card":"4111 1111"}`+"\n", path, "--output", "value"); code != ExitOK || out != `{"card":"**** **11"}`+"\n" || errs != "" {
		t.Errorf("%d, %s, %s", code, out, errs)
	}
	if r := command(t.Context(), []Constructor{double}, "describe", "--plugins", folder); r.code != ExitUsage || !strings.Contains(r.errors, "--plugins is for the topology of a file") {
		t.Errorf("%+v", r)
	}
}

// A plugin that traps loses the records that it traps on if the file says so, and else ends the run; both are told.
func TestPipeThroughHostilePlugin(t *testing.T) {
	folder := pluginsIn(t, secondModule)
	const steps = `application: hostile
streams:
  numbers:
    topic: numbers
    steps:
      - through: {pipe: second}
        name: hostile
      - to: out
`
	in := strings.Repeat("1\n", 1000)
	code, out, errs := piped(in, writeFile(t, "hostile.yaml", strings.Replace(steps, "second}", "second}\n        on_error: skip", 1)), "--plugins", folder, "--output", "value")
	// Each instance gives one answer and breaks at its second message; which message is whose depends on how many there are.
	written := strings.Count(out, "1\n")
	want := fmt.Sprintf("processor: dropped by operator \"hostile\", failed: %d\n", 1000-written)
	if code != ExitOK || written == 0 || written == 1000 || errs != want {
		t.Errorf("%d, %d lines, %s", code, written, errs)
	}
	code, out, errs = piped(in, writeFile(t, "strict.yaml", steps), "--plugins", folder, "--output", "value", "--commit-every", "1")
	want = fmt.Sprintf("processor: line %d: operator \"hostile\"", strings.Count(out, "1\n")+1)
	if code != ExitFailure || out == "" || !strings.HasPrefix(errs, want) || !strings.Contains(errs, `pipe "second": WebAssembly plugin "second": it trapped: `) {
		t.Errorf("%d, %s, %s", code, out, errs)
	}
}
