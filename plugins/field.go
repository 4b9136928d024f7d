package plugins

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Field is a path to a part of a message: customer.address.city in its value, items.0 for the first item of a list; a dot
// in a name is written \. . Outside of the value there are $key (and $key.id below it), $value, $time, $id, $source and
// $header.NAME. The zero value is the whole value.
type Field struct {
	root  string // "" or "$value": the value
	parts []string
}

// UnmarshalText reads a path.
func (f *Field) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "" {
		return errors.New("the path is empty")
	}
	*f = Field{}
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '.' || s[i+1] == '\\' || s[i+1] == '$'):
			i++
			part.WriteByte(s[i])
		case s[i] == '.':
			f.parts = append(f.parts, part.String())
			part.Reset()
		default:
			part.WriteByte(s[i])
		}
	}
	f.parts = append(f.parts, part.String())
	if slices.Contains(f.parts, "") {
		return fmt.Errorf("the path %q has an empty part", s)
	}
	if s[0] == '$' {
		f.root, f.parts = f.parts[0], f.parts[1:]
		return f.checkRoot(s)
	}
	return nil
}

func (f *Field) checkRoot(s string) error {
	switch f.root {
	case "$key", "$value":
	case "$time", "$id", "$source":
		if len(f.parts) > 0 {
			return fmt.Errorf("%s has no parts, but the path is %q", f.root, s)
		}
	case "$header":
		if len(f.parts) == 0 {
			return errors.New("$header wants the name of a header: $header.NAME")
		}
		f.parts = []string{strings.Join(f.parts, ".")}
	default:
		return fmt.Errorf("%s is none of $key, $value, $time, $id, $source and $header.NAME", f.root)
	}
	return nil
}

// String is the path as it is written.
func (f Field) String() string {
	parts := make([]string, 0, len(f.parts)+1)
	if f.root != "" {
		parts = append(parts, f.root)
	}
	for _, p := range f.parts {
		parts = append(parts, strings.NewReplacer(`\`, `\\`, ".", `\.`, "$", `\$`).Replace(p))
	}
	if len(parts) == 0 {
		return "$value"
	}
	return strings.Join(parts, ".")
}

// inValue reports whether the field is in the value, where pipes may set it.
func (f Field) inValue() bool { return f.root == "" || f.root == "$value" }

// Get is that part of a message, and whether it is there.
func (f Field) Get(m *Message) (v any, ok bool) {
	switch f.root {
	case "", "$value":
		v = m.Value
	case "$key":
		v = m.Key
	case "$time":
		return m.Time.UTC().Format(time.RFC3339Nano), !m.Time.IsZero()
	case "$id":
		return m.ID(), true
	case "$source":
		return m.Origin.Source, true
	case "$header":
		h, ok := m.Header(f.parts[0])
		return string(h), ok
	}
	for _, part := range f.parts {
		switch in := v.(type) {
		case map[string]any:
			if v, ok = in[part]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// with is a value with a part set. What lies around the part is copied, the rest is shared. A map that is not there is
// made; what is there and no map is an error.
func with(value any, parts []string, v any) (any, error) {
	if len(parts) == 0 {
		return v, nil
	}
	object, ok := value.(map[string]any)
	if !ok && value != nil {
		return nil, fmt.Errorf("%q cannot be set in a %s", parts[0], kindOf(value))
	}
	inner, err := with(object[parts[0]], parts[1:], v)
	if err != nil {
		return nil, err
	}
	changed := make(map[string]any, len(object)+1)
	maps.Copy(changed, object)
	changed[parts[0]] = inner
	return changed, nil
}

// without is a value without a part; the same one if it has none.
func without(value any, parts []string) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	inner, ok := object[parts[0]]
	if !ok {
		return value
	}
	changed := maps.Clone(object)
	if len(parts) == 1 {
		delete(changed, parts[0])
	} else {
		changed[parts[0]] = without(inner, parts[1:])
	}
	return changed
}

// kindOf says what a value is, for messages.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "text"
	case int64, float64, int:
		return "number"
	case []any:
		return "list"
	case map[string]any:
		return "map"
	}
	return fmt.Sprintf("%T", v)
}

// textOf is a value as a text: a number or a boolean as it is written in JSON.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case int:
		return strconv.Itoa(v), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

// order compares two numbers or two texts; ok is false for anything else.
func order(a, b any) (cmp int, ok bool) {
	if s, is := a.(string); is {
		t, is := b.(string)
		return strings.Compare(s, t), is
	}
	if i, is := whole(a); is {
		if j, is := whole(b); is {
			return compare(i, j), true
		}
	}
	x, okX := float(a)
	y, okY := float(b)
	if !okX || !okY || math.IsNaN(x) || math.IsNaN(y) {
		return 0, false
	}
	if c := compare(x, y); c != 0 {
		return c, true
	}
	return compare(excess(a, x), excess(b, y)), true
}

func compare[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// whole is a value that is an integer; those that code gives may be an int.
func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	}
	return 0, false
}

func float(v any) (float64, bool) {
	if i, ok := whole(v); ok {
		return float64(i), true
	}
	f, ok := v.(float64)
	return f, ok
}

// excess is by how much an integer is above the float64 that is nearest to it.
func excess(v any, f float64) int64 {
	i, ok := whole(v)
	if !ok || f >= math.MaxInt64 {
		return 0
	}
	return i - int64(f)
}

// equal reports whether two values are the same; numbers by what they are worth.
func equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case bool:
		return a == b
	case []any:
		list, ok := b.([]any)
		return ok && slices.EqualFunc(a, list, equal)
	case map[string]any:
		object, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, object, equal)
	}
	c, ok := order(a, b)
	return ok && c == 0
}
