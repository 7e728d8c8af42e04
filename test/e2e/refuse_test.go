package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// leaks are parts of texts that no client may see.
var leaks = []string{"goroutine ", ".go:", "runtime.", "panic", "COPY (", " FROM ", "SUBSCRIBE", "127.0.0.1", "DATABASE_", "/root", "internal/"}

func leaked(text string) string {
	for _, l := range leaks {
		if strings.Contains(text, l) {
			return l
		}
	}
	return ""
}

// Each mistake gets an error that names the thing, over HTTP as over a socket.
func TestBadOperations(t *testing.T) {
	t.Parallel()
	g := demo(t, "--rows", "20", "--rate", "50")
	g.ready()
	good := follow(t, g, livePnL(`{}`))
	for _, c := range []struct {
		name, document string
		want           []string
		subscription   bool // not for HTTP, which refuses subscriptions in its own words
	}{
		{"unknown column", `subscription { livePnL(where: {symbl: {_eq: "x"}}) { operation } }`, []string{"symbl", "LivePnLExpression"}, true},
		{"unknown operator", `{ livePnL(where: {symbol: {_equals: "x"}}) { symbol } }`, []string{"_equals"}, false},
		{"null comparison", `{ livePnL(where: {symbol: {_eq: null}}) { symbol } }`, []string{"_eq", "null"}, false},
		{"null in a list", `{ livePnL(where: {instrumentId: {_in: [1, null]}}) { symbol } }`, []string{"null"}, false},
		{"wrong type", `subscription { livePnL(where: {instrumentId: {_eq: "one"}}) { operation } }`, []string{"Int", "one"}, true},
		{"text that is no number", `{ livePnL(where: {latestPrice: {_gt: "12,5"}}) { symbol } }`, []string{"latestPrice", "12,5"}, false},
		{"null comparison, live", `subscription { livePnL(where: {symbol: {_eq: null}}) { operation } }`, []string{"_eq", "null"}, true},
		{"pattern, live", `subscription { livePnLChanges(where: {_or: [{symbol: {_regex: "a(b"}}]}) { kind } }`, []string{"_or", "_regex", "a(b"}, true},
		{"pattern", `{ livePnL(where: {symbol: {_regex: "a(b"}}) { symbol } }`, []string{"_regex", "a(b"}, false},
		{"look-ahead", `{ livePnL(where: {symbol: {_regex: "a(?=b)"}}) { symbol } }`, []string{"_regex", "(?="}, false},
		{"two root fields", `subscription { a: livePnL { operation } b: livePnL { operation } }`, []string{"one"}, true},
		{"unknown field", `{ livePnL { symbal } }`, []string{"symbal", "LivePnL"}, false},
		{"unknown root", `{ livePnl { symbol } }`, []string{"livePnl"}, false},
		{"no selection", `{ livePnL }`, []string{"livePnL"}, false},
		{"syntax", `{ livePnL { `, []string{"Expected"}, false},
		{"negative limit", `{ livePnL(limit: -1) { symbol } }`, []string{"limit"}, false},
		{"mutation", `mutation { nosuch }`, []string{"mutation"}, false},
		{"missing variable", `query ($w: LivePnLExpression!) { livePnL(where: $w) { symbol } }`, []string{"w"}, false},
		{"too deep", `{ livePnL(where: ` + strings.Repeat(`{_not: `, 60) + `{}` + strings.Repeat(`}`, 60) + `) { symbol } }`, []string{"deep"}, false},
		{"10,000 fields", `{ livePnL { ` + strings.Repeat("symbol ", 10_000) + `} }`, []string{"fields", "1000"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers := []string{refused(t, g, c.document)}
			if !c.subscription {
				answers = append(answers, g.query(c.document))
			}
			for _, got := range answers {
				var problems []struct {
					Message    string
					Extensions struct{ Code string }
				}
				body := got[strings.IndexByte(got, '['):]
				if err := json.NewDecoder(strings.NewReader(body)).Decode(&problems); err != nil || len(problems) == 0 {
					t.Fatalf("%v: %s", err, got)
				}
				lower := strings.ToLower(problems[0].Message)
				for _, w := range c.want {
					if !strings.Contains(lower, strings.ToLower(w)) {
						t.Errorf("no %q in %q", w, problems[0].Message)
					}
				}
				if problems[0].Extensions.Code == "" {
					t.Errorf("no code: %s", got)
				}
				if l := leaked(got); l != "" {
					t.Errorf("%q in %s", l, got)
				}
			}
		})
	}
	_, before := good.counts()
	eventually(t, "the others go on", func() error {
		if _, now := good.counts(); now <= before {
			return fmt.Errorf("%d events", now)
		}
		return good.kept()
	})
}

