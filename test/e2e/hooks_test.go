package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// tape is a receiver that keeps what it gets, as it is.
type tape struct {
	*httptest.Server

	mu   sync.Mutex
	list []posted
}

type posted struct {
	header http.Header
	body   string
}

func newTape(t *testing.T) *tape {
	t.Helper()
	r := &tape{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.list = append(r.list, posted{req.Header.Clone(), string(body)})
	}))
	t.Cleanup(r.Close)
	return r
}

// next waits for the delivery after those that were taken.
func (r *tape) next(t *testing.T) (p posted) {
	t.Helper()
	eventually(t, "a delivery", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.list) == 0 {
			return errors.New("none")
		}
		p, r.list = r.list[0], r.list[1:]
		return nil
	})
	return p
}

// Fields of a payload that differ each time.
var (
	anyID   = regexp.MustCompile(`^\{"event_id":"([0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"`)
	anyTime = regexp.MustCompile(`"timestamp":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ"`)
)

// is compares a delivery, byte by byte but for its id and time.
func (p posted) is(t *testing.T, want string) {
	t.Helper()
	id := anyID.FindStringSubmatch(p.body)
	got := anyTime.ReplaceAllString(anyID.ReplaceAllString(p.body, `{"event_id":"ID"`), `"timestamp":"TIME"`)
	if got != want {
		t.Errorf("posted\n%s\nwant\n%s", p.body, want)
	}
	if p.header.Get("Content-Type") != "application/json" || id == nil || p.header.Get("Webhook-Id") != id[1] {
		t.Errorf("headers %v of %s", p.header, p.body)
	}
}

// TestOriginalTriggers: the original's documents and payloads, in both styles of
// names.
func TestOriginalTriggers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		style, create, list, get, remove string
		fields                           *strings.Replacer
	}{
		{
			"database", "create_trades_trigger", "trades_triggers", "trades_trigger", "delete_trades_trigger",
			strings.NewReplacer("QUANTITY", "quantity", "EXECUTED", "executed_at", "INSTRUMENT", "instrument_id"),
		},
		{
			"camelCase", "createTradesTrigger", "tradesTriggers", "tradesTrigger", "deleteTradesTrigger",
			strings.NewReplacer("QUANTITY", "quantity", "EXECUTED", "executedAt", "INSTRUMENT", "instrumentId"),
		},
	} {
		t.Run(c.style, func(t *testing.T) {
			t.Parallel()
			sim, setting := stand(t, mzsim.Options{})
			m := &simMarket{t, sim, map[int]trade{}}
			m.create()
			m.book(trade{1, 5, "buy", 1.5})
			r := newTape(t)
			g := serve(t, "naming: "+c.style+"\nscalars: string\n"+originalSchema, setting)
			g.ready()
			says := func(document, want string) {
				t.Helper()
				if got := g.query(document); got != want {
					t.Errorf("%s\ngot  %s\nwant %s", document, got, want)
				}
			}
			const shown = ` { name webhook fire clear }`
			trigger := `{"name":"large","webhook":"` + r.URL + `/hook","fire":"{\"quantity\":{\"_gt\":10},\"side\":{\"_eq\":\"buy\"}}",` +
				`"clear":"{\"_or\":[{\"price\":{\"_gte\":2},\"quantity\":{\"_lt\":8}},{\"side\":{\"_eq\":\"sell\"}}]}"}`
			says(`mutation { `+c.create+`(input: {
				name: "large", webhook: "`+r.URL+`/hook", fire: {quantity: {_gt: 10}, side: {_eq: buy}},
				clear: {_or: [{side: {_eq: sell}}, {quantity: {_lt: 8}, price: {_gte: 2.0}}]}
			})`+shown+` }`, `{"data":{"`+c.create+`":`+trigger+`}}`)
			says(`{ `+c.list+shown+` }`, `{"data":{"`+c.list+`":[`+trigger+`]}}`)
			says(`{ `+c.get+`(name: "large")`+shown+` }`, `{"data":{"`+c.get+`":`+trigger+`}}`)
			says(`{ `+c.get+`(name: "none")`+shown+` }`, `{"data":{"`+c.get+`":null}}`)

			row := func(event string, quantity int, side, price string) string {
				return fmt.Sprintf(`{"event_id":"ID","event_type":%q,"trigger_name":"large","timestamp":"TIME","data":`+c.fields.Replace(
					`{"id":1,"INSTRUMENT":1,"side":%q,"QUANTITY":%d,"price":%s,"EXECUTED":"2026-01-02T03:04:05.5Z"}`)+`}`, event, side, quantity, price)
			}
			m.book(trade{1, 11, "buy", 1.5})
			r.next(t).is(t, row("FIRE", 11, "buy", "1.5"))
			m.book(trade{1, 7, "buy", 1.5}) // fire is false, but clear is not true
			m.book(trade{1, 12, "buy", 1.5})
			m.book(trade{1, 7, "buy", 2})
			r.next(t).is(t, row("CLEAR", 7, "buy", "2"))
			m.book(trade{1, 20, "buy", 2})
			r.next(t).is(t, row("FIRE", 20, "buy", "2"))
			m.book(trade{1, 20, "sell", 2})
			r.next(t).is(t, row("CLEAR", 20, "sell", "2"))
			m.book(trade{1, 20, "buy", 2})
			r.next(t).is(t, row("FIRE", 20, "buy", "2"))
			m.book(trade{id: 1}) // the row goes
			r.next(t).is(t, c.fields.Replace(`{"event_id":"ID","event_type":"CLEAR","trigger_name":"large","timestamp":"TIME","data":`+
				`{"id":1,"INSTRUMENT":null,"side":null,"QUANTITY":null,"price":null,"EXECUTED":null}}`))
			says(`mutation { `+c.remove+`(name: "large")`+shown+` }`, `{"data":{"`+c.remove+`":`+trigger+`}}`)
			says(`{ `+c.list+` { name } }`, `{"data":{"`+c.list+`":[]}}`)
		})
	}
}

