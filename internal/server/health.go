package server

import (
	"io"
	"net/http"
)

// Readiness says whether the gateway can answer.
type Readiness interface {
	Readiness() Ready
}

// Ready is the state of the sources.
type Ready struct {
	Ready    bool // every required source has been live, and is fresh enough if that is asked for
	Degraded bool // a required source that was live is not now
	Problems []Problem
}

// Problem is a source that is not live. Reason is shown to anybody: it names
// no host, SQL or user.
type Problem struct {
	Source   string `json:"source"`
	State    string `json:"state"`
	Reason   string `json:"reason,omitempty"`
	Required bool   `json:"required"`
}

type readyBody struct {
	Status  string    `json:"status"`
	Sources []Problem `json:"sources,omitempty"`
}

// live answers that the process is alive, whatever upstream does.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "OK\n") // a prober that has gone misses nothing
}

// ready answers 200 as long as requests should come here.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	state := Ready{Ready: true}
	if s.routes.Readiness != nil {
		state = s.routes.Readiness.Readiness()
	}
	status, word := http.StatusOK, "ready"
	switch {
	case s.draining.Load():
		status, word = http.StatusServiceUnavailable, "draining"
	case !state.Ready:
		status, word = http.StatusServiceUnavailable, "starting"
		if state.Degraded {
			word = "stale"
		}
	case state.Degraded:
		word = "degraded"
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, readyBody{word, state.Problems})
}
