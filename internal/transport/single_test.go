package transport

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/feed"
)

// single is a client of the single connection mode.
type single struct {
	*gateway
	token string
}

func (g *gateway) single() *single {
	g.Helper()
	resp, token := g.do("PUT", "/graphql", "")
	if h := resp.Header; resp.StatusCode != http.StatusCreated || len(token) != 26 || h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("Cache-Control") != "no-store" {
		g.Fatalf("%s %v %q", resp.Status, h, token)
	}
	return &single{g, token}
}

// stream opens the stream.
func (s *single) stream() (*streamReader, *http.Response) {
	s.Helper()
	resp := s.open("GET", "/graphql", "", "Accept", typeEvents, tokenHeader, s.token)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		s.Fatalf("%s %v", resp.Status, resp.Header)
	}
	r := readLines(s.TB, resp)
	r.want(":", "")
	return r, resp
}

// post sends an operation and returns the answer.
func (s *single) post(id, query string, header ...string) (int, string) {
	s.Helper()
	body, _ := json.Marshal(map[string]any{"query": query, "extensions": map[string]any{"operationId": id}})
	resp, text := s.do("POST", "/graphql", string(body), append(header, "Content-Type", typeJSON, tokenHeader, s.token)...)
	return resp.StatusCode, text
}

// run has an operation accepted.
func (s *single) run(id, query string) {
	s.Helper()
	if status, text := s.post(id, query); status != http.StatusAccepted || text != "" {
		s.Fatalf("%d %q", status, text)
	}
}

func (s *single) stop(id string) {
	s.Helper()
	if resp, text := s.do("DELETE", "/graphql?operationId="+url.QueryEscape(id), "", tokenHeader, s.token); resp.StatusCode != http.StatusOK || text != "" {
		s.Fatalf("%s %q", resp.Status, text)
	}
}

// wantNext wants a result of an operation.
func (r *streamReader) wantNext(id, payload string) {
	r.Helper()
	r.want("event: next", `data: {"id":`+strconv.Quote(id)+`,"payload":`+payload+`}`, "")
}

func (r *streamReader) wantComplete(id string) {
	r.Helper()
	r.want("event: complete", `data: {"id":`+strconv.Quote(id)+`}`, "")
}

const watch = "subscription { trades { operation data { id price } } }"

// inserted and updated are what watch is told of row 1.
func inserted(price string) string {
	return `{"data":{"trades":{"operation":"INSERT","data":{"id":1,"price":"` + price + `"}}}}`
}

func updated(price string) string { return strings.Replace(inserted(price), "INSERT", "UPDATE", 1) }

func TestSingleConnection(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	s := g.single()
	r, resp := s.stream()
	s.run("a", watch)
	r.wantNext("a", inserted("100"))
	s.run("b", "subscription { trades(where: {price: {_gt: 150}}) { operation data { id price } } }")
	g.set(1, "S1", "101")
	r.wantNext("a", updated("101"))
	s.run("q", "{ trades { id } }")
	r.wantNext("q", `{"data":{"trades":[{"id":1}]}}`)
	r.wantComplete("q")
	s.run("q", `query { trades(where: {price: {_eq: null}}) { id } }`) // the id is free again; this one fails when it runs
	r.want("event: next")
	if got := <-r.lines; !strings.HasPrefix(got, `data: {"id":"q","payload":{"errors":[{"message":`) {
		t.Error(got)
	}
	r.want("")
	r.wantComplete("q")

	s.stop("a")
	eventually(t, "one runs", func() bool { return g.Stats().of("trades", "rows").Active == 1 })
	g.set(1, "S1", "200")
	r.wantNext("b", inserted("200"))
	s.stop("a") // once more
	s.stop("never")
	s.run("a", watch)
	r.wantNext("a", inserted("200"))
	if k := g.Stats().Kinds[KindSSE]; k.Active != 1 || k.Accepted != 1 {
		t.Errorf("%+v", k)
	}

	_ = resp.Body.Close()
	eventually(t, "all ends with the stream", func() bool { return active(g.Stats()) == 0 && g.feed.Status().Subscribers == 0 })
	eventually(t, "the token is of no use", func() bool {
		status, text := s.post("c", watch)
		return status == http.StatusNotFound && strings.Contains(text, "PUT reserves a new one")
	})
}

