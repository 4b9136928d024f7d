package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write makes a repository of files in a temporary directory and reads it.
func write(t *testing.T, files map[string]string) source {
	t.Helper()
	root := t.TempDir()
	files["go.mod"] = "module " + module + "\n\ngo 1.27.0\n"
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: found\n\t%s\nwant\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// Every rule finds its mistakes in a repository that is full of them, and nothing else.
func TestEveryRuleFindsItsMistakes(t *testing.T) {
	s := write(t, map[string]string{
		"low/doc.go":       "// Package low is fine.\npackage low\n",
		"low/up.go":        "package low\n\nimport _ \"" + module + "/high\"\n",
		"low/up_test.go":   "package low_test\n\nimport (\n\t_ \"" + module + "/low\"\n\t_ \"" + module + "/high\"\n\t_ \"example.com/any\"\n)\n",
		"high/doc.go":      "// Package high is fine.\npackage high\n",
		"high/down.go":     "package high\n\nimport (\n\t_ \"fmt\"\n\n\t_ \"" + module + "/low\"\n\t_ \"example.com/db/sub\"\n\t_ \"example.com/new\"\n)\n",
		"high/tag.go":      "//go:build never\n\npackage high\n\nimport _ \"example.com/log\"\n",
		"high/top_test.go": "package high\n\nimport _ \"" + module + "/top\"\n",
		"top/top.go":       "// The top.\npackage top\n\nimport _ \"" + module + "/high\"\n",
		"top/util/util.go": "// Package util has a comment in the wrong file.\npackage util\n",
		"top/doc.go":       "// Package top is a second comment.\npackage top\n",
		"types/a.go":       "package types\n",
		"cmd/run/main.go":  "// Command run is fine.\npackage main\n\nfunc main() {}\n",
		"check/a_test.go":  "// Package check has tests only.\npackage check\n",
		"check/b_test.go":  "package helpers_test\n",
		"notes.txt":        "one\n" + leftovers[0] + "two\n",
		"long.sh":          strings.Repeat("#\n", maxLines+1),
		"allowed.sh":       strings.Repeat("#\n", maxLines+1),
		"long.txt":         strings.Repeat("#\n", maxLines+1),
	})
	table := []importRow{{"low", "", ""}, {"high", "low", "top"}, {"top/...", "*", ""}, {"top", "low", ""}, {"cmd/run", "*", ""}, {"check", "", ""}}
	third := []thirdPartyRow{{"example.com/db", "low", ""}, {"example.com/db/sub", "high", ""}, {"example.com/log", "low", ""}, {"example.com/two", "low high", ""}}
	equal(t, "imports", checkImports(s, table, third), []string{
		"third-party table: example.com/two has several importers (low high) and no reason",
		"package types has no row in the import table",
		"low/up.go imports high; package low may import nothing of this module",
		"low/up_test.go imports high; package low may import nothing of this module",
		"high/down.go imports example.com/new; it has no row in the third-party table",
		"high/tag.go imports example.com/log; only low may",
		"top/top.go imports high; package top may import low",
	})
	equal(t, "comments", checkComments(s.packages), []string{
		`top/top.go: the package comment does not begin with "Package top "`,
		"package top has several package comments, in doc.go, top.go",
		"package top/util has its comment in util.go, want doc.go",
		"package types has no package comment",
	})
	equal(t, "names", checkNames(s.packages), []string{
		`package top/util: the name "util" does not say what the package provides`,
		`package types: the name "types" does not say what the package provides`,
		`check/b_test.go: the name "helpers_test" does not say what the package provides`,
	})
	files, err := checkFiles(s, map[string]string{"allowed.sh": "needed", "gone.sh": "it was long", "low/doc.go": ""})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "files", files, []string{
		`notes.txt:2 contains "` + leftovers[0] + `"`,
		"long.sh has 501 lines, more than 500",
		"low/doc.go may be long for no reason",
		"low/doc.go is listed as longer than 500 lines and is not",
		"gone.sh is listed as longer than 500 lines and is not",
	})
}

// Tests reach what the package reaches through others, and what the table grants them.
func TestWhatTestFilesMayImport(t *testing.T) {
	table := []importRow{{"a", "", ""}, {"b", "a", ""}, {"c", "b", "e"}, {"d", "", ""}, {"e", "d", ""}, {"f", "", ""}}
	reached := closure(table, "c", []string{"e"})
	for pkg, want := range map[string]bool{"a": true, "b": true, "c": true, "d": true, "e": true, "f": false} {
		if matches(reached, pkg) != want {
			t.Errorf("a test of c may import %s: %v, want %v", pkg, !want, want)
		}
	}
}
