package transport

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/tycostream/tycostream/internal/codec"
	"github.com/tycostream/tycostream/internal/feed"
	"github.com/tycostream/tycostream/internal/filter"
	"github.com/tycostream/tycostream/internal/transport/channel"
	"github.com/tycostream/tycostream/internal/transport/delivery"
)

// kindChannel is the row channels' kind of subscription in Stats.
const kindChannel = "channel"

// channelPortion is how many rows of a snapshot are encoded at a time: about
// 64 KiB, as each is a message of its own.
const channelPortion = 256

// Channels returns the handler of /ws: a WebSocket on which clients subscribe
// to sources as the channels of a gateway over LISTEN and NOTIFY. See package
// channel for the messages.
func (h *Handler) Channels() http.Handler { return http.HandlerFunc(h.serveChannels) }

func (h *Handler) serveChannels(w http.ResponseWriter, r *http.Request) {
	if !isUpgrade(r) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "row channels need a WebSocket", http.StatusUpgradeRequired)
		return
	}
	if _, err := h.opts.Guard.Request(r.Header); err != nil {
		w.Header().Set("WWW-Authenticate", challenge)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	nc, _, ok := h.upgrade(w, r)
	if !ok {
		return
	}
	c := &channels{peer: newPeer(h, nc, KindChannels)}
	if err := h.accept(c, KindChannels); err != nil {
		c.Refuse(codeTryLater, err.Error())
		return
	}
	h.shutLate(c)
	go c.run() // see serveWebSocket
}

// channels is a WebSocket of row channels.
type channels struct {
	*peer

	mu   sync.Mutex    // guards what follows; taken alone
	subs []*subscriber // at most one for each source
}

// subscriber is a running subscription.
type subscriber struct {
	source string // in schema.yaml
	where  string // canonical
	rows   *channel.Subscription
	stream *delivery.Stream
}

// run reads until the connection ends.
func (c *channels) run() {
	c.Arm(c.h.opts.PingInterval)
	for {
		text, ok := c.Read(func() bool { return false }, c.shut)
		if !ok {
			break
		}
		c.message(text)
	}
	c.abort()
	c.mu.Lock()
	subs := c.subs
	c.subs = nil
	c.mu.Unlock()
	for _, s := range subs {
		s.stream.Close()
	}
	c.h.release(c, c.kind, c.Code())
}

// refuse answers a message that cannot be followed. No mistake ends the
// connection, which serves other channels.
func (c *channels) refuse(name, code, text string) {
	c.h.stats.failed(gqlerror.List{coded(code, text)})
	c.Send(channel.Problem(name, code, text))
}

// message handles one message.
func (c *channels) message(text []byte) {
	m, err := channel.Parse(text)
	if err != nil {
		c.refuse(m.Channel, codeBadRequest, err.Error())
		return
	}
	switch m.Type {
	case channel.Ping:
		c.Send(channel.Message(channel.Pong, ""))
	case channel.Pong:
	case channel.Subscribe, channel.Unsubscribe:
		source, missing := c.h.channel(m.Channel)
		switch {
		case missing != "":
			c.refuse(m.Channel, codeBadInput, missing)
		case m.Type == channel.Subscribe:
			c.subscribe(&m, source)
		default:
			c.unsubscribe(&m, source)
		}
	case "":
		c.refuse(m.Channel, codeBadRequest, "the message has no type: send subscribe, unsubscribe or ping")
	default:
		c.refuse(m.Channel, codeBadRequest, fmt.Sprintf("unknown type %.80q: send subscribe, unsubscribe or ping", m.Type))
	}
}

// channel returns the source that clients know by a name, its own or its
// field's in GraphQL; missing says why there is none.
func (h *Handler) channel(name string) (source *RelaySource, missing string) {
	all := h.opts.Relay()
	if name == "" {
		return nil, "the message names no channel; " + thereAre(all)
	}
	i := slices.IndexFunc(all, func(s RelaySource) bool { return s.Name == name })
	if i < 0 {
		i = slices.IndexFunc(all, func(s RelaySource) bool { return s.Field == name })
	}
	if i < 0 {
		return nil, fmt.Sprintf("there is no channel %.80q; %s", name, thereAre(all))
	}
	return &all[i], ""
}

// subscribe starts a subscription. Once more for the same is no mistake.
func (c *channels) subscribe(m *channel.Request, source *RelaySource) {
	if source.Schema == nil {
		c.refuse(m.Channel, feed.CodeNotReady, columnsUnknown)
		return
	}
	where, err := c.h.compile(source, m.Where)
	if err != nil {
		c.refuse(m.Channel, codeBadInput, err.Error())
		return
	}
	running, s := c.find(source.Name)
	switch {
	case s != nil && s.where != where.Canonical():
		c.refuse(m.Channel, codeBadInput, "this connection follows the channel with another where: unsubscribe first")
	case s != nil && m.Snapshot && !s.rows.Snapshot():
		c.refuse(m.Channel, codeBadInput, "this connection follows the channel without a snapshot: unsubscribe first")
	case s != nil:
		s.rows.Again(m.Channel)
		s.stream.Wake()
	case running >= c.h.opts.Operations:
		c.refuse(m.Channel, codeBusy,
			"this connection follows as many channels as the setting limits.operations allows: unsubscribe from some first")
	default:
		c.follow(m, source, where)
	}
}

// follow starts what subscribe has found to be right.
func (c *channels) follow(m *channel.Request, source *RelaySource, where *filter.Predicate) {
	s := &subscriber{source: source.Name, where: where.Canonical()}
	s.stream = c.NewStream(delivery.Envelope{}, func(error) []byte {
		if !c.remove(s) {
			return nil
		}
		return channel.Message(channel.Unsubscribed, m.Channel)
	})
	cursor := source.Feed.Subscribe(feed.Options{
		Where: where, Encoder: channel.Encoder(codec.Images(source.shape(), source.Table)),
		SkipSnapshot: !m.Snapshot, MaxRows: channelPortion,
	}, s.stream.Wake)
	s.rows = channel.Follow(cursor, m.Channel, m.Snapshot, c.explain)
	c.mu.Lock()
	c.subs = append(c.subs, s)
	c.mu.Unlock()
	s.stream.Attach(&counted{s.rows, c.h.stats.subscribed(source.Name, kindChannel)})
}

// unsubscribe ends a subscription, if there is one. Nothing of it comes behind
// the answer.
func (c *channels) unsubscribe(m *channel.Request, source *RelaySource) {
	if _, s := c.find(source.Name); s != nil && c.remove(s) {
		s.stream.Close()
	}
	c.Send(channel.Message(channel.Unsubscribed, m.Channel))
}

// explain words the error that ended a subscription.
func (c *channels) explain(err error) (code, text string) {
	e := c.h.subscriptionError(err)
	code, _ = e.Extensions["code"].(string)
	return code, e.Message
}

// find returns how many subscriptions there are, and that to a source.
func (c *channels) find(source string) (running int, s *subscriber) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.subs, func(s *subscriber) bool { return s.source == source }); i >= 0 {
		s = c.subs[i]
	}
	return len(c.subs), s
}

// remove reports whether this call removed s.
func (c *channels) remove(s *subscriber) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.subs, s)
	if i >= 0 {
		c.subs = slices.Delete(c.subs, i, i+1)
	}
	return i >= 0
}
