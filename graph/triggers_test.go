package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tycostream/tycostream/graph/triggers"
	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/trigger"
	"github.com/tycostream/tycostream/internal/trigger/spec"
	"github.com/tycostream/tycostream/internal/webhook"
)

// fakeTriggers notes what it is asked, and answers with one trigger, or an error.
type fakeTriggers struct {
	triggers.Engine
	triggers.Deliveries

	mu    sync.Mutex // guards calls: fields of a query are resolved at the same time
	calls []string
	input spec.Input
	patch spec.Patch
	info  trigger.Info
	err   error
}

func (f *fakeTriggers) note(parts ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, strings.TrimSuffix(fmt.Sprintln(parts...), "\n"))
}

func (f *fakeTriggers) Create(_ context.Context, source string, in spec.Input) (trigger.Info, error) {
	f.note("create", source)
	f.input = in
	return f.info, f.err
}

func (f *fakeTriggers) Update(_ context.Context, source, name string, p spec.Patch) (trigger.Info, error) {
	f.note("update", source, name)
	f.patch = p
	return f.info, f.err
}

func (f *fakeTriggers) Delete(_ context.Context, source, name string) (trigger.Info, error) {
	f.note("delete", source, name)
	return f.info, f.err
}

func (f *fakeTriggers) Pause(_ context.Context, source, name string) (trigger.Info, error) {
	f.note("pause", source, name)
	return f.info, f.err
}

func (f *fakeTriggers) Resume(_ context.Context, source, name string) (trigger.Info, error) {
	f.note("resume", source, name)
	return f.info, f.err
}

func (f *fakeTriggers) Test(_ context.Context, source, name string) (string, error) {
	f.note("test", source, name)
	return "an-id", f.err
}

func (f *fakeTriggers) Get(source, name string) (trigger.Info, bool) {
	f.note("get", source, name)
	return f.info, name == f.info.Name
}

func (f *fakeTriggers) List(source string) []trigger.Info {
	f.note("list", source)
	return []trigger.Info{f.info}
}

func (f *fakeTriggers) Firing(context.Context, string, string) ([]trigger.FiringRow, error) {
	return []trigger.FiringRow{{Key: "1", Since: moment}, {Key: "3", Since: moment}}, f.err
}

func (f *fakeTriggers) Pending(id string) int { return len(id) }

func (f *fakeTriggers) Dead(context.Context, string) (int, error) { return 7, f.err }

func (f *fakeTriggers) PendingOf(_ context.Context, id string, p webhook.Page) ([]webhook.Delivery, error) {
	f.note("pending of", id, p.After, p.Limit)
	return []webhook.Delivery{{
		ID: "e1", Key: "5", Kind: webhook.Fire, Seq: 11, Time: moment, Body: []byte(`{"a":1}`),
		Attempts: webhook.Attempts{Count: 2, Last: moment, Next: moment.Add(time.Minute), Status: 503, Excerpt: "busy"},
	}}, f.err
}

func (f *fakeTriggers) DeadOf(_ context.Context, id string, p webhook.Page) ([]webhook.Delivery, error) {
	f.note("dead of", id, p.After, p.Limit)
	return []webhook.Delivery{{ID: "e2", Kind: webhook.Test, Key: "test e2", Seq: 12, Time: moment, Resent: true}}, f.err
}

func (f *fakeTriggers) Recent(string, int) []webhook.Result {
	d := webhook.Delivery{ID: "e3", Kind: webhook.Clear, Key: "9", Time: moment}
	return []webhook.Result{
		{N: 1, Delivery: d, Status: webhook.Delivered},
		{N: 2, Delivery: d, Status: webhook.Pending},
		{N: 3, Delivery: d, Status: webhook.Delivered},
	}
}

func (f *fakeTriggers) Resend(_ context.Context, trigger, id string) error {
	f.note("resend", trigger, id)
	return f.err
}

func (f *fakeTriggers) ResendAll(_ context.Context, trigger string) (int, error) {
	f.note("resend all", trigger)
	return 5, f.err
}

