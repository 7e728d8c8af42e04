package transport

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/feed"
)

// channels is a client of row channels.
func (g *gateway) channels() *client {
	g.Helper()
	c, _, err := g.tryDial("/ws", nil)
	if err != nil {
		g.Fatal(err)
	}
	return c
}

// asked sends a message and checks the answer.
func (c *client) asked(say, want string) {
	c.Helper()
	c.say(say)
	c.want(want)
}

// followers are the subscriptions that run, by every count there is.
func (g *gateway) followers(n int64) {
	g.Helper()
	eventually(g.TB, strconv.FormatInt(n, 10)+" subscriptions", func() bool {
		return g.Stats().of("trades", kindChannel).Active == n && int64(g.feed.Status().Subscribers) == n
	})
}

const (
	subscribeTrades = `{"type":"subscribe","channel":"trades"}`
	subscribedToIt  = `{"type":"subscribed","channel":"trades"}`
	withSnapshot    = `{"type":"subscribe","channel":"trades","snapshot":true}`
)

func TestChannels(t *testing.T) {
	g := newGateway(t, Options{}).live(2)
	c := g.channels()
	c.asked(subscribeTrades, subscribedToIt)
	g.set(1, "S1", "101") // nothing of the rows before
	c.want(`{"op":"UPDATE","table":"trade_log","new":{"id":1,"symbol":"S1","price":"101"},"old":{"id":1,"symbol":"S1","price":"100"}}`)
	g.set(3, `"<x>`, "")
	c.want(`{"op":"INSERT","table":"trade_log","new":{"id":3,"symbol":"\"<x>","price":null},"old":null}`)
	g.drop(3)
	c.want(`{"op":"DELETE","table":"trade_log","new":null,"old":{"id":3,"symbol":"\"<x>","price":null}}`)
	c.asked(`{"type":"ping"}`, `{"type":"pong"}`)
	c.say(`{"type":"pong"}`)
	g.followers(1)

	c.asked(`{"type":"unsubscribe","channel":"trades"}`, `{"type":"unsubscribed","channel":"trades"}`)
	g.followers(0)
	g.set(1, "S1", "102")
	c.asked(`{"type":"unsubscribe","channel":"trades"}`, `{"type":"unsubscribed","channel":"trades"}`)
	c.asked(subscribeTrades, subscribedToIt)
	g.set(1, "S1", "103")
	c.want(`{"op":"UPDATE","table":"trade_log","new":{"id":1,"symbol":"S1","price":"103"},"old":{"id":1,"symbol":"S1","price":"102"}}`)

	if k := g.Stats().Kinds[KindChannels]; k.Kind != "row-channels" || !k.WebSocket || k.Active != 1 || k.MessagesReceived != 6 {
		t.Errorf("%+v", k)
	}
	_ = c.Close()
	g.followers(0)
	eventually(t, "gone", func() bool { return active(g.Stats()) == 0 })
}

func TestChannelSnapshot(t *testing.T) {
	g := newGateway(t, Options{}).live(2)
	c := g.channels()
	c.asked(withSnapshot, subscribedToIt)
	c.want(`{"op":"INSERT","table":"trade_log","new":{"id":1,"symbol":"S1","price":"100"},"old":null}`)
	c.want(`{"op":"INSERT","table":"trade_log","new":{"id":2,"symbol":"S2","price":"100"},"old":null}`)
	c.want(`{"type":"snapshot","channel":"trades"}`)
	g.set(2, "S2", "7")
	c.want(`{"op":"UPDATE","table":"trade_log","new":{"id":2,"symbol":"S2","price":"7"},"old":{"id":2,"symbol":"S2","price":"100"}}`)

	// A snapshot of nothing is whole at once, also in many portions.
	none := g.channels()
	none.asked(`{"type":"subscribe","channel":"trades","snapshot":true,"where":{"id":{"_gt":100}}}`, subscribedToIt)
	none.want(`{"type":"snapshot","channel":"trades"}`)
	for id := 101; id <= 101+3*channelPortion; id++ {
		g.set(id, "S", "1")
		none.want(`{"op":"INSERT","table":"trade_log","new":{"id":` + strconv.Itoa(id) + `,"symbol":"S","price":"1"},"old":null}`)
	}
	many := g.channels()
	many.asked(`{"type":"subscribe","channel":"trades","snapshot":true,"where":{"id":{"_gt":100}}}`, subscribedToIt)
	seen := map[string]bool{}
	for range 3*channelPortion + 1 {
		got := many.next()
		if !strings.HasPrefix(got, `{"op":"INSERT","table":"trade_log","new":{"id":`) || seen[got] {
			t.Fatal(got)
		}
		seen[got] = true
	}
	many.want(`{"type":"snapshot","channel":"trades"}`)
}

