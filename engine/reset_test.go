package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// resettable re-keys and counts, so it has a repartition topic and a changelog.
func resettable(t *testing.T) *topology.Topology {
	b := topology.NewBuilder("reset")
	b.Stream("in", serde.String, serde.String).GroupBy(func(_, v string) string { return v }).Count("counts").ToStream().To("out")
	b.Stream("other", serde.String, serde.String).To("out")
	return must[*topology.Topology](t)(b.Build())
}

func TestResetBeginsAnew(t *testing.T) {
	eachGuarantee(t, func(t *testing.T, g Guarantee) {
		bubble(t, func(t *testing.T) {
			r := newRig(t, map[string]int32{"in": 3, "other": 1, "out": 1})
			topo, cfg := resettable(t), r.config("one")
			cfg.Guarantee = g
			r.produce("in", traffic(0, 200, 3)...)
			run := func() {
				p := r.start(topo, cfg)
				p.awaitRunning()
				r.awaitCaughtUp("reset", "in")
				r.awaitCaughtUp("reset", "reset-counts-repartition")
				p.mustEnd()
			}
			run()
			first := r.read("out")
			time.Sleep(cfg.withDefaults().SessionTimeout) // the member keeps its place until then

			planned, err := PlanReset(t.Context(), topo, cfg, ResetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprint(planned.Topics), "[reset-counts-changelog reset-counts-repartition]"; got != want {
				t.Errorf("topics %s, want %s", got, want)
			}
			if want := filepath.Join(cfg.StateDir, "reset", "state"); planned.StateDir != want {
				t.Errorf("state directory %q, want %q", planned.StateDir, want)
			}
			var processed int64
			for _, o := range planned.Offsets {
				if processed += max(0, o.From); o.To != 0 {
					t.Errorf("%+v, want to 0", o)
				}
			}
			if len(planned.Offsets) != 4 || processed < 200 {
				t.Errorf("offsets %+v", planned.Offsets)
			}
			if _, err := os.Stat(planned.StateDir); err != nil {
				t.Errorf("the plan has deleted the state: %v", err)
			}

			done, err := Reset(t.Context(), topo, cfg, ResetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(done) != fmt.Sprint(planned) {
				t.Errorf("done is %+v, planned was %+v", done, planned)
			}
			if _, err := os.Stat(planned.StateDir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the state is still there: %v", err)
			}
			left, err := r.adm.FetchOffsets(t.Context(), "reset")
			if err != nil {
				t.Fatal(err)
			}
			left.Each(func(o kadm.OffsetResponse) {
				if strings.HasPrefix(o.Topic, "reset-") || o.At != 0 || o.Metadata != "" {
					t.Errorf("offset %+v is left", o)
				}
			})
			again, err := Reset(t.Context(), topo, cfg, ResetOptions{})
			if err != nil || len(again.Topics) > 0 || again.StateDir != "" {
				t.Errorf("a second reset: %+v, %v", again, err)
			}

			run()
			all := r.read("out")
			if n := len(first); len(all) != 2*n {
				t.Fatalf("%d results and then %d", n, len(all))
			}
			// The same results once more: the order between keys is open.
			perKey := func(from, to int) map[string][]string {
				m := make(map[string][]string)
				for _, rec := range all[from:to] {
					m[string(rec.Key)] = append(m[string(rec.Key)], fmt.Sprintf("%x", rec.Value))
				}
				return m
			}
			if before, after := fmt.Sprint(perKey(0, len(first))), fmt.Sprint(perKey(len(first), len(all))); before != after {
				t.Errorf("results were\n%s\nand are after the reset\n%s", before, after)
			}
		})
	})
}

func TestResetTo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 2, "other": 1, "out": 1})
		topo, cfg := resettable(t), r.config("")
		for i := range 10 {
			r.produce("in", in{key: "k", value: "v", ms: int64(1000 * i), partition: 0})
		}
		offsets := make(kadm.Offsets)
		offsets.AddOffset("in", 0, 6, -1)
		offsets.AddOffset("in", 1, 0, -1)
		if err := r.adm.CommitAllOffsets(t.Context(), "reset", offsets); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			o    ResetOptions
			want string // topic/partition:from-to
		}{
			"earliest":           {ResetOptions{}, "in/0:6-0 in/1:0-0 other/0:-1-0"},
			"latest":             {ResetOptions{To: Bound{End: true}}, "in/0:6-10 in/1:0-0 other/0:-1-0"},
			"a time":             {ResetOptions{To: Bound{Time: time.UnixMilli(3500)}}, "in/0:6-4 in/1:0-0 other/0:-1-0"},
			"a time to come":     {ResetOptions{To: Bound{Time: time.UnixMilli(90_000)}}, "in/0:6-10 in/1:0-0 other/0:-1-0"},
			"an offset":          {ResetOptions{To: Bound{Offsets: map[string]map[int32]int64{"in": {0: 3}}}}, "in/0:6-3 in/1:0-0 other/0:-1-0"},
			"back":               {ResetOptions{Shift: new(int64(-4)), Inputs: []string{"in"}}, "in/0:6-2 in/1:0-0"},
			"back over the edge": {ResetOptions{Shift: new(int64(-9)), Inputs: []string{"in"}}, "in/0:6-0 in/1:0-0"},
			"forth":              {ResetOptions{Shift: new(int64(9)), Inputs: []string{"in"}}, "in/0:6-10 in/1:0-0"},
		} {
			plan, err := PlanReset(t.Context(), topo, cfg, c.o)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var got []string
			for _, o := range plan.Offsets {
				got = append(got, fmt.Sprintf("%s/%d:%d-%d", o.Topic, o.Partition, o.From, o.To))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: %v, want %s", name, got, c.want)
			}
		}
		_, err := PlanReset(t.Context(), topo, cfg, ResetOptions{Shift: new(int64(1))})
		wantError(t, err, `no offset of topic "other", partition 0, that could be shifted`)
		_, err = PlanReset(t.Context(), topo, cfg, ResetOptions{To: Bound{Offsets: map[string]map[int32]int64{"in": {0: 11}}}})
		wantError(t, err, `topic "in", partition 0, has the offsets from 0 to 10, and 11 is not one of them`)
		_, err = PlanReset(t.Context(), topo, cfg, ResetOptions{Inputs: []string{"in", "out"}})
		wantError(t, err, `"out" is no input of application "reset", which reads in, other`)
	})
}

func TestResetOfARunningApplicationIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 2, "other": 1, "out": 1})
		topo, cfg := resettable(t), r.config("one")
		p := r.start(topo, cfg)
		p.awaitRunning()
		_, err := Reset(t.Context(), topo, cfg, ResetOptions{})
		wantError(t, err, "state directory", "is in use by process")
		elsewhere := cfg
		elsewhere.StateDir = t.TempDir()
		_, err = Reset(t.Context(), topo, elsewhere, ResetOptions{})
		var running *GroupRunningError
		if !errors.As(err, &running) || !slices.ContainsFunc(running.Members, func(m string) bool { return strings.HasPrefix(m, "one-0 (client ") }) {
			t.Errorf("error %v, want one that names the member one-0", err)
		}
		p.mustEnd()
	})
}

// What a killed process had in a transaction does not come back after a reset.
func TestResetEndsTransactions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 2, "other": 1, "out": 1})
		open := r.openTransaction("reset-one-0", "out", 0)
		defer open.Close()
		other := r.openTransaction("resetter-one-0", "out", 0)
		defer other.Close()
		if _, err := Reset(t.Context(), resettable(t), r.config("one"), ResetOptions{}); err != nil {
			t.Fatal(err)
		}
		left, err := r.adm.ListTransactions(t.Context(), nil, []string{"Ongoing"})
		if err != nil {
			t.Fatal(err)
		}
		if len(left) != 1 || left.Sorted()[0].TxnID != "resetter-one-0" {
			t.Errorf("open transactions are %+v, want only that of the other application", left)
		}
	})
}
