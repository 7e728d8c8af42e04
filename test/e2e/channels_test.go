package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tycostream/tycostream/internal/mzsim"
)

const channelSchema = `
naming: camelCase
sources:
  pnl:
    graphql_name: livePnL
    relation: materialize.public.live_pnl
    primary_key: instrument_id
    columns: {instrument_id: Integer, net_position: BigInt, latest_price: Decimal, as_of: Timestamp}
`

// channel is a connection to /ws.
type channel struct {
	t    *testing.T
	conn *websocket.Conn
}

func dialChannel(t *testing.T, g *gateway) *channel {
	t.Helper()
	conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+g.address()+"/ws", nil)
	if err != nil {
		t.Fatal(err, res)
	}
	_ = res.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	return &channel{t, conn}
}

func (c *channel) say(text string) {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *channel) want(texts ...string) {
	c.t.Helper()
	for _, want := range texts {
		_ = c.conn.SetReadDeadline(time.Now().Add(time.Minute))
		_, got, err := c.conn.ReadMessage()
		if err != nil || string(got) != want {
			c.t.Fatalf("got  %s %v\nwant %s", got, err, want)
		}
	}
}

// The protocol, byte by byte, over what a database says.
func TestRowChannels(t *testing.T) {
	t.Parallel()
	sim, setting := stand(t, mzsim.Options{})
	must[any](t)(nil, sim.CreateTable("live_pnl", mzsim.Columns(
		"instrument_id integer not null", "net_position bigint", "latest_price numeric", "as_of timestamptz"), mzsim.ObjectOptions{}))
	commit := func(tx *mzsim.Tx) { must[uint64](t)(sim.Write(tx)) }
	commit(new(mzsim.Tx).Insert("live_pnl", 7, 9007199254740993, "56.4", "2026-01-02 03:04:05.678+00"))
	g := serve(t, channelSchema, setting, "TYCOSTREAM_ROW_CHANNELS=true")
	g.ready()
	const (
		seven = `{"instrument_id":7,"net_position":"9007199254740993","latest_price":"56.4","as_of":"2026-01-02T03:04:05.678Z"}`
		moved = `{"instrument_id":7,"net_position":"-1","latest_price":"56.4","as_of":"2026-01-02T03:04:05.678Z"}`
		eight = `{"instrument_id":8,"net_position":null,"latest_price":null,"as_of":null}`
	)
	changes, rows, some := dialChannel(t, g), dialChannel(t, g), dialChannel(t, g)
	changes.say(`{"type":"subscribe","channel":"pnl"}`)
	changes.want(`{"type":"subscribed","channel":"pnl"}`)
	rows.say(`{"type":"subscribe","channel":"livePnL","snapshot":true}`)
	rows.want(`{"type":"subscribed","channel":"livePnL"}`, `{"op":"INSERT","table":"live_pnl","new":`+seven+`,"old":null}`,
		`{"type":"snapshot","channel":"livePnL"}`)
	some.say(`{"type":"subscribe","channel":"pnl","snapshot":true,"where":{"net_position":{"_lt":0},"latestPrice":{"_gt":"56.3"}}}`)
	some.want(`{"type":"subscribed","channel":"pnl"}`, `{"type":"snapshot","channel":"pnl"}`)

	commit(new(mzsim.Tx).Delete("live_pnl", 7, 9007199254740993, "56.4", "2026-01-02 03:04:05.678+00").
		Insert("live_pnl", 7, -1, "56.4", "2026-01-02 03:04:05.678+00"))
	for _, c := range []*channel{changes, rows} {
		c.want(`{"op":"UPDATE","table":"live_pnl","new":` + moved + `,"old":` + seven + `}`)
	}
	some.want(`{"op":"INSERT","table":"live_pnl","new":` + moved + `,"old":null}`)
	commit(new(mzsim.Tx).Insert("live_pnl", 8, nil, nil, nil))
	commit(new(mzsim.Tx).Delete("live_pnl", 7, -1, "56.4", "2026-01-02 03:04:05.678+00"))
	for _, c := range []*channel{changes, rows} {
		c.want(`{"op":"INSERT","table":"live_pnl","new":`+eight+`,"old":null}`, `{"op":"DELETE","table":"live_pnl","new":null,"old":`+moved+`}`)
	}
	some.want(`{"op":"DELETE","table":"live_pnl","new":null,"old":` + moved + `}`)

	changes.say(`{"type":"subscribe","channel":"live_pnl"}`)
	changes.want(`{"type":"error","channel":"live_pnl","message":"there is no channel \"live_pnl\"; there are: pnl","code":"BAD_USER_INPUT"}`)
	changes.say(`{"type":"unsubscribe","channel":"pnl"}`)
	changes.want(`{"type":"unsubscribed","channel":"pnl"}`)
	if n := g.metric(`tycostream_subscriptions_active{kind="channel",source="pnl"}`); n != 2 {
		t.Errorf("%v subscriptions", n)
	}
	if n := g.metric(`tycostream_websocket_connections`); n != 3 {
		t.Errorf("%v WebSockets", n)
	}
	_, res, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+g.address()+"/ws", http.Header{"Origin": {"https://evil.example"}})
	if err == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page: %v %v", err, res)
	}
	g.kill(syscall.SIGTERM)
	for _, c := range []*channel{changes, rows, some} {
		_, got, err := c.conn.ReadMessage()
		if !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
			t.Errorf("%s %v", got, err)
		}
	}
}

