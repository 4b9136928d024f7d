package rivusio

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/topology"
)

var descriptionFormats = []string{"text", "dot", "mermaid", "json"}

func (p *program) describeCommand() *cobra.Command {
	var name, format string
	cmd := &cobra.Command{
		Use:               "describe [FILE]",
		Short:             "Show the operators, stores and topics of a topology",
		Long:              "Show the operators, stores and topics of a topology: of a file, or of one of the program. No cluster and no configuration is\nneeded.",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, done, err := p.chosen(cmd, args, selection{topology: name, plugins: pluginFolder(cmd)}, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			text, err := describe(t, format)
			if err != nil {
				return errors.Join(err, done())
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.TrimRight(text, "\n"))
			return errors.Join(err, done())
		},
	}
	cmd.Flags().StringVar(&name, "topology", "", "`name` of the topology (default: the only one)")
	cmd.Flags().StringVar(&format, "format", "text", "one of "+strings.Join(descriptionFormats, ", "))
	addPluginsFlag(cmd)
	cmd.RegisterFlagCompletionFunc("topology", p.completeTopologies)
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(descriptionFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func describe(t *topology.Topology, format string) (string, error) {
	d := t.Describe()
	switch format {
	case "text":
		return d.String(), nil
	case "dot":
		return d.DOT(), nil
	case "mermaid":
		return d.Mermaid(), nil
	case "json":
		text, err := d.JSON()
		return string(text), err
	}
	return "", &usageError{fmt.Sprintf("--format: %q is not one of %s", format, strings.Join(descriptionFormats, ", "))}
}
