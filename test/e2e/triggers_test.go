package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/relation"
)

// recorder is a receiver of webhooks that notes what it took.
type recorder struct {
	*httptest.Server

	mu     sync.Mutex
	refuse bool
	events []string // "FIRE big 1 150", each id once
	ids    map[string]string
	wrong  []string
}

func record(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{ids: map[string]string{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	var e struct {
		ID   string `json:"event_id"`
		Type string `json:"event_type"`
		Name string `json:"trigger_name"`
		Data struct {
			ID  int  `json:"id"`
			PnL *int `json:"pnl"`
		} `json:"data"`
	}
	err := json.Unmarshal(body, &e)
	r.mu.Lock()
	defer r.mu.Unlock()
	id := req.Header.Get("webhook-id")
	switch old, again := r.ids[id]; {
	case err != nil || id != e.ID:
		r.wrong = append(r.wrong, fmt.Sprintf("%v, webhook-id %s: %s", err, id, body))
	case again && old != string(body):
		r.wrong = append(r.wrong, fmt.Sprintf("%s was %s, now %s", id, old, body))
	case r.refuse:
		w.WriteHeader(http.StatusServiceUnavailable)
	case !again:
		r.ids[id] = string(body)
		pnl := "null"
		if e.Data.PnL != nil {
			pnl = strconv.Itoa(*e.Data.PnL)
		}
		r.events = append(r.events, fmt.Sprintf("%s %s %d %s", e.Type, e.Name, e.Data.ID, pnl))
	}
}

func (r *recorder) refusing(yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = yes
}

// has waits until the receiver took these events, and no others.
func (r *recorder) has(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, "the receiver has "+strings.Join(want, ", "), func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.wrong) > 0 {
			t.Fatal(r.wrong)
		}
		if got := slices.Clone(r.events); !slices.Equal(got, want) {
			return errors.New(strings.Join(got, ", "))
		}
		return nil
	})
}

// position is a table with one row.
type position struct {
	t   *testing.T
	sim *mzsim.Sim
	pnl int
}

func newPosition(t *testing.T) (*position, string) {
	t.Helper()
	sim, setting := stand(t, mzsim.Options{})
	if err := sim.CreateTable("book", mzsim.Columns("id integer not null", "pnl integer"), mzsim.ObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	must[uint64](t)(sim.Write(new(mzsim.Tx).Insert("book", 1, 0)))
	return &position{t: t, sim: sim}, setting
}

func (b *position) set(pnl int) {
	b.t.Helper()
	row := func(v int) relation.Row { return relation.Texts("1", strconv.Itoa(v)) }
	must[uint64](b.t)(b.sim.Write(new(mzsim.Tx).Update("book", row(b.pnl), row(pnl))))
	b.pnl = pnl
}

func bookSchema(hook string) string {
	return `
sources:
  book:
    primary_key: id
    columns: {id: Integer, pnl: Integer}
    triggers:
      big: {webhook: "` + hook + `", fire: {pnl: {_gt: 100}}, clear: {pnl: {_lt: 90}}}
`
}

func (g *gateway) watching(triggers float64) {
	g.t.Helper()
	eventually(g.t, "triggers watch", func() error {
		if n := g.metric("tycostream_triggers_active"); n != triggers {
			return fmt.Errorf("%g", n)
		}
		return nil
	})
}

// TestTriggerOverRestarts: FIRE and CLEAR reach the receiver once each, however
// the gateway ends in between, and whatever happens while it is away.
func TestTriggerOverRestarts(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			r := record(t)
			b, setting := newPosition(t)
			g := serve(t, bookSchema(r.URL), setting)
			g.watching(1)
			b.set(150)
			r.has(t, "FIRE big 1 150")
			b.set(95) // between both conditions
			g.kill(sig)
			b.set(50) // nobody looks
			g.again()
			r.has(t, "FIRE big 1 150", "CLEAR big 1 50")
			b.set(200)
			r.has(t, "FIRE big 1 150", "CLEAR big 1 50", "FIRE big 1 200")
			g.kill(sig)
			g.again() // nothing happened meanwhile
			g.watching(1)
			b.set(10)
			r.has(t, "FIRE big 1 150", "CLEAR big 1 50", "FIRE big 1 200", "CLEAR big 1 10")
		})
	}
}

