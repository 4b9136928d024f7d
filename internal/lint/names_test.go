package lint

import (
	"bufio"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	namesPage = "docs/semantics/names.md"
	theirs    = "testdata/kafka-streams-4.3-names.txt"
)

// theirNames reads the list of names of Kafka Streams: CLASS.METHOD, or CLASS for one without any.
func theirNames(t *testing.T) (names []string) {
	t.Helper()
	f, err := os.Open(theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	class, methods := "", 0
	done := func() {
		if class != "" && methods == 0 {
			names = append(names, class)
		}
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "  "):
			names = append(names, class+"."+strings.TrimSpace(line))
			methods++
		default:
			done()
			class, methods = line, 0
		}
	}
	done()
	if err := lines.Err(); err != nil || len(names) < 300 {
		t.Fatalf("%s has %d names, %v", theirs, len(names), err)
	}
	return names
}

// nameRow is a row of the page: a name there, names here, and what is to be said about it.
type nameRow struct {
	line              int
	theirs, ours, why string
}

func nameRows(page string) (rows []nameRow) {
	for i, line := range strings.Split(page, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.Contains(cells[1], "`") {
			continue
		}
		rows = append(rows, nameRow{i + 1, strings.Trim(cells[1], " `"), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])})
	}
	return rows
}

var quotedName = regexp.MustCompile("`([A-Za-z.]+)`")

// checkNameTable returns what is wrong with the page: names there that it does not have, or has twice, and names here that do
// not exist.
func checkNameTable(page string, theirs []string, exist map[string]bool) (mistakes []string) {
	missing := make(map[string]bool)
	for _, name := range theirs {
		missing[name] = true
	}
	mistake := func(r nameRow, format string, args ...any) {
		mistakes = append(mistakes, fmt.Sprintf("%s:%d: ", namesPage, r.line)+fmt.Sprintf(format, args...))
	}
	for _, r := range nameRows(page) {
		if !missing[r.theirs] {
			mistake(r, "%q is not in Kafka Streams, or it is there twice", r.theirs)
		}
		delete(missing, r.theirs)
		if r.ours == "none" {
			if r.why == "" {
				mistake(r, "%s has no counterpart for no reason", r.theirs)
			}
			continue
		}
		found := quotedName.FindAllStringSubmatch(r.ours, -1)
		if len(found) == 0 {
			mistake(r, "%s has no counterpart, and does not say so", r.theirs)
		}
		for _, m := range found {
			if !exist[m[1]] && !exist["topology."+m[1]] {
				mistake(r, "there is no %s", m[1])
			}
		}
	}
	for name := range missing {
		mistakes = append(mistakes, fmt.Sprintf("%s does not have %s", namesPage, name))
	}
	return append(mistakes, checkMentions(page, theirs, exist)...)
}

// checkMentions returns the names that are mentioned in the text and do not exist here or there: with a package or type, or
// short, where the row has said of what.
func checkMentions(page string, theirs []string, exist map[string]bool) (mistakes []string) {
	known := make(map[string]bool)
	for name := range exist {
		known[name], known[strings.TrimPrefix(name, "topology.")], known[name[strings.LastIndex(name, ".")+1:]] = true, true, true
	}
	for _, name := range theirs {
		class, _, _ := strings.Cut(name, ".")
		known[name], known[class] = true, true
	}
	for i, line := range strings.Split(page, "\n") {
		for _, m := range quotedName.FindAllStringSubmatch(line, -1) {
			short := m[1][strings.LastIndex(m[1], ".")+1:]
			library := strings.HasPrefix(m[1], "time.") || strings.HasPrefix(m[1], "iter.")
			if !known[m[1]] && !library && ast.IsExported(short) {
				mistakes = append(mistakes, fmt.Sprintf("%s:%d: %s is mentioned, and there is no such name", namesPage, i+1, m[1]))
			}
		}
	}
	return mistakes
}

