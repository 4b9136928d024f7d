package guest

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep a value may be.
const maxDepth = 1000

var (
	errJSON  = errors.New("it is no JSON")
	errDepth = errors.New("the value is too deep")
)

// Decode reads one JSON value.
func Decode(text []byte) (any, error) {
	d := decoder{text: text}
	v, err := d.value(maxDepth)
	if err != nil {
		return nil, err
	}
	if d.space(); d.at < len(text) {
		return nil, errJSON
	}
	return v, nil
}

type decoder struct {
	text []byte
	at   int
}

// space skips white space and returns the byte behind it, 0 at the end.
func (d *decoder) space() byte {
	for ; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take skips one byte, if it is that one.
func (d *decoder) take(c byte) bool {
	if d.space() != c {
		return false
	}
	d.at++
	return true
}

func (d *decoder) word(word string, v any) (any, error) {
	if end := d.at + len(word); end <= len(d.text) && string(d.text[d.at:end]) == word {
		d.at = end
		return v, nil
	}
	return nil, errJSON
}

func (d *decoder) value(depth int) (any, error) {
	switch c := d.space(); {
	case c == '"':
		return d.string()
	case c == '{' && depth > 0:
		return d.object(depth - 1)
	case c == '[' && depth > 0:
		return d.list(depth - 1)
	case c == '{' || c == '[':
		return nil, errDepth
	case c == 't':
		return d.word("true", true)
	case c == 'f':
		return d.word("false", false)
	case c == 'n':
		return d.word("null", nil)
	}
	return d.number()
}

func (d *decoder) list(depth int) (any, error) {
	d.at++
	list := []any{}
	for !d.take(']') {
		if len(list) > 0 && !d.take(',') {
			return nil, errJSON
		}
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (d *decoder) object(depth int) (any, error) {
	d.at++
	object := map[string]any{}
	for !d.take('}') {
		if len(object) > 0 && !d.take(',') || d.space() != '"' {
			return nil, errJSON
		}
		name, err := d.string()
		if err != nil {
			return nil, err
		}
		if _, twice := object[name]; twice || !d.take(':') {
			return nil, errJSON
		}
		if object[name], err = d.value(depth); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func (d *decoder) number() (any, error) {
	start := d.at
	for d.at < len(d.text) {
		c := d.text[d.at]
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			break
		}
		d.at++
	}
	text := string(d.text[start:d.at])
	if !numeral(text) {
		return nil, errJSON
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return nil, errors.New("a number is out of range")
	case whole(f):
		return int64(f), nil
	}
	return f, nil
}

// numeral reports whether a text is a number as JSON has it.
func numeral(s string) bool {
	digits := func() bool {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n > 0
	}
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	if len(s) > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9' || !digits() {
		return false
	}
	if s != "" && s[0] == '.' {
		if s = s[1:]; !digits() {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return s == ""
}

func whole(f float64) bool { return f == math.Trunc(f) && f >= math.MinInt64 && f < math.MaxInt64 }

func (d *decoder) string() (string, error) {
	d.at++
	start := d.at
	for d.at < len(d.text) && d.text[d.at] != '"' && d.text[d.at] != '\\' && d.text[d.at] >= ' ' {
		d.at++
	}
	s := d.text[start:d.at]
	for d.at < len(d.text) {
		switch c := d.text[d.at]; {
		case c == '"':
			d.at++
			if !utf8.Valid(s) {
				return "", errJSON
			}
			return string(s), nil
		case c == '\\':
			if len(s) == d.at-start {
				s = slices.Clone(s)
			}
			r, ok := d.escape()
			if !ok {
				return "", errJSON
			}
			s = utf8.AppendRune(s, r)
		case c < ' ':
			return "", errJSON
		default:
			s = append(s, c)
			d.at++
		}
	}
	return "", errJSON
}

var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (d *decoder) escape() (rune, bool) {
	d.at++
	if d.at == len(d.text) {
		return 0, false
	}
	c := d.text[d.at]
	d.at++
	if c != 'u' {
		r, ok := escapes[c]
		return r, ok
	}
	r, ok := d.unit()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if d.at+1 >= len(d.text) || d.text[d.at] != '\\' || d.text[d.at+1] != 'u' {
		return 0, false
	}
	d.at += 2
	low, ok := d.unit()
	r = utf16.DecodeRune(r, low)
	return r, ok && r != utf8.RuneError
}

// unit reads four hexadecimal digits.
func (d *decoder) unit() (rune, bool) {
	if d.at+4 > len(d.text) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(d.text[d.at:d.at+4]), 16, 32)
	d.at += 4
	return rune(n), err == nil
}

// Append appends a value as JSON, names sorted. An int is written too.
func Append(dst []byte, v any) ([]byte, error) { return appendValue(dst, v, maxDepth) }

func appendValue(dst []byte, v any, depth int) ([]byte, error) {
	if depth == 0 {
		return dst, errDepth
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, errors.New("JSON has no such number")
		}
		return strconv.AppendFloat(dst, v, 'g', -1, 64), nil
	case string:
		if !utf8.ValidString(v) {
			return dst, errors.New("a text is not valid UTF-8")
		}
		return appendText(dst, v), nil
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendValue(dst, item, depth-1); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case map[string]any:
		return appendObject(dst, v, depth)
	}
	return dst, errors.New("a value is of a type that JSON does not have")
}

func appendObject(dst []byte, object map[string]any, depth int) ([]byte, error) {
	names := make([]string, 0, len(object))
	for name := range object {
		if !utf8.ValidString(name) {
			return dst, errors.New("a name is not valid UTF-8")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendValue(append(appendText(dst, name), ':'), object[name], depth-1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

const hex = "0123456789abcdef"

// appendText appends a text in quotes. What is not valid UTF-8 becomes U+FFFD.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