// Rows come into a view and leave it.
func TestChannelWhere(t *testing.T) {
	g := newGateway(t, Options{}).live(2)
	c := g.channels()
	c.asked(`{"type":"subscribe","channel":"trades","where":{"price":{"_gt":"9007199254740992"}}}`, subscribedToIt)
	g.set(1, "S1", "9007199254740993")
	c.want(`{"op":"INSERT","table":"trade_log","new":{"id":1,"symbol":"S1","price":"9007199254740993"},"old":null}`)
	g.set(2, "S2", "101")
	g.set(1, "S1", "1")
	c.want(`{"op":"DELETE","table":"trade_log","new":null,"old":{"id":1,"symbol":"S1","price":"9007199254740993"}}`)
}

// The acknowledgment waits for the place in the stream that it promises.
func TestChannelOfASourceThatStarts(t *testing.T) {
	g := newGateway(t, Options{})
	c := g.channels()
	c.say(subscribeTrades)
	c.say(subscribeTrades)
	c.say(`{"type":"subscribe","channel":"allTrades"}`)
	c.asked(`{"type":"ping"}`, `{"type":"pong"}`)
	g.live(2)
	for _, want := range []string{subscribedToIt, subscribedToIt, `{"type":"subscribed","channel":"allTrades"}`} {
		c.want(want)
	}
	g.drop(1)
	c.want(`{"op":"DELETE","table":"trade_log","new":null,"old":{"id":1,"symbol":"S1","price":"100"}}`)
}

func TestChannelTwice(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	c := g.channels()
	c.asked(subscribeTrades, subscribedToIt)
	for _, again := range []string{
		subscribeTrades, `{"type":"subscribe","channel":"trades","where":{}}`, `{"type":"subscribe","channel":"trades","where":null,"snapshot":false}`,
	} {
		c.asked(again, subscribedToIt)
	}
	c.asked(`{"type":"subscribe","channel":"allTrades"}`, `{"type":"subscribed","channel":"allTrades"}`)
	g.followers(1)
	c.asked(`{"type":"subscribe","channel":"trades","where":{"id":{"_eq":1}}}`,
		`{"type":"error","channel":"trades","message":"this connection follows the channel with another where: unsubscribe first","code":"BAD_USER_INPUT"}`)
	c.asked(withSnapshot,
		`{"type":"error","channel":"trades","message":"this connection follows the channel without a snapshot: unsubscribe first","code":"BAD_USER_INPUT"}`)
	g.set(1, "S1", "7") // once
	c.want(`{"op":"UPDATE","table":"trade_log","new":{"id":1,"symbol":"S1","price":"7"},"old":{"id":1,"symbol":"S1","price":"100"}}`)
	c.asked(`{"type":"unsubscribe","channel":"allTrades"}`, `{"type":"unsubscribed","channel":"allTrades"}`)
	g.followers(0)

	c.asked(withSnapshot, subscribedToIt)
	c.want(`{"op":"INSERT","table":"trade_log","new":{"id":1,"symbol":"S1","price":"7"},"old":null}`)
	c.want(`{"type":"snapshot","channel":"trades"}`)
	for _, again := range []string{subscribeTrades, withSnapshot} { // no second one
		c.asked(again, subscribedToIt)
	}
	c.asked(`{"type":"ping"}`, `{"type":"pong"}`)
}

