package replay

import (
	"bufio"
	"bytes"
	"encoding/json/v2"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// bucketCount is into how many files the results of a side are spread by topic and key: so many times less memory does their
// comparison take than they have bytes.
const bucketCount = 128

// buckets keeps the lines of a side in files. It is an io.Writer of lines.
type buckets struct {
	dir   string
	files [bucketCount]*os.File
	to    [bucketCount]*bufio.Writer
	rest  []byte // a line that is not whole yet
	count int64
}

// bucketSeed makes both sides spread alike.
var bucketSeed = maphash.MakeSeed()

func newBuckets(dir string) (*buckets, error) {
	b := &buckets{}
	var err error
	if b.dir, err = os.MkdirTemp(dir, "rivusio-diff-"); err != nil {
		return nil, fmt.Errorf("replay: folder of the comparison: %w", err)
	}
	for i := range b.files {
		if b.files[i], err = os.Create(filepath.Join(b.dir, strconv.Itoa(i))); err != nil {
			return nil, errors.Join(fmt.Errorf("replay: file of the comparison: %w", err), b.close())
		}
		b.to[i] = bufio.NewWriterSize(b.files[i], 16<<10)
	}
	return b, nil
}

func (b *buckets) close() error {
	var errs []error
	for _, f := range b.files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// Write takes lines, of which the last one need not be whole.
func (b *buckets) Write(p []byte) (int, error) {
	n := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			b.rest = append(b.rest, p...)
			return n, nil
		}
		line := p[:end]
		if len(b.rest) > 0 {
			b.rest = append(b.rest, line...)
			line = b.rest
		}
		if err := b.line(line); err != nil {
			return 0, err
		}
		b.rest, p = b.rest[:0], p[end+1:]
	}
}

func (b *buckets) line(line []byte) error {
	l, err := parseLine(line)
	if err != nil {
		return err
	}
	var h maphash.Hash
	h.SetSeed(bucketSeed)
	h.WriteString(l.id())
	to := b.to[h.Sum64()%bucketCount]
	to.Write(strconv.AppendInt(to.AvailableBuffer(), b.count, 10))
	to.WriteByte(' ')
	to.Write(line)
	b.count++
	if err := to.WriteByte('\n'); err != nil {
		return fmt.Errorf("replay: file of the comparison: %w", err)
	}
	return nil
}

// id is the topic and the key.
func (l *Line) id() string { return l.Topic + "\x00" + string(l.Key) }

func parseLine(line []byte) (l Line, err error) {
	if err := json.Unmarshal(line, &l); err != nil {
		return l, fmt.Errorf("replay: a result is no line of JSON as it has to be: %.200q: %w", line, err)
	}
	return l, nil
}

// flush writes what is buffered. What was written has to end with a whole line.
func (b *buckets) flush() error {
	if len(b.rest) > 0 {
		return fmt.Errorf("replay: the results end in the middle of a line: %.200q", b.rest)
	}
	for _, w := range b.to {
		if err := w.Flush(); err != nil {
			return fmt.Errorf("replay: file of the comparison: %w", err)
		}
	}
	return nil
}

// read is a bucket by topic and key, in the order in which the lines were written.
func (b *buckets) read(i int) (map[string][]Line, error) {
	if _, err := b.files[i].Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("replay: file of the comparison: %w", err)
	}
	all, err := io.ReadAll(b.files[i])
	if err != nil {
		return nil, fmt.Errorf("replay: file of the comparison: %w", err)
	}
	lines := make(map[string][]Line)
	for line := range bytes.Lines(all) {
		ordinal, text, _ := bytes.Cut(line, []byte(" "))
		l, err := parseLine(text)
		if err != nil {
			return nil, err
		}
		if l.ordinal, err = strconv.ParseInt(string(ordinal), 10, 64); err != nil {
			return nil, fmt.Errorf("replay: file of the comparison: %w", err)
		}
		lines[l.id()] = append(lines[l.id()], l)
	}
	return lines, nil
}
