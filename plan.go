package rivusio

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/config"
	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/plan"
	"github.com/rivusio/rivusio/topology"
)

// Exit codes of plan, beside [ExitOK] for an upgrade that is safe. What is wrong with its command line has [ExitFailure].
const (
	ExitReset  = 2 // the upgrade needs a reset
	ExitBreaks = 3 // the upgrade breaks
)

var planOutputs = []string{"table", "json"}

// planFlags are the flags of plan that the configuration does not have.
type planFlags struct {
	save, output string
	accept       []string
	cluster      bool
	timeout      time.Duration
}

func (p *program) planCommand() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan OLD [NEW]",
		Short: "Say what an upgrade does to the state of an application",
		Long: `Say what an upgrade from one version of a topology to another does to the state, the offsets and the records in flight of an
application: each change is safe, needs a reset or breaks, with the reason and what to do.

OLD and NEW are plans saved by --save, YAML files of topologies, programs built on this module, which are run with
"plan --save -", or - for a saved plan on standard input. NEW is the topology of this program if it is left out. With
--cluster or --brokers the topics of the cluster count too. The table of all changes is in docs/upgrades.md.

Exit codes: 0 safe, 2 needs a reset, 3 breaks, 1 for any error.`,
		Example: `  processor plan --save plans/1.4.0.json
  processor plan plans/1.4.0.json --brokers kafka:9092
  processor plan ./processor-1.4.0 ./processor-1.5.0 --output json --accept store-removed:old-counts`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case f.save != "" && len(args) > 1:
				return failed(&usageError{"--save takes one topology at most"})
			case f.save == "" && (len(args) == 0 || len(args) > 2):
				return failed(&usageError{fmt.Sprintf("want OLD and perhaps NEW, got %d arguments", len(args))})
			}
			return nil
		},
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := p.plan(cmd, args, f)
			if exit := (*exitError)(nil); err == nil || errors.As(err, &exit) {
				return err
			}
			return failed(err)
		},
	}
	p.configure(cmd)
	cmd.Flags().StringVar(&f.save, "save", "", "save the plan of the topology to this `file`, - for standard output, and compare nothing")
	cmd.Flags().StringVar(&f.output, "output", planOutputs[0], "one of "+strings.Join(planOutputs, ", "))
	cmd.Flags().StringArrayVar(&f.accept, "accept", nil, "a `KIND` of change or KIND:SUBJECT that does not count for the exit code; may be given more than once")
	cmd.Flags().BoolVar(&f.cluster, "cluster", false, "compare with the topics of the cluster too; so does --brokers")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "how long a program has to say its plan")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(planOutputs, cobra.ShellCompDirectiveNoFileComp))
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return failed(err) })
	return cmd
}

// failed makes an error one with the exit code of failures, since that of usage means something else for plan.
func failed(err error) error { return &exitError{ExitFailure, err} }

func (p *program) plan(cmd *cobra.Command, args []string, f planFlags) error {
	c, err := load(cmd)
	if err != nil {
		return err
	}
	if !slices.Contains(planOutputs, f.output) {
		return &usageError{fmt.Sprintf("--output: %q is not one of %s", f.output, strings.Join(planOutputs, ", "))}
	}
	versions := planVersions{program: p, cmd: cmd, config: c, timeout: f.timeout}
	if f.save != "" {
		return versions.save(args, f.save)
	}
	from, errFrom := versions.read(args[0])
	to, errTo := versions.read(slices.Concat(args[1:], []string{""})[0])
	if err := errors.Join(errFrom, errTo); err != nil {
		return err
	}
	var brokers *plan.Brokers
	if f.cluster || cmd.Flags().Changed("brokers") {
		c.Engine.Logger = newLogger(c.Log, cmd.ErrOrStderr())
		facts, err := engine.TopicFacts(cmd.Context(), c.Engine, to.Application)
		if err != nil {
			return err
		}
		brokers = &plan.Brokers{Partitions: facts.Partitions, RetentionMs: facts.RetentionMs}
	}
	compared := plan.Compare(from, to, brokers)
	if err := compared.Waive(f.accept...); err != nil {
		return &usageError{"--accept: " + err.Error()}
	}
	if f.output == "json" {
		text, err := compared.JSON()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
		return errors.Join(err, exitOf(compared.Verdict))
	}
	_, err = compared.WriteTo(cmd.OutOrStdout())
	return errors.Join(err, exitOf(compared.Verdict))
}

