package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/internal/app"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gateway is a running gateway.
type gateway struct {
	t    *testing.T
	url  string
	stop context.CancelFunc
	done chan error
}

// start runs a gateway over the schema file's text and waits until it listens.
func start(t *testing.T, schema string, demo *app.Demo, environ ...string) *gateway {
	t.Helper()
	environ = append([]string{"DATA_DIR="}, environ...)
	environ = append(environ, "GRAPHQL_PORT=0", "LISTEN_HOST=127.0.0.1", "TYCOSTREAM_SHUTDOWN_GRACE=1ms", "TYCOSTREAM_QUERY_WAIT=50ms")
	settings, err := config.Load(config.Input{Environ: environ, Demo: demo != nil})
	if err != nil {
		t.Fatal(err)
	}
	file, err := schemafile.Parse("schema.yaml", []byte(schema), schemafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	g := &gateway{t: t, stop: stop, done: make(chan error, 1)}
	listening := make(chan net.Addr, 1)
	go func() {
		g.done <- app.Run(ctx, app.Options{
			Config: settings.Config, Schema: file, Demo: demo, Build: telemetry.ReadBuild("test"),
			Log: slog.New(slog.DiscardHandler), Listening: func(a net.Addr) { listening <- a },
		})
	}()
	select {
	case addr := <-listening:
		g.url = "http://" + addr.String()
	case err := <-g.done:
		stop()
		t.Fatalf("the gateway ended: %v", err)
	}
	t.Cleanup(g.close)
	return g
}

func (g *gateway) close() {
	if g.stop == nil {
		return
	}
	g.stop()
	g.stop = nil
	if err := <-g.done; err != nil {
		g.t.Errorf("the gateway ended with %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func (g *gateway) get(path string) (int, string) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, g.url+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return g.do(req)
}

func (g *gateway) do(req *http.Request) (int, string) {
	g.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func (g *gateway) query(document string) string {
	g.t.Helper()
	body, err := json.Marshal(map[string]string{"query": document})
	if err != nil {
		g.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	_, answer := g.do(req)
	return answer
}

// eventually repeats ask until its answer holds want.
func eventually(t *testing.T, want string, ask func() string) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		got := ask()
		if strings.Contains(got, want) {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("never saw %q, last: %s", want, got)
		case <-pause.C:
		}
	}
}

const demoSchema = `
naming: camelCase
sources:
  live_pnl: {graphql_name: livePnL, primary_key: instrument_id}
`

func TestDemo(t *testing.T) {
	g := start(t, demoSchema, &app.Demo{Rows: 20, Rate: 100})
	eventually(t, `"ready"`, func() string { _, b := g.get("/readyz"); return b })
	if got := g.query(`{ livePnL(limit: 1, orderBy: {instrumentId: asc}) { instrumentId } }`); got != `{"data":{"livePnL":[{"instrumentId":1}]}}` {
		t.Errorf("query: %s", got)
	}
	for _, metric := range []string{`tycostream_source_up{source="live_pnl"} 1`, `tycostream_source_rows{source="live_pnl"} 20`, "tycostream_build_info"} {
		if _, body := g.get("/metrics"); !strings.Contains(body, metric) {
			t.Errorf("/metrics lacks %s", metric)
		}
	}
	if code, body := g.get("/livez"); code != http.StatusOK || body != "OK\n" {
		t.Errorf("/livez: %d %s", code, body)
	}
}

func TestRowChannelsAreOff(t *testing.T) {
	g := start(t, demoSchema, &app.Demo{Rows: 1})
	if code, body := g.get("/ws"); code != http.StatusNotFound || !strings.Contains(body, "set TYCOSTREAM_ROW_CHANNELS=true") {
		t.Errorf("off: %d %s", code, body)
	}
	g.close()
	g = start(t, demoSchema, &app.Demo{Rows: 1}, "TYCOSTREAM_ROW_CHANNELS=true")
	if code, body := g.get("/ws"); code != http.StatusUpgradeRequired || !strings.Contains(body, "WebSocket") {
		t.Errorf("on: %d %s", code, body)
	}
}

// stand is a stand-in for Materialize behind a listener.
func stand(t *testing.T) (*mzsim.Sim, string) {
	t.Helper()
	sim := mzsim.New(mzsim.Options{TickInterval: 10 * time.Millisecond})
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = sim.Serve(ln)
	}()
	t.Cleanup(func() { sim.Close(); <-done })
	return sim, "DATABASE_URL=postgres://materialize@" + ln.Addr().String() + "/materialize?sslmode=disable"
}

func TestSourceJoinsTheSchemaWhenItsRelationIsSeen(t *testing.T) {
	sim, url := stand(t)
	g := start(t, "sources: {late: {primary_key: id}}", nil, url, "TYCOSTREAM_RETRY_SLOW=50ms")
	eventually(t, "late", func() string { code, b := g.get("/readyz"); return http.StatusText(code) + b })
	eventually(t, `"state":"FAILED"`, func() string { return g.query(`{ sources { name state error } }`) })
	if got := g.query(`{ late { id } }`); !strings.Contains(got, "Cannot query field") {
		t.Errorf("before: %s", got)
	}
	if err := sim.CreateTable("late", mzsim.Columns("id integer not null", "name text"), mzsim.ObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Write(new(mzsim.Tx).Insert("late", 1, "first")); err != nil {
		t.Fatal(err)
	}
	eventually(t, `{"data":{"late":[{"id":1,"name":"first"}]}}`, func() string { return g.query(`{ late { id name } }`) })
	eventually(t, `"backend":"materialize"`, func() string { return g.query(`{ sources { backend } }`) })
}

func TestNoDatabaseAtStart(t *testing.T) {
	g := start(t, "sources: {t: {primary_key: id, columns: {id: Integer}}}", nil,
		"DATABASE_URL=postgres://nobody:secretword@127.0.0.1:1/x?sslmode=disable")
	eventually(t, "cannot be reached", func() string { _, b := g.get("/readyz"); return b })
	code, body := g.get("/readyz")
	if code != http.StatusServiceUnavailable || strings.Contains(body, "127.0.0.1") || strings.Contains(body, "secretword") {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if got := g.query(`{ t { id } }`); !strings.Contains(got, "SOURCE_NOT_READY") || !strings.Contains(got, "cannot be reached") {
		t.Errorf("query: %s", got)
	}
	if code, _ := g.get("/livez"); code != http.StatusOK {
		t.Errorf("/livez: %d", code)
	}
}

func TestPortInUse(t *testing.T) {
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	settings, err := config.Load(config.Input{Environ: []string{"GRAPHQL_PORT=" + port, "LISTEN_HOST=127.0.0.1"}, Demo: true})
	if err != nil {
		t.Fatal(err)
	}
	file, err := schemafile.Parse("schema.yaml", []byte(demoSchema), schemafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = app.Run(t.Context(), app.Options{
		Config: settings.Config, Schema: file, Demo: &app.Demo{Rows: 1}, Log: slog.New(slog.DiscardHandler),
	})
	if err == nil || err.Error() != "port "+port+" is in use: set GRAPHQL_PORT" {
		t.Errorf("got %v", err)
	}
}
