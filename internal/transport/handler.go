package transport

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/transport/accept"
	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/reserve"
	"github.com/tycostream/tycostream/internal/transport/socket"
)

// Options configure a Handler. Executor is required. A limit of zero takes its
// default, a negative one means none.
type Options struct {
	// Executor returns the current executor. Every operation asks; a
	// connection stays with the one that it began with.
	Executor func() graphql.GraphExecutor

	Guard       *auth.Guard                 // nil: everybody is an administrator
	CheckOrigin func(r *http.Request) error // whether a browser's page may open a WebSocket; nil: same host only
	Relay       func() []RelaySource        // the sources of /stream and of row channels; nil: none
	Playground  string                      // where a browser that opens the endpoint is sent; empty: nowhere
	Log         *slog.Logger                // nil: slog.Default
	sink        sinkFunc                    // a test's own; nil: graph's

	MessageBytes int // length of one message or request body: 1 MiB
	Connections  int // WebSockets and streams at the same time: 10,000
	Operations   int // at the same time on one WebSocket or reserved event stream: 100
	FilterSize   int // operators and values in a filter of /stream or a row channel: 10,000

	InitTimeout       time.Duration // until connection_init: 3 s
	PingInterval      time.Duration // between pings, keep-alives and SSE comments: 12 s
	SlowClientTimeout time.Duration // without one byte taken: 10 min
	Workers           int           // delivery workers; see delivery.Config
}

func (o Options) withDefaults() Options {
	limit := func(p *int, preset int) {
		switch {
		case *p == 0:
			*p = preset
		case *p < 0:
			*p = int(^uint(0) >> 1)
		}
	}
	limit(&o.MessageBytes, 1<<20)
	limit(&o.Connections, 10_000)
	limit(&o.Operations, 100)
	limit(&o.FilterSize, 10_000)
	o.InitTimeout = cmp.Or(o.InitTimeout, 3*time.Second)
	o.PingInterval = cmp.Or(o.PingInterval, 12*time.Second)
	o.SlowClientTimeout = cmp.Or(o.SlowClientTimeout, 10*time.Minute)
	if o.Guard == nil {
		o.Guard = auth.New("")
	}
	if o.CheckOrigin == nil {
		o.CheckOrigin = sameHost
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Relay == nil {
		o.Relay = func() []RelaySource { return nil }
	}
	if o.sink == nil {
		o.sink = graphSink
	}
	return o
}

// sameHost lets pages of the request's own host in, and callers that are no
// browsers.
func sameHost(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	if u, err := url.Parse(origin); err == nil && strings.EqualFold(u.Host, r.Host) {
		return nil
	}
	return errors.New("this origin is not allowed")
}

// Handler serves the GraphQL endpoint. Close it.
type Handler struct {
	opts    Options
	pool    *delivery.Pool
	sockets [kinds]socket.Config
	stats   counters
	wg      sync.WaitGroup // a count for each connection

	reserved *reserve.Book[*reserved] // streams of the single connection mode

	mu       sync.Mutex // guards what follows
	conns    map[connection]struct{}
	gone     chan struct{} // closed when a connection goes, and replaced
	draining bool
	closed   bool
}

// connection is what the handler needs of a WebSocket or a stream.
type connection interface {
	shut(code int, reason string) // politely; does not block
	abort()                       // at once; does not block
}

// New returns a handler, whose delivery workers run until Close.
func New(o Options) *Handler {
	o = o.withDefaults()
	h := &Handler{
		opts: o,
		pool: delivery.NewPool(delivery.Config{
			Workers: o.Workers, SlowTimeout: o.SlowClientTimeout, Clock: feed.Now,
		}),
		reserved: reserve.NewBook[*reserved](o.Connections, reserveTimeout),
		conns:    make(map[connection]struct{}),
		gone:     make(chan struct{}),
	}
	h.sockets = h.socketConfigs()
	return h
}

// restarting is the reason of a close with codeRestart.
const restarting = "the gateway restarts"

// errBusy and errDraining refuse a connection.
var (
	errBusy     = errors.New("the gateway has as many connections as its setting limits.connections allows: try again later")
	errDraining = errors.New("the gateway is shutting down: try again")
)

// accept counts a connection in, or says why not. WebSockets are taken while
// the handler drains, for shutLate to close them.
func (h *Handler) accept(c connection, kind Kind) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed, h.draining && !kind.isSocket():
		return errDraining
	case len(h.conns) >= h.opts.Connections:
		return errBusy
	}
	h.conns[c] = struct{}{}
	h.wg.Add(1)
	h.stats.opened(kind)
	return nil
}

