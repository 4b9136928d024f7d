package serde

import "fmt"

// shownBytes bounds how much of a refused payload an error shows: enough to tell a wrong serde from damage, too little to
// leak a record into a log.
const shownBytes = 8

// lengthError says that the named serde was given b where it wants a fixed number of bytes.
func lengthError(name string, b []byte, wantBytes int) error {
	return fmt.Errorf("serde: %s: %s, want %d bytes", name, shown(b), wantBytes)
}

// shown describes a payload by its length and first bytes.
func shown(b []byte) string {
	switch {
	case len(b) == 0:
		return "0 bytes"
	case len(b) <= shownBytes:
		return fmt.Sprintf("%d bytes (% x)", len(b), b)
	default:
		return fmt.Sprintf("%d bytes (% x …)", len(b), b[:shownBytes])
	}
}

// detail wraps a cause whose message may quote the payload at any length. The message is cut, the chain is not.
type detail struct{ cause error }

const detailBytes = 200

func (d detail) Unwrap() error { return d.cause }

func (d detail) Error() string {
	text := d.cause.Error()
	if len(text) <= detailBytes {
		return text
	}
	cut := detailBytes
	for cut > detailBytes-3 && text[cut]&0xc0 == 0x80 { // not inside a rune
		cut--
	}
	return text[:cut] + " …"
}