// TestTriggerMistakes: each has a code, the place, and a text that says what to
// do.
func TestTriggerMistakes(t *testing.T) {
	t.Parallel()
	_, setting := newPosition(t)
	r := newTape(t)
	g := serve(t, bookSchema(r.URL), setting)
	g.watching(1)
	create := func(rest string) string {
		return `mutation { create_book_trigger(input: {` + rest + `}) { name } }`
	}
	const fire = `fire: {pnl: {_gt: 1}}`
	hook := `webhook: "` + r.URL + `", `
	for name, c := range map[string]struct{ document, code, argument, text string }{
		"duplicate":        {create(`name: "big", ` + hook + fire), "TRIGGER_EXISTS", "", "update it, delete it first, or choose another name"},
		"unknown column":   {create(`name: "x", ` + hook + `fire: {pln: {_gt: 1}}`), "GRAPHQL_VALIDATION_FAILED", "", "pln"},
		"empty fire":       {create(`name: "x", ` + hook + `fire: {}`), "BAD_USER_INPUT", "input.fire", "say which rows"},
		"no host":          {create(`name: "x", webhook: "http://", ` + fire), "BAD_USER_INPUT", "input.webhook", "it names no host"},
		"no URL":           {create(`name: "x", webhook: "example.com/hook", ` + fire), "BAD_USER_INPUT", "input.webhook", "must begin with https://"},
		"unreachable host": {create(`name: "x", webhook: "http://no-such-host.invalid/hook", ` + fire), "BAD_USER_INPUT", "input.webhook", "host cannot be resolved: no-such-host.invalid"},
		"metadata":         {create(`name: "x", webhook: "http://169.254.169.254/x", ` + fire), "WEBHOOK_TARGET_REFUSED", "input.webhook", "metadata"},
		"of the file":      {`mutation { update_book_trigger(name: "big", input: {webhook: "` + r.URL + `"}) { name } }`, "TRIGGER_OWNED_BY_FILE", "", "schema.yaml"},
		"file's, paused":   {`mutation { pause_book_trigger(name: "big") { name } }`, "TRIGGER_OWNED_BY_FILE", "", "schema.yaml"},
		"file's, deleted":  {`mutation { delete_book_trigger(name: "big") { name } }`, "TRIGGER_OWNED_BY_FILE", "", "schema.yaml"},
		"not there":        {`mutation { delete_book_trigger(name: "small") { name } }`, "TRIGGER_NOT_FOUND", "", "small"},
		"no dead letter":   {`mutation { resend_delivery(source: "book", trigger: "big", id: "x") }`, "DELIVERY_NOT_FOUND", "id", "given up no delivery"},
	} {
		got := g.query(c.document)
		if !strings.Contains(got, `"code":"`+c.code+`"`) || !strings.Contains(got, c.text) || c.argument != "" && !strings.Contains(got, `"argument":"`+c.argument+`"`) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := g.query(`{ book_triggers { name origin state } }`); got != `{"data":{"book_triggers":[{"name":"big","origin":"FILE","state":"ACTIVE"}]}}` {
		t.Error(got)
	}
}

// TestSecrets: they come from variables and files, sign, and are shown nowhere.
func TestSecrets(t *testing.T) {
	t.Parallel()
	b, setting := newPosition(t)
	r := newTape(t)
	file := filepath.Join(t.TempDir(), "secret")
	must[any](t)(nil, os.WriteFile(file, []byte("s3cret-of-the-file\n"), 0o600))
	schema := strings.Replace(bookSchema(r.URL), "clear:", `secrets: ["${HOOK_SECRET}", "${OLD:-s3cret-of-the-past}"], headers: {X-Token: "Bearer ${TOKEN}"}, clear:`, 1)
	g := serve(t, schema, setting, "HOOK_SECRET_FILE="+file, "TOKEN=s3cret-token", "ADMIN_SECRET=s3cret-of-the-admin")
	g.watching(1)
	b.set(150)
	p := r.next(t)
	if got := p.header.Get("X-Token"); got != "Bearer s3cret-token" {
		t.Errorf("X-Token: %s", got)
	}
	var want []string
	for _, secret := range []string{"s3cret-of-the-file", "s3cret-of-the-past"} {
		h := hmac.New(sha256.New, []byte(secret))
		h.Write([]byte(p.header.Get("Webhook-Id") + "." + p.header.Get("Webhook-Timestamp") + "." + p.body))
		want = append(want, "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)))
	}
	if got := p.header.Get("Webhook-Signature"); got != strings.Join(want, " ") {
		t.Errorf("signature %s, want %s", got, want)
	}

	const all = `{ book_triggers { name headers secrets } }`
	if got := g.query(all); !strings.Contains(got, `"code":"access-denied"`) || !strings.Contains(got, "admin secret") {
		t.Errorf("without the admin secret: %s", got)
	}
	req := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+g.address()+"/graphql", strings.NewReader(`{"query":"`+all+`"}`)))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer s3cret-of-the-admin")
	if _, _, got := g.do(req); got != `{"data":{"book_triggers":[{"name":"big","headers":["X-Token"],"secrets":2}]}}` {
		t.Error(got)
	}
	if strings.Contains(g.log(), "s3cret") {
		t.Error("a secret is in the log")
	}

	code, stderr := command(t, schema, []string{setting, "DATA_DIR=", "TOKEN=x"}, "check")
	if code != 1 || !strings.Contains(stderr, `schema.yaml:7:`) || !strings.Contains(stderr, "HOOK_SECRET is not set, nor is HOOK_SECRET_FILE") {
		t.Errorf("check: %d, %s", code, stderr)
	}
	if code, stderr = command(t, schema, nil, "schema"); code != 0 {
		t.Errorf("schema needs no secrets: %d, %s", code, stderr)
	}
}