// TestPendingOverKill: what a receiver refused before the gateway was killed is
// delivered after it, in order and with the same id.
func TestPendingOverKill(t *testing.T) {
	t.Parallel()
	r := record(t)
	r.refusing(true)
	b, setting := newPosition(t)
	g := serve(t, bookSchema(r.URL), setting)
	g.watching(1)
	b.set(150)
	b.set(50)
	eventually(t, "both wait", func() error {
		if n := g.metric("tycostream_webhook_queue_depth"); n != 2 {
			return fmt.Errorf("%g wait", n)
		}
		return nil
	})
	g.kill(syscall.SIGKILL)
	r.refusing(false)
	g.again()
	r.has(t, "FIRE big 1 150", "CLEAR big 1 50")
}

// TestTriggerOfTheAPI: a trigger that a client makes survives as well, and one
// gateway at a time has the directory.
func TestTriggerOfTheAPI(t *testing.T) {
	t.Parallel()
	r := record(t)
	b, setting := newPosition(t)
	g := serve(t, "sources: {book: {primary_key: id, columns: {id: Integer, pnl: Integer}}}", setting)
	g.ready()
	got := g.query(`mutation { create_book_trigger(input: {name: "low", webhook: "` + r.URL + `", fire: {pnl: {_lt: -10}}}) { name fire clear } }`)
	if !strings.Contains(got, `"name":"low"`) {
		t.Fatal(got)
	}
	g.kill(syscall.SIGKILL)
	b.set(-20)
	g.again()
	r.has(t, "FIRE low 1 -20")
	b.set(0)
	r.has(t, "FIRE low 1 -20", "CLEAR low 1 0")

	code, stderr := command(t, "sources: {book: {primary_key: id}}", []string{setting, "DATA_DIR=" + g.dir + "/data", "GRAPHQL_PORT=0"}, "serve")
	if code != 1 || !strings.Contains(stderr, "the data directory is in use") {
		t.Errorf("a second gateway: %d, %s", code, stderr)
	}
}

// TestTriggersWithoutDatabase: while the database is away nothing is told, also
// not what only needs time; when it is back the differences are told, once.
func TestTriggersWithoutDatabase(t *testing.T) {
	t.Parallel()
	r := record(t)
	b, setting := newPosition(t)
	schema := strings.Replace(bookSchema(r.URL), "clear:", "for: 1s, clear:", 1)
	g := serve(t, schema, setting)
	g.watching(1)
	b.set(150)
	b.sim.Faults().Down(nil)
	b.sim.Faults().CutAll()
	g.state("book", "STALE", "")
	rest(t.Context(), 1500*time.Millisecond)
	r.has(t)
	b.set(50)
	b.set(160) // nobody knows that it was not true for a moment
	b.sim.Faults().LoseHistory()
	b.sim.Faults().Up()
	r.has(t, "FIRE big 1 160")
	b.set(10)
	r.has(t, "FIRE big 1 160", "CLEAR big 1 10")
}

// TestTriggersInMemory: without a directory everything works, the log says that
// nothing is kept, and nothing is.
func TestTriggersInMemory(t *testing.T) {
	t.Parallel()
	r := record(t)
	b, setting := newPosition(t)
	g := serve(t, bookSchema(r.URL), setting, "DATA_DIR=")
	g.watching(1)
	if !strings.Contains(g.log(), "triggers and their deliveries are in memory: they end with the gateway; set DATA_DIR to keep them") {
		t.Error("the log does not say that nothing is kept")
	}
	b.set(150)
	r.has(t, "FIRE big 1 150")
	if _, err := os.Stat(g.dir + "/data"); !os.IsNotExist(err) {
		t.Errorf("a directory: %v", err)
	}
	g.kill(syscall.SIGTERM)
	b.set(50)
	g.again()
	g.watching(1)
	b.set(120) // it is armed, as a new trigger is
	r.has(t, "FIRE big 1 150", "FIRE big 1 120")
}
