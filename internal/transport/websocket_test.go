package transport

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tycostream/tycostream/internal/auth"
	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

const initMessage = `{"type":"connection_init"}`

func TestCloseCodes(t *testing.T) {
	sub := `{"id":"1","type":"subscribe","payload":{"query":"subscription { trades { operation } }"}}`
	tests := []struct {
		name     string
		protocol string
		say      []string
		code     int
		reason   string
	}{
		{"not JSON", protocolModern, []string{initMessage, `{`}, 4400, "Invalid message"},
		{"not an object", protocolModern, []string{initMessage, `[]`}, 4400, "Invalid message"},
		{"something behind", protocolModern, []string{initMessage + "x"}, 4400, "Invalid message"},
		{"no type", protocolModern, []string{`{}`}, 4400, "no type"},
		{"unknown type", protocolModern, []string{initMessage, `{"type":"hello"}`}, 4400, "hello"},
		{"legacy type", protocolModern, []string{initMessage, strings.Replace(sub, "subscribe", "start", 1)}, 4400, "start"},
		{"type is a number", protocolModern, []string{`{"type":1}`}, 4400, "type must be a string"},
		{"init payload is a list", protocolModern, []string{`{"type":"connection_init","payload":[]}`}, 4400, "object"},
		{"subscribe without id", protocolModern, []string{initMessage, `{"type":"subscribe","payload":{"query":"{a}"}}`}, 4400, "id"},
		{"subscribe with empty id", protocolModern, []string{initMessage, `{"id":"","type":"subscribe","payload":{"query":"{a}"}}`}, 4400, "id"},
		{"subscribe without payload", protocolModern, []string{initMessage, `{"id":"1","type":"subscribe"}`}, 4400, "object"},
		{"subscribe without query", protocolModern, []string{initMessage, `{"id":"1","type":"subscribe","payload":{}}`}, 4400, "query"},
		{"query is a number", protocolModern, []string{initMessage, `{"id":"1","type":"subscribe","payload":{"query":7}}`}, 4400, "query must be a string"},
		{"variables are a list", protocolModern, []string{initMessage, `{"id":"1","type":"subscribe","payload":{"query":"{a}","variables":[]}}`}, 4400, "variables must be an object"},
		{"complete without id", protocolModern, []string{initMessage, `{"type":"complete"}`}, 4400, "id"},
		{"subscribe before init", protocolModern, []string{sub}, 4401, "Unauthorized"},
		{"wrong secret", protocolModern, []string{`{"type":"connection_init","payload":{"token":"x"}}`}, 4403, "Forbidden"},
		{"unknown sub-protocol", "graphql-other", nil, 4406, "Subprotocol not acceptable"},
		{"no init", protocolModern, nil, 4408, "initialisation timeout"},
		{"no init, pings", protocolModern, []string{`{"type":"ping"}`}, 4408, "initialisation timeout"},
		{"duplicate id", protocolModern, []string{initMessage, sub, sub}, 4409, "Subscriber for 1 already exists"},
		{"init twice", protocolModern, []string{initMessage, initMessage}, 4429, "Too many initialisation requests"},
		{"legacy: not JSON", protocolLegacy, []string{initMessage, `{`}, 4400, "Invalid message"},
		{"legacy: start before init", protocolLegacy, []string{strings.Replace(sub, "subscribe", "start", 1)}, 4401, "Unauthorized"},
		{"legacy: wrong secret", protocolLegacy, []string{`{"type":"connection_init","payload":{"token":"x"}}`}, 4403, "Forbidden"},
		{"legacy: terminate", protocolLegacy, []string{initMessage, `{"type":"connection_terminate"}`}, 1000, ""},
		{"legacy: no init", protocolLegacy, nil, 4408, "initialisation timeout"},
	}
	g := newGateway(t, Options{Guard: auth.New("s3cret"), InitTimeout: 200 * time.Millisecond}).live(3)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := g.dial(tt.protocol)
			c.TB = t
			for _, m := range tt.say {
				c.say(m)
			}
			c.wantClose(tt.code, tt.reason)
		})
	}
	eventually(t, "every connection is gone", func() bool { return active(g.Stats()) == 0 })
	for _, kind := range []Kind{KindWS, KindLegacy} {
		want := map[int]uint64{}
		for _, tt := range tests {
			if (tt.protocol == protocolLegacy) == (kind == KindLegacy) {
				want[tt.code]++
			}
		}
		if got := g.Stats().Kinds[kind].Closed; !maps.Equal(got, want) {
			t.Errorf("%s: closed %v, want %v", kind, got, want)
		}
	}
}

