package declarative_test

import (
	"os"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/declarative"
)

// The reference in docs/declarative.md is that of the types, each key of which says what it means.
func TestReference(t *testing.T) {
	const path, begin, end = "../docs/declarative.md", "<!-- reference: go test ./declarative -run Reference -update -->\n", "<!-- end of the reference -->"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the page has no place for the reference")
	}
	want := before + begin + "\n" + declarative.Reference() + "\n" + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(data) != want {
		t.Error("docs/declarative.md is not the reference of the types: go test ./declarative -run Reference -update")
	}
	for line := range strings.SplitSeq(declarative.Reference(), "\n") {
		if strings.HasPrefix(line, "| `") && strings.HasSuffix(line, "|  |") || strings.Contains(line, "| value |") {
			t.Errorf("a key without a meaning or a type: %s", line)
		}
	}
}
