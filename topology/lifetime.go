package topology

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rivusio/rivusio/pipes"
)

// lifetime opens a pipe for its first user and closes it after the last: the tasks of a process share it.
type lifetime[In, Out any] struct {
	pipe   pipes.Pipe[In, Out]
	stubs  bool // external pipes are replaced by their stubs
	mu     sync.Mutex
	users  int
	opened *pipes.Opened[In, Out]
}

const (
	openWait  = time.Minute      // for a pipe to open
	closeWait = 10 * time.Second // for a pipe to close
)

func (l *lifetime[In, Out]) begin() (*pipes.Opened[In, Out], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), openWait)
		defer cancel()
		if l.stubs {
			ctx = pipes.WithStubs(ctx)
		}
		opened, err := pipes.Open(ctx, l.pipe)
		if err != nil {
			return nil, err
		}
		l.opened = opened
	}
	l.users++
	return l.opened, nil
}

func (l *lifetime[In, Out]) end() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users > 0 {
		return nil
	}
	closed := make(chan error, 1)
	go func() { closed <- l.opened.Close() }()
	limit := time.NewTimer(closeWait)
	defer limit.Stop()
	select {
	case err := <-closed:
		return err
	case <-limit.C:
		return fmt.Errorf("pipe %q is not closed after %v, and left alone", l.opened.Name(), closeWait)
	}
}