var moment = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// bigTrades is a trigger with everything.
func bigTrades() trigger.Info {
	return trigger.Info{
		ID: "t1", State: trigger.Stopped, Problem: "410", Secrets: 2, Fired: 3, Cleared: 1,
		Definition: spec.Definition{
			Source: "trades", Name: "big", Webhook: "https://u:secret@example.com/hook", Fire: `{"a":1}`, Clear: `{"b":2}`,
			Snapshot: true, For: spec.Duration(90 * time.Second), Cooldown: spec.Duration(time.Hour), Fields: []string{"id"},
			Header: map[string]string{"X-B": "secret", "X-A": "secret"}, Timeout: spec.Duration(5 * time.Second), Delays: []spec.Duration{spec.Duration(time.Second)},
			Origin: spec.File, Created: moment,
		},
	}
}

// newTriggerWorld is a world whose caller has the admin secret, or needs none.
func newTriggerWorld(t *testing.T, camel bool) (*world, *fakeTriggers) {
	t.Helper()
	f := &fakeTriggers{info: bigTrades()}
	w := newWorld(t, func(m *Model) {
		m.CamelCase = camel
		m.Triggers = triggers.Backend{Engine: f, Deliveries: f}
	})
	w.ctx = auth.WithIdentity(t.Context(), auth.Identity{Admin: true})
	return w, f
}

// called compares what the fake was asked since the last call.
func (f *fakeTriggers) called(t *testing.T, want ...string) {
	t.Helper()
	if got, want := strings.Join(f.calls, "; "), strings.Join(want, "; "); got != want {
		t.Errorf("asked for\n %s\nwant\n %s", got, want)
	}
	f.calls = nil
}

// TestOriginalTriggerDocuments: the documents of the original, as they are.
func TestOriginalTriggerDocuments(t *testing.T) {
	w, f := newTriggerWorld(t, false)
	w.equal("create", w.mustAsk(`mutation {
	  create_trades_trigger(input: {
	    name: "big", webhook: "https://example.com/hook", fire: {quantity: {_gt: 9007199254740993}}, clear: {_or: [{side: {_eq: buy}}]}
	  }) { name webhook fire clear }
	}`, ""), `{"create_trades_trigger":{"name":"big","webhook":"https://u:xxxxx@example.com/hook","fire":"{\"a\":1}","clear":"{\"b\":2}"}}`)
	f.called(t, "create trades")
	if got, want := fmt.Sprint(f.input), "{big https://example.com/hook map[quantity:map[_gt:9007199254740993]] map[_or:[map[side:map[_eq:buy]]]] "+
		"false 0s 0s [] map[] [] 0s [] false}"; got != want {
		t.Errorf("the engine got\n %s\nwant\n %s", got, want)
	}
	w.equal("list", w.mustAsk(`{ trades_triggers { name } }`, ""), `{"trades_triggers":[{"name":"big"}]}`)
	w.equal("get", w.mustAsk(`query ($n: String!) { trades_trigger(name: $n) { name } }`, `{"n": "big"}`), `{"trades_trigger":{"name":"big"}}`)
	w.equal("get none", w.mustAsk(`{ wide_one_trigger(name: "x") { name } }`, ""), `{"wide_one_trigger":null}`)
	w.equal("delete", w.mustAsk(`mutation { delete_trades_trigger(name: "big") { name } }`, ""), `{"delete_trades_trigger":{"name":"big"}}`)
	f.called(t, "list trades", "get trades big", "get wide_one x", "delete trades big")
}

// TestExactConditions: what a variable holds reaches the engine as it was sent.
func TestExactConditions(t *testing.T) {
	w, f := newTriggerWorld(t, true)
	w.mustAsk(`mutation ($in: WideOneTriggerInput!) { createWideOneTrigger(input: $in) { name } }`,
		`{"in": {"name": "n", "webhook": "http://h", "fire": {"amount": {"_gt": 0.30000000000000000001}}, "fields": "bigOne", "delays": ["5s", "1m"],
		"headers": [{"name": "X-A", "value": "b"}], "secrets": ["s1"], "timeout": "5s", "for": "30s", "cooldown": "1h", "snapshot": true, "paused": true}}`)
	if got, want := fmt.Sprintf("%+v", f.input), "{Name:n Webhook:http://h Fire:map[amount:map[_gt:0.30000000000000000001]] Clear:<nil> Snapshot:true "+
		"For:30s Cooldown:1h0m0s Fields:[bigOne] Header:map[X-A:b] Secrets:[s1] Timeout:5s Delays:[5s 1m0s] Paused:true}"; got != want {
		t.Errorf("the engine got\n %s\nwant\n %s", got, want)
	}
}

