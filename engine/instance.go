package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

const (
	lockFile     = "instance.lock" // holds the process ID of its holder, for people
	stateFolder  = "state"         // with the stores
	instanceFile = "instance"      // the instance's name, if no other was configured
)

var validInstance = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,200}$`)

// acquireInstance locks a state directory, which it creates if need be, and says under which name the process runs: the
// configured one, or else one that is made up once and kept in the directory. release gives the directory back; the
// system does so too when the process ends in any way.
func acquireInstance(stateDir, configured string) (name string, release func() error, err error) {
	switch {
	case stateDir == "":
		return "", nil, errors.New("no state directory is configured")
	case configured != "" && !validInstance.MatchString(configured):
		return "", nil, fmt.Errorf("instance name %q is not 1 to 200 of the characters a-z A-Z 0-9 . _ -", configured)
	}
	if err := os.MkdirAll(stateDir, 0o750); err != nil {
		return "", nil, fmt.Errorf("state directory: %w", err)
	}
	lock, err := lockDirectory(stateDir)
	if err != nil {
		return "", nil, err
	}
	if name = configured; name == "" {
		if name, err = keptInstance(filepath.Join(stateDir, instanceFile)); err != nil {
			return "", nil, errors.Join(err, lock.Close())
		}
	}
	return name, lock.Close, nil
}

// lockDirectory takes the lock that lasts until the file is closed. The file stays: were it removed, a second process
// could lock a new one while a third still holds the old.
func lockDirectory(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("lock state directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path) // only to say more in the error
		f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock state directory %s: %w", dir, err)
		}
		return nil, fmt.Errorf("state directory %s is in use by process %s: every process needs one of its own",
			dir, strings.TrimSpace(string(holder)))
	}
	if err := writeHolder(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock state directory %s: %w", dir, err), f.Close())
	}
	return f, nil
}

func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// keptInstance reads the name that a directory has, or gives it one. The caller has the directory's lock.
func keptInstance(path string) (string, error) {
	kept, err := os.ReadFile(path)
	if err == nil {
		name := strings.TrimSpace(string(kept))
		if !validInstance.MatchString(name) {
			return "", fmt.Errorf("instance name in %s is not valid: %q", path, name)
		}
		return name, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("instance name: %w", err)
	}
	name := uuid.NewString()
	// A name that is written only in part would be another one after a crash.
	if err := writeWhole(path, name+"\n"); err != nil {
		return "", fmt.Errorf("keep instance name: %w", err)
	}
	return name, nil
}

// writeWhole makes a file appear with all of its content or not at all.
func writeWhole(path, content string) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
