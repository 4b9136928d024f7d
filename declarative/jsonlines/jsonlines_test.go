package jsonlines_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/jsonlines"
)

func load(t testing.TB, text string) *declarative.File {
	t.Helper()
	f, err := declarative.Load("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const counts = `
application: counts
streams:
  s:
    topic: in
    steps:
      - group_by: value.word
        name: words
      - count: {store: counts}
      - to_stream:
      - to: out
`

func run(t testing.TB, p jsonlines.Pipe, in string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	p.In, p.Out = strings.NewReader(in), &out
	if p.Now.IsZero() {
		p.Now = time.UnixMilli(5)
	}
	err := p.Run(t.Context())
	return out.String(), err
}

func TestPipe(t *testing.T) {
	value := func(of string) func(any) (any, error) {
		f, err := declarative.Expression("--flag", of)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	copies := "application: copy\nstreams:\n  s: {topic: in, steps: [to: out]}\n"
	two := "application: two\nstreams:\n  a: {topic: a, steps: [to: out]}\n  b: {topic: b, value_serde: string, key_serde: int64, steps: [to: {choose: '\"c-\" + value'}]}\n"
	for _, c := range []struct {
		name, file string
		pipe       jsonlines.Pipe
		in, out    string
	}{
		{"values", copies, jsonlines.Pipe{}, "{\"a\": 1}\n\n[2]\n\"x\"", `{"topic":"out","key":null,"value":{"a":1},"timestamp":5,"partition":0}
{"topic":"out","key":null,"value":[2],"timestamp":5,"partition":0}
{"topic":"out","key":null,"value":"x","timestamp":5,"partition":0}
`},
		{"envelopes", copies, jsonlines.Pipe{}, `{"key":"k","value":{"a":1},"timestamp":9,"headers":{"h":"x","g":"y"}}` + "\r\n" + `{"value":null,"key":"k","topic":"in","partition":0}`, `{"topic":"out","key":"k","value":{"a":1},"timestamp":9,"headers":{"g":"y","h":"x"},"partition":0}
{"topic":"out","key":"k","value":null,"timestamp":5,"partition":0}
`},
		{"an object with more than an envelope has is a value", copies, jsonlines.Pipe{Output: jsonlines.Bare}, `{"key":"k","value":1,"more":2}` + "\n" + `{"key":"k"}`, `{"key":"k","more":2,"value":1}` + "\n" + `{"key":"k"}` + "\n"},
		{"values that look like envelopes", copies, jsonlines.Pipe{Input: jsonlines.Bare, Output: jsonlines.Bare}, `{"key":"k","value":1}`, `{"key":"k","value":1}` + "\n"},
		{"keys and timestamps of expressions", copies, jsonlines.Pipe{Key: value("value.id"), Timestamp: value("value.at + 1")}, `{"id":"k","at":7}` + "\n" + `{"value":{"id":"k","at":7},"key":"own","timestamp":1}`, `{"topic":"out","key":"k","value":{"at":7,"id":"k"},"timestamp":8,"partition":0}
{"topic":"out","key":"own","value":{"at":7,"id":"k"},"timestamp":1,"partition":0}
`},
		{"several topics and serdes, in the order of the input", two, jsonlines.Pipe{Topic: "a"}, `{"topic":"b","key":5,"value":"x"}` + "\n" + `{"a":1}` + "\n" + `{"topic":"b","key":6,"value":"y"}`, `{"topic":"c-x","key":5,"value":"x","timestamp":5,"partition":0}
{"topic":"out","key":null,"value":{"a":1},"timestamp":5,"partition":0}
{"topic":"c-y","key":6,"value":"y","timestamp":5,"partition":0}
`},
		{"state", counts, jsonlines.Pipe{}, `{"word":"a"}` + "\n" + `{"word":"b"}` + "\n" + `{"word":"a"}`, `{"topic":"out","key":"a","value":1,"timestamp":5,"partition":0}
{"topic":"out","key":"b","value":1,"timestamp":5,"partition":0}
{"topic":"out","key":"a","value":2,"timestamp":5,"partition":0}
`},
	} {
		c.pipe.File = load(t, c.file)
		if out, err := run(t, c.pipe, c.in); err != nil || out != c.out {
			t.Errorf("%s: %v\ngot  %swant %s", c.name, err, out, c.out)
		}
	}
}

// A bad line is an error that names it; what was committed before has been written.
func TestPipeErrors(t *testing.T) {
	two := "application: two\nstreams:\n  a: {topic: a, steps: [to: out]}\n  b: {topic: b, key_serde: int64, steps: [to: out2]}\n"
	for _, c := range []struct{ file, in, out, want string }{
		{counts, "{\"word\":\"a\"}\n{\"word\":\"b\"}\nnonsense\n", "a b", `line 3: `},
		{counts, "{\"word\":\"a\"}\n{\"word\":\"b\"}\n{\"word\":{}}\n", "a b", `line 3: operator "words-repartition-sink"`},
		{counts, `{"topic":"other","value":1}`, "", `line 1: the topology does not read topic "other", but "in"`},
		{counts, `{"value":1,"timestamp":"noon"}`, "", `line 1: timestamp: "noon" is no whole number of milliseconds`},
		{counts, `{"value":1,"headers":[1]}`, "", `line 1: headers: want an object of texts`},
		{counts, `{"value":1,"partition":7}`, "", `line 1: topic "in" has 1 partitions and no partition 7`},
		{two, `{"a":1}`, "", "line 1: it names no topic, and the topology reads several"},
		{two, `{"topic":"b","key":"x","value":1}`, "", `line 1: key for topic "b": the serde int64 cannot write the text "x"`},
	} {
		out, err := run(t, jsonlines.Pipe{File: load(t, c.file), CommitEvery: 1, Output: jsonlines.Envelope}, c.in)
		line := (*jsonlines.LineError)(nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &line) {
			t.Errorf("%s: got %v\nwant %s", c.in, err, c.want)
		}
		for _, key := range strings.Fields(c.out) {
			if !strings.Contains(out, `"key":"`+key+`"`) {
				t.Errorf("%s: what came before the mistake was not written: %s", c.in, out)
			}
		}
	}
	endless := io.MultiReader(strings.NewReader(`"`), zeros{})
	err := jsonlines.Pipe{File: load(t, counts), In: endless, Out: io.Discard}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("line 1: longer than %d bytes", jsonlines.MaxLineBytes)) {
		t.Errorf("an endless line: %v", err)
	}
}

