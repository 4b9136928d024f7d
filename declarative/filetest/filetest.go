package filetest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/jsonlines"
	"github.com/rivusio/rivusio/operators"
)

// Run runs a test of a file. It returns what is not as the test wants it, one text each; none if it passes.
func Run(f *declarative.File, c declarative.Case) []string {
	start := time.UnixMilli(int64(c.Start)).UTC()
	r, err := jsonlines.New(f, jsonlines.Config{Partitions: int32(c.Partitions), Topics: topics(f, c), Now: start})
	if err != nil {
		return failed(c, err)
	}
	got, err := feed(r, f, c, start)
	var problems []string
	switch {
	case err != nil:
		problems = failed(c, err)
	case c.Error != "":
		problems = append(problems, fmt.Sprintf("the input did not fail, want an error with %q", c.Error))
	}
	if len(problems) == 0 && (c.Error == "" || c.Output != nil) {
		problems = append(problems, compareTopics(c, got)...)
	}
	if len(problems) == 0 || err == nil {
		problems = append(problems, compareTables(c, r)...)
	}
	if err := r.Close(); err != nil {
		problems = append(problems, "close: "+err.Error())
	}
	return problems
}

// topics are those that a pattern of the file must find.
func topics(f *declarative.File, c declarative.Case) (names []string) {
	for _, in := range c.Input {
		if f.Matched != nil && in.Topic != "" && !slices.Contains(names, in.Topic) {
			names = append(names, in.Topic)
		}
	}
	return names
}

// failed compares an error with the one that is wanted.
func failed(c declarative.Case, err error) []string {
	switch {
	case c.Error == "":
		return []string{"the input fails: " + err.Error()}
	case !strings.Contains(err.Error(), c.Error):
		return []string{fmt.Sprintf("the input fails with %q, want an error with %q", err, c.Error)}
	}
	return nil
}

// feed runs the input and returns the records of all topics.
func feed(r *jsonlines.Runner, f *declarative.File, c declarative.Case, now time.Time) (map[string][]jsonlines.Record, error) {
	got := make(map[string][]jsonlines.Record)
	for i, in := range c.Input {
		var advance time.Duration
		if in.Advance != nil {
			advance = *in.Advance
			now = now.Add(advance)
		} else if err := r.Send(record(f, in, now)); err != nil {
			return got, fmt.Errorf("input %d: %w", i+1, err)
		}
		written, err := r.Commit(advance)
		if err != nil {
			return got, fmt.Errorf("input %d: %w", i+1, err)
		}
		for _, w := range written {
			got[w.Topic] = append(got[w.Topic], w)
		}
	}
	return got, nil
}

func record(f *declarative.File, in declarative.Step, now time.Time) jsonlines.Record {
	rec := jsonlines.Record{Topic: in.Topic, Key: in.Key, Value: in.Value, Timestamp: now.UnixMilli(), Partition: -1}
	if rec.Topic == "" && len(f.Inputs) == 1 {
		rec.Topic = f.Inputs[0].Name
	}
	if in.Timestamp != nil {
		rec.Timestamp = int64(*in.Timestamp)
	}
	if in.Partition != nil {
		rec.Partition = *in.Partition
	}
	for _, name := range slices.Sorted(maps.Keys(in.Headers)) {
		rec.Headers = append(rec.Headers, operators.Header{Key: name, Value: []byte(in.Headers[name])})
	}
	return rec
}

func compareTopics(c declarative.Case, got map[string][]jsonlines.Record) (problems []string) {
	names := slices.Concat(slices.Collect(maps.Keys(c.Output)), slices.Collect(maps.Keys(got)))
	slices.Sort(names)
	for _, topic := range slices.Compact(names) {
		want, have := c.Output[topic], got[topic]
		for i := range max(len(want), len(have)) {
			where := fmt.Sprintf("topic %s, record %d", topic, i+1)
			switch {
			case i >= len(have):
				problems = append(problems, fmt.Sprintf("%s: missing, want %s", where, shownExpected(want[i])))
			case i >= len(want):
				problems = append(problems, fmt.Sprintf("%s: not wanted, got %s", where, shownRecord(have[i])))
			default:
				problems = append(problems, compare(where, want[i], have[i])...)
			}
		}
	}
	return problems
}

