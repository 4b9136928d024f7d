package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Ratios are of runs of the same turn, and a run with a wrong output has none.
func TestOverheadComparesRunsOfOneTurn(t *testing.T) {
	var lines strings.Builder
	line := func(sut string, rep int, perCPU float64, hash string) {
		fmt.Fprintf(&lines, `{"sut":%q,"query":"q1","mode":"eos:100","rep":%d,"count":1,"want_count":1,"hash":%q,"want_hash":"h","run":{"drained":true,"run_ev_per_cpu_s":%v}}`+"\n", sut, rep, hash, perCPU)
	}
	for rep, perCPU := range []float64{1000, 500, 2000} { // a machine that changes its speed
		line("plain", rep, perCPU, "h")
		line("metrics", rep, perCPU/1.02, "h")
	}
	line("plain", 3, 1000, "h")
	line("metrics", 3, 10, "wrong")
	file := filepath.Join(t.TempDir(), "results.jsonl")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := overhead(&out, file, "plain"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| q1 | plain | 4 | 1000.000 | 1.000 (1.000–1.000) |", "| q1 | metrics | 3 | 1020.000 | 1.020 (1.020–1.020) |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in\n%s", want, &out)
		}
	}
}
