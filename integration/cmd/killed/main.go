// Command killed runs the topology of package integration in a process that tests kill. It writes what its engine does to
// a status file, ends cleanly on SIGTERM, and can be told to commit in the wrong order, or to kill itself between a commit
// and the write to disk that follows it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/integration"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "killed:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var (
		t       integration.Tallies
		c       engine.Config
		flags   = flag.NewFlagSet("killed", flag.ContinueOnError)
		brokers = flags.String("brokers", "", "addresses of brokers, with commas")
		status  = flags.String("status", "", "file to append events to")
		last    = flags.Int64("last-commit", 0, "kill this process at its commit of that number; 0: never")
		alos    = flags.Bool("at-least-once", false, "commit offsets after outputs, without transactions")
	)
	flags.StringVar(&t.Application, "application", "", "name of the application")
	flags.StringVar(&t.Input, "input", "", "topic of readings")
	flags.StringVar(&t.Updates, "updates", "", "topic of updates of tallies")
	flags.StringVar(&t.Totals, "totals", "", "topic of numbers of readings")
	flags.StringVar(&t.Answers, "answers", "", "topic of answers of a pipe that waits; without it there is none")
	flags.StringVar(&c.Instance, "instance", "", "name of this process")
	flags.StringVar(&c.StateDir, "state-dir", "", "directory of this process's state")
	flags.IntVar(&c.Workers, "workers", 1, "number of workers")
	flags.DurationVar(&c.CommitInterval, "commit-interval", 0, "how often is committed; 0: the default")
	flags.DurationVar(&c.SessionTimeout, "session-timeout", 0, "after how long a silent member loses its partitions; 0: the default")
	flags.BoolVar(&c.Faults.OffsetsFirst, "offsets-first", false, "commit offsets before what they stand for")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c.Brokers = strings.Split(*brokers, ",")
	if *alos {
		c.Guarantee = engine.AtLeastOnce
	}
	c.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))

	events, err := integration.OpenStatus(*status)
	if err != nil {
		return err
	}
	c.Observer = &observer{Status: events, last: *last}
	built, err := t.Topology()
	if err != nil {
		return err
	}
	app, err := engine.New(built, c)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return app.Run(ctx)
}

// observer kills the process when the brokers have committed, but nothing of that is on the disk yet.
type observer struct {
	*integration.Status
	last    int64
	commits atomic.Int64
}

func (o *observer) CommitEnded(i engine.CommitInfo) {
	o.Status.CommitEnded(i)
	if o.last > 0 && !i.Aborted && o.commits.Add(1) == o.last {
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			panic(err)
		}
		select {} // the signal comes soon, but not at once
	}
}
