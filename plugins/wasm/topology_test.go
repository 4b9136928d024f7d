package wasm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/plugins/wasm"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// TestHostilePluginsInATopology: a topology whose records go through a hostile plugin goes on by its error policy, one record
// after the other and many at once; with the policy fail it ends with the plugin's error.
func TestHostilePluginsInATopology(t *testing.T) {
	limits := wasm.Limits{Time: strict.Time, MemoryBytes: strict.MemoryBytes, OutputBytes: strict.OutputBytes, Instances: 1}
	r := load(t, onlyHostile(t), limits)
	limits.Time /= 10 // of what takes all of it, each time
	loops := load(t, only(t, "testdata/hostile/loop.wasm"), limits)
	build := func(name, store string, opts ...topology.NodeOption) *topology.Topology {
		from := r
		if name == "loop" {
			from = loops
		}
		p, err := from.Pipe(name)
		if err != nil {
			t.Fatal(err)
		}
		b := topology.NewBuilder("app")
		in := b.Stream("in", serde.JSONAny(), serde.JSONAny())
		in.ThroughMessages[any, any](p, store, opts...).To("out")
		in.MapValues(func(_, v any) any { return v }).To("beside")
		topo, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		return topo
	}
	send := func(d *topologytest.Driver) (out, beside string) {
		in := topologytest.Input(d, "in", serde.JSONAny(), serde.JSONAny())
		for i := range int64(4) {
			in.Send("k", i, topologytest.AtMs(i))
		}
		return fmt.Sprint(topologytest.Output(d, "out", serde.JSONAny(), serde.JSONAny()).ReadAll()),
			fmt.Sprint(topologytest.Output(d, "beside", serde.JSONAny(), serde.JSONAny()).ReadAll())
	}
	for name, want := range map[string]string{
		"second": "[k=1@0 k=1@2]", // of every second record; the broken instance is replaced
		"trap":   "[]", "loop": "[]", "grow-4gb": "[]", "forged-length": "[]", "exits": "[]",
	} {
		for store, opts := range map[string][]topology.NodeOption{"": nil, "in-flight": {topology.Concurrency(3)}} {
			var failed []error
			policy := topology.OnError(topology.Handle(func(_ context.Context, f pipes.Failure) pipes.Decision {
				failed = append(failed, f.Err)
				return pipes.Skip
			}, ""))
			out, beside := send(topologytest.New(t, build(name, store, append(opts, policy)...)))
			if out != want || beside != "[k=0@0 k=1@1 k=2@2 k=3@3]" {
				t.Errorf("%s: out %s, want %s, beside %s", name, out, want, beside)
			}
			for _, err := range failed {
				if e := (*wasm.CallError)(nil); !errors.As(err, &e) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if n := 4 - strings.Count(want, "="); len(failed) != n {
				t.Errorf("%s: %d failures, want %d", name, len(failed), n)
			}
		}
	}
}

// A plugin of the registry and a store plugin in a topology.
func TestPluginsInATopology(t *testing.T) {
	r := load(t, only(t, prebuilt+"/mask.wasm"), wasm.Limits{Time: strict.Time * 100})
	mask, err := r.Pipe("mask", plugins.YAML("p.yaml", []byte("keep: 1")))
	if err != nil {
		t.Fatal(err)
	}
	b := topology.NewBuilder("app")
	b.Stream("in", serde.JSONAny(), serde.JSONAny()).ThroughMessages[any, any](mask, "in-flight", topology.Concurrency(4)).To("out")
	topo, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	d := topologytest.New(t, topo)
	in := topologytest.Input(d, "in", serde.JSONAny(), serde.JSONAny())
	out := topologytest.Output(d, "out", serde.JSONAny(), serde.JSONAny())
	for i := range int64(3) {
		in.Send(i, "12"+string(rune('0'+i)), topologytest.AtMs(i))
	}
	if got := fmt.Sprint(out.ReadAll()); got != "[0=**0@0 1=**1@1 2=**2@2]" {
		t.Error(got)
	}
}
