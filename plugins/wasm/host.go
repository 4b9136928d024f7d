package wasm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/rivusio/rivusio/pipes"
	"github.com/rivusio/rivusio/plugins"
)

// Version is the version of the contract between this program and modules.
const Version = 1

// Host runs the modules of a folder. Any number of goroutines may use it.
type Host struct {
	runtime wazero.Runtime
	limits  Limits
	modules []*module
}

// module is a file that is a plugin.
type module struct {
	host     *Host
	file     string
	compiled wazero.CompiledModule
	about    about
}

// Load compiles the files *.wasm of a folder and asks each what it is. Files that are no plugins are *[LoadError]s, joined; the
// host has the others all the same. It is nil only if the limits are wrong or the folder cannot be read.
func Load(ctx context.Context, dir string, limits Limits) (*Host, error) {
	if err := limits.Validate(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("wasm: %w", err)
	}
	h := &Host{limits: limits.withDefaults()}
	h.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithMemoryLimitPages(uint32(h.limits.MemoryBytes/pageBytes)).
		WithCloseOnContextDone(true).
		WithDebugInfoEnabled(false))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, h.runtime); err != nil {
		return nil, errors.Join(fmt.Errorf("wasm: %w", err), h.Close(ctx))
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != ".wasm" {
			continue
		}
		if err := h.load(ctx, filepath.Join(dir, e.Name())); err != nil {
			errs = append(errs, &LoadError{e.Name(), err})
		}
	}
	return h, errors.Join(errs...)
}

// Close ends all instances and gives their memory back. Pipes must be closed before.
func (h *Host) Close(ctx context.Context) error { return h.runtime.Close(ctx) }

// Names are the names of the plugins, sorted.
func (h *Host) Names() []string {
	names := make([]string, len(h.modules))
	for i, m := range h.modules {
		names[i] = m.about.name
	}
	slices.Sort(names)
	return names
}

// Register registers each module as a pipe by its name.
func (h *Host) Register(r *plugins.Registry) error {
	var errs []error
	for _, m := range h.modules {
		errs = append(errs, r.AddPipe(m.about.name, m.about.doc, m.newPipe, plugins.ConfigSchema(m.about.schema)))
	}
	return errors.Join(errs...)
}

func (h *Host) load(ctx context.Context, file string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the WebAssembly runtime panicked: %v", r)
		}
	}()
	code, err := readModule(file, h.limits.ModuleBytes)
	if err != nil {
		return err
	}
	if code, err = boundTables(code); err != nil {
		return err
	}
	compiled, err := h.runtime.CompileModule(experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0)), code)
	if err != nil {
		return err
	}
	m := &module{host: h, file: filepath.Base(file), compiled: compiled}
	if err := m.describe(ctx); err != nil {
		return errors.Join(err, compiled.Close(ctx))
	}
	for _, other := range h.modules {
		if other.about.name == m.about.name {
			return errors.Join(fmt.Errorf("its name, %q, is that of %s too", m.about.name, other.file), compiled.Close(ctx))
		}
	}
	h.modules = append(h.modules, m)
	return nil
}

func readModule(file string, most int64) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // to open a pipe may wait for ever
		return nil, errors.New("it is no regular file")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	code, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(code)) > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	return code, err
}

// refusedImports are functions of WASI that let a module use memory of the process without a bound.
var refusedImports = []string{"fd_renumber"}

// describe checks what a module asks for and asks it what it is.
func (m *module) describe(ctx context.Context) error {
	for _, f := range m.compiled.ImportedFunctions() {
		from, name, _ := f.Import()
		if from != wasi_snapshot_preview1.ModuleName || slices.Contains(refusedImports, name) {
			return fmt.Errorf("it imports %s.%s, which it cannot have", from, name)
		}
	}
	m.about.name = strings.TrimSuffix(m.file, ".wasm") // for errors until it has said its name
	i, err := m.start(ctx)
	if err != nil {
		return err
	}
	defer i.close(ctx)
	text, err := i.answer(ctx, i.describe)
	if err != nil {
		return err
	}
	about, err := readAbout(text)
	if err != nil {
		return i.fault(Forged, err)
	}
	m.about = about
	return nil
}

// newPipe makes a pipe with a configuration, which the module has found right.
func (m *module) newPipe(config any) (plugins.Pipe, error) {
	p := &pipe{module: m}
	var err error
	if p.config, err = appendConfig(nil, config); err != nil {
		return nil, err
	}
	ctx := context.Background()
	i, err := p.instance(ctx)
	if err != nil {
		return nil, err
	}
	i.close(ctx)
	return pipes.Pipe[plugins.Message, []plugins.Message](p), nil
}
