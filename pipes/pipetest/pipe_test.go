package pipetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/pipes/pipetest"
)

func TestPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom, cut := errors.New("boom"), errors.New("cut")
		p := &pipetest.Pipe[int, string]{
			Return: func(n int) string { return fmt.Sprint("n", n) },
			Fail: func(call, n int) error {
				if call == 4 {
					return boom
				}
				return nil
			},
			Delay: time.Second,
		}
		began := time.Now()
		got, err := pipes.Collect(t.Context(), pipes.Concurrent[int, string](2, pipes.InOrder, pipetest.Stream(cut, 1, 2, 3), p))
		if fmt.Sprint(got) != "[n1 n2 n3]" || !errors.Is(err, cut) || time.Since(began) != 2*time.Second {
			t.Error(got, err, time.Since(began))
		}
		if opened, closed := p.Lifetimes(); p.AtOnce() != 2 || len(p.Calls()) != 3 || opened != 1 || closed != 1 {
			t.Error(p.AtOnce(), p.Calls(), opened, closed)
		}
		if _, err := p.Process(t.Context(), 4); !errors.Is(err, boom) {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := p.Process(ctx, 5); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if s, err := new(pipetest.Pipe[int, string]).Process(t.Context(), 1); s != "" || err != nil {
			t.Error(s, err)
		}
	})
}

func ExamplePipe() {
	p := &pipetest.Pipe[string, int]{
		Return: func(s string) int { return len(s) },
		Fail: func(call int, _ string) error {
			if call == 1 {
				return errors.New("not yet")
			}
			return nil
		},
	}
	patient, err := pipes.Retry(pipes.RetryPolicy{Retries: 1}, pipes.Pipe[string, int](p))
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := patient.Process(context.Background(), "four")
	fmt.Println(n, err, p.Calls())
	// Output: 4 <nil> [four four]
}
