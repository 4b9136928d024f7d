package jsonlines

import (
	"bytes"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/operators"
	"github.com/rivusio/rivusio/serde"
)

// Record is a record of a topic, with its key and value as JSON has them ([serde.JSONAny]).
type Record struct {
	Topic      string
	Key, Value any
	Timestamp  int64 // ms since the epoch
	Headers    []operators.Header
	Partition  int32 // negative: that of its key
}

// Form says what a line is.
type Form string

// The forms of lines.
const (
	Auto     Form = "auto"     // of input: an envelope if it can be one, else a value
	Bare     Form = "value"    // the value of a record
	Envelope Form = "envelope" // an object of the record
)

// line is a line of input before its values are decoded.
type line struct {
	topic      string
	key, value jsontext.Value // nil: not given
	timestamp  *int64
	headers    []operators.Header
	partition  int32
}

// members are the names in an envelope.
var members = []string{"topic", "key", "value", "timestamp", "headers", "partition"}

// parse reads a line. What it returns lies in b.
func parse(b []byte, form Form) (line, error) {
	if form != Bare {
		l, is, err := envelope(b)
		switch {
		case err != nil:
			return line{}, err
		case is:
			return l, nil
		case form == Envelope:
			return line{}, errors.New("it is no envelope, an object with a value and nothing but topic, key, timestamp, headers and partition")
		}
	}
	return line{value: b, partition: -1}, nil
}

// envelope reads an envelope. is is false if the line is some other value.
func envelope(b []byte) (l line, is bool, err error) {
	l.partition = -1
	dec := jsontext.NewDecoder(bytes.NewReader(b))
	if dec.PeekKind() != '{' {
		return l, false, nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return l, false, nil //nolint:nilerr // the serde of the value tells what is wrong
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil || !slices.Contains(members, name.String()) {
			return l, false, nil
		}
		member := name.String()
		v, err := dec.ReadValue()
		if err != nil {
			return l, false, nil
		}
		if err := l.set(member, slices.Clone(v)); err != nil {
			return l, false, fmt.Errorf("%s: %w", member, err)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return l, false, nil
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return l, false, errors.New("something follows the object")
	}
	return l, l.value != nil, nil
}

func (l *line) set(member string, v jsontext.Value) error {
	switch member {
	case "topic":
		return json.Unmarshal(v, &l.topic)
	case "key":
		l.key = v
	case "value":
		l.value = v
	case "partition":
		return json.Unmarshal(v, &l.partition)
	case "timestamp":
		if v.Kind() == 'n' {
			return nil
		}
		ms, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return fmt.Errorf("%s is no whole number of milliseconds", v)
		}
		l.timestamp = &ms
	case "headers":
		return l.setHeaders(v)
	}
	return nil
}

func (l *line) setHeaders(v jsontext.Value) error {
	x, err := serde.JSONAny().Decode(v)
	if err != nil {
		return err
	}
	headers, ok := x.(map[string]any)
	if !ok && x != nil {
		return errors.New("want an object of texts")
	}
	for name, value := range headers {
		text, ok := value.(string)
		if !ok && value != nil {
			return fmt.Errorf("%q is no text", name)
		}
		h := operators.Header{Key: name}
		if ok {
			h.Value = []byte(text)
		}
		l.headers = append(l.headers, h)
	}
	slices.SortFunc(l.headers, func(a, b operators.Header) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	return nil
}

// encode makes the bytes of a topic from JSON. JSON stays as it is written.
func encode(c declarative.Codec, v jsontext.Value) ([]byte, error) {
	if v == nil || v.Kind() == 'n' && string(bytes.TrimSpace(v)) == "null" { // a line was not looked at, and may be anything
		return nil, nil
	}
	if c.Name() == "json" {
		return v, nil
	}
	x, err := serde.JSONAny().Decode(v)
	if err != nil {
		return nil, err
	}
	return c.Encode(x)
}

// AppendLine appends a record as a line, with its end.
func (r *Record) AppendLine(dst []byte, form Form) (_ []byte, err error) {
	if form == Bare {
		if dst, err = appendValue(dst, r.Value); err != nil {
			return dst, err
		}
		return append(dst, '\n'), nil
	}
	dst = append(dst, `{"topic":`...)
	if dst, err = jsontext.AppendQuote(dst, r.Topic); err != nil {
		return dst, err
	}
	dst = append(dst, `,"key":`...)
	if dst, err = appendValue(dst, r.Key); err != nil {
		return dst, err
	}
	dst = append(dst, `,"value":`...)
	if dst, err = appendValue(dst, r.Value); err != nil {
		return dst, err
	}
	dst = strconv.AppendInt(append(dst, `,"timestamp":`...), r.Timestamp, 10)
	if len(r.Headers) > 0 {
		headers := make(map[string]any, len(r.Headers))
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		dst = append(dst, `,"headers":`...)
		if dst, err = appendValue(dst, headers); err != nil {
			return dst, err
		}
	}
	dst = strconv.AppendInt(append(dst, `,"partition":`...), int64(r.Partition), 10)
	return append(dst, "}\n"...), nil
}

func appendValue(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return append(dst, "null"...), nil
	}
	return serde.JSONAny().Append(dst, v)
}
