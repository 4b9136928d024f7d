package rivusio

import (
	"context"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/plugins/wasm"
)

// pluginsFlag names the folder with WebAssembly plugins, without its dashes, and pluginsEnv is the variable that does. For
// commands that load a configuration both are those of its key.
const (
	pluginsFlag = "plugins"
	pluginsEnv  = "RIVUSIO_PLUGINS"
)

func pluginsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugins",
		Short: "Show the sources, sinks, pipes, serdes, stores and error handlers that configuration can name",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, c := range []*cobra.Command{pluginsListCommand(), pluginsDescribeCommand()} {
		addPluginsFlag(c)
		cmd.AddCommand(c)
	}
	return cmd
}

// addPluginsFlag gives a command without a configuration the flag that [pluginFolder] reads.
func addPluginsFlag(cmd *cobra.Command) {
	cmd.Flags().String(pluginsFlag, "", "`folder` with WebAssembly plugins, beside the built-in ones (environment "+pluginsEnv+")")
	cmd.MarkFlagDirname(pluginsFlag)
}

// pluginFolder is the folder that the command line or the environment names, "" for none.
func pluginFolder(cmd *cobra.Command) string {
	if f := cmd.Flags().Lookup(pluginsFlag); f != nil && f.Changed {
		return f.Value.String()
	}
	return os.Getenv(pluginsEnv)
}

// pluginRegistry has the built-in plugins and those of a folder, "" for none. Files that are no plugins are an error; the
// registry has the others all the same, and is nil only if the folder cannot be read. The caller calls done when it needs the
// plugins no more.
func pluginRegistry(ctx context.Context, folder string, log *slog.Logger) (registry *plugins.Registry, done func() error, err error) {
	registry = plugins.Standard(plugins.Environment{Logger: log})
	if folder == "" {
		return registry, func() error { return nil }, nil
	}
	host, err := wasm.Load(ctx, folder, wasm.Limits{})
	if host == nil {
		return nil, nil, &fileError{err}
	}
	if err = errors.Join(err, host.Register(registry)); err != nil {
		err = &fileError{err}
	}
	return registry, func() error { return host.Close(context.WithoutCancel(ctx)) }, err
}

func pluginsListCommand() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the plugins",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			want, err := pluginKind(kind)
			if err != nil {
				return err
			}
			registry, done, err := pluginRegistry(cmd.Context(), pluginFolder(cmd), nil)
			if registry == nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "KIND\tNAME\tWHAT IT DOES")
			for _, d := range registry.List() {
				if want == "" || d.Kind == want {
					fmt.Fprintf(w, "%s\t%s\t%s\n", d.Kind, d.Name, d.Doc)
				}
			}
			return errors.Join(w.Flush(), err, done())
		},
	}
	addKindFlag(cmd, &kind)
	return cmd
}

func pluginsDescribeCommand() *cobra.Command {
	var kind, format string
	cmd := &cobra.Command{
		Use:   "describe NAME",
		Short: "Show what a plugin does, its types and the keys of its configuration",
		Long:  "Show what a plugin does, its types and the keys of its configuration; with --format schema its JSON Schema. If\nplugins of several kinds have the name, all are shown that --kind does not leave out.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			want, err := pluginKind(kind)
			if err != nil {
				return err
			}
			registry, done, err := pluginRegistry(cmd.Context(), pluginFolder(cmd), nil)
			if registry == nil {
				return err
			}
			found, unknown := describedPlugins(registry, want, args[0])
			if unknown != nil {
				return errors.Join(&usageError{unknown.Error()}, err, done())
			}
			text, wrong := describePlugins(found, format)
			_, printed := io.WriteString(cmd.OutOrStdout(), text)
			return errors.Join(wrong, printed, err, done())
		},
	}
	addKindFlag(cmd, &kind)
	cmd.Flags().StringVar(&format, "format", "text", "one of "+strings.Join(pluginFormats, ", "))
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(pluginFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

var pluginFormats = []string{"text", "json", "schema"}

func addKindFlag(cmd *cobra.Command, kind *string) {
	cmd.Flags().StringVar(kind, "kind", "", "only plugins of this `kind`: "+strings.Join(kindNames(), ", "))
	cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kindNames(), cobra.ShellCompDirectiveNoFileComp))
}

func kindNames() []string {
	var names []string
	for _, k := range plugins.Kinds() {
		names = append(names, string(k))
	}
	return names
}

func pluginKind(name string) (plugins.Kind, error) {
	for _, k := range plugins.Kinds() {
		if name == "" || name == string(k) {
			return plugins.Kind(name), nil
		}
	}
	return "", &usageError{fmt.Sprintf("--kind: %q is not one of %s", name, strings.Join(kindNames(), ", "))}
}

// describedPlugins are the plugins of a name, of one kind or, for "", of any.
func describedPlugins(registry *plugins.Registry, kind plugins.Kind, name string) ([]plugins.Description, error) {
	if kind != "" {
		d, err := registry.Describe(kind, name)
		return []plugins.Description{d}, err
	}
	var found []plugins.Description
	var errs []error
	for _, k := range plugins.Kinds() {
		d, err := registry.Describe(k, name)
		if err == nil {
			found = append(found, d)
		}
		if u := (*plugins.UnknownError)(nil); errors.As(err, &u) && u.Nearest != "" {
			errs = append(errs, err)
		}
	}
	if found == nil && errs == nil {
		errs = []error{fmt.Errorf("there is no plugin %q", name)}
	}
	if found != nil {
		errs = nil
	}
	return found, errors.Join(errs...)
}

func describePlugins(found []plugins.Description, format string) (string, error) {
	var b strings.Builder
	for i, d := range found {
		switch format {
		case "text":
			if i > 0 {
				b.WriteString("\n")
			}
			describePlugin(&b, &d)
		case "schema":
			fmt.Fprintf(&b, "%s\n", d.ConfigSchema)
		case "json":
			text, err := json.Marshal(struct {
				plugins.Description `json:",inline"`
				Schema              jsontext.Value `json:"schema"`
			}{d, d.ConfigSchema}, jsontext.WithIndent("  "))
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%s\n", text)
		default:
			return "", &usageError{fmt.Sprintf("--format: %q is not one of %s", format, strings.Join(pluginFormats, ", "))}
		}
	}
	return b.String(), nil
}

func describePlugin(b *strings.Builder, d *plugins.Description) {
	fmt.Fprintf(b, "%s %s\n%s\n", d.Kind, d.Name, d.Doc)
	if d.In != "" {
		fmt.Fprintf(b, "Types: %s, %s\n", d.In, d.Out)
	}
	if len(d.Keys) == 0 {
		return
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nKEY\tTYPE\tDEFAULT\tWHAT IT IS")
	for _, k := range d.Keys {
		value := k.Default
		if k.Required {
			value = "required"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Path, k.Type, value, k.Doc)
	}
	w.Flush()
}