// refused runs a document over a socket and returns the error that it meets.
func refused(t *testing.T, g *gateway, document string) string {
	t.Helper()
	s, err := open(t.Context(), g.address(), opening{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	got := make(chan message, 100)
	if _, err := s.subscribe(document, nil, func(m message) { got <- m }); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-got:
		// What does not validate is an error; a field that fails is an answer,
		// behind which nothing comes.
		if m.Type == "next" {
			if end := <-got; end.Type != "complete" {
				t.Fatalf("%s behind %s", end.Type, m.Payload)
			}
		} else if m.Type != "error" {
			t.Fatalf("%s %s", m.Type, m.Payload)
		}
		return string(m.Payload)
	case <-s.done:
		t.Fatalf("closed: %v", s.end)
	}
	return ""
}

// Frames that are no messages end the connection with the code that clients
// know, and nothing else.
func TestBadFrames(t *testing.T) {
	t.Parallel()
	g := demo(t, "--rows", "20", "--rate", "0")
	g.ready()
	const subscribe = `{"id":"1","type":"subscribe","payload":{"query":"subscription { livePnL { operation } }"}}`
	var wg sync.WaitGroup
	for _, c := range []struct {
		name   string
		frames []string
		code   int
	}{
		{"not JSON", []string{`junk`}, 4400},
		{"not an object", []string{`[1]`}, 4400},
		{"unknown type", []string{`{"type":"hello"}`}, 4400},
		{"no type", []string{`{}`}, 4400},
		{"subscribe first", []string{subscribe}, 4401},
		{"init twice", []string{`{"type":"connection_init"}`, `{"type":"connection_init"}`}, 4429},
		{"id twice", []string{`{"type":"connection_init"}`, subscribe, subscribe}, 4409},
		{"no id", []string{`{"type":"connection_init"}`, `{"type":"subscribe","payload":{"query":"{ sources { name } }"}}`}, 4400},
		{"no payload", []string{`{"type":"connection_init"}`, `{"id":"1","type":"subscribe"}`}, 4400},
		{"a 10 MB message", []string{`{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":{"query":"` + strings.Repeat("a", 10<<20) + `"}}`}, 0},
		{"no init", nil, 4408},
	} {
		wg.Go(func() {
			if err := ended(t, g, c.frames); c.code != 0 && !websocket.IsCloseError(err, c.code) {
				t.Errorf("%s: ended with %v instead of %d", c.name, err, c.code)
			}
		})
	}
	wg.Wait()
	if got := g.query(`{ sources { state } }`); got != `{"data":{"sources":[{"state":"LIVE"}]}}` {
		t.Errorf("afterwards: %s", got)
	}
}

// ended sends frames and returns the end of the connection.
func ended(t *testing.T, g *gateway, frames []string) error {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
	conn, res, err := dialer.DialContext(t.Context(), "ws://"+g.address()+"/graphql", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	defer conn.Close()
	for _, f := range frames {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(f)); err != nil {
			break // refused before all was sent: the reason can be read
		}
	}
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return err
		}
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	g := demo(t, "--rows", "20", "--rate", "0")
	g.ready()
	for _, c := range []struct {
		name, method, path, contentType, body string
		code                                  int
		want                                  string
	}{
		{"not JSON", "POST", "/graphql", "application/json", "junk", 400, "JSON"},
		{"no query", "POST", "/graphql", "application/json", "{}", 400, "query"},
		{"10 MB", "POST", "/graphql", "application/json", `{"query":"` + strings.Repeat("a", 10<<20) + `"}`, 413, "1048576"},
		{"300 KB document", "POST", "/graphql", "application/json", `{"query":"{ sources { name ` + strings.Repeat(" ", 300<<10) + `} }"}`, 400, "262144"},
		{"form", "POST", "/graphql", "application/x-www-form-urlencoded", "query={sources{name}}", 415, "application/json"},
		{"method", "PATCH", "/graphql", "", "", 405, ""},
		{"path", "GET", "/nosuch", "", "", 404, ""},
		{"relay of what is not there", "GET", "/stream/nosuch", "", "", 404, "there are: live_pnl"},
		{"relay of bad filter", "GET", "/stream/live_pnl?where=%7B%22x%22%3A1%7D", "", "", 400, "x"},
		{"relay of bad format", "GET", "/stream/live_pnl?format=xml", "", "", 400, "tsv or jsonl"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+g.address()+c.path, bytes.NewBufferString(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept", "application/graphql-response+json")
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			code, _, body := g.do(req)
			if code != c.code || !strings.Contains(body, c.want) || leaked(body) != "" {
				t.Errorf("%d %.300s", code, body)
			}
		})
	}
}

