package app

import (
	"strconv"

	"github.com/tycostream/tycostream/internal/telemetry"
	"github.com/tycostream/tycostream/internal/transport"
)

func (g *gateway) transportStats() []telemetry.TransportStats {
	var out []telemetry.TransportStats
	for _, k := range g.transport.Stats().Kinds {
		t := telemetry.TransportStats{
			Transport: k.Kind, WebSocket: isWebSocket(k.Kind), Connections: int(k.Active), Accepted: k.Accepted,
			Closed: map[string]uint64{}, MessagesSent: k.MessagesSent, BytesSent: k.BytesSent,
			MessagesReceived: k.MessagesReceived, BytesReceived: k.BytesReceived,
		}
		for code, n := range k.Closed {
			t.Closed[closeLabel(code)] += n
		}
		out = append(out, t)
	}
	return out
}

func isWebSocket(kind string) bool {
	for _, k := range []transport.Kind{transport.KindWS, transport.KindLegacy, transport.KindRelayWS} {
		if kind == k.String() {
			return true
		}
	}
	return false
}

// closeLabel bounds the label's values: a client may close with any code.
func closeLabel(code int) string {
	switch {
	case code >= 1000 && code <= 1015,
		code == 4400, code == 4401, code == 4403, code == 4406, code == 4408, code == 4409, code == 4429, code == 4500:
		return strconv.Itoa(code)
	}
	return "other"
}

func (g *gateway) subscriptionStats() []telemetry.SubscriptionStats {
	var out []telemetry.SubscriptionStats
	for _, s := range g.transport.Stats().Subscriptions {
		out = append(out, telemetry.SubscriptionStats{
			Source: s.Source, Kind: s.Kind, Active: int(s.Active), Started: s.Started,
		})
	}
	return out
}

func (g *gateway) slowConsumers() map[string]uint64 {
	return map[string]uint64{"disconnected": g.transport.Stats().SlowClients}
}
