package plugins_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
)

// life is a pipe that writes down what happens to it.
type life struct {
	name   string
	events *[]string
	fail   string
}

func (l *life) Open(context.Context) error {
	*l.events = append(*l.events, "open "+l.name)
	if l.fail == "open" {
		return errors.New("cannot open")
	}
	return nil
}

func (l *life) Close() error {
	*l.events = append(*l.events, "close "+l.name)
	return nil
}

func (l *life) Process(_ context.Context, m plugins.Message) ([]plugins.Message, error) {
	switch m.Value {
	case l.fail:
		return nil, errors.New("bad value")
	case "panic":
		panic("ouch")
	case "drop":
		return nil, nil
	case "twice":
		return []plugins.Message{m, m}, nil
	}
	return []plugins.Message{m}, nil
}

func (l *life) Name() string { return l.name }

func (l *life) Write(_ context.Context, m plugins.Message) error {
	if m.Value == "full" {
		return errors.New("disk full")
	}
	*l.events = append(*l.events, m.Value.(string))
	return nil
}

func (l *life) Flush(context.Context) error {
	*l.events = append(*l.events, "flush")
	return nil
}

func words(text string) plugins.Source {
	var items []plugins.Message
	for i, w := range strings.Fields(text) {
		items = append(items, plugins.Message{Value: w, Origin: pipes.Origin{Source: "in", Offset: int64(i)}})
	}
	return pipes.Slice(items)
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		in      string
		handler pipes.FailureHandler
		events  string
		counts  plugins.Counts
		err     string
	}{
		{"a drop twice b", nil, "a twice twice twice twice b flush", plugins.Counts{Read: 4, Written: 6}, ""},
		{"a bad b", nil, "a flush", plugins.Counts{Read: 2, Written: 1}, `message in/0/1: pipe "p2": bad value`},
		{"a bad b", pipes.SkipOnError, "a b flush", plugins.Counts{Read: 3, Written: 2, Skipped: 1}, ""},
		{"a panic b", pipes.SkipOnError, "a b flush", plugins.Counts{Read: 3, Written: 2, Skipped: 1}, ""},
		{"a panic b", nil, "a flush", plugins.Counts{Read: 2, Written: 1}, `message in/0/1: pipe "p1": panic: ouch`},
		{"a bad b", func(context.Context, pipes.Failure) pipes.Decision { panic("handler") }, "a flush", plugins.Counts{Read: 2, Written: 1}, `message in/0/1: pipe "p2": bad value`},
		{"a full b", pipes.SkipOnError, "a", plugins.Counts{Read: 2, Written: 1}, `pipe "sink": disk full`},
	} {
		var events []string
		pipe := plugins.Chain(&life{name: "p1", events: &events}, plugins.Chain(&life{name: "p2", events: &events, fail: "bad"}))
		n, err := plugins.Run(t.Context(), words(c.in), pipe, &life{name: "sink", events: &events}, c.handler)
		want := "open p1 open p2 open sink " + c.events + " close sink close p2 close p1"
		if got := strings.Join(events, " "); got != want || n != c.counts || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s:\ngot  %s, %+v, %v\nwant %s, %+v, %s", c.in, got, n, err, want, c.counts, c.err)
		}
	}
	var events []string
	_, err := plugins.Run(t.Context(), words("a"), plugins.Chain(&life{name: "p1", events: &events}, &life{name: "p2", events: &events, fail: "open"}), &life{name: "sink", events: &events}, nil)
	if got := strings.Join(events, " "); err == nil || got != "open p1 open p2 close p1" {
		t.Error(got, err)
	}
	if _, err := plugins.Run(t.Context(), nil, nil, nil, nil); err == nil {
		t.Error("no error for nil")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	endless := plugins.Source(func(context.Context) iter.Seq2[plugins.Message, error] {
		return func(yield func(plugins.Message, error) bool) {
			for yield(plugins.Message{Value: "a"}, nil) {
				cancel()
			}
		}
	})
	failing := pipes.Func[plugins.Message, []plugins.Message](func(ctx context.Context, m plugins.Message) ([]plugins.Message, error) {
		return []plugins.Message{m}, ctx.Err()
	})
	if _, err := plugins.Run(cancelled, endless, failing, &life{name: "sink", events: &events}, pipes.SkipOnError); !errors.Is(err, context.Canceled) {
		t.Error("a handler does not skip the end of the context:", err)
	}
	if _, err := plugins.Chain(failing).Process(t.Context(), plugins.Message{}); !errors.Is(err, pipes.ErrClosed) {
		t.Error(err)
	}
}

