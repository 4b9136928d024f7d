package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
)

// overhead prints, for each query and system, the CPU time per event as a ratio to that of the base in the same turn: median and
// range over the turns.
func overhead(w io.Writer, results, base string) error {
	f, err := os.Open(results)
	if err != nil {
		return err
	}
	defer f.Close()
	runs, err := readRuns(f)
	if err != nil {
		return fmt.Errorf("%s: %w", results, err)
	}
	type place struct {
		query string
		rep   int
	}
	bases := make(map[place]run)
	for _, r := range runs {
		if r.SUT == base {
			bases[place{r.Query, r.Rep}] = r
		}
	}
	type pair struct{ query, sut string }
	var order []pair
	ratios, micros := make(map[pair][]float64), make(map[pair][]float64)
	for _, r := range runs {
		b, ok := bases[place{r.Query, r.Rep}]
		p := pair{r.Query, r.SUT}
		if !slices.Contains(order, p) {
			order = append(order, p)
		}
		if !ok || !r.matches() || !b.matches() || r.Run.RunPerCPU <= 0 || b.Run.RunPerCPU <= 0 {
			continue
		}
		ratios[p] = append(ratios[p], b.Run.RunPerCPU/r.Run.RunPerCPU)
		micros[p] = append(micros[p], 1e6/r.Run.RunPerCPU)
	}
	fmt.Fprintln(w, "| query | system | pairs | CPU µs per event | ratio to "+base+" |\n| --- | --- | --- | --- | --- |")
	for _, p := range order {
		if len(ratios[p]) == 0 {
			fmt.Fprintf(w, "| %s | %s | 0 | no run with the right output | – |\n", p.query, p.sut)
			continue
		}
		n := len(ratios[p])
		ratio, micro := spreadOf(ratios[p]), spreadOf(micros[p])
		fmt.Fprintf(w, "| %s | %s | %d | %.3f | %.3f (%.3f–%.3f) |\n", p.query, p.sut, n, micro.Median, ratio.Median, ratio.Min, ratio.Max)
	}
	return nil
}

// readRuns reads lines of results.
func readRuns(r io.Reader) (runs []run, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var one run
		if err := json.Unmarshal(in.Bytes(), &one); err != nil {
			return nil, err
		}
		runs = append(runs, one)
	}
	return runs, in.Err()
}
