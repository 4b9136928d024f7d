package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The functions of section 5 of the README. Each gets base keys: a windowed key's window plays no part in any of them.
type (
	predicate func(Key, Value) bool
	valueFn   func(Key, Value) Value
	keyFn     func(Key, Value) Key
	joinerFn  func(k Key, left, right Value) Value
	combineFn func(a, v Value) Value
	pairsFn   func(k Key, v Value, emit func(Key, Value))
	listFn    func(v Value) []Value
)

// cut splits a function's name from its argument.
func cut(name string) (function, argument string) {
	function, argument, _ = strings.Cut(name, ":")
	return function, argument
}

// integer reads the argument of a function.
func integer(name, argument string) (int64, error) {
	n, err := strconv.ParseInt(argument, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("function %q wants a number", name)
	}
	return n, nil
}

func someKey(s string) Key { return Key{Value: s, OK: true} }

func upTo(s, separator string) string {
	before, _, _ := strings.Cut(s, separator)
	return before
}

func newPredicate(name string) (predicate, error) {
	function, x := cut(name)
	switch function {
	case "true":
		return func(Key, Value) bool { return true }, nil
	case "false":
		return func(Key, Value) bool { return false }, nil
	case "key-nonnull":
		return func(k Key, _ Value) bool { return k.OK }, nil
	case "value-nonnull":
		return func(_ Key, v Value) bool { return !v.isNull() }, nil
	case "value-null":
		return func(_ Key, v Value) bool { return v.isNull() }, nil
	case "key-is":
		return func(k Key, _ Value) bool { return k.OK && k.Value == x }, nil
	case "value-is":
		return func(_ Key, v Value) bool { return !v.isNull() && v.Text() == x }, nil
	case "value-contains":
		return func(_ Key, v Value) bool { return !v.isNull() && strings.Contains(v.Text(), x) }, nil
	case "len-gt", "num-gt":
		n, err := integer(name, x)
		if err != nil {
			return nil, err
		}
		if function == "len-gt" {
			return func(_ Key, v Value) bool { return !v.isNull() && v.Len() > n }, nil
		}
		return func(_ Key, v Value) bool { return !v.isNull() && v.Number() > n }, nil
	}
	return nil, fmt.Errorf("unknown predicate %q", name)
}

func newValueFn(name string) (valueFn, error) {
	function, x := cut(name)
	// of makes a function that keeps nulls.
	of := func(f func(Value) Value) (valueFn, error) {
		return func(_ Key, v Value) Value {
			if v.isNull() {
				return v
			}
			return f(v)
		}, nil
	}
	switch function {
	case "identity":
		return of(func(v Value) Value { return v })
	case "upper":
		return of(func(v Value) Value { return textValue(upper(v.Text())) })
	case "append":
		return of(func(v Value) Value { return textValue(v.Text() + x) })
	case "null-if":
		return of(func(v Value) Value { return nullIf(v, v.Text() == x) })
	case "null-if-contains":
		return of(func(v Value) Value { return nullIf(v, strings.Contains(v.Text(), x)) })
	case "before":
		return of(func(v Value) Value { return textValue(upTo(v.Text(), x)) })
	case "split":
		return of(func(v Value) Value { return listValue(v.Pieces()) })
	case "default":
		return func(_ Key, v Value) Value {
			if v.isNull() {
				return textValue(x)
			}
			return v
		}, nil
	case "const":
		return func(Key, Value) Value { return textValue(x) }, nil
	case "length":
		return func(_ Key, v Value) Value { return numberValue(v.Len()) }, nil
	case "text":
		return func(_ Key, v Value) Value { return textValue(v.Text()) }, nil
	case "with-key":
		return func(k Key, v Value) Value { return textValue(keyText(k) + "=" + v.Text()) }, nil
	}
	return nil, fmt.Errorf("unknown value function %q", name)
}

