package rivusio

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// module is the path of this module, to find its version in programs of others.
const module = "github.com/rivusio/rivusio"

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the versions of the program and of what it is built with",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), versionText(debug.ReadBuildInfo()))
			return err
		},
	}
}

// version is the version of this module as it is in the program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return moduleVersion(info)
}

func moduleVersion(info *debug.BuildInfo) string {
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" {
			return m.Version
		}
	}
	return "unknown"
}

// versionText has a line for the program and one for this module if that is another.
func versionText(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return "unknown: built without module information"
	}
	text := fmt.Sprintf("%s %s, %s", info.Main.Path, orUnknown(info.Main.Version), info.GoVersion)
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if revision := settings["vcs.revision"]; revision != "" {
		text += ", revision " + revision
		if settings["vcs.modified"] == "true" {
			text += " with changes"
		}
	}
	if info.Main.Path != module {
		text += "\n" + module + " " + moduleVersion(info)
	}
	return text
}

func orUnknown(version string) string {
	if version == "" {
		return "unknown"
	}
	return version
}
