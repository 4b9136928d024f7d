package plan_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/plan"
)

// table is the table of kinds as docs/upgrades.md has it.
func tableOfKinds() string {
	var b strings.Builder
	b.WriteString("| change | verdict | why | what to do |\n| --- | --- | --- | --- |\n")
	for _, k := range plan.Kinds() {
		verdict := map[plan.Verdict]string{plan.Safe: "safe", plan.Reset: "needs a reset", plan.Breaks: "breaks"}[k.Verdict]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Kind, verdict, k.Reason, k.Action)
	}
	return b.String()
}

const begin, end = "<!-- kinds of changes; held by package plan -->\n", "<!-- end -->"

// The table in the documentation is that of the package. UPDATE=1 writes it.
func TestTableOfTheDocumentation(t *testing.T) {
	const path = "../docs/upgrades.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	found, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", path)
	}
	want := tableOfKinds()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if found != want {
		t.Errorf("the table of %s is not that of the package; UPDATE=1 go test ./plan writes it", path)
	}
}

// Every kind is what some case is for, here or with brokers.
func TestEveryKindHasACase(t *testing.T) {
	cases := []plan.Kind{"retention-longer", "partitions-changed", "topic-missing", "topic-orphaned"} // TestBrokers and package engine
	for _, c := range upgradeCases {
		cases = append(cases, c.want[0])
	}
	for _, k := range plan.Kinds() {
		if !slices.Contains(cases, k.Kind) {
			t.Errorf("no case is for %s", k.Kind)
		}
		if k.Reason == "" || k.Action == "" {
			t.Errorf("%s has no reason or action", k.Kind)
		}
	}
	for _, kind := range cases {
		if !slices.ContainsFunc(plan.Kinds(), func(k plan.KindInfo) bool { return k.Kind == kind }) {
			t.Errorf("there is no kind %s", kind)
		}
	}
}
