package rivusio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/config"
	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/topology"
)

func (p *program) drainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drain [FILE]",
		Short: "Process what lies in the internal topics of a topology, and no new input",
		Long: `Process what lies in the internal topics of a topology, and no new input, and end. Afterwards everything that the application
has read is in its results, so that another one can go on from its committed offsets: see reprocess.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.bounded(cmd, args, func(ctx context.Context, t *topology.Topology, c engine.Config) error {
				if err := passTo(ctx, t, c, t.Application(), false); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "application %s is drained\n", t.Application())
				return err
			})
		},
	}
	p.configure(cmd)
	return cmd
}

func (p *program) reprocessCommand() *cobra.Command {
	var from string
	var pause time.Duration
	cmd := &cobra.Command{
		Use:   "reprocess [FILE] --from APPLICATION",
		Short: "Let a topology catch up beside the application whose output it takes over",
		Long: `Let a topology process what another application has processed already, from the start of its inputs and without writing any
results, so that it can take over. It goes on until that application was stopped and drained, and ends at its committed offsets: what
lies before them has results of the one, what comes after them of the other. Then start it with run.

The topology needs another name than the application, and reads inputs that the application does not read from their start when it
runs. An interrupted reprocess goes on where it was. Pipes are called for all records: those with effects must bear that.`,
		Example: `  processor reprocess --from orders    # while orders runs; stop it when this says so, then: processor-old drain
  processor run`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if from == "" {
				return &usageError{"--from is missing: from which application?"}
			}
			return p.bounded(cmd, args, func(ctx context.Context, t *topology.Topology, c engine.Config) error {
				if t.Application() == from {
					return &usageError{fmt.Sprintf("--from: the topology is named %q too; give it another name, such as %s-2", from, from)}
				}
				return follow(ctx, cmd.OutOrStdout(), t, c, from, pause)
			})
		},
	}
	p.configure(cmd)
	cmd.Flags().StringVar(&from, "from", "", "the `application` whose output is taken over")
	cmd.Flags().DurationVar(&pause, "pause", 5*time.Second, "between two passes, while the application runs")
	return cmd
}

// bounded runs an App of the chosen topology up to somewhere. It hands its partitions over when it ends.
func (p *program) bounded(cmd *cobra.Command, args []string, run func(context.Context, *topology.Topology, engine.Config) error) error {
	c, err := load(cmd)
	if err != nil {
		return err
	}
	log := newLogger(c.Log, cmd.ErrOrStderr())
	t, done, err := p.chosen(cmd, args, selected(c), log)
	if err != nil {
		return err
	}
	return errors.Join(run(cmd.Context(), t, boundedConfig(c, log)), done())
}

func boundedConfig(c *config.Config, log *slog.Logger) engine.Config {
	e := c.Engine
	e.Logger, e.StopPolicy = log, engine.Handover
	return e
}

// passTo runs an App up to the committed offsets of a group.
func passTo(ctx context.Context, t *topology.Topology, c engine.Config, group string, mute bool) error {
	marks, err := engine.CommittedMarks(ctx, t, c, group)
	if err != nil {
		return err
	}
	c.Until, c.Mute = marks, mute
	app, err := engine.New(t, c)
	if err != nil {
		return err
	}
	if err := app.Run(ctx); err != nil {
		return err
	}
	return ctx.Err() // a stop is no end
}

// follow catches up with an application until that was stopped.
func follow(ctx context.Context, to io.Writer, t *topology.Topology, c engine.Config, from string, pause time.Duration) error {
	told := false
	for {
		// Whether it runs is asked first: what it has committed afterwards, if it did not, is the end.
		group, err := engine.GroupOf(ctx, c, from)
		if err != nil {
			return err
		}
		if !group.Known {
			return fmt.Errorf("--from: there is no application %q on the cluster: its group has neither members nor offsets", from)
		}
		if len(group.Members) == 0 && len(group.Behind) > 0 {
			return fmt.Errorf("application %q was stopped with records in %s that are not processed: run `drain` of its own program, and then this again", from, behind(group))
		}
		if err := passTo(ctx, t, c, from, true); err != nil {
			return err
		}
		if len(group.Members) == 0 {
			_, err := fmt.Fprintf(to, "%s has caught up with %s, which is stopped: `run` takes its output over\n", t.Application(), from)
			return err
		}
		if !told {
			told = true
			if _, err := fmt.Fprintf(to, "%s has caught up; %s still runs: stop it, and let its program `drain`\n", t.Application(), from); err != nil {
				return err
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func behind(g *engine.Group) string {
	var topics []string
	for _, topic := range slices.Sorted(maps.Keys(g.Behind)) {
		topics = append(topics, fmt.Sprintf("%s (%d)", topic, g.Behind[topic]))
	}
	return strings.Join(topics, ", ")
}
