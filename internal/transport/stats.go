package transport

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/histogram"
	"github.com/tycostream/tycostream/internal/transport/delivery"
)

// Kind is a way of delivery, `transport` in metrics.
type Kind uint8

// The kinds of connections.
const (
	KindWS        Kind        = iota // graphql-transport-ws
	KindLegacy                       // graphql-ws, the old sub-protocol
	KindSSE                          // server-sent events
	KindMultipart                    // Apollo's multipart subscriptions
	KindRelay                        // /stream over HTTP
	KindRelayWS                      // /stream over a WebSocket
	KindChannels                     // row channels
	kinds                            // their number
	kindsWithHTTP = kinds + 1        // and single requests
)

// kindHTTP stands for single requests, which are not connections.
const kindHTTP = kinds

var kindNames = [kindsWithHTTP]string{"graphql-transport-ws", "graphql-ws", "sse", "multipart", "relay", "relay-ws", "row-channels", "http"}

// isSocket reports whether a connection of the kind is a WebSocket.
func (k Kind) isSocket() bool {
	return k == KindWS || k == KindLegacy || k == KindRelayWS || k == KindChannels
}

func (k Kind) String() string { return kindNames[k] }

// KindStats are the counters of one kind.
type KindStats struct {
	Kind             string
	WebSocket        bool
	Active           int64          // connections now
	Accepted         uint64         // connections ever
	Closed           map[int]uint64 // connections ended, by close code; 1006: without one, and every HTTP stream
	MessagesReceived uint64
	BytesReceived    uint64
	MessagesSent     uint64 // results and rows; not pings and the like
	BytesSent        uint64 // of WebSockets: all that their sockets took
}

// SubscriptionStats count the live subscriptions of one kind to one source.
type SubscriptionStats struct {
	Source  string
	Kind    string // what messages hold: rows, changes, columns; of the relay, stream; of row channels, channel
	Active  int64
	Started uint64
}

// Stats is a snapshot of a handler's counters.
type Stats struct {
	Kinds         []KindStats         // connections by kind; the last is "http", single requests
	Subscriptions []SubscriptionStats // by source and kind
	Errors        map[string]uint64   // errors that refused or ended subscriptions, by code; "other" for codes that are not on the list
	Operations    map[string]uint64   // operations ever, by type: query, mutation, subscription; "refused" for those that did not validate

	Writes      uint64 // of the WebSockets' delivery workers: messages sent / writes is how much is merged
	Blocked     int64  // WebSockets whose socket is full now
	SlowClients uint64 // connections cut off for taking nothing
	QueueBytes  int64  // taken from cursors, or from the gateway itself, and not yet by sockets

	WebSockets Timing
	Streams    Timing // of SSE, multipart and the relay over HTTP
}

// Timing is how long it takes until sockets have taken what one pass over a
// connection gathers.
type Timing struct {
	Write         histogram.Counts // from the first byte tried
	ChangeLatency histogram.Counts // from when the newest live change in it came from upstream
}

type kindCounters struct {
	active                   atomic.Int64
	accepted, msgIn, bytesIn atomic.Uint64
	out                      delivery.Counters

	mu     sync.Mutex // guards closed
	closed map[int]uint64
}

// subscriptionKey is what subscriptions are counted by.
type subscriptionKey struct{ source, kind string }

type subscriptionCounters struct {
	active  atomic.Int64
	started atomic.Uint64
}

type counters struct {
	kinds                                    [kindsWithHTTP]kindCounters
	query, mutation, subscription, malformed atomic.Uint64
	subscriptions                            sync.Map // subscriptionKey to *subscriptionCounters
	errors                                   [len(errorCodes) + 1]atomic.Uint64

	// Of streams over HTTP.
	slow          atomic.Uint64
	queued        atomic.Int64
	write, change histogram.Histogram
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
	c.kinds[k].bytesIn.Add(uint64(bytes)) //nolint:gosec // a length
}

func (c *counters) sent(k Kind, messages, bytes int) {
	c.kinds[k].out.Messages.Add(uint64(messages)) //nolint:gosec // a count
	c.kinds[k].out.Bytes.Add(uint64(bytes))       //nolint:gosec // a length
}

// wrote times a stream's pass; received is 0 if nothing in it was live.
func (c *counters) wrote(began, received, now int64) {
	c.write.Observe(time.Duration(now - began))
	if received != 0 {
		c.change.Observe(time.Duration(now - received))
	}
}

// subscribed counts a live subscription in; the returned function counts it
// out.
func (c *counters) subscribed(source, kind string) (done func()) {
	key := subscriptionKey{source, kind}
	v, ok := c.subscriptions.Load(key)
	if !ok {
		v, _ = c.subscriptions.LoadOrStore(key, new(subscriptionCounters))
	}
	sc, _ := v.(*subscriptionCounters)
	sc.active.Add(1)
	sc.started.Add(1)
	return func() { sc.active.Add(-1) }
}

// errorCodes are those that subscriptions are counted by.
var errorCodes = [...]string{
	codeBadInput, "validation-failed", feed.CodeNotReady, feed.CodeResync, feed.CodeClosed, codeInternal,
}

// failed counts what refused or ended a subscription.
func (c *counters) failed(errs gqlerror.List) {
	for _, err := range errs {
		i := slices.IndexFunc(errorCodes[:], func(code string) bool { return code == err.Extensions["code"] })
		if i < 0 {
			i = len(errorCodes)
		}
		c.errors[i].Add(1)
	}
}

// errorCounts returns what failed has counted.
func (c *counters) errorCounts() map[string]uint64 {
	out := map[string]uint64{"other": c.errors[len(errorCodes)].Load()}
	for i, code := range errorCodes {
		out[code] = c.errors[i].Load()
	}
	return out
}

// Stats returns the counters.
func (h *Handler) Stats() Stats {
	c, d := &h.stats, h.pool.Stats()
	s := Stats{
		Errors: c.errorCounts(),
		Operations: map[string]uint64{
			"query": c.query.Load(), "mutation": c.mutation.Load(),
			"subscription": c.subscription.Load(), "refused": c.malformed.Load(),
		},
		Writes:      d.Writes,
		Blocked:     d.Blocked,
		SlowClients: d.Slow + c.slow.Load(),
		QueueBytes:  d.Queued + c.queued.Load(),
		WebSockets:  Timing{Write: d.Write, ChangeLatency: d.ChangeLatency},
		Streams:     Timing{Write: c.write.Counts(), ChangeLatency: c.change.Counts()},
	}
	for k := range c.kinds {
		kc := &c.kinds[k]
		kc.mu.Lock()
		closed := maps.Clone(kc.closed)
		kc.mu.Unlock()
		s.Kinds = append(s.Kinds, KindStats{
			Kind: Kind(k).String(), WebSocket: Kind(k).isSocket(), Active: kc.active.Load(), Accepted: kc.accepted.Load(), Closed: closed,
			MessagesReceived: kc.msgIn.Load(), BytesReceived: kc.bytesIn.Load(),
			MessagesSent: kc.out.Messages.Load(), BytesSent: kc.out.Bytes.Load(),
		})
	}
	c.subscriptions.Range(func(k, v any) bool {
		key, _ := k.(subscriptionKey)
		sc, _ := v.(*subscriptionCounters)
		s.Subscriptions = append(s.Subscriptions, SubscriptionStats{key.source, key.kind, sc.active.Load(), sc.started.Load()})
		return true
	})
	return s
}
