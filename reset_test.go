package rivusio

import (
	"testing"
	"time"

	"github.com/rivusio/rivusio/engine"
)

func TestResetCommand(t *testing.T) {
	address := broker(t, map[string]int32{"words": 2, "counts": 1, "counted-n-changelog": 2})
	at := []string{"--brokers", address, "--state-dir", t.TempDir()}
	n := []Constructor{countedIn("n")}
	runs(t, command(t.Context(), n, append([]string{"reset"}, at...)...), ExitOK,
		"words", "-     0", "topic counted-n-changelog would be deleted", "nothing has changed: --execute does it")
	runs(t, command(t.Context(), n, append([]string{"reset", "--execute"}, at...)...), ExitOK,
		"topic counted-n-changelog deleted", "application counted is reset")
	runs(t, command(t.Context(), n, append([]string{"reset", "--output", "json", "--shift", "-2"}, at...)...), ExitOK,
		`"topics": []`, `"from": 0`, `"executed": false`)
	for _, args := range [][]string{{"--to", "yesterday"}, {"--output", "xml"}, {"--to", "latest", "--shift", "2"}} {
		if r := command(t.Context(), n, append(append([]string{"reset"}, args...), at...)...); r.code != ExitUsage || r.out != "" {
			t.Errorf("reset %v: %+v", args, r)
		}
	}
	if r := command(t.Context(), n, append([]string{"reset", "--input", "nothing"}, at...)...); r.code != ExitFailure || r.out != "" {
		t.Errorf("%+v", r)
	}
}

func TestResetTimes(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for to, want := range map[string]time.Time{"2h": now.Add(-2 * time.Hour), "2026-02-01T00:00:00Z": time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)} {
		o, err := (&resetFlags{to: to, output: "table"}).options(false, now)
		if err != nil || o.To != engine.ResetToTime || !o.Time.Equal(want) {
			t.Errorf("--to %s: %+v, %v, want %v", to, o, err, want)
		}
	}
}
