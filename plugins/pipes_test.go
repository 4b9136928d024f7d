package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/serde"
)

func value(t *testing.T, text string) any {
	t.Helper()
	v, err := serde.JSONAny().Decode([]byte(text))
	if err != nil {
		t.Fatal(text, err)
	}
	return v
}

func text(t *testing.T, v any) string {
	t.Helper()
	if v == nil {
		return "null"
	}
	b, err := serde.JSONAny().Append(nil, v)
	if err != nil {
		t.Fatal(v, err)
	}
	return string(b)
}

// TestPipes runs built-in pipes on one message, with the key "k", a header and an origin. The value must stay as it was.
func TestPipes(t *testing.T) {
	r := plugins.Standard(plugins.Environment{})
	for _, c := range []struct{ pipe, config, in, want string }{ // want: values with spaces between them, or !error
		{"filter", "where: [{field: a, op: '>', value: 100}]", `{"a":150}`, `{"a":150}`},
		{"filter", "where: [{field: a, op: '>', value: 100}]", `{"a":100}`, ""},
		{"filter", "where: [{field: a, op: '>=', value: 100}]", `{"a":100.0}`, `{"a":100}`},
		{"filter", "where: [{field: a, op: '<', value: 9007199254740993}]", `{"a":9007199254740992}`, `{"a":9007199254740992}`},
		{"filter", "where: [{field: a, op: '<', value: 0.5}]", `{"a":0}`, `{"a":0}`},
		{"filter", "where: [{field: a, op: '<=', value: m}]", `{"a":"n"}`, ""},
		{"filter", "where: [{field: a, op: '>', value: 100}]", `{}`, ""},
		{"filter", "where: [{field: a, op: '>', value: 100}]", `{"a":null}`, ""},
		{"filter", "where: [{field: a, op: '>', value: 100}]", `{"a":"x"}`, "!a: a text cannot be compared with a number by >"},
		{"filter", "where: [{field: a.b.1, value: x}]", `{"a":{"b":[0,"x"]}}`, `{"a":{"b":[0,"x"]}}`},
		{"filter", "where: [{field: a.b.2, value: x}]", `{"a":{"b":[0,"x"]}}`, ""},
		{"filter", "where: [{field: a\\.b, value: x}]", `{"a.b":"x"}`, `{"a.b":"x"}`},
		{"filter", "where: [{field: a, value: [1, {b: 2}]}]", `{"a":[1,{"b":2.0}]}`, `{"a":[1,{"b":2}]}`},
		{"filter", "where: [{field: a, value: null}]", `{"a":null}`, `{"a":null}`},
		{"filter", "where: [{field: a, value: true}]", `{"a":false}`, ""},
		{"filter", "where: [{field: a, op: '!=', value: 1}]", `{}`, `{}`},
		{"filter", "where: [{field: a, op: '!=', value: 1}]", `{"a":1.0}`, ``},
		{"filter", "where: [{field: a, op: in, value: [1, x]}]", `{"a":"x"}`, `{"a":"x"}`},
		{"filter", "where: [{field: a, op: not in, value: [1, x]}]", `{"a":"x"}`, ""},
		{"filter", "where: [{field: a, op: exists}]", `{"a":null}`, `{"a":null}`},
		{"filter", "where: [{field: a, op: missing}]", `{"b":1}`, `{"b":1}`},
		{"filter", "where: [{field: a, op: missing}]", `{"a":1}`, ""},
		{"filter", "where: [{field: a, op: contains, value: b}]", `{"a":"abc"}`, `{"a":"abc"}`},
		{"filter", "where: [{field: a, op: contains, value: 2}]", `{"a":[1,2]}`, `{"a":[1,2]}`},
		{"filter", "where: [{field: a, op: contains, value: 2}]", `{"a":2}`, ""},
		{"filter", "where: [{field: a, op: prefix, value: ab}, {field: a, op: suffix, value: bc}]", `{"a":"abc"}`, `{"a":"abc"}`},
		{"filter", "where: [{field: a, op: matches, value: '^a.c$'}]", `{"a":"abc"}`, `{"a":"abc"}`},
		{"filter", "match: any\nwhere: [{field: a, value: 1}, {field: b, value: 2}]", `{"b":2}`, `{"b":2}`},
		{"filter", "match: any\nwhere: [{field: a, value: 1}, {field: b, value: 2}]", `{"b":3}`, ""},
		{"filter", "match: none\nwhere: [{field: a, value: 1}, {field: b, value: 2}]", `{"b":3}`, `{"b":3}`},
		{"filter", "match: none\nwhere: [{field: a, value: 1}, {field: b, value: 2}]", `{"b":2}`, ""},
		{"filter", "where: [{field: $key, value: k}, {field: $header.trace, value: t1}, {field: $source, value: in}]", `1`, `1`},
		{"filter", "where: [{field: $time, op: prefix, value: '2026-'}, {field: $id, value: in/2/7}, {field: $value, value: 1}]", `1`, `1`},

		{"map-fields", "fields: [{set: a.b, value: {c: 1}}]", `{"x":1}`, `{"a":{"b":{"c":1}},"x":1}`},
		{"map-fields", "fields: [{set: a.b, value: 1}]", `{"a":{"z":2}}`, `{"a":{"b":1,"z":2}}`},
		{"map-fields", "fields: [{set: a.b, value: 1}]", `{"a":5}`, `!"b" cannot be set in a number`},
		{"map-fields", "fields: [{set: a}]", `{}`, `{"a":null}`},
		{"map-fields", "fields: [{rename: a, to: b.c}]", `{"a":5,"b":{"d":1}}`, `{"b":{"c":5,"d":1}}`},
		{"map-fields", "fields: [{rename: a, to: b}]", `{"c":5}`, `{"c":5}`},
		{"map-fields", "fields: [{copy: a, to: b}, {rename: b, to: c}, {drop: a}]", `{"a":5}`, `{"c":5}`},
		{"map-fields", "fields: [{copy: $key, to: key}, {copy: $header.trace, to: trace}, {copy: $id, to: id}]", `{}`, `{"id":"in/2/7","key":"k","trace":"t1"}`},
		{"map-fields", "fields: [{copy: $value, to: old}]", `{"a":1}`, `{"a":1,"old":{"a":1}}`},
		{"map-fields", "fields: [{drop: a.b}, {drop: x.y.z}]", `{"a":{"b":1,"c":2},"x":1}`, `{"a":{"c":2},"x":1}`},
		{"map-fields", "keep: [a.b, c, nothing]", `{"a":{"b":1,"z":2},"c":null,"d":4}`, `{"a":{"b":1},"c":null}`},
		{"map-fields", "{fields: [{set: d, value: x}], keep: [d]}", `{"a":1}`, `{"d":"x"}`},

		{"flatten", "{}", `{"a":{"b":1,"c":{"d":[1]}},"e":{}}`, `{"a.b":1,"a.c.d":[1],"e":{}}`},
		{"flatten", "{separator: _, lists: true}", `{"a":{"b":[1,{"c":2},[]]}}`, `{"a_b_0":1,"a_b_1_c":2,"a_b_2":[]}`},
		{"flatten", "{}", `{}`, `{}`},
		{"flatten", "{}", `{"a":{"b":1},"a.b":2}`, `!two fields become "a.b"`},
		{"flatten", "{}", `[1]`, `!flatten wants a map, have a list`},

		{"split", "field: l", `{"l":[1,{"a":2}],"x":1}`, `1 {"a":2}`},
		{"split", "{}", `[1,2]`, `1 2`},
		{"split", "{field: l, into: item}", `{"l":[1,2],"x":{"y":1}}`, `{"item":1,"x":{"y":1}} {"item":2,"x":{"y":1}}`},
		{"split", "{field: l, into: l, number: n}", `{"l":["a","b"]}`, `{"l":"a","n":0} {"l":"b","n":1}`},
		{"split", "{into: item}", `["a"]`, `{"item":"a"}`},
		{"split", "field: l", `{"l":[]}`, ``},
		{"split", "field: l", `{"l":null}`, ``},
		{"split", "field: l", `{}`, ``},
		{"split", "field: l", `{"l":"x"}`, `!l: want a list, have a text`},
		{"split", "{field: l, number: n}", `{"l":[1]}`, `!"n" cannot be set in a number`},

		{"json-decode", "{}", `"{\"a\":[1,2.5]}"`, `{"a":[1,2.5]}`},
		{"json-decode", "{}", `"{"`, `!unexpected EOF`},
		{"json-decode", "{}", `5`, `!want a text, have a number`},
		{"json-decode", "{}", `null`, `null`},
		{"json-encode", "{}", `{"b":1,"a":[true]}`, `"{\"a\":[true],\"b\":1}"`},
		{"csv-decode", "columns: [a, b]", `"x,\"y, z\""`, `{"a":"x","b":"y, z"}`},
		{"csv-decode", "{columns: [a, b, c, d], delimiter: ;, numbers: true}", `"1;2.50;007;true"`, `{"a":1,"b":2.5,"c":"007","d":true}`},
		{"csv-decode", "{columns: [a, b], delimiter: tab}", `"1\t"`, `{"a":"1","b":""}`},
		{"csv-decode", "columns: [a, b]", `"x"`, `!wrong number of fields`},
		{"csv-decode", "columns: [a]", `"x\ny"`, `!want one record, have more`},
		{"csv-decode", "columns: [a]", `""`, `!it is empty`},
		{"csv-encode", "columns: [b, a, n]", `{"a":"x, \"y\"","b":2.5}`, `"2.5,\"x, \"\"y\"\"\","`},
		{"csv-encode", "columns: [a]", `{"a":[1]}`, `!column "a": a list cannot be a cell`},
		{"csv-encode", "columns: [a]", `{"b":1}`, `!there is no column for "b"`},
		{"csv-encode", "columns: [a]", `3`, `!CSV wants a map, have a number`},
	} {
		p, err := r.Pipe(c.pipe, plugins.YAML("p.yaml", []byte(c.config)))
		if err != nil {
			t.Errorf("%s %s: %v", c.pipe, c.config, err)
			continue
		}
		in := plugins.Message{Key: "k", Value: value(t, c.in), Time: time.UnixMilli(1795000000000), Headers: []pipes.Header{{Key: "trace", Value: []byte("t1")}},
			Origin: pipes.Origin{Source: "in", Partition: 2, Offset: 7}}
		before := text(t, in.Value)
		out, err := p.Process(t.Context(), in)
		var values []string
		for _, m := range out {
			values = append(values, text(t, m.Value))
			if m.Key != "k" || m.Origin != in.Origin || !m.Time.Equal(in.Time) {
				t.Errorf("%s: the envelope became %+v", c.pipe, m)
			}
		}
		if want, fails := strings.CutPrefix(c.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %s of %s: got %v, %v, want the error %s", c.pipe, c.config, c.in, values, err, want)
			}
		} else if got := strings.Join(values, " "); err != nil || got != c.want {
			t.Errorf("%s %s of %s: got %s, %v, want %s", c.pipe, c.config, c.in, got, err, c.want)
		}
		if after := text(t, in.Value); after != before {
			t.Errorf("%s %s changed its input from %s to %s", c.pipe, c.config, before, after)
		}
	}
}

