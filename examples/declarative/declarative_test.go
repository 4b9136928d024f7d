package declarative_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/filetest"
)

// The test files of all examples pass.
func TestExamples(t *testing.T) {
	paths, err := filepath.Glob("*.test.yaml")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d examples, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			f, err := declarative.Read(strings.TrimSuffix(path, ".test.yaml") + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			cases, err := declarative.LoadCases(path, data)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cases {
				for _, problem := range filetest.Run(f, c) {
					t.Errorf("%s: %s", c.Name, problem)
				}
			}
		})
	}
}
