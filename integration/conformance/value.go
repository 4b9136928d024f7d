package conformance

import (
	"encoding/binary"
	"encoding/json/v2"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rivusio/rivusio/serde"
)

// Value is what a scenario's records have as values: null, a string, a number or a list of strings. Nothing changes the
// list of a Value.
type Value struct {
	kind   kind
	text   string
	number int64
	list   []string
}

type kind byte

const (
	null   kind = 0
	text   kind = 's'
	number kind = 'n'
	list   kind = 'l'
)

func textValue(s string) Value          { return Value{kind: text, text: s} }
func numberValue(n int64) Value         { return Value{kind: number, number: n} }
func listValue(l []string) Value        { return Value{kind: list, list: l} }
func (v Value) isNull() bool            { return v.kind == null }
func (Value) Serde() serde.Serde[Value] { return values }

// Text is the function text of the README.
func (v Value) Text() string {
	switch v.kind {
	case text:
		return v.text
	case number:
		return strconv.FormatInt(v.number, 10)
	case list:
		return "[" + strings.Join(v.list, ",") + "]"
	}
	return "null"
}

// Len is the function len of the README.
func (v Value) Len() int64 {
	if v.isNull() {
		return 0
	}
	return int64(len(v.Text()))
}

// Number is the function num of the README.
func (v Value) Number() int64 {
	if v.kind == number {
		return v.number
	}
	return v.Len()
}

// Pieces is the function pieces of the README.
func (v Value) Pieces() []string {
	switch {
	case v.kind == list:
		return v.list
	case v.isNull() || v.Text() == "":
		return nil
	}
	return strings.Split(v.Text(), ",")
}

// List is the list of a value, as the combine functions take it.
func (v Value) List() []string {
	switch v.kind {
	case null:
		return nil
	case list:
		return v.list
	}
	return []string{v.Text()}
}

// String is the value as JSON.
func (v Value) String() string {
	var a any
	switch v.kind {
	case text:
		a = v.text
	case number:
		return strconv.FormatInt(v.number, 10)
	case list:
		a = append([]string{}, v.list...)
	}
	return asJSON(a)
}

func asJSON(a any) string {
	b, err := json.Marshal(a)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// UnmarshalJSON reads a value of a scenario.
func (v *Value) UnmarshalJSON(b []byte) error {
	var err error
	switch {
	case string(b) == "null":
		*v = Value{}
	case b[0] == '"':
		v.kind = text
		err = json.Unmarshal(b, &v.text)
	case b[0] == '[':
		v.kind = list
		err = json.Unmarshal(b, &v.list)
	default:
		v.kind = number
		err = json.Unmarshal(b, &v.number)
	}
	return err
}

// values writes the kind and then the content.
var values serde.Serde[Value] = valueSerde{}

type valueSerde struct{}

func (valueSerde) IsNull(v Value) bool { return v.isNull() }

func (valueSerde) Append(dst []byte, v Value) ([]byte, error) {
	b := append(dst, byte(v.kind))
	switch v.kind {
	case text:
		return append(b, v.text...), nil
	case number:
		return binary.BigEndian.AppendUint64(b, uint64(v.number)), nil
	case list:
		for _, s := range v.list {
			b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
		}
		return b, nil
	}
	return dst, errors.New("a null value has no encoding")
}

func (valueSerde) Decode(b []byte) (Value, error) {
	if b == nil {
		return Value{}, nil
	}
	if len(b) == 0 {
		return Value{}, errors.New("a value has no bytes")
	}
	k, b := kind(b[0]), b[1:]
	switch {
	case k == text:
		return textValue(string(b)), nil
	case k == number && len(b) == 8:
		return numberValue(int64(binary.BigEndian.Uint64(b))), nil
	case k == list:
		items := []string{}
		for len(b) > 0 {
			n, read := binary.Uvarint(b)
			if read <= 0 || n > uint64(len(b)-read) {
				return Value{}, errors.New("a list is cut off")
			}
			b = b[read:]
			items = append(items, string(b[:n]))
			b = b[n:]
		}
		return listValue(items), nil
	}
	return Value{}, fmt.Errorf("%d bytes of kind %q are no value", len(b), byte(k))
}

// malformed does not decode.
var malformed = []byte{0xff}

// Key is a plain key, which may be null.
type Key = serde.Optional[string]

var keys = serde.Nullable(serde.String)

func keyText(k Key) string {
	if !k.OK {
		return "null"
	}
	return k.Value
}
