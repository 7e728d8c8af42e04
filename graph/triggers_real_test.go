package graph

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/tycostream/tycostream/graph/triggers"
	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/trigger"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
	"github.com/tycostream/tycostream/internal/webhook/store"
)

// receiver takes deliveries, and answers with the status that it is set to.
type receiver struct {
	*httptest.Server
	status atomic.Int32
	bodies chan string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{bodies: make(chan string, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		w.WriteHeader(int(r.status.Load()))
		_, _ = io.WriteString(w, "so it is")
		r.bodies <- string(body)
	}))
	t.Cleanup(r.Close)
	return r
}

// newRealWorld has the engine, a store in memory and a deliverer that gives up
// at the second failure, and remembers so many results.
func newRealWorld(t *testing.T, remembered int) *world {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var d *webhook.Deliverer
	e, err := trigger.Open(t.Context(), s, trigger.Options{Changed: func(id string) { d.Refresh(id) }})
	if err != nil {
		t.Fatal(err)
	}
	d = webhook.New(webhook.Options{
		Settings: webhook.Settings{
			Delays: []time.Duration{time.Millisecond}, ProbeMin: time.Millisecond, ProbeMax: time.Millisecond,
			PerEndpoint: 1, Feed: remembered,
		},
		Outbox: s, Endpoint: e.Endpoint, Dial: func(bool) func(context.Context, string, string) (net.Conn, error) { return new(net.Dialer).DialContext },
	})
	d.Start()
	t.Cleanup(func() {
		e.Close()
		d.Close(context.WithoutCancel(t.Context()))
	})
	w := newWorld(t, func(m *Model) {
		m.CamelCase = true
		m.Triggers = triggers.Backend{Engine: e, Deliveries: struct {
			webhook.Admin
			*webhook.Deliverer
		}{s, d}}
	})
	w.ctx = auth.WithIdentity(t.Context(), auth.Identity{Admin: true})
	e.Attach("trades", w.trades, codec.Shape{Schema: w.trades.Schema()})
	err = e.Declare(t.Context(), "trades", []spec.Input{{
		Name: "declared", Webhook: "https://example.com", Fire: map[string]any{"id": map[string]any{"_lt": 0}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// quantity sets the quantity of a trade at an upstream time.
func (w *world) quantity(at uint64, id, text string) {
	w.Helper()
	wall := 1_767_323_045_678_000 + int64(at)*1000
	err := w.trades.Apply([]relation.Batch{{Time: at, Wall: wall, Changes: []relation.Change{
		{Op: relation.Put, New: cells(id, "10", "buy", text, "1.5", "-")},
	}}}, relation.Frontier{Time: at, Wall: wall})
	if err != nil {
		w.Fatal(err)
	}
}

// until reads the live results until one has this status.
func (w *world) until(handler graphql.ResponseHandler, status string) string {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.caller(), time.Minute)
	defer cancel()
	for {
		r := handler(ctx)
		if r == nil || len(r.Errors) > 0 {
			w.Fatalf("the results end before one is %s: %+v", status, r)
		}
		if strings.Contains(string(r.Data), status) {
			return string(r.Data)
		}
	}
}

// becomes asks until the answer is what it has to be: a result is told before
// the store has noted it.
func (w *world) becomes(query, want string) {
	w.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(time.Millisecond) {
		got := w.mustAsk(query, "")
		if got == want || time.Now().After(deadline) {
			w.equal(query, got, want)
			return
		}
	}
}

const liveResults = `subscription { triggerDeliveries { missed delivery { source trigger event key status attempts responseStatus resent cursor } } }`

// TestTriggersOfARealEngine goes through the life of a trigger.
func TestTriggersOfARealEngine(t *testing.T) {
	w, r := newRealWorld(t, 100), newReceiver(t)
	ctx, cancel := context.WithCancel(w.ctx)
	defer cancel()
	live, errs := w.start(ctx, liveResults, "")
	if errs != nil {
		t.Fatal(errs)
	}
	other, errs := w.start(ctx, `subscription { triggerDeliveries(source: "wide_one") { missed } }`, "")
	if errs != nil {
		t.Fatal(errs)
	}
	foreign := make(chan *graphql.Response, 1)
	go func() { foreign <- other(ctx) }()
	r.status.Store(http.StatusInternalServerError)
	create := `mutation ($w: String!) { createTradesTrigger(input: {name: "big", webhook: $w, fire: {quantity: {_gt: 100}}, clear: {quantity: {_lt: 50}},
	  fields: ["id", "quantity"], secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}) { fire clear state secrets firing } }`
	hook, _ := json.Marshal(map[string]string{"w": r.URL})
	w.equal("create", w.mustAsk(create, string(hook)),
		`{"createTradesTrigger":{"fire":"{\"quantity\":{\"_gt\":100}}","clear":"{\"quantity\":{\"_lt\":50}}","state":"ACTIVE","secrets":1,"firing":0}}`)
	w.refused(create, string(hook), spec.CodeExists, "big")

	w.quantity(1001, "3", "200")
	w.equal("dead", w.until(live, "DEAD"), `{"triggerDeliveries":{"missed":0,"delivery":{"source":"trades","trigger":"big","event":"FIRE","key":"3",`+
		`"status":"DEAD","attempts":2,"responseStatus":500,"resent":false,"cursor":null}}}`)
	w.becomes(`{ tradesTrigger(name: "big") { firing firingRows { key since } pending dead fired } }`,
		`{"tradesTrigger":{"firing":1,"firingRows":[{"key":"3","since":"2026-01-02T03:04:06.679Z"}],"pending":0,"dead":1,"fired":1}}`)
	listed := w.mustAsk(`{ triggerDeliveries(source: "trades", trigger: "big", status: DEAD) { event key excerpt responseStatus body } }`, "")
	if !strings.Contains(listed, `"excerpt":"so it is","responseStatus":500,"body":"{\"event_id\"`) ||
		!strings.Contains(listed, `\"data\":{\"id\":3,\"quantity\":200}}"}`) {
		t.Errorf("dead letters: %s", listed)
	}

	one, errs := w.start(WithSink(ctx, &Sink{}), `subscription { triggerDeliveries(source: "trades", trigger: "big") { delivery { event status resent } } }`, "")
	if errs != nil {
		t.Fatal(errs)
	}
	r.status.Store(http.StatusOK)
	w.equal("resend", w.mustAsk(`mutation { resendDeadLetters(source: "trades", trigger: "big") }`, ""), `{"resendDeadLetters":1}`)
	if got := w.until(live, "DELIVERED"); !strings.Contains(got, `"resent":true`) {
		t.Errorf("resent: %s", got)
	}
	w.equal("followed alone, under a transport's sink", w.until(one, "DELIVERED"),
		`{"triggerDeliveries":{"delivery":{"event":"FIRE","status":"DELIVERED","resent":true}}}`)
	w.mustAsk(`mutation { testTradesTrigger(name: "big") }`, "")
	if got := w.until(live, "DELIVERED"); !strings.Contains(got, `"event":"TEST","key":null`) {
		t.Errorf("test: %s", got)
	}
	w.quantity(1002, "3", "10")
	if got := w.until(live, "DELIVERED"); !strings.Contains(got, `"event":"CLEAR","key":"3"`) {
		t.Errorf("clear: %s", got)
	}
	w.equal("delete", w.mustAsk(`mutation { deleteTradesTrigger(name: "big") { name firing pending dead firingRows { key } } }`, ""),
		`{"deleteTradesTrigger":{"name":"big","firing":0,"pending":0,"dead":0,"firingRows":[]}}`)
	cancel()
	for _, handler := range []graphql.ResponseHandler{live, one} {
		for r := handler(ctx); r != nil; r = handler(ctx) { //nolint:revive // until the end
		}
	}
	if r := <-foreign; r != nil {
		t.Errorf("another source's subscription got %s", r.Data)
	}
}

func TestRefusalsOfARealEngine(t *testing.T) {
	w := newRealWorld(t, 100)
	w.equal("the file's trigger", w.mustAsk(`{ tradesTriggers { name origin } }`, ""), `{"tradesTriggers":[{"name":"declared","origin":"FILE"}]}`)
	w.refused(`mutation { pauseTradesTrigger(name: "declared") { name } }`, "", spec.CodeOwned, "schema.yaml")
	w.refused(`mutation { deleteTradesTrigger(name: "x") { name } }`, "", spec.CodeNotFound, "x")
	for input, argument := range map[string]string{
		`name: "n", webhook: "http://h", fire: {}`:                                                "input.fire",
		`name: "n", webhook: "http://h", fire: {id: {_eq: 1}}, fields: ["nosuch"]`:                "input.fields",
		`name: "n", webhook: "http://h", fire: {id: {_eq: 1}}, fields: []`:                        "input.fields",
		`name: "n", webhook: "ftp://h", fire: {id: {_eq: 1}}`:                                     "input.webhook",
		`name: "n", webhook: "", fire: {id: {_eq: 1}}`:                                            "input.webhook",
		`name: " ", webhook: "http://h", fire: {id: {_eq: 1}}`:                                    "input.name",
		`name: "n", webhook: "http://h", fire: {id: {_eq: 1}}, for: "-1s"`:                        "input.for",
		`name: "n", webhook: "http://h", fire: {id: {_eq: 1}}, cooldown: "9000h"`:                 "input.cooldown",
		`name: "n", webhook: "http://h", fire: {id: {_eq: 1}}, delays: ["-1s"]`:                   "input.delays",
		`name: "n", webhook: "http://h", fire: {id: {_eq: 1}}, headers: {name: "h h", value: ""}`: "input.headers",
	} {
		e := w.refusal(`mutation { createTradesTrigger(input: {`+input+`}) { name } }`, "", codeBadInput)
		if e.Extensions["argument"] != argument {
			t.Errorf("%s: argument %v in %v", input, e.Extensions["argument"], e)
		}
	}
}

// TestSlowFollower: a subscription that is not read learns how much it lost,
// and holds nothing up.
func TestSlowFollower(t *testing.T) {
	const rows = 10
	w, r := newRealWorld(t, 2), newReceiver(t)
	r.status.Store(http.StatusOK)
	live, errs := w.start(w.ctx, `subscription { triggerDeliveries(source: "trades") { missed seconds } }`, "")
	if errs != nil {
		t.Fatal(errs)
	}
	w.mustAsk(`mutation { createTradesTrigger(input: {name: "n", webhook: "`+r.URL+`", fire: {quantity: {_gt: 100}}}) { name } }`, "")
	for i := range uint64(rows) {
		w.quantity(1001+i, strconv.FormatUint(100+i, 10), "200")
	}
	for range rows {
		<-r.bodies
	}
	seen, missed := 0, 0
	for seen+missed < rows {
		var m struct {
			Result struct {
				Missed  int
				Seconds float64
			} `json:"triggerDeliveries"`
		}
		if err := json.Unmarshal([]byte(w.until(live, "missed")), &m); err != nil || m.Result.Seconds <= 0 {
			t.Fatalf("%+v %v", m, err)
		}
		seen++
		missed += m.Result.Missed
	}
	if seen+missed != rows || missed == 0 {
		t.Errorf("%d results are seen and %d missed, of %d", seen, missed, rows)
	}
}
