package plan

import (
	"cmp"
	"encoding/json/v2"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"encoding/json/jsontext"

	"github.com/rivusio/rivusio/topology"
)

// Verdict says what an upgrade in place does to an application.
type Verdict string

// The verdicts, from the best to the worst.
const (
	// Safe: all state that the new version has a use for is kept, and its results are those that it would have had from the
	// start.
	Safe Verdict = "safe"
	// Reset: nothing is misread, but some state or results are incomplete or mixed until the application is reset and reads its
	// input again.
	Reset Verdict = "reset"
	// Breaks: state or records in flight are lost or misread, or the new version does not start.
	Breaks Verdict = "breaks"
)

// rank orders verdicts; what is none is the worst.
func (v Verdict) rank() int { return (slices.Index([]Verdict{Safe, Reset, Breaks}, v) + 4) % 4 }

// Change is a difference between two versions of a topology, or between one and the brokers.
type Change struct {
	Kind    Kind    `json:"kind"`
	Verdict Verdict `json:"verdict"`
	Subject string  `json:"subject"`         // the store, topic, operator … that changes
	From    string  `json:"from,omitzero"`   // what it was
	To      string  `json:"to,omitzero"`     // what it is
	Reason  string  `json:"reason"`          // why the verdict
	Action  string  `json:"action"`          // what to do
	Waived  bool    `json:"waived,omitzero"` // its verdict was accepted, see [Plan.Waive]
}

// Plan is what an upgrade changes.
type Plan struct {
	From    string   `json:"from"` // names of the applications
	To      string   `json:"to"`
	Verdict Verdict  `json:"verdict"` // the worst of the changes that are not waived
	Changes []Change `json:"changes"` // the worst first
}

// Compare judges the upgrade from one version to another. brokers is what is known of the cluster, nil for nothing.
func Compare(from, to topology.Description, brokers *Brokers) *Plan {
	p := &Plan{From: from.Application, To: to.Application, Changes: []Change{}}
	if from.Application != to.Application {
		p.add(applicationRenamed, from.Application, from.Application, to.Application)
	} else {
		c := comparison{p, newVersion(from), newVersion(to)}
		c.stores()
		c.globals()
		c.repartitions()
		c.inputs()
		c.outputs()
		c.operators()
		c.subTopologies()
	}
	if brokers != nil {
		p.checkBrokers(from, to, brokers)
	}
	slices.SortStableFunc(p.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.Verdict.rank(), a.Verdict.rank()), cmp.Compare(indexOf(a.Kind), indexOf(b.Kind)), strings.Compare(a.Subject, b.Subject))
	})
	p.judge()
	return p
}

func (p *Plan) add(k Kind, subject, from, to string) {
	about := kindOf(k)
	p.Changes = append(p.Changes, Change{Kind: k, Verdict: about.Verdict, Subject: subject, From: from, To: to, Reason: about.Reason, Action: about.Action})
}

func (p *Plan) judge() {
	p.Verdict = Safe
	for _, c := range p.Changes {
		if !c.Waived && c.Verdict.rank() > p.Verdict.rank() {
			p.Verdict = c.Verdict
		}
	}
}

// Waive accepts changes: they stay in the plan, but its verdict is that of the others. Each is a kind, or KIND:SUBJECT. It is an
// error if one names a kind that there is not; one that fits no change is none, so that a list can outlive an upgrade.
func (p *Plan) Waive(accepted ...string) error {
	for _, a := range accepted {
		kind, subject, one := strings.Cut(a, ":")
		if indexOf(Kind(kind)) < 0 {
			return fmt.Errorf("%q is no kind of change: see docs/upgrades.md for those that there are", kind)
		}
		for i := range p.Changes {
			if c := &p.Changes[i]; c.Kind == Kind(kind) && (!one || c.Subject == subject) {
				c.Waived = true
			}
		}
	}
	p.judge()
	return nil
}

// JSON is the plan as indented JSON.
func (p *Plan) JSON() ([]byte, error) {
	return json.Marshal(p, json.Deterministic(true), jsontext.WithIndent("  "))
}

// WriteTo writes the plan as a table for people: what changes, then for each kind the reason and what to do.
func (p *Plan) WriteTo(to io.Writer) (int64, error) {
	var b strings.Builder
	title := p.To
	if p.From != p.To {
		title = p.From + " to " + p.To
	}
	if len(p.Changes) == 0 {
		fmt.Fprintf(&b, "Upgrade of %s: safe, nothing changes.\n", title)
	} else {
		fmt.Fprintf(&b, "Upgrade of %s: %s.\n\n", title, p.Verdict.text())
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "VERDICT\tCHANGE\tOF\tFROM\tTO")
		for _, c := range p.Changes {
			verdict := string(c.Verdict)
			if c.Waived {
				verdict += ", accepted"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", verdict, c.Kind, c.Subject, dash(c.From), dash(c.To))
		}
		_ = w.Flush() // to a Builder
		b.WriteString("\n")
		p.explain(&b)
	}
	n, err := io.WriteString(to, b.String())
	return int64(n), err
}

// explain says the reason and the action of each kind once.
func (p *Plan) explain(b *strings.Builder) {
	var done []Kind
	for _, c := range p.Changes {
		if slices.Contains(done, c.Kind) {
			continue
		}
		done = append(done, c.Kind)
		fmt.Fprintf(b, "%s: %s\n  %s\n", c.Kind, c.Reason, c.Action)
	}
}

func (v Verdict) text() string {
	if v == Reset {
		return "needs a reset"
	}
	return string(v)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Read reads a saved plan: the JSON of a description, as `plan --save` and `describe --format json` write it.
func Read(text []byte) (topology.Description, error) {
	var d topology.Description
	if err := json.Unmarshal(text, &d); err != nil {
		return d, fmt.Errorf("it is no saved plan: %w", err)
	}
	if d.Application == "" || len(d.SubTopologies) == 0 {
		return d, fmt.Errorf("it is no saved plan: it has no application and sub_topologies; plan --save writes one")
	}
	return d, nil
}
