package pipes

import (
	"bufio"
	"context"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
)

// maxLineBytes bounds a line of JSON.
const maxLineBytes = 16 << 20

// Lines reads JSON lines: a value in each line. Empty lines are skipped. An error names the line. The context is looked at
// between lines: a reader that waits is waited for. Another run goes on where the last one ended, or later, for it reads ahead.
func Lines[T any](r io.Reader) Stream[T] {
	return stream(func(ctx context.Context, yield func(T, error) bool) {
		in := bufio.NewScanner(r)
		in.Buffer(nil, maxLineBytes)
		number := 0
		for in.Scan() {
			number++
			if len(in.Bytes()) == 0 {
				continue
			}
			var v T
			err := ctx.Err()
			if err == nil {
				if err = json.Unmarshal(in.Bytes(), &v); err != nil {
					err = fmt.Errorf("line %d: %w", number, err)
				}
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
		if err := in.Err(); err != nil {
			if errors.Is(err, bufio.ErrTooLong) {
				err = fmt.Errorf("it is longer than %d bytes", maxLineBytes)
			}
			yield(*new(T), fmt.Errorf("line %d: %w", number+1, err))
		}
	})
}

// WriteLines writes items as JSON lines, until the first error, and returns how many it wrote.
func WriteLines[T any](ctx context.Context, w io.Writer, items Stream[T]) (n int, err error) {
	out := bufio.NewWriter(w)
	for item, err := range items(ctx) {
		if err != nil {
			return n, errors.Join(err, out.Flush())
		}
		if err := json.MarshalWrite(out, item); err != nil {
			return n, errors.Join(fmt.Errorf("line %d: %w", n+1, err), out.Flush())
		}
		if err := out.WriteByte('\n'); err != nil {
			return n, fmt.Errorf("line %d: %w", n+1, err)
		}
		n++
	}
	return n, out.Flush()
}
