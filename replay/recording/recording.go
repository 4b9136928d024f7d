package recording

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
)

// version is that of the form.
const version = 1

// Header is what a recording begins with.
type Header struct {
	Version    int              `json:"rivusio_recording"` // set by [NewWriter]
	Partitions map[string]int32 `json:"partitions"`        // of the topics
	Ranges     []Range          `json:"ranges,omitempty"`  // that were recorded
	State      *State           `json:"state,omitempty"`   // that was recorded; nil: none
}

// Range is a part of a partition: the offsets From up to To, without To. Those from Warm up to From bring the state up to the
// slice; Warm equal to From is none.
type Range struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Warm      int64  `json:"warm"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
}

// State is what an application had committed. Its rows are records of the recording.
type State struct {
	Application string     `json:"application"`
	Positions   []Position `json:"positions"`
	Globals     []Position `json:"globals,omitempty"`    // ends of the topics of global stores as of then
	Changelogs  []string   `json:"changelogs,omitempty"` // topics whose records are rows of stores
}

// Position is a committed offset.
type Position struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Metadata  string `json:"metadata,omitempty"`
}

// Record is a record of a topic.
type Record struct {
	Topic     string         `json:"topic"`
	Partition int32          `json:"partition"`
	Offset    int64          `json:"offset"`
	Timestamp int64          `json:"timestamp"` // ms since the epoch
	Key       Content        `json:"key"`
	Value     Content        `json:"value"`
	Headers   []RecordHeader `json:"headers,omitempty"`
}

// RecordOf is a record as a recording has it. It keeps the slices.
func RecordOf(topic string, partition int32, in *operators.Input) Record {
	r := Record{Topic: topic, Partition: partition, Offset: in.Offset, Timestamp: in.Timestamp, Key: in.Key, Value: in.Value}
	for _, h := range in.Headers {
		r.Headers = append(r.Headers, RecordHeader{h.Key, h.Value})
	}
	return r
}

// Input is the record as tasks take it. It shares the slices.
func (r *Record) Input() operators.Input {
	in := operators.Input{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp, Offset: r.Offset}
	for _, h := range r.Headers {
		in.Headers = append(in.Headers, operators.Header{Key: h.Key, Value: h.Value})
	}
	return in
}

// RecordHeader is a header of a record.
type RecordHeader struct {
	Key   string  `json:"key"`
	Value Content `json:"value"`
}

// Content is bytes as JSON; nil is null.
type Content []byte

// MarshalJSON implements json.Marshaler.
func (c Content) MarshalJSON() ([]byte, error) { return serde.ViewOf[[]byte](nil)(nil, c) }

// UnmarshalJSON implements json.Unmarshaler.
func (c *Content) UnmarshalJSON(b []byte) error {
	switch jsontext.Value(b).Kind() {
	case 'n':
		*c = nil
		return nil
	case '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*c = append(Content{}, s...)
		return nil
	}
	var o struct {
		Base64 *string `json:"base64"`
	}
	if err := json.Unmarshal(b, &o, json.RejectUnknownMembers(true)); err != nil {
		return err
	}
	if o.Base64 == nil {
		return errors.New("want null, a text or an object with base64")
	}
	d, err := base64.StdEncoding.DecodeString(*o.Base64)
	if err != nil {
		return err
	}
	*c = append(Content{}, d...)
	return nil
}

// Writer writes a recording. The first error stays; [Writer.Close] returns it.
type Writer struct {
	w   *bufio.Writer
	err error
}

// NewWriter begins a recording.
func NewWriter(to io.Writer, h Header) *Writer {
	h.Version = version
	w := &Writer{w: bufio.NewWriterSize(to, 1<<16)}
	w.line(h)
	return w
}

// Write writes a record.
func (w *Writer) Write(r Record) error {
	w.line(r)
	return w.err
}

func (w *Writer) line(v any) {
	if w.err == nil {
		w.err = json.MarshalWrite(w.w, v)
	}
	if w.err == nil {
		w.err = w.w.WriteByte('\n')
	}
}

// Close writes what is buffered. It does not close what the recording goes to.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = w.w.Flush()
	}
	if w.err != nil {
		return fmt.Errorf("recording: %w", w.err)
	}
	return nil
}

// maxLineBytes is how long a line may be: more than a record of the largest size that brokers are set to take, as base64.
const maxLineBytes = 256 << 20

// Reader reads a recording.
type Reader struct {
	Header
	lines *bufio.Scanner
	line  int64
}

// NewReader reads the first line.
func NewReader(from io.Reader) (*Reader, error) {
	r := &Reader{lines: bufio.NewScanner(from)}
	r.lines.Buffer(make([]byte, 0, 1<<16), maxLineBytes)
	if !r.lines.Scan() {
		return nil, errors.Join(errors.New("recording: it is empty"), r.lines.Err())
	}
	r.line = 1
	if err := json.Unmarshal(r.lines.Bytes(), &r.Header); err != nil || r.Version == 0 {
		return nil, errors.Join(errors.New(`recording: line 1 is not its header, which begins with {"rivusio_recording": …`), err)
	}
	if r.Version != version {
		return nil, fmt.Errorf("recording: it has version %d, and this program reads %d", r.Version, version)
	}
	return r, nil
}

// Line is the number of the line that was read last, from 1.
func (r *Reader) Line() int64 { return r.line }

// Next is the next record, or io.EOF.
func (r *Reader) Next() (rec Record, err error) {
	for r.lines.Scan() {
		r.line++
		if len(bytes.TrimSpace(r.lines.Bytes())) == 0 {
			continue
		}
		if err := json.Unmarshal(r.lines.Bytes(), &rec); err != nil {
			return rec, fmt.Errorf("recording: line %d: %w", r.line, err)
		}
		if n, ok := r.Partitions[rec.Topic]; !ok || rec.Partition < 0 || rec.Partition >= n {
			return rec, fmt.Errorf("recording: line %d: the header has no topic %q with a partition %d", r.line, rec.Topic, rec.Partition)
		}
		return rec, nil
	}
	if err := r.lines.Err(); err != nil {
		return rec, fmt.Errorf("recording: line %d: %w", r.line+1, err)
	}
	return rec, io.EOF
}