func exitOf(v plan.Verdict) error {
	switch v {
	case plan.Safe:
		return nil
	case plan.Reset:
		return &exitError{code: ExitReset}
	}
	return &exitError{code: ExitBreaks}
}

// planVersions reads what the arguments of plan name.
type planVersions struct {
	*program
	cmd     *cobra.Command
	config  *config.Config
	timeout time.Duration
}

func (v *planVersions) save(args []string, path string) error {
	d, err := v.read(slices.Concat(args, []string{""})[0])
	if err != nil {
		return err
	}
	text, err := d.JSON()
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if path == "-" {
		_, err = v.cmd.OutOrStdout().Write(text)
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// read is the description that an argument names; "" is the topology of the program.
func (v *planVersions) read(arg string) (d topology.Description, err error) {
	switch ext := filepath.Ext(arg); {
	case arg == "", ext == ".yaml", ext == ".yml":
		return v.described(arg)
	case arg == "-":
		text, err := io.ReadAll(v.cmd.InOrStdin())
		if err != nil {
			return d, fmt.Errorf("standard input: %w", err)
		}
		d, err = plan.Read(text)
		if err != nil {
			return d, &usageError{fmt.Sprintf("standard input: %v", err)}
		}
		return d, nil
	}
	info, err := os.Stat(arg)
	if err != nil {
		return d, &fileError{err}
	}
	if info.IsDir() {
		return d, &usageError{arg + " is a directory, want a saved plan, a file of a topology or a program"}
	}
	saved, err := isSaved(arg)
	switch {
	case err != nil:
		return d, &fileError{err}
	case saved:
		text, err := os.ReadFile(arg)
		if err != nil {
			return d, &fileError{err}
		}
		if d, err = plan.Read(text); err != nil {
			return d, &fileError{fmt.Errorf("%s: %w", arg, err)}
		}
		return d, nil
	case info.Mode()&0o111 != 0:
		return v.asked(arg)
	}
	return d, &usageError{arg + " is neither a saved plan, which is JSON, nor a .yaml file of a topology, nor a program that can be run"}
}

// isSaved reports whether a file is JSON, by its first character.
func isSaved(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	head := make([]byte, 256)
	n, err := f.Read(head)
	if err == io.EOF {
		err = nil
	}
	return bytes.HasPrefix(bytes.TrimSpace(head[:n]), []byte("{")), errors.Join(err, f.Close())
}

// described is the topology of a file or of the program.
func (v *planVersions) described(file string) (d topology.Description, err error) {
	if file == "" {
		t, err := v.topology(v.config.Topology)
		if err != nil {
			return d, err
		}
		return t.Describe(), nil
	}
	t, done, err := fileTopology(v.cmd.Context(), file, selected(v.config), slog.New(slog.DiscardHandler))
	if err != nil {
		return d, err
	}
	return t.Describe(), done()
}

// asked is what a program says of itself.
func (v *planVersions) asked(path string) (d topology.Description, err error) {
	ctx, cancel := context.WithTimeout(v.cmd.Context(), v.timeout)
	defer cancel()
	absolute, err := filepath.Abs(path)
	if err != nil {
		return d, err
	}
	args := []string{"plan", "--save", "-"}
	if v.config.Topology != "" {
		args = append(args, "--topology", v.config.Topology)
	}
	asked := exec.CommandContext(ctx, absolute, args...)
	asked.WaitDelay = time.Second // for what it has started itself
	var out, errs bytes.Buffer
	asked.Stdout, asked.Stderr = &out, &errs
	err = asked.Run()
	what := fmt.Sprintf("%s %s", path, strings.Join(args, " "))
	switch {
	case ctx.Err() != nil && v.cmd.Context().Err() == nil:
		return d, fmt.Errorf("%s: it has not ended after %v: is it built on this module?", what, v.timeout)
	case err != nil:
		return d, fmt.Errorf("%s: %w: %s", what, err, cmp.Or(lastLines(errs.String()), "it printed nothing to standard error"))
	}
	if d, err = plan.Read(out.Bytes()); err != nil {
		return d, fmt.Errorf("%s: %w", what, err)
	}
	return d, nil
}

// lastLines are a few lines at the end of a text, in one.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}
