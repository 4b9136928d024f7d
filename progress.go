package rivusio

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/rivusio/rivusio/declarative/jsonlines"
)

// redraw is how often progress is drawn.
const redraw = 250 * time.Millisecond

// showProgress draws how far a run is, on one line of a terminal, until the function that it returns is called; that leaves
// the last state there.
func showProgress(to io.Writer, line func(took time.Duration) string) (stop func()) {
	begun := time.Now()
	ended := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		ticker := time.NewTicker(redraw)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				fmt.Fprintf(to, "\r\x1b[K%s\n", line(time.Since(begun)))
				return
			case <-ticker.C:
				fmt.Fprintf(to, "\r\x1b[K%s", line(time.Since(begun)))
			}
		}
	})
	return func() {
		close(ended)
		done.Wait()
	}
}

// progressLine says how far a run is.
func progressLine(p *jsonlines.Progress, took time.Duration) string {
	read := p.Read.Load()
	rate := int64(float64(read) / max(took.Seconds(), 0.001))
	line := fmt.Sprintf("%s lines read, %s records written, %s lines/s, %v", grouped(read), grouped(p.Written.Load()), grouped(rate), took.Truncate(100*time.Millisecond))
	if dropped := p.Dropped.Load(); dropped > 0 {
		line += fmt.Sprintf(", %s dropped", grouped(dropped))
	}
	return line
}

// grouped writes a number of 0 or more with commas between thousands.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
