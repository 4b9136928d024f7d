package jsonlines

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
)

// MaxLineBytes is how long a line of input may be.
const MaxLineBytes = 16 << 20

// idle is how long no line comes before what was processed is committed.
const idle = 200 * time.Millisecond

// Pipe runs a file over lines of JSON. All fields but File, In and Out are optional.
type Pipe struct {
	File *declarative.File
	In   io.Reader
	Out  io.Writer
	Config
	// Topic is that of lines that name none. "": the only one that the file reads.
	Topic string
	// Input is the form of input lines, Output that of output lines. "": Auto, and Envelope.
	Input, Output Form
	// Key and Timestamp make the key and the timestamp (ms since the epoch) of lines that have none; nil: null, and the time of
	// reading. They are given the value.
	Key, Timestamp func(value any) (any, error)
	// CommitEvery is after how many lines there is a commit. 0: 1,000.
	CommitEvery int
	// Progress is told how far the run is. It may be read while it runs.
	Progress *Progress
}

// Progress is how far a run is.
type Progress struct {
	Read, Written, Dropped atomic.Int64

	drops []Drop
}

// Drops are the records that operators discarded on purpose, in the order of the topology. They are there when the run has
// ended, however it has.
func (p *Progress) Drops() []Drop { return p.drops }

// LineError is an error about a line of input.
type LineError struct {
	Line int64 // from 1
	Err  error
}

// Error is "line N: CAUSE".
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// Run reads all lines, or until the context ends, which is no error: what was read until then is committed and written.
func (p Pipe) Run(ctx context.Context) (err error) {
	if p.CommitEvery == 0 {
		p.CommitEvery = 1000
	}
	if p.Progress == nil {
		p.Progress = new(Progress)
	}
	if p.Topic == "" && len(p.File.Inputs) == 1 {
		p.Topic = p.File.Inputs[0].Name
	}
	if p.Now.IsZero() {
		p.Now = time.Now()
	}
	p.Beside = true
	r, err := New(p.File, p.Config)
	if err != nil {
		return err
	}
	defer func() {
		p.Progress.drops = r.Dropped()
		err = errors.Join(err, r.Close())
	}()
	run := &run{Pipe: p, r: r, out: bufio.NewWriterSize(p.Out, 1<<16), at: p.Now, begun: time.Now()}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	chunks := make(chan chunk)
	go read(reading, p.In, chunks)
	return run.all(ctx, chunks)
}

// chunk is some lines of input, whole, or what came at its end.
type chunk struct {
	lines []byte
	err   error
}

const chunkBytes = 256 << 10

// read reads whole lines until the context ends. A read of the input that waits is left behind.
func read(ctx context.Context, in io.Reader, chunks chan<- chunk) {
	send := func(c chunk) bool {
		select {
		case chunks <- c:
			return true
		case <-ctx.Done():
			return false
		}
	}
	var rest []byte
	for {
		buf := make([]byte, max(chunkBytes, 2*len(rest)))
		n := copy(buf, rest)
		m, err := in.Read(buf[n:])
		buf = buf[:n+m]
		end := bytes.LastIndexByte(buf, '\n') + 1
		if err != nil {
			end = len(buf)
		}
		rest = buf[end:]
		if len(rest) > MaxLineBytes {
			send(chunk{buf[:end], nil})
			send(chunk{nil, fmt.Errorf("longer than %d bytes", MaxLineBytes)})
			return
		}
		if end > 0 && !send(chunk{lines: buf[:end]}) {
			return
		}
		if err != nil {
			send(chunk{err: err})
			return
		}
	}
}

// run is a Pipe at work.
type run struct {
	Pipe
	r       *Runner
	out     *bufio.Writer
	at      time.Time // of the wall clock of the runner
	begun   time.Time
	moved   time.Duration // of the clock since then
	line    int64
	pending int // lines since the last commit
	buf     []byte
}

