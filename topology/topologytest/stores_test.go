package topologytest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
	"github.com/rivusio/rivusio/windows"
)

// Processors have window and session stores, which come back from their changelogs.
func TestWindowAndSessionStoresOfProcessors(t *testing.T) {
	topo := build(t, func(b *topology.Builder) {
		perWindow := b.WindowStore("windows", 10*time.Millisecond, time.Second, serde.String, serde.String)
		sessions := b.SessionStore("sessions", time.Second, serde.String, serde.String)
		b.Stream("in", serde.String, serde.String).Process(func(c *operators.Context, next forward) (forward, error) {
			perWindow, sessions := perWindow.In(c), sessions.In(c)
			return func(r *record) error {
				start := r.Timestamp / 10 * 10
				before, _, err := perWindow.Get(r.Key, start)
				if err != nil {
					return err
				}
				if err := perWindow.Put(r.Key, start, before+r.Value); err != nil {
					return err
				}
				w := windows.Window{Start: 0, End: 99}
				held, _, err := sessions.Get(r.Key, w)
				if err != nil {
					return err
				}
				if err := sessions.Put(r.Key, w, held+r.Value); err != nil {
					return err
				}
				return next(&record{Key: r.Key, Value: before + r.Value + "/" + held + r.Value, Timestamp: r.Timestamp})
			}, nil
		}, perWindow, sessions).To("out")
	})
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.String, serde.String)
	in.Send("k", "a", topologytest.AtMs(1))
	in.Send("k", "b", topologytest.AtMs(2))
	d.Restart(topologytest.EmptyState)
	in.Send("k", "c", topologytest.AtMs(12))
	in.Send("k", "d", topologytest.AtMs(3))
	if got := fmt.Sprint(topologytest.Output(d, "out", serde.String, serde.String).ReadAll()); got != "[k=a/a@1 k=ab/ab@2 k=c/abc@12 k=abd/abcd@3]" {
		t.Errorf("records are %s", got)
	}
}

func TestMistakesWithStoresOfProcessors(t *testing.T) {
	b := topology.NewBuilder("app")
	b.WindowStore("w", time.Second, time.Millisecond, serde.String, serde.String)
	b.SessionStore("s", 0, serde.String, serde.String, topology.EmitOnCommit())
	_, err := b.Build()
	for _, want := range []string{`store "w" has windows of 1s and a retention of 1ms`, `store "s" has a retention of 0s`, `store s does not take the option EmitOnCommit`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v\nwant %s", err, want)
		}
	}
}
