package admin

import (
	"net/http"

	"github.com/rivusio/rivusio/engine"
)

// health is the answer of a probe.
type health struct {
	OK     bool   `json:"ok"`
	State  string `json:"state"`
	Paused bool   `json:"paused,omitzero"`
	Reason string `json:"reason,omitzero"` // why it is not OK
	// What is not up to date yet. The numbers of records are those of changelogs.
	RestoredRecords int64        `json:"restored_records,omitzero"`
	MissingRecords  int64        `json:"missing_records,omitzero"`
	Restoring       []restoreJob `json:"restoring,omitzero"`
}

// restoreJob is a task or a global store that is being brought up to date.
type restoreJob struct {
	Task            string `json:"task,omitzero"`
	GlobalStore     string `json:"global_store,omitzero"`
	RestoredRecords int64  `json:"restored_records"`
	MissingRecords  int64  `json:"missing_records"`
}

func (h health) write(w http.ResponseWriter) {
	if h.OK {
		write(w, http.StatusOK, h)
		return
	}
	write(w, http.StatusServiceUnavailable, h)
}

func (s *Server) health(state engine.State) health {
	return health{State: state.String(), Paused: s.cfg.Application.Paused()}
}

func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	state := s.cfg.Application.State()
	h := s.health(state)
	h.OK = s.cfg.Application.Live()
	switch {
	case h.OK:
	case state == engine.Failed:
		h.Reason = "the run has failed"
	default:
		h.Reason = "a worker or a global store makes no progress"
	}
	h.write(w)
}

func (s *Server) startupz(w http.ResponseWriter, _ *http.Request) {
	state := s.cfg.Application.State()
	h := s.health(state)
	switch h.OK = state > engine.Starting && state != engine.Failed; {
	case h.OK:
	case state == engine.Failed:
		h.Reason = "the run has failed"
	default:
		h.Reason = "topics are looked at, the state is opened, global stores are read"
		h.restoring(s.cfg.Application)
	}
	h.write(w)
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	state := s.cfg.Application.State()
	h := s.health(state)
	h.OK = state == engine.Running
	if !h.OK {
		h.Reason = unready(state)
		h.restoring(s.cfg.Application)
		if state == engine.Rebalancing && len(h.Restoring) > 0 {
			h.Reason = "tasks are being restored"
		}
	}
	h.write(w)
}

func unready(s engine.State) string {
	switch s {
	case engine.Created, engine.Starting:
		return "the start is not over"
	case engine.Rebalancing:
		return "the group gives the partitions out"
	case engine.Failed:
		return "the run has failed"
	}
	return "the run ends"
}

// restoring adds what is not up to date, and the sums.
func (h *health) restoring(app Application) {
	add := func(j restoreJob) {
		h.Restoring = append(h.Restoring, j)
		h.RestoredRecords += j.RestoredRecords
		h.MissingRecords += j.MissingRecords
	}
	for _, g := range app.Globals() {
		if !g.Ready {
			add(restoreJob{GlobalStore: g.Store, RestoredRecords: g.Restore.Records, MissingRecords: g.Restore.Missing})
		}
	}
	for _, t := range app.Tasks() {
		if t.State == engine.TaskRestoring {
			add(restoreJob{Task: t.ID, RestoredRecords: t.Restore.Records, MissingRecords: t.Restore.Missing})
		}
	}
}
