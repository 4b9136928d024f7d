package rivusio

import (
	"strings"
	"testing"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

func secondCounted() (*topology.Topology, error) {
	return countedAs("counted-2")
}

func countedAs(application string) (*topology.Topology, error) {
	b := topology.NewBuilder(application)
	b.Stream("words", serde.String, serde.String).GroupByKey().Count("n").ToStream().To("counts")
	return b.Build()
}

func TestReprocessCommand(t *testing.T) {
	address := broker(t, map[string]int32{"words": 2, "counts": 1})
	at := []string{"--brokers", address, "--state-dir", t.TempDir(), "--log-level", "warn"}
	first, second := []Constructor{countedIn("n")}, []Constructor{secondCounted}
	mistakes := func(topologies []Constructor, code int, want string, args ...string) {
		t.Helper()
		if r := command(t.Context(), topologies, append(args, at...)...); r.code != code || r.out != "" || !strings.Contains(r.errors, want) {
			t.Errorf("%v: %+v, want %q", args, r, want)
		}
	}
	mistakes(second, ExitUsage, "--from is missing", "reprocess")
	mistakes(first, ExitUsage, `the topology is named "counted" too`, "reprocess", "--from", "counted")
	mistakes(second, ExitFailure, `there is no application "counted" on the cluster`, "reprocess", "--from", "counted")

	runs(t, command(t.Context(), first, append([]string{"reset", "--to", "latest", "--execute"}, at...)...), ExitOK) // so that the group is known
	runs(t, command(t.Context(), first, append([]string{"drain"}, at...)...), ExitOK, "application counted is drained")
	runs(t, command(t.Context(), second, append([]string{"reprocess", "--from", "counted"}, at...)...), ExitOK,
		"counted-2 has caught up with counted, which is stopped: `run` takes its output over")
}
