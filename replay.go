package rivusio

import (
	"bufio"
	"context"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/replay"
	"github.com/rivusio/rivusio/topology"
)

// ExitDifferent is the exit code of replay --against if there are differences.
const ExitDifferent = 3

// replayGCPercent is how much the heap of a replay grows between two collections: it is small, and collections of small heaps were a
// fifth of the time.
const replayGCPercent = 200

// replayFlags are the flags of replay that the configuration does not have.
type replayFlags struct {
	slice                                                     sliceFlags
	output, prefix, scratch, against, againstTopology, report string
	ignore                                                    []string
	causes, allowExternal, quiet                              bool
	commitEvery, differences                                  int
}

func (p *program) replayCommand() *cobra.Command {
	var flags replayFlags
	cmd := &cobra.Command{
		Use:   "replay [FILE]",
		Short: "Run a slice of the input topics through a topology, without touching production",
		Long: `Run a slice of the input topics through a topology, that of a file or one of the program, beside whatever runs in production: no
group is joined, no offset committed, and no topic of the application is written.

Records run in the order of event time over all partitions, so a second replay of the slice gives the same results, byte for byte.
The slice ends where the topics end when the replay begins, unless --to says otherwise. Results are counted, or written as JSON lines
(--output) or to topics whose names begin with a prefix (--prefix).

A place (--from, --to, --warm-up) is earliest, latest, a time such as 2026-11-27T08:00:00Z, a duration before now such as 2h, or
offsets such as orders[0]=120, of which there may be several; the rest of the partitions then follows another place that is given too.

State begins with nothing; with --warm-up the records from there on run before the slice, without results, and tables are read from
their start; with --snapshot it is that of a file that record --state wrote, and the slice begins where that ends.

--against runs another version of the topology, a YAML file or a program like this one, over the same slice and compares the results by
key and window. Exit codes: 0 no difference, 3 differences, 1 a failure, 2 a mistake on the command line.

Pipes that reach outside are replaced by their stubs, unless --allow-external is given.`,
		Example: `  processor replay orders.yaml --from 2h --output results.jsonl
  processor replay --topology orders --from 2026-11-26T00:00:00Z --to 2026-11-27T00:00:00Z --warm-up 2026-11-25T00:00:00Z
  processor replay orders-v2.yaml --against orders-v1.yaml --from 24h --warm-up 48h --ignore value.updated_at`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.replay(cmd, args, &flags)
		},
	}
	f := cmd.Flags()
	flags.slice.add(cmd)
	f.StringVar(&flags.output, "output", "", "`file` for the results as JSON lines, - for standard output")
	f.StringVar(&flags.prefix, "prefix", "", "`prefix` of topics that the results are written to; they are made, and deleted if the replay does not get to its end")
	f.BoolVar(&flags.causes, "causes", false, "say in each line of --output which input record led to the result")
	f.StringVar(&flags.against, "against", "", "`file` or program of another version, whose results are compared: the old one")
	f.StringVar(&flags.againstTopology, "against-topology", "", "`name` of the topology of the program that --against names, if it has several")
	f.StringSliceVar(&flags.ignore, "ignore", nil, "`parts` of results that are not compared: timestamp, headers, value, value.PATH")
	f.IntVar(&flags.differences, "differences", 20, "how many differences are listed")
	f.StringVar(&flags.report, "report", "", "`file` for the summary, and with --against the differences, as JSON")
	f.BoolVar(&flags.allowExternal, "allow-external", false, "run pipes that reach outside, in the place of their stubs")
	f.StringVar(&flags.scratch, "scratch", "", "`directory` of the state while the replay runs (default: the system's for temporary files)")
	f.IntVar(&flags.commitEvery, "commit-every", 50_000, "records between two commits, at which results of emit-on-commit leave")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "show no progress and no summary")
	p.configure(cmd)
	return cmd
}

// replaying is a replay as the command line wants it.
type replaying struct {
	*replayFlags
	cmd      *cobra.Command
	log      *slog.Logger
	engine   engine.Config
	selected selection
	topology *topology.Topology
	snapshot *replay.Snapshot
	ranges   []replay.Range
}

func (f *replayFlags) check() error {
	switch {
	case f.against != "" && (f.output != "" || f.prefix != ""):
		return &usageError{"--against compares results, and does not go with --output or --prefix"}
	case f.against == "" && (len(f.ignore) > 0 || f.againstTopology != ""):
		return &usageError{"--ignore and --against-topology are for --against"}
	case f.commitEvery < 1:
		return &usageError{fmt.Sprintf("--commit-every: %d is less than 1", f.commitEvery)}
	case f.causes && f.output == "":
		return &usageError{"--causes is for --output"}
	}
	return f.slice.check()
}

