package lint

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// checkComments returns what breaks L3.
func checkComments(packages []pkg) (mistakes []string) {
	for _, p := range packages {
		var with []string // files that have a package comment
		for _, f := range p.files {
			if f.doc == "" || f.test() && !p.testOnly() {
				continue
			}
			with = append(with, path.Base(f.path))
			if first := firstWords(p, f); !strings.HasPrefix(f.doc, first) {
				mistakes = append(mistakes, fmt.Sprintf("%s: the package comment does not begin with %q", f.path, first))
			}
		}
		places := []string{"doc.go"}
		if p.files[0].name == "main" || strings.HasPrefix(p.path, "examples/") {
			places = append(places, "main.go")
		}
		switch {
		case len(with) == 0:
			mistakes = append(mistakes, fmt.Sprintf("package %s has no package comment", p.path))
		case len(with) > 1:
			mistakes = append(mistakes, fmt.Sprintf("package %s has several package comments, in %s", p.path, strings.Join(with, ", ")))
		case !p.testOnly() && !slices.Contains(places, with[0]):
			mistakes = append(mistakes, fmt.Sprintf("package %s has its comment in %s, want %s", p.path, with[0], strings.Join(places, " or ")))
		}
	}
	return mistakes
}

// firstWords is what a package comment begins with by the convention of Go.
func firstWords(p pkg, f goFile) string {
	if f.name == "main" {
		return "Command " + path.Base(p.path) + " "
	}
	return "Package " + f.name + " "
}

// checkNames returns what breaks L4.
func checkNames(packages []pkg) (mistakes []string) {
	for _, p := range packages {
		if last := path.Base(p.path); slices.Contains(refusedNames, last) {
			mistakes = append(mistakes, fmt.Sprintf("package %s: the name %q does not say what the package provides", p.path, last))
			continue
		}
		for _, f := range p.files {
			if slices.Contains(refusedNames, strings.TrimSuffix(f.name, "_test")) {
				mistakes = append(mistakes, fmt.Sprintf("%s: the name %q does not say what the package provides", f.path, f.name))
			}
		}
	}
	return mistakes
}

// checkFiles returns what breaks L5 and L6, and entries of long that are not needed.
func checkFiles(s source, long map[string]string) (mistakes []string, err error) {
	unused := map[string]bool{}
	for name, why := range long {
		if why == "" {
			mistakes = append(mistakes, fmt.Sprintf("%s may be long for no reason", name))
		}
		unused[name] = true
	}
	for _, name := range s.files {
		content, err := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) { // deleted, and git does not know it yet
			continue
		} else if err != nil {
			return nil, fmt.Errorf("lint: %w", err)
		}
		for _, l := range leftovers {
			if at := bytes.Index(content, []byte(l)); at >= 0 {
				mistakes = append(mistakes, fmt.Sprintf("%s:%d contains %q", name, 1+bytes.Count(content[:at], []byte("\n")), l))
			}
		}
		if lines := bytes.Count(content, []byte("\n")); isSource(name) && lines > maxLines {
			if _, ok := long[name]; !ok {
				mistakes = append(mistakes, fmt.Sprintf("%s has %d lines, more than %d", name, lines, maxLines))
			}
			delete(unused, name)
		}
	}
	for name := range unused {
		mistakes = append(mistakes, fmt.Sprintf("%s is listed as longer than %d lines and is not", name, maxLines))
	}
	return mistakes, nil
}

func isSource(name string) bool {
	return slices.Contains([]string{".go", ".java", ".sh"}, path.Ext(name))
}
