// Command conformance runs scenarios and reports how what comes out differs from Kafka Streams. Its exit status is 1 if a
// scenario failed, or needs what is not supported.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/rivusio/rivusio/integration/conformance"
)

func main() { os.Exit(run()) }

func run() int {
	verbose := flag.Bool("v", false, "list every scenario, with how quirks differ")
	only := flag.String("run", "", "run only scenarios whose names match this regular expression")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: conformance [-v] [-run REGEXP] DIR|FILE...\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		return 2
	}
	match, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintf(os.Stderr, "conformance: -run: %v\n", err)
		return 2
	}
	scenarios, err := conformance.Load(flag.Args()...)
	if err != nil {
		fmt.Fprintf(os.Stderr, "conformance: %v\n", err)
		return 2
	}
	scenarios = slices.DeleteFunc(scenarios, func(s *conformance.Scenario) bool { return !match.MatchString(s.Name) })
	report := conformance.RunAll(os.Stdout, scenarios, *verbose)
	report.WriteSummary(os.Stdout)
	if report.Counts[conformance.Failed]+report.Counts[conformance.Unsupported] > 0 {
		return 1
	}
	return 0
}
