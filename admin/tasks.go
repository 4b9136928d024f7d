package admin

import (
	"encoding/json/v2"
	"fmt"
	"net/http"
	"time"

	"encoding/json/jsontext"

	"github.com/rivusio/rivusio/engine"
	"github.com/rivusio/rivusio/operators"
)

// Failure is an error of an operator, without the key and the value of its record.
type Failure struct {
	Operator  string    `json:"operator"`
	Task      string    `json:"task,omitzero"`
	Topic     string    `json:"topic,omitzero"` // of the record, with its place
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Time      time.Time `json:"time"`
	Attempts  int       `json:"attempts,omitzero"`
	Action    string    `json:"action,omitzero"` // what was done about it
	Error     string    `json:"error"`
}

// application is the answer at /tasks. Fields are added, never renamed.
type application struct {
	Application string        `json:"application"`
	State       string        `json:"state"`
	Paused      bool          `json:"paused"`
	Tasks       []taskInfo    `json:"tasks"`
	Globals     []globalStore `json:"global_stores,omitzero"`
}

type taskInfo struct {
	ID         string     `json:"id"` // SUBTOPOLOGY_PARTITION
	Worker     int        `json:"worker"`
	State      string     `json:"state"`
	StreamTime time.Time  `json:"stream_time,omitzero"`
	Inputs     []input    `json:"inputs"`
	Operators  []operator `json:"operators,omitzero"` // none while restoring
	Restore    restore    `json:"restore"`
}

type globalStore struct {
	Store     string     `json:"store"`
	Topic     string     `json:"topic"`
	Ready     bool       `json:"ready"`
	Inputs    []input    `json:"inputs"`
	Operators []operator `json:"operators,omitzero"`
	Restore   restore    `json:"restore"`
}

// input is a partition that is read.
type input struct {
	Topic         string `json:"topic"`
	Partition     int32  `json:"partition"`
	Position      int64  `json:"position"` // the next offset to be fetched
	Lag           int64  `json:"lag"`      // -1: not known
	BufferedBytes int64  `json:"buffered_bytes"`
	Paused        bool   `json:"paused"`
}

type operator struct {
	Name    string            `json:"name"`
	In      uint64            `json:"in"`
	Dropped map[string]uint64 `json:"dropped,omitzero"` // by reason
}

type restore struct {
	Records int64 `json:"restored_records"`
	Missing int64 `json:"missing_records"`
	Kept    int64 `json:"stores_kept"`
	Empty   int64 `json:"stores_empty"`
	Rebuilt int64 `json:"stores_rebuilt"`
}

func (s *Server) tasks(w http.ResponseWriter, _ *http.Request) {
	app := s.cfg.Application
	a := application{Application: s.cfg.Topology.Application, State: app.State().String(), Paused: app.Paused(), Tasks: []taskInfo{}}
	for _, t := range app.Tasks() {
		info := taskInfo{ID: t.ID, Worker: t.Worker, State: t.State.String(), Inputs: inputs(t.Inputs), Restore: restored(t.Restore)}
		if t.StreamTime != operators.NoTime {
			info.StreamTime = time.UnixMilli(t.StreamTime).UTC()
		}
		for _, n := range t.Operators {
			info.Operators = append(info.Operators, operator{n.Node, n.In, dropped(n.Dropped)})
		}
		a.Tasks = append(a.Tasks, info)
	}
	for _, g := range app.Globals() {
		info := globalStore{Store: g.Store, Topic: g.Topic, Ready: g.Ready, Inputs: inputs(g.Inputs), Restore: restored(g.Restore)}
		for _, n := range g.Operators {
			info.Operators = append(info.Operators, operator{n.Node, n.In, dropped(n.Dropped)})
		}
		a.Globals = append(a.Globals, info)
	}
	write(w, http.StatusOK, a)
}

func inputs(of []engine.InputInfo) []input {
	all := make([]input, len(of))
	for i, in := range of {
		all[i] = input{
			Topic: in.Topic, Partition: in.Partition, Position: in.Position, Lag: in.Lag, BufferedBytes: in.BufferedBytes, Paused: in.Paused,
		}
	}
	return all
}

func restored(r engine.RestoreProgress) restore {
	return restore{Records: r.Records, Missing: r.Missing, Kept: r.Kept, Empty: r.Empty, Rebuilt: r.Rebuilt}
}

func dropped(by [operators.Reasons]uint64) map[string]uint64 {
	var reasons map[string]uint64
	for reason, n := range by {
		if n > 0 {
			if reasons == nil {
				reasons = make(map[string]uint64)
			}
			reasons[operators.Reason(reason).String()] = n
		}
	}
	return reasons
}

func (s *Server) errors(w http.ResponseWriter, _ *http.Request) {
	failures := s.cfg.Errors()
	if failures == nil {
		failures = []Failure{}
	}
	write(w, http.StatusOK, map[string][]Failure{"errors": failures})
}

func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%s: %s\n\n", s.cfg.Topology.Application, s.cfg.Application.State())
	for _, path := range []struct {
		path string
		is   bool
	}{
		{"/livez", true}, {"/startupz", true}, {"/readyz", true}, {"/metrics", s.cfg.Metrics != nil}, {"/topology", true}, {"/tasks", true},
		{"/errors", s.cfg.Errors != nil}, {"/debug/pprof/", s.profiling()},
	} {
		if path.is {
			fmt.Fprintln(w, path.path)
		}
	}
}

// write answers with JSON. A client that is gone does not hear of it, and that is nothing to log.
func write(w http.ResponseWriter, status int, answer any) {
	text, err := json.Marshal(answer, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		http.Error(w, "the answer cannot be written as JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