// exported are the exported names of packages: PACKAGE.NAME, and of methods and fields PACKAGE.TYPE.NAME.
func exported(t *testing.T, root string, packages ...string) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	embedded := make(map[string][]string) // type to types of the same package
	for _, p := range packages {
		files, err := filepath.Glob(filepath.Join(root, p, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("package %s has %d files, %v", p, len(files), err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				declared(f.Name.Name, d, names, embedded)
			}
		}
	}
	for outer, inners := range embedded {
		for _, inner := range inners {
			for name := range names {
				if member, ok := strings.CutPrefix(name, inner+"."); ok {
					names[outer+"."+member] = true
				}
			}
		}
	}
	return names
}

func declared(pkg string, d ast.Decl, names map[string]bool, embedded map[string][]string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := pkg + "."
		if d.Recv != nil {
			receiver, _ := typeName(d.Recv.List[0].Type)
			name += receiver + "."
		}
		names[name+d.Name.Name] = true
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				for _, n := range s.Names {
					names[pkg+"."+n.Name] = true
				}
			case *ast.TypeSpec:
				typ := pkg + "." + s.Name.Name
				names[typ] = true
				for _, member := range members(s.Type) {
					for _, n := range member.Names {
						names[typ+"."+n.Name] = true
					}
					if len(member.Names) == 0 {
						inner, of := typeName(member.Type)
						names[typ+"."+inner] = true
						embedded[typ] = append(embedded[typ], cmp.Or(of, pkg)+"."+inner)
					}
				}
			}
		}
	}
}

// members are the fields of a struct or the methods of an interface.
func members(t ast.Expr) []*ast.Field {
	switch t := t.(type) {
	case *ast.StructType:
		return t.Fields.List
	case *ast.InterfaceType:
		return t.Methods.List
	}
	return nil
}

// typeName is the name of a type without pointer and type arguments, and its package if that is another one.
func typeName(t ast.Expr) (name, pkg string) {
	switch t := t.(type) {
	case *ast.Ident:
		return t.Name, ""
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.SelectorExpr:
		pkg, _ := typeName(t.X)
		return t.Sel.Name, pkg
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.IndexListExpr:
		return typeName(t.X)
	}
	return "", ""
}

// Whoever comes from Kafka Streams finds every name of it on one page, and what the page names is there.
func TestNamesOfKafkaStreams(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, namesPage))
	if err != nil {
		t.Fatal(err)
	}
	report(t, checkNameTable(string(page), theirNames(t), exported(t, root, "topology", "topology/topologytest", "windows", "operators", "serde", "state")))
}

func TestMistakesInNamesAreFound(t *testing.T) {
	exist := exported(t, filepath.Join("..", ".."), "topology", "windows", "state")
	for _, name := range []string{"topology.Stream.Filter", "topology.GroupedTable.Count", "windows.Keyed.Window", "state.KeyValue.Get", "topology.Earliest"} {
		if !exist[name] {
			t.Errorf("%s was not found", name)
		}
	}
	page := "| Kafka Streams | Rivusio | note |\n| --- | --- | --- |\n| `A.a` | `Stream.Filter`, `Stream.Nothing` | |\n| `A.b` | none | |\n| `A.c` | a word | |\n| `A.a` | `Earliest` | as `B` or `Latest`, not `Later` |\n"
	got := strings.Join(checkNameTable(page, []string{"A.a", "A.b", "A.c", "B"}, exist), "\n")
	want := strings.Join([]string{
		namesPage + ":3: there is no Stream.Nothing", namesPage + ":4: A.b has no counterpart for no reason",
		namesPage + ":5: A.c has no counterpart, and does not say so", namesPage + `:6: "A.a" is not in Kafka Streams, or it is there twice`,
		namesPage + " does not have B",
		namesPage + ":3: Stream.Nothing is mentioned, and there is no such name", namesPage + ":6: Later is mentioned, and there is no such name",
	}, "\n")
	if got != want {
		t.Errorf("mistakes are\n%s\nwant\n%s", got, want)
	}
}
