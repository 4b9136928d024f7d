// Command processor runs one query of the benchmark as a stream application, until it is told to end by SIGTERM or SIGINT.
// It is this project's system under test of ../run.sh, and uses nothing that any other user of the library could not use.
//
//	processor --query q5 --bootstrap HOST:PORT --app-id A --input TOPIC --guarantee eos --commit-ms 100 --state-dir DIR
//
// It reads the topic INPUT and writes the topic A-out. With --describe it prints the topology and ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/telemetry"
)

type options struct {
	query, application, input string
	describe                  bool
	cpuProfile, heapProfile   string
	traceLimit                int
	engine                    engine.Config
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "processor:", err)
		os.Exit(2)
	}
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "processor:", err)
		os.Exit(1)
	}
}

func parse(args []string) (o options, err error) {
	fs := flag.NewFlagSet("processor", flag.ContinueOnError)
	fs.StringVar(&o.query, "query", "", "what to run; see ../README.md")
	fs.StringVar(&o.application, "app-id", "", "application; it is the consumer group too, and the output topic is APP-ID-out")
	fs.StringVar(&o.input, "input", "", "input topic")
	fs.BoolVar(&o.describe, "describe", false, "print the topology and end")
	fs.IntVar(&o.traceLimit, "trace-limit", 0, "how many traces begin in a second at most, negative: any number, 0: the default")
	fs.StringVar(&o.cpuProfile, "cpuprofile", "", "file for a CPU profile of the whole run")
	fs.StringVar(&o.heapProfile, "heapprofile", "", "file for a profile of all allocations of the run")
	bootstrap := fs.String("bootstrap", "127.0.0.1:19092", "broker addresses, with commas between them")
	guarantee := fs.String("guarantee", "eos", "eos or alos")
	commitMs := fs.Int("commit-ms", 0, "commit interval in ms; 0 is the engine's default")
	fs.StringVar(&o.engine.StateDir, "state-dir", "", "directory for the state; by default the engine's")
	fs.IntVar(&o.engine.Workers, "threads", 1, "workers")
	fs.Int64Var(&o.engine.CacheBytes, "cache-bytes", 0, "memory for decoded rows; 0 is the engine's default")
	fs.Int64Var(&o.engine.BlockCacheBytes, "block-cache-bytes", 0, "memory for blocks of the state on disk; 0 is the engine's default")
	fs.Int64Var(&o.engine.MemTableBytes, "memtable-bytes", 0, "size of one table of the state in memory; 0 is the engine's default")
	verbose := fs.Bool("verbose", false, "log what the engine does in detail")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.engine.Brokers = strings.Split(*bootstrap, ",")
	o.engine.CommitInterval = time.Duration(*commitMs) * time.Millisecond
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	o.engine.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	switch *guarantee {
	case "eos":
		o.engine.Guarantee = engine.ExactlyOnce
	case "alos":
		o.engine.Guarantee = engine.AtLeastOnce
	default:
		return o, fmt.Errorf("--guarantee is %q, want eos or alos", *guarantee)
	}
	switch {
	case fs.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case o.application == "" || o.input == "":
		return o, errors.New("--app-id and --input are needed")
	}
	return o, nil
}

func (o options) run() (err error) {
	topo, err := build(o.query, o.application, o.input, o.application+"-out")
	if err != nil {
		return err
	}
	if o.describe {
		fmt.Print(topo.Describe())
		return nil
	}
	stop, err := o.profile()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	// What the standard variables ask for, which is nothing unless overhead.sh sets them.
	tel, err := telemetry.New(ctx, telemetry.Config{Service: o.application, Logger: o.engine.Logger, TraceLimit: o.traceLimit})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tel.Shutdown(context.WithoutCancel(ctx))) }()
	tel.Configure(&o.engine)
	app, err := engine.New(topo, o.engine)
	if err != nil {
		return err
	}
	defer tel.Observe(app)()
	return app.Run(ctx)
}

// profile starts the profiles that were asked for; the function that it returns writes them.
func (o options) profile() (stop func() error, err error) {
	var ends []func() error
	if o.cpuProfile != "" {
		f, err := os.Create(o.cpuProfile)
		if err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, err
		}
		ends = append(ends, func() error { pprof.StopCPUProfile(); return f.Close() })
	}
	if o.heapProfile != "" {
		f, err := os.Create(o.heapProfile)
		if err != nil {
			return nil, err
		}
		runtime.MemProfileRate = 16 << 10
		ends = append(ends, func() error { return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close()) })
	}
	return func() (err error) {
		for _, end := range ends {
			err = errors.Join(err, end())
		}
		return err
	}, nil
}
