package lint

import (
	"encoding/json/v2"
	"fmt"
	"os"
	"path/filepath"
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

// compile checks snippets as packages of the module in root, by an overlay: nothing is written there.
func compile(t *testing.T, root string, found []snippet) error {
	t.Helper()
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	args := []string{"list", "-export", "-overlay", filepath.Join(t.TempDir(), "overlay.json")}
	for i, s := range found {
		file := filepath.Join(t.TempDir(), "snippet.go")
		// Mistakes are then reported with the line of the page.
		code := fmt.Sprintf("//line %s:%d\n%s", filepath.Join(root, s.page), s.line+1, s.code)
		if err := os.WriteFile(file, []byte(code), 0o644); err != nil {
			t.Fatal(err)
		}
		dir := fmt.Sprintf("snippet%d", i)
		overlay.Replace[filepath.Join(root, dir, "snippet.go")] = file
		args = append(args, "./"+dir)
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(args[3], b, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = run(root, "go", args...)
	return err
}

// What the pages show as a whole program compiles as it stands, with packages that a user may import.
func TestSnippetsCompile(t *testing.T) {
	root := filepath.Join("..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []snippet
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range snippets(name, string(content)) {
			all = append(all, s)
			if strings.Contains(s.code, `"`+module+"/internal/") {
				t.Errorf("%s:%d imports an internal package", s.page, s.line)
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("no page shows a program")
	}
	if err := compile(t, root, all); err != nil {
		t.Error(err)
	}
}

func TestSnippetsAreFoundAndCompiled(t *testing.T) {
	page := "text\n```go\npackage good\n\nvar X int = 1\n```\n```sh\npackage no\n```\n```go\nx := 1\n```\n```go\npackage bad\n\nvar Y int = \"y\"\n```\n"
	found := snippets("PAGE.md", page)
	if len(found) != 2 || found[0].line != 2 || found[1].line != 13 {
		t.Fatalf("found %+v, want the blocks of lines 2 and 13", found)
	}
	root := filepath.Join("..", "..")
	if err := compile(t, root, found[:1]); err != nil {
		t.Errorf("a correct block does not compile: %v", err)
	}
	err := compile(t, root, found)
	if err == nil || !strings.Contains(err.Error(), "PAGE.md:16") {
		t.Errorf("error is %v, want one for PAGE.md:16", err)
	}
}
