package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

func TestHealth(t *testing.T) {
	var status atomic.Int64
	status.Store(http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/livez" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(int(status.Load()))
	}))
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, env := range [][]string{
		{"GRAPHQL_PORT=" + u.Port()},
		{"GRAPHQL_PORT=1", "INTERNAL_PORT=" + u.Port()},
		{"GRAPHQL_PORT=" + u.Port(), "LISTEN_HOST=0.0.0.0"},
		{"GRAPHQL_PORT=" + u.Port(), "LISTEN_HOST=127.0.0.1", "HTTP_PROXY=http://127.0.0.1:1"},
	} {
		if got := execute(t, t.TempDir(), env, "health"); got.code != exitOK || got.stdout+got.stderr != "" {
			t.Errorf("%v: %+v", env, got)
		}
	}

	secure := httptest.NewTLSServer(server.Config.Handler)
	defer secure.Close()
	port := secure.URL[strings.LastIndexByte(secure.URL, ':')+1:]
	tls := []string{"GRAPHQL_PORT=" + port, "TLS_CERT=c", "TLS_KEY=k"}
	if got := execute(t, t.TempDir(), tls, "health"); got.code != exitOK {
		t.Errorf("TLS: %+v", got)
	}
	tls = []string{"GRAPHQL_PORT=" + port, "INTERNAL_PORT=" + u.Port(), "TLS_CERT=c", "TLS_KEY=k"}
	if got := execute(t, t.TempDir(), tls, "health"); got.code != exitOK {
		t.Errorf("TLS, but not of the internal port: %+v", got)
	}

	status.Store(http.StatusServiceUnavailable)
	got := execute(t, t.TempDir(), []string{"GRAPHQL_PORT=" + u.Port()}, "health")
	if got.code != exitFailure || !strings.Contains(got.stderr, "/livez answers 503") {
		t.Errorf("unhealthy: %+v", got)
	}
	server.Close()
	got = execute(t, t.TempDir(), []string{"GRAPHQL_PORT=" + u.Port()}, "health")
	if got.code != exitFailure || !strings.Contains(got.stderr, "ask for health: ") {
		t.Errorf("nobody there: %+v", got)
	}
}
