package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// slowSerde is a string serde that cannot decode values beginning with "?" before somebody brings what is missing.
type slowSerde struct {
	serde.Serde[string]
	missing chan struct{}
	early   atomic.Int64 // values that were decoded too early
	opened  atomic.Int64
	err     error // of Open
}

func (s *slowSerde) Wait(b []byte) <-chan struct{} {
	if !strings.HasPrefix(string(b), "?") {
		return nil
	}
	select {
	case <-s.missing:
		return nil
	default:
		return s.missing
	}
}

func (s *slowSerde) Decode(b []byte) (string, error) {
	if s.Wait(b) != nil {
		s.early.Add(1)
	}
	return s.Serde.Decode(b)
}

func (s *slowSerde) Open(context.Context) error {
	s.opened.Add(1)
	return s.err
}

// A record whose schema is not there holds up its own partition, in order, and nothing else: others go on and commit, and
// the worker stays in its group.
func TestASchemaThatIsMissingHoldsUpItsPartition(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 2, "out": 2})
		s := &slowSerde{Serde: serde.String, missing: make(chan struct{})}
		b := topology.NewBuilder("app")
		b.Stream("in", serde.String, serde.Pointer[string](s), topology.Timestamp(
			func(_ string, _ *string, c operators.RecordContext, _ int64) int64 { return c.Timestamp })).To("out")
		c := r.config("one")
		c.Workers = 1
		p := r.start(must[*topology.Topology](t)(b.Build()), c)
		p.awaitRunning()
		if n := s.opened.Load(); n != 1 {
			t.Errorf("the serde was opened %d times", n)
		}
		var zero, one []in
		for i := range 20 {
			v := fmt.Sprint(i)
			if i == 5 {
				v = "?" + v
			}
			zero = append(zero, in{"zero", v, int64(i), 0})
			one = append(one, in{"one", fmt.Sprint(i), int64(i), 1})
		}
		r.produce("in", append(zero, one...)...)
		time.Sleep(2 * time.Minute) // longer than any timeout of the group
		values := func(key string) string {
			var all []string
			for _, rec := range r.read("out") {
				if string(rec.Key) == key {
					all = append(all, string(rec.Value))
				}
			}
			return strings.Join(all, " ")
		}
		if got := values("zero"); got != "0 1 2 3 4" {
			t.Errorf("of the partition that waits came %s", got)
		}
		if got := values("one"); !strings.HasSuffix(got, " 18 19") {
			t.Errorf("of the other partition came %s", got)
		}
		r.produce("in", in{"one", "20", 20, 1})
		await(t, "another record of the other partition", func() bool { return strings.HasSuffix(values("one"), " 19 20") })
		close(s.missing)
		r.awaitCaughtUp("app", "in")
		p.mustEnd()
		if got := values("zero"); got != "0 1 2 3 4 ?5 6 7 8 9 10 11 12 13 14 15 16 17 18 19" {
			t.Errorf("partition 0 has %s", got)
		}
		if n := s.early.Load(); n != 0 {
			t.Errorf("%d values were decoded before their schema was there", n)
		}
	})
}

// A serde that cannot be opened ends the start with its error.
func TestASerdeThatCannotBeOpened(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, map[string]int32{"in": 1, "out": 1})
		s := &slowSerde{Serde: serde.String, err: errors.New("subject out-value: no such schema")}
		b := topology.NewBuilder("app")
		b.Stream("in", serde.String, serde.String).WithSerdes(serde.String, s).To("out")
		app := must[*App](t)(New(must[*topology.Topology](t)(b.Build()), r.config("one")))
		if err := app.Run(t.Context()); !errors.Is(err, s.err) {
			t.Error(err)
		}
	})
}
