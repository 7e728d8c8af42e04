package transport

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/graph"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/relation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gateway is a handler over a real executor and a real feed of one source:
// trades(id, symbol, price).
type gateway struct {
	testing.TB
	*Handler
	feed   *feed.Feed
	schema *relation.Schema
	srv    *httptest.Server

	mu   sync.Mutex
	rows map[int]relation.Row
	time uint64
}

func newGateway(tb testing.TB, o Options) *gateway {
	tb.Helper()
	return startGateway(tb, o, false)
}

func startGateway(tb testing.TB, o Options, secure bool) *gateway {
	tb.Helper()
	schema := &relation.Schema{Key: []int{0}, Columns: []relation.Column{
		{Name: "id", Field: "id", Kind: relation.Integer},
		{Name: "symbol", Field: "symbol", Kind: relation.String, Nullable: true},
		{Name: "price", Field: "price", Kind: relation.BigInt, Nullable: true},
	}}
	g := &gateway{TB: tb, schema: schema, feed: feed.New(schema, feed.Config{UndoBytes: 1 << 20}), rows: map[int]relation.Row{}, time: 1000}
	tb.Cleanup(g.feed.Close)
	log := slog.New(slog.DiscardHandler)
	source := graph.Source{Name: "trades", Base: "trades", Backend: "test", Schema: schema, Feed: g.feed}
	exec, err := graph.New(graph.Model{Sources: []graph.Source{source}, Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	if o.Executor == nil {
		o.Executor = func() graphql.GraphExecutor { return exec }
	}
	if o.Relay == nil {
		o.Relay = func() []RelaySource {
			return []RelaySource{
				{Name: "trades", Field: "allTrades", Table: "trade_log", Schema: schema, Feed: g.feed},
				{Name: "pending", Field: "trades", Table: "pending"}, // names of sources come before those of fields
			}
		}
	}
	o.Log = log
	g.Handler = New(o)
	mux := http.NewServeMux()
	mux.Handle("/graphql", g.Handler)
	mux.Handle("/stream/{source}", g.Relay())
	mux.Handle("/ws", g.Channels())
	g.srv = httptest.NewUnstartedServer(mux)
	g.srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if secure {
		g.srv.Listener = beneathListener{g.srv.Listener}
		g.srv.EnableHTTP2 = true
		g.srv.StartTLS()
	} else {
		g.srv.Start()
	}
	tb.Cleanup(func() {
		g.srv.CloseClientConnections()
		g.Close()
		g.srv.Close()
		g.srv.Client().CloseIdleConnections()
	})
	return g
}

// beneathListener does what a server that speaks TLS does.
type beneathListener struct{ net.Listener }

func (l beneathListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		c = BeneathTLS(c)
	}
	return c, err
}

func (g *gateway) row(id int, symbol, price string) relation.Row {
	var b relation.Builder
	b.AppendCell(strconv.Itoa(id), true)
	b.AppendCell(symbol, true)
	b.AppendCell(price, price != "")
	return b.Row()
}

// live makes the source live with rows 1 to n.
func (g *gateway) live(n int) *gateway {
	g.Helper()
	var rows []relation.Row
	for id := 1; id <= n; id++ {
		g.rows[id] = g.row(id, "S"+strconv.Itoa(id), "100")
		rows = append(rows, g.rows[id])
	}
	if err := g.feed.Load(rows); err != nil {
		g.Fatal(err)
	}
	if err := g.feed.Commit(relation.Frontier{Time: g.time, Wall: 1_700_000_000_000_000}); err != nil {
		g.Fatal(err)
	}
	g.feed.SetState(feed.Live, "")
	return g
}

// set writes a row, as one upstream time of its own.
func (g *gateway) set(id int, symbol, price string) {
	g.Helper()
	g.apply(id, relation.Change{Op: relation.Put, New: g.row(id, symbol, price)})
}

// drop deletes a row.
func (g *gateway) drop(id int) {
	g.Helper()
	g.mu.Lock()
	old := g.rows[id]
	g.mu.Unlock()
	g.apply(id, relation.Change{Op: relation.Delete, Old: old})
}

func (g *gateway) apply(id int, ch relation.Change) {
	g.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.time++
	if g.rows[id] = ch.New; ch.New == "" {
		delete(g.rows, id)
	}
	wall := 1_700_000_000_000_000 + int64(g.time)
	b := relation.Batch{Time: g.time, Wall: wall, Changes: []relation.Change{ch}}
	if err := g.feed.Apply([]relation.Batch{b}, relation.Frontier{Time: g.time, Wall: wall}); err != nil {
		g.Fatal(err)
	}
}

func (g *gateway) url(path string) string { return g.srv.URL + path }

// client is a GraphQL client on a WebSocket.
type client struct {
	testing.TB
	*websocket.Conn
}

func (g *gateway) dial(protocols ...string) *client {
	g.Helper()
	c, resp, err := g.tryDial("/graphql", nil, protocols...)
	if err != nil {
		g.Fatal(err)
	}
	_ = resp
	return c
}

func (g *gateway) tryDial(path string, h http.Header, protocols ...string) (*client, *http.Response, error) {
	g.Helper()
	d := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: 5 * time.Second}
	if t, ok := g.srv.Client().Transport.(*http.Transport); ok && t.TLSClientConfig != nil {
		d.TLSClientConfig = t.TLSClientConfig.Clone()
		d.TLSClientConfig.NextProtos = nil // the client's own
	}
	c, resp, err := d.DialContext(g.Context(), "ws"+strings.TrimPrefix(g.srv.URL, "http")+path, h)
	if resp != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return nil, resp, err
	}
	g.Cleanup(func() { _ = c.Close() })
	return &client{g.TB, c}, resp, nil
}

