package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// shownElsewhere are operators and options of package topology without an example of their own, and where they are shown.
var shownElsewhere = map[string]string{
	"Builder_Build": "every example", "Builder_Stream": "every example", "Stream_To": "every example",
	"GlobalTable_In": "ExampleTable_In", "Output_Stream": "ExampleBuilder_Output", "Output_In": "ExampleBuilder_Output",
	"Grouped_WithSerdes": "ExampleStream_WithSerdes", "GroupedTable_WithSerdes": "ExampleStream_WithSerdes",
	"Topics": "ExampleBuilder_StreamOf", "Pattern": "ExampleBuilder_StreamOf",
	"Earliest": "ExampleStartFrom", "Latest": "ExampleStartFrom", "Ago": "ExampleStartFrom", "CommittedOnly": "ExampleStartFrom",
	"UntilWindowCloses": "ExampleWindowedTable_Suppress", "UntilTimeLimit": "ExampleTable_Suppress",
	"Partitions":       "ExampleStream_Repartition",
	"Windowed_CountAs": "ExampleGrouped_CountAs", "Sessions_CountAs": "ExampleGrouped_CountAs", "GroupedTable_CountAs": "ExampleGrouped_CountAs",
}

// Every operator and option of the builder has an example.
func TestOperatorsHaveExamples(t *testing.T) {
	handles := map[string]bool{}
	for _, name := range strings.Fields("Builder Stream Table GlobalTable Grouped GroupedTable Windowed WindowedTable Sessions Cogrouped WindowedCogroup SessionCogroup Output") {
		handles[name] = true
	}
	options := map[string]bool{}
	for _, name := range strings.Fields("NodeOption StoreOption SourceOption NameOption Suppression TopicSet StartPosition") {
		options[name] = true
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "topology", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	examples, wanted := map[string]bool{}, map[string]bool{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			switch {
			case !ok:
			case strings.HasSuffix(file, "_test.go"):
				if name, ok := strings.CutPrefix(f.Name.Name, "Example"); ok && f.Recv == nil {
					examples[name] = true
				}
			case !f.Name.IsExported():
			case f.Recv == nil:
				if r := f.Type.Results; r != nil && len(r.List) == 1 && options[baseName(r.List[0].Type)] {
					wanted[f.Name.Name] = true
				}
			case handles[baseName(f.Recv.List[0].Type)]:
				wanted[baseName(f.Recv.List[0].Type)+"_"+f.Name.Name] = true
			}
		}
	}
	if len(wanted) < 60 {
		t.Errorf("only %d operators and options were found", len(wanted))
	}
	for name := range wanted {
		shown := examples[name] || shownElsewhere[name] != ""
		for example := range examples {
			shown = shown || strings.HasPrefix(example, name+"_") // name_how
		}
		if !shown {
			t.Errorf("package topology has no Example%s", name)
		}
	}
	for name, where := range shownElsewhere {
		if !wanted[name] || examples[name] || strings.HasPrefix(where, "Example") && !examples[strings.TrimPrefix(where, "Example")] {
			t.Errorf("%s is said to be shown by %s, which is not so", name, where)
		}
	}
}

// baseName is the name of a type without its pointer and its arguments.
func baseName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return baseName(x.X)
	case *ast.IndexExpr:
		return baseName(x.X)
	case *ast.IndexListExpr:
		return baseName(x.X)
	case *ast.Ident:
		return x.Name
	default:
		return ""
	}
}
