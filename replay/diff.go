package replay

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Side is one of two runs that are compared. It writes its results with their causes, as [Lines] has them, and returns when it has
// ended.
type Side func(ctx context.Context, to io.Writer) error

// DiffOptions say how results are compared. The zero value compares everything.
type DiffOptions struct {
	// Ignore are what does not count: "timestamp", "headers", or "value.PATH" with names between dots, such as
	// "value.updated_at"; "value" alone is the whole value.
	Ignore []string
	// Limit is how many differences are listed, the first ones; all are counted. 0: 20.
	Limit int
	// Dir is where files are made for the time of the comparison. "": the system's place for temporary files.
	Dir string
}

// Kind says how a result differs.
type Kind string

// The kinds of differences.
const (
	Added   Kind = "added"   // only the new side has it
	Removed Kind = "removed" // only the old side has it
	Changed Kind = "changed" // both have one in its place, and they differ
)

// Difference is a result that the two sides do not have in the same way. Results are compared by topic and key, a windowed key with
// its window: the n-th of the one side with the n-th of the other, after equal ones at the start and the end are set aside.
type Difference struct {
	Kind  Kind           `json:"kind"`
	Topic string         `json:"topic"`
	Key   jsontext.Value `json:"key"`
	Old   *Line          `json:"old,omitempty"`
	New   *Line          `json:"new,omitempty"`
	// Fields are the parts that differ, such as "value.cents"; nil unless the kind is Changed.
	Fields []string `json:"fields,omitempty"`
}

// Line is a result as [Lines] writes it, with its cause.
type Line struct {
	Topic     string         `json:"topic"`
	Key       jsontext.Value `json:"key"`
	Value     jsontext.Value `json:"value"`
	Timestamp int64          `json:"timestamp"`
	Headers   jsontext.Value `json:"headers,omitzero"`
	Partition int32          `json:"partition"`
	Input     int64          `json:"input"` // number of the record of the slice that led to it directly
	Cause     Place          `json:"cause"`

	ordinal int64 // among the results of its side
}

// Place is where an input record is.
type Place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// String is TOPIC[PARTITION]@OFFSET.
func (p Place) String() string { return fmt.Sprintf("%s[%d]@%d", p.Topic, p.Partition, p.Offset) }

// Counts are numbers of results.
type Counts struct {
	Same    int64 `json:"same"`
	Added   int64 `json:"added"`
	Removed int64 `json:"removed"`
	Changed int64 `json:"changed"`
}

// Comparison is what [Diff] found.
type Comparison struct {
	Counts
	Topics map[string]*Counts `json:"topics"`
	// Differences are the first of them, by the input record that led to them directly.
	Differences []Difference `json:"differences,omitempty"`
}

// Equal reports whether there is no difference.
func (c *Comparison) Equal() bool { return c.Added+c.Removed+c.Changed == 0 }

// Diff runs two sides, the old one first, and compares what they write. Memory is that of a small part of the results.
func Diff(ctx context.Context, old, new Side, o DiffOptions) (_ *Comparison, err error) {
	ignored, err := newIgnored(o.Ignore)
	if err != nil {
		return nil, err
	}
	if o.Limit <= 0 {
		o.Limit = 20
	}
	sides := [2]*buckets{}
	for i, side := range []Side{old, new} {
		if sides[i], err = newBuckets(o.Dir); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, sides[i].close()) }()
		if err := side(ctx, sides[i]); err != nil {
			return nil, fmt.Errorf("%s side: %w", []string{"old", "new"}[i], err)
		}
		if err := sides[i].flush(); err != nil {
			return nil, err
		}
	}
	c := &comparer{ignored: ignored, limit: o.Limit, Comparison: Comparison{Topics: make(map[string]*Counts)}}
	for i := range bucketCount {
		before, err := sides[0].read(i)
		if err != nil {
			return nil, err
		}
		after, err := sides[1].read(i)
		if err != nil {
			return nil, err
		}
		for _, key := range slices.Sorted(maps.Keys(union(before, after))) {
			if err := c.key(before[key], after[key]); err != nil {
				return nil, err
			}
		}
	}
	return &c.Comparison, nil
}

func union(a, b map[string][]Line) map[string]bool {
	keys := make(map[string]bool, len(a))
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	return keys
}

type comparer struct {
	Comparison
	ignored ignored
	limit   int
}

// key compares the results of one topic and key.
func (c *comparer) key(before, after []Line) error {
	for _, l := range [][]Line{before, after} {
		for i := range l {
			if err := c.ignored.apply(&l[i]); err != nil {
				return err
			}
		}
	}
	counts := c.countsOf(before, after)
	for len(before) > 0 && len(after) > 0 && before[0].same(&after[0]) {
		before, after = before[1:], after[1:]
		counts.Same, c.Same = counts.Same+1, c.Same+1
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1].same(&after[len(after)-1]) {
		before, after = before[:len(before)-1], after[:len(after)-1]
		counts.Same, c.Same = counts.Same+1, c.Same+1
	}
	for i := range max(len(before), len(after)) {
		switch {
		case i >= len(after):
			counts.Removed, c.Removed = counts.Removed+1, c.Removed+1
			c.add(Difference{Kind: Removed, Topic: before[i].Topic, Key: before[i].Key, Old: &before[i]})
		case i >= len(before):
			counts.Added, c.Added = counts.Added+1, c.Added+1
			c.add(Difference{Kind: Added, Topic: after[i].Topic, Key: after[i].Key, New: &after[i]})
		case before[i].same(&after[i]):
			counts.Same, c.Same = counts.Same+1, c.Same+1
		default:
			counts.Changed, c.Changed = counts.Changed+1, c.Changed+1
			c.add(Difference{Kind: Changed, Topic: after[i].Topic, Key: after[i].Key, Old: &before[i], New: &after[i], Fields: before[i].differs(&after[i])})
		}
	}
	return nil
}

