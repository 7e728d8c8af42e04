package transport

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/socket"
	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// bubble is a handler inside a synctest bubble, where clients hang on pipes.
type bubble struct {
	*testing.T
	*Handler
	start time.Time
}

func inBubble(t *testing.T, o Options, f func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if o.Executor == nil {
			o.Executor = func() graphql.GraphExecutor { return nil }
		}
		b := &bubble{t, New(o), time.Now()}
		f(b)
		b.Close()
	})
}

func (b *bubble) since() time.Duration { return time.Since(b.start) }

// connect returns the client's end of a new connection.
func (b *bubble) connect(kind Kind) *pipeClient {
	b.Helper()
	server, client := net.Pipe()
	s := &session{peer: newPeer(b.Handler, server, kind), exec: b.opts.Executor()}
	if err := b.accept(s, kind); err != nil {
		b.Fatal(err)
	}
	go s.run()
	return &pipeClient{client, bufio.NewReader(client)}
}

type pipeClient struct {
	net.Conn
	br *bufio.Reader
}

func (c *pipeClient) say(op wsframe.Opcode, text string) {
	_, _ = c.Write(wsframe.AppendMasked(nil, true, op, [4]byte{1, 2, 3, 4}, []byte(text)))
}

// next returns the next short frame.
func (c *pipeClient) next() (op wsframe.Opcode, payload string, err error) {
	var h [2]byte
	if _, err = io.ReadFull(c.br, h[:]); err != nil {
		return 0, "", err
	}
	p := make([]byte, h[1])
	_, err = io.ReadFull(c.br, p)
	return wsframe.Opcode(h[0] & 0xf), string(p), err
}

func TestInitTimeout(t *testing.T) {
	inBubble(t, Options{}, func(b *bubble) {
		c := b.connect(KindWS)
		op, payload, err := c.next()
		code, _, _ := wsframe.ParseClose([]byte(payload))
		if op != wsframe.Close || code != codeInitTimeout || b.since() != 3*time.Second {
			b.Errorf("%d %d %v after %v", op, code, err, b.since())
		}
		// A client that does not answer the close is left soon.
		if _, _, err = c.next(); err == nil || b.since() != 3*time.Second+socket.CloseWait {
			b.Errorf("%v after %v", err, b.since())
		}
	})
}

func TestPingClock(t *testing.T) {
	inBubble(t, Options{}, func(b *bubble) {
		c := b.connect(KindLegacy)
		go c.say(wsframe.Text, initMessage)
		for _, want := range []string{`{"type":"connection_ack"}`, `{"type":"ka"}`} {
			if _, got, err := c.next(); got != want {
				b.Fatal(got, err)
			}
		}
		for i := 1; i <= 100; i++ { // twenty minutes
			op, text, err := c.next()
			if op != wsframe.Ping || b.since() != time.Duration(i)*12*time.Second {
				b.Fatalf("%d: op %d, %v after %v", i, op, err, b.since())
			}
			if _, ka, err := c.next(); ka != `{"type":"ka"}` {
				b.Fatal(ka, err)
			}
			c.say(wsframe.Pong, text)
		}
		for range 2 { // one more ping and ka, not answered
			if _, _, err := c.next(); err != nil {
				b.Fatal(err)
			}
		}
		if _, got, err := c.next(); err == nil || b.since() != 102*12*time.Second {
			b.Errorf("%q %v after %v", got, err, b.since())
		}
		synctest.Wait()
		if n := b.Stats().Kinds[KindLegacy].Closed[codeAbnormal]; n != 1 {
			b.Errorf("%d closed", n)
		}
	})
}

// A client of row channels need not say anything but pongs.
func TestChannelClock(t *testing.T) {
	inBubble(t, Options{}, func(b *bubble) {
		server, nc := net.Pipe()
		s := &channels{peer: newPeer(b.Handler, server, KindChannels)}
		if err := b.accept(s, KindChannels); err != nil {
			b.Fatal(err)
		}
		go s.run()
		c := &pipeClient{nc, bufio.NewReader(nc)}
		for i := 1; i <= 100; i++ { // twenty minutes
			if op, _, err := c.next(); op != wsframe.Ping || b.since() != time.Duration(i)*12*time.Second {
				b.Fatalf("%d: op %d, %v after %v", i, op, err, b.since())
			}
			c.say(wsframe.Pong, "")
		}
		_, _, _ = c.next() // one more, not answered
		if _, got, err := c.next(); err == nil || b.since() != 102*12*time.Second {
			b.Errorf("%q %v after %v", got, err, b.since())
		}
	})
}

// ticking gives a message every second.
type ticking struct{ done chan struct{} }

func newTicking(wake func()) *ticking {
	done := make(chan struct{})
	tk := &ticking{done}
	t := time.NewTicker(time.Second)
	go func() {
		defer t.Stop()
		for {
			select {
			case <-t.C:
				wake()
			case <-done:
				return
			}
		}
	}()
	return tk
}

func (s *ticking) Pull(_ int, emit func([]byte)) (bool, error) { emit([]byte(`1`)); return false, nil }
func (s *ticking) Received() int64                             { return 0 }
func (s *ticking) Close()                                      { close(s.done) }

