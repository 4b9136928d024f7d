package lint

import (
	"bytes"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// source is a repository as the rules see it.
type source struct {
	root     string
	packages []pkg
	files    []string // all files that belong to the repository, relative to root
}

// pkg is one package of the module with all its Go files, whatever their build constraints.
type pkg struct {
	path  string // below the module; "." is the root package
	files []goFile
}

type goFile struct {
	path    string // relative to the root of the repository
	name    string // of the package, as the file has it
	doc     string // package comment
	imports []string
}

func (f goFile) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// testOnly reports whether a package consists of tests.
func (p pkg) testOnly() bool {
	return !slices.ContainsFunc(p.files, func(f goFile) bool { return !f.test() })
}

// load reads the module in the directory root, with one call of go list.
func load(root string) (source, error) {
	s := source{root: root}
	listed, err := run(root, "go", "list", "-e", "-find", "-tags", "integration",
		"-json=ImportPath,Dir,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	if err != nil {
		return s, err
	}
	dec := jsontext.NewDecoder(bytes.NewReader(listed))
	for {
		var l struct {
			ImportPath, Dir                                              string
			GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
		}
		if err := json.UnmarshalDecode(dec, &l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return s, fmt.Errorf("lint: output of go list: %w", err)
		}
		p := pkg{path: below(l.ImportPath)}
		for _, name := range slices.Concat(l.GoFiles, l.CgoFiles, l.IgnoredGoFiles, l.TestGoFiles, l.XTestGoFiles) {
			f, err := parse(filepath.Join(l.Dir, name))
			if err != nil {
				return s, fmt.Errorf("lint: %w", err)
			}
			f.path = filepath.ToSlash(filepath.Join(p.path, name))
			p.files = append(p.files, f)
		}
		if len(p.files) > 0 {
			s.packages = append(s.packages, p)
		}
	}
	s.files, err = repositoryFiles(root)
	return s, err
}

// below returns an import path of this module as the tables write it.
func below(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

func parse(path string) (goFile, error) {
	tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return goFile{}, err
	}
	f := goFile{name: tree.Name.Name, doc: tree.Doc.Text()}
	for _, i := range tree.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return goFile{}, err
		}
		f.imports = append(f.imports, imported)
	}
	return f, nil
}

// repositoryFiles lists what git tracks or would track; outside of a repository, every file.
func repositoryFiles(root string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		out, err := run(root, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
		return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), err
	}
	var files []string
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

// run returns what a command prints. Its error has what the command wrote to its standard error.
func run(dir, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("lint: %s %s: %w\n%s", name, args[0], err, stderr.Bytes())
	}
	return out, nil
}
