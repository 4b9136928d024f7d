package lint

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// repository reads this repository, once for all tests.
var repository = sync.OnceValues(func() (source, error) { return load(filepath.Join("..", "..")) })

func loaded(t *testing.T) source {
	t.Helper()
	s, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.packages) == 0 || len(s.files) == 0 {
		t.Fatalf("found %d packages and %d files", len(s.packages), len(s.files))
	}
	return s
}

func report(t *testing.T, mistakes []string) {
	t.Helper()
	slices.Sort(mistakes)
	for _, m := range mistakes {
		t.Error(m)
	}
}

func TestImports(t *testing.T) {
	report(t, checkImports(loaded(t), importTable, thirdPartyTable))
}

func TestPackageComments(t *testing.T) { report(t, checkComments(loaded(t).packages)) }

func TestPackageNames(t *testing.T) { report(t, checkNames(loaded(t).packages)) }

func TestFiles(t *testing.T) {
	mistakes, err := checkFiles(loaded(t), longFiles)
	if err != nil {
		t.Fatal(err)
	}
	report(t, mistakes)
}

// A row must not outlive its module: what the third-party table names is required by go.mod.
func TestThirdPartyTableNamesRequiredModules(t *testing.T) {
	listed, err := run(filepath.Join("..", ".."), "go", "mod", "edit", "-print")
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for line := range strings.Lines(string(listed)) {
		if f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require ")); len(f) >= 2 && strings.HasPrefix(f[1], "v") {
			modules = append(modules, f[0])
		}
	}
	for _, row := range thirdPartyTable {
		within := func(m string) bool {
			return m == row.path || strings.HasPrefix(row.path, m+"/") || strings.HasPrefix(m, row.path+"/")
		}
		if !slices.ContainsFunc(modules, within) {
			t.Errorf("go.mod requires no module for %s", row.path)
		}
	}
}
