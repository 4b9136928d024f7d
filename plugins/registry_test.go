package plugins_test

import (
	"context"
	"encoding/json/v2"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

type addConfig struct {
	N int64 `yaml:"n" default:"1" min:"0" doc:"what is added"`
}

func newAdd(c addConfig) (pipes.Pipe[int64, int64], error) {
	return pipes.Func[int64, int64](func(_ context.Context, in int64) (int64, error) { return in + c.N, nil }), nil
}

func nothing(plugins.NoConfig) (plugins.Pipe, error) { return plugins.Chain(), nil }

// TestRegistry is golden vector G21: duplicate, wrong kind, unknown, the same name for another kind, and lists that are copies.
func TestRegistry(t *testing.T) {
	var r plugins.Registry
	must(t, r.AddPipe("add", "Adds.", newAdd), r.AddPipe("pass", "Passes.", nothing),
		r.AddSerde("add", "A serde with the name of a pipe.", func(plugins.NoConfig) (serde.Serde[string], error) { return serde.String, nil }),
		r.AddSource("feed", "Feeds.", func(plugins.NoConfig) (plugins.Source, error) { return pipes.Slice[plugins.Message](nil), nil }))

	err := r.AddPipe("add", "Adds again.", newAdd)
	if e := (*plugins.DuplicateError)(nil); !errors.As(err, &e) || *e != (plugins.DuplicateError{Kind: plugins.KindPipe, Name: "add"}) || err.Error() != `pipe "add" is registered already` {
		t.Error("duplicate:", err)
	}
	_, err = r.Sink("feed")
	if e := (*plugins.KindError)(nil); !errors.As(err, &e) || !slices.Equal(e.Have, []plugins.Kind{plugins.KindSource}) || err.Error() != `"feed" is a source, not a sink` {
		t.Error("wrong kind:", err)
	}
	_, err = r.Source("fede", plugins.At(plugins.Place{File: "x.yaml", Line: 3, Column: 9}))
	if e := (*plugins.UnknownError)(nil); !errors.As(err, &e) || e.Nearest != "feed" || err.Error() != `x.yaml:3:9: source "fede" is not known, did you mean "feed"?` {
		t.Error("unknown:", err)
	}
	if _, err = r.Pipe("other"); err == nil || err.Error() != `pipe "other" is not known, there are add, pass` {
		t.Error("unknown:", err)
	}
	if _, err = r.ErrorHandler("x"); err == nil || err.Error() != `error handler "x" is not known, there is none` {
		t.Error("unknown:", err)
	}
	_, err = r.Pipe("add")
	if e := (*plugins.TypeError)(nil); !errors.As(err, &e) || err.Error() != `pipe "add" is a pipe of int64 and int64, want a pipe of message and messages` {
		t.Error("wrong type:", err)
	}
	if _, err = r.Serde("add"); err == nil || err.Error() != `serde "add" is a serde of string, want a serde of any` {
		t.Error("wrong type:", err)
	}
	if s, err := r.SerdeOf[string]("add"); err != nil || s == nil {
		t.Error(err)
	}
	p, err := r.PipeOf[int64, int64]("add", plugins.YAML("add.yaml", []byte("n: 5")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Process(t.Context(), 2); got != 7 || err != nil {
		t.Error(got, err)
	}

	list := r.List()
	var names []string
	for _, d := range list {
		names = append(names, string(d.Kind)+" "+d.Name)
	}
	if got := strings.Join(names, ", "); got != "source feed, pipe add, pipe pass, serde add" {
		t.Error(got)
	}
	list[1].Keys[0].Path, list[1].ConfigSchema[0] = "changed", 'X'
	d, err := r.Describe(plugins.KindPipe, "add")
	want := plugins.Key{Path: "n", Type: "whole number, at least 0", Default: "1", Doc: "what is added"}
	if err != nil || d.In != "int64" || len(d.Keys) != 1 || d.Keys[0] != want || d.ConfigSchema[0] != '{' {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := r.Describe(plugins.KindSink, "add"); err == nil || err.Error() != `"add" is a pipe and a serde, not a sink` {
		t.Error(err)
	}
}

func TestRegistrationsThatAreRefused(t *testing.T) {
	var r plugins.Registry
	for want, err := range map[string]error{
		`plugins: pipe "a b": its name is not 1 to 100`: r.AddPipe("a b", "Doc.", nothing),
		`plugins: pipe "": its name`:                    r.AddPipe("", "Doc.", nothing),
		`plugins: pipe "x": it has no doc`:              r.AddPipe("x", " ", nothing),
		`plugins: pipe "x": its factory is nil`:         r.AddPipe[addConfig, int64, int64]("x", "Doc.", nil),
		`field N: it wants a tag`:                       r.AddSink("x", "Doc.", func(struct{ N int }) (plugins.Sink, error) { return nil, nil }),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if list := r.List(); len(list) != 0 {
		t.Error(list)
	}
}

type waitConfig struct {
	Wait  time.Duration `yaml:"wait" required:"true" doc:"how long"`
	Times int           `yaml:"times" default:"3" min:"1"`
	Mode  string        `yaml:"mode" enum:"fast,slow" default:"fast"`
}

func (c waitConfig) Validate() error {
	if c.Mode == "fast" && c.Wait > time.Second {
		return &plugins.KeyError{Key: "wait", Err: errors.New("too long for fast")}
	}
	return nil
}

// TestConfiguredPipes: the configuration of a pipe comes from YAML, the environment or code; mistakes name pipe, key and place.
func TestConfiguredPipes(t *testing.T) {
	var r plugins.Registry
	var got waitConfig
	must(t, r.AddPipe("wait", "Waits.", func(c waitConfig) (plugins.Pipe, error) {
		got = c
		switch c.Times {
		case 13:
			return nil, &plugins.KeyError{Key: "times", Err: errors.New("bad luck")}
		case 14:
			panic("fourteen")
		case 15:
			return nil, nil
		case 16:
			return nil, errors.New("no service")
		}
		return plugins.Chain(), nil
	}))
	file := func(text string) plugins.Option { return plugins.YAML("p.yaml", []byte(text)) }
	env := func(vars ...string) plugins.Option { return plugins.Environ("WAIT", vars) }
	for _, c := range []struct {
		opts []plugins.Option
		want waitConfig
	}{
		{[]plugins.Option{file("wait: 1s")}, waitConfig{time.Second, 3, "fast"}},
		{[]plugins.Option{file("{wait: 2s, mode: slow}"), env("WAIT_TIMES=5", "OTHER=1")}, waitConfig{2 * time.Second, 5, "slow"}},
		{[]plugins.Option{plugins.Value(waitConfig{Wait: 5, Times: 8})}, waitConfig{5, 8, "fast"}},
		{[]plugins.Option{plugins.Value(waitConfig{Wait: 5, Times: 8}), file("times: 9"), env("WAIT_MODE=slow")}, waitConfig{5, 9, "slow"}},
	} {
		if _, err := r.Pipe("wait", c.opts...); err != nil || got != c.want {
			t.Errorf("got %+v, %v, want %+v", got, err, c.want)
		}
	}
	for want, opts := range map[string][]plugins.Option{
		`pipe "wait": wait: it is required`: nil,
		"p.yaml:1:1: pipe \"wait\": unknown key \"wiat\", did you mean \"wait\"?\np.yaml:1:1: pipe \"wait\": wait: it is required\np.yaml:2:8: pipe \"wait\": times: 0 is less than 1": {file("wiat: 1s\ntimes: 0")},
		`p.yaml:1:7: pipe "wait": wait: too long for fast`:                                        {file("wait: 1h")},
		`p.yaml:1:18: pipe "wait": mode: "fats" is not one of fast or slow, did you mean "fast"?`: {file("{wait: 1s, mode: fats}")},
		`WAIT_TIMES: pipe "wait": times: 0 is less than 1`:                                        {file("wait: 1s"), env("WAIT_TIMES=0")},
		`WAIT_TIME: pipe "wait": unknown environment variable, did you mean "WAIT_TIMES"?`:        {file("wait: 1s"), env("WAIT_TIME=0")},
		`pipe "wait": times: -1 is less than 1`:                                                   {plugins.Value(waitConfig{Wait: 1, Times: -1})},
		`p.yaml:2:8: pipe "wait": times: bad luck`:                                                {file("wait: 1s\ntimes: 13")},
		`p.yaml:1:1: pipe "wait": its factory panicked: fourteen`:                                 {file("wait: 1s\ntimes: 14")},
		`p.yaml:1:1: pipe "wait": its factory returned nil`:                                       {file("wait: 1s\ntimes: 15")},
		`p.yaml:1:1: pipe "wait": no service`:                                                     {file("wait: 1s\ntimes: 16")},
		`p.yaml:1: pipe "wait": did not find expected ',' or '}'`:                                 {file("{wait")},
	} {
		_, err := r.Pipe("wait", opts...)
		if e := (*plugins.ConfigError)(nil); err == nil || err.Error() != want || !errors.As(err, &e) || e.Kind != plugins.KindPipe || e.Name != "wait" {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if c, err := plugins.ConfigOf[waitConfig]("mine", file("wait: 7ms")); err != nil || c.Wait != 7*time.Millisecond || c.Times != 3 {
		t.Error(c, err)
	}
	if _, err := plugins.ConfigOf[waitConfig]("mine", file("wait: 7")); err == nil || !strings.HasPrefix(err.Error(), `p.yaml:1:7: pipe "mine": wait: not a duration: "7"`) {
		t.Error(err)
	}
}

// Under the race detector.
func TestRegistryIsSafeForConcurrentUse(t *testing.T) {
	r := plugins.Standard(plugins.Environment{})
	var wg sync.WaitGroup
	var duplicates, mu = 0, sync.Mutex{}
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				if err := r.AddPipe(fmt.Sprint("p", j), "Doc.", nothing); err != nil {
					mu.Lock()
					duplicates++
					mu.Unlock()
				}
				if _, err := r.Pipe(fmt.Sprint("p", j)); err != nil {
					t.Error(err)
				}
				if _, err := r.Serde("json"); err != nil || len(r.List()) < 20 {
					t.Error(i, err)
				}
			}
		})
	}
	wg.Wait()
	if duplicates != 7*20 {
		t.Error(duplicates, "duplicates")
	}
}

func TestStandardIsDescribed(t *testing.T) {
	r := plugins.Standard(plugins.Environment{})
	kinds := map[plugins.Kind]int{}
	for _, d := range r.List() {
		kinds[d.Kind]++
		var schema map[string]any
		if err := json.Unmarshal(d.ConfigSchema, &schema); err != nil || schema["$schema"] != "https://json-schema.org/draft/2020-12/schema" || schema["additionalProperties"] != false {
			t.Errorf("%s %s: %s, %v", d.Kind, d.Name, d.ConfigSchema, err)
		}
		for _, k := range d.Keys {
			if k.Doc == "" && k.Type != "section" && k.Type != "POST or PUT" {
				t.Errorf("%s %s: the key %s has no doc", d.Kind, d.Name, k.Path)
			}
		}
	}
	for _, k := range plugins.Kinds() {
		if kinds[k] == 0 {
			t.Error("there is no", k)
		}
	}
}

func TestStoresAndHandlers(t *testing.T) {
	r := plugins.Standard(plugins.Environment{})
	for config, want := range map[string]int{"pebble {}": 0, "memory {}": 1, "pebble {changelog: false}": 1, "memory {changelog: false}": 2} {
		name, text, _ := strings.Cut(config, " ")
		opts, err := r.Store(name, plugins.YAML("s.yaml", []byte(text)))
		if err != nil || len(opts) != want {
			t.Errorf("%s: %d options, %v", config, len(opts), err)
		}
		b := topology.NewBuilder("app")
		b.KeyValueStore("rows", serde.String, serde.Int64, opts...)
		if _, err := b.Build(); err != nil && strings.Contains(err.Error(), "option") {
			t.Error(config, err)
		}
	}
	for name, want := range map[string]pipes.Decision{"fail": pipes.Fail, "skip": pipes.Skip} {
		h, err := r.ErrorHandler(name)
		if err != nil || h(t.Context(), pipes.Failure{}) != want {
			t.Error(name, err)
		}
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func ExampleRegistry_Pipe() {
	r := plugins.Standard(plugins.Environment{})
	_, err := r.Pipe("throttle", plugins.YAML("orders.yaml", []byte("rate: -1\nburts: 5\n")))
	fmt.Println(err)
	// Output:
	// orders.yaml:1:7: pipe "throttle": rate: -1 is less than 0.000001
	// orders.yaml:2:1: pipe "throttle": unknown key "burts", did you mean "burst"?
}

func ExampleRegistry_AddPipe() {
	type config struct {
		Field plugins.Field `yaml:"field" required:"true" doc:"part of the value that is counted"`
	}
	r := plugins.Standard(plugins.Environment{})
	err := r.AddPipe("count", "Replaces the value by the length of a list in it.", func(c config) (plugins.Pipe, error) {
		return pipes.Func[plugins.Message, []plugins.Message](func(_ context.Context, m plugins.Message) ([]plugins.Message, error) {
			v, _ := c.Field.Get(&m)
			list, _ := v.([]any)
			m.Value = int64(len(list))
			return []plugins.Message{m}, nil
		}), nil
	})
	if err != nil {
		panic(err)
	}
	p, err := r.Pipe("count", plugins.YAML("count.yaml", []byte("field: lines")))
	if err != nil {
		panic(err)
	}
	out, err := p.Process(context.Background(), plugins.Message{Value: map[string]any{"lines": []any{"a", "b"}}})
	fmt.Println(out[0].Value, err)
	// Output: 2 <nil>
}

func ExampleRun() {
	r := plugins.Standard(plugins.Environment{})
	split, err := r.Pipe("split", plugins.YAML("p.yaml", []byte("{field: lines, into: line}")))
	if err != nil {
		fmt.Println(err)
		return
	}
	orders := pipes.Slice([]plugins.Message{{Value: map[string]any{"id": int64(1), "lines": []any{"tea", "milk"}}}, {Value: map[string]any{"lines": "?"}}})
	n, err := plugins.Run(context.Background(), orders, plugins.Chain(split), printer{}, pipes.SkipOnError)
	fmt.Println(n, err)
	// Output:
	// map[id:1 line:tea]
	// map[id:1 line:milk]
	// {2 2 1} <nil>
}

type printer struct{}

func (printer) Write(_ context.Context, m plugins.Message) error {
	_, err := fmt.Println(m.Value)
	return err
}

func ExampleConfigOf() {
	type config struct {
		URL   string        `yaml:"url" required:"true"`
		Delay time.Duration `yaml:"delay" default:"100ms"`
	}
	c, err := plugins.ConfigOf[config]("rates", plugins.YAML("rates.yaml", []byte("url: http://rates")), plugins.Environ("RATES", []string{"RATES_DELAY=1s"}))
	fmt.Println(c, err)
	_, err = plugins.ConfigOf[config]("rates", plugins.YAML("rates.yaml", []byte("ulr: http://rates")))
	fmt.Println(err)
	// Output:
	// {http://rates 1s} <nil>
	// rates.yaml:1:1: pipe "rates": unknown key "ulr", did you mean "url"?
	// rates.yaml:1:1: pipe "rates": url: it is required
}
