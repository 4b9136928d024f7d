package conformance

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rivusio/rivusio/internal/local"
	"github.com/rivusio/rivusio/internal/task"
	"github.com/rivusio/rivusio/operators"
)

// Verdict is what became of a scenario.
type Verdict int

// The verdicts.
const (
	Passed      Verdict = iota
	Failed              // something else came out
	Unsupported         // it needs operators that the builder does not have
	Different           // something else came out, but the expectation may be a defect of Kafka Streams
	Skipped             // it is for another store engine
)

// String names a verdict.
func (v Verdict) String() string {
	return [...]string{"passed", "failed", "unsupported", "different (quirk)", "skipped (other store engine)"}[v]
}

// Result is what became of one scenario.
type Result struct {
	Scenario *Scenario
	Verdict  Verdict
	Missing  []string // what is not supported
	Problems []string // what differs
}

// engine is how our stores read rows that are older than the retention; see section 7 of the README.
const engine = "exact"

// Run runs a scenario and compares.
func Run(s *Scenario) Result {
	r := Result{Scenario: s}
	if s.StoreEngine != "" && s.StoreEngine != engine {
		r.Verdict = Skipped
		return r
	}
	p, missing, refused, err := compile(s)
	switch {
	case err != nil:
		r.Problems = []string{"the scenario is wrong: " + err.Error()}
	case len(missing) > 0:
		r.Verdict, r.Missing = Unsupported, missing
		return r
	case s.Expect.Error == "build" && refused == nil:
		r.Problems = []string{"expected: the topology is refused\nactual: it was built"}
	case s.Expect.Error != "build" && refused != nil:
		r.Problems = []string{"expected: a topology\nactual: " + refused.Error()}
	case refused == nil:
		r.Problems = (&session{scenario: s, program: p}).run()
	}
	switch {
	case len(r.Problems) == 0:
		r.Verdict = Passed
	case s.quirky():
		r.Verdict = Different
	default:
		r.Verdict = Failed
	}
	return r
}

// session is a run of a scenario.
type session struct {
	scenario *Scenario
	program  *program
	cfg      local.Config
	runtime  *local.Runtime
	// afterStep, if not nil, does something to the runtime after each step that must not change any result.
	afterStep func(*session) error
	atStart   []task.NodeStats // of the present runtime; nil: zero
	dropped   uint64           // by runtimes that were closed
	reasons   []string         // what was dropped, for messages
}

// run runs the steps and returns what differs.
func (x *session) run() []string {
	s := x.scenario
	x.cfg.Graph, x.cfg.Broker = x.program.topo.Graph(), local.NewBroker()
	for topic, partitions := range x.program.topics {
		if err := x.cfg.Broker.Create(topic, partitions); err != nil {
			return []string{err.Error()}
		}
	}
	var err error
	if x.runtime, err = local.New(x.cfg); err != nil {
		return []string{"expected: a runtime\nactual: " + err.Error()}
	}
	defer func() { x.runtime.Close() }()
	out := newReader(x.program, x.cfg.Broker)
	for i, step := range s.Steps {
		err := x.perform(step)
		if s.Expect.Error == "run" && s.Expect.AtStep == i {
			if err == nil {
				return []string{fmt.Sprintf("expected: step %d fails\nactual: it did not", i)}
			}
			return nil
		}
		if err == nil {
			err = out.read(i)
		}
		if err != nil {
			return []string{fmt.Sprintf("expected: step %d is processed\nactual: %v", i, err)}
		}
	}
	if s.Expect.Error == "run" {
		return []string{fmt.Sprintf("expected: step %d fails\nactual: there are %d steps", s.Expect.AtStep, len(s.Steps))}
	}
	return x.compare(out.records)
}

func (x *session) perform(s Step) error {
	if err := perform(x.runtime, x.cfg.Broker, s); err != nil || x.afterStep == nil {
		return err
	}
	return x.afterStep(x)
}

// countDropped adds what the present runtime dropped since it was made: what a global table drops when it is read again is
// dropped again.
func (x *session) countDropped() {
	for i, n := range x.runtime.Stats() {
		for reason, count := range n.Dropped {
			if i < len(x.atStart) {
				count -= x.atStart[i].Dropped[reason]
			}
			if x.dropped += count; count > 0 {
				x.reasons = append(x.reasons, fmt.Sprintf("%d by %s: %s", count, n.Node, operators.Reason(reason)))
			}
		}
	}
}