func active(s Stats) (n int64) {
	for _, k := range s.Kinds {
		n += k.Active
	}
	return n
}

func TestJunkFrames(t *testing.T) {
	tests := []struct {
		name string
		raw  []byte
		code int
	}{
		{"unmasked", []byte("\x81\x02{}"), 1002},
		{"reserved bits", []byte("\xf1\x80\x00\x00\x00\x00"), 1002},
		{"a gigabyte announced", []byte("\x81\xff\x00\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00"), 1009},
		{"not UTF-8", []byte("\x81\x81\x00\x00\x00\x00\xff"), 1007},
		{"bad close code", []byte("\x88\x82\x00\x00\x00\x00\x00\x01"), 1002},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), 1002},
		{"binary", wsframe.AppendMasked(nil, true, wsframe.Binary, [4]byte{1, 2, 3, 4}, []byte(initMessage)), 4400},
	}
	g := newGateway(t, Options{}).live(1)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := g.dial(protocolModern)
			c.TB = t
			if _, err := c.NetConn().Write(tt.raw); err != nil {
				t.Fatal(err)
			}
			c.wantClose(tt.code, "")
		})
	}
	g.modern() // and the gateway lives
}

func TestLongMessage(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	c := g.modern()
	go func() {
		_ = c.WriteMessage(websocket.TextMessage, []byte(`{"id":"1","type":"subscribe","payload":{"query":"`+strings.Repeat("x", 10<<20)))
	}()
	c.wantClose(1009, "limits.message_bytes")
}

func TestSubscription(t *testing.T) {
	g := newGateway(t, Options{}).live(2)
	next := func(body string) string { return `{"id":"1","type":"next","payload":` + body + `}` }
	c := g.modern()
	c.ask("subscribe", "1", "subscription { t: trades(where: {price: {_gt: 50}}) { operation data { id price } fields } }")
	c.want(next(`{"data":{"t":{"operation":"INSERT","data":{"id":1,"price":"100"},"fields":["id","symbol","price"]}}}`))
	c.want(next(`{"data":{"t":{"operation":"INSERT","data":{"id":2,"price":"100"},"fields":["id","symbol","price"]}}}`))
	g.set(1, "S1", "101")
	c.want(next(`{"data":{"t":{"operation":"UPDATE","data":{"id":1,"price":"101"},"fields":["price"]}}}`))
	g.set(1, "S1", "50")
	c.want(next(`{"data":{"t":{"operation":"DELETE","data":{"id":1,"price":"101"},"fields":["id","symbol","price"]}}}`))
	if s := g.Stats().of("trades", "rows"); s.Active < 1 || s.Started < 1 {
		t.Errorf("stats %+v", s)
	}

	// Complete ends it, and frees the id.
	c.say(`{"id":"1","type":"complete"}`)
	c.say(`{"id":"none","type":"complete"}`)
	c.say(`{"type":"ping","payload":{"at":1}}`)
	c.want(`{"type":"pong","payload":{"at":1}}`)
	g.set(2, "S2", "200")
	c.ask("subscribe", "1", "subscription { trades { data { price } } }")
	c.want(next(`{"data":{"trades":{"data":{"price":"50"}}}}`))
	c.want(next(`{"data":{"trades":{"data":{"price":"200"}}}}`))
}