func (c *comparer) countsOf(before, after []Line) *Counts {
	topic := append(slices.Clip(before), after...)[0].Topic
	if c.Topics[topic] == nil {
		c.Topics[topic] = new(Counts)
	}
	return c.Topics[topic]
}

// add keeps a difference if it is among the first.
func (c *comparer) add(d Difference) {
	at, _ := slices.BinarySearchFunc(c.Differences, d, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.input(), b.input()), cmp.Compare(a.ordinal(), b.ordinal()), cmp.Compare(a.Topic, b.Topic), bytes.Compare(a.Key, b.Key))
	})
	if at < c.limit {
		c.Differences = slices.Insert(c.Differences, at, d)
		c.Differences = c.Differences[:min(len(c.Differences), c.limit)]
	}
}

// input is the number of the input record at which the difference shows.
func (d *Difference) input() int64 {
	switch {
	case d.Old == nil:
		return d.New.Input
	case d.New == nil:
		return d.Old.Input
	}
	return min(d.Old.Input, d.New.Input)
}

func (d *Difference) ordinal() int64 {
	if d.New != nil {
		return d.New.ordinal
	}
	return d.Old.ordinal
}

// Cause is the input record at which the difference shows: that which led to the earlier of the two results.
func (d *Difference) Cause() Place {
	if d.Old == nil || d.New != nil && d.New.Input < d.Old.Input {
		return d.New.Cause
	}
	return d.Old.Cause
}

// same reports whether two results are the same, but for where they came from.
func (l *Line) same(m *Line) bool {
	return l.Timestamp == m.Timestamp && bytes.Equal(l.Value, m.Value) && bytes.Equal(l.Headers, m.Headers)
}

// differs names the parts in which two results differ.
func (l *Line) differs(m *Line) (fields []string) {
	if l.Timestamp != m.Timestamp {
		fields = append(fields, "timestamp")
	}
	if !bytes.Equal(l.Headers, m.Headers) {
		fields = append(fields, "headers")
	}
	return append(fields, unlike("value", l.Value, m.Value)...)
}

// unlike names the members of two JSON values that differ, down to where one of them is no object.
func unlike(path string, a, b jsontext.Value) (fields []string) {
	if bytes.Equal(a, b) {
		return nil
	}
	var x, y map[string]jsontext.Value
	if a.Kind() != '{' || b.Kind() != '{' || json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return []string{path}
	}
	for _, name := range slices.Sorted(maps.Keys(x)) {
		if _, ok := y[name]; !ok {
			fields = append(fields, path+"."+name)
			continue
		}
		fields = append(fields, unlike(path+"."+name, x[name], y[name])...)
	}
	for _, name := range slices.Sorted(maps.Keys(y)) {
		if _, ok := x[name]; !ok {
			fields = append(fields, path+"."+name)
		}
	}
	return fields
}

// ignored are the parts of results that do not count.
type ignored struct {
	timestamp, headers, value bool
	paths                     [][]string
}

func newIgnored(rules []string) (i ignored, err error) {
	for _, rule := range rules {
		path, isValue := strings.CutPrefix(rule, "value.")
		switch {
		case rule == "timestamp":
			i.timestamp = true
		case rule == "headers":
			i.headers = true
		case rule == "value":
			i.value = true
		case isValue && path != "" && !slices.Contains(strings.Split(path, "."), ""):
			i.paths = append(i.paths, strings.Split(path, "."))
		default:
			return i, fmt.Errorf("replay: %q cannot be ignored, but timestamp, headers, value and value.PATH can", rule)
		}
	}
	return i, nil
}

// apply takes what does not count out of a line, and writes its value in the one form that JSON values have (RFC 8785).
func (i *ignored) apply(l *Line) error {
	if i.timestamp {
		l.Timestamp = 0
	}
	if i.headers {
		l.Headers = nil
	}
	if i.value {
		l.Value = nil
		return nil
	}
	if l.Value.Kind() != '{' {
		return nil
	}
	if len(i.paths) > 0 {
		var v map[string]any
		if err := json.Unmarshal(l.Value, &v); err != nil {
			return fmt.Errorf("replay: value of topic %q: %w", l.Topic, err)
		}
		for _, path := range i.paths {
			remove(v, path)
		}
		b, err := json.Marshal(v, json.Deterministic(true))
		if err != nil {
			return fmt.Errorf("replay: value of topic %q: %w", l.Topic, err)
		}
		l.Value = b
	}
	if err := l.Value.Canonicalize(jsontext.CanonicalizeRawInts(false)); err != nil {
		return fmt.Errorf("replay: value of topic %q: %w", l.Topic, err)
	}
	return nil
}

func remove(v map[string]any, path []string) {
	if len(path) == 1 {
		delete(v, path[0])
		return
	}
	if inner, ok := v[path[0]].(map[string]any); ok {
		remove(inner, path[1:])
	}
}
