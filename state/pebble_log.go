package state

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// watchedFS keeps errors of the write-ahead log from Pebble. To Pebble such an error is the end of the process: of a write
// that nobody waits for it learns when it comes to the next log file, and panics with its locks in disorder. Here the first
// one ends the use of the database instead, and from then on nothing reaches the log any more: neither a hole nor a
// further file must follow on what was written, so that it stays a prefix of what was applied.
type watchedFS struct {
	vfs.FS
	broken *atomic.Bool
	failed func(what string)
}

func (fs watchedFS) Unwrap() vfs.FS { return fs.FS }

func (fs watchedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return fs.log(name, func() (vfs.File, error) { return fs.FS.Create(name, c) })
}

func (fs watchedFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return fs.log(newname, func() (vfs.File, error) { return fs.FS.ReuseForWrite(oldname, newname, c) })
}

// log makes a file, if it is a log one that never fails.
func (fs watchedFS) log(name string, create func() (vfs.File, error)) (vfs.File, error) {
	if !strings.HasSuffix(name, ".log") {
		return create()
	}
	if !fs.broken.Load() {
		f, err := create()
		if err == nil {
			return watchedFile{f, name, fs}, nil
		}
		fs.tell(name, err)
	}
	return vfs.NewMem().Create("log", vfs.WriteCategoryUnspecified)
}

func (fs watchedFS) tell(name string, err error) {
	if err != nil && fs.broken.CompareAndSwap(false, true) {
		fs.failed(fmt.Sprintf("write %s: %v", name, err))
	}
}

type watchedFile struct {
	vfs.File
	name string
	fs   watchedFS
}

// unless does something with the file as long as the log is not broken.
func (f watchedFile) unless(do func() error) error {
	if !f.fs.broken.Load() {
		f.fs.tell(f.name, do())
	}
	return nil
}

func (f watchedFile) Write(b []byte) (int, error) {
	return len(b), f.unless(func() error { _, err := f.File.Write(b); return err })
}

func (f watchedFile) Preallocate(offset, bytes int64) error {
	return f.unless(func() error { return f.File.Preallocate(offset, bytes) })
}

func (f watchedFile) SyncTo(bytes int64) (full bool, err error) {
	err = f.unless(func() error { full, err = f.File.SyncTo(bytes); return err })
	return full, err
}

func (f watchedFile) Sync() error     { return f.unless(f.File.Sync) }
func (f watchedFile) SyncData() error { return f.unless(f.File.SyncData) }
func (f watchedFile) Close() error {
	f.fs.tell(f.name, f.File.Close())
	return nil
}
