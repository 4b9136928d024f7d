package rivusio

import (
	"encoding/json/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPluginsCommand(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want []string // in the output, or in the errors if the code is not 0
	}{
		{[]string{"list"}, ExitOK, []string{"KIND           NAME         WHAT IT DOES\n", "pipe           filter       Keeps the messages of which conditions hold.\n", "error handler  skip "}},
		{[]string{"list", "--kind", "store"}, ExitOK, []string{"KIND   NAME    WHAT IT DOES\nstore  memory  Rows in memory, restored from the changelog at every start.\nstore  pebble  Rows on disk, in the process's Pebble database.\n"}},
		{[]string{"list", "--kind", "shop"}, ExitUsage, []string{`--kind: "shop" is not one of source, pipe, sink, serde, store, error handler`}},
		{[]string{"list", "--plugins", "testdata/none"}, ExitUsage, []string{"no such file or directory"}},
		{[]string{"describe"}, ExitUsage, []string{"accepts 1 arg(s), received 0"}},
		{[]string{"describe", "throttle"}, ExitOK, []string{"pipe throttle\nLets messages wait,", "Types: message, messages\n", "KEY    TYPE", "rate   number, at least 0.000001, at most 1000000000  required  messages per second\n"}},
		{[]string{"describe", "http"}, ExitOK, []string{"source http\n", "\n\nsink http\n"}},
		{[]string{"describe", "http", "--kind", "sink"}, ExitOK, []string{"sink http\n", "retry.max_delay  duration, at least 1ms"}},
		{[]string{"describe", "fliter"}, ExitUsage, []string{`pipe "fliter" is not known, did you mean "filter"?`}},
		{[]string{"describe", "nothing-like-it"}, ExitUsage, []string{`there is no plugin "nothing-like-it"`}},
		{[]string{"describe", "filter", "--kind", "sink"}, ExitUsage, []string{`"filter" is a pipe, not a sink`}},
		{[]string{"describe", "filter", "--format", "xml"}, ExitUsage, []string{`--format: "xml" is not one of text, json, schema`}},
		{[]string{"describe", "dedupe", "--format", "schema"}, ExitOK, []string{`"$schema": "https://json-schema.org/draft/2020-12/schema"`, `"default": "10m"`}},
	} {
		r := command(t.Context(), nil, append([]string{"plugins"}, c.args...)...)
		text := r.out
		if c.code != ExitOK {
			text = r.errors
		}
		for _, want := range c.want {
			if r.code != c.code || !strings.Contains(text, want) {
				t.Errorf("%v: code %d, want %d, with %q in\n%s%s", c.args, r.code, c.code, want, r.out, r.errors)
			}
		}
	}
	r := command(t.Context(), nil, "plugins", "describe", "filter", "--format", "json")
	var d struct {
		Kind, Name string
		Keys       []struct{ Path string }
		Schema     map[string]any
	}
	if err := json.Unmarshal([]byte(r.out), &d, json.MatchCaseInsensitiveNames(true)); err != nil || d.Kind != "pipe" || d.Keys[0].Path != "where" || d.Schema["type"] != "object" {
		t.Errorf("%s, %v", r.out, err)
	}
}

func TestPluginsOfAFolder(t *testing.T) {
	folder := t.TempDir()
	copyFile := func(from, to string) {
		code, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, to), code, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	copyFile("examples/plugins/prebuilt/mask.wasm", "mask.wasm")
	r := command(t.Context(), nil, "plugins", "describe", "mask", "--plugins", folder)
	if r.code != ExitOK || !strings.HasPrefix(r.out, "pipe mask\nReplaces the digits in all texts of the value by stars") {
		t.Errorf("%+v", r)
	}
	copyFile("plugins/wasm/testdata/refused/version-2.wasm", "old.wasm")
	r = command(t.Context(), nil, "plugins", "list", "--plugins", folder, "--kind", "pipe")
	if r.code != ExitUsage || !strings.Contains(r.out, "mask") || !strings.Contains(r.errors, "plugin file old.wasm: ") || !strings.Contains(r.errors, "version 2, this program speaks 1") {
		t.Errorf("%+v", r)
	}
}
