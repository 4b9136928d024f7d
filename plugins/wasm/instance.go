package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// Names that a module exports.
const (
	exportVersion   = "rivusio_abi"
	exportAlloc     = "rivusio_alloc"
	exportDescribe  = "rivusio_describe"
	exportConfigure = "rivusio_configure"
	exportProcess   = "rivusio_process"
)

// instance is a module at work, with a memory of its own. One goroutine at a time uses it.
type instance struct {
	module *module
	mod    api.Module
	stderr *tail

	version, alloc, describe, configure, process api.Function

	room, roomBytes uint32 // where the host may write, as the module said last
}

// start makes an instance without a configuration.
func (m *module) start(ctx context.Context) (*instance, error) {
	i := &instance{module: m, stderr: &tail{}}
	limited, cancel := context.WithTimeout(ctx, m.host.limits.Time)
	defer cancel()
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").WithStdout(i.stderr).WithStderr(i.stderr)
	mod, err := m.host.runtime.InstantiateModule(limited, m.compiled, config)
	if err != nil {
		return nil, i.failed(ctx, limited, fmt.Errorf("at its start: %w", err))
	}
	i.mod = mod
	if err := i.bind(); err != nil {
		i.close(ctx)
		return nil, i.fault(Forged, err)
	}
	version, err := i.call(ctx, i.version)
	if err == nil && int32(version) != Version {
		err = i.fault(Forged, &ABIError{Have: int32(version), Want: Version})
	}
	if err != nil {
		i.close(ctx)
		return nil, err
	}
	return i, nil
}

// bind finds what a module must export, with its types.
func (i *instance) bind() error {
	const i32, i64 = api.ValueTypeI32, api.ValueTypeI64
	var errs []error
	if i.mod.Memory() == nil {
		errs = append(errs, errors.New("it has no memory"))
	}
	for _, e := range []struct {
		name   string
		f      *api.Function
		takes  []api.ValueType
		result api.ValueType
	}{
		{exportVersion, &i.version, nil, i32},
		{exportAlloc, &i.alloc, []api.ValueType{i32}, i32},
		{exportDescribe, &i.describe, nil, i64},
		{exportConfigure, &i.configure, []api.ValueType{i32, i32}, i64},
		{exportProcess, &i.process, []api.ValueType{i32, i32}, i64},
	} {
		f := i.mod.ExportedFunction(e.name)
		if f == nil {
			errs = append(errs, fmt.Errorf("it does not export %s", e.name))
			continue
		}
		d := f.Definition()
		if !bytes.Equal(d.ParamTypes(), e.takes) || !bytes.Equal(d.ResultTypes(), []byte{e.result}) {
			errs = append(errs, fmt.Errorf("%s has other types than the contract says", e.name))
		}
		*e.f = f
	}
	return errors.Join(errs...)
}

func (i *instance) close(ctx context.Context) { i.mod.Close(context.WithoutCancel(ctx)) }

// call calls a function within the time limit.
func (i *instance) call(ctx context.Context, f api.Function, params ...uint64) (result uint64, err error) {
	limited, cancel := context.WithTimeout(ctx, i.module.host.limits.Time)
	defer cancel()
	return i.callWithin(ctx, limited, f, params...)
}

// callWithin calls a function until limited ends, which ends when ctx does or the time is over.
func (i *instance) callWithin(ctx, limited context.Context, f api.Function, params ...uint64) (result uint64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = i.fault(Trapped, fmt.Errorf("the WebAssembly runtime panicked: %v", r))
		}
	}()
	var stack [2]uint64
	copy(stack[:], params)
	if err := f.CallWithStack(limited, stack[:]); err != nil {
		return 0, i.failed(ctx, limited, err)
	}
	return stack[0], nil
}

// failed is the error of a call that did not return.
func (i *instance) failed(ctx, limited context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if exit := (*sys.ExitError)(nil); errors.As(err, &exit) {
		if limited.Err() != nil {
			return i.fault(TimedOut, fmt.Errorf("the limit is %v", i.module.host.limits.Time))
		}
		return i.fault(Exited, fmt.Errorf("with code %d", exit.ExitCode()))
	}
	if limited.Err() != nil {
		return i.fault(TimedOut, fmt.Errorf("the limit is %v", i.module.host.limits.Time))
	}
	cause, _, _ := strings.Cut(err.Error(), "\n") // behind it is a stack
	return i.fault(Trapped, errors.New(cut(cause, 300)))
}

func (i *instance) fault(f Fault, err error) *CallError {
	return &CallError{Plugin: i.module.about.name, Fault: f, Err: err, Stderr: i.stderr.String()}
}

// answer calls a function that returns a place in memory, and returns what is there: bytes of the module's memory, good until
// the next call.
func (i *instance) answer(ctx context.Context, f api.Function) ([]byte, error) {
	packed, err := i.call(ctx, f)
	if err != nil {
		return nil, err
	}
	return i.read(packed)
}

// ask gives a text to a function and returns its answer, as answer does. Both calls share one time limit.
func (i *instance) ask(ctx context.Context, f api.Function, text []byte) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, i.module.host.limits.Time)
	defer cancel()
	if err := i.makeRoom(ctx, limited, len(text)); err != nil {
		return nil, err
	}
	if !i.mod.Memory().Write(i.room, text) {
		return nil, i.fault(Forged, fmt.Errorf("%s returned %d for %d bytes, which is outside of its memory", exportAlloc, i.room, i.roomBytes))
	}
	packed, err := i.callWithin(ctx, limited, f, uint64(i.room), uint64(len(text)))
	if err != nil {
		return nil, err
	}
	return i.read(packed)
}

// makeRoom asks the module where a text may be written, unless there is room from before.
func (i *instance) makeRoom(ctx, limited context.Context, n int) error {
	if n <= int(i.roomBytes) {
		return nil
	}
	size := uint32(4096)
	for int(size) < n && size < 1<<31 {
		size *= 2
	}
	room, err := i.callWithin(ctx, limited, i.alloc, uint64(size))
	switch {
	case err != nil:
		return err
	case uint32(room) == 0:
		return i.fault(Forged, fmt.Errorf("%s gave no room for %d bytes", exportAlloc, size))
	}
	i.room, i.roomBytes = uint32(room), size
	return nil
}

// read is the part of the memory that an answer names: its place in the upper half, its length in the lower.
func (i *instance) read(packed uint64) ([]byte, error) {
	place, n := uint32(packed>>32), uint32(packed)
	if most := i.module.host.limits.OutputBytes; int64(n) > most {
		return nil, i.fault(Forged, fmt.Errorf("it has %d bytes, more than %d", n, most))
	}
	b, ok := i.mod.Memory().Read(place, n)
	if !ok {
		return nil, i.fault(Forged, fmt.Errorf("%d bytes at %d are outside of its memory", n, place))
	}
	return b, nil
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

const tailBytes = 1 << 10

func (t *tail) Write(b []byte) (int, error) {
	n := len(b)
	if n > tailBytes {
		b = b[n-tailBytes:]
	}
	if over := len(t.kept) + len(b) - tailBytes; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	t.kept = append(t.kept, b...)
	return n, nil
}

func (t *tail) String() string { return string(t.kept) }
