package rivusio

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/topology"
)

// fileError is what is wrong with a file on the command line: that it is not there, or mistakes in it.
type fileError struct{ err error }

func (f *fileError) Error() string { return f.err.Error() }
func (f *fileError) Unwrap() error { return f.err }

// readFile loads a declarative topology, whose steps log to a logger.
func readFile(path string, log *slog.Logger) (*declarative.File, error) {
	f, err := declarative.Read(path, declarative.Logger(log))
	if err != nil {
		return nil, &fileError{err}
	}
	return f, nil
}

// chosen is the topology of the file on the command line, or of the program that has the name.
func (p *program) chosen(cmd *cobra.Command, args []string, name string, log *slog.Logger) (*topology.Topology, error) {
	if len(args) == 0 {
		return p.topology(name)
	}
	if cmd.Flags().Changed("topology") {
		return nil, &usageError{"--topology and a file are both given: which topology?"}
	}
	f, err := readFile(args[0], log)
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.Ext(args[0]) == "":
		return nil, &usageError{fmt.Sprintf("there is no file %q; a topology of the program is chosen by --topology %s", args[0], args[0])}
	case err != nil:
		return nil, err
	}
	return f.Topology, nil
}

// completeFiles completes the names of files of topologies.
func completeFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// testEndings are how files of tests are named, beside a file NAME.yaml or NAME.yml.
func testEndings() []string { return []string{".test.yaml", ".test.yml"} }

// isTests reports whether a file has tests, by its name.
func isTests(path string) bool {
	return slices.ContainsFunc(testEndings(), func(ending string) bool { return strings.HasSuffix(path, ending) })
}

// beside is the file of tests beside a file; ok is false if there is none.
func beside(path string) (tests string, ok bool) {
	base := strings.TrimSuffix(path, filepath.Ext(path))
	for _, ending := range testEndings() {
		if _, err := os.Stat(base + ending); err == nil {
			return base + ending, true
		}
	}
	return "", false
}

// allCases are the tests in a file and in the one beside it.
func allCases(path string, f *declarative.File) ([]declarative.Case, error) {
	cases := f.Cases
	tests, ok := beside(path)
	if !ok {
		return cases, nil
	}
	data, err := os.ReadFile(tests)
	if err != nil {
		return nil, &fileError{err}
	}
	more, err := declarative.LoadCases(tests, data)
	if err != nil {
		return nil, &fileError{err}
	}
	return append(cases[:len(cases):len(cases)], more...), nil
}

func lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint FILE...",
		Short: "Report every mistake in files of topologies and of their tests",
		Long: `Report every mistake in files of topologies, and in the files of tests beside them, with its place. Nothing is run.

The file of tests of orders.yaml is orders.test.yaml.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, paths []string) error {
			var errs []error
			for _, path := range paths {
				if err := lintFile(path); err != nil {
					errs = append(errs, err)
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: no mistakes\n", path)
			}
			return errors.Join(errs...)
		},
	}
}

func lintFile(path string) error {
	if isTests(path) {
		data, err := os.ReadFile(path)
		if err == nil {
			_, err = declarative.LoadCases(path, data)
		}
		if err != nil {
			return &fileError{err}
		}
		return nil
	}
	f, err := readFile(path, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	_, err = allCases(path, f)
	return err
}

func schemaCommand() *cobra.Command {
	var tests bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of files of topologies, for editors",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			schemaOf := declarative.Schema
			if tests {
				schemaOf = declarative.SchemaOfTests
			}
			schema, err := schemaOf()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", schema)
			return err
		},
	}
	cmd.Flags().BoolVar(&tests, "tests", false, "that of files of tests")
	return cmd
}
