package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// familyRows are what a page says of each operator, in this order.
var familyRows = []string{"Inputs", "Outputs", "Time", "Nulls", "Late data", "State", "Topics"}

// familyMistakes returns what a page about an operator family lacks.
func familyMistakes(name, page string) (mistakes []string) {
	var rows []string
	tables := 0
	end := func() {
		if tables > 0 && !slices.Equal(rows, familyRows) {
			mistakes = append(mistakes, name+": a table has the rows "+strings.Join(rows, ", "))
		}
		rows = nil
	}
	for line := range strings.Lines(page) {
		cells := strings.Split(line, "|")
		switch {
		case strings.HasPrefix(line, "| | |"):
			end()
			tables++
		case len(cells) == 4 && !strings.HasPrefix(line, "| --- "):
			if rows = append(rows, strings.TrimSpace(cells[1])); strings.TrimSpace(cells[2]) == "" {
				mistakes = append(mistakes, name+": nothing is said about "+rows[len(rows)-1])
			}
		}
	}
	end()
	if tables == 0 {
		mistakes = append(mistakes, name+": it has no table")
	}
	if !slices.ContainsFunc(snippets(name, page), snippet.isTest) {
		mistakes = append(mistakes, name+": it has no example that is a test")
	}
	return mistakes
}

// Each operator family has a page with everything in it, and the first page leads to all of them.
func TestPagesOfOperatorFamilies(t *testing.T) {
	dir := filepath.Join("..", "..", "docs")
	index, err := os.ReadFile(filepath.Join(dir, "semantics.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "semantics", "*.md"))
	if err != nil || len(pages) < 16 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, p := range pages {
		name := filepath.Base(p)
		if !strings.Contains(string(index), "(semantics/"+name+")") {
			t.Errorf("semantics.md has no link to %s", name)
		}
		page, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if p != filepath.Join("..", "..", filepath.FromSlash(namesPage)) {
			report(t, familyMistakes(name, string(page)))
		}
	}
}

func TestMistakesOnPagesAreFound(t *testing.T) {
	page := "| | |\n| --- | --- |\n| Inputs | a stream |\n| Time | |\n"
	got := strings.Join(familyMistakes("p.md", page), "\n")
	if want := "p.md: nothing is said about Time\np.md: a table has the rows Inputs, Time\np.md: it has no example that is a test"; got != want {
		t.Errorf("mistakes are\n%s\nwant\n%s", got, want)
	}
	if got := familyMistakes("p.md", "text\n"); len(got) != 2 {
		t.Errorf("mistakes of a page without anything are %q", got)
	}
}
