package rivusio

import (
	"reflect"
	"strings"
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

func TestPlaces(t *testing.T) {
	now := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for places, want := range map[string]engine.Bound{
		"":                                 {},
		"earliest":                         {},
		"latest":                           {End: true},
		"2h":                               {Time: now.Add(-2 * time.Hour)},
		"2026-02-01T00:00:00Z":             {Time: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)},
		"orders[1]=7 latest orders[0]=120": {End: true, Offsets: map[string]map[int32]int64{"orders": {0: 120, 1: 7}}},
	} {
		if got, err := boundOf(strings.Fields(places), now); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", places, got, err, want)
		}
	}
	for _, places := range []string{"yesterday", "-2h", "orders[0]", "earliest latest", "orders[9999999999]=1"} {
		if got, err := boundOf(strings.Fields(places), now); err == nil {
			t.Errorf("%q: %+v, want an error", places, got)
		}
	}
}