func (p *program) replay(cmd *cobra.Command, args []string, f *replayFlags) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	c, err := load(cmd)
	if err != nil {
		return err
	}
	log := newLogger(c.Log, cmd.ErrOrStderr())
	t, done, err := p.chosen(cmd, args, selected(c), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	c.Engine.Logger = log
	r := &replaying{replayFlags: f, cmd: cmd, log: log, engine: c.Engine, selected: selected(c), topology: t}
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(replayGCPercent)
	}
	if r.snapshot, err = f.slice.startState(); err != nil {
		return err
	}
	if f.against != "" {
		return r.compare(p)
	}
	if r.ranges, err = f.slice.resolve(cmd.Context(), c.Engine, r.snapshot, t); err != nil {
		return err
	}
	return r.one()
}

// config is the replay of one topology, from a source of its own.
func (r *replaying) config(ctx context.Context, t *topology.Topology, sources ...*topology.Topology) (replay.Config, error) {
	source, err := r.slice.open(ctx, r.engine, r.ranges, append(sources, t)...)
	if err != nil {
		return replay.Config{}, err
	}
	return replay.Config{
		Topology: t, Source: source, Start: r.snapshot, StateDir: r.scratch, CommitEvery: r.commitEvery,
		CacheBytes: r.engine.CacheBytes, AllowExternal: r.allowExternal, Progress: new(replay.Progress),
	}, nil
}

// one replays one topology.
func (r *replaying) one() (err error) {
	ctx := r.cmd.Context()
	cfg, err := r.config(ctx, r.topology)
	if err != nil {
		return err
	}
	results, end, err := r.results(ctx, cfg.Source)
	if err != nil {
		return errors.Join(err, cfg.Source.Close())
	}
	cfg.Results = results
	s, err := r.run(ctx, cfg)
	err = errors.Join(err, end(err == nil && !s.Interrupted))
	if s == nil {
		return err
	}
	return errors.Join(err, r.tell(s), r.writeReport(reportOf(s, nil)))
}

// run replays with progress on a terminal.
func (r *replaying) run(ctx context.Context, cfg replay.Config) (*replay.Summary, error) {
	if terminal := progressTerminal(r.cmd.ErrOrStderr(), r.quiet); terminal != nil {
		stop := showProgress(terminal, func(took time.Duration) string { return replayLine(cfg.Progress, took) })
		defer stop()
	}
	return replay.Run(ctx, cfg)
}

// replayLine says how far a replay is.
func replayLine(p *replay.Progress, took time.Duration) string {
	ran, total := p.Read.Load()+p.Warm.Load(), p.Total.Load()
	rate := float64(ran) / max(took.Seconds(), 0.001)
	const width = 24
	done := 0
	if total > 0 {
		done = int(min(ran, total) * width / total)
	}
	line := fmt.Sprintf("[%s%s] %s of at most %s records, %s results, %s records/s", strings.Repeat("=", done), strings.Repeat(" ", width-done),
		grouped(ran), grouped(total), grouped(p.Written.Load()), grouped(int64(rate)))
	if rate > 0 && ran < total {
		line += fmt.Sprintf(", at most %v left", time.Duration(float64(total-ran)/rate*float64(time.Second)).Round(time.Second))
	}
	return line
}

// results is where results go. end is called with whether the replay got to its end.
func (r *replaying) results(ctx context.Context, source replay.Source) (write func(*replay.Result) error, end func(whole bool) error, err error) {
	write, end = nil, func(bool) error { return nil }
	if r.output != "" {
		to, closing := io.Writer(r.cmd.OutOrStdout()), func() error { return nil }
		if r.output != "-" {
			f, err := os.Create(r.output)
			if err != nil {
				return nil, nil, err
			}
			to, closing = f, f.Close
		}
		lines := replay.NewLines(r.topology, to, r.causes)
		write, end = lines.Write, func(whole bool) error {
			err := errors.Join(lines.Flush(), closing())
			if !whole && r.output != "-" {
				err = errors.Join(err, os.Remove(r.output))
			}
			return err
		}
	}
	if r.prefix == "" {
		return write, end, nil
	}
	topics, endTopics, err := r.topics(ctx, source)
	if err != nil {
		return nil, nil, errors.Join(err, end(false))
	}
	before, endBefore := write, end
	write = func(res *replay.Result) error {
		if before != nil {
			if err := before(res); err != nil {
				return err
			}
		}
		return topics(res)
	}
	return write, func(whole bool) error { return errors.Join(endBefore(whole), endTopics(whole)) }, nil
}

