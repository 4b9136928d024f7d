package rivusio

import (
	"encoding/json/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// totalsFile is a topology that sums what customers pay.
func totalsFile(cents string) string {
	return `application: totals
streams:
  orders:
    topic: orders
    steps:
      - filter: value.cents > 0
      - group_by: value.customer
        name: by-customer
      - aggregate: {store: totals, initial: {orders: 0, cents: 0}, add: {orders: aggregate.orders + 1, cents: 'aggregate.cents + ` + cents + `'}}
      - to_stream:
      - to: totals
`
}

// totalsRecording has four orders of two customers.
const totalsRecording = `{"rivusio_recording":1,"partitions":{"orders":2,"totals":1},"ranges":[{"topic":"orders","partition":0,"warm":5,"from":6,"to":8},{"topic":"orders","partition":1,"warm":0,"from":0,"to":9}]}
{"topic":"orders","partition":0,"offset":5,"timestamp":1,"key":"a","value":"{\"customer\":\"ann\",\"cents\":100}"}
{"topic":"orders","partition":0,"offset":6,"timestamp":2,"key":"b","value":"{\"customer\":\"bob\",\"cents\":250}"}
{"topic":"orders","partition":1,"offset":8,"timestamp":3,"key":"c","value":"{\"customer\":\"ann\",\"cents\":0}"}
{"topic":"orders","partition":0,"offset":7,"timestamp":4,"key":"d","value":"{\"customer\":\"ann\",\"cents\":7}"}
`

func TestReplayCommand(t *testing.T) {
	file := writeFile(t, "totals.yaml", totalsFile("value.cents"))
	recording := writeFile(t, "slice.jsonl", totalsRecording)
	dir := t.TempDir()
	report := filepath.Join(dir, "report.json")
	r := command(t.Context(), nil, "replay", file, "--recording", recording, "--output", "-", "--causes", "--report", report, "--scratch", dir)
	want := `{"topic":"totals","key":"bob","value":{"cents":250,"orders":1},"timestamp":2,"partition":0,"input":1,"cause":{"topic":"orders","partition":0,"offset":6}}
{"topic":"totals","key":"ann","value":{"cents":107,"orders":2},"timestamp":4,"partition":0,"input":3,"cause":{"topic":"orders","partition":0,"offset":7}}
`
	if r.code != ExitOK || r.out != want {
		t.Errorf("code %d\n%s\nwant\n%s\n%s", r.code, r.out, want, r.errors)
	}
	for _, part := range []string{"done: 3 records in ", "state from the records before the slice: 1; event time 1970-01-01T00:00:00.002Z to 1970-01-01T00:00:00.004Z", "totals: 2 results"} {
		if !strings.Contains(r.errors, part) {
			t.Errorf("%s\nwant %s", r.errors, part)
		}
	}
	var said replayReport
	b, err := os.ReadFile(report)
	if err == nil {
		err = json.Unmarshal(b, &said)
	}
	if err != nil || said.Records != 3 || said.Warm != 1 || said.Results["totals"] != 2 || len(said.Ranges) != 2 || said.Interrupted {
		t.Errorf("%s, %v", b, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("the replay left %v, %v", left, err)
	}
}

func TestReplayAgainst(t *testing.T) {
	file := writeFile(t, "totals.yaml", totalsFile("value.cents"))
	recording := writeFile(t, "slice.jsonl", totalsRecording)
	same := command(t.Context(), nil, "replay", file, "--against", writeFile(t, "old.yaml", totalsFile("value.cents")), "--recording", recording)
	if same.code != ExitOK || same.out != "totals: 2 same, 0 added, 0 removed, 0 changed\nno difference\n" {
		t.Errorf("%+v", same)
	}
	old := writeFile(t, "old.yaml", totalsFile("min(value.cents, 200)"))
	r := command(t.Context(), nil, "replay", file, "--against", old, "--recording", recording)
	want := `totals: 1 same, 0 added, 0 removed, 1 changed
changed totals "bob" (value.cents)
  - {"cents":200,"orders":1} at 2, by orders[0]@6
  + {"cents":250,"orders":1} at 2, by orders[0]@6
  1 input records led to it, the last of them:
    orders[0]@6 at 2: "b" {"customer":"bob","cents":250}
`
	if r.code != ExitDifferent || r.out != want {
		t.Errorf("code %d\n%s\nwant\n%s\n%s", r.code, r.out, want, r.errors)
	}
	if r := command(t.Context(), nil, "replay", file, "--against", old, "--recording", recording, "--ignore", "value.cents"); r.code != ExitOK {
		t.Errorf("%+v", r)
	}
	broken := command(t.Context(), nil, "replay", file, "--against", "/bin/false", "--recording", recording)
	if broken.code != ExitFailure || !strings.Contains(broken.errors, "old side: /bin/false: exit status 1") {
		t.Errorf("%+v", broken)
	}
}

func TestReplayMistakes(t *testing.T) {
	file := writeFile(t, "totals.yaml", totalsFile("value.cents"))
	recording := writeFile(t, "slice.jsonl", totalsRecording)
	other := writeFile(t, "other.yaml", strings.ReplaceAll(totalsFile("value.cents"), "topic: orders", "topic: purchases"))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{file, "--from", "yesterday"}, ExitUsage, `--from: "yesterday" is no place`},
		{[]string{file, "--to", "2h,latest"}, ExitUsage, `--to: ["2h" "latest"] are several places`},
		{[]string{file, "--recording", recording, "--from", "2h"}, ExitUsage, "--recording has a slice"},
		{[]string{file, "--recording", filepath.Join(t.TempDir(), "none")}, ExitUsage, "no such file"},
		{[]string{file, "--recording", file}, ExitFailure, "line 1 is not its header"},
		{[]string{other, "--recording", recording}, ExitFailure, `input topic "purchases" is not in the source`},
		{[]string{file, "--recording", recording, "--against", "no-such-program"}, ExitUsage, `--against: exec: "no-such-program"`},
		{[]string{file, "--recording", recording, "--against", file, "--output", "-"}, ExitUsage, "does not go with --output"},
		{[]string{file, "--recording", recording, "--against", file, "--ignore", "key"}, ExitFailure, `"key" cannot be ignored`},
		{[]string{file, "--recording", recording, "--ignore", "value"}, ExitUsage, "--ignore and --against-topology are for --against"},
		{[]string{file, "--recording", recording, "--causes"}, ExitUsage, "--causes is for --output"},
		{[]string{file, "--snapshot", recording}, ExitFailure, "the recording has no state"},
		{[]string{file, "--brokers", "127.0.0.1:1", "--connect-timeout", "100ms"}, ExitFailure, "127.0.0.1:1"},
	} {
		if r := command(t.Context(), nil, append([]string{"replay"}, c.args...)...); r.code != c.code || !strings.Contains(r.errors, c.want) {
			t.Errorf("%v: code %d, want %d, with %q in\n%s", c.args, r.code, c.code, c.want, r.errors)
		}
	}
}
