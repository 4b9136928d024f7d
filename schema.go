package rivusio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/topology"
)

func (p *program) schemaCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Ask the registry whether it takes the schemas that a topology writes with",
		Long: `Ask the registry whether each subject that a topology writes to takes the schema that it writes with, by the rule of the
subject. Nothing is registered. It is an error if one does not, so a pipeline can ask before it deploys.`,
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
			return errors.Join(checkSchemas(cmd, t), done())
		},
	}
	p.configure(cmd)
	return cmd
}

// written is a serde that writes by a schema of a subject.
type written interface {
	Subject() string
	Check(ctx context.Context) error
}

// checkSchemas prints what the registry says about each subject.
func checkSchemas(cmd *cobra.Command, t *topology.Topology) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SUBJECT\tRESULT")
	var subjects []string
	var errs []error
	for _, o := range t.Graph().Openers {
		w, ok := o.(written)
		if !ok || slices.Contains(subjects, w.Subject()) {
			continue
		}
		subjects = append(subjects, w.Subject())
		err := w.Check(cmd.Context())
		var incompatible *registry.IncompatibleError
		result := "compatible"
		switch {
		case errors.As(err, &incompatible):
			result = "incompatible"
		case err != nil:
			result = "not checked"
		}
		fmt.Fprintf(table, "%s\t%s\n", w.Subject(), result)
		errs = append(errs, err)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(subjects) == 0 {
		return errors.New("the topology writes with no schema of a registry")
	}
	return errors.Join(errs...)
}
