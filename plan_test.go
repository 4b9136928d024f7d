package rivusio

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

func countedIn(store string) Constructor {
	return func() (*topology.Topology, error) {
		b := topology.NewBuilder("counted")
		b.Stream("words", serde.String, serde.String).GroupByKey().Count(store).ToStream().To("counts")
		return b.Build()
	}
}

// script is a program that does what a shell says.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPlan(t *testing.T) {
	first := filepath.Join(t.TempDir(), "first.json")
	runs(t, command(t.Context(), []Constructor{countedIn("n")}, "plan", "--save", first), ExitOK)
	saved, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	described := command(t.Context(), []Constructor{countedIn("n")}, "describe", "--format", "json")
	if described.out != string(saved) {
		t.Errorf("saved is\n%s\nbut the description is\n%s", saved, described.out)
	}
	n, m := []Constructor{countedIn("n")}, []Constructor{countedIn("m")}
	runs(t, command(t.Context(), n, "plan", first), ExitOK, "Upgrade of counted: safe, nothing changes.")
	runs(t, command(t.Context(), m, "plan", first), ExitBreaks, "Upgrade of counted: breaks.", "store-renamed  n", "State is found by the name of its store")
	runs(t, command(t.Context(), m, "plan", first, "--accept", "store-renamed:n"), ExitOK, "safe.", "breaks, accepted  store-renamed")
	runs(t, command(t.Context(), []Constructor{wider}, "plan", first), ExitReset, "needs a reset", "reset    store-added  lengths")

	r := command(t.Context(), m, "plan", first, "--output", "json")
	var p struct {
		Verdict string
		Changes []struct{ Kind, From, To string }
	}
	if err := json.Unmarshal([]byte(r.out), &p); err != nil || r.code != ExitBreaks || p.Verdict != "breaks" || len(p.Changes) != 1 || p.Changes[0].To != "m" {
		t.Errorf("%+v, %v, %+v", r, err, p)
	}

	program := script(t, `test "$*" = "plan --save -" && cat `+first)
	runs(t, command(t.Context(), m, "plan", program), ExitBreaks, "store-renamed")
	runs(t, command(t.Context(), m, "plan", program, first), ExitOK)
	file := writeFile(t, "masking.yaml", strings.ReplaceAll(masking, "      - through: {pipe: mask, config: {keep: 2}}\n", ""))
	runs(t, command(t.Context(), m, "plan", program, file), ExitBreaks, "application-renamed  counted")
	runs(t, command(t.Context(), m, "plan", file, file), ExitOK)
}

// wider has one more store than countedIn("n").
func wider() (*topology.Topology, error) {
	b := topology.NewBuilder("counted")
	words := b.Stream("words", serde.String, serde.String)
	words.GroupByKey().Count("n").ToStream().To("counts")
	words.GroupByKey().Reduce("lengths", func(_, v string) string { return v })
	return b.Build()
}

func TestMistakesOfPlan(t *testing.T) {
	n := []Constructor{countedIn("n")}
	empty := writeFile(t, "empty.json", "{}")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "want OLD and perhaps NEW, got 0 arguments"},
		{[]string{"a", "b", "c"}, "got 3 arguments"},
		{[]string{"--save", "-", "a", "b"}, "--save takes one topology at most"},
		{[]string{"nowhere.json"}, "nowhere.json: no such file"},
		{[]string{empty}, "empty.json: it is no saved plan"},
		{[]string{t.TempDir()}, "is a directory"},
		{[]string{writeFile(t, "notes.txt", "notes")}, "is neither a saved plan"},
		{[]string{script(t, "echo no such command >&2; exit 4")}, "plan --save -: exit status 4: no such command"},
		{[]string{script(t, "echo hello")}, "plan --save -: it is no saved plan"},
		{[]string{script(t, "sleep 30"), "--timeout", "50ms"}, "it has not ended after 50ms"},
		{[]string{"--output", "xml", empty}, `--output: "xml" is not one of table, json`},
		{[]string{"--nonsense"}, "unknown flag"},
	} {
		r := command(t.Context(), n, append([]string{"plan"}, c.args...)...)
		if r.code != ExitFailure || !strings.Contains(r.errors, c.want) {
			t.Errorf("plan %v: %+v, want %q", c.args, r, c.want)
		}
	}
	saved := filepath.Join(t.TempDir(), "n.json")
	runs(t, command(t.Context(), n, "plan", "--save", saved), ExitOK)
	if r := command(t.Context(), n, "plan", saved, "--accept", "everything"); r.code != ExitFailure || !strings.Contains(r.errors, `--accept: "everything" is no kind of change`) {
		t.Errorf("%+v", r)
	}
}

func TestPlanWithBrokers(t *testing.T) {
	n := []Constructor{countedIn("n")}
	saved := filepath.Join(t.TempDir(), "n.json")
	runs(t, command(t.Context(), n, "plan", "--save", saved), ExitOK)
	address := broker(t, map[string]int32{"words": 3, "counts": 1, "counted-n-changelog": 2, "counted-old-changelog": 2})
	runs(t, command(t.Context(), n, "plan", saved, "--brokers", address), ExitBreaks,
		"partitions-changed  counted-n-changelog    2 partitions", "safe     topic-orphaned      counted-old-changelog")
	address = broker(t, map[string]int32{"words": 3, "counts": 1, "counted-n-changelog": 3})
	runs(t, command(t.Context(), n, "plan", saved, "--brokers", address), ExitOK, "safe, nothing changes")
}

// runs wants a command to end with a code, and parts of what it prints.
func runs(t *testing.T, r result, code int, parts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d; %+v", r.code, code, r)
	}
	for _, part := range parts {
		if !strings.Contains(r.out, part) {
			t.Errorf("it does not print %q but\n%s", part, r.out)
		}
	}
}
