package transport

import (
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/socket"
)

// The sub-protocols, in order of preference.
const (
	protocolModern = "graphql-transport-ws"
	protocolLegacy = "graphql-ws"
)

// The close codes that the server sends. What the reference client does:
// retries 1012, 1013, 4403 and 4408, gives up on the others.
const (
	codeNormal       = 1000
	codeAbnormal     = socket.CodeAbnormal
	codeRestart      = 1012                // the gateway shuts down
	codeTryLater     = socket.CodeTryLater // too slow, or the stream must begin anew
	codeBadMessage   = socket.CodeBadMessage
	codeUnauthorized = 4401 // an operation before connection_init
	codeForbidden    = 4403 // connection_init was rejected
	codeProtocol     = 4406 // no common sub-protocol
	codeInitTimeout  = 4408
	codeDuplicate    = 4409 // an operation of that id is active
	codeTooManyInits = 4429
	codeServerError  = 4500
)

// handshakeTimeout bounds the writing of the handshake's answer.
const handshakeTimeout = 10 * time.Second

// BeneathTLS returns what a listener must put between its sockets and TLS, so
// that WebSockets over TLS are as cheap as others.
func BeneathTLS(socket net.Conn) net.Conn { return delivery.Beneath(socket) }

func isUpgrade(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

func (h *Handler) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	nc, protocol, ok := h.upgrade(w, r, protocolModern, protocolLegacy)
	if !ok {
		return
	}
	kind := KindWS
	if protocol == protocolLegacy || len(websocket.Subprotocols(r)) == 0 {
		kind = KindLegacy // what offers nothing is taken for a client of the old days, as Hasura does
	}
	s := &session{peer: newPeer(h, nc, kind), exec: h.opts.Executor(), header: credentials(r.Header)}
	if err := h.accept(s, kind); err != nil {
		s.Refuse(codeTryLater, err.Error())
		return
	}
	if protocol == "" && kind == KindWS {
		s.shut(codeProtocol, "Subprotocol not acceptable: offer "+protocolModern)
	}
	h.shutLate(s)
	go s.run() // the handler returns: its goroutine's large stack goes with it; Close waits for run
}

// upgrade answers the handshake, or says what is wrong with it. From then on
// the connection is ours alone: gorilla's is dropped, since whatever it writes
// leaves a deadline behind that would cut our own writes.
func (h *Handler) upgrade(w http.ResponseWriter, r *http.Request, protocols ...string) (net.Conn, string, bool) {
	if err := h.full(); err != nil {
		w.Header().Set("Retry-After", "5")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return nil, "", false
	}
	var refusal error
	u := websocket.Upgrader{
		HandshakeTimeout: handshakeTimeout,
		ReadBufferSize:   16, // never used
		WriteBufferSize:  16, // never used
		Subprotocols:     protocols,
		CheckOrigin:      func(r *http.Request) bool { refusal = h.opts.CheckOrigin(r); return refusal == nil },
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			if refusal != nil {
				reason = refusal
			}
			w.Header().Set("Sec-Websocket-Version", "13")
			http.Error(w, reason.Error(), status)
		},
	}
	c, err := u.Upgrade(w, r, nil)
	if err != nil {
		h.opts.Log.Debug("websocket handshake refused", slog.Any("error", err))
		return nil, "", false
	}
	return c.NetConn(), c.Subprotocol(), true
}

// credentials keeps of the upgrade's headers only what may authenticate.
func credentials(h http.Header) http.Header {
	var kept http.Header
	for _, name := range []string{"Authorization", "X-Hasura-Admin-Secret"} {
		if v := h.Values(name); len(v) > 0 {
			if kept == nil {
				kept = http.Header{}
			}
			kept[name] = slices.Clone(v)
		}
	}
	return kept
}
