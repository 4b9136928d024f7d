package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads one JSON text (RFC 8259) from front to back and builds nothing of it. Members may come in any order,
// with any white space and escapes. Its first mistake is kept in err and ends everything: what is called later returns
// zero values. What lies behind the point where the caller stops is not looked at.
//
//	for s.enter('{'); s.more('}'); {
//		switch string(s.name()) {
//		case "id":
//			id = s.integer()
//		default:
//			s.skip()
//		}
//	}
type scanner struct {
	b     []byte
	at    int
	depth int
	fresh bool // nothing was read of the object or array that was entered last
	err   error
}

// maxDepth is how deep objects and arrays may lie in each other.
const maxDepth = 1000

func (s *scanner) fail(what string) {
	if s.err == nil {
		s.err = fmt.Errorf("JSON: byte %d of %d: %s", s.at, len(s.b), what)
	}
	s.at = len(s.b)
}

// peek returns the next byte that is no white space, or 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.b) && s.b[s.at] > ' ' {
		return s.b[s.at]
	}
	return s.peekBehindSpace()
}

func (s *scanner) peekBehindSpace() byte {
	for ; s.at < len(s.b); s.at++ {
		switch c := s.b[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// enter goes into an object or array, which begins with open.
func (s *scanner) enter(open byte) {
	if s.peek() != open {
		s.fail("want " + string(open))
		return
	}
	s.at++
	s.fresh = true
	if s.depth++; s.depth > maxDepth {
		s.fail("nested too deep")
	}
}

// more reports whether another member or element follows. If not, it has left the object or array, which ends with end.
func (s *scanner) more(end byte) bool {
	c := s.peek()
	if c == end && s.err == nil {
		s.at++
		s.depth--
		s.fresh = false
		return false
	}
	if !s.fresh {
		if c != ',' {
			s.fail("want , or " + string(end))
			return false
		}
		s.at++
		if s.peek() == end {
			s.fail("nothing after ,")
		}
	}
	s.fresh = false
	return s.err == nil
}

// name returns the name of the next member, of which the value is to be read next. It is valid until the next call.
func (s *scanner) name() []byte {
	// Nearly all names are written without escapes and with the colon right behind them.
	if s.peek() == '"' {
		from := s.at + 1
		to := from + plainBytes(s.b[from:])
		if to+1 < len(s.b) && s.b[to] == '"' && s.b[to+1] == ':' {
			s.at = to + 2
			return s.b[from:to]
		}
	}
	t := s.text()
	if s.peek() != ':' {
		s.fail("want :")
		return nil
	}
	s.at++
	if t.escaped {
		return []byte(unescaped(string(s.b[t.from:t.to])))
	}
	return s.b[t.from:t.to]
}

// null skips a null and reports whether there was one.
func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.literal("null")
	return true
}

func (s *scanner) literal(l string) {
	if !bytes.HasPrefix(s.b[s.at:], []byte(l)) {
		s.fail("want a value")
		return
	}
	s.at += len(l)
}

// integer reads a number that is an int64, without fraction or exponent.
func (s *scanner) integer() int64 {
	s.peek()
	from := s.at
	negative := from < len(s.b) && s.b[from] == '-'
	i := from
	if negative {
		i++
	}
	digits := i
	var n int64
	for i < len(s.b) && s.b[i]-'0' <= 9 {
		n = n*10 + int64(s.b[i]-'0')
		i++
	}
	switch {
	case i == digits:
		s.fail("want an integer")
		return 0
	case s.b[digits] == '0' && i > digits+1:
		s.fail("number with a leading zero")
		return 0
	case i < len(s.b) && (s.b[i] == '.' || s.b[i]|0x20 == 'e'):
		s.fail("want an integer, have a fraction or an exponent")
		return 0
	}
	if negative {
		n = -n
	}
	if i-digits > 18 { // may be too large
		var err error
		if n, err = strconv.ParseInt(string(s.b[from:i]), 10, 64); err != nil {
			s.fail("integer out of range")
			return 0
		}
	}
	s.at = i
	return n
}

// skip reads over a value of any kind.
func (s *scanner) skip() {
	switch c := s.peek(); c {
	case '"':
		s.text()
	case '{':
		for s.enter('{'); s.more('}'); s.skip() {
			s.name()
		}
	case '[':
		for s.enter('['); s.more(']'); {
			s.skip()
		}
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

// number reads over any number.
func (s *scanner) number() {
	if s.at < len(s.b) && s.b[s.at] == '-' {
		s.at++
	}
	if zero := s.at < len(s.b) && s.b[s.at] == '0'; s.digits() > 1 && zero {
		s.fail("number with a leading zero")
		return
	}
	if s.at < len(s.b) && s.b[s.at] == '.' {
		s.at++
		s.digits()
	}
	if s.at < len(s.b) && s.b[s.at]|0x20 == 'e' {
		s.at++
		if s.at < len(s.b) && (s.b[s.at] == '+' || s.b[s.at] == '-') {
			s.at++
		}
		s.digits()
	}
}

// digits reads over one digit or more and returns how many there were.
func (s *scanner) digits() int {
	from := s.at
	for s.at < len(s.b) && s.b[s.at]-'0' <= 9 {
		s.at++
	}
	n := s.at - from
	if n == 0 {
		s.fail("want a value")
	}
	return n
}

// end reports whether nothing but white space is left.
func (s *scanner) end() bool { return s.err == nil && s.peek() == 0 && s.at == len(s.b) }

// text is the place of a string, without its quotes, in the scanner's bytes. What lies there is checked.
type text struct {
	from, to int
	escaped  bool // it has escapes
}

// in returns the string, given a copy of the bytes from base on.
func (t text) in(all string, base int) string {
	if raw := all[t.from-base : t.to-base]; !t.escaped {
		return raw
	} else {
		return unescaped(raw)
	}
}

// text reads a string.
func (s *scanner) text() text {
	if s.peek() != '"' {
		s.fail("want a string")
		return text{}
	}
	t := text{from: s.at + 1}
	i, ascii := t.from, true
	for {
		i += plainBytes(s.b[i:])
		if i >= len(s.b) {
			s.fail("string without end")
			return text{}
		}
		switch c := s.b[i]; {
		case c == '"':
			s.at, t.to = i+1, i
			if !ascii && !utf8.Valid(s.b[t.from:i]) {
				s.fail("string that is not UTF-8")
				return text{}
			}
			return t
		case c == '\\':
			t.escaped = true
			_, n := unescape(s.b[i:])
			if n == 0 {
				s.at = i
				s.fail("escape that does not exist")
				return text{}
			}
			i += n
		case c < ' ':
			s.at = i
			s.fail("control character in a string")
			return text{}
		default:
			ascii = false
			i++
		}
	}
}

// plainBytes returns how many bytes at the start of b are ASCII and neither a control character nor a quote or a
// backslash.
func plainBytes(b []byte) int {
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		if at := special(binary.LittleEndian.Uint64(b[i:])); at != 0 {
			return i + bits.TrailingZeros64(at)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

// special looks at eight bytes at once and sets the high bit of those that are not plain. Only the lowest one that it
// sets is certain, since a byte that is not plain borrows from the next.
func special(w uint64) uint64 {
	const ones = 0x0101010101010101
	// Bit 1 flipped, the quote (0x22) comes next to the control characters, so that all are below 0x21.
	control := (w ^ 0x02*ones) - 0x21*ones
	backslash := (w ^ '\\'*ones) - ones
	return (control | backslash | w) & (0x80 * ones)
}

// unescape decodes the escape at the start of b and returns its length, 0 if it is none. Half of a surrogate pair is none.
func unescape[T string | []byte](b T) (r rune, n int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, ok := hex4(b[6:])
	if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// hex4 decodes \uXXXX.
func hex4[T string | []byte](b T) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for i := 2; i < 6; i++ {
		switch c := b[i]; {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// unescaped returns a string that was checked without its escapes.
func unescaped(raw string) string {
	var w strings.Builder
	w.Grow(len(raw)) // escapes are longer than what they stand for
	for {
		at := strings.IndexByte(raw, '\\')
		if at < 0 {
			w.WriteString(raw)
			return w.String()
		}
		w.WriteString(raw[:at])
		r, n := unescape(raw[at:])
		w.WriteRune(r)
		raw = raw[at+n:]
	}
}

// appendText appends s as a JSON string. Only what must be escaped is. False: s is not UTF-8, and dst is as it was.
func appendText(dst []byte, s string) ([]byte, bool) {
	before := len(dst)
	dst = append(dst, '"')
	dst = append(dst, s...)
	if plainBytes(dst[before+1:]) == len(s) {
		return append(dst, '"'), true
	}
	if !utf8.ValidString(s) {
		return dst[:before], false
	}
	dst = dst[:before+1]
	for i := range len(s) {
		dst = appendEscaped(dst, s[i])
	}
	return append(dst, '"'), true
}

func appendEscaped(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c >= ' ':
		return append(dst, c)
	case c == '\b':
		return append(dst, '\\', 'b')
	case c == '\f':
		return append(dst, '\\', 'f')
	case c == '\n':
		return append(dst, '\\', 'n')
	case c == '\r':
		return append(dst, '\\', 'r')
	case c == '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
}
