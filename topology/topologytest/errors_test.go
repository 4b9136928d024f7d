package topologytest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// poisonSerde is that of strings; it refuses some when they are read, and others when they are written.
type poisonSerde struct{}

func (poisonSerde) Append(dst []byte, s string) ([]byte, error) {
	if s == "unwritable" {
		return dst, errors.New("it cannot be written")
	}
	return append(dst, s...), nil
}

func (poisonSerde) Decode(b []byte) (string, error) {
	switch string(b) {
	case "unreadable":
		return "", errors.New("it cannot be read")
	case "serde panics":
		panic("serde")
	}
	return string(b), nil
}

// poisons are values that an operator fails for, with its name and what its error says.
var poisons = []struct{ value, operator, says string }{
	{"unreadable", "read", "decode value: it cannot be read"},
	{"serde panics", "read", "panic: serde"},
	{"map panics", "map", "panic: mapped"},
	{"processor fails", "check", "it failed"},
	{"unwritable", "write", `encode value for topic "out": it cannot be written`},
}

// poisoned is a topology whose operators have a policy and fail for the poisons.
func poisoned(t *testing.T, p topology.ErrorPolicy, calls *int) *topology.Topology {
	return build(t, func(b *topology.Builder) {
		b.OnError(p)
		b.Stream("in", serde.String, poisonSerde{}, topology.Named("read")).
			MapValues(func(_, v string) string {
				if v == "map panics" {
					panic("mapped")
				}
				return v
			}, topology.Named("map")).
			Process(func(_ *operators.Context, next operators.Forward[string, string]) (operators.Forward[string, string], error) {
				return func(r *operators.Record[string, string]) error {
					*calls++
					if r.Value == "processor fails" {
						return errors.New("it failed")
					}
					return next(r)
				}, nil
			}, topology.Named("check")).
			To("out", topology.Named("write"))
	})
}