func TestSingleConnectionOverHTTP2(t *testing.T) {
	s := startGateway(t, Options{}, true).live(1).single()
	r, resp := s.stream()
	if resp.ProtoMajor != 2 {
		t.Fatal(resp.Proto)
	}
	s.run("a", watch)
	r.wantNext("a", inserted("100"))
	s.set(1, "S1", "101")
	r.wantNext("a", updated("101"))
	_ = resp.Body.Close()
	eventually(t, "all ends with the stream", func() bool { return active(s.Stats()) == 0 && s.feed.Status().Subscribers == 0 })
}

// EventSource can send no header; a GET may be an operation, too.
func TestSingleConnectionByURL(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	token := "token=" + g.single().token
	r := readLines(t, g.open("GET", "/graphql?"+token, "", "Accept", typeEvents))
	r.want(":", "")
	resp, text := g.do("POST", "/graphql?"+token, `{"query":"{ trades { id } }","extensions":{"operationId":"é\n"}}`, "Content-Type", typeJSON)
	if resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp.Status, text)
	}
	r.want("event: next", `data: {"id":"é\n","payload":{"data":{"trades":[{"id":1}]}}}`, "", "event: complete", `data: {"id":"é\n"}`, "")
	get := "/graphql?" + token + "&query=" + url.QueryEscape(watch) + "&extensions=" + url.QueryEscape(`{"operationId":"g"}`)
	if resp, text = g.do("GET", get, ""); resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp.Status, text)
	}
	r.wantNext("g", inserted("100"))
	if resp, text = g.do("DELETE", "/graphql?"+token+"&operationId=g", ""); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, text)
	}
	eventually(t, "it has ended", func() bool { return g.feed.Status().Subscribers == 0 })
}

// A parameter of that name which is a proxy's own changes nothing.
func TestTokensOfOthers(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	resp, text := g.do("POST", "/graphql?token=eyJhbGciOi", `{"query":"{ trades { id } }"}`, "Content-Type", typeJSON)
	if resp.StatusCode != http.StatusOK || text != `{"data":{"trades":[{"id":1}]}}` {
		t.Error(resp.Status, text)
	}
	r := readLines(t, g.open("GET", "/graphql?token=eyJhbGciOi&query="+url.QueryEscape(watch), "", "Accept", typeEvents))
	r.want(":", "", "event: next", "data: "+inserted("100"), "")
}