// compare says how a record differs from the one wanted.
func compare(where string, want declarative.Expected, got jsonlines.Record) (problems []string) {
	differ := func(path string, got, want any) {
		problems = append(problems, fmt.Sprintf("%s: %s: got %s, want %s", where, path, shown(got), shown(want)))
	}
	differences("key", got.Key, want.Key, differ)
	differences("value", got.Value, want.Value, differ)
	if want.Timestamp != nil {
		differences("timestamp", got.Timestamp, int64(*want.Timestamp), differ)
	}
	if want.Partition != nil {
		differences("partition", int64(got.Partition), int64(*want.Partition), differ)
	}
	if want.Headers != nil {
		headers, wanted := map[string]any{}, map[string]any{}
		for _, h := range got.Headers {
			headers[h.Key] = string(h.Value)
		}
		for name, value := range want.Headers {
			wanted[name] = value
		}
		differences("headers", headers, wanted, differ)
	}
	return problems
}

// differences calls differ for each path at which two JSON values differ.
func differences(path string, got, want any, differ func(path string, got, want any)) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		names := slices.Concat(slices.Collect(maps.Keys(w)), slices.Collect(maps.Keys(g)))
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			inGot, okGot := g[name]
			inWant, okWant := w[name]
			switch at := path + "." + name; {
			case !okGot:
				differ(at, missing{}, inWant)
			case !okWant:
				differ(at, inGot, missing{})
			default:
				differences(at, inGot, inWant, differ)
			}
		}
		return
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i := range w {
			differences(fmt.Sprintf("%s[%d]", path, i), g[i], w[i], differ)
		}
		return
	}
	if !reflect.DeepEqual(got, want) {
		differ(path, got, want)
	}
}

// compareTables compares the rows of stores, whatever their order.
func compareTables(c declarative.Case, r *jsonlines.Runner) (problems []string) {
	for _, store := range slices.Sorted(maps.Keys(c.Tables)) {
		rows, err := r.Rows(store)
		if err != nil {
			problems = append(problems, "tables: "+err.Error())
			continue
		}
		have := make(map[string]jsonlines.Record)
		for _, row := range rows {
			have[shown(row.Key)] = jsonlines.Record{Key: row.Key, Value: row.Value, Timestamp: row.Timestamp}
		}
		for _, want := range c.Tables[store] {
			key := shown(want.Key)
			row, ok := have[key]
			delete(have, key)
			if !ok {
				problems = append(problems, fmt.Sprintf("store %s: no row of key %s, want %s", store, key, shown(want.Value)))
				continue
			}
			problems = append(problems, compare(fmt.Sprintf("store %s, key %s", store, key), want, row)...)
		}
		for _, key := range slices.Sorted(maps.Keys(have)) {
			problems = append(problems, fmt.Sprintf("store %s: a row of key %s is not wanted, it is %s", store, key, shown(have[key].Value)))
		}
	}
	return problems
}

// missing stands for a member that is not there.
type missing struct{}

// shown is a value as JSON.
func shown(v any) string {
	if _, ok := v.(missing); ok {
		return "nothing"
	}
	r := jsonlines.Record{Value: v}
	b, err := r.AppendLine(nil, jsonlines.Bare)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(string(b), "\n")
}

func shownRecord(r jsonlines.Record) string {
	b, err := r.AppendLine(nil, jsonlines.Envelope)
	if err != nil {
		return fmt.Sprint(r)
	}
	return strings.TrimSuffix(string(b), "\n")
}

func shownExpected(e declarative.Expected) string {
	return fmt.Sprintf(`{"key":%s,"value":%s}`, shown(e.Key), shown(e.Value))
}
