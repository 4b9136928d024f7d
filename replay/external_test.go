package replay_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/replay"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// called is a pipe that reaches outside: it counts, and says what was done to it.
type called struct{ opened, calls, closed int }

func (c *called) Open(context.Context) error { c.opened++; return nil }
func (c *called) Close() error               { c.closed++; return nil }
func (c *called) Process(_ context.Context, in string) (string, error) {
	c.calls++
	return "called " + in, nil
}

// A replay does not call what reaches outside, unless it may.
func TestExternalPipes(t *testing.T) {
	stub := pipes.Func[string, string](func(_ context.Context, in string) (string, error) { return "stub of " + in, nil })
	for _, c := range []struct {
		name          string
		stub          pipes.Pipe[string, string]
		allow, nested bool
		want          string // "" is that there is an error
		calls         int
	}{
		{"a stub", stub, false, false, "stub of x", 0},
		{"a stub in a chain", stub, false, true, "STUB OF X", 0},
		{"allowed", stub, true, true, "CALLED X", 1},
		{"allowed, without a stub", nil, true, false, "called x", 1},
		{"without a stub", nil, false, true, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			service := &called{}
			pipe := pipes.External(service, c.stub)
			if c.nested {
				pipe = pipes.Chain(pipe, pipes.Func[string, string](func(_ context.Context, in string) (string, error) { return strings.ToUpper(in), nil }))
			}
			b := topology.NewBuilder("external")
			b.Stream("in", serde.String, serde.String).Through(pipe, "", topology.Named("ask")).To("out")
			m := &memory{partitions: map[string]int32{"in": 1}}
			m.add("in", 0, 0, operators.Input{Value: []byte("x"), Timestamp: 1})
			var got string
			s, err := replay.Run(t.Context(), replay.Config{
				Topology: build(t, b.Build), Source: m, AllowExternal: c.allow, StateDir: t.TempDir(),
				Results: func(r *replay.Result) error { got = string(r.Value); return nil },
			})
			switch {
			case c.want == "":
				if !errors.Is(err, pipes.ErrNoStub) || !strings.Contains(err.Error(), `operator "ask"`) {
					t.Errorf("got %v", err)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			if got != c.want || service.calls != c.calls || service.opened != c.calls || service.closed != c.calls {
				t.Errorf("got %q, %+v", got, service)
			}
			if stubbed := len(s.Stubbed) == 1 && s.Stubbed[0] == "ask"; stubbed == c.allow {
				t.Errorf("stubbed: %q", s.Stubbed)
			}
		})
	}
}
