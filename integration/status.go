package integration

import (
	"bufio"
	"encoding/json/v2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/rivusio/rivusio/engine"
)

// What happened, in an [Event].
const (
	Started   = "started"
	Committed = "committed"
	Aborted   = "aborted"
	Restored  = "restored"
)

// Event is a line of a status file. Fields that a kind does not have are zero.
type Event struct {
	Kind string    `json:"kind"`
	At   time.Time `json:"at"`
	PID  int       `json:"pid"`

	Written int64 `json:"written,omitzero"` // records of a commit

	Store     string `json:"store,omitzero"`
	Partition int32  `json:"partition,omitzero"`
	Records   int64  `json:"records,omitzero"` // that were restored
	Empty     bool   `json:"empty,omitzero"`   // nothing was there before
	Rebuilt   bool   `json:"rebuilt,omitzero"` // what was there was given up
}

// Status writes what an engine does to a file. It is safe for concurrent use.
type Status struct {
	engine.NoObserver
	mu sync.Mutex
	f  *os.File
}

// OpenStatus opens a status file to append to it, and writes that the process started.
func OpenStatus(path string) (*Status, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("status file: %w", err)
	}
	s := &Status{f: f}
	s.add(Event{Kind: Started})
	return s, nil
}

// CommitEnded implements engine.Observer.
func (s *Status) CommitEnded(i engine.CommitInfo) {
	kind := Committed
	if i.Aborted {
		kind = Aborted
	}
	s.add(Event{Kind: kind, Written: i.Written})
}

// RestoreEnded implements engine.Observer.
func (s *Status) RestoreEnded(i engine.RestoreInfo) {
	s.add(Event{Kind: Restored, Store: i.Store, Partition: i.Partition, Records: i.Records, Empty: i.Empty, Rebuilt: i.Rebuilt})
}

// add writes an event in one call, so that a process that is killed leaves whole lines.
func (s *Status) add(e Event) {
	e.At, e.PID = time.Now(), os.Getpid()
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // a bug: every event can be encoded
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The test that reads the file notices what is missing.
	_, _ = s.f.Write(append(line, '\n'))
}

// ReadStatus reads a status file from a position and returns the position after what it read. A file that is not there
// has no events.
func ReadStatus(path string, from int64) (events []Event, next int64, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, from, nil
	}
	if err != nil {
		return nil, from, fmt.Errorf("status file: %w", err)
	}
	defer f.Close()
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return nil, from, fmt.Errorf("status file: %w", err)
	}
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return events, from, nil // a line without its end is read the next time
		}
		if err != nil {
			return events, from, fmt.Errorf("status file: %w", err)
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return events, from, fmt.Errorf("status file %s at %d: %w", path, from, err)
		}
		events = append(events, e)
		from += int64(len(line))
	}
}
