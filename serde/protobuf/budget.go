package protobuf

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The bounds of a schema with its references. The compiler takes some microseconds for each name, number and sign, and goes down
// brackets by recursion. It compares each import and each reserved name with those before it, so strings count for more.
const (
	maxSchemaBytes = 1 << 20
	maxSchemaParts = 30_000 // names, numbers and signs, without comments
	partsOfString  = 10     // and of a reserved name
	partsOfValue   = 5      // of a descriptor, which has no signs
	maxNesting     = 64
)

var (
	errNesting = fmt.Errorf("brackets more than %d deep", maxNesting)
	errBytes   = fmt.Errorf("more than %d bytes with its references", maxSchemaBytes)
	errParts   = fmt.Errorf("more than %d names, numbers and signs with its references (a string counts as %d)", maxSchemaParts, partsOfString)
)

// budget is what is left for the files to come.
type budget struct{ bytes, parts int }

// take looks at a file before the compiler does.
func (b *budget) take(text string) error {
	if b.bytes -= len(text); b.bytes < 0 {
		return errBytes
	}
	if p := fromBase64(text); p != nil {
		return b.takeDescriptor(p)
	}
	depth, reserved := 0, false
	for i := 0; i < len(text); i++ {
		begin := i
		switch c := text[i]; {
		case c <= ' ':
			continue
		case isName(c):
			i = skipName(text, i)
			if reserved && c > '9' {
				b.parts -= partsOfString - 1
			}
			reserved = reserved || text[begin:i+1] == "reserved"
		case strings.IndexByte("{[(<", c) >= 0:
			if depth++; depth > maxNesting {
				return errNesting
			}
		case strings.IndexByte("}])>", c) >= 0:
			depth--
		case c == ';':
			reserved = false
		case c == '"' || c == '\'':
			i = skipString(text, i)
			b.parts -= partsOfString - 1
		case c == '/':
			if i = skipComment(text, i); i > begin {
				continue
			}
		}
		if b.parts--; b.parts < 0 {
			return errParts
		}
	}
	return nil
}

// skipName returns the last byte of a name or number that begins at i.
func skipName(text string, i int) int {
	for i+1 < len(text) && isName(text[i+1]) {
		i++
	}
	return i
}

func isName(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

// takeDescriptor counts the values of a descriptor.
func (b *budget) takeDescriptor(p *descriptorpb.FileDescriptorProto) error {
	err := protorange.Range(p.ProtoReflect(), func(protopath.Values) error {
		if b.parts -= partsOfValue; b.parts < 0 {
			return errParts
		}
		return nil
	})
	if errors.Is(err, errParts) {
		return errParts
	}
	return err
}

// skipString returns the last byte of a string that begins at i. It ends with its line.
func skipString(text string, i int) int {
	quote := text[i]
	for i++; i < len(text) && text[i] != quote && text[i] != '\n'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}

// skipComment returns the last byte of a comment that begins at i, or i.
func skipComment(text string, i int) int {
	end := -1
	switch rest := text[i:]; {
	case strings.HasPrefix(rest, "//"):
		end = strings.IndexByte(rest, '\n')
	case strings.HasPrefix(rest, "/*"):
		if end = strings.Index(rest[2:], "*/"); end >= 0 {
			end += 3
		}
	default:
		return i
	}
	if end < 0 {
		return len(text)
	}
	return i + end
}
