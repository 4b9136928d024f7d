package rivusio

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/declarative/jsonlines"
)

// writeFile writes a file and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const doubling = `application: doubling
streams:
  numbers:
    topic: numbers
    steps:
      - map_values: value * 2
      - to: doubles
`

const doublingTests = `tests:
  - name: numbers are doubled
    input: [{value: 21}]
    output: {doubles: [{value: 42}]}
`

// Commands on files give the codes 0, 1 and 2 for what went well, what failed and what is wrong.
func TestCommandsOnFiles(t *testing.T) {
	good := writeFile(t, "doubling.yaml", doubling+doublingTests)
	failing := writeFile(t, "failing.yaml", doubling+strings.Replace(doublingTests, "42", "43", 1))
	bad := writeFile(t, "bad.yaml", strings.Replace(doubling, "value * 2", "valu * 2", 1))
	untested := writeFile(t, "untested.yaml", doubling)
	beside := writeFile(t, "beside.yaml", doubling)
	tests := strings.TrimSuffix(beside, ".yaml") + ".test.yaml"
	if err := os.WriteFile(tests, []byte(doublingTests), 0o644); err != nil {
		t.Fatal(err)
	}
	alone := writeFile(t, "alone.test.yaml", doublingTests)
	wrongTests := writeFile(t, "wrong.test.yaml", "test: []")
	if err := os.WriteFile(strings.Replace(wrongTests, ".test", "", 1), []byte(doubling), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args        []string
		code        int
		out, errors string
	}{
		{[]string{"describe", good}, 0, "Topology: doubling", ""},
		{[]string{"describe", good, "--format", "json"}, 0, `"application": "doubling"`, ""},
		{[]string{"describe", bad}, 2, "", "bad.yaml:6:21: streams.numbers.steps[0].map_values: expression: unknown name valu"},
		{[]string{"describe", good, "--topology", "doubles"}, 2, "", "--topology and a file are both given"},
		{[]string{"run", bad}, 2, "", "unknown name valu"},
		{[]string{"run", "nowhere.yaml"}, 2, "", "nowhere.yaml"},
		{[]string{"lint", good, bad, beside, tests}, 2, "doubling.yaml: no mistakes", "bad.yaml:6:21"},
		{[]string{"lint", good, tests}, 0, good + ": no mistakes\n" + beside + ": no mistakes\n", ""},
		{[]string{"lint", good, alone}, 2, good + ": no mistakes", "alone.test.yaml is a file of tests, and the file of its topology is not beside it"},
		{[]string{"lint", wrongTests}, 2, "", "wrong.test.yaml:1:1: "},
		{[]string{"lint"}, 2, "", "requires at least 1 arg"},
		{[]string{"test", good, beside}, 0, "2 tests, 0 failed", ""},
		{[]string{"test", "-v", good}, 0, "ok    " + good + ": numbers are doubled", ""},
		{[]string{"test", good, failing}, 1, "topic doubles, record 1: value: got 42, want 43", "1 of 2 tests failed"},
		{[]string{"test", good, bad}, 2, "", "unknown name valu"},
		{[]string{"test", untested}, 2, "", "has no tests"},
		{[]string{"test", "-v", tests, beside, good, tests}, 0, "ok    " + beside + ": numbers are doubled\nok    " + good + ": numbers are doubled\n2 tests, 0 failed", ""},
		{[]string{"test", good, alone}, 2, "", "alone.test.yaml is a file of tests, and the file of its topology is not beside it"},
		{[]string{"schema"}, 0, `"$schema"`, ""},
		{[]string{"schema", "--tests"}, 0, `"$schema"`, ""},
		{[]string{"pipe", bad}, 2, "", "unknown name valu"},
		{[]string{"pipe", good, "--input", "csv"}, 2, "", `--input: "csv" is not one of auto, value, envelope`},
		{[]string{"pipe", good, "--output", "csv"}, 2, "", `--output: "csv" is not one of`},
		{[]string{"pipe", good, "--partitions", "0"}, 2, "", "--partitions: 0 is not between"},
		{[]string{"pipe", good, "--commit-every", "0"}, 2, "", "--commit-every: 0 is less than 1"},
		{[]string{"pipe", good, "--key", "value."}, 2, "", "--key: column "},
		{[]string{"pipe"}, 2, "", "accepts 1 arg"},
	} {
		r := command(t.Context(), []Constructor{double}, c.args...)
		if r.code != c.code || !strings.Contains(r.out, c.out) || !strings.Contains(r.errors, c.errors) {
			t.Errorf("%s: got %d, %q and %q\nwant %d, %q and %q", strings.Join(c.args, " "), r.code, r.out, r.errors, c.code, c.out, c.errors)
		}
	}
}

// piped runs the command pipe on lines.
func piped(in, path string, args ...string) (code int, out, errs string) {
	var outText, errorText bytes.Buffer
	root := Command(double)
	root.Use = "processor"
	root.SetIn(strings.NewReader(in))
	root.SetOut(&outText)
	root.SetErr(&errorText)
	root.SetArgs(append([]string{"pipe", path}, args...))
	code = execute(context.Background(), root)
	return code, outText.String(), errorText.String()
}

func TestPipeCommand(t *testing.T) {
	path := writeFile(t, "doubling.yaml", doubling)
	pipe := func(in string, args ...string) (int, string, string) { return piped(in, path, args...) }
	code, out, errs := pipe("{\"key\":\"a\",\"value\":1,\"timestamp\":5}\n", "--state-dir", t.TempDir())
	if want := `{"topic":"doubles","key":"a","value":2,"timestamp":5,"partition":0}` + "\n"; code != 0 || out != want || errs != "" {
		t.Errorf("got %d, %q and %q, want %q", code, out, errs, want)
	}
	if code, out, _ := pipe("5\n", "--output", "value", "--key", "string(value)", "--timestamp", "value"); code != 0 || out != "10\n" {
		t.Errorf("got %d and %q", code, out)
	}
	code, _, errs = pipe("5\n\"x\"\n")
	if code != 1 || !strings.Contains(errs, `line 2: operator "map-values-1"`) {
		t.Errorf("got %d and %q", code, errs)
	}
}

// What operators drop is told at the end, also if the run fails.
func TestPipeTellsDrops(t *testing.T) {
	path := writeFile(t, "windows.yaml", `application: windows