func TestTriggerMutations(t *testing.T) {
	for _, camel := range []bool{true, false} {
		w, f := newTriggerWorld(t, camel)
		document := `mutation ($p: TradesTriggerPatch!) {
		  updateTradesTrigger(name: "big", input: $p) { name } pauseTradesTrigger(name: "big") { state }
		  resumeTradesTrigger(name: "big") { state } testTradesTrigger(name: "big")
		  resendDelivery(source: "trades", trigger: "big", id: "e2") resendDeadLetters(source: "trades", trigger: "big")
		}`
		if !camel {
			document = `mutation ($p: tradesTriggerPatch!) {
			  update_trades_trigger(name: "big", input: $p) { name } pause_trades_trigger(name: "big") { state }
			  resume_trades_trigger(name: "big") { state } test_trades_trigger(name: "big")
			  resend_delivery(source: "trades", trigger: "big", id: "e2") resend_dead_letters(source: "trades", trigger: "big")
			}`
		}
		got := w.mustAsk(document, `{"p": {"clear": null, "for": null, "webhook": "http://h"}}`)
		if !strings.HasSuffix(got, `:{"state":"STOPPED"},`+map[bool]string{
			true:  `"testTradesTrigger":"an-id","resendDelivery":"e2","resendDeadLetters":5}`,
			false: `"test_trades_trigger":"an-id","resend_delivery":"e2","resend_dead_letters":5}`,
		}[camel]) {
			t.Errorf("answer %s", got)
		}
		f.called(t, "update trades big", "pause trades big", "resume trades big",
			"test trades big", "get trades big", "resend t1 e2", "get trades big", "resend all t1")
		p := f.patch
		if !p.Clear.Given || p.Clear.Value != nil || !p.For.Given || p.For.Value != 0 || p.Webhook != spec.Some("http://h") || p.Fire.Given || p.Secrets.Given {
			t.Errorf("patch %+v", p)
		}
	}
}

func TestTriggerFields(t *testing.T) {
	w, f := newTriggerWorld(t, true)
	w.equal("all fields", w.mustAsk(`{ tradesTriggers {
	  name webhook fire clear source origin state problem paused snapshot for cooldown fields headers secrets timeout delays createdAt fired cleared
	  firing pending dead all: firingRows { key since } rest: firingRows(after: "1") { key } between: firingRows(after: "2", limit: 1) { key }
	} }`, ""), `{"tradesTriggers":[{"name":"big","webhook":"https://u:xxxxx@example.com/hook","fire":"{\"a\":1}","clear":"{\"b\":2}",`+
		`"source":"trades","origin":"FILE","state":"STOPPED","problem":"410","paused":false,"snapshot":true,"for":"1m30s","cooldown":"1h0m0s",`+
		`"fields":["id"],"headers":["X-A","X-B"],"secrets":2,"timeout":"5s","delays":["1s"],"createdAt":"2026-01-02T03:04:05.678Z","fired":3,"cleared":1,`+
		`"firing":2,"pending":2,"dead":7,"all":[{"key":"1","since":"2026-01-02T03:04:05.678Z"},{"key":"3","since":"2026-01-02T03:04:05.678Z"}],`+
		`"rest":[{"key":"3"}],"between":[{"key":"3"}]}]}`)
	f.info = trigger.Info{State: trigger.Joining, Definition: spec.Definition{Name: "n", Origin: spec.API}}
	w.equal("none of what is optional", w.mustAsk(`{ tradesTriggers { origin state clear problem for cooldown fields headers timeout delays } }`, ""),
		`{"tradesTriggers":[{"origin":"API","state":"STARTING","clear":null,"problem":null,"for":null,"cooldown":null,"fields":null,"headers":[],"timeout":null,"delays":null}]}`)
}

