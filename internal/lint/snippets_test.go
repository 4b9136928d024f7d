package lint

import (
	"encoding/json/v2"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// snippet is a code block of a page.
type snippet struct {
	page string
	line int // of the opening fence, from 1
	code string
}

// snippets returns the blocks of a page that are whole Go files.
func snippets(page, content string) (found []snippet) {
	const fence = "```"
	open := -1
	lines := strings.Split(content, "\n")
	for i, line := range lines {
		switch {
		case open < 0 && strings.HasPrefix(line, fence):
			open = i
		case open >= 0 && strings.TrimRight(line, " ") == fence:
			code := strings.Join(lines[open+1:i], "\n") + "\n"
			if strings.TrimSpace(lines[open]) == fence+"go" && strings.HasPrefix(code, "package ") {
				found = append(found, snippet{page, open + 1, code})
			}
			open = -1
		}
	}
	return found
}

// overlay is a set of snippets as files of the module in root: nothing is written there.
type overlay struct {
	t       *testing.T
	root    string
	Replace map[string]string
}

func newOverlay(t *testing.T, root string) *overlay {
	t.Helper()
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return &overlay{t: t, root: root, Replace: make(map[string]string)}
}

func (o *overlay) add(path string, s snippet) {
	o.t.Helper()
	file := filepath.Join(o.t.TempDir(), "snippet.go")
	// Mistakes are then reported with the line of the page.
	code := fmt.Sprintf("//line %s:%d\n%s", filepath.Join(o.root, s.page), s.line+1, s.code)
	if err := os.WriteFile(file, []byte(code), 0o644); err != nil {
		o.t.Fatal(err)
	}
	o.Replace[filepath.Join(o.root, path)] = file
}

// file is the overlay as the go command takes it.
func (o *overlay) file() string {
	o.t.Helper()
	b, err := json.Marshal(struct{ Replace map[string]string }{o.Replace})
	if err != nil {
		o.t.Fatal(err)
	}
	name := filepath.Join(o.t.TempDir(), "overlay.json")
	if err := os.WriteFile(name, b, 0o644); err != nil {
		o.t.Fatal(err)
	}
	return name
}

// compile checks snippets as packages of the module in root, by their types alone: no code is made of them.
func compile(root string, found []snippet) error {
	fset := token.NewFileSet()
	var files []*ast.File
	imports := make(map[string]bool)
	for _, s := range found {
		// Mistakes are then reported with the line of the page.
		f, err := parser.ParseFile(fset, s.page, strings.Repeat("\n", s.line)+s.code, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
		for _, i := range f.Imports {
			imports[strings.Trim(i.Path.Value, `"`)] = true
		}
	}
	exports, err := exportsOf(root, slices.Sorted(maps.Keys(imports)))
	if err != nil {
		return err
	}
	var errs []error
	config := types.Config{
		Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }),
		Error:    func(err error) { errs = append(errs, err) },
	}
	for _, f := range files {
		p, _ := config.Check(f.Name.Name, fset, []*ast.File{f}, nil)
		if p.Name() == "main" && p.Scope().Lookup("main") == nil {
			errs = append(errs, fmt.Errorf("%s: a program without func main", fset.Position(f.Package)))
		}
	}
	return errors.Join(errs...)
}

// exportsOf are the files with the types of packages and of all that they import.
func exportsOf(root string, imports []string) (map[string]string, error) {
	exports := make(map[string]string)
	if len(imports) == 0 {
		return exports, nil
	}
	// The tag is that of make test, whose packages are compiled.
	args := []string{"list", "-export", "-deps", "-tags", "synctests", "-f", "{{.ImportPath}} {{.Export}}"}
	out, err := run(root, "go", append(args, imports...)...)
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[path] = file
	}
	return exports, err
}

