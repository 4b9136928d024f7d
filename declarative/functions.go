package declarative

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/expr-lang/expr"

	"github.com/rivusio/rivusio/serde"
)

// Function is a function that expressions have beside those of the language.
type Function struct {
	Name      string
	Signature string
	Doc       string
	call      func(args ...any) (any, error)
	types     any // pointer to a func, or a func
}

// Functions are the functions of this package, by name. Those of the language that would make a replay differ are replaced or
// missing: now is missing; keys, values and toPairs give sorted lists.
func Functions() []Function {
	any1 := new(func(any) any)
	return []Function{
		{"formatTime", "formatTime(ms, layout?)", "the time of ms since the epoch as a text in UTC; layout is Go's, by default RFC 3339", formatTime, []any{new(func(any) string), new(func(any, string) string)}},
		{"fromJSON", "fromJSON(text)", "the value of a JSON text", fromJSON, any1},
		{"keys", "keys(object)", "its names, sorted", keysOf, any1},
		{"merge", "merge(object, object, …)", "an object with the members of all; the last one with a name counts", mergeObjects, new(func(...any) any)},
		{"parseTime", "parseTime(text, layout?)", "a time as ms since the epoch; layout is Go's, by default RFC 3339", parseTime, []any{new(func(any) int), new(func(any, string) int)}},
		{"toJSON", "toJSON(value)", "the value as a JSON text, without white space and with sorted names", toJSON, any1},
		{"toPairs", "toPairs(object)", "its members as lists of name and value, sorted by name", pairsOf, any1},
		{"values", "values(object)", "its values, sorted by their names", valuesOf, any1},
		{"without", "without(object, name, …)", "the object without the members of these names", withoutNames, new(func(...any) any)},
		{"words", "words(text)", "its words in lower case, in order: runs of letters and digits", wordsOf, any1},
	}
}

// functionOptions are the functions as options of a compilation.
func functionOptions() []expr.Option {
	options := []expr.Option{expr.DisableBuiltin("now")}
	for _, f := range Functions() {
		signatures, ok := f.types.([]any)
		if !ok {
			signatures = []any{f.types}
		}
		options = append(options, expr.DisableBuiltin(f.Name), expr.Function(f.Name, f.call, signatures...))
	}
	return options
}

func object(name string, v any) (map[string]any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s wants an object, has %s", name, described(v))
	}
	return m, nil
}

func text(name string, v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%s wants a text, has %s", name, described(v))
	}
	return s, nil
}

func keysOf(args ...any) (any, error) {
	m, err := object("keys", args[0])
	if err != nil {
		return nil, err
	}
	return list(slices.Sorted(maps.Keys(m))), nil
}

func valuesOf(args ...any) (any, error) {
	m, err := object("values", args[0])
	if err != nil {
		return nil, err
	}
	values := make([]any, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		values = append(values, m[k])
	}
	return values, nil
}

func pairsOf(args ...any) (any, error) {
	m, err := object("toPairs", args[0])
	if err != nil {
		return nil, err
	}
	pairs := make([]any, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, []any{k, m[k]})
	}
	return pairs, nil
}

func mergeObjects(args ...any) (any, error) {
	merged := make(map[string]any)
	for _, arg := range args {
		m, err := object("merge", arg)
		if err != nil {
			return nil, err
		}
		maps.Copy(merged, m)
	}
	return merged, nil
}

func withoutNames(args ...any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("without wants an object and names")
	}
	m, err := object("without", args[0])
	if err != nil {
		return nil, err
	}
	m = maps.Clone(m)
	for _, arg := range args[1:] {
		name, err := text("without", arg)
		if err != nil {
			return nil, err
		}
		delete(m, name)
	}
	return m, nil
}

func wordsOf(args ...any) (any, error) {
	s, err := text("words", args[0])
	if err != nil {
		return nil, err
	}
	return list(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })), nil
}

func toJSON(args ...any) (any, error) {
	v := plain(args[0])
	if v == nil {
		return "null", nil
	}
	b, err := serde.JSONAny().Append(nil, v)
	return string(b), err
}

func fromJSON(args ...any) (any, error) {
	s, err := text("fromJSON", args[0])
	if err != nil {
		return nil, err
	}
	return serde.JSONAny().Decode([]byte(s))
}

func layoutOf(args []any) string {
	if len(args) > 1 {
		return args[1].(string)
	}
	return time.RFC3339Nano
}

func parseTime(args ...any) (any, error) {
	s, err := text("parseTime", args[0])
	if err != nil {
		return nil, err
	}
	t, err := time.Parse(layoutOf(args), s)
	if err != nil {
		return nil, err
	}
	return int(t.UnixMilli()), nil
}

func formatTime(args ...any) (any, error) {
	ms, ok := plain(args[0]).(int64)
	if !ok {
		return nil, fmt.Errorf("formatTime wants milliseconds as a whole number, has %s", described(args[0]))
	}
	return time.UnixMilli(ms).UTC().Format(layoutOf(args)), nil
}

// scalar makes a plain value of anything else that an expression can end with: numbers of other sizes, times and durations,
// and what has to be shown as a text.
func scalar(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case time.Duration:
		return v.Milliseconds()
	case []byte: // of Avro
		return v
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return plain(float64(r.Uint()))
	case reflect.Float32:
		return plain(r.Float())
	case reflect.Slice, reflect.Array:
		items := make([]any, r.Len())
		for i := range items {
			items[i] = plain(r.Index(i).Interface())
		}
		return items
	}
	return fmt.Sprint(v)
}