func (r *run) all(ctx context.Context, chunks <-chan chunk) error {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		timer.Reset(idle)
		select {
		case c := <-chunks:
			if err := r.chunk(c.lines); err != nil {
				return err
			}
			switch {
			case errors.Is(c.err, io.EOF):
				return r.end()
			case c.err != nil:
				return errors.Join(r.end(), &LineError{r.line + 1, c.err})
			}
		case <-timer.C:
			if err := r.commit(); err != nil {
				return err
			}
		case <-ctx.Done():
			return r.end()
		}
	}
}

func (r *run) chunk(lines []byte) error {
	for len(lines) > 0 {
		text, rest, _ := bytes.Cut(lines, []byte("\n"))
		lines = rest
		r.line++
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if err := r.one(text); r.r.ofEarlier(err) {
			return fmt.Errorf("up to line %d: %w", r.line, err)
		} else if err != nil {
			return &LineError{r.line, err}
		}
		r.Progress.Read.Add(1)
		if r.pending++; r.pending >= r.CommitEvery {
			if err := r.commit(); err != nil {
				return err
			}
		}
	}
	return nil
}

// one runs one line.
func (r *run) one(text []byte) error {
	l, err := parse(text, r.Input)
	if err != nil {
		return err
	}
	if l.topic == "" {
		if l.topic = r.Topic; l.topic == "" {
			return errors.New("it names no topic, and the topology reads several")
		}
	}
	t, err := r.r.input(l.topic)
	if err != nil {
		return err
	}
	in := operators.Input{Headers: l.headers, Timestamp: r.at.UnixMilli()}
	if in.Value, err = encode(t.Value, l.value); err != nil {
		return fmt.Errorf("value for topic %q: %w", l.topic, err)
	}
	if in.Key, err = encode(t.Key, l.key); err != nil {
		return fmt.Errorf("key for topic %q: %w", l.topic, err)
	}
	if l.timestamp != nil {
		in.Timestamp = *l.timestamp
	}
	if l.key == nil && r.Key != nil || l.timestamp == nil && r.Timestamp != nil {
		if err := r.derive(&l, t, &in); err != nil {
			return err
		}
	}
	return r.r.send(l.topic, l.partition, in)
}

// derive makes the key and the timestamp of the value.
func (r *run) derive(l *line, t declarative.Topic, in *operators.Input) error {
	value, err := serde.JSONAny().Decode(l.value)
	if err != nil {
		return err
	}
	if l.key == nil && r.Key != nil {
		key, err := r.Key(value)
		if err != nil {
			return fmt.Errorf("key: %w", err)
		}
		if in.Key, err = t.Key.Encode(key); err != nil {
			return fmt.Errorf("key for topic %q: %w", l.topic, err)
		}
	}
	if l.timestamp == nil && r.Timestamp != nil {
		ms, err := r.Timestamp(value)
		if err != nil {
			return fmt.Errorf("timestamp: %w", err)
		}
		n, ok := ms.(int64)
		if !ok {
			return fmt.Errorf("timestamp: %v is no whole number of milliseconds", ms)
		}
		in.Timestamp = n
	}
	return nil
}

// end waits for what is on its way, commits and writes.
func (r *run) end() error {
	if err := r.r.Drain(); err != nil {
		return fmt.Errorf("up to line %d: %w", r.line, err)
	}
	return r.commit()
}

// commit commits and writes what came of it.
func (r *run) commit() error {
	now := r.at.Add(time.Since(r.begun) - r.moved)
	moved := max(0, now.Sub(r.at))
	r.at, r.moved, r.pending = r.at.Add(moved), r.moved+moved, 0
	records, err := r.r.Commit(moved)
	if err != nil {
		return fmt.Errorf("up to line %d: %w", r.line, err)
	}
	for i := range records {
		if r.buf, err = records[i].AppendLine(r.buf[:0], r.Output); err != nil {
			return err
		}
		if _, err := r.out.Write(r.buf); err != nil {
			return err
		}
	}
	r.Progress.Written.Add(int64(len(records)))
	var dropped int64
	for _, d := range r.r.Dropped() {
		dropped += int64(d.Records)
	}
	r.Progress.Dropped.Store(dropped)
	return r.out.Flush()
}
