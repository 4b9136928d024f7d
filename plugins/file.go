package plugins

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
)

// FileSourceConfig configures the source file.
type FileSourceConfig struct {
	Path    string `yaml:"path" required:"true" doc:"the file"`
	Format  string `yaml:"format" enum:"json,text" default:"json" doc:"what a line is: a JSON value, or a text"`
	Key     *Field `yaml:"key" doc:"part of the value that is the key of the message; it must be there"`
	MaxLine int64  `yaml:"max_line_size" unit:"bytes" default:"1MiB" min:"1" max:"1GiB" doc:"a longer line is an error"`
}

func newFileSource(c FileSourceConfig) (Source, error) {
	if c.Key != nil && !c.Key.inValue() {
		return nil, &KeyError{Key: "key", Err: fmt.Errorf("%v is no part of the value", c.Key)}
	}
	return func(ctx context.Context) iter.Seq2[Message, error] {
		return func(yield func(Message, error) bool) {
			f, err := os.Open(c.Path)
			if err != nil {
				yield(Message{}, err)
				return
			}
			defer f.Close()
			l := lines{source: c.Path, json: c.Format == "json", key: c.Key, max: c.MaxLine}
			l.read(ctx, f, yield)
		}
	}, nil
}

// lines makes a message of each line that is not empty.
type lines struct {
	source string
	json   bool
	key    *Field
	max    int64
}

// read gives messages to yield, and an error as the last. An error names source and line.
func (l *lines) read(ctx context.Context, r io.Reader, yield func(Message, error) bool) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, min(l.max, 64<<10)), int(l.max)+2) // with the end of line
	number := int64(0)
	fail := func(err error) { yield(Message{}, fmt.Errorf("%s:%d: %w", l.source, number, err)) }
	for in.Scan() {
		number++
		line := in.Bytes()
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			yield(Message{}, err)
			return
		}
		m, err := l.message(line, number)
		if err != nil {
			fail(err)
			return
		}
		if !yield(m, nil) {
			return
		}
	}
	if err := in.Err(); err != nil {
		number++
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("the line is longer than %d bytes", l.max)
		}
		fail(err)
	}
}

func (l *lines) message(line []byte, number int64) (Message, error) {
	m := Message{Value: string(line), Origin: pipes.Origin{Source: l.source, Offset: number}}
	if int64(len(line)) > l.max {
		return m, fmt.Errorf("the line is longer than %d bytes", l.max)
	}
	if l.json {
		var err error
		if m.Value, err = serde.JSONAny().Decode(line); err != nil {
			return m, err
		}
	}
	if l.key != nil {
		key, ok := l.key.Get(&m)
		if !ok {
			return m, fmt.Errorf("%v, the key, is missing", *l.key)
		}
		m.Key = key
	}
	return m, nil
}

// FileSinkConfig configures the sink file.
type FileSinkConfig struct {
	Path   string `yaml:"path" required:"true" doc:"the file"`
	Append bool   `yaml:"append" default:"false" doc:"whether lines are added to a file that is there; else it is written anew"`
	Sync   bool   `yaml:"sync" default:"false" doc:"whether a flush waits for the disk"`
}

// fileSink writes each value as a line of JSON.
type fileSink struct {
	FileSinkConfig
	file *os.File
	out  *bufio.Writer
	line []byte
}

func newFileSink(c FileSinkConfig) (Sink, error) { return &fileSink{FileSinkConfig: c}, nil }

func (s *fileSink) Name() string { return "file" }

func (s *fileSink) Open(context.Context) error {
	how := os.O_TRUNC
	if s.Append {
		how = os.O_APPEND
	}
	f, err := os.OpenFile(s.Path, os.O_WRONLY|os.O_CREATE|how, 0o644)
	if err != nil {
		return err
	}
	s.file, s.out = f, bufio.NewWriter(f)
	return nil
}

func (s *fileSink) Write(_ context.Context, m Message) error {
	if s.out == nil {
		return pipes.ErrClosed
	}
	line, err := appendLine(s.line[:0], m.Value)
	if err != nil {
		return fmt.Errorf("%s: message %v: %w", s.Path, m.Origin, err)
	}
	s.line = line
	_, err = s.out.Write(line)
	return err
}

// appendLine appends a value as a line of JSON.
func appendLine(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return append(dst, "null\n"...), nil
	}
	dst, err := serde.JSONAny().Append(dst, v)
	return append(dst, '\n'), err
}

func (s *fileSink) Flush(context.Context) error {
	if s.out == nil {
		return pipes.ErrClosed
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	if s.Sync {
		return s.file.Sync()
	}
	return nil
}

func (s *fileSink) Close() error {
	if s.out == nil {
		return nil
	}
	err := errors.Join(s.Flush(context.Background()), s.file.Close())
	s.file, s.out = nil, nil
	return err
}