// A pipeline made only of registered names runs from end to end.
func TestPipelineByNames(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.jsonl"), filepath.Join(dir, "out.jsonl")
	// Golden vector G23: keep above 100, take the values, times 5 is left to expressions.
	if err := os.WriteFile(in, []byte(`{"id":"a","v":150}`+"\n\n"+`{"id":"b","v":50}`+"\n"+`{"id":"c","v":200}`+"\n"+`{"id":"a","v":150}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := plugins.Standard(plugins.Environment{})
	source, err := r.Source("file", plugins.Value(plugins.FileSourceConfig{Path: in, Key: field(t, "id")}))
	must(t, err)
	sink, err := r.Sink("file", plugins.Value(plugins.FileSinkConfig{Path: out, Sync: true}))
	must(t, err)
	var steps []plugins.Pipe
	for _, step := range []struct{ name, config string }{
		{"filter", "where: [{field: v, op: '>', value: 100}]"}, {"dedupe", "{}"}, {"map-fields", "{fields: [{copy: $id, to: from}], keep: [v, from]}"},
	} {
		p, err := r.Pipe(step.name, plugins.YAML("p.yaml", []byte(step.config)))
		must(t, err)
		steps = append(steps, p)
	}
	n, err := plugins.Run(t.Context(), source, plugins.Chain(steps...), sink, nil)
	got, _ := os.ReadFile(out)
	want := `{"from":"` + in + `/0/1","v":150}` + "\n" + `{"from":"` + in + `/0/4","v":200}` + "\n"
	if err != nil || string(got) != want || n != (plugins.Counts{Read: 4, Written: 2}) {
		t.Errorf("got %s %+v %v", got, n, err)
	}
	more, err := r.Sink("file", plugins.Value(plugins.FileSinkConfig{Path: out, Append: true}))
	must(t, err)
	if _, err := plugins.Run(t.Context(), words("x"), plugins.Chain(), more, nil); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(out); string(got) != want+"\"x\"\n" {
		t.Errorf("got %s", got)
	}
}

func field(t *testing.T, path string) *plugins.Field {
	f := &plugins.Field{}
	if err := f.UnmarshalText([]byte(path)); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFileSource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in")
	r := plugins.Standard(plugins.Environment{})
	for _, c := range []struct{ content, config, want, err string }{
		{"1\n{\"a\": 2}\n", "", "1 {\"a\":2}", ""},
		{"a b\r\n\nc", "format: text", `"a b" "c"`, ""},
		{"1\n{\n", "", "1", path + ":2: serde: JSONAny: 1 bytes (7b): jsontext: unexpected EOF after offset 1"},
		{"{\"id\":null}\n{}", "key: id", `{"id":null}`, path + ":2: id, the key, is missing"},
		{"\"abc\"\n\"abcd\"", "max_line_size: 5", `"abc"`, path + ":2: the line is longer than 5 bytes"},
		{"1\n\"" + strings.Repeat("x", 100) + "\"", "max_line_size: 5", `1`, path + ":2: the line is longer than 5 bytes"},
	} {
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := r.Source("file", plugins.YAML("s.yaml", []byte(c.config+"\npath: "+path)))
		must(t, err)
		messages, err := pipes.Collect(t.Context(), s)
		var got []string
		for _, m := range messages {
			got = append(got, text(t, m.Value))
		}
		if strings.Join(got, " ") != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%q: got %s, %v, want %s, %s", c.content, got, err, c.want, c.err)
		}
	}
	os.Remove(path)
	s, _ := r.Source("file", plugins.Value(plugins.FileSourceConfig{Path: path}))
	if _, err := pipes.Collect(t.Context(), s); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	sink, _ := r.Sink("file", plugins.Value(plugins.FileSinkConfig{Path: path + "/none"}))
	if _, err := plugins.Run(t.Context(), words("a"), plugins.Chain(), sink, nil); err == nil || !strings.Contains(err.Error(), `pipe "file": open `) {
		t.Error(err)
	}
	if err := sink.Write(t.Context(), plugins.Message{}); !errors.Is(err, pipes.ErrClosed) {
		t.Error(err)
	}
}
