package wasm_test

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
	"github.com/rivusio/rivusio/plugins/wasm"
	"github.com/rivusio/rivusio/serde"
)

func decode(t testing.TB, text string) any {
	v, err := serde.JSONAny().Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestExamplePlugins runs the prebuilt modules: words, in Go, and mask, in Rust.
func TestExamplePlugins(t *testing.T) {
	testExamples(t, prebuilt)
}

func testExamples(t *testing.T, dir string) {
	r := load(t, dir, wasm.Limits{Time: 10 * time.Second}) // a busy machine is no hostile plugin
	for _, c := range []struct{ plugin, config, in, want string }{
		{"words", "{}", `"to be or"`, `[["to","to"],["be","be"],["or","or"]]`},
		{"words", "{field: text, lower: true}", `{"text":"Über  alle"}`, `[["über","über"],["alle","alle"]]`},
		{"words", "{}", `""`, `[]`},
		{"words", "{}", `5`, `!pipe "words": there is no text`},
		{"words", "{fild: text}", ``, `!p.yaml:1:1: pipe "words": unknown key fild`},
		{"words", "{field: 5}", ``, `!p.yaml:1:1: pipe "words": field is of the wrong type`},
		{"mask", "{}", `{"card":"4111 1111 1111 1234","n":[1,2.50,"12345"],"s":"é\n\"\u0001\ud83d\ude00"}`,
			`[["k",{"card":"**** **** **** 1234","n":[1,2.5,"*2345"],"s":"é\n\"\u0001😀"}]]`},
		{"mask", "{keep: 0}", `"a1b2"`, `[["k","a*b*"]]`},
		{"mask", "{keep: x}", ``, `!p.yaml:1:1: pipe "mask": keep is no number`},
		{"mask", "{kept: 1}", ``, `!p.yaml:1:1: pipe "mask": unknown key kept`},
	} {
		fail := func(err error) {
			if want, fails := strings.CutPrefix(c.want, "!"); !fails || err == nil || err.Error() != want {
				t.Errorf("%s %s of %s: got %v, want %s", c.plugin, c.config, c.in, err, c.want)
			}
		}
		if _, err := r.Pipe(c.plugin, plugins.YAML("p.yaml", []byte(c.config))); err != nil {
			fail(err)
			continue
		}
		in := plugins.Message{Key: "k", Value: decode(t, c.in), Time: time.UnixMilli(1795000000123).UTC(), Origin: pipes.Origin{Source: "in", Partition: 1, Offset: 1 << 60},
			Headers: []pipes.Header{{Key: "a", Value: []byte{0, 0xff}}, {Key: "null"}}}
		out, err := open(t, r, c.plugin, c.config).Process(t.Context(), in)
		if err != nil {
			fail(err)
			continue
		}
		got := []any{}
		for _, m := range out {
			got = append(got, []any{m.Key, m.Value})
			m.Key, m.Value = in.Key, in.Value
			if !reflect.DeepEqual(m, in) {
				t.Errorf("%s: the envelope became %+v", c.plugin, m)
			}
		}
		if b, _ := serde.JSONAny().Append(nil, got); !reflect.DeepEqual(got, decode(t, c.want)) {
			t.Errorf("%s %s of %s: got %s, want %s", c.plugin, c.config, c.in, b, c.want)
		}
	}
	d, err := r.Describe(plugins.KindPipe, "mask")
	if err != nil || !strings.Contains(string(d.ConfigSchema), `"minimum":0`) || d.Doc == "" || d.In != "message" || d.Out != "messages" {
		t.Errorf("%+v, %v", d, err)
	}
}

// Many goroutines share few instances. Large messages make the room between host and module grow.
func TestInstancesAreShared(t *testing.T) {
	r := load(t, only(t, filepath.Join(prebuilt, "mask.wasm")), wasm.Limits{Instances: 2, Time: 10 * time.Second})
	mask := open(t, r, "mask", "{}")
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 20 {
				text := strings.Repeat("x", 1<<(n%16)) + "12345"
				out, err := mask.Process(t.Context(), plugins.Message{Value: text})
				if err != nil || len(out) != 1 || out[0].Value != strings.TrimSuffix(text, "12345")+"*2345" {
					t.Error(g, n, err)
				}
			}
		})
	}
	wg.Wait()
	p, err := r.Pipe("mask")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Process(t.Context(), plugins.Message{}); !errors.Is(err, pipes.ErrClosed) {
		t.Error(err)
	}
}

// TestExamplePluginsFromSource builds the examples where the toolchains are there, and runs what it has built.
func TestExamplePluginsFromSource(t *testing.T) {
	if os.Getenv("BUILD_PLUGINS") == "" {
		t.Skip("it builds the Go runtime for WebAssembly: only with BUILD_PLUGINS=1, as make race has it")
	}
	dir := t.TempDir()
	build := func(env []string, command ...string) {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	words, mask := filepath.Join(dir, "words.wasm"), filepath.Join(dir, "mask.wasm")
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no Go toolchain")
	}
	build([]string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}, "go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags", "-s -w", "-o", words, "../../examples/plugins/go")
	if rustc := rustCompiler(t); rustc != "" {
		build(nil, rustc, "--edition", "2021", "--crate-type", "cdylib", "--crate-name", "mask", "--target", "wasm32-unknown-unknown",
			"-C", "opt-level=s", "-C", "lto=fat", "-C", "panic=abort", "-C", "strip=symbols", "-o", mask, "../../examples/plugins/rust/src/lib.rs")
	} else {
		t.Log("there is no Rust toolchain for WebAssembly: the prebuilt mask.wasm stands for it")
		if err := os.Link(filepath.Join(only(t, filepath.Join(prebuilt, "mask.wasm")), "mask.wasm"), mask); err != nil {
			t.Fatal(err)
		}
	}
	testExamples(t, dir)
}

// rustCompiler is the rustc of the environment variable RUSTC, or of the path, if it has the standard library for WebAssembly, else "".
func rustCompiler(t *testing.T) string {
	rustc := cmp.Or(os.Getenv("RUSTC"), "rustc")
	out, err := exec.CommandContext(t.Context(), rustc, "--print", "target-libdir", "--target", "wasm32-unknown-unknown").Output()
	if err != nil {
		return ""
	}
	if _, err := os.Stat(strings.TrimSpace(string(out))); err != nil {
		return ""
	}
	return rustc
}