func perform(runtime *local.Runtime, broker *local.Broker, s Step) error {
	if s.AdvanceMs != nil {
		return runtime.Advance(time.Duration(*s.AdvanceMs) * time.Millisecond)
	}
	r := operators.Input{Timestamp: s.Timestamp}
	for _, h := range s.Headers {
		r.Headers = append(r.Headers, operators.Header{Key: h[0], Value: []byte(h[1])})
	}
	var errKey, errValue error
	if s.Key.OK {
		r.Key, errKey = keys.Append([]byte{}, s.Key)
	}
	if s.Malformed {
		r.Value = malformed
	} else if !s.Value.isNull() {
		r.Value, errValue = values.Append([]byte{}, s.Value)
	}
	_, err := broker.Append(s.Topic, 0, r)
	if err := errors.Join(errKey, errValue, err); err != nil {
		return err
	}
	return runtime.Run()
}

// reader reads what a topology writes.
type reader struct {
	broker  *local.Broker
	topics  []string
	keys    map[string]func([]byte) (AnyKey, error)
	next    map[string]local.Positions
	records []Record
}

func newReader(p *program, b *local.Broker) *reader {
	r := &reader{broker: b, keys: make(map[string]func([]byte) (AnyKey, error)), next: make(map[string]local.Positions)}
	for _, s := range p.sinks {
		if r.keys[s.topic] == nil {
			r.topics = append(r.topics, s.topic)
		}
		r.keys[s.topic] = s.key
	}
	return r
}

// read takes the records that a step wrote.
func (r *reader) read(step int) error {
	for _, topic := range r.topics {
		records, next := r.broker.Read(topic, r.next[topic])
		r.next[topic] = next
		for _, in := range records {
			if in.Outside {
				continue
			}
			o := Record{Step: step, Topic: topic, Timestamp: in.Timestamp, Headers: [][2]string{}}
			for _, h := range in.Headers {
				o.Headers = append(o.Headers, [2]string{h.Key, string(h.Value)})
			}
			var err error
			if o.Key, err = r.keys[topic](in.Key); err != nil {
				return fmt.Errorf("a key in topic %q: %w", topic, err)
			}
			if o.Value, err = values.Decode(in.Value); err != nil {
				return fmt.Errorf("a value in topic %q: %w", topic, err)
			}
			r.records = append(r.records, o)
		}
	}
	return nil
}

// compare is section 6 of the README.
func (x *session) compare(records []Record) []string {
	var problems []string
	s := x.scenario
	// Between base keys the order is free.
	expected, actual := byKey(s, s.Expect.Records), byKey(s, records)
	for _, key := range keysOf(expected, actual) {
		problems = differ(problems, "records of "+key, expected[key], actual[key])
	}
	if x.countDropped(); x.dropped != s.Expect.Dropped {
		problems = append(problems, fmt.Sprintf("dropped\n  expected: %d\n  actual: %d (%s)", s.Expect.Dropped, x.dropped, strings.Join(x.reasons, ", ")))
	}
	expected, actual = map[string][]string{}, map[string][]string{}
	for name, rows := range s.Expect.Stores {
		expected[name] = linesOf(rows)
	}
	for _, name := range x.program.stores {
		rows, err := s.rows(x.runtime.Stores(name)[0])
		if err != nil {
			problems = append(problems, fmt.Sprintf("store %q: %v", name, err))
		}
		actual[name] = linesOf(rows)
	}
	for _, name := range keysOf(expected, actual) {
		problems = differ(problems, "store "+name, expected[name], actual[name])
	}
	return problems
}

func byKey(s *Scenario, records []Record) map[string][]string {
	lines := make(map[string][]string)
	for _, r := range records {
		key := fmt.Sprintf("topic %q, base key %s", r.Topic, r.Key.base())
		line := fmt.Sprintf("step %d: %v = %v @ %d", r.Step, r.Key, r.Value, r.Timestamp)
		if s.CompareHeaders {
			line += fmt.Sprintf(" headers %s", asJSON(append([][2]string{}, r.Headers...)))
		}
		lines[key] = append(lines[key], line)
	}
	return lines
}

func linesOf(rows []Row) []string {
	var lines []string
	for _, r := range rows {
		lines = append(lines, fmt.Sprintf("%v = %v @ %d", r.Key, r.Value, r.Timestamp))
	}
	return lines
}