func TestChannelMistakes(t *testing.T) {
	g := newGateway(t, Options{FilterSize: 5}).live(1)
	c := g.channels()
	for _, tt := range []struct{ name, say, want string }{
		{"not JSON", `{`, `{"type":"error","message":"the JSON text ends too early","code":"BAD_REQUEST"}`},
		{"a list", `[]`, `{"type":"error","message":"not a JSON object","code":"BAD_REQUEST"}`},
		{"two values", subscribeTrades + subscribeTrades, `{"type":"error","channel":"trades","message":"something follows the JSON value","code":"BAD_REQUEST"}`},
		{"no type", `{"channel":"trades"}`, `{"type":"error","channel":"trades","message":"the message has no type: send subscribe, unsubscribe or ping","code":"BAD_REQUEST"}`},
		{"unknown type", `{"type":"listen","channel":"trades"}`, `{"type":"error","channel":"trades","message":"unknown type \"listen\": send subscribe, unsubscribe or ping","code":"BAD_REQUEST"}`},
		{"type is a number", `{"type":1,"channel":"trades"}`, `{"type":"error","channel":"trades","message":"type must be a string, not a JSON number","code":"BAD_REQUEST"}`},
		{"no channel", `{"type":"subscribe"}`, `{"type":"error","message":"the message names no channel; there are: trades, pending","code":"BAD_USER_INPUT"}`},
		{"unknown channel", `{"type":"subscribe","channel":"trade_log"}`, `{"type":"error","channel":"trade_log","message":"there is no channel \"trade_log\"; there are: trades, pending","code":"BAD_USER_INPUT"}`},
		{"unsubscribe from an unknown one", `{"type":"unsubscribe","channel":"x"}`, `{"type":"error","channel":"x","message":"there is no channel \"x\"; there are: trades, pending","code":"BAD_USER_INPUT"}`},
		{"columns not known", `{"type":"subscribe","channel":"pending"}`, `{"type":"error","channel":"pending","message":"the source's columns are not known yet: try again","code":"SOURCE_NOT_READY"}`},
		{"snapshot is text", `{"type":"subscribe","channel":"trades","snapshot":"yes"}`, `{"type":"error","channel":"trades","message":"snapshot must be true or false, not a JSON string","code":"BAD_REQUEST"}`},
		{"where is text", `{"type":"subscribe","channel":"trades","where":"id = 1"}`, `{"type":"error","channel":"trades","message":"where must be an object, not a JSON string","code":"BAD_REQUEST"}`},
		{"where names no column", `{"type":"subscribe","channel":"trades","where":{"nope":{"_eq":1}}}`, `{"type":"error","channel":"trades","message":"where.nope: no such column","code":"BAD_USER_INPUT"}`},
		{"null in where", `{"type":"subscribe","channel":"trades","where":{"id":{"_eq":null}}}`, `{"type":"error","channel":"trades","message":"where.id._eq: null is not allowed here: use _is_null","code":"BAD_USER_INPUT"}`},
		{"large where", `{"type":"subscribe","channel":"trades","where":{"id":{"_in":[1,2,3,4,5]}}}`, `{"type":"error","channel":"trades","message":"where: the filter holds 6 operators and values: the limit is 5, the setting limits.filter_size","code":"BAD_USER_INPUT"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.TB = t
			c.asked(tt.say, tt.want)
		})
	}
	c.TB = t
	c.asked(`{"type":"subscribe","channel":"`+strings.Repeat("x", 1000)+`"}`, // is not sent back
		`{"type":"error","message":"there is no channel \"`+strings.Repeat("x", 80)+`\"; there are: trades, pending","code":"BAD_USER_INPUT"}`)
	c.asked(subscribeTrades, subscribedToIt) // none of them ended the connection
	if n := g.Stats().Errors[codeBadInput]; n != 7 {
		t.Errorf("%d errors of bad input counted", n)
	}
}

func TestChannelJunk(t *testing.T) {
	g := newGateway(t, Options{MessageBytes: 1000}).live(1)
	binary := g.channels()
	if err := binary.WriteMessage(websocket.BinaryMessage, []byte(subscribeTrades)); err != nil {
		t.Fatal(err)
	}
	binary.wantClose(codeBadMessage, "send text frames")
	long := g.channels()
	long.asked(subscribeTrades, subscribedToIt)
	go func() {
		_ = long.WriteMessage(websocket.TextMessage, []byte(strings.Repeat(" ", 1<<20)+subscribeTrades))
	}()
	long.wantClose(1009, "limits.message_bytes")
	g.followers(0)
}

func TestChannelDoors(t *testing.T) {
	g := newGateway(t, Options{Guard: auth.New("s3cret"), Connections: 1}).live(1)
	resp, body := g.do("GET", "/ws", "")
	if resp.StatusCode != http.StatusUpgradeRequired || resp.Header.Get("Upgrade") != "websocket" || !strings.Contains(body, "WebSocket") {
		t.Errorf("%s %v %s", resp.Status, resp.Header, body)
	}
	for _, tt := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"a foreign page", http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		{"a wrong secret", http.Header{"Authorization": {"Bearer guess"}}, http.StatusUnauthorized},
		{"the right one", http.Header{"Authorization": {"Bearer s3cret"}}, http.StatusSwitchingProtocols},
		{"no room", nil, http.StatusServiceUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, resp, _ := g.tryDial("/ws", tt.header)
			if resp.StatusCode != tt.status {
				t.Errorf("%s, want %d", resp.Status, tt.status)
			}
		})
	}
}

func TestChannelLimit(t *testing.T) {
	one := newGateway(t, Options{}).live(1)
	two := []RelaySource{{Name: "a", Schema: one.schema, Feed: one.feed}, {Name: "b", Schema: one.schema, Feed: one.feed}}
	c := newGateway(t, Options{Operations: 1, Relay: func() []RelaySource { return two }}).channels()
	c.asked(`{"type":"subscribe","channel":"a"}`, `{"type":"subscribed","channel":"a"}`)
	c.asked(`{"type":"subscribe","channel":"b"}`, `{"type":"error","channel":"b","message":"this connection follows as many channels as the setting limits.operations allows: unsubscribe from some first","code":"TOO_MANY_OPERATIONS"}`)
	c.asked(`{"type":"subscribe","channel":"a"}`, `{"type":"subscribed","channel":"a"}`)
	c.asked(`{"type":"unsubscribe","channel":"a"}`, `{"type":"unsubscribed","channel":"a"}`)
	c.asked(`{"type":"subscribe","channel":"b"}`, `{"type":"subscribed","channel":"b"}`)
}

// What a source's end leaves behind is a connection that works.
func TestChannelEndsWithItsSource(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	c := g.channels()
	c.asked(`{"type":"subscribe","channel":"allTrades"}`, `{"type":"subscribed","channel":"allTrades"}`)
	g.feed.Close()
	c.want(`{"type":"error","channel":"allTrades","message":"the source was closed: subscribe again","code":"SOURCE_CLOSED"}`)
	c.want(`{"type":"unsubscribed","channel":"allTrades"}`)
	g.followers(0)
	c.asked(`{"type":"ping"}`, `{"type":"pong"}`)
	if n := g.Stats().Errors[feed.CodeClosed]; n != 1 {
		t.Errorf("%d errors counted", n)
	}
}

func TestChannelsDrain(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	c := g.channels()
	c.asked(subscribeTrades, subscribedToIt)
	go g.Drain(t.Context(), time.Millisecond)
	c.wantClose(codeRestart, "restarts")
	g.followers(0)
	g.channels().wantClose(codeRestart, "restarts")
}
