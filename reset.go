package rivusio

import (
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"encoding/json/jsontext"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/engine"
)

// resetFlags are the flags of reset that the configuration does not have.
type resetFlags struct {
	output             string
	shift              int64
	to, inputs         []string
	keepState, execute bool
}

func (p *program) resetCommand() *cobra.Command {
	var f resetFlags
	cmd := &cobra.Command{
		Use:   "reset [FILE]",
		Short: "Set an application back, so that it reads its input again from nothing",
		Long: `Set an application back, so that it reads its input again from nothing: set the offsets of its inputs, delete its internal topics
and delete its state directory on this machine. Without --execute nothing changes, and what would change is printed. It is
refused while the application runs anywhere or the state directory is in use. The topics that the application writes stay as they are.

State on other machines must be deleted there, by a reset too, before a process starts on it.`,
		Example: `  processor reset
  processor reset --execute
  processor reset --to 2026-03-01T00:00:00Z --input orders --execute
  processor reset --shift -1000 --keep-state --execute`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE:              func(cmd *cobra.Command, args []string) error { return p.reset(cmd, args, f) },
	}
	p.configure(cmd)
	cmd.Flags().StringSliceVar(&f.to, "to", nil, "`place` to read from: earliest, latest, a time such as 2026-03-01T08:00:00Z, a duration before now such as 2h, or for single partitions an offset such as orders[0]=120 (default earliest)")
	cmd.Flags().Int64Var(&f.shift, "shift", 0, "this `number` of records after the committed offsets, before them if it is negative; in the place of --to")
	cmd.Flags().StringArrayVar(&f.inputs, "input", nil, "an input `topic` whose offsets change; may be given more than once (default: all)")
	cmd.Flags().BoolVar(&f.keepState, "keep-state", false, "change offsets only, and keep internal topics and the state directory")
	cmd.Flags().BoolVar(&f.execute, "execute", false, "do it")
	cmd.Flags().StringVar(&f.output, "output", planOutputs[0], "table or json")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(planOutputs, cobra.ShellCompDirectiveNoFileComp))
	cmd.MarkFlagsMutuallyExclusive("to", "shift")
	return cmd
}

func (p *program) reset(cmd *cobra.Command, args []string, f resetFlags) error {
	c, err := load(cmd)
	if err != nil {
		return err
	}
	o, err := f.options(cmd.Flags().Changed("shift"), time.Now())
	if err != nil {
		return err
	}
	t, done, err := p.chosen(cmd, args, selected(c), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	c.Engine.Logger = newLogger(c.Log, cmd.ErrOrStderr())
	do := engine.PlanReset
	if f.execute {
		do = engine.Reset
	}
	plan, err := do(cmd.Context(), t, c.Engine, o)
	if plan == nil {
		return errors.Join(err, done())
	}
	return errors.Join(err, f.print(cmd.OutOrStdout(), plan, err == nil && f.execute), done())
}

// options are what the flags ask for.
func (f *resetFlags) options(shifted bool, now time.Time) (o engine.ResetOptions, err error) {
	if f.output != "table" && f.output != "json" {
		return o, &usageError{fmt.Sprintf("--output: %q is not one of table, json", f.output)}
	}
	o.Inputs, o.KeepState = f.inputs, f.keepState
	if shifted {
		o.Shift = &f.shift
	}
	if o.To, err = boundOf(f.to, now); err != nil {
		return o, &usageError{fmt.Sprintf("--to: %v", err)}
	}
	return o, nil
}

func (f *resetFlags) print(to io.Writer, plan *engine.ResetPlan, executed bool) error {
	if f.output == "json" {
		text, err := json.Marshal(struct {
			*engine.ResetPlan
			Executed bool `json:"executed"`
		}{plan, executed}, json.Deterministic(true), jsontext.WithIndent("  "))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(to, "%s\n", text)
		return err
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOPIC\tPARTITION\tFROM\tTO")
	for _, o := range plan.Offsets {
		from := "-"
		if o.From >= 0 {
			from = strconv.FormatInt(o.From, 10)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\n", o.Topic, o.Partition, from, o.To)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	verb, last := "would be deleted", "nothing has changed: --execute does it"
	if executed {
		verb, last = "deleted", fmt.Sprintf("application %s is reset; on other machines delete its state before it starts there", plan.Application)
	}
	var lines []string
	for _, topic := range plan.Topics {
		lines = append(lines, fmt.Sprintf("topic %s %s", topic, verb))
	}
	if plan.StateDir != "" {
		lines = append(lines, fmt.Sprintf("directory %s %s", plan.StateDir, verb))
	}
	_, err := fmt.Fprintln(to, strings.Join(append(lines, last), "\n"))
	return err
}
