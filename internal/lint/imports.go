package lint

import (
	"fmt"
	"slices"
	"strings"
)

// checkImports returns what breaks L1 and L2.
func checkImports(s source, table []importRow, third []thirdPartyRow) (mistakes []string) {
	add := func(format string, args ...any) { mistakes = append(mistakes, fmt.Sprintf(format, args...)) }
	for _, t := range third {
		if strings.Contains(t.pkg, " ") && t.shared == "" {
			add("third-party table: %s has several importers (%s) and no reason", t.path, t.pkg)
		}
	}
	for _, p := range s.packages {
		row := rowOf(table, p.path)
		if row < 0 {
			add("package %s has no row in the import table", p.path)
			continue
		}
		allowed := allowedImports(table, row)
		reached := closure(table, p.path, strings.Fields(table[row].tests))
		for _, f := range p.files {
			for _, imported := range f.imports {
				switch {
				case imported == module || strings.HasPrefix(imported, module+"/"):
					target := below(imported)
					if matches(allowed, target) || f.test() && (target == p.path || matches(reached, target)) {
						continue
					}
					add("%s imports %s; package %s may import %s", f.path, target, p.path, listOf(allowed))
				case standard(imported) || f.test():
				default:
					if why := refuseThirdParty(third, p.path, imported); why != "" {
						add("%s imports %s; %s", f.path, imported, why)
					}
				}
			}
		}
	}
	return mistakes
}

// standard reports whether an import path belongs to the standard library: its first element is no domain.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// rowOf returns the index of the row for a package, or -1. A row of its own comes before a row with "/...".
func rowOf(table []importRow, path string) int {
	if i := slices.IndexFunc(table, func(r importRow) bool { return r.pkg == path }); i >= 0 {
		return i
	}
	return slices.IndexFunc(table, func(r importRow) bool { return covers(r.pkg, path) })
}

// covers reports whether a name of the table, perhaps with "/...", stands for a package.
func covers(name, path string) bool {
	above, wild := strings.CutSuffix(name, "/...")
	return name == path || wild && (path == above || strings.HasPrefix(path, above+"/"))
}

func matches(names []string, path string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return covers(n, path) })
}

// allowedImports returns the names in a row. Packages below the same "/..." may import each other.
func allowedImports(table []importRow, row int) []string {
	var names []string
	for _, n := range strings.Fields(table[row].imports) {
		if n != "*" {
			names = append(names, n)
			continue
		}
		for _, above := range table[:row] {
			names = append(names, above.pkg)
		}
	}
	if strings.HasSuffix(table[row].pkg, "/...") {
		names = append(names, table[row].pkg)
	}
	return names
}

// closure returns what a package may reach, directly or through others, and what the extra packages may reach.
func closure(table []importRow, path string, extra []string) []string {
	var names []string
	queue := append([]string{path}, extra...)
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
		if row := rowOf(table, name); row >= 0 {
			queue = append(queue, allowedImports(table, row)...)
		}
	}
	return names
}

// refuseThirdParty says why a package may not import something from elsewhere; "" if it may.
func refuseThirdParty(third []thirdPartyRow, path, imported string) string {
	best := thirdPartyRow{}
	for _, t := range third {
		if (imported == t.path || strings.HasPrefix(imported, t.path+"/")) && len(t.path) > len(best.path) {
			best = t
		}
	}
	switch {
	case best.path == "":
		return "it has no row in the third-party table"
	case !matches(strings.Fields(best.pkg), path):
		return "only " + strings.ReplaceAll(best.pkg, " ", ", ") + " may"
	}
	return ""
}

func listOf(names []string) string {
	if len(names) == 0 {
		return "nothing of this module"
	}
	return strings.Join(names, ", ")
}
