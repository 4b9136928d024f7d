package declarative_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/filetest"
	"github.com/rivusio/rivusio/examples/orders"
	"github.com/rivusio/rivusio/examples/wordcount"
	"github.com/rivusio/rivusio/serde"
	"github.com/rivusio/rivusio/topology"
	"github.com/rivusio/rivusio/topology/topologytest"
)

// raw is the bytes of an output with their place.
func raw(d *topologytest.Driver, topic string) string {
	var b strings.Builder
	for _, r := range topologytest.Output(d, topic, serde.Bytes, serde.Bytes).ReadAll() {
		value := fmt.Sprintf("%x", r.Value)
		if bytes.HasPrefix(r.Value, []byte("{")) { // the order of its members is that of a struct, or of their names
			v, err := serde.JSONAny().Decode(r.Value)
			value = fmt.Sprint(v, err)
		}
		fmt.Fprintf(&b, "%d %x=%s@%d\n", r.Partition, r.Key, value, r.Timestamp)
	}
	return b.String()
}

// The files of the examples are the topologies that the Go code of the examples builds: the same operators, stores, topics
// and hashes, and the same results: the same bytes, but for the order of the members of JSON objects.
func TestFilesBuildTheTopologiesOfTheGoExamples(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, example := range []struct {
		file      string
		construct func() (*topology.Topology, error)
		out       string
		send      func(send func(topic, key, value string, ms int64))
	}{
		{"word-count", wordcount.Topology, "word-counts", func(send func(topic, key, value string, ms int64)) {
			for range 300 {
				send("lines", "", fmt.Sprintf("Word%d, word%d!", random.IntN(9), random.IntN(9)), random.Int64N(600_000))
			}
		}},
		{"orders", orders.Topology, "spend-by-tier", func(send func(topic, key, value string, ms int64)) {
			for i := range 5 {
				send("customers", fmt.Sprint("c", i), fmt.Sprintf(`{"tier":"t%d","city":"x"}`, i%3), 0)
			}
			for i := range 300 {
				send("orders", fmt.Sprint("o", i), fmt.Sprintf(`{"id":"o%d","customer":"c%d","cents":%d}`, i, random.IntN(7), random.IntN(100)-20), int64(i)*300+random.Int64N(9_000))
			}
		}},
	} {
		f, err := declarative.Read("../examples/declarative/" + example.file + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		fromGo, err := example.construct()
		if err != nil {
			t.Fatal(err)
		}
		got, _ := f.Topology.Describe().JSON()
		want, _ := fromGo.Describe().JSON()
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the file says\n%s\nthe code says\n%s", example.file, got, want)
		}
		type sent struct {
			topic, key, value string
			ms                int64
		}
		var records []sent
		example.send(func(topic, key, value string, ms int64) { records = append(records, sent{topic, key, value, ms}) })
		run := func(topo *topology.Topology) string {
			d := topologytest.New(t, topo, topologytest.Partitions(3), topologytest.CommitEvery(10))
			for _, r := range records {
				opts := []topologytest.SendOption{topologytest.AtMs(r.ms)}
				if r.key == "" {
					opts = append(opts, topologytest.NullKey())
				}
				topologytest.Input(d, r.topic, serde.String, serde.String).Send(r.key, r.value, opts...)
			}
			d.Commit()
			return raw(d, example.out)
		}
		a, b := run(f.Topology), run(fromGo)
		if a != b || strings.Count(a, "\n") < 10 {
			t.Errorf("%s: the file gives\n%s\nthe code gives\n%s", example.file, a, b)
		}
	}
}

// load loads a file whose stream s has these steps, and runs a case on it.
func problems(t *testing.T, steps string, input []declarative.Step, output map[string][]declarative.Expected) []string {
	t.Helper()
	f, err := declarative.Load("f.yaml", []byte("application: a\nstreams:\n  s:\n    topic: in\n    steps:\n"+steps+"      - to: out\n"), declarative.Logger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatalf("%s\n%v", steps, err)
	}
	return filetest.Run(f, declarative.Case{Name: "case", Partitions: 1, Input: input, Output: output})
}

func value(v any) []declarative.Step {
	ms := declarative.Millis(7)
	return []declarative.Step{{Key: "k", Value: v, Timestamp: &ms, Headers: map[string]string{"h": "x"}}}
}

