package state

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// watchedFS tells when the write-ahead log cannot be written. Writes that do not wait for the disk do not learn of it
// from Pebble, which ends the process when it comes to the next log file; so the database is given up before.
type watchedFS struct {
	vfs.FS
	failed func(what string)
}

func (fs watchedFS) Unwrap() vfs.FS { return fs.FS }

func (fs watchedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, c)
	return fs.watch(name, f, err)
}

func (fs watchedFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(oldname, newname, c)
	return fs.watch(newname, f, err)
}

func (fs watchedFS) watch(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return watchedFile{f, name, fs.failed}, nil
}

type watchedFile struct {
	vfs.File
	name   string
	failed func(what string)
}

func (f watchedFile) tell(err error) error {
	if err != nil {
		f.failed(fmt.Sprintf("write %s: %v", f.name, err))
	}
	return err
}

func (f watchedFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	return n, f.tell(err)
}

func (f watchedFile) Sync() error     { return f.tell(f.File.Sync()) }
func (f watchedFile) SyncData() error { return f.tell(f.File.SyncData()) }
