package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// killSchema has two of the three triggers; a client makes the third.
const killSchema = `
sources:
  book:
    primary_key: id
    columns: {id: Integer, pnl: Integer}
    triggers:
      band: {webhook: "%[1]s", fire: {pnl: {_gt: 100}}, clear: {pnl: {_lt: 90}}, delays: %[2]s}
      below: {webhook: "%[1]s", fire: {pnl: {_lt: 0}}, delays: %[2]s}
`

const killRows = 40

// TestKillGateway kills the whole gateway at random moments, also while it
// starts, and while rows change all the time and a receiver fails at random.
// What the receiver heard must be what happened; see story.check. KILLS=200 is
// the long run: make kills.
func TestKillGateway(t *testing.T) {
	t.Parallel()
	kills := 6
	if text := os.Getenv("KILLS"); text != "" {
		kills = must[int](t)(strconv.Atoi(text))
	}
	for _, sync := range []string{"always", "interval"} {
		t.Run(sync, func(t *testing.T) { killGateway(t, kills, "TRIGGER_SYNC="+sync) })
	}
}

func killGateway(t *testing.T, kills int, setting string) {
	t.Helper()
	sim, database := stand(t, mzsim.Options{})
	r := newFlaky(t)
	m := newMover(t, sim)
	delays := "[" + strings.TrimSuffix(strings.Repeat("5ms, 10ms, 20ms, 50ms, ", 16), ", ") + "]"
	g := serve(t, fmt.Sprintf(killSchema, r.URL, delays), database, setting, "LOG_LEVEL=info", "TYCOSTREAM_RETRY_SLOW=20ms")
	g.watching(2)
	got := g.query(`mutation { create_book_trigger(input: {name: "wide", webhook: "` + r.URL + `", snapshot: true,
		fire: {pnl: {_gt: 50}}, clear: {_or: [{pnl: {_lt: 20}}, {pnl: {_is_null: true}}]},
		delays: ` + strings.NewReplacer("[", `["`, ", ", `", "`, "]", `"]`).Replace(delays) + `}) { state } }`)
	if !strings.Contains(got, `"ACTIVE"`) {
		t.Fatal(got)
	}
	stop := m.run()
	var ends []int64
	for life := range kills {
		rest(t.Context(), time.Duration(50+rand.IntN(700))*time.Millisecond)
		g.kill(syscall.SIGKILL)
		if log := g.log(); strings.Contains(log, "panic") || strings.Contains(log, `"level":"error"`) {
			t.Fatalf("life %d:\n%s", life, tail(log, 6000))
		}
		r.quiet(t)
		ends = append(ends, int64(sim.Upper()))
		m.past(ends[life])
		r.life.Add(1)
		g.launch()
	}
	g.listens()
	eventually(t, "enough happens to prove something", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := r.eventsLocked(); n < 20*kills {
			return fmt.Errorf("%d events", n)
		}
		return nil
	})
	stop()
	g.watching(3)
	within(t, 5*time.Minute, "all is delivered", func() error {
		if n := g.metric("tycostream_webhook_queue_depth"); n > 0 {
			return fmt.Errorf("%g wait", n)
		}
		return nil
	})
	if n := g.metric("tycostream_webhook_dead_letters"); n > 0 {
		t.Errorf("%g dead letters", n)
	}
	r.check(t, m, ends)
}

// mover changes rows all the time.
type mover struct {
	t   *testing.T
	sim *mzsim.Sim

	mu   sync.Mutex // guards rows
	rows map[int][]figure
}

func newMover(t *testing.T, sim *mzsim.Sim) *mover {
	t.Helper()
	m := &mover{t: t, sim: sim, rows: map[int][]figure{}}
	must[any](t)(nil, sim.CreateTable("book", mzsim.Columns("id integer not null", "pnl integer"), mzsim.ObjectOptions{}))
	tx := new(mzsim.Tx)
	for row := range killRows {
		tx.Insert("book", row, 0)
	}
	at := must[uint64](t)(sim.Write(tx))
	for row := range killRows {
		m.rows[row] = []figure{{at: int64(at)}}
	}
	return m
}

// run moves until stop, which returns when all is written and visible.
func (m *mover) run() (stop func()) {
	ctx, cancel := context.WithCancel(m.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			m.write()
			rest(ctx, time.Duration(rand.IntN(8_000))*time.Microsecond)
		}
	})
	m.t.Cleanup(func() { cancel(); wg.Wait() })
	return func() { cancel(); wg.Wait() }
}

// write changes a few rows in one transaction.
func (m *mover) write() {
	m.mu.Lock()
	defer m.mu.Unlock()
	tx := new(mzsim.Tx)
	changed := map[int]figure{}
	for range 1 + rand.IntN(8) {
		row := rand.IntN(killRows)
		if _, twice := changed[row]; twice {
			continue
		}
		f := figure{pnl: rand.IntN(180) - 40}
		switch rand.IntN(12) {
		case 0:
			f = figure{null: true}
		case 1:
			f = figure{gone: true}
		}
		m.cells(tx, row, m.rows[row][len(m.rows[row])-1], -1)
		m.cells(tx, row, f, 1)
		changed[row] = f
	}
	at, err := m.sim.Write(tx)
	if err != nil {
		m.t.Error(err)
		return
	}
	for row, f := range changed {
		f.at = int64(at)
		m.rows[row] = append(m.rows[row], f)
	}
}