// modern is an initialised client of the new sub-protocol.
func (g *gateway) modern() *client {
	g.Helper()
	c := g.dial(protocolModern)
	c.say(`{"type":"connection_init"}`)
	c.want(`{"type":"connection_ack"}`)
	return c
}

func (c *client) say(text string) {
	c.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.Fatal(err)
	}
}

// ask starts an operation.
func (c *client) ask(kind, id, query string) {
	c.Helper()
	payload, _ := json.Marshal(map[string]any{"query": query})
	c.say(`{"id":"` + id + `","type":"` + kind + `","payload":` + string(payload) + `}`)
}

func (c *client) next() string {
	c.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	_, text, err := c.ReadMessage()
	if err != nil {
		c.Fatalf("read: %v", err)
	}
	return string(text)
}

func (c *client) want(text string) {
	c.Helper()
	if got := c.next(); got != text {
		c.Fatalf("got  %s\nwant %s", got, text)
	}
}

// wantClose skips messages until the server closes.
func (c *client) wantClose(code int, reason string) {
	c.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		e, ok := err.(*websocket.CloseError) //nolint:errorlint // gorilla returns it bare
		if !ok || e.Code != code || !strings.Contains(e.Text, reason) {
			c.Fatalf("got %v, want close %d %q", err, code, reason)
		}
		return
	}
}

// eventually polls until ok.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("never: %s", what)
		}
	}
}

// do makes a request and returns the answer's body.
func (g *gateway) do(method, path, body string, header ...string) (*http.Response, string) {
	g.Helper()
	resp := g.open(method, path, body, header...)
	defer func() { _ = resp.Body.Close() }()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		g.Fatal(err)
	}
	return resp, string(all)
}

// open makes a request whose answer is a stream.
func (g *gateway) open(method, path, body string, header ...string) *http.Response {
	g.Helper()
	ctx, cancel := context.WithCancel(g.Context())
	g.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, g.url(path), strings.NewReader(body))
	if err != nil {
		g.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	c := *g.srv.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := c.Do(req)
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// of returns the counters of one kind of subscription.
func (s Stats) of(source, kind string) (out SubscriptionStats) {
	for _, sub := range s.Subscriptions {
		if sub.Source == source && sub.Kind == kind {
			out = sub
		}
	}
	return out
}
