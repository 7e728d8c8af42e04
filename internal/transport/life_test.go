package transport

import (
	"context"
	"encoding/json"
	"errors"
	"io"
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
	"github.com/tycostream/tycostream/internal/transport/delivery"
)

func TestDrainSpreadsTheCloses(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	clients := make([]*client, 5)
	for i := range clients {
		clients[i] = g.modern()
		clients[i].ask("subscribe", "1", "subscription { trades { operation } }")
		clients[i].next()
	}
	events := readLines(t, g.open("GET", "/graphql?query="+url.QueryEscape("subscription { trades { operation } }"), "", "Accept", "text/event-stream"))
	events.want(":", "", "event: next", `data: {"data":{"trades":{"operation":"INSERT"}}}`, "")

	const over = 600 * time.Millisecond
	start := time.Now()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var at []time.Duration
	for _, c := range clients {
		wg.Go(func() {
			c.wantClose(1012, "restarts")
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(start))
		})
	}
	g.Drain(t.Context(), over)
	wg.Wait()
	events.wantBreak() // without `complete`: the client shall come back
	if first, last := at[0], at[len(at)-1]; first > over/2 || last < over/2 {
		t.Errorf("closed at %v", at)
	}
	for _, path := range []string{"/graphql", "/stream/trades"} {
		late, _, err := g.tryDial(path, nil, protocolModern)
		if err != nil {
			t.Fatalf("a new connection while draining: %v", err)
		}
		late.wantClose(1012, "restarts")
	}
	if resp, _ := g.do("GET", "/stream/trades", ""); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new stream while draining: %s", resp.Status)
	}
	if resp, _ := g.do("GET", "/graphql?query={__typename}", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("a query while draining: %s", resp.Status)
	}
	if n := g.Stats().Kinds[KindWS].Closed[1012]; n < 5 { // the sixth may not be gone yet
		t.Errorf("%d closed with 1012", n)
	}
}

// Close does not wait for clients, whatever state they are in.
func TestCloseEndsEverything(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	g.blocked()
	g.dial(protocolModern) // has not sent connection_init
	g.modern()
	g.open("GET", "/stream/trades", "")
	done := make(chan struct{})
	go func() { defer close(done); g.Close() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		buf := make([]byte, 1<<20)
		t.Fatalf("hangs:\n%s", buf[:runtime.Stack(buf, true)])
	}
	if n := active(g.Stats()); n != 0 {
		t.Errorf("%d active", n)
	}
}

// blocked returns a client that does not read, and whose socket is full.
func (g *gateway) blocked() *client {
	g.Helper()
	c := g.modern()
	c.ask("subscribe", "1", "subscription { trades { data { symbol price } } }")
	c.next()
	pad := strings.Repeat("x", 60_000)
	n := 0
	eventually(g.TB, "blocked", func() bool {
		n++
		g.set(1, pad, strconv.Itoa(n))
		return g.Stats().Blocked == 1
	})
	return c
}

func TestSlowClient(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run("tls="+strconv.FormatBool(secure), func(t *testing.T) { slowClient(t, secure) })
	}
}

