package conformance

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/state"
)

// mustPass is how many scenarios passed when this was last changed. It only goes up: an operator that is added brings its
// scenarios with it.
const mustPass = 664

func TestScenarios(t *testing.T) {
	scenarios, err := Load("scenarios")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	report := RunAll(&out, scenarios, false)
	report.WriteSummary(&out)
	t.Log(out.String())
	if n := report.Counts[Failed]; n > 0 {
		t.Errorf("%d scenarios failed", n)
	}
	if n := report.Counts[Unsupported]; n > 0 {
		t.Errorf("%d scenarios are not supported", n)
	}
	if n := report.Counts[Passed]; n < mustPass {
		t.Errorf("%d scenarios passed, and %d did before", n, mustPass)
	}
}

// What a scenario gives must not depend on crashes, on what is left of the state, or on when commits happen.
func TestScenariosOverDisturbances(t *testing.T) {
	scenarios, err := Load("scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for name, disturb := range map[string]func(*session){
		"restart on kept state":  func(x *session) { x.afterStep = func(x *session) error { return x.restart(false) } },
		"restart on empty state": func(x *session) { x.afterStep = func(x *session) error { return x.restart(true) } },
		"abort": func(x *session) {
			x.cfg.CommitEvery = 1 << 30
			x.afterStep = func(x *session) error {
				x.countDropped() // once: what runs again counts again
				return errors.Join(x.runtime.Abort(), x.runtime.Run(), x.runtime.Commit(), x.restart(false))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ran := 0
			for _, s := range scenarios {
				if r := Run(s); r.Verdict != Passed || s.Expect.Error != "" {
					continue
				}
				p, _, refused, err := compile(s)
				if err := errors.Join(refused, err); err != nil {
					t.Fatal(err)
				}
				x := &session{scenario: s, program: p}
				x.cfg.Backend = state.NewMemory()
				disturb(x)
				if problems := x.run(); len(problems) > 0 {
					t.Errorf("%s:\n%s", s.Name, strings.Join(problems, "\n"))
				}
				ran++
			}
			if ran < mustPass/2 {
				t.Errorf("only %d scenarios ran", ran)
			}
		})
	}
}

func (x *session) restart(empty bool) error {
	if x.cfg.CommitEvery == 0 {
		x.countDropped()
	}
	cfg := x.cfg
	cfg.Now, cfg.EmptyState = x.runtime.Now(), empty
	if err := x.runtime.Close(); err != nil {
		return err
	}
	var err error
	if x.runtime, err = local.New(cfg); err == nil {
		x.atStart = x.runtime.Stats()
	}
	return err
}