func TestSingleConnectionRefuses(t *testing.T) {
	g := newGateway(t, Options{Guard: auth.New("s3cret"), Operations: 2, Playground: "/playground"}).live(1)
	s := g.single()
	s.stream()
	s.run("one", watch)
	body := func(id string) string { return `{"query":"{ trades { id } }","extensions":{"operationId":` + id + `}}` }
	with := []string{"Content-Type", typeJSON, tokenHeader, s.token}
	gone := []string{"Content-Type", typeJSON, tokenHeader, "GONE"}
	tests := []struct {
		name, method, path, body string
		header                   []string
		status                   int
		contains                 string
	}{
		{"a second stream", "GET", "/graphql", "", []string{"Accept", typeEvents, tokenHeader, s.token}, 409, "open already"},
		{"a stream of no token", "GET", "/graphql", "", []string{"Accept", typeEvents, tokenHeader, "GONE"}, 404, "PUT reserves"},
		{"a stream in another form", "GET", "/graphql", "", []string{"Accept", typeJSON, tokenHeader, s.token}, 406, typeEvents},
		{"an operation of no token", "POST", "/graphql", body(`"x"`), gone, 404, "PUT reserves"},
		{"an operation without id", "POST", "/graphql", `{"query":"{ trades { id } }"}`, with, 400, "operationId"},
		{"an empty id", "POST", "/graphql", body(`""`), with, 400, "operationId"},
		{"an id that is no text", "POST", "/graphql", body("7"), with, 400, "operationId"},
		{"an id that is active", "POST", "/graphql", body(`"one"`), with, 409, "an operation of this id is active"},
		{"a document that is wrong", "POST", "/graphql", strings.Replace(body(`"x"`), "trades", "nothing", 1), with, 400, `{"errors":[{"message":"Cannot query field`},
		{"the same, for a client that takes events", "POST", "/graphql", strings.Replace(body(`"x"`), "trades", "nothing", 1), append(with, "Accept", typeEvents), 400, `{"errors":[{"message":"Cannot query field`},
		{"an unknown hash", "POST", "/graphql", `{"extensions":{"operationId":"x","persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("0", 64) + `"}}}`, with, 200, "PersistedQueryNotFound"},
		{"not JSON", "POST", "/graphql", "{", with, 400, "ends too early"},
		{"a form", "POST", "/graphql", "query=x", []string{"Content-Type", "text/plain", tokenHeader, s.token}, 415, "application/json"},
		{"a mutation by GET", "GET", "/graphql?query=" + url.QueryEscape("mutation { __typename }") + "&extensions=" + url.QueryEscape(`{"operationId":"m"}`), "", with, 405, "mutations need POST"},
		{"DELETE without id", "DELETE", "/graphql", "", with, 400, "operationId"},
		{"DELETE of no token", "DELETE", "/graphql?operationId=one", "", gone, 404, "PUT reserves"},
		{"DELETE without token", "DELETE", "/graphql?operationId=one", "", nil, 404, "PUT reserves"},
		{"PUT with a wrong secret", "PUT", "/graphql", "", []string{"Authorization", "Bearer x"}, 401, "access-denied"},
		{"GET with a wrong secret", "GET", "/graphql", "", []string{"Authorization", "Bearer x", "Accept", typeEvents, tokenHeader, s.token}, 401, "access-denied"},
		{"POST with a wrong secret", "POST", "/graphql", body(`"x"`), append(with, "Authorization", "Bearer x"), 401, "access-denied"},
		{"DELETE with a wrong secret", "DELETE", "/graphql?operationId=one", "", append(with, "Authorization", "Bearer x"), 401, "access-denied"},
		{"a browser", "GET", "/graphql?token=" + s.token, "", []string{"Accept", browserAccept}, 302, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, text := g.do(tt.method, tt.path, tt.body, tt.header...)
			if resp.StatusCode != tt.status || !strings.Contains(text, tt.contains) {
				t.Errorf("%d %s\nwant %d with %s", resp.StatusCode, text, tt.status, tt.contains)
			}
		})
	}
	s.run("two", watch)
	if status, text := s.post("three", watch); status != http.StatusTooManyRequests || !strings.Contains(text, "limits.operations") {
		t.Errorf("%d %s", status, text)
	}
	eventually(t, "two follow, and no more", func() bool { return g.feed.Status().Subscribers == 2 })
}

// Operations may come before the stream; their results wait for it.
func TestOperationsBeforeTheStream(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	s := g.single()
	s.run("q", "{ trades { id } }")
	v, _ := g.reserved.Get(s.token)
	v.ops.wg.Wait() // the query is answered
	s.run("s", watch)
	eventually(t, "it follows", func() bool { return g.feed.Status().Subscribers == 1 })
	r, _ := s.stream()
	r.wantNext("q", `{"data":{"trades":[{"id":1}]}}`)
	r.wantComplete("q")
	r.wantNext("s", inserted("100"))
	g.set(1, "S1", "101")
	r.wantNext("s", updated("101"))
}

func TestSingleConnectionEndsWithTheSource(t *testing.T) {
	g := newGateway(t, Options{}).live(0)
	s := g.single()
	r, _ := s.stream()
	s.run("1", watch)
	eventually(t, "it follows", func() bool { return g.feed.Status().Subscribers == 1 })
	g.feed.Close()
	r.want("event: next")
	if got := <-r.lines; !strings.HasPrefix(got, `data: {"id":"1","payload":{"errors":[{"message":`) || !strings.Contains(got, feed.CodeClosed) {
		t.Error(got)
	}
	r.want("")
	r.wantComplete("1")
	s.run("2", "{ __typename }") // the stream goes on
	r.wantNext("2", `{"data":{"__typename":"Query"}}`)
}

