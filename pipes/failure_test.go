package pipes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/rivusio/rivusio/pipes"
)

func TestFailures(t *testing.T) {
	f := pipes.Failure{Operator: "prices", Origin: pipes.Origin{Source: "orders", Partition: 2, Offset: 17}, Err: io.ErrUnexpectedEOF}
	if got, want := f.Error(), `operator "prices", record orders/2/17: unexpected EOF`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !errors.Is(f, io.ErrUnexpectedEOF) {
		t.Error("the cause cannot be reached")
	}
	for d, want := range map[pipes.Decision]string{
		pipes.FailOnError(t.Context(), f): "fail",
		pipes.SkipOnError(t.Context(), f): "skip",
		pipes.Decision(7):                 "decision 7",
		*new(pipes.Decision):              "fail",
	} {
		if d.String() != want {
			t.Errorf("got %v, want %s", d, want)
		}
	}
}

func ExampleFailureHandler() {
	handler := pipes.FailureHandler(func(_ context.Context, f pipes.Failure) pipes.Decision {
		if errors.Is(f.Err, io.ErrUnexpectedEOF) { // cut records are of no use to anyone
			return pipes.Skip
		}
		return pipes.Fail
	})
	fmt.Println(handler(context.Background(), pipes.Failure{Err: io.ErrUnexpectedEOF}))
	fmt.Println(handler(context.Background(), pipes.Failure{Err: io.ErrClosedPipe}))
	// Output:
	// skip
	// fail
}
