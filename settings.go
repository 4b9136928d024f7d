package rivusio

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/config"
)

func configCommand() *cobra.Command {
	show := &cobra.Command{
		Use:   "config",
		Short: "Show the value of every key and where it comes from",
		Long:  "Show the value of every key and where it comes from: the default, a line of the file, an environment variable or a flag.\nSecrets are masked.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "KEY\tVALUE\tSOURCE")
			for _, s := range c.Effective() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", s.Key, s.Value, s.Source)
			}
			return w.Flush()
		},
	}
	check := &cobra.Command{
		Use:   "check",
		Short: "Read the configuration and report every mistake in it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := load(cmd); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "the configuration is valid")
			return err
		},
	}
	reference := &cobra.Command{
		Use:   "reference",
		Short: "Print the reference of all keys, in Markdown",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), config.Reference())
			return err
		},
	}
	for _, cmd := range []*cobra.Command{show, check} {
		config.AddFlags(cmd.Flags())
		cmd.MarkFlagFilename(config.FileFlag, "yaml", "yml")
	}
	show.AddCommand(check, reference)
	return show
}