// Each request says who asks.
func TestMutationsOfAStreamNeedTheSecret(t *testing.T) {
	f := &fake{kind: ast.Mutation, dispatch: func(ctx context.Context) graphql.ResponseHandler {
		if err := auth.RequireAdmin(ctx); err != nil {
			return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{gqlerror.Errorf("denied")}})
		}
		return graphql.OneShot(&graphql.Response{Data: json.RawMessage("{\"ok\":\n true}")})
	}}
	o := f.options()
	o.Guard = auth.New("s3cret")
	s := newGateway(t, o).single()
	r, _ := s.stream()
	s.run("1", "m")
	r.wantNext("1", `{"errors":[{"message":"denied"}],"data":null}`)
	r.wantComplete("1")
	if status, text := s.post("2", "m", "Authorization", "Bearer s3cret"); status != http.StatusAccepted {
		t.Fatal(status, text)
	}
	r.want("event: next", `data: {"id":"2","payload":{"data":{"ok":`, `data:  true}}}`, "") // in lines, as it came
	r.wantComplete("2")
}

func TestReservationsAreBounded(t *testing.T) {
	g := newGateway(t, Options{Connections: 2}).live(1)
	first := g.single()
	g.single()
	resp, text := g.do("PUT", "/graphql", "")
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(text, "limits.connections") {
		t.Errorf("%s %s", resp.Status, text)
	}
	others := []*client{g.channels(), g.channels()}
	resp, _ = g.do("GET", "/graphql", "", "Accept", typeEvents, tokenHeader, first.token)
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a stream beyond the limit: %s", resp.Status)
	}
	for _, c := range others {
		_ = c.Close()
	}
	eventually(t, "room again", func() bool { return active(g.Stats()) == 0 })
	first.stream() // its reservation was kept
}

func TestSingleConnectionDrains(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	s, unopened := g.single(), g.single()
	r, _ := s.stream()
	s.run("1", watch)
	r.wantNext("1", inserted("100"))
	unopened.run("1", watch)
	g.Drain(t.Context(), time.Millisecond)
	r.wantBreak() // without `complete`: the client shall come back
	if resp, text := g.do("PUT", "/graphql", ""); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "shutting down") {
		t.Errorf("%s %s", resp.Status, text)
	}
	if resp, _ := g.do("GET", "/graphql", "", "Accept", typeEvents, tokenHeader, unopened.token); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a stream while draining: %s", resp.Status)
	}
	g.Close()
	if n := g.feed.Status().Subscribers; n != 0 {
		t.Errorf("%d subscribers after the end", n)
	}
}

// A handler's end does not wait for operations that wait for room.
func TestCloseEndsReservations(t *testing.T) {
	big := strings.Repeat("x", 100_000)
	f := &fake{kind: ast.Query, dispatch: func(context.Context) graphql.ResponseHandler {
		return graphql.OneShot(&graphql.Response{Data: json.RawMessage(`"` + big + `"`)})
	}}
	g := newGateway(t, f.options())
	s := g.single()
	for i := range 20 {
		s.run(strconv.Itoa(i), "q")
	}
	done := make(chan struct{})
	go func() { defer close(done); g.Close() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		buf := make([]byte, 1<<20)
		t.Fatalf("hangs:\n%s", buf[:runtime.Stack(buf, true)])
	}
}