// TestMistakesInConfigurations: each names plugin, key and place.
func TestMistakesInConfigurations(t *testing.T) {
	r := plugins.Standard(plugins.Environment{})
	for _, c := range []struct {
		kind               plugins.Kind
		name, config, want string // want: behind p.yaml:
	}{
		{plugins.KindPipe, "filter", "{}", `1:1: pipe "filter": where: it is required`},
		{plugins.KindPipe, "filter", "where: []", `1:8: pipe "filter": where: it is empty, want at least one`},
		{plugins.KindPipe, "filter", "where: [{feild: a}]", `1:9: pipe "filter": where[0].field: it is required`},
		{plugins.KindPipe, "filter", "where: [{field: a..b}]", `1:17: pipe "filter": where[0].field: the path "a..b" has an empty part`},
		{plugins.KindPipe, "filter", "where: [{field: $kye}]", `1:17: pipe "filter": where[0].field: $kye is none of $key, $value`},
		{plugins.KindPipe, "filter", "where: [{field: $header}]", `1:17: pipe "filter": where[0].field: $header wants the name of a header`},
		{plugins.KindPipe, "filter", "where: [{field: $id.x}]", `1:17: pipe "filter": where[0].field: $id has no parts`},
		{plugins.KindPipe, "filter", "where: [{field: a, op: =}]", `1:24: pipe "filter": where[0].op: "=" is not one of ==, !=,`},
		{plugins.KindPipe, "filter", "where: [{field: a, op: in, value: 1}]", `1:35: pipe "filter": where[0].value: in wants a list, have a number`},
		{plugins.KindPipe, "filter", "where: [{field: a, op: exists, value: 1}]", `1:39: pipe "filter": where[0].value: exists takes no value`},
		{plugins.KindPipe, "filter", "where: [{field: a, op: matches, value: '('}]", `1:40: pipe "filter": where[0].value: error parsing regexp`},
		{plugins.KindPipe, "filter", "where: [{field: a, op: prefix, value: 1}]", `1:39: pipe "filter": where[0].value: prefix wants a text, have a number`},
		{plugins.KindPipe, "filter", "where: [{field: a, op: <, value: [1]}]", `1:34: pipe "filter": where[0].value: < wants a number or a text, have a list`},
		{plugins.KindPipe, "map-fields", "{}", `1:1: pipe "map-fields": want fields or keep`},
		{plugins.KindPipe, "map-fields", "fields: [{copy: a}]", `1:10: pipe "map-fields": fields[0]: copy and rename want the key to`},
		{plugins.KindPipe, "map-fields", "fields: [{copy: a, drop: b, to: c}]", `1:10: pipe "map-fields": fields[0]: want one of copy, rename, set and drop`},
		{plugins.KindPipe, "map-fields", "fields: [{set: $key, value: c}]", `1:16: pipe "map-fields": fields[0].set: $key is no part of the value`},
		{plugins.KindPipe, "map-fields", "fields: [{drop: a, to: c}]", `1:24: pipe "map-fields": fields[0].to: only copy and rename have it`},
		{plugins.KindPipe, "map-fields", "fields: [{drop: a, value: c}]", `1:27: pipe "map-fields": fields[0].value: only set has it`},
		{plugins.KindPipe, "map-fields", "keep: [$id]", `1:7: pipe "map-fields": keep: $id is no part of the value`},
		{plugins.KindPipe, "split", "into: $key", `1:7: pipe "split": into: $key is no part of the value`},
		{plugins.KindPipe, "throttle", "{rate: 5, burst: 0}", `1:18: pipe "throttle": burst: 0 is less than 1`},
		{plugins.KindPipe, "dedupe", "window: 0s", `1:9: pipe "dedupe": window: 0s is less than 1ms`},
		{plugins.KindPipe, "log", "level: loud", `1:8: pipe "log": level: slog: level string "loud": unknown name`},
		{plugins.KindPipe, "csv-decode", "columns: [a, a]", `1:10: pipe "csv-decode": columns: the column "a" is there twice`},
		{plugins.KindSerde, "csv", "{columns: [a], delimiter: ab}", `1:27: serde "csv": delimiter: "ab" is no delimiter`},
		{plugins.KindSerde, "json", "{indent: 1}", `1:2: serde "json": unknown key "indent"`},
		{plugins.KindPipe, "http-enrich", "{url: 'ftp://x', into: a}", `1:7: pipe "http-enrich": url: want http:// or https:// and a host, without braces`},
		{plugins.KindPipe, "http-enrich", "{url: 'http://{a}/', into: a}", `1:7: pipe "http-enrich": url: want http:// or https:// and a host`},
		{plugins.KindPipe, "http-enrich", "{url: 'http://h{a}/', into: a}", `1:7: pipe "http-enrich": url: a part of a message must not be in the host`},
		{plugins.KindPipe, "http-enrich", "{url: 'http://h/{a', into: a}", `1:7: pipe "http-enrich": url: a { without a }`},
		{plugins.KindPipe, "http-enrich", "{url: 'http://h/a}', into: a}", `1:7: pipe "http-enrich": url: a } without a {`},
		{plugins.KindPipe, "http-enrich", "{url: 'http://h/{}', into: a}", `1:7: pipe "http-enrich": url: the path is empty`},
		{plugins.KindPipe, "http-enrich", "{url: 'http://h/', into: $key}", `1:26: pipe "http-enrich": into: $key is no part of the value`},
		{plugins.KindPipe, "http-enrich", "{url: 'http://h/', into: a, retry: {attempts: -1, jitter: 2}}", `1:47: pipe "http-enrich": retry.attempts: -1 is less than 1`},
		{plugins.KindSink, "http", "url: localhost", `1:6: sink "http": url: "localhost" is no address`},
		{plugins.KindSource, "http", "{listen: here, path: x}", `1:10: source "http": listen: "here" is not HOST:PORT`},
		{plugins.KindSource, "file", "{path: a, key: $id}", `1:16: source "file": key: $id is no part of the value`},
		{plugins.KindSink, "file", "path: ''", `1:7: sink "file": path: it is empty`},
	} {
		var err error
		switch o := plugins.YAML("p.yaml", []byte(c.config)); c.kind {
		case plugins.KindPipe:
			_, err = r.Pipe(c.name, o)
		case plugins.KindSerde:
			_, err = r.Serde(c.name, o)
		case plugins.KindSource:
			_, err = r.Source(c.name, o)
		case plugins.KindSink:
			_, err = r.Sink(c.name, o)
		}
		if err == nil || !strings.HasPrefix(err.Error(), "p.yaml:"+c.want) {
			t.Errorf("%s %s:\ngot  %v\nwant p.yaml:%s", c.name, c.config, err, c.want)
		}
	}
}

