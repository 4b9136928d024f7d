package wasm_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/plugins/wasm"
)

const prebuilt = "../../examples/plugins/prebuilt"

// strict are limits that hostile modules meet soon.
var strict = wasm.Limits{Time: 100 * time.Millisecond, MemoryBytes: 1 << 20, OutputBytes: 4 << 10, Messages: 20, Instances: 2}

// load makes a registry with the modules of a folder.
func load(t testing.TB, dir string, limits wasm.Limits) *plugins.Registry {
	t.Helper()
	h, err := wasm.Load(context.Background(), dir, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(context.Background()) })
	r := &plugins.Registry{}
	if err := h.Register(r); err != nil {
		t.Fatal(err)
	}
	return r
}

func open(t testing.TB, r *plugins.Registry, name, config string) *pipes.Opened[plugins.Message, []plugins.Message] {
	t.Helper()
	p, err := r.Pipe(name, plugins.YAML("p.yaml", []byte(config)))
	if err != nil {
		t.Fatal(err)
	}
	o, err := pipes.Open(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// TestHostileModules: whatever a module does to a message is a typed error of that message, within the limits, and the next
// message has a new instance.
func TestHostileModules(t *testing.T) {
	dir := onlyHostile(t)
	r := load(t, dir, strict)
	for _, c := range []struct {
		name  string
		fault wasm.Fault
		err   string
	}{
		{"loop", wasm.TimedOut, "the limit is 100ms"},
		{"alloc-loop", wasm.TimedOut, "the limit is 100ms"},
		{"sleeps", wasm.TimedOut, "the limit is 100ms"},
		{"trap", wasm.Trapped, "unreachable"},
		{"divide", wasm.Trapped, "integer divide by zero"},
		{"outside", wasm.Trapped, "out of bounds memory access"},
		{"grow", wasm.Trapped, "unreachable"}, // once memory.grow has refused more than 1 MiB
		{"grow-4gb", wasm.Trapped, "unreachable"},
		{"exits", wasm.Exited, "with code 3"},
		{"forged-place", wasm.Forged, "16 bytes at 2147483647 are outside of its memory"},
		{"forged-length", wasm.Forged, "it has 4294967295 bytes, more than 4096"},
		{"forged-edge", wasm.Forged, "7 bytes at 65530 are outside of its memory"},
		{"no-json", wasm.Forged, "unexpected EOF"},
		{"no-object", wasm.Forged, "it is no JSON object"},
		{"no-value", wasm.Forged, "message 0: it has no value"},
		{"unknown", wasm.Forged, `message 0: the name "topic" is not known`},
		{"extra", wasm.Forged, `want {"messages":[…]} or {"error":"…"}`},
		{"many", wasm.Forged, "30 messages, more than 20"},
		{"deep", wasm.Forged, "more than 1000 levels deep"},
		{"bad-time", wasm.Forged, "message 0: its time is no whole number of milliseconds"},
		{"bad-header", wasm.Forged, "message 0: the value of header 0 is not in base64"},
		{"bad-error", wasm.Forged, "its error is no text, or not alone"},
		{"no-room", wasm.Forged, "gave no room for 4096 bytes"},
		{"room-outside", wasm.Forged, "returned 65535 for 4096 bytes, which is outside of its memory"},
		{"chatty", wasm.Trapped, "unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := "{}"
			p, err := r.Pipe(c.name, plugins.YAML("p.yaml", []byte(config)))
			if err == nil {
				var o *pipes.Opened[plugins.Message, []plugins.Message]
				if o, err = pipes.Open(t.Context(), p); err == nil {
					defer o.Close()
					for range 3 {
						start := time.Now()
						var out []plugins.Message
						out, err = o.Process(t.Context(), plugins.Message{Value: "x"})
						if took := time.Since(start); out != nil || took > 5*time.Second {
							t.Errorf("%v after %v", out, took)
						}
					}
				}
			}
			e := (*wasm.CallError)(nil)
			if !errors.As(err, &e) || e.Fault != c.fault || !strings.Contains(e.Err.Error(), c.err) || e.Plugin != c.name || len(err.Error()) > 1000 {
				t.Errorf("got %v, want %v: %s", err, c.fault, c.err)
			}
			if c.name == "chatty" && (len(e.Stderr) != 1024 || !strings.HasSuffix(e.Stderr, "bla blbla bl")) {
				t.Errorf("standard error is %q", e.Stderr)
			}
		})
	}
}

// What takes longer to meet its own limit than the other limits are.
func TestHostileModulesWithTime(t *testing.T) {
	r := load(t, onlyHostile(t), wasm.Limits{Time: time.Minute})
	for name, want := range map[string]string{"recurse": "stack overflow", "table": "unreachable"} { // once table.grow has refused more than the bound
		_, err := open(t, r, name, "{}").Process(t.Context(), plugins.Message{})
		if e := (*wasm.CallError)(nil); !errors.As(err, &e) || e.Fault != wasm.Trapped || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// onlyHostile is a folder with the hostile modules that can be registered.
func onlyHostile(t *testing.T) string {
	files, err := filepath.Glob("testdata/hostile/*.wasm")
	if err != nil || len(files) < 25 {
		t.Fatal(files, err)
	}
	return only(t, slices.DeleteFunc(files, func(file string) bool { return filepath.Base(file) == "bad-name.wasm" })...)
}

// only is a folder with copies of some files.
func only(t testing.TB, files ...string) string {
	dir := t.TempDir()
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), code, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The stream goes on by its error policy: of a plugin that breaks at each second message those are skipped, for each broken
// instance is replaced.
func TestStreamGoesOn(t *testing.T) {
	r := load(t, onlyHostile(t), wasm.Limits{Instances: 1})
	for name, want := range map[string]plugins.Counts{
		"second":  {Read: 10, Written: 5, Skipped: 5},
		"trap":    {Read: 10, Skipped: 10},
		"refuses": {Read: 10, Skipped: 10},
	} {
		p, err := r.Pipe(name)
		if err != nil {
			t.Fatal(err)
		}
		n, err := plugins.Run(t.Context(), pipes.Slice(make([]plugins.Message, 10)), p, discard{}, pipes.SkipOnError)
		if err != nil || n != want {
			t.Errorf("%s: %+v, %v, want %+v", name, n, err, want)
		}
	}
	p, _ := r.Pipe("trap")
	_, err := plugins.Run(t.Context(), pipes.Slice(make([]plugins.Message, 10)), p, discard{}, nil)
	if err == nil || err.Error() != `message /0/0: pipe "trap": WebAssembly plugin "trap": it trapped: wasm error: unreachable` {
		t.Error(err)
	}
	o := open(t, r, "refuses", "{}")
	_, err = o.Process(t.Context(), plugins.Message{})
	if e := (*wasm.PluginError)(nil); !errors.As(err, &e) || e.Message != "not on a Thursday" {
		t.Error(err)
	}
}

type discard struct{}

func (discard) Write(context.Context, plugins.Message) error { return nil }

// An endless loop in one pipe does not hold up another, and all ends with the context.
func TestHostileModulesAtOnce(t *testing.T) {
	r := load(t, onlyHostile(t), wasm.Limits{Time: time.Minute, Instances: 2})
	loop, echo := open(t, r, "loop", "{}"), open(t, r, "echo", "{}")
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 { // two run, two wait for an instance
		wg.Go(func() {
			if _, err := loop.Process(ctx, plugins.Message{}); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for i := range int64(100) {
		out, err := echo.Process(t.Context(), plugins.Message{Value: i})
		if err != nil || len(out) != 1 || out[0].Value.(map[string]any)["value"] != i {
			t.Fatal(out, err)
		}
	}
	cancel()
	wg.Wait()
}

func TestConfigurationsThatFail(t *testing.T) {
	r := load(t, onlyHostile(t), strict)
	for name, want := range map[string]wasm.Fault{"configure-loop": wasm.TimedOut, "configure-forged": wasm.Forged} {
		_, err := r.Pipe(name, plugins.YAML("p.yaml", []byte("a: 1")))
		c, e := (*plugins.ConfigError)(nil), (*wasm.CallError)(nil)
		if !errors.As(err, &c) || !errors.As(err, &e) || e.Fault != want || c.Place.String() != "p.yaml:1:1" {
			t.Error(err)
		}
	}
	if _, err := r.Pipe("echo", plugins.YAML("p.yaml", []byte("[1]"))); err == nil || err.Error() != `p.yaml:1:1: pipe "echo": want keys with values` {
		t.Error(err)
	}
}

// TestRefusedModules: each file is refused with its reason; the others of the folder are there.
func TestRefusedModules(t *testing.T) {
	limits := strict
	limits.ModuleBytes = 3000
	h, err := wasm.Load(t.Context(), "testdata/refused", limits)
	if h == nil || len(h.Names()) != 0 {
		t.Fatal(h, err)
	}
	defer h.Close(t.Context())
	got := map[string]string{}
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		e := (*wasm.LoadError)(nil)
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		got[strings.TrimSuffix(e.File, ".wasm")] = e.Error()
	}
	for name, want := range map[string]string{
		"version-2":       "its contract has version 2, this program speaks 1",
		"start-loop":      "it took too long: the limit is 100ms",
		"start-trap":      "it trapped: at its start: start function[5] failed: wasm error: unreachable",
		"describe-loop":   "it took too long",
		"describe-forged": "it has 4294967295 bytes, more than 4096",
		"bad-about":       "its description wants name, doc and config",
		"memory-large":    "over limit of 16 pages",
		"table-large":     "it has a table of 100000000 entries, more than 1048576",
		"tables":          "it has 5 tables, more than 4",
		"imports":         "it imports env.system, which it cannot have",
		"renumber":        "it imports wasi_snapshot_preview1.fd_renumber, which it cannot have",
		"no-process":      "it does not export rivusio_process",
		"other-types":     "rivusio_abi has other types than the contract says",
		"text":            "it is no WebAssembly module",
		"cut":             "it is cut short",
	} {
		if !strings.Contains(got[name], want) || !strings.HasPrefix(got[name], "plugin file "+name+".wasm: ") {
			t.Errorf("%s: got %s, want %s", name, got[name], want)
		}
		delete(got, name)
	}
	for name, err := range got {
		t.Error("not expected:", name, err)
	}
	abi := (*wasm.ABIError)(nil)
	if !errors.As(err, &abi) || *abi != (wasm.ABIError{Have: 2, Want: 1}) {
		t.Error("no ABIError in", err)
	}
}

func TestFolders(t *testing.T) {
	if h, err := wasm.Load(t.Context(), "testdata/none", wasm.Limits{}); h != nil || !errors.Is(err, os.ErrNotExist) {
		t.Error(h, err)
	}
	if h, err := wasm.Load(t.Context(), ".", wasm.Limits{Time: -1, MemoryBytes: 100, Messages: -1}); h != nil || err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Error(h, err)
	}
	dir := t.TempDir()
	code, err := os.ReadFile("testdata/hostile/echo.wasm")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.wasm", "b.wasm", "c.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), code, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "d.wasm"), 0o700); err != nil {
		t.Fatal(err)
	}
	h, err := wasm.Load(t.Context(), dir, wasm.Limits{})
	if h == nil || !slices.Equal(h.Names(), []string{"echo"}) || err == nil || err.Error() != `plugin file b.wasm: its name, "echo", is that of a.wasm too` {
		t.Fatal(h.Names(), err)
	}
	defer h.Close(t.Context())
	r := &plugins.Registry{}
	if err := errors.Join(h.Register(r)); err != nil {
		t.Error(err)
	}
	duplicate := (*plugins.DuplicateError)(nil)
	if err := h.Register(r); !errors.As(err, &duplicate) {
		t.Error(err)
	}
	if h, err := wasm.Load(t.Context(), only(t), wasm.Limits{}); err != nil || len(h.Names()) != 0 {
		t.Error(h, err)
	}
	devices := t.TempDir()
	if err := os.Symlink(os.DevNull, filepath.Join(devices, "null.wasm")); err != nil {
		t.Fatal(err)
	}
	if _, err := wasm.Load(t.Context(), devices, wasm.Limits{}); err == nil || err.Error() != "plugin file null.wasm: it is no regular file" {
		t.Error(err)
	}
	small := wasm.Limits{ModuleBytes: int64(len(code)) - 1}
	if h, err := wasm.Load(t.Context(), dir, small); h == nil || !strings.Contains(err.Error(), "it is longer than") {
		t.Error(err)
	}
	bad, err := wasm.Load(t.Context(), "testdata/hostile", wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer bad.Close(t.Context())
	if err := bad.Register(&plugins.Registry{}); err == nil || !strings.HasPrefix(err.Error(), `plugins: pipe "a b": its name is not`) {
		t.Error(err)
	}
}

// Each module of testdata is what its text says, where there is a wat2wasm.
func TestModulesAreTheirTexts(t *testing.T) {
	texts, err := filepath.Glob("testdata/*/*.wat")
	if err != nil || len(texts) < 40 {
		t.Fatal(len(texts), err)
	}
	if _, err := exec.LookPath("wat2wasm"); err != nil {
		t.Skip("there is no wat2wasm")
	}
	for _, text := range texts {
		want, err := os.ReadFile(strings.TrimSuffix(text, "wat") + "wasm")
		got, err2 := exec.CommandContext(t.Context(), "wat2wasm", text, "--output=-").Output()
		if err := errors.Join(err, err2); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is not what %s says: %v", strings.TrimSuffix(text, "wat")+"wasm", text, err)
		}
	}
}

func BenchmarkPlugins(b *testing.B) {
	examples, echoes := load(b, prebuilt, wasm.Limits{}), load(b, only(b, "testdata/hostile/echo.wasm"), wasm.Limits{})
	for _, c := range []struct{ name, plugin, value string }{
		{"what the host does, 20 bytes", "echo", `"4111 1111 1111 1234"`},
		{"rust, 20 bytes", "mask", `"4111 1111 1111 1234"`},
		{"rust, 120 bytes", "mask", `{"id":"o-17","customer":"c-9","card":"4111 1111 1111 1234","cents":12950,"lines":[{"sku":"a","n":2},{"sku":"b","n":1}]}`},
		{"go, 20 bytes, 6 messages", "words", `"to be or not to be"`},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := examples
			if c.plugin == "echo" { // which gives its input back without a look at it
				r = echoes
			}
			o := open(b, r, c.plugin, "{}")
			m := plugins.Message{Key: "k", Value: decode(b, c.value), Origin: pipes.Origin{Source: "in"}}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := o.Process(context.Background(), m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