func TestQueryOverWebSocket(t *testing.T) {
	g := newGateway(t, Options{}).live(2)
	c := g.modern()
	c.ask("subscribe", "q", "{ trades(where: {id: {_eq: 2}}) { id symbol } }")
	c.want(`{"id":"q","type":"next","payload":{"data":{"trades":[{"id":2,"symbol":"S2"}]}}}`)
	c.want(`{"id":"q","type":"complete"}`)
	// A variable beyond 2^53 keeps its digits.
	g.set(3, "S3", "9007199254740993")
	c.say(`{"id":"q","type":"subscribe","payload":{"query":"query($p: BigInt) { trades(where: {price: {_eq: $p}}) { id price } }","variables":{"p":9007199254740993}}}`)
	if got := c.next(); !strings.Contains(got, `{"id":3,"price":"9007199254740993"}`) {
		t.Error(got)
	}
}

func TestErrorMessage(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	c := g.modern()
	c.ask("subscribe", "1", "subscription { nothing }")
	got := c.next()
	if !strings.HasPrefix(got, `{"id":"1","type":"error","payload":[{"message":`) || !strings.Contains(got, `nothing`) {
		t.Fatal(got)
	}
	// No complete follows, and the id is free.
	c.ask("subscribe", "1", "subscription { trades { operation } }")
	c.want(`{"id":"1","type":"next","payload":{"data":{"trades":{"operation":"INSERT"}}}}`)

	c.ask("subscribe", "2", `subscription { trades(where: {price: {_eq: null}}) { operation } }`)
	if got := c.next(); !strings.Contains(got, `"id":"2"`) || !strings.Contains(got, "errors") && !strings.Contains(got, `"error"`) {
		t.Fatal(got)
	}
	// An operation ended by its source.
	g.feed.Close()
	for {
		if got = c.next(); strings.Contains(got, `"type":"error"`) {
			break
		}
	}
	if !strings.HasPrefix(got, `{"id":"1","type":"error","payload":[{"message":`) || !strings.Contains(got, `"code":"SOURCE_CLOSED"`) {
		t.Fatal(got)
	}
}

func TestLegacy(t *testing.T) {
	g := newGateway(t, Options{PingInterval: 50 * time.Millisecond}).live(1)
	for _, protocols := range [][]string{{protocolLegacy}, nil} {
		c := g.dial(protocols...)
		c.say(initMessage)
		c.want(`{"type":"connection_ack"}`)
		c.want(`{"type":"ka"}`)
		c.ask("start", "1", "subscription { trades { operation data { id } } }")
		c.want(`{"id":"1","type":"data","payload":{"data":{"trades":{"operation":"INSERT","data":{"id":1}}}}}`)
		c.want(`{"type":"ka"}`)
		c.ask("start", "1", "subscription { trades { operation } }")
		got := c.skipAlive()
		if !strings.HasPrefix(got, `{"id":"1","type":"error","payload":{"message":"an operation of this id`) {
			t.Fatal(got)
		}
		c.ask("start", "2", "{ nothing }")
		if got = c.skipAlive(); !strings.HasPrefix(got, `{"id":"2","type":"error","payload":{"message":`) {
			t.Fatal(got)
		}
		c.say(`{"id":"3","type":"start","payload":{}}`)
		if got = c.skipAlive(); !strings.HasPrefix(got, `{"id":"3","type":"error","payload":{"message":"query is missing"`) {
			t.Fatal(got)
		}
		c.say(`{"id":"1","type":"stop"}`)
		if got = c.skipAlive(); got != `{"id":"1","type":"complete"}` {
			t.Fatal(got)
		}
	}
	if n := g.Stats().Kinds[KindLegacy].Accepted; n != 2 {
		t.Errorf("%d legacy connections", n)
	}
}