// A client that does not read costs its own stream: cursors conflate, answers
// wait, and all is told once it reads.
func TestSlowSingleConnection(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	s := g.single()
	resp := g.open("GET", "/graphql", "", "Accept", typeEvents, tokenHeader, s.token)
	s.run("s", "subscription { trades { data { symbol price } } }")
	quick := g.modern()
	quick.ask("subscribe", "1", "subscription { trades { data { price } } }")
	quick.next()
	pad := strings.Repeat("x", 60_000)
	const total, queries = 1000, 50
	before := heap()
	for i := 1; i <= total; i++ {
		g.set(1, pad, strconv.Itoa(i))
		quick.want(`{"id":"1","type":"next","payload":{"data":{"trades":{"data":{"price":"` + strconv.Itoa(i) + `"}}}}}`)
		if i%(total/queries) == 0 {
			s.run("q"+strconv.Itoa(i), "{ trades { symbol } }")
		}
	}
	if grown := heap() - before; grown > 16<<20 { // the ring holds 4 MiB, the answers 3
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	r := readLines(t, resp)
	told, answered, last := 0, 0, ""
	for last != strconv.Itoa(total) || answered < queries {
		var m struct {
			ID      string
			Payload struct {
				Data struct{ Trades json.RawMessage }
			}
		}
		line, ok := <-r.lines
		if !ok {
			t.Fatalf("it ended at %s, %d answers", last, answered)
		}
		text, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		switch {
		case m.ID == "s":
			told++
			_, price, _ := strings.Cut(string(m.Payload.Data.Trades), `"price":"`)
			last, _, _ = strings.Cut(price, `"`)
		case len(m.Payload.Data.Trades) > 0:
			answered++
		}
	}
	if told > total/2 {
		t.Errorf("%d events of %d: nothing was conflated", told, total)
	}
}

// Clients reserve, open, run, stop and vanish in any order. Nothing must be left
// of them but reservations that wait for their end.
func TestSingleConnectionChurn(t *testing.T) {
	g := newGateway(t, Options{Operations: 5}).live(20)
	stop := make(chan struct{})
	var writer, clients sync.WaitGroup
	writer.Go(func() { g.keepSetting(stop) })
	queries := []string{watch, "{ trades { id } }", "subscription { trades_changes { kind last changes { operation } } }", "{ nothing }"}
	for n := range 8 {
		rnd := rand.New(rand.NewPCG(uint64(n), 9))
		clients.Go(func() {
			for range 10 {
				c := &churner{g: g, rnd: rnd, token: ""}
				c.token = c.ask("PUT", "", "")
				for range rnd.IntN(15) {
					id := strconv.Itoa(rnd.IntN(6))
					switch rnd.IntN(4) {
					case 0:
						c.open()
					case 1:
						c.ask("DELETE", "?operationId="+id, "")
					default:
						body, _ := json.Marshal(map[string]any{"query": queries[rnd.IntN(len(queries))], "extensions": map[string]any{"operationId": id}})
						c.ask("POST", "", string(body))
					}
				}
				c.vanish()
			}
		})
	}
	clients.Wait()
	close(stop)
	writer.Wait()
	eventually(t, "no stream is left", func() bool { return active(g.Stats()) == 0 })
	g.Close()
	if s := g.Stats(); s.of("trades", "rows").Active != 0 || s.of("trades", "changes").Active != 0 || g.feed.Status().Subscribers != 0 {
		t.Errorf("%+v, %d subscribers", s.Subscriptions, g.feed.Status().Subscribers)
	}
}

// churner makes requests from a goroutine that must not end the test.
type churner struct {
	g     *gateway
	rnd   *rand.Rand
	token string
	ends  []func()
}

func (c *churner) request(ctx context.Context, method, query, body string) *http.Response {
	req, err := http.NewRequestWithContext(ctx, method, c.g.url("/graphql"+query), strings.NewReader(body))
	if err != nil {
		c.g.Error(err)
		return nil
	}
	req.Header.Set("Content-Type", typeJSON)
	if c.token != "" {
		req.Header.Set(tokenHeader, c.token)
	}
	if method == http.MethodGet {
		req.Header.Set("Accept", typeEvents)
	}
	resp, err := c.g.srv.Client().Do(req)
	if err != nil {
		c.g.Error(err)
		return nil
	}
	return resp
}

func (c *churner) ask(method, query, body string) string {
	resp := c.request(c.g.Context(), method, query, body)
	if resp == nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusBadRequest, http.StatusNotFound, http.StatusConflict,
		http.StatusTooManyRequests:
	default:
		c.g.Errorf("%s: %s", method, resp.Status)
	}
	token := make([]byte, 26)
	n, _ := resp.Body.Read(token)
	return string(token[:n])
}

// open opens the stream and reads a little of it.
func (c *churner) open() {
	ctx, cancel := context.WithCancel(c.g.Context())
	resp := c.request(ctx, http.MethodGet, "", "")
	c.ends = append(c.ends, func() {
		cancel()
		if resp != nil {
			_ = resp.Body.Close()
		}
	})
	if resp != nil && resp.StatusCode == http.StatusOK {
		buf := make([]byte, 1+c.rnd.IntN(2000))
		_, _ = resp.Body.Read(buf)
	}
}

func (c *churner) vanish() {
	for _, end := range c.ends {
		end()
	}
}