// full says beforehand whether accept would refuse for want of room.
func (h *Handler) full() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.conns) >= h.opts.Connections {
		return errBusy
	}
	return nil
}

// shutLate closes a WebSocket that came when the handler was draining already.
// The reference client comes back after a close code, and gives up when a
// handshake is refused.
func (h *Handler) shutLate(c connection) {
	h.mu.Lock()
	late := h.draining
	h.mu.Unlock()
	if late {
		c.shut(codeRestart, restarting)
	}
}

func (h *Handler) release(c connection, kind Kind, code int) {
	h.mu.Lock()
	delete(h.conns, c)
	close(h.gone)
	h.gone = make(chan struct{})
	h.mu.Unlock()
	h.stats.closedBy(kind, code)
	h.opts.Log.Debug("connection closed", slog.String("transport", kind.String()), slog.Int("code", code))
	h.wg.Done()
}

// Drain refuses new streams, closes new WebSockets at once and the connections
// that there are spread evenly over the given time, so that their clients do not
// all return at once. It returns when all are gone or ctx ends; Close ends the
// rest.
func (h *Handler) Drain(ctx context.Context, over time.Duration) {
	h.mu.Lock()
	h.draining = true
	conns := make([]connection, 0, len(h.conns))
	for c := range h.conns {
		conns = append(conns, c)
	}
	h.mu.Unlock()
	rand.Shuffle(len(conns), func(i, j int) { conns[i], conns[j] = conns[j], conns[i] }) //nolint:gosec // only an order

	start := time.Now()
	t := time.NewTimer(0)
	defer t.Stop()
	for i, c := range conns {
		t.Reset(time.Until(start.Add(over * time.Duration(i) / time.Duration(len(conns)))))
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		c.shut(codeRestart, restarting)
	}
	h.waitEmpty(ctx)
}

func (h *Handler) waitEmpty(ctx context.Context) {
	for {
		h.mu.Lock()
		n, gone := len(h.conns), h.gone
		h.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-gone:
		case <-ctx.Done():
			return
		}
	}
}

// Close ends every connection at once and waits until all goroutines are gone.
func (h *Handler) Close() {
	h.mu.Lock()
	h.draining, h.closed = true, true
	conns := make([]connection, 0, len(h.conns))
	for c := range h.conns {
		conns = append(conns, c)
	}
	h.mu.Unlock()
	for _, c := range conns {
		c.abort()
	}
	h.reserved.Close()
	h.wg.Wait()
	h.pool.Close()
}

// ServeHTTP answers on the GraphQL endpoint.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case isUpgrade(r):
		h.serveWebSocket(w, r)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		if h.wantsPage(r) {
			w.Header().Add("Vary", "Accept")
			http.Redirect(w, r, h.opts.Playground, http.StatusFound)
			return
		}
		if opensStream(r) {
			h.serveReserved(w, r)
			return
		}
		h.serveOperation(w, r)
	case r.Method == http.MethodPost:
		h.serveOperation(w, r)
	case r.Method == http.MethodPut:
		h.reserve(w, r)
	case r.Method == http.MethodDelete:
		h.stopReserved(w, r)
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allowed)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", allowed)
		h.refuse(w, formatOf(r), http.StatusMethodNotAllowed, codeBadRequest,
			"GraphQL takes POST, GET and WebSocket here, and PUT and DELETE for event streams that carry many operations")
	}
}

const allowed = "GET, POST, PUT, DELETE, OPTIONS"

// wantsPage says whether a person opened the endpoint in a browser.
func (h *Handler) wantsPage(r *http.Request) bool {
	return h.opts.Playground != "" && !r.URL.Query().Has("query") && !r.URL.Query().Has("extensions") &&
		accept.Parse(r.Header.Values("Accept")).Quality("text/html", true) > 0
}