func (m *mover) cells(tx *mzsim.Tx, row int, f figure, diff int64) {
	switch {
	case f.null:
		tx.AddCells("book", diff, row, nil)
	case !f.gone:
		tx.AddCells("book", diff, row, f.pnl)
	}
}

// past waits until upstream is past a time.
func (m *mover) past(at int64) {
	m.t.Helper()
	eventually(m.t, "upstream goes on", func() error {
		if upper := int64(m.sim.Upper()); upper < at+3 {
			return fmt.Errorf("%d, not past %d", upper, at)
		}
		return nil
	})
}

// flaky is a receiver that fails at random, and writes down what it hears.
type flaky struct {
	*httptest.Server

	life atomic.Int32

	mu    sync.Mutex // guards what follows
	busy  map[lane]bool
	open  int // requests
	heard []hearing
	wrong []string
}

type lifeKey struct{}

func newFlaky(t *testing.T) *flaky {
	t.Helper()
	r := &flaky{busy: map[lane]bool{}}
	r.Server = httptest.NewUnstartedServer(r)
	r.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, lifeKey{}, int(r.life.Load()))
	}
	r.Start()
	t.Cleanup(r.Close)
	return r
}

func (r *flaky) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // cut in the middle
	}
	h, err := hear(req, body)
	luck := rand.IntN(1000)
	h.taken = luck < 840
	r.mu.Lock()
	if err != nil {
		r.wrong = append(r.wrong, err.Error())
	}
	if r.busy[h.lane] {
		r.wrong = append(r.wrong, fmt.Sprintf("two requests of %v at a time", h.lane))
	}
	r.busy[h.lane] = true
	r.open++
	r.heard = append(r.heard, h)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.busy, h.lane)
		r.open--
	}()
	switch {
	case luck < 40:
		rest(req.Context(), time.Duration(luck)*time.Millisecond)
	case luck < 840:
	case luck < 890:
		w.WriteHeader(http.StatusInternalServerError)
	case luck < 960:
		w.WriteHeader(http.StatusBadRequest)
	case luck < 962: // the gateway then pauses
		w.WriteHeader(http.StatusTooManyRequests)
	default:
		panic(http.ErrAbortHandler) // it had it, and the gateway does not know
	}
}

// hear reads a request.
func hear(req *http.Request, body []byte) (hearing, error) {
	var e struct {
		ID   string          `json:"event_id"`
		Kind string          `json:"event_type"`
		Name string          `json:"trigger_name"`
		At   time.Time       `json:"timestamp"`
		Data json.RawMessage `json:"data"`
	}
	var key struct{ ID int }
	err := json.Unmarshal(body, &e)
	if err == nil {
		err = json.Unmarshal(e.Data, &key)
	}
	if id := req.Header.Get("webhook-id"); err == nil && id != e.ID {
		err = fmt.Errorf("webhook-id is %s", id)
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, body)
	}
	life, _ := req.Context().Value(lifeKey{}).(int)
	return hearing{
		lane: lane{e.Name, key.ID}, id: e.ID, body: string(body), kind: e.Kind, at: e.At.UnixMilli(), data: string(e.Data), life: life,
	}, err
}

// eventsLocked is how many events have been heard, however often.
func (r *flaky) eventsLocked() int {
	ids := map[string]bool{}
	for i := range r.heard {
		ids[r.heard[i].id] = true
	}
	return len(ids)
}

// quiet waits until what a killed gateway sent has been heard.
func (r *flaky) quiet(t *testing.T) {
	t.Helper()
	for range 3 {
		eventually(t, "no request is open", func() error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.open > 0 {
				return fmt.Errorf("%d are", r.open)
			}
			return nil
		})
		rest(t.Context(), 2*time.Millisecond)
	}
}

// check compares what was heard with what happened.
func (r *flaky) check(t *testing.T, m *mover, ends []int64) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &story{rows: m.rows, heard: r.heard, ends: ends, end: int64(m.sim.Upper())}
	wrong := append(slices.Clone(r.wrong), s.check()...)
	for i, text := range wrong {
		if i == 20 {
			t.Errorf("and %d more", len(wrong)-i)
			break
		}
		t.Error(text)
	}
	changes, certain := 0, 0
	events, _ := s.events()
	spans := s.spans(events)
	for _, list := range m.rows {
		changes += len(list)
		for _, f := range list {
			if sp := spans[s.life(f.at)]; sp.from <= f.at && f.at <= sp.to {
				certain++
			}
		}
	}
	t.Logf("%d kills, %d changes of rows, %d of them seen for certain, %d events in %d requests", len(ends), changes, certain, r.eventsLocked(), len(r.heard))
}
