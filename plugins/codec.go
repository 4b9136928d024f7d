package plugins

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/serde"
)

// NoConfig configures a plugin that has nothing to configure.
type NoConfig struct{}

// CSVFormat configures the pipe csv-encode.
type CSVFormat struct {
	Columns   []string `yaml:"columns" required:"true" doc:"names of the columns, in their order"`
	Delimiter string   `yaml:"delimiter" default:"," doc:"one character, or the word tab"`
}

// CSVConfig configures the serde csv and the pipe csv-decode.
type CSVConfig struct {
	CSVFormat `yaml:",inline"`
	Numbers   bool `yaml:"numbers" default:"false" doc:"whether what looks like a number or true or false is read as one"`
}

// Validate checks columns and delimiter.
func (c *CSVFormat) Validate() error {
	seen := map[string]bool{}
	for _, name := range c.Columns {
		if seen[name] {
			return &KeyError{Key: "columns", Err: fmt.Errorf("the column %q is there twice", name)}
		}
		seen[name] = true
	}
	if d := c.delimiter(); d == utf8.RuneError || d == '"' || d == '\n' || d == '\r' {
		return &KeyError{Key: "delimiter", Err: fmt.Errorf("%q is no delimiter: want one character, no quote and no end of line", c.Delimiter)}
	}
	return nil
}

func (c *CSVFormat) delimiter() rune {
	if c.Delimiter == "tab" {
		return '\t'
	}
	r, n := utf8.DecodeRuneInString(c.Delimiter)
	if n != len(c.Delimiter) {
		return utf8.RuneError
	}
	return r
}

// csvSerde is maps as one CSV record, without the end of line.
type csvSerde struct{ c *CSVConfig }

func newCSVSerde(c CSVConfig) (serde.Serde[any], error) { return csvSerde{&c}, nil }

func (csvSerde) IsNull(v any) bool { return v == nil }

func (s csvSerde) Append(dst []byte, v any) ([]byte, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return dst, fmt.Errorf("CSV wants a map, have a %s", kindOf(v))
	}
	record := make([]string, len(s.c.Columns))
	for i, name := range s.c.Columns {
		cell := object[name]
		text, ok := textOf(cell)
		if !ok && cell != nil {
			return dst, fmt.Errorf("column %q: a %s cannot be a cell", name, kindOf(cell))
		}
		record[i] = text
	}
	for name := range object {
		if !slices.Contains(s.c.Columns, name) {
			return dst, fmt.Errorf("there is no column for %q", name)
		}
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma = s.c.delimiter()
	if err := errors.Join(w.Write(record), flushCSV(w)); err != nil {
		return dst, err
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), nil
}

func flushCSV(w *csv.Writer) error {
	w.Flush()
	return w.Error()
}

func (s csvSerde) Decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma = s.c.delimiter()
	r.FieldsPerRecord = len(s.c.Columns)
	record, err := r.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return nil, fmt.Errorf("CSV: %w", err)
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) {
		return nil, errors.New("CSV: want one record, have more")
	}
	object := make(map[string]any, len(record))
	for i, cell := range record {
		object[s.c.Columns[i]] = s.c.cell(cell)
	}
	return object, nil
}

// cell is the value of a cell. Numbers are those of JSON, so that 007 stays a text.
func (c *CSVConfig) cell(text string) any {
	if !c.Numbers || text == "" || text != "true" && text != "false" && strings.Trim(text[:1], "-0123456789") != "" {
		return text
	}
	v, err := serde.JSONAny().Decode([]byte(text))
	if err != nil {
		return text
	}
	return v
}

// textSerde is a serde of texts whose values may be anything that has a text.
type textSerde struct{}

func (textSerde) IsNull(v any) bool { return v == nil }

func (textSerde) Append(dst []byte, v any) ([]byte, error) {
	text, ok := textOf(v)
	if !ok {
		return dst, fmt.Errorf("want a text, have a %s", kindOf(v))
	}
	return append(dst, text...), nil
}

func (textSerde) Decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	return string(b), nil
}

// int64Serde is Kafka's Long.
type int64Serde struct{}

func (int64Serde) IsNull(v any) bool { return v == nil }

func (int64Serde) Append(dst []byte, v any) ([]byte, error) {
	n, ok := whole(v)
	if !ok {
		return dst, fmt.Errorf("want a whole number, have a %s", kindOf(v))
	}
	return serde.Int64.Append(dst, n)
}

func (int64Serde) Decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	return serde.Int64.Decode(b)
}

func serdeOf(s serde.Serde[any]) func(NoConfig) (serde.Serde[any], error) {
	return func(NoConfig) (serde.Serde[any], error) { return s, nil }
}

// decoding is the pipe that decodes a text in the value. Null stays null.
func decoding(s serde.Serde[any]) Pipe {
	return pipes.Func[Message, []Message](func(_ context.Context, m Message) ([]Message, error) {
		if m.Value == nil {
			return []Message{m}, nil
		}
		text, ok := m.Value.(string)
		if !ok {
			return nil, fmt.Errorf("want a text, have a %s", kindOf(m.Value))
		}
		v, err := s.Decode([]byte(text))
		if err != nil {
			return nil, err
		}
		m.Value = v
		return []Message{m}, nil
	})
}

// encoding is the pipe that makes a text of the value. Null stays null.
func encoding(s serde.Serde[any]) Pipe {
	return pipes.Func[Message, []Message](func(_ context.Context, m Message) ([]Message, error) {
		if m.Value == nil {
			return []Message{m}, nil
		}
		b, err := s.Append(nil, m.Value)
		if err != nil {
			return nil, err
		}
		m.Value = string(b)
		return []Message{m}, nil
	})
}

func newCSVDecode(c CSVConfig) (Pipe, error) { return decoding(csvSerde{&c}), nil }
func newCSVEncode(c CSVFormat) (Pipe, error) {
	return encoding(csvSerde{&CSVConfig{CSVFormat: c}}), nil
}
func newJSONDecode(NoConfig) (Pipe, error) { return decoding(serde.JSONAny()), nil }
func newJSONEncode(NoConfig) (Pipe, error) { return encoding(serde.JSONAny()), nil }