// Each expression gives what the table says, and numbers are what JSON makes of them.
func TestExpressions(t *testing.T) {
	in := map[string]any{"a": int64(7), "b": 2.5, "s": "Ab c", "list": []any{int64(1), int64(2)}, "o": map[string]any{"y": int64(1), "x": int64(2)}, "n": nil}
	for expression, want := range map[string]any{
		"value.a + 1":                       int64(8),
		"value.a / 2":                       3.5,
		"value.a / 7":                       int64(1),
		"value.b * 2":                       int64(5),
		"upper(value.s)":                    "AB C",
		"words(value.s)":                    []any{"ab", "c"},
		"keys(value.o)":                     []any{"x", "y"},
		"values(value.o)":                   []any{int64(2), int64(1)},
		"toPairs(value.o)":                  []any{[]any{"x", int64(2)}, []any{"y", int64(1)}},
		"toJSON(value.o)":                   `{"x":2,"y":1}`,
		"fromJSON('[1, 2.0, 2.5]')":         []any{int64(1), int64(2), 2.5},
		"merge(value.o, {z: 1 + 2})":        map[string]any{"x": int64(2), "y": int64(1), "z": int64(3)},
		`without(value.o, "x")`:             map[string]any{"y": int64(1)},
		"value.n?.deep ?? 'none'":           "none",
		"value.missing":                     nil,
		"map(value.list, # * 2)":            []any{int64(2), int64(4)},
		"sum(value.list)":                   int64(3),
		"groupBy(value.list, # % 2)":        map[string]any{"0": []any{int64(2)}, "1": []any{int64(1)}},
		"key + '/' + string(timestamp)":     "k/7",
		"headers.h":                         "x",
		"formatTime(timestamp)":             "1970-01-01T00:00:00.007Z",
		"parseTime('1970-01-01T00:00:01Z')": int64(1000),
		"duration('90s')":                   int64(90000),
		"{a: [value.a, {b: value.b}]}":      map[string]any{"a": []any{int64(7), map[string]any{"b": 2.5}}},
		"1..3":                              []any{int64(1), int64(2), int64(3)},
		"split(value.s, ' ')":               []any{"Ab", "c"},
	} {
		quoted := "'" + strings.ReplaceAll(expression, "'", "''") + "'"
		for _, p := range problems(t, "      - map_values: "+quoted+"\n", value(in), map[string][]declarative.Expected{"out": {{Key: "k", Value: want}}}) {
			t.Errorf("%s: %s", expression, p)
		}
	}
}

// An expression that fails, or gives what is of no use, stops the record with an error that names operator, record and place.
func TestExpressionsThatFail(t *testing.T) {
	for steps, want := range map[string]string{
		"      - filter: value.a > 1\n        name: big\n":                  `input 1: operator "big", task 0_0, topic "in", partition 0, offset 0, key "k": expression f.yaml:6:17: invalid operation: string > int`,
		"      - filter: value.a\n":                                         `expression f.yaml:6:17: the result is the text "x", want true or false`,
		"      - filter: headers.h\n":                                       `operator "process-1", task 0_0, topic "in", partition 0, offset 0, key "k": expression f.yaml:6:17: the result is the text "x", want true or false`,
		"      - map_values: value.a.b\n":                                   "invalid operation",
		"      - flat_map_values: value.a\n":                                `the result is the text "x", want a list`,
		"      - select_key: 5\n":                                           `operator "sink-2"`,
		"      - map_values: 'repeat(value.a, 2000000)'\n":                  "memory budget exceeded",
		"      - map_values: 'map(1..1000000, map(1..1000000, #))'\n":       "memory budget exceeded",
		"      - map_values: 'len(concat(1..900000, map(1..900000, #)))'\n": "memory budget exceeded",
		"      - headers: {set: {n: 5}}\n":                                  `the header "n" is 5, want a text`,
		"      - to: {choose: value.none}\n":                                "the topic is null, want a text",
		"      - to: {topic: x, partition: partitions}\n":                   "the partition is 1, want 0 to 0",
		"      - map_values: fromJSON('{')\n":                               "unexpected EOF",
	} {
		ps := problems(t, steps, value(map[string]any{"a": "x"}), nil)
		if len(ps) == 0 || !strings.Contains(ps[0], want) {
			t.Errorf("%s: got %v\nwant %s", steps, ps, want)
		}
	}
}