// Many clients follow a sheet while the database is lost again and again, and
// hold what it does.
func TestManyRowChannels(t *testing.T) {
	t.Parallel()
	const count = 100
	s := newSheet(t, "TYCOSTREAM_ROW_CHANNELS=true")
	var readers sync.WaitGroup
	all := make([]*channelRows, count)
	for i := range all {
		all[i] = &channelRows{channel: dialChannel(t, s.g), rows: newRows("")}
		all[i].say(`{"type":"subscribe","channel":"sheet","snapshot":true}`)
		readers.Go(all[i].read)
	}
	for range 4 {
		s.write(20)
		s.sim.Faults().CutAll()
		s.write(20)
	}
	s.equal()
	want := reach(t, s.url).lines("SELECT id, n, name FROM sheet")
	for _, c := range all {
		eventually(t, "a client holds the sheet", func() error {
			if got := c.lines(sheetColumns); !slices.Equal(got, want) {
				return fmt.Errorf("%d rows instead of %d, %q", len(got), len(want), c.broken)
			}
			return nil
		})
		c.say(`{"type":"unsubscribe","channel":"sheet"}`)
	}
	readers.Wait()
	for _, c := range all {
		if err := c.kept(); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "nobody follows", func() error {
		if n := s.g.metric(`tycostream_subscriptions_active{kind="channel"`); n != 0 {
			return fmt.Errorf("%v", n)
		}
		return nil
	})
}

// channelRows is what a client holds.
type channelRows struct {
	*channel
	*rows
}

// read reads until it has unsubscribed.
func (c *channelRows) read() {
	for {
		var m struct {
			Type, Op string
			New, Old row
		}
		_, text, err := c.conn.ReadMessage()
		if err == nil {
			err = decode(text, &m)
		}
		if m.Type == "unsubscribed" {
			return
		}
		c.mu.Lock()
		switch {
		case err != nil || m.Type == "error":
			c.breakLocked("%s %v", text, err)
			c.mu.Unlock()
			return
		case m.Op != "":
			c.takeLocked(m.Op, m.New, m.Old)
		}
		c.mu.Unlock()
	}
}

func (c *channelRows) takeLocked(op string, is, was row) {
	of := is
	if op == "DELETE" {
		of = was
	}
	key := text(of["id"])
	old, there := c.held[key]
	switch {
	case there == (op == "INSERT"), op == "INSERT" && was != nil, op == "DELETE" && is != nil:
		c.breakLocked("%s of %s: %v, %v", op, key, is, was)
	case op == "UPDATE": // what old has is what the client was told
		for name, value := range was {
			if text(value) != text(old[name]) {
				c.breakLocked("%s was %v, and not %v", key, old, was)
			}
		}
	}
	delete(c.held, key)
	if op != "DELETE" {
		c.held[key] = is
	}
}