func slowClient(t *testing.T, secure bool) {
	t.Helper()
	g := startGateway(t, Options{PingInterval: 300 * time.Millisecond}, secure).live(1)
	slow := g.blocked()
	quick := g.modern()
	quick.ask("subscribe", "1", "subscription { trades { data { price } } }")
	quick.next()
	pad := strings.Repeat("y", 60_000)
	const total = 500
	before := heap()
	for i := range total { // 30 MB that the slow client must not make us keep
		g.set(1, pad, strconv.Itoa(1_000_000+i))
		quick.want(`{"id":"1","type":"next","payload":{"data":{"trades":{"data":{"price":"` + strconv.Itoa(1_000_000+i) + `"}}}}}`)
	}
	if grown := heap() - before; grown > 12<<20 { // the feed's own ring holds 4 MiB
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if g.Stats().Blocked != 1 {
		t.Fatal("it is not blocked any more, or was dropped")
	}
	last := 0
	for last != 1_000_000+total-1 {
		text := slow.next()
		_, text, _ = strings.Cut(text, `"price":"`)
		n, err := strconv.Atoi(strings.TrimSuffix(text, `"}}}}}`))
		if err != nil || n <= last {
			t.Fatalf("%q after %d", text, last)
		}
		last = n
	}
	g.set(1, "z", "7")
	slow.want(`{"id":"1","type":"next","payload":{"data":{"trades":{"data":{"symbol":"z","price":"7"}}}}}`)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestSlowClientIsCutOff(t *testing.T) {
	g := newGateway(t, Options{SlowClientTimeout: 80 * time.Millisecond}).live(1)
	g.blocked()
	pad, n := strings.Repeat("x", 60_000), 1_000
	eventually(t, "cut off", func() bool {
		n++
		g.set(1, pad, strconv.Itoa(n)) // the kernel may still have found room for what blocked it
		s := g.Stats()
		return s.Kinds[KindWS].Closed[1013] == 1 && s.SlowClients == 1
	})
	eventually(t, "its cursor is closed", func() bool { return g.feed.Status().Subscribers == 0 })
}

// A client that does not read, but whose socket is not full either, is slow and
// not dead: unanswered pings must not end it while it has data to read.
func TestSilentClientWithDataStays(t *testing.T) {
	g := newGateway(t, Options{PingInterval: 100 * time.Millisecond}).live(1)
	c := g.modern()
	c.ask("subscribe", "1", "subscription { trades { data { price } } }")
	c.next()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range 100 {
		<-tick.C
		g.set(1, "S", strconv.Itoa(i))
	}
	for i := range 100 {
		c.want(`{"id":"1","type":"next","payload":{"data":{"trades":{"data":{"price":"` + strconv.Itoa(i) + `"}}}}}`)
	}
}

// Both ways of delivery give the same bytes.
func TestSinkAndHandlerGiveTheSame(t *testing.T) {
	g := newGateway(t, Options{}).live(3)
	without := func(ctx context.Context) (context.Context, func() live) {
		return ctx, func() live { return live{} }
	}
	other := newGateway(t, Options{Executor: g.opts.Executor, sink: without}).live(0)
	const query = `subscription { t: trades(where: {id: {_lt: 3}}) { __typename operation data { id symbol price } fields timestamp } }`
	a, b := g.modern(), other.modern()
	for _, c := range []*client{a, b} {
		c.ask("subscribe", "1", query)
	}
	same := func(n int) {
		t.Helper()
		for range n {
			if x, y := a.next(), b.next(); x != y {
				t.Fatalf("sink    %s\nhandler %s", x, y)
			}
		}
	}
	same(2)
	g.set(1, `quote"and <tag> and ü`, "")
	g.set(2, "S2", "9007199254740993")
	same(2)
	b.say(`{"id":"1","type":"complete"}`)
	eventually(t, "the handler's cursor is closed", func() bool { return g.feed.Status().Subscribers == 1 })
}

// fake is an executor whose operations do what a test wants.
type fake struct {
	kind     ast.Operation
	create   func() gqlerror.List
	dispatch func(ctx context.Context) graphql.ResponseHandler
}

func (f *fake) CreateOperationContext(context.Context, *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	if f.create != nil {
		if errs := f.create(); errs != nil {
			return nil, errs
		}
	}
	return &graphql.OperationContext{Operation: &ast.OperationDefinition{Operation: f.kind}}, nil
}

func (f *fake) DispatchOperation(ctx context.Context, _ *graphql.OperationContext) (graphql.ResponseHandler, context.Context) {
	return f.dispatch(ctx), ctx
}

func (f *fake) DispatchError(_ context.Context, errs gqlerror.List) *graphql.Response {
	return &graphql.Response{Errors: errs}
}

func (f *fake) options() Options {
	return Options{Executor: func() graphql.GraphExecutor { return f }}
}

// liveOptions are those of a fake whose every operation is a live subscription
// to the source s.
func liveOptions(open func(wake func()) delivery.Source) Options {
	f := &fake{kind: ast.Subscription, dispatch: func(context.Context) graphql.ResponseHandler {
		return graphql.OneShot(&graphql.Response{})
	}}
	o := f.options()
	o.sink = func(ctx context.Context) (context.Context, func() live) {
		return ctx, func() live { return live{source: "s", open: open} }
	}
	return o
}

func TestMutationsNeedTheSecret(t *testing.T) {
	f := &fake{kind: ast.Mutation, dispatch: func(ctx context.Context) graphql.ResponseHandler {
		if err := auth.RequireAdmin(ctx); err != nil {
			return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{gqlerror.Errorf("denied")}})
		}
		return graphql.OneShot(&graphql.Response{Data: json.RawMessage(`{"ok":true}`)})
	}}
	o := f.options()
	o.Guard = auth.New("s3cret")
	g := newGateway(t, o)
	const denied, ok = `{"errors":[{"message":"denied"}],"data":null}`, `{"data":{"ok":true}}`
	if _, body := g.do("POST", "/graphql", `{"query":"m"}`, "Content-Type", typeJSON); body != denied {
		t.Error(body)
	}
	if _, body := g.do("POST", "/graphql", `{"query":"m"}`, "Content-Type", typeJSON, "X-Hasura-Admin-Secret", "s3cret"); body != ok {
		t.Error(body)
	}
	if resp, body := g.do("GET", "/graphql?query=m", ""); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "POST" {
		t.Error(resp.Status, body)
	}
	for payload, want := range map[string]string{`{}`: denied, `{"headers":{"Authorization":"Bearer s3cret"}}`: ok} {
		c := g.dial(protocolModern)
		c.say(`{"type":"connection_init","payload":` + payload + `}`)
		c.want(`{"type":"connection_ack"}`)
		c.ask("subscribe", "1", "m")
		c.want(`{"id":"1","type":"next","payload":` + want + `}`)
		c.want(`{"id":"1","type":"complete"}`)
	}
}

