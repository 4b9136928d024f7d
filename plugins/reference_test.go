package plugins_test

import (
	"os"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/plugins"
)

// The table of built-in plugins in docs/plugins.md is the one that the registry makes. UPDATE=1 writes it.
func TestReference(t *testing.T) {
	const page, begin, end = "../docs/plugins.md", "<!-- plugins -->\n", "<!-- /plugins -->\n"
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %s", page, begin)
	}
	want := "\n" + plugins.Standard(plugins.Environment{}).Reference() + "\n"
	if got == want {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s is not what the registry says; UPDATE=1 go test -run TestReference ./plugins writes it", page)
	}
	if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
