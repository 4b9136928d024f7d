package jsonlines_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/jsonlines"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
)

// slow is a file whose pipe waits 10 ms for each record.
func slow(t *testing.T, process func(m plugins.Message) error) *declarative.File {
	t.Helper()
	registry := &plugins.Registry{}
	wait := func(ctx context.Context, m plugins.Message) ([]plugins.Message, error) {
		select {
		case <-time.After(10 * time.Millisecond):
			return []plugins.Message{m}, process(m)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := registry.AddPipe("wait", "Waits.", func(struct{}) (plugins.Pipe, error) {
		return pipes.Func[plugins.Message, []plugins.Message](wait), nil
	}); err != nil {
		t.Fatal(err)
	}
	f, err := declarative.Load("f.yaml", []byte(`
application: slow
streams:
  s:
    topic: in
    steps:
      - through: {pipe: wait, concurrency: 50, store: flights}
      - to: out
`), declarative.Plugins(registry))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Lines are read while a pipe with concurrency works on those before; each key keeps its order.
func TestPipeWithConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		var in strings.Builder
		for i := range n {
			fmt.Fprintf(&in, `{"key":"k%d","value":%d}`+"\n", i%200, i)
		}
		began := time.Now()
		p := jsonlines.Pipe{File: slow(t, func(plugins.Message) error { return nil })}
		out, err := run(t, p, in.String())
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*n/50*10*time.Millisecond {
			t.Errorf("%d lines took %v", n, took)
		}
		last := make(map[string]int)
		for line := range strings.Lines(out) {
			var key string
			var value int
			if _, err := fmt.Sscanf(line, `{"topic":"out","key":"k%3s`, &key); err != nil {
				t.Fatal(line, err)
			}
			key, _, _ = strings.Cut(key, `"`)
			if _, err := fmt.Sscan(line[strings.Index(line, `"value":`)+8:strings.Index(line, `,"timestamp"`)], &value); err != nil {
				t.Fatal(line, err)
			}
			if before, seen := last[key]; seen && value != before+200 {
				t.Errorf("key %s: %d comes after %d", key, value, before)
			}
			last[key] = value
		}
		if got := strings.Count(out, "\n"); got != n {
			t.Errorf("%d results of %d lines", got, n)
		}
	})
}

// A failure that shows when later lines have been read does not blame the last of them.
func TestFailureOfAnEarlierLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := jsonlines.Pipe{File: slow(t, func(m plugins.Message) error {
			if m.Value == int64(2) {
				return errors.New("no")
			}
			return nil
		})}
		_, err := run(t, p, "1\n2\n3\n4\n")
		if err == nil || !strings.HasPrefix(err.Error(), "up to line 4: ") || !strings.Contains(err.Error(), `topic "in", partition 0, offset 1`) {
			t.Error(err)
		}
	})
}