streams:
  clicks:
    topic: clicks
    undecodable: skip
    name: clicks
    steps:
      - group_by_key:
      - window: {tumbling: 1s, grace: 0s}
      - count: {store: counts}
        name: count
      - to_stream:
      - to: counts
`)
	const in = `{"key":"a","value":1,"timestamp":500}
{"key":"a","value":1,"timestamp":5000}
nonsense
{"key":"a","value":1,"timestamp":700}
more nonsense
{"value":1,"timestamp":5000}
`
	const want = `processor: dropped by operator "clicks", undecodable: 2
processor: dropped by operator "count", null_key: 1
processor: dropped by operator "count", late: 1
`
	code, out, errs := piped(in, path)
	if code != ExitOK || strings.Count(out, "\n") != 2 || errs != want {
		t.Errorf("got %d, %s and\n%swant\n%s", code, out, errs, want)
	}
	if code, _, errs := piped(in+`{"value":1,"topic":"other"}`, path, "--quiet"); code != ExitFailure || !strings.HasPrefix(errs, want+"processor: line 7: ") {
		t.Errorf("got %d and\n%s", code, errs)
	}
}

func TestProgressLine(t *testing.T) {
	p := new(jsonlines.Progress)
	p.Read.Store(1_234_567)
	p.Written.Store(1000)
	if got, want := progressLine(p, 2*time.Second), "1,234,567 lines read, 1,000 records written, 617,283 lines/s, 2s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p.Dropped.Store(7)
	if got := progressLine(p, time.Second); !strings.HasSuffix(got, ", 7 dropped") {
		t.Error(got)
	}
}
