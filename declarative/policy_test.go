package declarative_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/jsonlines"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// Each policy does in a file what it does in the DSL: of four records the one that fails goes where it is told to.
func TestPoliciesInFiles(t *testing.T) {
	const well = "1 2 4"
	for _, c := range []struct{ name, file, source, step, out, dead, err string }{
		{"fail", "", "", "fail", "1 2", "", `operator "parse"`},
		{"nothing said", "", "", "", "1 2", "", `operator "parse"`},
		{"skip", "", "", "skip", well, "", ""},
		{"dead letter", "", "", "{dead_letter: dead}", well, "three", ""},
		{"handler", "", "", "{handler: decide, config: {word: thr}, dead_letter: dead}", well, "three", ""},
		{"handler that does not know", "", "", "{handler: decide, config: {word: x}, dead_letter: dead}", "1 2", "", `operator "parse"`},
		{"retry, then skip", "", "", "{retry: {attempts: 3, backoff: 2ms, max_backoff: 3ms}, then: skip}", well, "", ""},
		{"retry, then dead letter", "", "", "{retry: {attempts: 2, max_parked: 5}, dead_letter: dead}", well, "three", ""},
		{"default", "{dead_letter: dead}", "", "", well, "three", ""},
		{"default with an exception", "{dead_letter: dead}", "", "skip", well, "", ""},
		{"of a source", "", "{dead_letter: dead}", "", well, "three", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := []string{"1", "2", "three", "4"}
			file := "application: a\n"
			if c.file != "" {
				file += "on_error: " + c.file + "\n"
			}
			file += "streams:\n  s:\n    topic: in\n    value_serde: string\n"
			if c.source != "" {
				file = strings.Replace(file, "value_serde: string", "value_serde: json\n    on_error: "+c.source, 1)
			}
			file += "    steps:\n      - map_values: string(int(value))\n        name: parse\n"
			if c.step != "" {
				file += "        on_error: " + c.step + "\n"
			}
			file += "      - to: out\n"
			f, err := declarative.Load("f.yaml", []byte(file), declarative.Plugins(deciding(t)))
			if err != nil {
				t.Fatal(err)
			}
			d := topologytest.New(t, f.Topology, topologytest.Topics(1, "dead"))
			for i, line := range lines {
				if err = topologytest.Input(d, "in", serde.String, serde.String).SendErr(fmt.Sprint(i), line); err != nil {
					break
				}
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if err == nil {
				d.Advance(time.Minute)
				d.Advance(time.Minute)
			}
			if out, dead := values(d, "out"), values(d, "dead"); out != c.out || dead != c.dead {
				t.Errorf("out %q, dead letters %q, want %q and %q", out, dead, c.out, c.dead)
			}
		})
	}
}

// The files in the documentation are right.
func TestSnippetsLoad(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "```yaml\n")[1:] {
			snippet, _, _ := strings.Cut(part, "```")
			if !strings.Contains("\n"+snippet, "\napplication:") {
				continue
			}
			found++
			if _, err := declarative.Load(filepath.Base(page), []byte(snippet)); err != nil {
				t.Errorf("%v\n%s", err, snippet)
			}
		}
	}
	if found < 2 {
		t.Errorf("%d files in %d pages", found, len(pages))
	}
}

// values are those of a topic.
func values(d *topologytest.Driver, topic string) string {
	var all []string
	for _, r := range topologytest.Output(d, topic, serde.String, serde.String).ReadAll() {
		all = append(all, strings.Trim(r.Value, `"`))
	}
	return strings.Join(all, " ")
}

// deciding is a registry with a handler that makes dead letters of values that begin with a word.
func deciding(t *testing.T) *plugins.Registry {
	var r plugins.Registry
	type config struct {
		Word string `yaml:"word" required:"true" doc:"what the values begin with"`
	}
	if err := r.AddErrorHandler("decide", "Decides by the value.", func(c config) (pipes.FailureHandler, error) {
		return func(_ context.Context, f pipes.Failure) pipes.Decision {
			if v, ok := f.Value.(string); ok && strings.HasPrefix(v, c.Word) {
				return pipes.DeadLetter
			}
			return pipes.Fail
		}, nil
	}); err != nil {
		t.Fatal(err)
	}
	return &r
}

// What a step tries and fails at goes on as a stream of its own.
func TestTryMapValues(t *testing.T) {
	f, err := declarative.Load("f.yaml", []byte(`application: a
streams:
  parsed: {topic: in, value_serde: string, steps: [{try_map_values: {n: int(value)}, name: parse}]}
  good: {from: parsed.values, steps: [serdes: {value: json}, to: out]}
  bad: {from: parsed.failures, steps: [to: wrong]}
`))
	if err != nil {
		t.Fatal(err)
	}
	d := topologytest.New(t, f.Topology)
	for _, v := range []string{"1", "two", "3"} {
		topologytest.Input(d, "in", serde.String, serde.String).Send("k", v)
	}
	if out, wrong := values(d, "out"), values(d, "wrong"); out != `{"n":1} {"n":3}` || !strings.Contains(wrong, `"operator":"parse"`) || !strings.Contains(wrong, `"offset":1`) {
		t.Errorf("out %s, wrong %s", out, wrong)
	}
}

// Records for the topic of dead letters are results like others for who runs a file over lines.
func TestDeadLettersAreShown(t *testing.T) {
	f, err := declarative.Load("f.yaml", []byte("application: a\non_error: {dead_letter: dead}\nstreams:\n  s: {topic: in, steps: [map_values: value / value, to: out]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := (jsonlines.Pipe{File: f, In: strings.NewReader("1\n{\"a\":1}\n"), Out: &out}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[1], `"topic":"dead"`) || !strings.Contains(lines[1], `"value":"{\"a\":1}"`) || !strings.Contains(lines[1], operators.DeadLetterOffset) {
		t.Errorf("%q", lines)
	}
}
