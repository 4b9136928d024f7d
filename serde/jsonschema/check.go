package jsonschema

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/serde/registry"
)

// checks are the checkers of one schema. The library gives no way to stop it and none to tell one use of a compiled schema from
// another, so each checker has a schema of its own, in which a counter is compiled that stops it.
type checks struct {
	documents *documents
	free      chan *checker
}

// maxFree is how many checkers are kept between uses, for so many goroutines at a time.
const maxFree = 64

type checker struct {
	schema *jsonschema.Schema
	steps  *steps
}

// newChecks compiles a schema and returns its title.
func newChecks(s registry.Schema) (*checks, string, error) {
	d, title, err := parse(s)
	if err != nil {
		return nil, "", err
	}
	first, err := newChecker(d)
	if err != nil {
		return nil, "", detail{err}
	}
	c := &checks{documents: d, free: make(chan *checker, maxFree)}
	c.release(first)
	return c, title, nil
}

// take returns a checker that nobody else uses.
func (c *checks) take() (*checker, error) {
	select {
	case x := <-c.free:
		return x, nil
	default:
		return newChecker(c.documents)
	}
}

func (c *checks) release(x *checker) {
	select {
	case c.free <- x:
	default:
	}
}

func newChecker(d *documents) (*checker, error) {
	s := new(steps)
	schema, err := d.compile(s)
	return &checker{schema, s}, err
}

// check returns the value that b is, which is valid.
func (c *checks) check(b []byte) (any, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, which is more than %d", len(b), MaxBytes)
	}
	count, depth := countValues(b)
	if count > MaxValues {
		return nil, fmt.Errorf("%d bytes with more than %d values in them", len(b), MaxValues)
	}
	v, err := serde.JSONAny().Decode(nonNil(b))
	if err != nil {
		return nil, err
	}
	x, err := c.take()
	if err != nil {
		return nil, err
	}
	defer c.release(x)
	if err := x.check(v, stepsFor(count, len(b), depth)); err != nil {
		return nil, err
	}
	return v, nil
}

// nonNil makes no bytes what they are here: a text without a value, and not Kafka's null.
func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// stepsFor is how many steps a value may take. They take the longer, the deeper it is.
func stepsFor(count, bytes, depth int) int {
	const (
		least    = 20_000 // for the smallest value too
		forEach  = 10
		perLevel = 32
	)
	return min(least+forEach*count+bytes, MaxSteps) / (1 + depth/perLevel)
}

func (c *checker) check(v any, steps int) (err error) {
	c.steps.left = steps
	defer func() {
		switch p := recover(); p {
		case nil:
		case errSteps:
			err = errSteps
		default:
			err = fmt.Errorf("the check gave up: %v", p)
		}
	}()
	if err := c.schema.Validate(v); err != nil {
		return detail{shortened(err)}
	}
	return nil
}

var errSteps = errors.New("it takes too many steps to check by the schema")

// steps counts, and stops a check by a panic when none are left or when it goes too deep.
type steps struct{ left int }

// A schema may refer to another and so on, for each level of a value. maxFrames bounds the stack; to look at it takes time, so
// that is done once in lookEvery steps.
const (
	maxFrames = 20_000
	lookEvery = 10_000
)

func (s *steps) take(n int) {
	before := s.left
	if s.left -= n; s.left < 0 {
		panic(errSteps)
	}
	if before/lookEvery != s.left/lookEvery {
		var frame [1]uintptr
		if runtime.Callers(maxFrames, frame[:]) > 0 {
			panic(errSteps)
		}
	}
}

// vocabulary is compiled for each object of a schema, and has it counted before anything else: as a format, since the library
// looks at the keywords of a vocabulary last, if at all.
func (s *steps) vocabulary() *jsonschema.Vocabulary {
	return &jsonschema.Vocabulary{
		URL: baseURL + "steps",
		Compile: func(ctx *jsonschema.CompilerContext, object map[string]any) (jsonschema.SchemaExt, error) {
			schema := ctx.Enqueue(nil) // the one that is being compiled
			schema.Format = s.counted(schema.Format, compared(schema), weight(object), object["uniqueItems"] == true)
			schema.Const, schema.Enum = nil, nil
			return nil, nil
		},
	}
}

