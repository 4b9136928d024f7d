//go:build integration

package integration_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/rivusio/rivusio/declarative"
	"github.com/rivusio/rivusio/declarative/jsonlines"
	"github.com/rivusio/rivusio/operators"
)

// TestDeclarativeExamples runs each YAML example with the input of its tests on Kafka, record by record, and over JSON lines: the
// records of every output topic are the same, with keys, values, timestamps and headers.
func TestDeclarativeExamples(t *testing.T) {
	paths, err := filepath.Glob("../examples/declarative/*.test.yaml")
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d examples, %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".test.yaml")
		t.Run(name, func(t *testing.T) {
			file := strings.TrimSuffix(path, ".test.yaml") + ".yaml"
			f, err := declarative.Read(file)
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			cases, err := declarative.LoadCases(path, data)
			if err != nil {
				t.Fatal(err)
			}
			want := overLines(t, f, cases[0])
			got := onKafka(t, file, f, cases[0], slices.Collect(maps.Keys(want)))
			for topic, records := range want {
				if !slices.Equal(got[topic], records) {
					t.Errorf("topic %s has on Kafka\n%s\nover JSON lines\n%s", topic, strings.Join(got[topic], "\n"), strings.Join(records, "\n"))
				}
			}
		})
	}
}

// lineOf is a record as a line, without its partition.
func lineOf(t *testing.T, r jsonlines.Record) string {
	t.Helper()
	r.Partition = 0
	b, err := r.AppendLine(nil, jsonlines.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(b), "\n")
}

// overLines runs a case over JSON lines and returns the records of each topic.
func overLines(t *testing.T, f *declarative.File, c declarative.Case) map[string][]string {
	t.Helper()
	r, err := jsonlines.New(f, jsonlines.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := make(map[string][]string)
	for _, in := range c.Input {
		if err := r.Send(recordOf(f, in)); err != nil {
			t.Fatal(err)
		}
		written, err := r.Commit(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range written {
			out[w.Topic] = append(out[w.Topic], lineOf(t, w))
		}
	}
	if len(out) == 0 {
		t.Fatal("the case has no results: it shows nothing")
	}
	return out
}

// recordOf is a record of a case. Those without a timestamp get the epoch, so that both runs have the same.
func recordOf(f *declarative.File, in declarative.Step) jsonlines.Record {
	rec := jsonlines.Record{Topic: in.Topic, Key: in.Key, Value: in.Value, Partition: -1}
	if rec.Topic == "" {
		rec.Topic = f.Inputs[0].Name
	}
	if in.Timestamp != nil {
		rec.Timestamp = int64(*in.Timestamp)
	}
	for _, name := range slices.Sorted(maps.Keys(in.Headers)) {
		rec.Headers = append(rec.Headers, operators.Header{Key: name, Value: []byte(in.Headers[name])})
	}
	return rec
}

// onKafka runs a case on the broker: each record is processed, with all that comes of it, before the next is sent.
func onKafka(t *testing.T, path string, f *declarative.File, c declarative.Case, outputs []string) map[string][]string {
	application := f.Topology.Application()
	k := connect(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	topics := slices.Concat(f.Topology.Sources(), f.Topology.Sinks(), outputs)
	slices.Sort(topics)
	topics = slices.Compact(topics)
	k.clean(application, topics...)
	k.create(1, keepAll, topics...)
	flow := make(map[string]bool) // topics that tasks read
	for _, sub := range f.Topology.Graph().SubTopologies {
		for _, topic := range sub.Sources {
			flow[topic] = true
		}
	}
	var global []string
	for _, g := range f.Topology.Graph().Globals {
		global = append(global, g.Topic)
	}
	p := newProgram(t, processorBinary, "processor", "run", path, "--brokers", brokers(t), "--state-dir", t.TempDir())
	p.start()
	internal := slices.DeleteFunc(slices.Sorted(maps.Keys(flow)), func(topic string) bool { return !strings.HasPrefix(topic, application+"-") })
	external := slices.DeleteFunc(slices.Sorted(maps.Keys(flow)), func(topic string) bool { return slices.Contains(internal, topic) })
	until(t, time.Minute, "internal topics are there", func() bool {
		found, err := k.adm.ListTopics(t.Context(), internal...)
		return err == nil && (len(internal) == 0 || found.Error() == nil)
	})
	for _, in := range c.Input {
		rec := recordOf(f, in)
		topic, _ := f.Input(rec.Topic)
		key, keyErr := topic.Key.Encode(rec.Key)
		value, valueErr := topic.Value.Encode(rec.Value)
		k.must("encode", keyErr)
		k.must("encode", valueErr)
		record := &kgo.Record{Topic: rec.Topic, Key: key, Value: value, Timestamp: time.UnixMilli(rec.Timestamp)}
		for _, h := range rec.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		k.must("write a record", k.cl.ProduceSync(t.Context(), record).FirstErr())
		if slices.Contains(global, rec.Topic) {
			time.Sleep(time.Second) // nothing tells when a process has read it
		}
		for range 3 { // a record may come through several internal topics
			k.consumed(application, p.died, slices.Concat(external, internal)...)
		}
	}
	p.stop()
	got := make(map[string][]string)
	for _, name := range outputs {
		topic, ok := f.Output(name)
		if !ok {
			t.Fatalf("the file writes no topic %q", name)
		}
		k.read(name, func(r *kgo.Record) {
			rec := jsonlines.Record{Topic: name, Timestamp: r.Timestamp.UnixMilli()}
			var keyErr, valueErr error
			rec.Key, keyErr = topic.Key.Decode(r.Key)
			rec.Value, valueErr = topic.Value.Decode(r.Value)
			k.must("key of topic "+name, keyErr)
			k.must("value of topic "+name, valueErr)
			for _, h := range r.Headers {
				rec.Headers = append(rec.Headers, operators.Header{Key: h.Key, Value: h.Value})
			}
			got[name] = append(got[name], lineOf(t, rec))
		})
	}
	return got
}