// skipAlive returns the next message that is no keep-alive.
func (c *client) skipAlive() string {
	c.Helper()
	for {
		if got := c.next(); got != `{"type":"ka"}` {
			return got
		}
	}
}

func TestOperationLimit(t *testing.T) {
	g := newGateway(t, Options{Operations: 3}).live(0)
	c := g.modern()
	for i := range 3 {
		c.ask("subscribe", strconv.Itoa(i), "subscription { trades { operation } }")
	}
	c.ask("subscribe", "3", "subscription { trades { operation } }")
	if got := c.next(); !strings.HasPrefix(got, `{"id":"3","type":"error"`) || !strings.Contains(got, "limits.operations") {
		t.Fatal(got)
	}
	c.say(`{"id":"1","type":"complete"}`)
	c.ask("subscribe", "3", "{ __typename }")
	if got := c.next(); !strings.HasPrefix(got, `{"id":"3","type":"next"`) {
		t.Fatal(got)
	}
}

func TestConnectionLimit(t *testing.T) {
	g := newGateway(t, Options{Connections: 1}).live(0)
	c := g.modern()
	_, resp, err := g.tryDial("/graphql", nil, protocolModern)
	if err == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("%v %v", resp, err)
	}
	_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
	c.wantClose(1000, "")
	eventually(t, "room again", func() bool { _, _, err := g.tryDial("/graphql", nil, protocolModern); return err == nil })
	if n := g.Stats().Kinds[KindWS].Closed[1000]; n != 1 {
		t.Errorf("closed with 1000: %d", n)
	}
}

func TestOrigin(t *testing.T) {
	g := newGateway(t, Options{}).live(0)
	for origin, allowed := range map[string]bool{"": true, g.srv.URL: true, "https://evil.example": false, "null": false} {
		h := http.Header{}
		if origin != "" {
			h.Set("Origin", origin)
		}
		_, resp, err := g.tryDial("/graphql", h, protocolModern)
		if (err == nil) != allowed {
			t.Errorf("%q: %v", origin, err)
		}
		if !allowed && resp.StatusCode != http.StatusForbidden {
			t.Errorf("%q: %s", origin, resp.Status)
		}
	}
}

func TestPings(t *testing.T) {
	g := newGateway(t, Options{PingInterval: 30 * time.Millisecond}).live(0)
	c := g.modern()
	pings := 0
	c.SetPingHandler(func(string) error {
		if pings++; pings == 5 {
			return c.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
		}
		return c.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second))
	})
	pong := ""
	c.SetPongHandler(func(p string) error { pong = p; return nil })
	if err := c.WriteControl(websocket.PingMessage, []byte("hello"), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	c.wantClose(1005, "")
	if pong != "hello" || pings != 5 {
		t.Errorf("pong %q, %d pings", pong, pings)
	}
	// A peer that answers nothing is gone.
	dead := g.modern()
	dead.SetPingHandler(func(string) error { return nil })
	dead.wantBroken()
	eventually(t, "gone", func() bool { return active(g.Stats()) == 0 })
}

func TestThousandsInOrder(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run("tls="+strconv.FormatBool(secure), func(t *testing.T) {
			g := startGateway(t, Options{}, secure).live(1)
			c := g.modern()
			c.ask("subscribe", "1", "subscription { trades { data { price } } }")
			c.want(`{"id":"1","type":"next","payload":{"data":{"trades":{"data":{"price":"100"}}}}}`)
			const total = 3000
			go func() {
				for i := 1; i <= total; i++ {
					g.set(1, "S1", strconv.Itoa(1000+i))
				}
			}()
			last := 0
			for last < 1000+total {
				text := c.next()
				_, text, _ = strings.Cut(text, `"price":"`)
				text, _, _ = strings.Cut(text, `"`)
				n, err := strconv.Atoi(text)
				if err != nil || n <= last {
					t.Fatalf("%q after %d", text, last)
				}
				last = n
			}
		})
	}
}
