package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tycostream/tycostream/internal/app"
	"github.com/tycostream/tycostream/internal/config"
	"github.com/tycostream/tycostream/internal/config/schemafile"
	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/relation"
)

// receiver records what is delivered to it.
type receiver struct {
	*httptest.Server

	mu     sync.Mutex
	status int // of its answers; 0: 200
	got    []string
	signed int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var event struct {
		Type string          `json:"event_type"`
		Name string          `json:"trigger_name"`
		Data json.RawMessage `json:"data"`
	}
	_ = json.Unmarshal(body, &event)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status != 0 {
		w.WriteHeader(r.status)
		return
	}
	if req.Header.Get("webhook-signature") != "" {
		r.signed++
	}
	r.got = append(r.got, fmt.Sprintf("%s %s %s", event.Type, event.Name, event.Data))
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) events() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.got, "\n")
}

// positions is a table of prices, and a schema file whose trigger watches it.
func positions(t *testing.T, hook string) (sim *mzsim.Sim, url, schema string) {
	t.Helper()
	sim, url = stand(t)
	if err := sim.CreateTable("positions", mzsim.Columns("id integer not null", "pnl integer"), mzsim.ObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	write(t, sim, new(mzsim.Tx).Insert("positions", 1, 0))
	return sim, url, `
sources:
  positions:
    primary_key: id
    triggers:
      big: {webhook: "` + hook + `", fire: {pnl: {_gt: 100}}, clear: {pnl: {_lt: 90}}}
`
}

func write(t *testing.T, sim *mzsim.Sim, tx *mzsim.Tx) {
	t.Helper()
	if _, err := sim.Write(tx); err != nil {
		t.Fatal(err)
	}
}

func set(from, to int) *mzsim.Tx {
	return new(mzsim.Tx).Update("positions", relation.Texts("1", strconv.Itoa(from)), relation.Texts("1", strconv.Itoa(to)))
}

const (
	fired   = `FIRE big {"id":1,"pnl":150}`
	cleared = `CLEAR big {"id":1,"pnl":50}`
)

func active(g *gateway) func() string {
	return func() string { _, b := g.get("/metrics"); return b }
}

func TestTriggersOfTheFile(t *testing.T) {
	r := newReceiver(t)
	sim, url, schema := positions(t, r.URL)
	g := start(t, schema, nil, url, "WEBHOOK_SECRET=a secret that is long enough")
	eventually(t, `tycostream_triggers_active{source="positions"} 1`, active(g))
	write(t, sim, set(0, 150))
	eventually(t, fired, r.events)
	write(t, sim, set(150, 95)) // neither
	write(t, sim, set(95, 50))
	eventually(t, fired+"\n"+cleared, r.events)
	if r.signed != 2 {
		t.Errorf("%d of 2 deliveries are signed", r.signed)
	}
	for _, want := range []string{
		`tycostream_trigger_transitions_total{event="FIRE",source="positions"} 1`,
		`tycostream_trigger_transitions_total{event="CLEAR",source="positions"} 1`,
		`tycostream_webhook_attempts_total{status="200"} 2`, "tycostream_webhook_seconds_count 2",
		"tycostream_webhook_queue_depth 0", "tycostream_webhook_dead_letters 0",
	} {
		eventually(t, want, active(g))
	}
}

// TestLateClear: what happened while no gateway ran is delivered by the next.
func TestLateClear(t *testing.T) {
	r := newReceiver(t)
	sim, url, schema := positions(t, r.URL)
	dir := "DATA_DIR=" + t.TempDir()
	g := start(t, schema, nil, url, dir)
	eventually(t, `tycostream_triggers_active{source="positions"} 1`, active(g))
	write(t, sim, set(0, 150))
	eventually(t, fired, r.events)
	g.close()
	write(t, sim, set(150, 50))
	g = start(t, schema, nil, url, dir)
	eventually(t, fired+"\n"+cleared, r.events)
	eventually(t, "tycostream_webhook_queue_depth 0", active(g))
	if got := r.events(); got != fired+"\n"+cleared {
		t.Errorf("got %s", got)
	}
}

// TestSourceLeavesTheFile: the file's triggers go with their source; those of
// clients are there again when it is back.
func TestSourceLeavesTheFile(t *testing.T) {
	r := newReceiver(t)
	sim, url, schema := positions(t, r.URL)
	dir := "DATA_DIR=" + t.TempDir()
	g := start(t, schema, nil, url, dir)
	eventually(t, `tycostream_triggers_active{source="positions"} 1`, active(g))
	create := `mutation { create_positions_trigger(input: {name: "neg", webhook: "` + r.URL + `", fire: {pnl: {_lt: 0}}}) { name } }`
	if got := g.query(create); !strings.Contains(got, `"name":"neg"`) {
		t.Fatal(got)
	}
	g.close()
	g = start(t, strings.Split(strings.Replace(schema, "positions", "others", 1), "triggers")[0]+"relation: positions\n", nil, url, dir)
	eventually(t, `{"data":{"others_triggers":[]}}`, func() string { return g.query(`{ others_triggers { name } }`) })
	g.close()
	write(t, sim, set(0, -1))
	g = start(t, strings.Split(schema, "triggers")[0], nil, url, dir)
	eventually(t, `{"data":{"positions_triggers":[{"name":"neg","state":"ACTIVE"}]}}`, func() string { return g.query(`{ positions_triggers { name state } }`) })
	eventually(t, `FIRE neg {"id":1,"pnl":-1}`, r.events)
}

// TestGone: a receiver that answers 410 is asked once.
func TestGone(t *testing.T) {
	r := newReceiver(t)
	r.answer(http.StatusGone)
	sim, url, schema := positions(t, r.URL)
	g := start(t, schema, nil, url)
	eventually(t, `tycostream_triggers_active{source="positions"} 1`, active(g))
	write(t, sim, set(0, 150))
	eventually(t, `tycostream_webhook_attempts_total{status="410"} 1`, active(g))
	eventually(t, `tycostream_triggers_active{source="positions"} 0`, active(g))
	if got := r.events(); got != "" {
		t.Errorf("got %s", got)
	}
}

func TestTriggersOff(t *testing.T) {
	r := newReceiver(t)
	_, url, schema := positions(t, r.URL)
	g := start(t, schema, nil, url, "TRIGGERS=off", "DATA_DIR=/nonexistent/and/never/made", "TYCOSTREAM_TRIGGERS_AT=https://other.example")
	eventually(t, `{"data":{"positions":[{"id":1}]}}`, func() string { return g.query(`{ positions { id } }`) })
	got := g.query(`mutation { delete_positions_trigger(name: "big") { name } }`)
	if !strings.Contains(got, "TRIGGERS_DISABLED") || !strings.Contains(got, "https://other.example") {
		t.Error(got)
	}
	if _, body := g.get("/metrics"); strings.Contains(body, "tycostream_webhook_queue_depth") {
		t.Error("a replica shows a queue")
	}
}

func TestDataDirInUse(t *testing.T) {
	r := newReceiver(t)
	_, url, schema := positions(t, r.URL)
	dir := t.TempDir()
	start(t, schema, nil, url, "DATA_DIR="+dir)
	err := run(t, schema, url, "DATA_DIR="+dir)
	if err == nil || !strings.Contains(err.Error(), "the data directory is in use") || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}

// TestDemoTrigger: the demo's market moves enough for its trigger.
func TestDemoTrigger(t *testing.T) {
	g := start(t, demoSchema, &app.Demo{Rows: 100, Rate: 20_000})
	g.until(`tycostream_trigger_transitions_total{event="FIRE",source="live_pnl"}`, 1)
	g.until(`tycostream_trigger_transitions_total{event="CLEAR",source="live_pnl"}`, 1)
	g.until(`tycostream_webhook_attempts_total{status="200"}`, 2)
}

// TestTriggersOfTheAPI: a mutation makes a trigger, a query shows it, and a
// listener on loopback lets it name a private target.
func TestTriggersOfTheAPI(t *testing.T) {
	r := newReceiver(t)
	sim, url, schema := positions(t, r.URL)
	g := start(t, schema, nil, url)
	eventually(t, `tycostream_triggers_active{source="positions"} 1`, active(g))
	create := `mutation { create_positions_trigger(input: {name: "neg", webhook: "` + r.URL + `", fire: {pnl: {_lt: 0}}}) { name fire } }`
	if got := g.query(create); !strings.Contains(got, `"name":"neg"`) {
		t.Fatal(got)
	}
	write(t, sim, set(0, -1))
	eventually(t, `FIRE neg {"id":1,"pnl":-1}`, r.events)
	if got := g.query(`{ positions_triggers { name } }`); got != `{"data":{"positions_triggers":[{"name":"big"},{"name":"neg"}]}}` {
		t.Error(got)
	}
	if got := g.query(strings.Replace(create, "neg", "big", 1)); !strings.Contains(got, "TRIGGER_EXISTS") {
		t.Error(got)
	}
}

// run runs a gateway that is to end by itself.
func run(t *testing.T, schema string, environ ...string) error {
	t.Helper()
	settings, err := config.Load(config.Input{Environ: append(environ, "GRAPHQL_PORT=0", "LISTEN_HOST=127.0.0.1"), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	file, err := schemafile.Parse("schema.yaml", []byte(schema), schemafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return app.Run(t.Context(), app.Options{Config: settings.Config, Schema: file, Log: slog.New(slog.DiscardHandler)})
}