func TestDeliveries(t *testing.T) {
	w, f := newTriggerWorld(t, true)
	const all = `{ id source trigger key event time status resent attempts lastAttempt nextAttempt responseStatus excerpt body cursor }`
	w.equal("pending", w.mustAsk(`{ triggerDeliveries(source: "trades", trigger: "big", after: "10") `+all+` }`, ""),
		`{"triggerDeliveries":[{"id":"e1","source":"trades","trigger":"big","key":"5","event":"FIRE","time":"2026-01-02T03:04:05.678Z",`+
			`"status":"PENDING","resent":false,"attempts":2,"lastAttempt":"2026-01-02T03:04:05.678Z","nextAttempt":"2026-01-02T03:05:05.678Z",`+
			`"responseStatus":503,"excerpt":"busy","body":"{\"a\":1}","cursor":"11"}]}`)
	w.equal("dead", w.mustAsk(`query ($s: TriggerDeliveryStatus! = DEAD) { triggerDeliveries(source: "trades", trigger: "big", status: $s, limit: 3) `+
		`{ id key event status resent nextAttempt lastAttempt responseStatus body } }`, ""),
		`{"triggerDeliveries":[{"id":"e2","key":null,"event":"TEST","status":"DEAD","resent":true,"nextAttempt":null,"lastAttempt":null,"responseStatus":null,"body":null}]}`)
	f.called(t, "get trades big", "pending of t1 10 100", "get trades big", "dead of t1 0 3")
	w.equal("delivered", w.mustAsk(`{ a: triggerDeliveries(source: "trades", trigger: "big", status: DELIVERED, limit: 1) { cursor event }
	  b: triggerDeliveries(source: "trades", trigger: "big", status: DELIVERED, after: "1") { cursor status } }`, ""),
		`{"a":[{"cursor":"1","event":"CLEAR"}],"b":[{"cursor":"3","status":"DELIVERED"}]}`)
}

func TestTriggerRefusals(t *testing.T) {
	w, f := newTriggerWorld(t, true)
	create := func(rest string) string {
		return `mutation { createWideOneTrigger(input: {name: "n", webhook: "http://h", ` + rest + `}) { name } }`
	}
	const fire = `fire: {n: {_eq: 1}}, `
	for name, tc := range map[string]struct{ query, code, argument string }{
		"condition":       {create(`fire: {text: {_regex: "("}}`), codeBadInput, "input.fire.text._regex"},
		"clear":           {create(fire + `clear: {_not: {text: {_regex: "("}}}`), codeBadInput, "input.clear._not.text._regex"},
		"null comparison": {create(`fire: {n: {_eq: null}}`), codeNull, "input.fire.n._eq"},
		"span":            {create(fire + `for: "30"`), codeBadInput, "input.for"},
		"delay":           {create(fire + `delays: ["1s", "x"]`), codeBadInput, "input.delays[1]"},
		"header twice":    {create(fire + `headers: [{name: "a", value: "b"}, {name: "a", value: "c"}]`), codeBadInput, "input.headers[1]"},
		"limit":           {`{ triggerDeliveries(source: "trades", trigger: "big", limit: 0) { id } }`, codeBadInput, "limit"},
		"rows' limit":     {`{ tradesTriggers { firingRows(limit: 1001) { key } } }`, codeBadInput, "limit"},
		"cursor":          {`{ triggerDeliveries(source: "trades", trigger: "big", after: "x") { id } }`, codeBadInput, "after"},
		"no trigger":      {`{ triggerDeliveries(source: "trades", trigger: "x") { id } }`, spec.CodeNotFound, ""},
		"no source":       {`subscription { triggerDeliveries(trigger: "big") { seconds } }`, codeBadInput, "source"},
	} {
		t.Run(name, func(t *testing.T) {
			e := w.refusal(tc.query, "", tc.code, tc.argument)
			if got, _ := e.Extensions["argument"].(string); got != tc.argument {
				t.Errorf("argument %s: %v", got, e)
			}
		})
	}
	f.calls = nil
	for _, tc := range []struct {
		err            error
		code, argument string
		text           string
	}{
		{spec.Refuse(spec.CodeExists, "a trigger %q exists already: update it", "n"), "TRIGGER_EXISTS", "", "update it"},
		{spec.Refuse(spec.CodeNotFound, "there is no trigger"), "TRIGGER_NOT_FOUND", "", "no trigger"},
		{spec.Refuse(spec.CodeOwned, "declared"), "TRIGGER_OWNED_BY_FILE", "", "declared"},
		{spec.Refuse(spec.CodeRefused, "webhook: loopback: set WEBHOOK_ALLOW"), "WEBHOOK_TARGET_REFUSED", "input.webhook", "WEBHOOK_ALLOW"},
		{spec.Refuse(spec.CodeDisabled, "send it to the other"), "TRIGGERS_DISABLED", "", "the other"},
		{spec.Invalid("fields: no such column"), codeBadInput, "input.fields", "column"},
		{fmt.Errorf("append: %w", webhook.ErrTooLarge), codeBadInput, "", "too large"},
		{fmt.Errorf("store the trigger: %w: disk /x", webhook.ErrFailed), "TRIGGER_STORE_FAILED", "", "DATA_DIR"},
		{errors.New("store the trigger: disk /x"), codeInternal, "", internalText},
	} {
		f.err = tc.err
		e := w.refusal(create(fire), "", tc.code, tc.text)
		if got, _ := e.Extensions["argument"].(string); got != tc.argument {
			t.Errorf("%v: argument %q", tc.err, got)
		}
	}
	f.called(t, strings.Split(strings.Repeat("create wide_one,", 9)[:9*16-1], ",")...)
	f.err = fmt.Errorf("dead letter: %w", webhook.ErrNotFound)
	w.refused(`mutation { resendDelivery(source: "trades", trigger: "big", id: "x") }`, "", "DELIVERY_NOT_FOUND", "id")
}