// topics writes results to topics under the prefix.
func (r *replaying) topics(ctx context.Context, source replay.Source) (func(*replay.Result) error, func(bool) error, error) {
	w, err := engine.OpenWriter(ctx, r.engine)
	if err != nil {
		return nil, nil, err
	}
	largest := int32(1)
	for _, topic := range r.topology.Sources() {
		n, _ := source.Partitions(topic)
		largest = max(largest, n)
	}
	end := func(whole bool) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		defer w.Close()
		if whole {
			return w.Flush(ctx)
		}
		return w.Discard(ctx)
	}
	for _, topic := range r.topology.Sinks() {
		n, ok := source.Partitions(topic)
		if !ok {
			n = largest
		}
		if err := w.Create(ctx, r.prefix+topic, n); err != nil {
			return nil, nil, errors.Join(err, end(false))
		}
	}
	return func(res *replay.Result) error {
		return w.Write(ctx, &operators.Output{Topic: r.prefix + res.Topic, Partition: res.Partition, Key: res.Key, Value: res.Value, Timestamp: res.Timestamp, Headers: res.Headers})
	}, end, nil
}

// tell prints the summary to standard error.
func (r *replaying) tell(s *replay.Summary) error {
	if r.quiet {
		return nil
	}
	w := bufio.NewWriter(r.cmd.ErrOrStderr())
	state := "done"
	if s.Interrupted {
		state = "interrupted"
	}
	fmt.Fprintf(w, "%s: %s records in %v (%s/s), state from %s", state, grouped(s.Records), s.Took.Round(time.Millisecond), grouped(int64(float64(s.Records+s.Warm)/max(s.Took.Seconds(), 0.001))), s.Start)
	if s.Warm > 0 {
		fmt.Fprintf(w, ": %s", grouped(s.Warm))
	}
	if s.Records > 0 {
		fmt.Fprintf(w, "; event time %s to %s", s.First.Format(time.RFC3339Nano), s.Last.Format(time.RFC3339Nano))
	}
	fmt.Fprintln(w)
	for _, topic := range slices.Sorted(maps.Keys(s.Results)) {
		fmt.Fprintf(w, "  %s: %s results\n", topic, grouped(s.Results[topic]))
	}
	if len(s.Stubbed) > 0 {
		fmt.Fprintf(w, "  stubs in the place of external pipes: %s\n", strings.Join(s.Stubbed, ", "))
	}
	for _, d := range s.Dropped {
		fmt.Fprintf(w, "  dropped by operator %q, %s: %s\n", d.Operator, d.Reason, grouped(int64(d.Records)))
	}
	return w.Flush()
}

// replayReport is what --report writes.
type replayReport struct {
	Start       string              `json:"start"`
	Interrupted bool                `json:"interrupted"`
	Records     int64               `json:"records"`
	Warm        int64               `json:"warm_up_records"`
	Results     map[string]int64    `json:"results"`
	Dropped     []replayDrop        `json:"dropped,omitempty"`
	Stubbed     []string            `json:"stubbed,omitempty"`
	Seconds     float64             `json:"seconds"`
	Ranges      []replay.Range      `json:"ranges"`
	Comparison  *replay.Comparison  `json:"comparison,omitempty"`
	First       *replay.Explanation `json:"first_difference_inputs,omitempty"`
}

type replayDrop struct {
	Operator string `json:"operator"`
	Reason   string `json:"reason"`
	Records  uint64 `json:"records"`
}

func reportOf(s *replay.Summary, c *replay.Comparison) *replayReport {
	r := &replayReport{
		Start: s.Start, Interrupted: s.Interrupted, Records: s.Records, Warm: s.Warm, Results: s.Results, Stubbed: s.Stubbed,
		Seconds: s.Took.Seconds(), Ranges: s.Ranges, Comparison: c,
	}
	for _, d := range s.Dropped {
		r.Dropped = append(r.Dropped, replayDrop{d.Operator, d.Reason.String(), d.Records})
	}
	return r
}

func (r *replaying) writeReport(report *replayReport) error {
	if r.report == "" {
		return nil
	}
	b, err := json.Marshal(report, json.Deterministic(true))
	if err != nil {
		return err
	}
	return os.WriteFile(r.report, append(b, '\n'), 0o644)
}
