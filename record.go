package rivusio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/replay"
)

func (p *program) recordCommand() *cobra.Command {
	var slice sliceFlags
	var state bool
	cmd := &cobra.Command{
		Use:   "record FILE.jsonl [TOPOLOGY.yaml]",
		Short: "Write a slice of the input topics, or the state of the application, to a file",
		Long: `Write a slice of the input topics of a topology to a file of JSON lines. replay --recording replays it, and topologytest.Recorded
makes a test of it. The places of --from, --to and --warm-up are those of replay.

With --state it is the state of the application that is written, which must be stopped: what it has committed and the rows of its
stores. replay --snapshot begins with it.`,
		Example: `  processor record orders.jsonl --topology orders --from 1h
  processor record --state orders-state.jsonl --topology orders`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := slice.check(); err != nil {
				return err
			}
			if state && (len(slice.from)+len(slice.to)+len(slice.warmUp) > 0 || slice.recording+slice.rangesFile+slice.snapshot != "") {
				return &usageError{"--state records what the application has committed, and goes with no slice"}
			}
			c, err := load(cmd)
			if err != nil {
				return err
			}
			c.Engine.Logger = newLogger(c.Log, cmd.ErrOrStderr())
			t, done, err := p.chosen(cmd, args[1:], selected(c), c.Engine.Logger)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, done()) }()
			return writeWhole(args[0], func(to io.Writer) error {
				if state {
					n, err := replay.RecordState(cmd.Context(), c.Engine, t, to)
					return errors.Join(err, told(cmd, "rows", n, err))
				}
				start, err := slice.startState()
				if err != nil {
					return err
				}
				ranges, err := slice.resolve(cmd.Context(), c.Engine, start, t)
				if err != nil {
					return err
				}
				source, err := slice.open(cmd.Context(), c.Engine, ranges, t)
				if err != nil {
					return err
				}
				n, err := replay.Record(cmd.Context(), source, to, t.Sinks()...)
				return errors.Join(err, told(cmd, "records", n, err))
			})
		},
	}
	slice.add(cmd)
	cmd.Flags().BoolVar(&state, "state", false, "write the state of the application")
	p.configure(cmd)
	return cmd
}

func told(cmd *cobra.Command, what string, n int64, err error) error {
	if err == nil {
		_, err = fmt.Fprintf(cmd.ErrOrStderr(), "%s %s written\n", grouped(n), what)
		return err
	}
	return nil
}

// writeWhole writes a file that is there whole or not at all.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".recording-*")
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<16)
	err = errors.Join(write(w), w.Flush(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
