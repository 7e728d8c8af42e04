package server

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// preflightAge is how long browsers may remember a preflight's answer.
const preflightAge = "7200"

// maxRequestHeaders bounds what a preflight may ask for.
const maxRequestHeaders = 1024

// cors guards what pages of other origins may reach. It refuses in words, and
// says so in the log now and then, since a browser shows its user neither.
type cors struct {
	origins *Origins
	log     *slog.Logger
	logged  atomic.Int64 // when, Unix seconds
}

func (c *cors) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		w.Header().Add("Vary", "Origin")
		if origin == "" {
			next.ServeHTTP(w, r)
			return
		}
		if err := c.origins.Check(r); err != nil {
			c.refuse(w, err)
			return
		}
		h := w.Header()
		if c.origins.all {
			h.Set("Access-Control-Allow-Origin", "*")
		} else {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			preflight(h, r)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", "Retry-After")
		next.ServeHTTP(w, r)
	})
}

// preflight allows the headers that are asked for: what they may do is checked
// where they are read.
func preflight(h http.Header, r *http.Request) {
	h.Add("Vary", "Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
	h.Set("Access-Control-Max-Age", preflightAge)
	wanted := r.Header.Get("Access-Control-Request-Headers")
	if wanted == "" || len(wanted) > maxRequestHeaders || !isHeaderList(wanted) {
		wanted = "content-type, authorization, x-hasura-admin-secret, x-hasura-role, x-graphql-event-stream-token"
	}
	h.Set("Access-Control-Allow-Headers", wanted)
}

func isHeaderList(s string) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '-', b == '_', b == ',', b == ' ':
		default:
			return false
		}
	}
	return true
}

func (c *cors) refuse(w http.ResponseWriter, err error) {
	const pause = 10
	now := time.Now().Unix()
	if last := c.logged.Load(); now-last >= pause && c.logged.CompareAndSwap(last, now) {
		c.log.Warn("request refused", slog.Any("error", err))
	}
	writeJSON(w, http.StatusForbidden, map[string]any{"errors": []any{
		map[string]any{"message": err.Error(), "extensions": map[string]any{"code": "FORBIDDEN"}},
	}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone misses nothing
}