func pipe(t *testing.T, name, config string) plugins.Pipe {
	t.Helper()
	p, err := plugins.Standard(plugins.Environment{}).Pipe(name, plugins.YAML("p.yaml", []byte(config)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The items of a split have ids of their own, which tell where they come from.
func TestSplitGivesIDs(t *testing.T) {
	out, err := pipe(t, "split", "{}").Process(t.Context(), plugins.Message{Value: []any{"a", "b"}, Origin: pipes.Origin{Source: "in", Offset: 3}})
	if err != nil || len(out) != 2 || out[0].ID() != "in/0/3" || out[1].ID() != "in/0/3/1" {
		t.Error(out, err)
	}
}

func TestDedupe(t *testing.T) {
	at := func(key any, second, offset int64) plugins.Message {
		return plugins.Message{Key: key, Time: time.Unix(second, 0), Origin: pipes.Origin{Source: "in", Offset: offset}}
	}
	p := pipe(t, "dedupe", "{window: 10s, max: 3}")
	for i, c := range []struct {
		m    plugins.Message
		kept bool
	}{
		{at("a", 0, 0), true},
		{at("a", 10, 1), false},  // at the end of the window
		{at("a", -50, 2), false}, // late
		{at("a", 11, 3), true},   // behind the window: remembered anew
		{at("a", 21, 4), false},
		{at("a", 11, 3), true},                       // read again
		{at(nil, 0, 5), true}, {at(nil, 0, 6), true}, // without a key
		{at(int64(1), 11, 7), true}, {at("1", 11, 8), true}, // other types
		{at("b", 12, 9), true},   // the fourth: a is forgotten
		{at("a", 12, 10), true},  // and 1 with it
		{at("b", 12, 11), false}, // still there
		{at("1", 12, 12), false},
		{at(int64(1), 12, 13), true},
	} {
		out, err := p.Process(t.Context(), c.m)
		if err != nil || (len(out) == 1) != c.kept {
			t.Errorf("message %d, %v at %v: %d out, %v, want kept: %v", i, c.m.Key, c.m.Time.Unix(), len(out), err, c.kept)
		}
	}
	byField := pipe(t, "dedupe", "field: id")
	n := 0
	for _, id := range []any{"x", "y", "x", map[string]any{"b": int64(1), "a": int64(2)}, map[string]any{"a": int64(2), "b": int64(1)}} {
		out, _ := byField.Process(t.Context(), plugins.Message{Value: map[string]any{"id": id}})
		n += len(out)
	}
	if n != 3 {
		t.Error(n, "kept, want 3")
	}
}

// However many keys there are, no more are remembered.
func TestDedupeIsBounded(t *testing.T) {
	p := pipe(t, "dedupe", "max: 10")
	for i := range 10_000 {
		if out, err := p.Process(t.Context(), plugins.Message{Key: int64(i)}); len(out) != 1 || err != nil {
			t.Fatal(i, out, err)
		}
	}
	for i := range int64(10) {
		if out, _ := p.Process(t.Context(), plugins.Message{Key: 9990 + i}); len(out) != 0 {
			t.Error(9990+i, "was forgotten")
		}
	}
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		times := func(p plugins.Pipe, n int) (at []time.Duration) {
			for range n {
				if out, err := p.Process(t.Context(), plugins.Message{}); err != nil || len(out) != 1 {
					t.Fatal(out, err)
				}
				at = append(at, time.Since(start))
			}
			return at
		}
		const ms = time.Millisecond
		if got, want := times(pipe(t, "throttle", "rate: 10"), 4), []time.Duration{0, 100 * ms, 200 * ms, 300 * ms}; !reflect.DeepEqual(got, want) {
			t.Error(got)
		}
		start = time.Now()
		p := pipe(t, "throttle", "{rate: 10, burst: 3}")
		if got, want := times(p, 5), []time.Duration{0, 0, 0, 100 * ms, 200 * ms}; !reflect.DeepEqual(got, want) {
			t.Error(got)
		}
		time.Sleep(time.Hour) // a pause saves up no more than the burst
		start = time.Now()
		if got, want := times(p, 4), []time.Duration{0, 0, 0, 100 * ms}; !reflect.DeepEqual(got, want) {
			t.Error(got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*ms)
		defer cancel()
		if _, err := p.Process(ctx, plugins.Message{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 110*ms {
			t.Error(err, time.Since(start))
		}
	})
}

func TestLog(t *testing.T) {
	var lines bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	r := plugins.Standard(plugins.Environment{Logger: logger})
	for config, want := range map[string]string{
		"{}": "level=INFO msg=message $id=in/0/0 $key=k $value=\"{\\\"a\\\":0}\"\n",
		"{level: WARN, every: 3, fields: [a], message: seen}": "level=WARN msg=seen a=0\nlevel=WARN msg=seen a=3\n",
		"level: DEBUG": "",
		"{fields: [$value, $time, none], max_size: 16, every: 4}": "level=INFO msg=message $value=\"{\\\"a\\\":0}\"\n",
	} {
		lines.Reset()
		p, err := r.Pipe("log", plugins.YAML("p.yaml", []byte(config)))
		if err != nil {
			t.Error(err)
			continue
		}
		for i := range int64(4) {
			if out, err := p.Process(t.Context(), plugins.Message{Key: "k", Value: map[string]any{"a": i}, Origin: pipes.Origin{Source: "in", Offset: i}}); err != nil || len(out) != 1 {
				t.Error(out, err)
			}
		}
		if got := lines.String(); got != want && !(config == "{}" && strings.HasPrefix(got, want) && strings.Count(got, "\n") == 4) {
			t.Errorf("%s:\ngot  %s\nwant %s", config, got, want)
		}
	}
	lines.Reset()
	p, _ := r.Pipe("log", plugins.YAML("p.yaml", []byte("{fields: [$value], max_size: 16}")))
	p.Process(t.Context(), plugins.Message{Value: strings.Repeat("ä", 20)})
	if want := "level=INFO msg=message $value=" + strings.Repeat("ä", 8) + "…\n"; lines.String() != want {
		t.Errorf("got %s", lines.String())
	}
}

func TestSerdes(t *testing.T) {
	r := plugins.Standard(plugins.Environment{})
	for _, c := range []struct {
		name, config string
		value        any
		bytes        string
	}{
		{"json", "{}", map[string]any{"a": int64(1)}, `{"a":1}`},
		{"csv", "columns: [a, b]", map[string]any{"a": "1", "b": "x"}, "1,x"},
		{"string", "{}", "häuser", "häuser"},
		{"int64", "{}", int64(258), "\x00\x00\x00\x00\x00\x00\x01\x02"},
	} {
		s, err := r.Serde(c.name, plugins.YAML("s.yaml", []byte(c.config)))
		if err != nil {
			t.Error(err)
			continue
		}
		b, err := s.Append([]byte("-"), c.value)
		if err != nil || string(b) != "-"+c.bytes {
			t.Errorf("%s: %q, %v", c.name, b, err)
		}
		if v, err := s.Decode([]byte(c.bytes)); err != nil || !reflect.DeepEqual(v, c.value) {
			t.Errorf("%s: %v, %v", c.name, v, err)
		}
		if isNull := serde.IsNull(s); !isNull(nil) || isNull("") {
			t.Errorf("%s: nil and nothing else is null", c.name)
		}
		if v, err := s.Decode(nil); v != nil || err != nil {
			t.Errorf("%s: Kafka's null is %v, %v", c.name, v, err)
		}
		if b, err := s.Append([]byte("-"), []any{func() {}}); err == nil || string(b) != "-" {
			t.Errorf("%s: %q, %v", c.name, b, err)
		}
	}
}
