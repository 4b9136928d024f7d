package plugins

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/rivusio/rivusio/pipes"
)

// FilterConfig configures the pipe filter.
type FilterConfig struct {
	Where []Condition `yaml:"where" required:"true" doc:"conditions on a message"`
	Match string      `yaml:"match" enum:"all,any,none" default:"all" doc:"how many of them must hold for the message to be kept"`
}

// Condition compares a part of a message.
type Condition struct {
	Field Field  `yaml:"field" required:"true" doc:"path of the part, such as customer.age or $key"`
	Op    string `yaml:"op" enum:"==,!=,<,<=,>,>=,in,not in,exists,missing,contains,prefix,suffix,matches" default:"==" doc:"the comparison; a part that is missing is only !=, not in and missing"`
	Value any    `yaml:"value" doc:"what it is compared with: a value, of in and not in a list, of matches a regular expression (RE2)"`
}

// Validate checks the value against the comparison.
func (c Condition) Validate() error {
	_, err := c.compile()
	return err
}

// compile is the test that the condition says. It is of a part that is there.
func (c Condition) compile() (func(any) (bool, error), error) {
	wrong := func(format string, args ...any) error {
		return &KeyError{Key: "value", Err: fmt.Errorf(format, args...)}
	}
	switch c.Op {
	case "==":
		return func(v any) (bool, error) { return equal(v, c.Value), nil }, nil
	case "!=":
		return func(v any) (bool, error) { return !equal(v, c.Value), nil }, nil
	case "in", "not in":
		list, ok := c.Value.([]any)
		if !ok {
			return nil, wrong("%s wants a list, have a %s", c.Op, kindOf(c.Value))
		}
		return func(v any) (bool, error) {
			return slices.ContainsFunc(list, func(item any) bool { return equal(v, item) }) == (c.Op == "in"), nil
		}, nil
	case "exists", "missing":
		if c.Value != nil {
			return nil, wrong("%s takes no value", c.Op)
		}
		return func(any) (bool, error) { return c.Op == "exists", nil }, nil
	case "contains":
		return c.contains, nil
	case "prefix", "suffix", "matches":
		return c.onText(wrong)
	}
	if _, ok := order(c.Value, c.Value); !ok {
		return nil, wrong("%s wants a number or a text, have a %s", c.Op, kindOf(c.Value))
	}
	return c.compare, nil
}

func (c Condition) onText(wrong func(string, ...any) error) (func(any) (bool, error), error) {
	text, ok := c.Value.(string)
	if !ok {
		return nil, wrong("%s wants a text, have a %s", c.Op, kindOf(c.Value))
	}
	test := func(s string) bool { return strings.HasPrefix(s, text) }
	switch c.Op {
	case "suffix":
		test = func(s string) bool { return strings.HasSuffix(s, text) }
	case "matches":
		re, err := regexp.Compile(text)
		if err != nil {
			return nil, wrong("%w", err)
		}
		test = re.MatchString
	}
	return func(v any) (bool, error) {
		s, ok := v.(string)
		return ok && test(s), nil
	}, nil
}

// contains is about the part of a text, or an item of a list.
func (c Condition) contains(v any) (bool, error) {
	switch v := v.(type) {
	case string:
		text, ok := c.Value.(string)
		return ok && strings.Contains(v, text), nil
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return equal(item, c.Value) }), nil
	}
	return false, nil
}

// compare is about the order of two numbers or two texts. Null is before and behind nothing.
func (c Condition) compare(v any) (bool, error) {
	if v == nil {
		return false, nil
	}
	n, ok := order(v, c.Value)
	if !ok {
		return false, fmt.Errorf("%v: a %s cannot be compared with a %s by %s", c.Field, kindOf(v), kindOf(c.Value), c.Op)
	}
	switch c.Op {
	case "<":
		return n < 0, nil
	case "<=":
		return n <= 0, nil
	case ">":
		return n > 0, nil
	}
	return n >= 0, nil
}

func newFilter(c FilterConfig) (Pipe, error) {
	tests := make([]func(any) (bool, error), len(c.Where))
	for i, condition := range c.Where {
		var err error
		if tests[i], err = condition.compile(); err != nil {
			return nil, err
		}
	}
	return pipes.Func[Message, []Message](func(_ context.Context, m Message) ([]Message, error) {
		keep := c.Match != "any"
		var errs []error
		for i := range c.Where {
			holds, err := c.Where[i].holds(&m, tests[i])
			errs = append(errs, err)
			if holds == (c.Match != "all") {
				keep = c.Match == "any"
				break
			}
		}
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		if !keep {
			return nil, nil
		}
		return []Message{m}, nil
	}), nil
}

// holds applies a compiled test to its part of a message.
func (c *Condition) holds(m *Message, test func(any) (bool, error)) (bool, error) {
	v, ok := c.Field.Get(m)
	if !ok {
		return c.Op == "!=" || c.Op == "not in" || c.Op == "missing", nil
	}
	return test(v)
}
