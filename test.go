package rivusio

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/filetest"
)

func testCommand() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:   "test FILE...",
		Short: "Run the tests of files of topologies",
		Long: `Run the tests of files of topologies, without Kafka: those of the section tests, and of the file beside. That of orders.yaml
is orders.test.yaml; to name it names orders.yaml. A test that fails shows each difference between what it wants and what came.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, paths []string) error {
			r, err := openReader(cmd.Context(), pluginFolder(cmd), slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			return errors.Join(r.test(cmd.OutOrStdout(), paths, verbose), r.close())
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "name the tests that pass")
	addPluginsFlag(cmd)
	return cmd
}

// test runs the tests of files. Mistakes in a file come before failures of tests.
func (r *reader) test(out io.Writer, paths []string, verbose bool) error {
	files, mistakes := topologyFiles(paths)
	ran, failed := 0, 0
	for _, path := range files {
		f, err := r.read(path)
		var cases []declarative.Case
		if err == nil {
			cases, err = allCases(path, f)
		}
		if err == nil && len(cases) == 0 {
			err = &usageError{fmt.Sprintf("%s has no tests, neither in itself nor in a file beside it", path)}
		}
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		for _, c := range cases {
			ran++
			if !testCase(out, path, f, c, verbose) {
				failed++
			}
		}
	}
	if len(mistakes) > 0 {
		return errors.Join(mistakes...)
	}
	fmt.Fprintf(out, "%d tests, %d failed\n", ran, failed)
	if failed > 0 {
		return fmt.Errorf("%d of %d tests failed", failed, ran)
	}
	return nil
}

func testCase(out io.Writer, path string, f *declarative.File, c declarative.Case, verbose bool) bool {
	problems := filetest.Run(f, c)
	switch {
	case len(problems) > 0:
		fmt.Fprintf(out, "FAIL  %s: %s (%s)\n", path, c.Name, c.Place)
	case verbose:
		fmt.Fprintf(out, "ok    %s: %s\n", path, c.Name)
	}
	for _, p := range problems {
		fmt.Fprintf(out, "      %s\n", p)
	}
	return len(problems) == 0
}
