package rivusio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/config"
	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/serde/registry"
	"github.com/rivusio/rivusio/topology"
)

// fileError is what is wrong with a file on the command line: that it is not there, or mistakes in it.
type fileError struct{ err error }

func (f *fileError) Error() string { return f.err.Error() }
func (f *fileError) Unwrap() error { return f.err }

// reader reads files of topologies. The plugins that they name run until it is closed.
type reader struct {
	log     *slog.Logger // of steps and plugins
	plugins *plugins.Registry
	schemas *registry.Client // nil: no registry
	done    func() error
}

// openReader makes a reader with the built-in plugins and those of a folder, "" for none. A file in the folder that is no
// plugin is an error.
func openReader(ctx context.Context, folder string, log *slog.Logger) (*reader, error) {
	found, done, err := pluginRegistry(ctx, folder, log)
	switch {
	case found == nil:
		return nil, err
	case err != nil:
		return nil, errors.Join(err, done())
	}
	return &reader{log: log, plugins: found, done: done}, nil
}

// connect makes the client of a registry, if there is one.
func (r *reader) connect(c *registry.Config) (err error) {
	if c != nil {
		c.Logger = r.log
		r.schemas, err = registry.New(*c)
	}
	return err
}

// close ends the plugins of all files that were read, and the client of the registry.
func (r *reader) close() error {
	if r.schemas != nil {
		r.schemas.Close()
	}
	return r.done()
}

// read loads a declarative topology.
func (r *reader) read(path string) (*declarative.File, error) {
	f, err := declarative.Read(path, declarative.Logger(r.log), declarative.Plugins(r.plugins), declarative.Registry(r.schemas))
	if err != nil {
		return nil, &fileError{err}
	}
	return f, nil
}

// selection is the topology that a configuration or a command line names, and what it needs.
type selection struct {
	topology, plugins string
	registry          *registry.Config
}

// selected is the selection of a configuration.
func selected(c *config.Config) selection { return selection{c.Topology, c.Plugins, c.Registry} }

// chosen is the topology of the file on the command line, with plugins of a folder, or of the program that has the name. The
// caller calls done when it needs the topology no more.
func (p *program) chosen(cmd *cobra.Command, args []string, s selection, log *slog.Logger) (t *topology.Topology, done func() error, err error) {
	if len(args) == 0 {
		if cmd.Flags().Changed(pluginsFlag) {
			return nil, nil, &usageError{"--plugins is for the topology of a file: topologies of the program have the plugins that it gives them"}
		}
		t, err = p.topology(s.topology)
		return t, func() error { return nil }, err
	}
	if cmd.Flags().Changed("topology") {
		return nil, nil, &usageError{"--topology and a file are both given: which topology?"}
	}
	t, done, err = fileTopology(cmd.Context(), args[0], s, log)
	if errors.Is(err, fs.ErrNotExist) && filepath.Ext(args[0]) == "" {
		err = &usageError{fmt.Sprintf("there is no file %q; a topology of the program is chosen by --topology %s", args[0], args[0])}
	}
	return t, done, err
}

// fileTopology is the topology of a file. The caller calls done when it needs the topology no more.
func fileTopology(ctx context.Context, path string, s selection, log *slog.Logger) (t *topology.Topology, done func() error, err error) {
	r, err := openReader(ctx, s.plugins, log)
	if err != nil {
		return nil, nil, err
	}
	if err := r.connect(s.registry); err != nil {
		return nil, nil, errors.Join(err, r.close())
	}
	f, err := r.read(path)
	if err != nil {
		return nil, nil, errors.Join(err, r.close())
	}
	return f.Topology, r.close, nil
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

// topologyFiles are the files of topologies that a command line names, in its order, each once. A file of tests stands for the
// topology beside it, so that a glob may find both; one without a topology is a mistake.
func topologyFiles(paths []string) (files []string, mistakes []error) {
	seen := make(map[string]bool)
	for _, path := range paths {
		if isTests(path) {
			topology, ok := tested(path)
			if !ok {
				mistakes = append(mistakes, &usageError{fmt.Sprintf("%s is a file of tests, and the file of its topology is not beside it", path)})
				continue
			}
			path = topology
		}
		if clean := filepath.Clean(path); !seen[clean] {
			seen[clean] = true
			files = append(files, path)
		}
	}
	return files, mistakes
}

// tested is the file of the topology beside a file of tests; ok is false if there is none.
func tested(path string) (topology string, ok bool) {
	for _, ending := range testEndings() {
		base, is := strings.CutSuffix(path, ending)
		for _, ext := range []string{".yaml", ".yml"} {
			if _, err := os.Stat(base + ext); is && err == nil {
				return base + ext, true
			}
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
	cmd := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Report every mistake in files of topologies and of their tests",
		Long: `Report every mistake in files of topologies, and in the files of tests beside them, with its place. Nothing is run.

The file of tests of orders.yaml is orders.test.yaml; to name it names orders.yaml.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, paths []string) error {
			r, err := openReader(cmd.Context(), pluginFolder(cmd), slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			files, errs := topologyFiles(paths)
			for _, path := range files {
				f, err := r.read(path)
				if err == nil {
					_, err = allCases(path, f)
				}
				if err != nil {
					errs = append(errs, err)
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: no mistakes\n", path)
			}
			return errors.Join(append(errs, r.close())...)
		},
	}
	addPluginsFlag(cmd)
	return cmd
}

func (p *program) schemaCommand() *cobra.Command {
	var tests bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of files of topologies, for editors; check: compare schemas with the registry",
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
	cmd.AddCommand(p.schemaCheckCommand())
	return cmd
}
