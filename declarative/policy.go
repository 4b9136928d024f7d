package declarative

import (
	"reflect"
	"time"

	"github.com/rivusio/rivusio/internal/document"
	"github.com/rivusio/rivusio/topology"
)

// errorPolicy says what becomes of records that an operator fails for.
type errorPolicy struct {
	node *document.Node
	word string // fail or skip
	policyArgs
}

// policyArgs are a policy that is not a word alone.
type policyArgs struct {
	Retry      *retryArgs `yaml:"retry" doc:"try the operator again before anything else becomes of the record; records with its key wait behind it, all others go on. The step needs a name"`
	Then       string     `yaml:"then" enum:"fail,skip" doc:"what becomes of a record at last, without dead_letter and handler; by default fail"`
	DeadLetter string     `yaml:"dead_letter" doc:"topic that the record is written to, as it was read, with headers that say what was wrong; with handler: for the records that it decides so"`
	Handler    string     `yaml:"handler" doc:"name of the plugin that decides"`
	Config     rawNode    `yaml:"config" doc:"configuration of the plugin"`
}

// retryArgs are topology.Retries.
type retryArgs struct {
	Attempts   int           `yaml:"attempts" required:"true" min:"2" doc:"how often the operator is tried, the first time included"`
	Backoff    time.Duration `yaml:"backoff" default:"100ms" min:"1ms" doc:"time before the second attempt, doubled with each one that follows"`
	MaxBackoff time.Duration `yaml:"max_backoff" min:"1ms" doc:"longest time before an attempt, by default 10s or backoff, if that is longer"`
	MaxParked  int           `yaml:"max_parked" min:"0" doc:"how many records of a task may wait before it takes no more input, by default 10000"`
}

// DecodeDocument implements document.Decoder: a word alone is the whole policy.
func (p *errorPolicy) DecodeDocument(n *document.Node) error {
	p.node = n
	if n.Kind() == document.Scalar {
		if p.word = n.Text(); p.word != "fail" && p.word != "skip" {
			return n.Errorf("want fail, skip or a map with dead_letter, handler or retry, have %q", p.word)
		}
		return nil
	}
	if err := n.Decode(&p.policyArgs); err != nil {
		return err
	}
	p.word = p.Then
	switch {
	case p.Then != "" && (p.DeadLetter != "" || p.Handler != ""):
		return n.Errorf("want one of then, dead_letter and handler")
	case p.Config.node != nil && p.Handler == "":
		return n.Errorf("config is for a handler: want its name, the key handler")
	case p.Retry == nil && p.Then == "" && p.DeadLetter == "" && p.Handler == "":
		return n.Errorf("want dead_letter, handler or retry")
	}
	return nil
}

// DocumentSchema implements document.Schemer.
func (errorPolicy) DocumentSchema() map[string]any {
	return map[string]any{"oneOf": []any{map[string]any{"enum": []any{"fail", "skip"}}, mustSchema(reflect.TypeFor[policyArgs]())}}
}

// untried notes the mistake of a retry where there is nothing to try again.
func (l *loader) untried(p *errorPolicy) {
	if p.Retry != nil {
		l.fail(p.node.Errorf("retry is for steps that have a name: give it to them"))
		p.Retry = nil
	}
}

// policy is the policy of the DSL that p stands for.
func (l *loader) policy(p *errorPolicy) topology.ErrorPolicy {
	var policy topology.ErrorPolicy
	switch {
	case p.Handler != "":
		handler, err := l.plugins.ErrorHandler(p.Handler, configured(p.Config.node, p.node.Place())...)
		if err != nil {
			l.plugged(p.node, err)
		}
		policy = topology.Handle(handler, p.DeadLetter)
	case p.DeadLetter != "":
		policy = topology.DeadLetter(p.DeadLetter)
	case p.word == "skip":
		policy = topology.Skip()
	default:
		policy = topology.Stop()
	}
	if p.DeadLetter != "" { // whatever the bytes of a dead letter are, they are shown as text
		l.output(p.node, p.DeadLetter, l.format("string"), l.format("string"))
	}
	if r := p.Retry; r != nil {
		policy = policy.Retry(topology.Retries{Attempts: r.Attempts, Backoff: r.Backoff, MaxBackoff: r.MaxBackoff, MaxParked: r.MaxParked})
	}
	return policy
}