// everything are operations of each kind that is guarded.
var everything = []string{
	`{ tradesTriggers { name } }`, `{ tradesTrigger(name: "x") { name } }`, `{ triggerDeliveries(source: "trades", trigger: "big") { id } }`,
	`mutation { createTradesTrigger(input: {name: "n", webhook: "x", fire: {}}) { name } }`,
	`mutation { updateTradesTrigger(name: "n", input: {}) { name } }`, `mutation { deleteTradesTrigger(name: "n") { name } }`,
	`mutation { pauseTradesTrigger(name: "n") { name } }`, `mutation { resumeTradesTrigger(name: "n") { name } }`,
	`mutation { testTradesTrigger(name: "n") }`, `mutation { resendDelivery(source: "trades", trigger: "big", id: "x") }`,
	`mutation { resendDeadLetters(source: "trades", trigger: "big") }`, `subscription { triggerDeliveries { missed } }`,
}

func TestTriggersNeedTheSecret(t *testing.T) {
	w, f := newTriggerWorld(t, true)
	w.ctx = auth.WithIdentity(t.Context(), auth.Identity{})
	for _, query := range everything {
		w.refused(query, "", auth.CodeDenied, "admin secret")
	}
	f.called(t)
	w.mustAsk(`{ trades { id } sources { name } }`, "")
}

func TestTriggersDisabled(t *testing.T) {
	w := newWorld(t, func(m *Model) {
		m.CamelCase = true
		m.Triggers.Disabled = "send this to https://other"
	})
	for _, query := range everything {
		w.refused(query, "", auth.CodeDenied)
	}
	w.ctx = auth.WithIdentity(t.Context(), auth.Identity{Admin: true})
	for _, query := range everything {
		w.refused(query, "", "TRIGGERS_DISABLED", "https://other")
	}
	w.model.Triggers.Disabled = ""
	var err error
	if w.exec, err = New(w.model); err != nil {
		t.Fatal(err)
	}
	w.refused(everything[0], "", "TRIGGERS_DISABLED", "TRIGGERS=off")
}

// TestTriggerPrices: what reads all of a source's triggers has its price, and
// so has what is counted anew for each of them.
func TestTriggerPrices(t *testing.T) {
	w, _ := newTriggerWorld(t, true)
	var lists, counts strings.Builder
	for i := range 101 {
		fmt.Fprintf(&lists, "a%d: tradesTriggers { name } ", i)
		fmt.Fprintf(&counts, "a%d: firing ", i)
	}
	w.refused("{"+lists.String()+"}", "", codeTooComplex, "triggers")
	w.refused("{ tradesTriggers {"+counts.String()+"} }", "", codeTooComplex, "triggers")
	w.mustAsk(`{ tradesTriggers { firing pending dead } wideOneTriggers { firing } }`, "")
}
