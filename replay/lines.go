package replay

import (
	"bufio"
	"encoding/json/jsontext"
	"fmt"
	"io"
	"strconv"

	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
)

// Lines writes results as lines of JSON, in the form of `processor pipe`:
//
//	{"topic":"totals","key":"ann","value":{"cents":700},"timestamp":1709210096000,"headers":{"a":"b"},"partition":0}
//
// Keys and values are shown by the serdes that wrote them ([serde.View]). Make one with [NewLines]; call Flush at the end.
type Lines struct {
	w      *bufio.Writer
	views  map[string]views
	causes bool
	buf    []byte
}

// views show the records of a topic.
type views struct{ key, value serde.View }

// NewLines makes a writer of the results of a topology. With causes each line ends with what led to it, which [Diff] needs.
func NewLines(t *topology.Topology, w io.Writer, causes bool) *Lines {
	return &Lines{w: bufio.NewWriterSize(w, 1<<16), views: viewsOf(t), causes: causes}
}

func viewsOf(t *topology.Topology) map[string]views {
	found := make(map[string]views)
	for _, n := range t.Graph().Nodes {
		if n.Sink != nil {
			if _, ok := found[n.Sink.Topic]; !ok {
				found[n.Sink.Topic] = views{n.Sink.Key, n.Sink.Value}
			}
		}
	}
	return found
}

// of are the views of a topic: those of its sink, of a sink that chooses topics, or of bytes.
func (l *Lines) of(topic string) views {
	v, ok := l.views[topic]
	if !ok {
		if v, ok = l.views[""]; !ok {
			v = views{serde.ViewOf[[]byte](nil), serde.ViewOf[[]byte](nil)}
		}
		l.views[topic] = v
	}
	return v
}

// Write writes one result.
func (l *Lines) Write(r *Result) error {
	v := l.of(r.Topic)
	b, err := jsontext.AppendQuote(append(l.buf[:0], `{"topic":`...), r.Topic)
	if err != nil {
		return fmt.Errorf("replay: topic of a result: %w", err)
	}
	b = shown(append(b, `,"key":`...), v.key, r.Key)
	b = shown(append(b, `,"value":`...), v.value, r.Value)
	b = strconv.AppendInt(append(b, `,"timestamp":`...), r.Timestamp, 10)
	b = appendHeaders(b, r.Headers)
	b = strconv.AppendInt(append(b, `,"partition":`...), int64(r.Partition), 10)
	if l.causes {
		b = appendCause(b, r)
	}
	l.buf = append(b, "}\n"...)
	_, err = l.w.Write(l.buf)
	return err
}

// Flush writes what is buffered.
func (l *Lines) Flush() error { return l.w.Flush() }

// shown appends a key or a value. What its serde cannot read, which it has just written, is shown as bytes.
func shown(dst []byte, view serde.View, b []byte) []byte {
	to, err := view(dst, b)
	if err != nil {
		to, _ = serde.ViewOf[[]byte](nil)(dst, b)
	}
	return to
}

func appendHeaders(b []byte, headers []operators.Header) []byte {
	if len(headers) == 0 {
		return b
	}
	bytes := serde.ViewOf[[]byte](nil)
	b = append(b, `,"headers":{`...)
	for i, h := range headers {
		if i > 0 {
			b = append(b, ',')
		}
		b, _ = bytes(b, []byte(h.Key))
		b, _ = bytes(append(b, ':'), h.Value)
	}
	return append(b, '}')
}

func appendCause(b []byte, r *Result) []byte {
	b = strconv.AppendInt(append(b, `,"input":`...), r.Input, 10)
	b, _ = jsontext.AppendQuote(append(b, `,"cause":{"topic":`...), r.Cause.Topic)
	b = strconv.AppendInt(append(b, `,"partition":`...), int64(r.Cause.Partition), 10)
	b = strconv.AppendInt(append(b, `,"offset":`...), r.Cause.Offset, 10)
	return append(b, '}')
}
