package rivusio

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/engine"
)

func (p *program) topicsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "topics",
		Short: "Compare the topics of a topology with the cluster, or make them",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.topicsPlanCommand(), p.topicsCreateCommand())
	return cmd
}

func (p *program) topicsPlanCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "plan [FILE]",
		Short:             "Show which topics the topology needs and what the cluster has",
		Long:              "Show which topics the topology needs and what the cluster has, and change nothing. It fails if the topology cannot run\non them: an input is missing, or a topic is not as it has to be.",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			t, done, err := p.chosen(cmd, args, selected(c), slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			c.Engine.Logger = newLogger(c.Log, cmd.ErrOrStderr())
			plans, err := engine.PlanTopics(cmd.Context(), t, c.Engine)
			return errors.Join(printTopics(cmd.OutOrStdout(), plans), err, problems(plans), done())
		},
	}
	p.configure(cmd)
	return cmd
}

func (p *program) topicsCreateCommand() *cobra.Command {
	var partitions int32
	cmd := &cobra.Command{
		Use:               "create [FILE]",
		Short:             "Make the internal topics that are missing",
		Long:              "Make the internal topics that are missing; with --partitions also the inputs and outputs. Topics that exist are not\nchanged. run makes internal topics too; this is for clusters on which the processor may not.",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("partitions") && partitions < 1 {
				return &usageError{fmt.Sprintf("--partitions: %d is less than 1", partitions)}
			}
			c, err := load(cmd)
			if err != nil {
				return err
			}
			t, done, err := p.chosen(cmd, args, selected(c), slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			c.Engine.Logger = newLogger(c.Log, cmd.ErrOrStderr())
			plans, err := engine.CreateTopics(cmd.Context(), t, c.Engine, partitions)
			return errors.Join(printTopics(cmd.OutOrStdout(), plans), err, done())
		},
	}
	p.configure(cmd)
	cmd.Flags().Int32Var(&partitions, "partitions", 0, "also make missing inputs and outputs, with this `number` of partitions")
	return cmd
}

func printTopics(to io.Writer, plans []engine.TopicPlan) error {
	if len(plans) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOPIC\tKIND\tPARTITIONS\tSTATE\tSETTINGS")
	for _, t := range plans {
		state := "missing"
		if t.Exists {
			state = "there"
		}
		if len(t.Problems) > 0 {
			state = "wrong"
		}
		partitions := "?"
		if t.Partitions > 0 {
			partitions = fmt.Sprint(t.Partitions)
		}
		var settings []string
		for _, name := range slices.Sorted(maps.Keys(t.Settings)) {
			settings = append(settings, name+"="+t.Settings[name])
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.Name, t.Kind, partitions, state, strings.Join(settings, " "))
		for _, remark := range t.Remarks {
			fmt.Fprintf(w, "  remark: %s\t\t\t\t\n", remark)
		}
	}
	return w.Flush()
}

// problems are the reasons why a topology cannot run on its topics.
func problems(plans []engine.TopicPlan) error {
	var errs []error
	for _, t := range plans {
		for _, problem := range t.Problems {
			errs = append(errs, fmt.Errorf("%s topic %q: %s", t.Kind, t.Name, problem))
		}
	}
	return errors.Join(errs...)
}
