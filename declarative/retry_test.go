package declarative_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/jsonlines"
	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
)

// A step through calls its pipe again as its retry says, and only then asks on_error.
func TestThroughWithRetry(t *testing.T) {
	for _, c := range []struct{ name, keys, calls, want, err string }{
		{"again", "retry: {attempts: 3, delay: 2s, jitter: 0}}", "0s 2s 6s", "x", ""},
		{"not often enough", "retry: {attempts: 2, delay: 2s, jitter: 0}}", "0s 2s", "", "busy (attempt 2)"},
		{"not often enough, and skipped", "retry: {attempts: 2, delay: 2s, jitter: 0}}, on_error: skip", "0s 2s", "", ""},
		{"once", "keeps_keys: true}", "0s", "", "busy"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var calls []string
			began := time.Now()
			var registry plugins.Registry
			if err := registry.AddPipe("flaky", "Fails twice.", func(plugins.NoConfig) (plugins.Pipe, error) {
				return pipes.Func[plugins.Message, []plugins.Message](func(_ context.Context, m plugins.Message) ([]plugins.Message, error) {
					if calls = append(calls, time.Since(began).String()); len(calls) < 3 {
						return nil, errors.New("busy")
					}
					return []plugins.Message{m}, nil
				}), nil
			}); err != nil {
				t.Fatal(err)
			}
			f, err := declarative.Load("f.yaml", []byte("application: a\nstreams:\n  s: {topic: in, steps: [{through: {pipe: flaky, "+c.keys+"}, {to: out}]}\n"), declarative.Plugins(&registry))
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			err = jsonlines.Pipe{File: f, In: strings.NewReader(`"x"`), Out: &out, Output: jsonlines.Bare}.Run(t.Context())
			if (err == nil) != (c.err == "") || err != nil && !strings.HasSuffix(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", c.name, err, c.err)
			}
			if got := strings.Join(calls, " "); got != c.calls || strings.Trim(out.String(), "\"\n") != c.want {
				t.Errorf("%s: calls at %s, out %s, want %s and %s", c.name, got, out.String(), c.calls, c.want)
			}
		})
	}
	_, err := declarative.Load("f.yaml", []byte("application: a\nstreams:\n  s: {topic: in, steps: [through: {pipe: log, retry: {attempts: 0}}, to: out]}\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "f.yaml:3:65: ") || !strings.Contains(err.Error(), "retry.attempts: 0 is less than 1") {
		t.Error(err)
	}
}
