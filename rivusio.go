package rivusio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/config"
	"github.com/rivusio/rivusio/topology"
)

// Constructor builds a topology. It is called when a command needs the topology, and may be called more than once.
type Constructor = func() (*topology.Topology, error)

// Exit codes of a program.
const (
	ExitOK      = 0
	ExitFailure = 1 // the work failed
	ExitUsage   = 2 // the command line or the configuration is wrong
)

// Main is the whole command line of a program with these topologies. It does not return.
func Main(topologies ...Constructor) {
	os.Exit(Execute(Command(topologies...)))
}

// Command is the command that [Main] runs, for programs that add commands of their own.
func Command(topologies ...Constructor) *cobra.Command {
	p := &program{constructors: topologies}
	root := &cobra.Command{
		Use:           filepath.Base(os.Args[0]),
		Short:         "Process streams of records from Kafka to Kafka",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(
		p.runCommand(), p.describeCommand(), p.topicsCommand(), p.aclsCommand(), deadLettersCommand(), healthCommand(), generateCommand(),
		lintCommand(), testCommand(), pipeCommand(), p.schemaCommand(), p.replayCommand(), p.recordCommand(), p.planCommand(), p.resetCommand(), p.reprocessCommand(), p.drainCommand(), pluginsCommand(), configCommand(), versionCommand(),
	)
	return root
}

// Execute runs a command with the arguments of the process and returns its exit code. An error is printed to standard
// error. SIGINT and SIGTERM end the context of the command, so that it stops in order; a second one ends the process.
func Execute(root *cobra.Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from now on a signal does what it does by default
	return execute(ctx, root)
}

func execute(ctx context.Context, root *cobra.Command) int {
	mark(root)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitOK
	}
	var exit *exitError
	if errors.As(err, &exit) && exit.err == nil {
		return exit.code
	}
	fmt.Fprintf(root.ErrOrStderr(), "%s: %v\n", root.Name(), err)
	if exit != nil {
		return exit.code
	}
	var failed *failure
	if errors.As(err, &failed) && !wrongConfiguration(err) {
		return ExitFailure
	}
	if failed == nil {
		fmt.Fprintf(root.ErrOrStderr(), "See '%s --help'.\n", cmd.CommandPath())
	}
	return ExitUsage
}

func wrongConfiguration(err error) bool {
	var c *config.Error
	var u *usageError
	var f *fileError
	return errors.As(err, &c) || errors.As(err, &u) || errors.As(err, &f)
}

// failure is an error of a command at work. What cobra returns otherwise is about the command line.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// exitError ends a command with a code of its own. Without err nothing is printed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError is a mistake on the command line that a command finds itself.
type usageError struct{ text string }

func (u *usageError) Error() string { return u.text }

// mark makes the errors of all commands failures.
func mark(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := run(cmd, args); err != nil {
				return &failure{err}
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		mark(c)
	}
}

// program is the topologies of a program.
type program struct{ constructors []Constructor }

// build builds all topologies. A mistake in one is an error, whichever is to be used: it is one in the program.
func (p *program) build() ([]*topology.Topology, error) {
	var topologies []*topology.Topology
	var errs []error
	for i, construct := range p.constructors {
		t, err := construct()
		switch {
		case err != nil:
			errs = append(errs, err)
		case t == nil:
			errs = append(errs, fmt.Errorf("topology %d of the program: its constructor returned nil", i))
		case slices.ContainsFunc(topologies, func(o *topology.Topology) bool { return o.Application() == t.Application() }):
			errs = append(errs, fmt.Errorf("two topologies of the program have the name %q", t.Application()))
		default:
			topologies = append(topologies, t)
		}
	}
	return topologies, errors.Join(errs...)
}

// topology is the one of that name, or the only one for "".
func (p *program) topology(name string) (*topology.Topology, error) {
	topologies, err := p.build()
	if err != nil {
		return nil, err
	}
	for _, t := range topologies {
		if t.Application() == name || name == "" && len(topologies) == 1 {
			return t, nil
		}
	}
	there := strings.Join(names(topologies), ", ")
	switch {
	case len(topologies) == 0:
		return nil, &usageError{"the program has no topology"}
	case name == "":
		return nil, &usageError{"which topology? Give --topology NAME, one of " + there}
	}
	return nil, &usageError{fmt.Sprintf("there is no topology %q, but %s", name, there)}
}

func names(topologies []*topology.Topology) []string {
	names := make([]string, len(topologies))
	for i, t := range topologies {
		names[i] = t.Application()
	}
	return names
}

// completeTopologies completes the values of --topology.
func (p *program) completeTopologies(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	topologies, err := p.build()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names(topologies), cobra.ShellCompDirectiveNoFileComp
}
