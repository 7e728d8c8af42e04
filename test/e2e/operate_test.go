package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/testpg"
)

const tinySchema = `
sources:
  tiny: {primary_key: id, columns: {id: Integer}}
`

// A gateway that starts before its database is up, and says why it waits.
func TestDatabaseDownAtStart(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	g := serve(t, tinySchema, "DATABASE_URL=postgres://materialize:hidden-word@127.0.0.1:"+port+"/materialize?sslmode=disable", "TYCOSTREAM_QUERY_WAIT=50ms")
	g.says("/readyz", http.StatusServiceUnavailable, "database cannot be reached")
	g.says("/livez", http.StatusOK, "OK")
	if got := g.query(`{ tiny { id } }`); !contains(got, "SOURCE_NOT_READY", "tiny") || leaked(got) != "" {
		t.Errorf("query: %s", got)
	}
	c := follow(t, g, subscription{field: "tiny", document: `subscription { tiny { operation data { id } fields } }`})

	sim := mzsim.New(mzsim.Options{TickInterval: 20 * time.Millisecond})
	must[any](t)(nil, sim.CreateTable("tiny", mzsim.Columns("id integer not null"), mzsim.ObjectOptions{}))
	must[uint64](t)(sim.Write(new(mzsim.Tx).Insert("tiny", 7)))
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = sim.Serve(ln) }() // ends with Close
	t.Cleanup(func() { sim.Close(); <-done })
	g.ready()
	c.has(t, 1)
	if strings.Contains(g.log(), "hidden-word") {
		t.Error("the password is in the log")
	}
}

// DATABASE_ENGINE=auto, and passwords.
func TestEngines(t *testing.T) {
	t.Parallel()
	t.Run("materialize with a password", func(t *testing.T) {
		t.Parallel()
		sim, setting := stand(t, mzsim.Options{Auth: mzsim.AuthSCRAM, Users: map[string]string{"gateway": "right-word"}})
		must[any](t)(nil, sim.CreateTable("tiny", mzsim.Columns("id integer not null"), mzsim.ObjectOptions{}))
		engine(t, "materialize", func(password string) string {
			return strings.Replace(setting, "materialize@", "gateway:"+password+"@", 1)
		})
	})
	t.Run("postgres with a password", func(t *testing.T) {
		t.Parallel()
		server := testpg.Start(t, testpg.Options{Password: "right-word"})
		db := server.NewDatabase(t)
		db.Exec(t, `CREATE TABLE tiny (id int PRIMARY KEY)`)
		engine(t, "postgres", func(password string) string {
			return "DATABASE_URL=" + strings.Replace(db.URL(), "right-word", password, 1)
		})
	})
}

func engine(t *testing.T, backend string, setting func(password string) string) {
	t.Helper()
	wrong := serve(t, tinySchema, setting("wrong-word"))
	wrong.says("/readyz", http.StatusServiceUnavailable, "tiny")
	eventually(t, "the log says what is wrong", func() error {
		if strings.Contains(wrong.log(), "password") {
			return nil
		}
		return errors.New(wrong.log())
	})
	if strings.Contains(wrong.log(), "wrong-word") {
		t.Errorf("the password is in the log: %s", wrong.log())
	}
	right := serve(t, tinySchema, setting("right-word"))
	right.ready()
	if got := right.query(`{ sources { backend state } }`); got != `{"data":{"sources":[{"backend":"`+backend+`","state":"LIVE"}]}}` {
		t.Errorf("%s", got)
	}
}

func TestPorts(t *testing.T) {
	t.Parallel()
	g := demo(t, "--rows", "5")
	g.ready()
	port := g.address()[strings.LastIndexByte(g.address(), ':')+1:]
	code, stderr := command(t, "", nil, "demo", "--port", port)
	if code != 1 || !contains(stderr, "port "+port+" is in use", "GRAPHQL_PORT") {
		t.Errorf("%d %s", code, stderr)
	}

	inside := freePort(t)
	split := start(t, "", []string{"demo", "--rows", "5"}, "INTERNAL_PORT="+inside)
	eventually(t, "the internal port is ready", func() error {
		for _, path := range []string{"/readyz", "/livez", "/metrics", "/debug/pprof/"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+inside+path, nil)
			if err != nil {
				return err
			}
			if code, _, body := split.do(req); code != http.StatusOK {
				return fmt.Errorf("%s: %d %s", path, code, body)
			}
		}
		return nil
	})
	for _, path := range []string{"/readyz", "/livez", "/metrics", "/debug/pprof/"} {
		if code, _ := split.get(path); code != http.StatusNotFound {
			t.Errorf("%s on the public port: %d", path, code)
		}
	}
	if got := split.query(`{ sources { name } }`); got != `{"data":{"sources":[{"name":"live_pnl"}]}}` {
		t.Errorf("query: %s", got)
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	g := start(t, "", []string{"demo", "--rows", "5"}, "ALLOWED_ORIGINS=https://app.example.com,https://*.example.org")
	for origin, allowed := range map[string]bool{
		"https://app.example.com": true, "https://a.example.org": true, "": true,
		"https://evil.example.com": false, "http://app.example.com": false, "https://example.org": false, "null": false,
	} {
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		s, err := open(t.Context(), g.address(), opening{header: header})
		if (err == nil) != allowed {
			t.Errorf("WebSocket from %q: %v", origin, err)
		}
		if err == nil {
			s.close()
		}
		if origin == "" {
			continue
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://"+g.address()+"/graphql", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Access-Control-Request-Headers", "content-type")
		code, answer, body := g.do(req)
		if got := answer.Get("Access-Control-Allow-Origin"); (got == origin) != allowed {
			t.Errorf("preflight from %q: %d %q", origin, code, got)
		}
		if !allowed && !strings.Contains(body, "ALLOWED_ORIGINS") {
			t.Errorf("preflight from %q: %d %s", origin, code, body)
		}
	}
}

// SIGTERM: readiness fails, every socket is closed with 1012, new ones too, within the grace
// period, and the process ends with 0.
func TestGracefulEnd(t *testing.T) {
	t.Parallel()
	g := start(t, "", []string{"demo", "--rows", "20", "--rate", "100"}, "TYCOSTREAM_SHUTDOWN_GRACE=1s")
	g.ready()
	var sockets []*socket
	for range 10 {
		s, err := open(t.Context(), g.address(), opening{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.subscribe(livePnL(`{}`).document, nil, func(message) {}); err != nil {
			t.Fatal(err)
		}
		sockets = append(sockets, s)
	}
	begin := time.Now()
	g.mu.Lock()
	err := g.cmd.Process.Signal(syscall.SIGTERM)
	g.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	g.says("/readyz", http.StatusServiceUnavailable, "draining")
	if _, err := open(t.Context(), g.address(), opening{}); err == nil || !strings.Contains(err.Error(), "1012") {
		t.Errorf("a new socket: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i, s := range sockets {
		select {
		case <-s.done:
			if code := s.code(); code != 1012 {
				t.Errorf("socket %d: %v", i, s.end)
			}
		case <-ctx.Done():
			t.Fatalf("socket %d is still open", i)
		}
	}
	if code := g.kill(0); code != 0 { // no signal: a second one would end it at once
		t.Errorf("exit code %d", code)
	}
	t.Logf("ended after %v", time.Since(begin))
}
