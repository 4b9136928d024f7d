package rivusio

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/jsonlines"
)

// pipeFlags are the flags of the command pipe.
type pipeFlags struct {
	topic, key, timestamp, input, output, stateDir string
	topics                                         []string
	partitions                                     int32
	commitEvery                                    int
	quiet                                          bool
}

func pipeCommand() *cobra.Command {
	var flags pipeFlags
	cmd := &cobra.Command{
		Use:   "pipe FILE",
		Short: "Run a topology over JSON lines, without Kafka",
		Long: `Run the topology of a file over JSON lines from standard input to standard output, without Kafka.

A line of input is a value, or an envelope {"topic": …, "key": …, "value": …, "timestamp": ms, "headers": {…}, "partition": n}
of which all but the value may be missing. Lines run one after the other; at the end everything is committed. Windows that
are open then stay open, as on Kafka. Records that operators dropped are told on standard error, by operator and reason. Memory holds the state, or less with --state-dir, however long the input is.`,
		Example: `  processor pipe orders.yaml < orders.jsonl > totals.jsonl
  processor pipe clicks.yaml --key value.user --timestamp 'parseTime(value.at)' --output value < clicks.jsonl`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.run(cmd, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.topic, "topic", "", "`topic` of lines that name none (default: the only one that the topology reads)")
	f.StringSliceVar(&flags.topics, "topics", nil, "more `topics`, for a pattern of the topology to match")
	f.StringVar(&flags.key, "key", "", "`expression` of the key of lines that have none, of value")
	f.StringVar(&flags.timestamp, "timestamp", "", "`expression` of the timestamp in ms of lines that have none, of value (default: the time of reading)")
	f.StringVar(&flags.input, "input", string(jsonlines.Auto), "form of input lines: auto, value or envelope")
	f.StringVar(&flags.output, "output", string(jsonlines.Envelope), "form of output lines: envelope or value")
	f.StringVar(&flags.stateDir, "state-dir", "", "`directory` of the state; what is there of the topology is deleted first (default: in memory)")
	f.Int32Var(&flags.partitions, "partitions", 1, "partitions of the topics")
	f.IntVar(&flags.commitEvery, "commit-every", 1000, "lines between two commits")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "show no progress")
	addPluginsFlag(cmd)
	cmd.RegisterFlagCompletionFunc("input", cobra.FixedCompletions([]string{"auto", "value", "envelope"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"envelope", "value"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// pipe checks the flags.
func (f *pipeFlags) pipe(file *declarative.File) (jsonlines.Pipe, error) {
	p := jsonlines.Pipe{
		File: file, Topic: f.topic, Input: jsonlines.Form(f.input), Output: jsonlines.Form(f.output), CommitEvery: f.commitEvery,
		Config: jsonlines.Config{Partitions: f.partitions, Topics: f.topics, StateDir: f.stateDir},
	}
	switch {
	case p.Input != jsonlines.Auto && p.Input != jsonlines.Bare && p.Input != jsonlines.Envelope:
		return p, &usageError{fmt.Sprintf("--input: %q is not one of auto, value, envelope", f.input)}
	case p.Output != jsonlines.Bare && p.Output != jsonlines.Envelope:
		return p, &usageError{fmt.Sprintf("--output: %q is not one of envelope, value", f.output)}
	case f.partitions < 1 || f.partitions > 1000:
		return p, &usageError{fmt.Sprintf("--partitions: %d is not between 1 and 1000", f.partitions)}
	case f.commitEvery < 1:
		return p, &usageError{fmt.Sprintf("--commit-every: %d is less than 1", f.commitEvery)}
	}
	for _, x := range []struct {
		flag, text string
		to         *func(any) (any, error)
	}{{"--key", f.key, &p.Key}, {"--timestamp", f.timestamp, &p.Timestamp}} {
		if x.text == "" {
			continue
		}
		compiled, err := declarative.Expression(x.flag, x.text)
		if err != nil {
			return p, &usageError{err.Error()}
		}
		*x.to = compiled
	}
	return p, nil
}

func (f *pipeFlags) run(cmd *cobra.Command, path string) (err error) {
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	r, err := openReader(cmd.Context(), pluginFolder(cmd), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	file, err := r.read(path)
	if err != nil {
		return err
	}
	p, err := f.pipe(file)
	if err != nil {
		return err
	}
	p.In, p.Out, p.Progress = cmd.InOrStdin(), cmd.OutOrStdout(), new(jsonlines.Progress)
	stop := func() {}
	if terminal := progressTerminal(cmd.ErrOrStderr(), f.quiet); terminal != nil {
		stop = showProgress(terminal, func(took time.Duration) string { return progressLine(p.Progress, took) })
	}
	err = p.Run(cmd.Context())
	stop()
	for _, d := range p.Progress.Drops() {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: dropped by operator %q, %s: %s\n", cmd.Root().Name(), d.Operator, d.Reason, grouped(int64(d.Records)))
	}
	return err
}

// progressTerminal is the terminal on which progress is shown, or nil.
func progressTerminal(w io.Writer, quiet bool) *os.File {
	if f, ok := w.(*os.File); ok && !quiet && isTerminal(w) {
		return f
	}
	return nil
}