// runTests runs snippets that are test files; those of one package clause are one package.
func runTests(t *testing.T, root string, found []snippet) error {
	t.Helper()
	o := newOverlay(t, root)
	packages := make(map[string]bool)
	for i, s := range found {
		dir := "./snippets-" + s.pkg()
		packages[dir] = true
		o.add(filepath.Join(dir, fmt.Sprintf("snippet%d_test.go", i)), s)
	}
	var errs []error
	for _, dir := range slices.Sorted(maps.Keys(packages)) {
		binary := filepath.Join(t.TempDir(), "snippets.test")
		// vet looks for the files on the disk, where an overlay has none.
		if _, err := run(o.root, "go", "test", "-vet=off", "-tags", "synctests", "-ldflags=-w", "-c", "-o", binary, "-overlay", o.file(), dir); err != nil {
			errs = append(errs, err)
			continue
		}
		if out, err := run(t.TempDir(), binary, "-test.count=1"); err != nil {
			errs = append(errs, fmt.Errorf("%w%s", err, out))
		}
	}
	return errors.Join(errs...)
}

// What the pages show as a whole program compiles as it stands, with packages that a user may import.
func TestSnippetsCompile(t *testing.T) {
	root := filepath.Join("..", "..")
	var programs, tests []snippet
	for _, s := range shown(t, root, "README.md", "docs/*.md", "docs/semantics/*.md") {
		if strings.Contains(s.code, `"`+module+"/internal/") {
			t.Errorf("%s:%d imports an internal package", s.page, s.line)
		}
		if s.isTest() {
			tests = append(tests, s)
		} else {
			programs = append(programs, s)
		}
	}
	if len(programs) == 0 || len(tests) == 0 {
		t.Fatalf("the pages show %d programs and %d tests", len(programs), len(tests))
	}
	if err := compile(root, programs); err != nil {
		t.Error(err)
	}
	if err := runTests(t, root, tests); err != nil {
		t.Error(err)
	}
}

// shown returns what the pages that match the patterns show.
func shown(t *testing.T, root string, patterns ...string) (all []snippet) {
	t.Helper()
	for _, pattern := range patterns {
		pages, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			content, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, page)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, snippets(name, string(content))...)
		}
	}
	return all
}

// isTest reports whether a snippet is a test file, whose tests must pass.
func (s snippet) isTest() bool { return strings.HasSuffix(s.pkg(), "_test") }

// pkg is the package that the snippet's first line names.
func (s snippet) pkg() string {
	clause, _, _ := strings.Cut(s.code, "\n")
	return strings.TrimPrefix(clause, "package ")
}

func TestSnippetsAreFoundAndCompiled(t *testing.T) {
	page := "text\n```go\npackage good\n\nvar X int = 1\n```\n```sh\npackage no\n```\n```go\nx := 1\n```\n```go\npackage bad\n\nvar Y int = \"y\"\n```\n"
	found := snippets("PAGE.md", page)
	if len(found) != 2 || found[0].line != 2 || found[1].line != 13 {
		t.Fatalf("found %+v, want the blocks of lines 2 and 13", found)
	}
	root := filepath.Join("..", "..")
	if err := compile(root, found[:1]); err != nil {
		t.Errorf("a correct block does not compile: %v", err)
	}
	err := compile(root, found)
	if err == nil || !strings.Contains(err.Error(), "PAGE.md:16") {
		t.Errorf("error is %v, want one for PAGE.md:16", err)
	}
}

func TestSnippetsThatAreTestsRun(t *testing.T) {
	page := "```go\npackage s_test\n\nimport \"testing\"\n\nfunc TestGood(*testing.T) {}\n```\n```go\npackage s_test\n\nimport \"testing\"\n\nfunc TestBad(t *testing.T) { t.Error(\"bad result\") }\n```\n"
	found := snippets("PAGE.md", page)
	if len(found) != 2 || !found[0].isTest() {
		t.Fatalf("found %+v, want two tests", found)
	}
	root := filepath.Join("..", "..")
	if err := runTests(t, root, found[:1]); err != nil {
		t.Errorf("a test that passes is reported: %v", err)
	}
	if err := runTests(t, root, found); err == nil || !strings.Contains(err.Error(), "bad result") {
		t.Errorf("error is %v, want the message of the test", err)
	}
}
