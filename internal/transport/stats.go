package transport

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Kind is a way of delivery, `transport` in metrics.
type Kind uint8

// The kinds of connections.
const (
	KindWS        Kind        = iota // graphql-transport-ws
	KindLegacy                       // graphql-ws, the old sub-protocol
	KindSSE                          // server-sent events
	KindRelay                        // /stream over HTTP
	KindRelayWS                      // /stream over a WebSocket
	kinds                            // their number
	kindsWithHTTP = kinds + 1        // and single requests
)

// kindHTTP stands for single requests, which are not connections.
const kindHTTP = kinds

var kindNames = [kindsWithHTTP]string{"graphql-transport-ws", "graphql-ws", "sse", "relay", "relay-ws", "http"}

func (k Kind) String() string { return kindNames[k] }

// KindStats are the counters of one kind.
type KindStats struct {
	Kind             string
	Active           int64          // connections now
	Accepted         uint64         // connections ever
	Closed           map[int]uint64 // connections ended, by close code; 1006: without one, and every HTTP stream
	MessagesReceived uint64
	BytesReceived    uint64
	MessagesSent     uint64 // results and rows; for WebSockets of all kinds together see Stats.Delivered
	BytesSent        uint64
}

// SourceStats count the live subscriptions of one source.
type SourceStats struct {
	Active  int64
	Started uint64
}

// Stats is a snapshot of a handler's counters.
type Stats struct {
	Kinds      []KindStats            // connections by kind; the last is "http", single requests
	Sources    map[string]SourceStats // subscriptions by source
	Operations map[string]uint64      // operations ever, by type: query, mutation, subscription; "refused" for those that did not validate

	// What the WebSockets' delivery workers wrote.
	MessagesDelivered uint64
	BytesDelivered    uint64
	Writes            uint64
	Blocked           int64  // connections whose socket is full now
	SlowClients       uint64 // connections cut off for taking nothing
}

type kindCounters struct {
	active                                  atomic.Int64
	accepted, msgIn, bytesIn, msgOut, bytes atomic.Uint64

	mu     sync.Mutex // guards closed
	closed map[int]uint64
}

type sourceCounters struct {
	active  atomic.Int64
	started atomic.Uint64
}

type counters struct {
	kinds                                    [kindsWithHTTP]kindCounters
	query, mutation, subscription, malformed atomic.Uint64
	sources                                  sync.Map // string to *sourceCounters
}

func (c *counters) opened(k Kind) {
	c.kinds[k].active.Add(1)
	c.kinds[k].accepted.Add(1)
}

// closedBy counts a connection's end. Codes that no rule names share one
// counter, so that clients cannot grow the map.
func (c *counters) closedBy(k Kind, code int) {
	kc := &c.kinds[k]
	kc.active.Add(-1)
	if code < 1000 || code > 1015 && code < 4400 || code >= 4510 {
		code = 0
	}
	kc.mu.Lock()
	defer kc.mu.Unlock()
	if kc.closed == nil {
		kc.closed = make(map[int]uint64)
	}
	kc.closed[code]++
}

func (c *counters) received(k Kind, bytes int) {
	c.kinds[k].msgIn.Add(1)
	c.kinds[k].bytesIn.Add(uint64(bytes))
}

func (c *counters) sent(k Kind, messages, bytes int) {
	c.kinds[k].msgOut.Add(uint64(messages))
	c.kinds[k].bytes.Add(uint64(bytes))
}

// subscribed counts a live subscription in; the returned function counts it
// out.
func (c *counters) subscribed(source string) (done func()) {
	v, ok := c.sources.Load(source)
	if !ok {
		v, _ = c.sources.LoadOrStore(source, new(sourceCounters))
	}
	sc, _ := v.(*sourceCounters)
	sc.active.Add(1)
	sc.started.Add(1)
	return func() { sc.active.Add(-1) }
}

// Stats returns the counters.
func (h *Handler) Stats() Stats {
	c, d := &h.stats, h.pool.Stats()
	s := Stats{
		Sources: make(map[string]SourceStats),
		Operations: map[string]uint64{
			"query": c.query.Load(), "mutation": c.mutation.Load(),
			"subscription": c.subscription.Load(), "refused": c.malformed.Load(),
		},
		MessagesDelivered: d.Messages,
		BytesDelivered:    d.Bytes,
		Writes:            d.Writes,
		Blocked:           d.Blocked,
		SlowClients:       d.Slow,
	}
	for k := range c.kinds {
		kc := &c.kinds[k]
		kc.mu.Lock()
		closed := maps.Clone(kc.closed)
		kc.mu.Unlock()
		s.Kinds = append(s.Kinds, KindStats{
			Kind: Kind(k).String(), Active: kc.active.Load(), Accepted: kc.accepted.Load(), Closed: closed,
			MessagesReceived: kc.msgIn.Load(), BytesReceived: kc.bytesIn.Load(),
			MessagesSent: kc.msgOut.Load(), BytesSent: kc.bytes.Load(),
		})
	}
	c.sources.Range(func(k, v any) bool {
		name, _ := k.(string)
		sc, _ := v.(*sourceCounters)
		s.Sources[name] = SourceStats{Active: sc.active.Load(), Started: sc.started.Load()}
		return true
	})
	return s
}