// Each poison under each policy: what is asked for happens to it, and to nothing else.
func TestPoisonsUnderPolicies(t *testing.T) {
	handler := func(_ context.Context, f pipes.Failure) pipes.Decision {
		switch f.Operator {
		case "read":
			return pipes.Skip
		case "map":
			return pipes.DeadLetter
		case "check":
			panic("handler")
		}
		return pipes.Fail
	}
	for _, c := range []struct {
		name   string
		policy topology.ErrorPolicy
		does   func(operator string) operators.Decision
	}{
		{"stop", topology.Stop(), func(string) operators.Decision { return operators.Fail }},
		{"skip", topology.Skip(), func(string) operators.Decision { return operators.Skip }},
		{"dead letter", topology.DeadLetter("dead"), func(string) operators.Decision { return operators.SendDeadLetter }},
		{"handler", topology.Handle(handler, "dead"), func(operator string) operators.Decision {
			return map[string]operators.Decision{"read": operators.Skip, "map": operators.SendDeadLetter}[operator]
		}},
	} {
		for _, poison := range poisons {
			t.Run(c.name+"/"+poison.value, func(t *testing.T) {
				calls := 0
				d := topologytest.New(t, poisoned(t, c.policy, &calls), topologytest.Partitions(2))
				in := topologytest.Input(d, "in", serde.String, serde.String)
				in.Send("a", "before", topologytest.ToPartition(1))
				at := topologytest.AtMs(77)
				err := in.SendErr("b", poison.value, topologytest.Header("trace", "t1"), topologytest.ToPartition(1), at)
				does := c.does(poison.operator)
				place := fmt.Sprintf(`operator %q, task 0_1, topic "in", partition 1, offset 1, key "b": %s`, poison.operator, poison.says)
				if does == operators.Fail {
					if err == nil || !strings.HasPrefix(err.Error(), place) {
						t.Fatalf("error is %v\nwant     %s", err, place)
					}
					if c.name == "handler" && poison.operator == "check" && !strings.HasSuffix(err.Error(), "and the handler of its errors failed: panic: handler") {
						t.Errorf("error is %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				in.Send("a", "behind", topologytest.ToPartition(1))
				if got := fmt.Sprint(topologytest.Output(d, "out", serde.String, serde.String).ReadAll()); got != "[a=before@0 a=behind@0]" {
					t.Errorf("results are %s", got)
				}
				reason := operators.Failed
				if poison.says == "decode value: it cannot be read" {
					reason = operators.UndecodableRecord
				}
				if does == operators.SendDeadLetter {
					reason = operators.DeadLettered
				}
				if got := fmt.Sprint(d.Dropped()); got != fmt.Sprintf("[{%s %v 1}]", poison.operator, reason) {
					t.Errorf("dropped %s, want one by %s for %v", got, poison.operator, reason)
				}
				if does == operators.SendDeadLetter {
					wantDeadLetter(t, d, poison.value, poison.operator, poison.says)
				}
			})
		}
	}
}

func wantDeadLetter(t *testing.T, d *topologytest.Driver, value, operator, says string) {
	t.Helper()
	letters := topologytest.Output(d, "dead", serde.String, serde.String).ReadAll()
	if len(letters) != 1 || letters[0].Key != "b" || letters[0].Value != value || letters[0].Timestamp != 77 {
		t.Fatalf("dead letters are %v", letters)
	}
	for name, want := range map[string]string{
		"trace": "t1", operators.DeadLetterTopic: "in", operators.DeadLetterPartition: "1", operators.DeadLetterOffset: "1",
		operators.DeadLetterMessage: says, operators.DeadLetterOperator: operator, operators.DeadLetterTask: "0_1",
		operators.DeadLetterAttempts: "1", operators.DeadLetterRecord: operators.DeadLetterOfInput, operators.DeadLetterTime: "1970-01-01T00:00:00.000Z",
	} {
		if got, ok := letters[0].Header(name); !ok || got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if _, ok := letters[0].Header(operators.DeadLetterStacktrace); ok != strings.Contains(says, "panic") {
		t.Errorf("header of the stack: %v", ok)
	}
}

// A record that waits for another attempt holds up its key and nothing else; what is in the way of no success in the end is
// a dead letter, with the original bytes however deep the operator lies.
func TestRetryParksTheKey(t *testing.T) {
	down := map[string]int{"a1": 2, "c1": 99} // how often the operator fails
	topo := build(t, func(b *topology.Builder) {
		policy := topology.DeadLetter("dead").Retry(topology.Retries{Attempts: 4, Backoff: time.Second})
		b.Stream("in", serde.String, serde.String).
			MapValues(func(_, v string) string { return strings.TrimPrefix(v, "raw ") }).
			MapValues(func(_, v string) string {
				if down[v] > 0 {
					down[v]--
					operators.Throw(errors.New("it is down"))
				}
				return v
			}, topology.Named("flaky"), topology.OnError(policy)).
			To("out")
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	for _, v := range []string{"a1", "b1", "c1", "a2", "c2", "b2"} {
		in.Send(v[:1], "raw "+v)
	}
	out := topologytest.Output(d, "out", serde.String, serde.String)
	if got := fmt.Sprint(out.ReadAll()); got != "[b=b1@0 b=b2@0]" {
		t.Errorf("at once come %s", got)
	}
	d.Restart(topologytest.EmptyState)
	d.Advance(1100 * time.Millisecond)
	if got := fmt.Sprint(out.ReadAll()); got != "[]" {
		t.Errorf("after the second attempt come %s", got)
	}
	d.Advance(2100 * time.Millisecond)
	if got := fmt.Sprint(out.ReadAll()); got != "[a=a1@0 a=a2@0]" {
		t.Errorf("after the third attempt come %s", got)
	}
	d.Advance(4100 * time.Millisecond)
	d.Advance(10 * time.Millisecond)
	if got := fmt.Sprint(out.ReadAll()); got != "[c=c2@0]" {
		t.Errorf("after the fourth attempt come %s", got)
	}
	letters := topologytest.Output(d, "dead", serde.String, serde.String).ReadAll()
	if fmt.Sprint(letters) != "[c=raw c1@0]" {
		t.Fatalf("dead letters are %v", letters)
	}
	if got, _ := letters[0].Header(operators.DeadLetterMessage); got != "after 4 attempts: it is down" {
		t.Errorf("message is %q", got)
	}
	if n := down["c1"]; n != 95 {
		t.Errorf("c1 was tried %d times", 99-n)
	}
}

// The result of a batch is no input record: its dead letter has the bytes of the result.
func TestDeadLetterOfAResult(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		b.OnError(topology.DeadLetter("dead"))
		b.Stream("in", serde.String, serde.String).
			Batch(3, time.Second, func(_ string, vs []string) string { return strings.Join(vs, "+") }, "gathered").
			Filter(func(_, v string) bool { panic("refused") }, topology.Named("keep")).
			To("out")
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "a")
	in.Send("k", "b")
	d.Advance(time.Second)
	letters := topologytest.Output(d, "dead", serde.String, serde.String).ReadAll()
	if fmt.Sprint(letters) != "[k=a+b@0]" {
		t.Fatalf("dead letters are %v", letters)
	}
	if got, _ := letters[0].Header(operators.DeadLetterRecord); got != operators.DeadLetterOfOperator {
		t.Errorf("they are of the %s", got)
	}
}

func TestTryMapValues(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		good, bad := b.Stream("in", serde.String, serde.String).TryMapValues(func(_, v string) (int, error) {
			if v == "panic" {
				panic("oh")
			}
			var n int
			_, err := fmt.Sscan(v, &n)
			return n, err
		}, topology.Named("parse"))
		good.To("out")
		bad.To("bad")
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	for i, v := range []string{"1", "x", "panic", "2"} {
		in.Send("k", v, topologytest.AtMs(int64(i)))
	}
	if got := fmt.Sprint(topologytest.Output(d, "out", serde.String, serde.For[int]()).ReadAll()); got != "[k=1@0 k=2@3]" {
		t.Errorf("results are %s", got)
	}
	failures := topologytest.Output(d, "bad", serde.String, operators.FailureSerde()).ReadAll()
	var got []string
	for _, f := range failures {
		got = append(got, f.Value.Error()+" of "+string(f.Value.Value))
	}
	want := []string{
		`operator "parse", task 0_0, topic "in", partition 0, offset 1, key "k": expected integer of x`,
		`operator "parse", task 0_0, topic "in", partition 0, offset 2, key "k": panic: oh of panic`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("failures are %q\nwant         %q", got, want)
	}
}
