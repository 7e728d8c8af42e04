package transport

import (
	"net"

	"github.com/tycostream/tycostream/internal/transport/socket"
)

// peer is a WebSocket as the handler counts it.
type peer struct {
	*socket.Socket

	h    *Handler
	kind Kind
}

func newPeer(h *Handler, nc net.Conn, kind Kind) *peer {
	return &peer{socket.New(nc, h.pool.NewConn(nc, &h.stats.kinds[kind].out), &h.sockets[kind]), h, kind}
}

func (p *peer) shut(code int, reason string) { p.Shut(code, reason) }

func (p *peer) abort() { p.Abort() }

// socketConfigs are the configurations of each kind.
func (h *Handler) socketConfigs() (all [kinds]socket.Config) {
	for k := range kinds {
		all[k] = socket.Config{
			PingInterval: h.opts.PingInterval, SlowTimeout: h.opts.SlowClientTimeout, MessageBytes: h.opts.MessageBytes,
			Received: func(bytes int) { h.stats.received(k, bytes) },
		}
	}
	all[KindLegacy].Beat = keepAlive
	return all
}
