package lint

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile("`([a-z/]+)\\.(Test[A-Za-z]+)`")
	seedLine = regexp.MustCompile(`(?m)^\| (\d+) \|[^|]*\| (done|part|open)([^|]*)\|([^|]*)\|([^|]*)\|$`)
)

// What docs/seed.md says is done has a test, every test that it names is there, and no line of the list is left out.
func TestSeed(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "seed.md"))
	if err != nil {
		t.Fatal(err)
	}
	next := 1
	for _, line := range seedLine.FindAllStringSubmatch(string(page), -1) {
		if n, _ := strconv.Atoi(line[1]); n != next {
			t.Errorf("line %d comes after line %d", n, next-1)
		}
		next++
		tests := testName.MatchString(line[5])
		if done := line[2] != "open"; done != tests {
			t.Errorf("line %s is %s, and has tests: %v", line[1], line[2], tests)
		}
		if line[2] == "part" && !strings.HasPrefix(line[3], ": ") {
			t.Errorf("line %s does not say what is missing", line[1])
		}
	}
	if next != 51 {
		t.Errorf("the list ends at line %d, want 50", next-1)
	}
	for _, m := range testName.FindAllStringSubmatch(string(page), -1) {
		if !hasTest(t, root, m[1], m[2]) {
			t.Errorf("there is no test %s in %s", m[2], m[1])
		}
	}
}

// hasTest looks for a test in a package, by its path or, if that is short, its last part.
func hasTest(t *testing.T, root, pkg, test string) bool {
	t.Helper()
	dir := map[string]string{"topologytest": "topology/topologytest", "rivusio": "."}[pkg]
	if dir == "" {
		dir = pkg
	}
	files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(code, []byte("func "+test+"(")) {
			return true
		}
	}
	return false
}