// A client that takes nothing is kept for ten minutes, pings or not, and then
// cut off.
func TestSlowClientClock(t *testing.T) {
	o := liveOptions(func(wake func()) delivery.Source { return newTicking(wake) })
	inBubble(t, o, func(b *bubble) {
		c := b.connect(KindWS)
		go c.say(wsframe.Text, initMessage)
		_, _, _ = c.next()
		go c.say(wsframe.Text, `{"id":"1","type":"subscribe","payload":{"query":"s"}}`)
		if _, got, err := c.next(); got != `{"id":"1","type":"next","payload":1}` {
			b.Fatal(got, err)
		}
		time.Sleep(9*time.Minute + 50*time.Second)
		if n := b.Stats().Kinds[KindWS].Active; n != 1 {
			b.Fatalf("%d active after %v", n, b.since())
		}
		time.Sleep(15 * time.Second)
		s := b.Stats()
		if s.Kinds[KindWS].Closed[codeTryLater] != 1 || s.SlowClients != 1 || s.of("s", "").Active != 0 {
			b.Errorf("%+v", s)
		}
	})
}

func TestDrainClock(t *testing.T) {
	inBubble(t, Options{}, func(b *bubble) {
		closed := make(chan time.Duration, 5)
		for range 5 {
			c := b.connect(KindWS)
			go c.say(wsframe.Text, initMessage)
			_, _, _ = c.next()
			go func() {
				_, payload, _ := c.next()
				if code, _, _ := wsframe.ParseClose([]byte(payload)); code == codeRestart {
					closed <- b.since()
				}
				c.say(wsframe.Close, payload[:2])
			}()
		}
		b.Drain(b.Context(), 10*time.Second)
		var at []time.Duration
		for range 5 {
			at = append(at, <-closed)
		}
		want := []time.Duration{0, 2 * time.Second, 4 * time.Second, 6 * time.Second, 8 * time.Second}
		if !slices.Equal(at, want) || b.since() != 8*time.Second {
			b.Errorf("closed at %v, drained after %v", at, b.since())
		}
	})
}

// pipeWriter is an answer that the test reads.
type pipeWriter struct {
	*io.PipeWriter
	header http.Header
}

func (w *pipeWriter) Header() http.Header { return w.header }
func (w *pipeWriter) WriteHeader(int)     {}
func (w *pipeWriter) Flush()              {}

// Streams are kept alive by what their clients ignore.
func TestStreamHeartbeatClock(t *testing.T) {
	for accept, want := range map[string][2]string{
		typeEvents: {":\n\n", ":\n\n"},
		typeParts:  {"--graphql", "\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql"},
	} {
		o := liveOptions(func(func()) delivery.Source { return silent{} })
		inBubble(t, o, func(b *bubble) {
			ctx, cancel := context.WithCancel(b.Context())
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(`{"query":"s"}`))
			r.Header.Set("Content-Type", typeJSON)
			r.Header.Set("Accept", accept)
			out, in := io.Pipe()
			go func() {
				defer func() {
					if cause := recover(); cause != http.ErrAbortHandler { //nolint:errorlint // what net/http compares
						b.Errorf("it ends with %v", cause)
					}
					_ = in.Close()
				}()
				b.ServeHTTP(&pipeWriter{in, http.Header{}}, r)
			}()
			for i := range 50 {
				got := make([]byte, len(want[min(i, 1)]))
				_, err := io.ReadFull(out, got)
				if string(got) != want[min(i, 1)] || b.since() != time.Duration(i)*12*time.Second {
					b.Fatalf("%d: %q %v after %v", i, got, err, b.since())
				}
			}
			cancel()
			if rest, _ := io.ReadAll(out); len(rest) > 0 {
				b.Errorf("%q at the end", rest)
			}
		})
	}
}

// A reserved stream that nobody opens ends, and its operations with it.
func TestReservationClock(t *testing.T) {
	o := liveOptions(func(func()) delivery.Source { return silent{} })
	inBubble(t, o, func(b *bubble) {
		ask := func(method, token, body string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(b.Context(), method, "/graphql", strings.NewReader(body))
			r.Header.Set("Content-Type", typeJSON)
			r.Header.Set(tokenHeader, token)
			w := httptest.NewRecorder()
			b.ServeHTTP(w, r)
			return w
		}
		const operation = `{"query":"s","extensions":{"operationId":"1"}}`
		token := ask(http.MethodPut, "", "").Body.String()
		if w := ask(http.MethodPost, token, operation); w.Code != http.StatusAccepted {
			b.Fatal(w.Code, w.Body)
		}
		time.Sleep(reserveTimeout - time.Second)
		if n := b.Stats().of("s", "").Active; n != 1 {
			b.Errorf("%d operations", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := b.Stats().of("s", "").Active; n != 0 {
			b.Errorf("%d operations of a stream that nobody opened", n)
		}
		if w := ask(http.MethodPost, token, operation); w.Code != http.StatusNotFound {
			b.Error(w.Code, w.Body)
		}
	})
}

// silent is a source that has nothing.
type silent struct{}

func (silent) Pull(int, func([]byte)) (bool, error) { return false, nil }
func (silent) Received() int64                      { return 0 }
func (silent) Close()                               {}