// zeros is an endless line.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// What was processed is written when no line comes for a while, and when the run is stopped.
func TestPipeWritesWhileTheInputWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, feed := io.Pipe()
		var out bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- jsonlines.Pipe{File: load(t, counts), In: in, Out: &out}.Run(ctx) }()
		for i := 1; i <= 2; i++ {
			feed.Write([]byte("{\"word\":\"a\"}\n"))
			time.Sleep(time.Second)
			synctest.Wait()
			if got := strings.Count(out.String(), "\n"); got != i {
				t.Errorf("%d lines were written, want %d", got, i)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		feed.Close()
	})
}

// generated is lines that are made while they are read.
type generated struct {
	lines, at int
	rest      []byte
	peakBytes uint64 // of the heap, after a collection, at some points
}

func (g *generated) Read(p []byte) (int, error) {
	if len(g.rest) == 0 {
		if g.at == g.lines {
			return 0, io.EOF
		}
		var b bytes.Buffer
		for range min(1000, g.lines-g.at) {
			fmt.Fprintf(&b, `{"word":"w%d","number":%d}`+"\n", g.at%50, g.at)
			g.at++
		}
		g.rest = b.Bytes()
		if g.at%10_000 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			g.peakBytes = max(g.peakBytes, m.HeapAlloc)
		}
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// However long the input, memory is that of the state and of one commit.
func TestPipeIsBoundedInMemory(t *testing.T) {
	peak := func(lines int) uint64 {
		g := &generated{lines: lines}
		p := jsonlines.Pipe{File: load(t, counts), In: g, Out: io.Discard, Progress: new(jsonlines.Progress)}
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if read, written := p.Progress.Read.Load(), p.Progress.Written.Load(); read != int64(lines) || written != int64(lines) {
			t.Errorf("%d lines read and %d written, want %d", read, written, lines)
		}
		return g.peakBytes
	}
	small, large := peak(10_000), peak(60_000)
	if large > small+3<<20 { // 50,000 lines more are more than 10 MB in topics
		t.Errorf("the heap had %d bytes with 10,000 lines and %d with 60,000", small, large)
	}
}

// State on disk gives the same results as state in memory, and does not see what an earlier run has left.
func TestPipeWithStateOnDisk(t *testing.T) {
	in := strings.Repeat("{\"word\":\"a\"}\n{\"word\":\"b\"}\n", 20)
	inMemory, err := run(t, jsonlines.Pipe{File: load(t, counts)}, in)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for range 2 {
		onDisk, err := run(t, jsonlines.Pipe{File: load(t, counts), Config: jsonlines.Config{StateDir: dir}}, in)
		if err != nil || onDisk != inMemory {
			t.Fatalf("%v\non disk   %s\nin memory %s", err, onDisk, inMemory)
		}
	}
}

func ExamplePipe_Run() {
	f, err := declarative.Load("large.yaml", []byte(`
application: large
streams:
  orders:
    topic: orders
    steps:
      - filter: value.cents > 100
      - to: large-orders
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	in := strings.NewReader("{\"id\":\"a\",\"cents\":50}\n{\"id\":\"b\",\"cents\":500}\n")
	var out bytes.Buffer
	err = jsonlines.Pipe{File: f, In: in, Out: &out, Output: jsonlines.Bare}.Run(context.Background())
	fmt.Print(out.String(), err)
	// Output:
	// {"cents":500,"id":"b"}
	// <nil>
}

func BenchmarkPipe(b *testing.B) {
	f := load(b, "application: a\nstreams:\n  s:\n    topic: in\n    steps:\n      - filter: value.number >= 0\n      - map_values: {word: upper(value.word), twice: value.number * 2}\n      - to: out\n")
	p := jsonlines.Pipe{File: f, In: &generated{lines: b.N}, Out: io.Discard}
	b.ReportAllocs()
	if err := p.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
}
