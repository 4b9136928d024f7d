package declarative_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/declarative"
)

var update = flag.Bool("update", false, "write the errors of broken files as they are now")

// Each broken file gives the error that stands beside it: its mistakes, each with its place, what is wrong and what is right.
func TestBrokenFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = declarative.Load(filepath.Base(path), data)
		if err == nil {
			t.Errorf("%s was loaded", path)
			continue
		}
		golden := strings.TrimSuffix(path, ".yaml") + ".txt"
		got := err.Error() + "\n"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s\ngot  %swant %s", path, got, want)
		}
		for _, line := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
			if !strings.HasPrefix(line, filepath.Base(path)+":") {
				t.Errorf("%s: a mistake without a place: %s", path, line)
			}
		}
	}
}
