// Command processor is the queries of the benchmark as an application like anybody's, made by rivusio.Command: it is this project's
// system under test of ../run.sh, and its queries can be replayed.
//
//	processor run --query q5 --app-id A --input TOPIC --brokers HOST:PORT
//	processor replay --query q5 --app-id A --input TOPIC --brokers HOST:PORT --output results.jsonl
//
// A query reads the topic INPUT and writes the topic A-out. All commands of a processor are there, with its configuration.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio"
	"github.com/rivusio/rivusio/topology"
)

// options are the flags beside those of the configuration.
type options struct {
	query, application, input string
	cpuProfile, heapProfile   string
	stop                      func() error
}

func main() {
	o := options{stop: func() error { return nil }}
	root := rivusio.Command(o.topology)
	flags := root.PersistentFlags()
	flags.StringVar(&o.query, "query", "", "what to run; see ../README.md")
	flags.StringVar(&o.application, "app-id", "bench", "application; it is the consumer group too, and the output topic is APP-ID-out")
	flags.StringVar(&o.input, "input", "", "input topic")
	flags.StringVar(&o.cpuProfile, "cpuprofile", "", "file for a CPU profile of the whole run")
	flags.StringVar(&o.heapProfile, "heapprofile", "", "file for a profile of all allocations of the run")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return o.profile() }
	code := rivusio.Execute(root)
	if err := o.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "processor:", err)
		code = max(code, rivusio.ExitFailure)
	}
	os.Exit(code)
}

// topology is the query that the flags name.
func (o *options) topology() (*topology.Topology, error) {
	if o.query == "" || o.input == "" {
		return nil, errors.New("--query and --input are needed")
	}
	return build(o.query, o.application, o.input, o.application+"-out")
}

// profile starts the profiles that were asked for; stop writes them.
func (o *options) profile() error {
	var ends []func() error
	if o.cpuProfile != "" {
		f, err := os.Create(o.cpuProfile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		ends = append(ends, func() error { pprof.StopCPUProfile(); return f.Close() })
	}
	if o.heapProfile != "" {
		f, err := os.Create(o.heapProfile)
		if err != nil {
			return err
		}
		runtime.MemProfileRate = 16 << 10
		ends = append(ends, func() error { return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close()) })
	}
	o.stop = func() (err error) {
		for _, end := range ends {
			err = errors.Join(err, end())
		}
		return err
	}
	return nil
}