func upper(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

func nullIf(v Value, null bool) Value {
	if null {
		return Value{}
	}
	return v
}

func newKeyFn(name string) (keyFn, error) {
	function, x := cut(name)
	// of makes a function that gives null for a null value.
	of := func(f func(Key, Value) Key) (keyFn, error) {
		return func(k Key, v Value) Key {
			if v.isNull() {
				return Key{}
			}
			return f(k, v)
		}, nil
	}
	switch function {
	case "key", "base":
		return func(k Key, _ Value) Key { return k }, nil
	case "null":
		return func(Key, Value) Key { return Key{} }, nil
	case "const":
		return func(Key, Value) Key { return someKey(x) }, nil
	case "append":
		return func(k Key, _ Value) Key {
			if !k.OK {
				return k
			}
			return someKey(k.Value + x)
		}, nil
	case "null-if":
		return func(k Key, v Value) Key {
			if !v.isNull() && v.Text() == x {
				return Key{}
			}
			return k
		}, nil
	case "value":
		return of(func(_ Key, v Value) Key { return someKey(v.Text()) })
	case "before":
		return of(func(_ Key, v Value) Key { return someKey(upTo(v.Text(), x)) })
	case "before-or-null":
		return of(func(_ Key, v Value) Key {
			before, _, found := strings.Cut(v.Text(), x)
			return Key{Value: before, OK: found}
		})
	case "key-and-before":
		return of(func(k Key, v Value) Key { return someKey(keyText(k) + upTo(v.Text(), x)) })
	case "prefix":
		n, err := integer(name, x)
		if err != nil {
			return nil, err
		}
		return of(func(_ Key, v Value) Key { return someKey(v.Text()[:min(int(n), len(v.Text()))]) })
	}
	return nil, fmt.Errorf("unknown key function %q", name)
}

func newListFn(name string) (listFn, error) {
	function, x := cut(name)
	switch function {
	case "split-comma":
		return func(v Value) []Value {
			var out []Value
			for _, piece := range v.Pieces() {
				out = append(out, textValue(piece))
			}
			return out
		}, nil
	case "repeat":
		n, err := integer(name, x)
		return func(v Value) []Value { return slices.Repeat([]Value{v}, int(n)) }, err
	}
	return nil, fmt.Errorf("unknown flat function %q of values", name)
}

func newPairsFn(name string) (pairsFn, error) {
	function, x := cut(name)
	switch function {
	case "split-comma":
		return func(k Key, v Value, emit func(Key, Value)) {
			for _, piece := range v.Pieces() {
				emit(k, textValue(piece))
			}
		}, nil
	case "piece-keys":
		return func(_ Key, v Value, emit func(Key, Value)) {
			for _, piece := range v.Pieces() {
				emit(someKey(upTo(piece, ":")), textValue(piece))
			}
		}, nil
	case "repeat":
		n, err := integer(name, x)
		return func(k Key, v Value, emit func(Key, Value)) {
			for range n {
				emit(k, v)
			}
		}, err
	}
	return nil, fmt.Errorf("unknown flat function %q of pairs", name)
}

func newJoiner(name string) (joinerFn, error) {
	pair := func(_ Key, left, right Value) Value {
		return textValue("(" + left.Text() + "," + right.Text() + ")")
	}
	function, x := cut(name)
	switch function {
	case "pair":
		return pair, nil
	case "pair-key":
		return func(k Key, left, right Value) Value {
			return textValue(keyText(k) + pair(k, left, right).text)
		}, nil
	case "left":
		return func(_ Key, left, _ Value) Value { return left }, nil
	case "right":
		return func(_ Key, _, right Value) Value { return right }, nil
	case "null-if":
		return func(k Key, left, right Value) Value {
			return nullIf(pair(k, left, right), left.Text() == x || right.Text() == x)
		}, nil
	}
	return nil, fmt.Errorf("unknown joiner %q", name)
}

func newCombine(name string) (combineFn, error) {
	between := func(separator string) (combineFn, error) {
		return func(a, v Value) Value { return textValue(a.Text() + separator + v.Text()) }, nil
	}
	function, x := cut(name)
	switch function {
	case "plus":
		return between("+")
	case "minus":
		return between("-")
	case "bar":
		return between("|")
	case "concat":
		return between("")
	case "add":
		return func(a, v Value) Value { return numberValue(a.Number() + v.Number()) }, nil
	case "sub":
		return func(a, v Value) Value { return numberValue(a.Number() - v.Number()) }, nil
	case "max":
		return func(a, v Value) Value { return pick(a, v, v.Text() > a.Text()) }, nil
	case "min":
		return func(a, v Value) Value { return pick(a, v, v.Text() < a.Text()) }, nil
	case "first":
		return func(a, _ Value) Value { return a }, nil
	case "last":
		return func(_, v Value) Value { return v }, nil
	case "null":
		return func(_, _ Value) Value { return Value{} }, nil
	case "collect":
		return func(a, v Value) Value { return listValue(slices.Concat([]string{}, a.List(), v.List())) }, nil
	case "remove":
		return func(a, v Value) Value { return listValue(without(a.List(), v.List())) }, nil
	case "null-if-contains":
		return func(a, v Value) Value {
			return nullIf(textValue(a.Text()+"+"+v.Text()), !v.isNull() && strings.Contains(v.Text(), x))
		}, nil
	}
	return nil, fmt.Errorf("unknown combine function %q", name)
}

func pick(a, v Value, second bool) Value {
	if second {
		return v
	}
	return a
}

func without(list, remove []string) []string {
	out := append([]string{}, list...)
	for _, s := range remove {
		if i := slices.Index(out, s); i >= 0 {
			out = slices.Delete(out, i, i+1)
		}
	}
	return out
}