// Operators whose expressions use the timestamp or headers do the same as those whose expressions do not.
func TestMetadata(t *testing.T) {
	for steps, want := range map[string][]declarative.Expected{
		"      - filter: timestamp == 7 && headers.h == 'x'\n":                                                                            {{Key: "k", Value: int64(1)}},
		"      - filter_not: timestamp == 7\n":                                                                                            nil,
		"      - map: {key: headers.h, value: [timestamp, key]}\n":                                                                        {{Key: "x", Value: []any{int64(7), "k"}}},
		"      - flat_map: {each: '[1, 2]', key: string(item), value: timestamp}\n":                                                       {{Key: "1", Value: int64(7)}, {Key: "2", Value: int64(7)}},
		"      - flat_map: {each: '[1, 2]', value: item + 1}\n":                                                                           {{Key: "k", Value: int64(2)}, {Key: "k", Value: int64(3)}},
		"      - headers: {set: {t: string(timestamp)}, remove: [h]}\n":                                                                   {{Key: "k", Value: int64(1), Headers: map[string]string{"t": "7"}}},
		"      - log: '\"seen \" + key'\n      - mark_as_partitioned: true\n":                                                             {{Key: "k", Value: int64(1)}},
		"      - repartition: {name: again, partitions: 2}\n":                                                                             {{Key: "k", Value: int64(1)}},
		"      - serdes: {value: float64, key: json}\n      - map_values: value / 4\n":                                                    {{Key: "k", Value: 0.25}},
		"      - to_table: {store: rows, ttl: 1h, in_memory: true}\n      - to_stream:\n":                                                 {{Key: "k", Value: int64(1)}},
		"      - batch: {records: 1, store: gathered, linger: 5s}\n":                                                                      {{Key: "k", Value: []any{int64(1)}}},
		"      - batch: {records: 1, store: gathered, value: {sum: sum(value), of: key}}\n":                                               {{Key: "k", Value: map[string]any{"sum": int64(1), "of": "k"}}},
		"      - map_values: {a: value}\n      - through: {pipe: map-fields, config: {fields: [{rename: a, to: b}]}, keeps_keys: true}\n": {{Key: "k", Value: map[string]any{"b": int64(1)}}},
		"      - map_values: {a: value}\n      - through: {pipe: map-fields, config: {fields: [{rename: a, to: b}]}, concurrency: 5, store: in-flight, ordering: unordered}\n        on_error: skip\n": {{Key: "k", Value: map[string]any{"b": int64(1)}}},
	} {
		for _, p := range problems(t, steps, value(int64(1)), map[string][]declarative.Expected{"out": want}) {
			t.Errorf("%s: %s", steps, p)
		}
	}
}

// Whatever stands in a file, loading it gives a topology or mistakes with places, and does not panic.
func TestLoadSurvivesAnything(t *testing.T) {
	paths, _ := filepath.Glob("../examples/declarative/*.yaml")
	broken, _ := filepath.Glob("testdata/broken/*.yaml")
	random := rand.New(rand.NewPCG(9, 1))
	var texts [][]byte
	var words []string
	for _, path := range slices.Concat(paths, broken) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, data)
		words = append(words, strings.Fields(string(data))...)
	}
	loaded := 0
	for i := range 1500 {
		data := slices.Clone(texts[i%len(texts)])
		for range 1 + random.IntN(3) {
			lines := bytes.Split(data, []byte("\n"))
			at := random.IntN(len(lines))
			switch random.IntN(4) {
			case 0:
				lines = slices.Delete(lines, at, at+1)
			case 1:
				lines[at] = append(lines[at], []byte(" "+words[random.IntN(len(words))])...)
			case 2:
				other := random.IntN(len(lines))
				lines[at], lines[other] = lines[other], lines[at]
			case 3:
				if fields := bytes.Fields(lines[at]); len(fields) > 0 {
					lines[at] = bytes.Replace(lines[at], fields[random.IntN(len(fields))], []byte(words[random.IntN(len(words))]), 1)
				}
			}
			data = bytes.Join(lines, []byte("\n"))
		}
		_, err := declarative.Load("f.yaml", data)
		if err == nil {
			loaded++
			continue
		}
		for _, line := range strings.Split(err.Error(), "\n") {
			if strings.HasPrefix(line, "f.yaml:") {
				continue
			}
			t.Fatalf("no place in %q of\n%s", err, data)
		}
	}
	if loaded == 0 || loaded == 1500 {
		t.Errorf("%d of 1500 files were loaded: this shows nothing", loaded)
	}
}

// Loading is bounded in time even for an expression made to be slow.
func TestSlowExpressions(t *testing.T) {
	deep := strings.Repeat("all(value, ", 300) + "true" + strings.Repeat(")", 300)
	long := "1" + strings.Repeat(" + 1", 5000)
	begun := time.Now()
	for _, x := range []string{deep, long, strings.Repeat("(", 5000), strings.Repeat("[", 900) + strings.Repeat("]", 900)} {
		if _, err := declarative.Expression("--key", x); err == nil && (x == deep || x == long) {
			t.Errorf("%.20s… compiles", x)
		}
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
