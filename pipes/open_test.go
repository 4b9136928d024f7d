package pipes_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rivusio/rivusio/pipes"
)

// life is a pipe that writes down what is done to it.
type life struct {
	name                         string
	log                          *[]string
	failOpen, failClose, panicky bool
}

func (l *life) Name() string { return l.name }

func (l *life) Open(context.Context) error {
	*l.log = append(*l.log, "open "+l.name)
	if l.failOpen {
		return errBoom
	}
	return nil
}

func (l *life) Close() error {
	*l.log = append(*l.log, "close "+l.name)
	if l.failClose {
		return errBoom
	}
	return nil
}

func (l *life) Process(_ context.Context, n int) (int, error) {
	if l.panicky {
		panic("no " + l.name)
	}
	return n, nil
}

func TestLifetimes(t *testing.T) {
	var log []string
	a, b, c := &life{name: "a", log: &log}, &life{name: "b", log: &log}, &life{name: "c", log: &log}
	chain := func() pipes.Pipe[int, int] {
		return pipes.Chain(pipes.Chain(a, must(pipes.Retry(pipes.RetryPolicy{Retries: 1}, pipes.Pipe[int, int](b)))), must(pipes.Sequence[int](c, a)))
	}
	const opened, closed = "open a,open b,open c,", "close c,close b,close a"
	check := func(what, want string) {
		t.Helper()
		equal(t, what, strings.Join(log, ","), want)
		log = nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	runs := map[string]func() error{
		"to the end": func() error {
			_, err := pipes.Collect(t.Context(), pipes.Each(pipes.Slice(upTo(3)), chain()))
			return err
		},
		"after a break": func() error {
			for range pipes.Each(pipes.Slice(upTo(3)), chain())(t.Context()) {
				break
			}
			return nil
		},
		"after a panic of the caller": func() (err error) {
			defer func() { err, _ = recover().(error) }()
			for range pipes.Concurrent(2, pipes.InOrder, pipes.Slice(upTo(3)), chain())(t.Context()) {
				panic(nil)
			}
			return nil
		},
		"after an error": func() error {
			_, err := pipes.Collect(t.Context(), pipes.Each(pipes.Slice(upTo(3)), pipes.Chain(chain(), failOn(1))))
			if !errors.Is(err, errBoom) {
				t.Error(err)
			}
			return nil
		},
		"when the context ends": func() error {
			cancel()
			for _, s := range []pipes.Stream[int]{pipes.Each(pipes.Channel(make(chan int)), chain())} {
				if _, err := pipes.Collect(ctx, s); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
			return nil
		},
	}
	for name, run := range runs {
		err := run()
		if name != "after a panic of the caller" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		check(name, opened+closed)
	}

	c.failOpen = true
	if _, err := pipes.Open(t.Context(), chain()); err == nil || err.Error() != `open: pipe "c": boom` {
		t.Error(err)
	}
	check("open fails", opened+"close b,close a")
	c.failOpen, b.failClose = false, true
	if _, err := pipes.Collect(t.Context(), pipes.Each(pipes.Slice(upTo(1)), chain())); err == nil || err.Error() != `close: pipe "b": boom` {
		t.Error(err)
	}
	check("close fails", opened+closed)
}

func TestPanicsAreErrors(t *testing.T) {
	var log []string
	p := &life{name: "p", log: &log, panicky: true}
	for name, s := range map[string]pipes.Stream[int]{
		"one by one": pipes.Each(pipes.Slice(upTo(2)), pipes.Pipe[int, int](p)), "concurrent": pipes.Concurrent(2, pipes.Unordered, pipes.Slice(upTo(2)), pipes.Pipe[int, int](p)),
	} {
		_, err := pipes.Collect(t.Context(), s)
		var failed *pipes.Error
		if !errors.As(err, &failed) || failed.Pipe != "p" || !strings.Contains(err.Error(), "no p") || !strings.Contains(string(failed.Stack), "Process") {
			t.Errorf("%s: %v", name, err)
		}
	}
	source := pipes.Stream[int](func(context.Context) iter.Seq2[int, error] { panic("no source") })
	for name, collect := range map[string]func() error{
		"batch": func() error { _, err := pipes.Collect(t.Context(), pipes.Batch(2, 1, source)); return err },
		"concurrent": func() error {
			_, err := pipes.Collect(t.Context(), pipes.Concurrent(2, pipes.InOrder, source, failOn(0)))
			return err
		},
	} {
		if err := collect(); err == nil || !strings.Contains(err.Error(), "no source") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// No goroutine is left when a caller stops early: the bubble would not end.
func TestCallersMayStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		items := make(chan int, 3)
		for i := range 3 {
			items <- i
		}
		for range pipes.Concurrent(2, pipes.Unordered, pipes.Channel(items), failOn(-1))(t.Context()) {
			break
		}
		items <- 9
		for range pipes.Batch(1, 0, pipes.Channel(items))(t.Context()) {
			break
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for name, s := range map[string]pipes.Stream[int]{
			"concurrent": pipes.Concurrent(2, pipes.Unordered, pipes.Channel(make(chan int)), failOn(-1)),
			"slice":      pipes.Slice(upTo(3)),
		} {
			if _, err := pipes.Collect(ctx, s); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := pipes.Collect(ctx, pipes.Batch(2, 1, pipes.Channel(make(chan int)))); !errors.Is(err, context.Canceled) {
			t.Errorf("batch: %v", err)
		}
	})
}

func TestLines(t *testing.T) {
	type row struct {
		N int `json:"n"`
	}
	rows := pipes.Lines[row](strings.NewReader("{\"n\":1}\n\n{\"n\":2}\n{\"n\":\"x\"}\n{\"n\":3}\n"))
	var out strings.Builder
	n, err := pipes.WriteLines(t.Context(), &out, pipes.Each(rows, pipes.Func[row, row](func(_ context.Context, r row) (row, error) {
		return row{r.N * 10}, nil
	})))
	equal(t, "written", out.String(), "{\"n\":10}\n{\"n\":20}\n")
	if n != 2 || err == nil || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("%d lines, %v", n, err)
	}
}

// What does not fit does not compile.
func TestPipesThatDoNotFitDoNotCompile(t *testing.T) {
	code := func(second string) string {
		return `package misfit

import (
	"context"

	"github.com/rivusio/rivusio/pipes"
)

var first = pipes.Func[int, string](func(context.Context, int) (string, error) { return "", nil })
var second = pipes.Func[` + second + `, bool](func(context.Context, ` + second + `) (bool, error) { return false, nil })
var _ pipes.Pipe[int, bool] = pipes.Chain(first, second)
`
	}
	for second, fits := range map[string]bool{"string": true, "float64": false} {
		file := filepath.Join(t.TempDir(), "misfit.go")
		if err := os.WriteFile(file, []byte(code(second)), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("go", "build", file).CombinedOutput()
		if (err == nil) != fits || !fits && !strings.Contains(string(out), "Pipe[string,") {
			t.Errorf("a pipe to string and then one from %s: %v\n%s", second, err, out)
		}
	}
}
