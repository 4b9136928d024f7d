package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rivusio/rivusio/cmd/processor/internal/demo"
)

func demoCommand() *cobra.Command {
	c := demo.Config{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the orders topology on a broker in memory, with generated orders",
		Long: `Run the orders topology on a broker in memory, with generated orders.

Nothing else is needed. Orders come at the given rate, or as fast as this machine takes them if that is less; their event
time runs ten times as fast as the clock. At the end the totals of every closed window are compared with what was
generated. The same topology runs on a real cluster with: processor run --topology orders --brokers HOST:PORT`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case c.Duration < 0:
				return fmt.Errorf("--duration: %v is less than 0s", c.Duration)
			case c.Rate < 1:
				return fmt.Errorf("--rate: %d is less than 1", c.Rate)
			case c.Workers < 1 || c.Workers > demo.MaxWorkers:
				return fmt.Errorf("--workers: %d is not between 1 and %d", c.Workers, demo.MaxWorkers)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Out, c.Log = cmd.OutOrStdout(), cmd.ErrOrStderr()
			if f, ok := c.Out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
				c.Terminal = f
			}
			return demo.Run(cmd.Context(), c)
		},
	}
	cmd.Flags().DurationVar(&c.Duration, "duration", 0, "how long orders are generated (default: until Ctrl-C)")
	cmd.Flags().IntVar(&c.Rate, "rate", 50_000, "orders per second")
	cmd.Flags().IntVar(&c.Workers, "workers", 1, "workers of the engine")
	return cmd
}