// compared is what a schema compares a value with, which the library does before it looks at a format; nil if it does not.
func compared(schema *jsonschema.Schema) *jsonschema.Schema {
	if schema.Const == nil && schema.Enum == nil {
		return nil
	}
	return &jsonschema.Schema{Location: schema.Location, DraftVersion: schema.DraftVersion, Const: schema.Const, Enum: schema.Enum}
}

func (s *steps) counted(f *jsonschema.Format, values *jsonschema.Schema, cost int, unique bool) *jsonschema.Format {
	out := &jsonschema.Format{Name: "steps"}
	then := func(any) error { return nil }
	bytesPerStep := bytesOfLength
	if f != nil {
		bytesPerStep = bytesOfFormat
		out.Name, then = f.Name, f.Validate
		if f.Name == "regex" { // the library has its own way with this name
			out.Name, then = "regex (RE2)", validRegexp
		}
	}
	out.Validate = func(v any) error {
		s.take(cost)
		switch v := v.(type) {
		case string:
			s.take(len(v) / bytesPerStep)
		case []any:
			if unique {
				s.takeUnique(v)
			}
		}
		if values != nil {
			if err := values.Validate(v); err != nil {
				return err
			}
		}
		return then(v)
	}
	return out
}

// How many bytes of a text are looked at in a step: by what counts its characters, and by a format.
const (
	bytesOfLength = 128
	bytesOfFormat = 4
)

// takeUnique counts what is compared: every value in the items has a hash made.
func (s *steps) takeUnique(v any) {
	const forEach, bytesOfHash = 10, 64
	s.take(forEach)
	switch v := v.(type) {
	case string:
		s.take(len(v) / bytesOfHash)
	case []any:
		for _, item := range v {
			s.takeUnique(item)
		}
	case map[string]any:
		for name, member := range v {
			s.take(forEach + len(name)/bytesOfHash)
			s.takeUnique(member)
		}
	}
}

func validRegexp(v any) error {
	text, ok := v.(string)
	if !ok {
		return nil
	}
	if size, err := patternSize(text); err != nil || size <= maxPatterns {
		return err
	}
	return errPatterns
}

// weight is how much of an object may be applied to a value at once: parts that fail at once do not count themselves.
func weight(object map[string]any) int {
	n := 1
	for name, keyword := range object {
		if name == "const" || name == "enum" {
			n += sizeOf(keyword) // a value is compared with all of it
			continue
		}
		switch keyword := keyword.(type) {
		case []any:
			n += len(keyword)
		case map[string]any:
			n++
		}
	}
	return n
}

// sizeOf counts what is in a value.
func sizeOf(v any) int {
	n := 1
	switch v := v.(type) {
	case string:
		n += len(v) / bytesOfLength
	case []any:
		for _, item := range v {
			n += sizeOf(item)
		}
	case map[string]any:
		for _, member := range v {
			n += 1 + sizeOf(member)
		}
	}
	return n
}

// countedRegexp takes a step for each 16 bytes and parts of the pattern: each byte may be looked at for each part.
type countedRegexp struct {
	*regexp.Regexp
	size  int
	steps *steps
}

// MatchString implements jsonschema.Regexp.
func (r countedRegexp) MatchString(s string) bool {
	r.steps.take(1 + len(s)*r.size/16)
	return r.Regexp.MatchString(s)
}

// countValues counts what is in a JSON text and how deep, without regard to whether it is one.
func countValues(b []byte) (count, depth int) {
	count = 1
	level := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			count++
			level++
			depth = max(depth, level)
		case '}', ']':
			level--
		case ',':
			count++
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		}
	}
	return count, depth
}
