package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// keysOf are the keys of both maps, sorted.
func keysOf[V any](a, b map[string]V) []string {
	both := maps.Clone(a)
	if both == nil {
		both = make(map[string]V)
	}
	maps.Copy(both, b)
	return slices.Sorted(maps.Keys(both))
}

// differ appends to problems how two lists of lines differ, if they do.
func differ(problems []string, what string, expected, actual []string) []string {
	if slices.Equal(expected, actual) {
		return problems
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", what)
	for i := range max(len(expected), len(actual)) {
		switch e, a := line(expected, i), line(actual, i); {
		case e == a:
			fmt.Fprintf(&b, "            %s\n", e)
		default:
			if e != "" {
				fmt.Fprintf(&b, "  expected: %s\n", e)
			}
			if a != "" {
				fmt.Fprintf(&b, "  actual:   %s\n", a)
			}
		}
	}
	return append(problems, strings.TrimSuffix(b.String(), "\n"))
}

func line(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
