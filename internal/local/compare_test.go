package local_test

import (
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// compare reports how the lines of topics and stores differ from those wanted.
func compare(t *rapid.T, what string, got, want map[string][]string) {
	t.Helper()
	for at, lines := range want {
		if !slices.Equal(got[at], lines) {
			t.Errorf("%s: %s has\n  %s\nwant\n  %s", what, at, strings.Join(got[at], "\n  "), strings.Join(lines, "\n  "))
		}
		delete(got, at)
	}
	if len(got) > 0 {
		t.Errorf("%s: nobody expects %v", what, got)
	}
}