func load(t *testing.T, name string) *Scenario {
	t.Helper()
	s, err := Load("scenarios/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s[0]
}

// Whatever an expectation says, another result must not pass.
func TestDifferencesAreFound(t *testing.T) {
	const windowed, headers, fails, refused = "windows-time/hopping-partly-late", "windows-time/headers", "sources/malformed-fails", "windows-time/size-zero"
	for _, c := range []struct {
		name, of string
		change   func(*Scenario)
		verdict  Verdict
		want     string
	}{
		{"nothing", windowed, func(*Scenario) {}, Passed, ""},
		{"value", windowed, func(s *Scenario) { s.Expect.Records[0].Value = textValue("1") }, Failed, `expected: step 0: {"key": "A", "start": 0, "end": 10} = "1" @ 9`},
		{"time", windowed, func(s *Scenario) { s.Expect.Records[0].Timestamp++ }, Failed, "@ 10"},
		{"step", windowed, func(s *Scenario) { s.Expect.Records[0].Step++ }, Failed, "step 1"},
		{"window", windowed, func(s *Scenario) { s.Expect.Records[0].Key.End++ }, Failed, `"end": 11`},
		{"topic", windowed, func(s *Scenario) { s.Expect.Records[0].Topic = "other" }, Failed, `topic "other"`},
		{"order of a key", windowed, func(s *Scenario) { slices.Reverse(s.Expect.Records[:2]) }, Failed, "expected"},
		{"record missing", windowed, func(s *Scenario) { s.Expect.Records = s.Expect.Records[:6] }, Failed, "actual:   step 4"},
		{"dropped", windowed, func(s *Scenario) { s.Expect.Dropped = 3 }, Failed, "actual: 4 (4 by c-window-count: late)"},
		{"row", windowed, func(s *Scenario) { s.Expect.Stores["c"][0].Timestamp++ }, Failed, "store c"},
		{"row missing", windowed, func(s *Scenario) { s.Expect.Stores["c"] = nil }, Failed, "store c"},
		{"store", windowed, func(s *Scenario) { s.Expect.Stores["d"] = s.Expect.Stores["c"] }, Failed, "store d"},
		{"headers", headers, func(s *Scenario) { s.Expect.Records[0].Headers = [][2]string{{"x", "y"}} }, Failed, `headers [["x","y"]]`},
		{"headers that do not count", headers, func(s *Scenario) { s.CompareHeaders, s.Expect.Records[0].Headers = false, nil }, Passed, ""},
		{"step of the error", fails, func(s *Scenario) { s.Expect.AtStep = 0 }, Failed, "expected: step 0 fails"},
		{"later step of the error", fails, func(s *Scenario) { s.Expect.AtStep = 2 }, Failed, "actual: operator"},
		{"no error", fails, func(s *Scenario) { s.Expect.Error = "" }, Failed, "expected: step 1 is processed"},
		{"error of build", refused, func(s *Scenario) { s.Expect.Error = "" }, Failed, "size is 0"},
		{"no error of build", windowed, func(s *Scenario) { s.Expect.Error = "build" }, Failed, "it was built"},
		{"quirk", windowed, func(s *Scenario) { s.Expect.Dropped, s.Quirk = 3, "counts wrong" }, Different, "actual: 4"},
		{"quirk that does not show", windowed, func(s *Scenario) { s.MayShow = []int{22} }, Passed, ""},
		{"other engine", windowed, func(s *Scenario) { s.StoreEngine = "segmented" }, Skipped, ""},
		{"same engine", windowed, func(s *Scenario) { s.StoreEngine = "exact" }, Passed, ""},
		{"unknown function", windowed, func(s *Scenario) {
			s.Topology = append(s.Topology, Operator{ID: "x", Op: "filter", From: "in", Predicate: "odd"})
		}, Failed, `unknown predicate "odd"`},
		{"unknown operator", windowed, func(s *Scenario) {
			s.Topology = append(s.Topology, Operator{ID: "x", Op: "sort", From: "in"})
		}, Unsupported, ""},
	} {
		s := load(t, c.of)
		c.change(s)
		r := Run(s)
		if got := strings.Join(r.Problems, "\n"); r.Verdict != c.verdict || !strings.Contains(got, c.want) {
			t.Errorf("%s: it is %v, want %v; problems are\n%s\nwant %s", c.name, r.Verdict, c.verdict, got, c.want)
		}
	}
}

// What Build refuses, it names: the operator, its store or a topic.
func TestRefusalsNameThePlace(t *testing.T) {
	scenarios, err := Load("scenarios")
	if err != nil {
		t.Fatal(err)
	}
	refusals := 0
	for _, s := range scenarios {
		if s.Expect.Error != "build" {
			continue
		}
		_, _, refused, err := compile(s)
		if err != nil || refused == nil {
			t.Errorf("%s: refused with %v, %v", s.Name, refused, err)
			continue
		}
		refusals++
		said := strings.TrimPrefix(refused.Error(), `topology "conformance": `)
		if !slices.ContainsFunc(s.Topology, func(op Operator) bool {
			return op.ID != "" && strings.Contains(said, "-"+op.ID) || op.ID != "" && strings.Contains(said, strconv.Quote(op.ID)) ||
				op.Store != "" && strings.Contains(said, strconv.Quote(op.Store)) || op.Topic != "" && strings.Contains(said, strconv.Quote(op.Topic))
		}) {
			t.Errorf("%s: the refusal names no operator, store or topic: %v", s.Name, refused)
		}
	}
	if refusals < 16 {
		t.Errorf("%d refusals, want at least 16", refusals)
	}
}

func TestWhatIsNotSupportedIsNamed(t *testing.T) {
	s := load(t, "stateless/branch-default")
	s.Topology = append(s.Topology,
		Operator{ID: "g", Op: "groupByKey", From: "b.0"},
		Operator{ID: "w", Op: "windowedBy", From: "g", Window: &Window{Type: "lunar"}},
		Operator{ID: "c", Op: "count", From: "w", Store: "c"}, // below what is missing: not named again
		Operator{Op: "to", From: "c", Topic: "out"},
		Operator{ID: "s", Op: "sort", From: "b.0"},
	)
	if r := Run(s); r.Verdict != Unsupported || !slices.Equal(r.Missing, []string{"lunar windows", "operator sort"}) {
		t.Errorf("%v: %q", r.Verdict, r.Missing)
	}
}