// Mistakes in schema.yaml: all at once, each with its place.
func TestBadSchemaFile(t *testing.T) {
	t.Parallel()
	code, stderr := command(t, `naming: camelCase
enums: {side: [buy, buy]}
sources:
  trades:
    primary_key: ident
    colums: {id: Integer}
    columns: {id: Intger, side: side}
  trades:
    primary_key: id
  live_pnl:
    graphql_name: trades
`, nil, "serve")
	if code == 0 || !contains(stderr, "schema.yaml:", "buy", "ident", "colums", "did you mean", "columns", "Intger", "Integer", "trades", "primary_key") {
		t.Errorf("%d\n%s", code, stderr)
	}
	if n := strings.Count(stderr, "schema.yaml:"); n < 5 {
		t.Errorf("only %d mistakes:\n%s", n, stderr)
	}
	t.Log(stderr)

	code, stderr = command(t, "", nil, "serve")
	if code != 1 || !contains(stderr, "schema.yaml", "tycostream demo", "tycostream introspect") {
		t.Errorf("without a file: %d %s", code, stderr)
	}
	code, stderr = command(t, "", nil, "serve", "--nosuch")
	if code != 2 || !strings.Contains(stderr, "nosuch") {
		t.Errorf("unknown flag: %d %s", code, stderr)
	}
	code, stderr = command(t, "", []string{"GRAPHQL_PORT=many"}, "demo")
	if code == 0 || !contains(stderr, "GRAPHQL_PORT", "many") {
		t.Errorf("bad setting: %d %s", code, stderr)
	}
}

// Columns of another type than declared, and relations without a column: the
// source says so, and the others go on.
func TestRelationThatDoesNotFit(t *testing.T) {
	t.Parallel()
	sim, setting := stand(t, mzsim.Options{})
	must[any](t)(nil, sim.CreateTable("good", mzsim.Columns("id integer not null"), mzsim.ObjectOptions{}))
	must[any](t)(nil, sim.CreateTable("typed", mzsim.Columns("id integer not null", "n text"), mzsim.ObjectOptions{}))
	must[any](t)(nil, sim.CreateTable("short", mzsim.Columns("id integer not null"), mzsim.ObjectOptions{}))
	must[any](t)(nil, sim.CreateTable("denied", mzsim.Columns("id integer not null"), mzsim.ObjectOptions{Denied: true}))
	g := serve(t, `
sources:
  good: {primary_key: id, columns: {id: Integer}}
  typed: {primary_key: id, columns: {id: Integer, n: Integer}}
  short: {primary_key: id, columns: {id: Integer, missing_one: String}}
  denied: {primary_key: id, columns: {id: Integer}}
`, setting)
	g.state("good", "LIVE", "")
	g.state("typed", "FAILED", `n`)
	g.state("short", "FAILED", "missing_one")
	g.state("denied", "FAILED", "denied")
	g.says("/readyz", 503, "missing_one")
	if _, body := g.get("/readyz"); leaked(body) != "" {
		t.Errorf("%q in %s", leaked(body), body)
	}
	must[any](t)(nil, sim.Set("denied", func(o *mzsim.ObjectOptions) { o.Denied = false }))
	g.state("denied", "LIVE", "")
}
