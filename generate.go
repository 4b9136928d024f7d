package rivusio

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/internal/deployment"
	"github.com/rivusio/rivusio/telemetry"
)

func generateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Print files to deploy and watch a processor with",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(generateComposeCommand(), generateKubernetesCommand(),
		generateFromMetrics("dashboards", "Print a Grafana dashboard with a panel for every metric", deployment.Dashboard),
		generateFromMetrics("alerts", "Print alert rules for Prometheus", deployment.Alerts))
	return cmd
}

// generateFromMetrics is a command that prints what is made of the table of metrics.
func generateFromMetrics(use, short string, made func([]telemetry.Metric) (string, error)) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := made(telemetry.Metrics())
			return printed(cmd, text, err)
		},
	}
}

func generateComposeCommand() *cobra.Command {
	var o deployment.Options
	cmd := &cobra.Command{
		Use:   "compose",
		Short: "Print a docker-compose.yml: Kafka, a collector, Prometheus, Grafana and two processors",
		Long: `Print a docker-compose.yml: Kafka, an OpenTelemetry Collector, Prometheus, Grafana (profile grafana) and two processors that
share the work. It is meant for deployments/ of the repository, whose files it mounts.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := deployment.Compose(o)
			return printed(cmd, text, err)
		},
	}
	cmd.Flags().StringVar(&o.Image, "image", "", "`image` of the processor (default rivusio/processor:latest)")
	cmd.Flags().StringVar(&o.File, "file", "", "`path` of the topology's file, seen from the compose file (default: the word count of the examples)")
	cmd.Flags().StringVar(&o.Input, "input", "", "`topic` that the demo profile writes to (default lines)")
	return cmd
}

func generateKubernetesCommand() *cobra.Command {
	var o deployment.Options
	cmd := &cobra.Command{
		Use:   "k8s FILE",
		Short: "Print manifests for Kubernetes that run the topology of a file",
		Long: `Print manifests for Kubernetes that run the topology of a file: a ConfigMap with it, a StatefulSet with probes and a volume
for the state, a headless Service and a PodDisruptionBudget. The chart deployments/helm/rivusio does the same for Helm.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return &fileError{err}
			}
			o.Topology = string(text)
			if o.Name == "" {
				o.Name = filepath.Base(args[0][:len(args[0])-len(filepath.Ext(args[0]))])
			}
			if cmd.Flags().Changed("replicas") && o.Replicas < 1 {
				return &usageError{fmt.Sprintf("--replicas: %d is less than 1", o.Replicas)}
			}
			manifests, err := deployment.Kubernetes(o)
			return printed(cmd, manifests, err)
		},
	}
	cmd.Flags().StringVar(&o.Name, "name", "", "`name` of what is made (default: that of the file)")
	cmd.Flags().StringVar(&o.Image, "image", "", "`image` of the processor (default rivusio/processor:latest)")
	cmd.Flags().StringVar(&o.Brokers, "brokers", "", "`addresses` of brokers, HOST:PORT (default kafka:9092)")
	cmd.Flags().IntVar(&o.Replicas, "replicas", 0, "`number` of pods (default 2)")
	return cmd
}

// printed prints a file that was made. What was wrong with its options is a mistake on the command line.
func printed(cmd *cobra.Command, text string, err error) error {
	if err != nil {
		return &usageError{err.Error()}
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), text)
	return err
}
