package conformance

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Report is what became of many scenarios.
type Report struct {
	Counts  [Skipped + 1]int
	Same    int            // quirks that came out as in Kafka Streams; they count as passed
	Missing map[string]int // how many scenarios need something that is not supported
}

// RunAll runs scenarios and writes to w what failed, and if verbose what became of each, and how many need what.
func RunAll(w io.Writer, scenarios []*Scenario, verbose bool) Report {
	report := Report{Missing: make(map[string]int)}
	for _, s := range scenarios {
		r := Run(s)
		report.Counts[r.Verdict]++
		if r.Verdict == Passed && s.quirky() {
			report.Same++
		}
		for _, what := range r.Missing {
			report.Missing[what]++
		}
		if verbose || r.Verdict == Failed {
			r.write(w)
		}
	}
	return report
}

func (r Result) write(w io.Writer) {
	fmt.Fprintf(w, "%v: %s", r.Verdict, r.Scenario.Name)
	if len(r.Missing) > 0 {
		fmt.Fprintf(w, ": %s", strings.Join(r.Missing, ", "))
	}
	fmt.Fprintln(w)
	if len(r.Problems) == 0 {
		return
	}
	fmt.Fprintf(w, "  %s\n", r.Scenario.About)
	for _, p := range r.Problems {
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(p, "\n", "\n  "))
	}
}

// WriteSummary writes what is not supported and the counts, these as the last line.
func (r Report) WriteSummary(w io.Writer) {
	for _, what := range slices.SortedFunc(maps.Keys(r.Missing), func(a, b string) int {
		if d := r.Missing[b] - r.Missing[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	}) {
		fmt.Fprintf(w, "unsupported: %s (%d scenarios)\n", what, r.Missing[what])
	}
	fmt.Fprintf(w, "quirks: %d same, %d different\n", r.Same, r.Counts[Different])
	fmt.Fprintf(w, "%d passed, %d failed, %d unsupported, %d different (quirk), %d skipped (other store engine)\n",
		r.Counts[Passed], r.Counts[Failed], r.Counts[Unsupported], r.Counts[Different], r.Counts[Skipped])
}