func TestPanicsStayInside(t *testing.T) {
	boom := func(context.Context) graphql.ResponseHandler { panic("secret detail") }
	late := func(context.Context) graphql.ResponseHandler {
		return func(context.Context) *graphql.Response { panic("secret detail") }
	}
	tests := map[string]*fake{
		"create":   {create: func() gqlerror.List { panic("secret detail") }},
		"dispatch": {kind: ast.Query, dispatch: boom},
		"respond":  {kind: ast.Query, dispatch: late},
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, f.options())
			_, body := g.do("POST", "/graphql", `{"query":"q"}`, "Content-Type", typeJSON)
			if !strings.Contains(body, codeInternal) || strings.Contains(body, "secret") {
				t.Error(body)
			}
			c := g.modern()
			c.ask("subscribe", "1", "q")
			if body = c.next(); !strings.Contains(body, codeInternal) || strings.Contains(body, "secret") {
				t.Error(body)
			}
		})
	}
}

// A query that takes long does not hold up its connection, and ends when the
// client does not want it any more.
func TestOperationsRunBesideEachOther(t *testing.T) {
	ended := make(chan struct{}, 1)
	f := &fake{kind: ast.Query, dispatch: func(ctx context.Context) graphql.ResponseHandler {
		return func(context.Context) *graphql.Response {
			<-ctx.Done()
			ended <- struct{}{}
			return nil
		}
	}}
	g := newGateway(t, f.options())
	c := g.modern()
	c.ask("subscribe", "1", "q")
	c.say(`{"type":"ping"}`)
	c.want(`{"type":"pong"}`)
	c.say(`{"id":"1","type":"complete"}`)
	<-ended
	c.ask("subscribe", "1", "q")
	_ = c.Close()
	<-ended // the connection's end ends it too
}

// drip is a source that ends by itself.
type drip struct{ n int }

func (d *drip) Pull(_ int, emit func([]byte)) (bool, error) {
	if d.n == 0 {
		return false, io.EOF
	}
	d.n--
	emit([]byte(`{"data":{"n":` + strconv.Itoa(d.n) + `}}`))
	return true, nil
}

func (d *drip) Received() int64 { return 0 }

func (d *drip) Close() {}

func TestSourceThatEnds(t *testing.T) {
	for err, last := range map[error]string{
		nil:                  `{"id":"1","type":"complete"}`,
		errors.New("hidden"): `{"id":"1","type":"error","payload":[{"message":"` + internalText + `","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`,
	} {
		o := liveOptions(func(func()) delivery.Source {
			if err != nil {
				return &failing{err}
			}
			return &drip{n: 2}
		})
		g := newGateway(t, o)
		c := g.modern()
		c.ask("subscribe", "1", "s")
		if err == nil {
			c.want(`{"id":"1","type":"next","payload":{"data":{"n":1}}}`)
			c.want(`{"id":"1","type":"next","payload":{"data":{"n":0}}}`)
		}
		c.want(last)
		if s := g.Stats().of("s", ""); s.Active != 0 || s.Started != 1 {
			t.Errorf("%+v", s)
		}
		if err == nil {
			r := readLines(t, g.open("POST", "/graphql", `{"query":"s"}`, "Content-Type", typeJSON, "Accept", typeEvents))
			r.want(":", "", "event: next", `data: {"data":{"n":1}}`, "", "event: next", `data: {"data":{"n":0}}`, "", "event: complete", "data:", "")
			r.wantEnd()
		}
	}
}

type failing struct{ err error }

func (f *failing) Pull(int, func([]byte)) (bool, error) { return false, f.err }
func (f *failing) Received() int64                      { return 0 }
func (f *failing) Close()                               {}
