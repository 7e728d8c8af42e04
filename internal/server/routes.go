package server

import (
	"net/http"
	"net/http/pprof"
)

// Routes are the handlers behind the paths. Nil ones have no path.
type Routes struct {
	GraphQL   http.Handler
	Stream    http.Handler // of /stream/{source}; the source is the path's last part
	Channels  http.Handler // of /ws
	Pages     http.Handler // of /, /playground and what the two are made of
	Metrics   http.Handler
	Readiness Readiness // nil: always ready
	Version   string    // for /v1/version
}

// public returns the handler of the clients' port.
func (s *Server) public() http.Handler {
	mux := http.NewServeMux()
	c := &cors{origins: s.origins, log: s.cfg.Log}
	if h := s.routes.GraphQL; h != nil {
		mux.Handle("/graphql", c.wrap(h))
		mux.Handle("/v1/graphql", c.wrap(h))
	}
	if h := s.routes.Stream; h != nil {
		mux.Handle("/stream", c.wrap(h))
		mux.Handle("/stream/{source...}", c.wrap(h))
	}
	if h := s.routes.Channels; h != nil {
		mux.Handle("/ws", c.wrap(h))
	}
	if h := s.routes.Pages; h != nil {
		for _, pattern := range []string{"/{$}", "/assets/", "/licenses.md", "/playground", "/playground/"} {
			mux.Handle(pattern, h)
		}
	}
	mux.HandleFunc("GET /v1/version", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"version": s.routes.Version})
	})
	if s.cfg.InternalPort == 0 {
		s.health(mux)
	}
	return secure(mux)
}

// internal returns the handler of the operators' port.
func (s *Server) internal() http.Handler {
	mux := http.NewServeMux()
	s.health(mux)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return secure(mux)
}

func (s *Server) health(mux *http.ServeMux) {
	for _, path := range []string{"/livez", "/healthz"} {
		mux.HandleFunc(path, s.live)
	}
	for _, path := range []string{"/readyz", "/ready", "/health/ready", "/health"} {
		mux.HandleFunc(path, s.ready)
	}
	if s.routes.Metrics != nil {
		mux.Handle("/metrics", s.routes.Metrics)
	}
}

// secure sets what every answer carries. Pages add a content policy of their
// own.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "SAMEORIGIN")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
