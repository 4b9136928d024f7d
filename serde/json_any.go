package serde

import (
	"bytes"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"
)

// JSONAny is the serde of any JSON value (RFC 8259) as a Go value without a type of its own:
//
//	null      nil                object  map[string]any
//	boolean   bool               array   []any
//	string    string             number  int64 if it is whole and fits, else float64
//
// A number is what it says, not how it is written: 5, 5.0 and 5e0 are the int64 5, and the float64 5 is written as 5. Whole
// numbers are exact within int64.
//
// Encoding is deterministic, as that of [JSON]. Other Go types within a value are written as JSON writes them, and come back
// as the types above; a nil map or slice is written as an empty one, and -0 as 0. Strings that are not valid UTF-8, NaN and
// infinities are errors, and so is a value that is more than 1,000 levels deep.
//
// Decoding refuses what that of JSON refuses: invalid UTF-8, a name twice in one object, a number beyond float64, anything
// but white space after the value.
//
// Nil is Kafka's null ([Nuller]); the JSON text null also decodes to nil.
func JSONAny() Serde[any] { return jsonAny{} }

// maxJSONDepth bounds how deep a value may be, so that whoever walks one may do so by recursion.
const maxJSONDepth = 1000

var errJSONDepth = fmt.Errorf("more than %d levels deep", maxJSONDepth)

type jsonAny struct{}

func (jsonAny) IsNull(v any) bool { return v == nil }

func (jsonAny) Append(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return dst, errNull
	}
	out, err := appendJSON(dst, v, maxJSONDepth)
	if err != nil {
		return dst, fmt.Errorf("serde: JSONAny: %w", detail{err})
	}
	return out, nil
}

// appendJSON appends a value that may be depth levels deep.
func appendJSON(dst []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		return jsontext.AppendQuote(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case float64:
		return appendJSONFloat(dst, v)
	case []any:
		return appendJSONArray(dst, v, depth)
	case map[string]any:
		return appendJSONObject(dst, v, depth)
	}
	b, err := json.Marshal(v, jsonOptions)
	return append(dst, b...), err
}

func appendJSONFloat(dst []byte, f float64) ([]byte, error) {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return dst, fmt.Errorf("JSON has no number %v", f)
	case wholeJSON(f):
		return strconv.AppendInt(dst, int64(f), 10), nil
	case abs >= 1e-6 && abs < 1e21:
		return strconv.AppendFloat(dst, f, 'f', -1, 64), nil
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); dst[n-4] == 'e' && dst[n-2] == '0' { // e-09 is written as e-9
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst, nil
}

func appendJSONArray(dst []byte, items []any, depth int) ([]byte, error) {
	if depth == 0 {
		return dst, errJSONDepth
	}
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendJSON(dst, item, depth-1); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// jsonNames are slices for the sorted names of objects.
var jsonNames = sync.Pool{New: func() any { return new([]string) }}

func appendJSONObject(dst []byte, object map[string]any, depth int) ([]byte, error) {
	if depth == 0 {
		return dst, errJSONDepth
	}
	names := jsonNames.Get().(*[]string)
	defer func() {
		clear(*names)
		*names = (*names)[:0]
		jsonNames.Put(names)
	}()
	for name := range object {
		*names = append(*names, name)
	}
	slices.Sort(*names)
	dst = append(dst, '{')
	for i, name := range *names {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = jsontext.AppendQuote(dst, name); err != nil {
			return dst, err
		}
		if dst, err = appendJSON(append(dst, ':'), object[name], depth-1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// jsonReader is a decoder with the buffer that it reads.
type jsonReader struct {
	dec *jsontext.Decoder
	buf bytes.Buffer
}

var jsonReaders = sync.Pool{New: func() any { return &jsonReader{dec: jsontext.NewDecoder(bytes.NewReader(nil))} }}

func (jsonAny) Decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil
	}
	r := jsonReaders.Get().(*jsonReader)
	defer func() {
		r.buf = bytes.Buffer{} // b stays the caller's
		r.dec.Reset(&r.buf)
		jsonReaders.Put(r)
	}()
	r.buf = *bytes.NewBuffer(b)
	r.dec.Reset(&r.buf)
	v, err := readJSON(r.dec, maxJSONDepth)
	if err == nil {
		err = atEnd(r.dec)
	}
	if err != nil {
		return nil, fmt.Errorf("serde: JSONAny: %s: %w", shown(b), detail{err})
	}
	return v, nil
}

// atEnd returns an error if there is anything but white space left.
func atEnd(dec *jsontext.Decoder) error {
	_, err := dec.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return fmt.Errorf("something follows the value, before offset %d", dec.InputOffset())
	}
	return err
}

// readJSON reads a value that may be depth levels deep.
func readJSON(dec *jsontext.Decoder, depth int) (any, error) {
	token, err := dec.ReadToken()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	switch token.Kind() {
	case 't', 'f':
		return token.Bool(), nil
	case '"':
		return token.String(), nil
	case '0':
		return jsonNumber(token.String())
	case '[':
		return readJSONArray(dec, depth)
	case '{':
		return readJSONObject(dec, depth)
	}
	return nil, nil // null: the decoder has refused what is none of these
}

func readJSONArray(dec *jsontext.Decoder, depth int) (any, error) {
	if depth == 0 {
		return nil, errJSONDepth
	}
	items := []any{}
	for dec.PeekKind() != ']' {
		item, err := readJSON(dec, depth-1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := dec.ReadToken()
	return items, err
}

func readJSONObject(dec *jsontext.Decoder, depth int) (any, error) {
	if depth == 0 {
		return nil, errJSONDepth
	}
	object := map[string]any{}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		if object[key], err = readJSON(dec, depth-1); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken()
	return object, err
}

// jsonNumber is an int64 if the number is whole and fits, else a float64.
func jsonNumber(text string) (any, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return nil, fmt.Errorf("number out of range: %s", text)
	case wholeJSON(f):
		return int64(f), nil
	}
	return f, nil
}

// wholeJSON reports whether a number is an int64.
func wholeJSON(f float64) bool { return f == math.Trunc(f) && f >= math.MinInt64 && f < math.MaxInt64 }
