package wsframe_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gorilla/websocket"

	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

var key = [4]byte{0x12, 0x34, 0x56, 0x78}

func text(fin bool, op wsframe.Opcode, payload string) []byte {
	return wsframe.AppendMasked(nil, fin, op, key, []byte(payload))
}

func TestReaderMessages(t *testing.T) {
	long := strings.Repeat("0123456789", 30_000)
	tests := []struct {
		name string
		in   [][]byte
		want []wsframe.Message
	}{
		{"empty", [][]byte{text(true, wsframe.Text, "")}, []wsframe.Message{{Op: wsframe.Text}}},
		{"two", [][]byte{text(true, wsframe.Text, "a"), text(true, wsframe.Binary, "b")}, []wsframe.Message{
			{Op: wsframe.Text, Payload: []byte("a")}, {Op: wsframe.Binary, Payload: []byte("b")},
		}},
		{"sixteen bit length", [][]byte{text(true, wsframe.Text, long[:4000])}, []wsframe.Message{{Op: wsframe.Text, Payload: []byte(long[:4000])}}},
		{"long", [][]byte{text(true, wsframe.Text, long)}, []wsframe.Message{{Op: wsframe.Text, Payload: []byte(long)}}},
		{
			"fragments with a ping between",
			[][]byte{
				text(false, wsframe.Text, long[:1001]), text(true, wsframe.Ping, "p"),
				text(false, wsframe.Continuation, "bc"), text(true, wsframe.Continuation, long[:700]),
			},
			[]wsframe.Message{
				{Op: wsframe.Ping, Payload: []byte("p")},
				{Op: wsframe.Text, Payload: []byte(long[:1001] + "bc" + long[:700])},
			},
		},
		{"character split over fragments", [][]byte{text(false, wsframe.Text, "\xc3"), text(true, wsframe.Continuation, "\xa4")}, []wsframe.Message{
			{Op: wsframe.Text, Payload: []byte("ä")},
		}},
	}
	sources := map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r },
		"bytes": iotest.OneByteReader,
		"half":  iotest.HalfReader,
		"stall": func(r io.Reader) io.Reader { return &stalling{src: r} },
	}
	for _, tt := range tests {
		for how, wrap := range sources {
			t.Run(tt.name+"/"+how, func(t *testing.T) {
				r := wsframe.NewReader(wrap(bytes.NewReader(bytes.Join(tt.in, nil))), len(long))
				for i, want := range tt.want {
					got, err := next(r)
					if err != nil {
						t.Fatalf("message %d: %v", i, err)
					}
					if got.Op != want.Op || !bytes.Equal(got.Payload, want.Payload) {
						t.Fatalf("message %d: op %d, %d bytes; want op %d, %d bytes", i, got.Op, len(got.Payload), want.Op, len(want.Payload))
					}
				}
				if _, err := next(r); !errors.Is(err, io.EOF) {
					t.Fatalf("end: %v", err)
				}
			})
		}
	}
}

// next goes on after time-outs as a connection does.
func next(r *wsframe.Reader) (wsframe.Message, error) {
	for {
		m, err := r.Next()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return m, err
		}
	}
}

// stalling times out before every byte.
type stalling struct {
	src  io.Reader
	turn bool
}

func (s *stalling) Read(p []byte) (int, error) {
	s.turn = !s.turn
	if s.turn {
		return 0, os.ErrDeadlineExceeded
	}
	return s.src.Read(p[:1])
}

func TestReaderRefuses(t *testing.T) {
	raw := func(b ...byte) []byte { return b }
	tests := []struct {
		name string
		in   []byte
		code int
	}{
		{"unmasked", wsframe.Append(nil, wsframe.Text, []byte("a")), wsframe.CodeProtocol},
		{"reserved bit", raw(0xc1, 0x80, 0, 0, 0, 0), wsframe.CodeProtocol},
		{"unknown opcode", raw(0x83, 0x80, 0, 0, 0, 0), wsframe.CodeProtocol},
		{"unknown control opcode", raw(0x8b, 0x80, 0, 0, 0, 0), wsframe.CodeProtocol},
		{"fragmented ping", raw(0x09, 0x80, 0, 0, 0, 0), wsframe.CodeProtocol},
		{"long ping", text(true, wsframe.Ping, strings.Repeat("x", 126)), wsframe.CodeProtocol},
		{"continuation of nothing", text(true, wsframe.Continuation, "a"), wsframe.CodeProtocol},
		{"message inside another", append(text(false, wsframe.Text, "a"), text(true, wsframe.Text, "b")...), wsframe.CodeProtocol},
		{"not UTF-8", text(true, wsframe.Text, "\xff"), wsframe.CodeUTF8},
		{"over the limit", text(true, wsframe.Text, strings.Repeat("x", 101)), wsframe.CodeTooBig},
		{"fragments over the limit", append(text(false, wsframe.Text, strings.Repeat("x", 60)), text(true, wsframe.Continuation, strings.Repeat("x", 41))...), wsframe.CodeTooBig},
		{"announces the moon", raw(0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0), wsframe.CodeTooBig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := wsframe.NewReader(bytes.NewReader(tt.in), 100).Next()
			if bad, ok := errors.AsType[*wsframe.ProtocolError](err); !ok || bad.Code != tt.code {
				t.Fatalf("got %v, want code %d", err, tt.code)
			}
		})
	}
}

func TestParseClose(t *testing.T) {
	tests := []struct {
		name    string
		payload string
		code    int
		reason  string
		bad     int
	}{
		{"empty", "", wsframe.CodeNone, "", 0},
		{"normal", "\x03\xe8bye", 1000, "bye", 0},
		{"private", "\x11\x30", 4400, "", 0},
		{"half", "\x03", 0, "", wsframe.CodeProtocol},
		{"reserved", "\x03\xed", 0, "", wsframe.CodeProtocol},
		{"unknown", "\x00\x01", 0, "", wsframe.CodeProtocol},
		{"bad text", "\x03\xe8\xff", 0, "", wsframe.CodeUTF8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, reason, err := wsframe.ParseClose([]byte(tt.payload))
			bad, _ := errors.AsType[*wsframe.ProtocolError](err)
			if (bad != nil) != (tt.bad != 0) || bad != nil && bad.Code != tt.bad {
				t.Fatalf("error %v, want code %d", err, tt.bad)
			}
			if code != tt.code || reason != tt.reason {
				t.Fatalf("got %d %q", code, reason)
			}
		})
	}
}

func TestAppendCloseCutsTheReason(t *testing.T) {
	frame := wsframe.AppendClose(nil, 4400, strings.Repeat("ä", 100))
	code, reason, err := wsframe.ParseClose(frame[2:])
	if err != nil || code != 4400 || reason != strings.Repeat("ä", 61) {
		t.Fatalf("%d %q %v", code, reason, err)
	}
}

// gorillaReads returns what gorilla's client reads of the bytes that a server
// wrote behind its handshake.
func gorillaReads(t *testing.T, stream []byte) *websocket.Conn {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := websocket.Upgrader{}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		nc := c.NetConn()
		_, _ = nc.Write(stream)
		_, _ = io.Copy(io.Discard, nc)
		_ = nc.Close()
	}))
	t.Cleanup(srv.Close)
	c, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestGorillaReadsOurFrames(t *testing.T) {
	sizes := []int{0, 1, 125, 126, 127, 65535, 65536, 200_000}
	var stream []byte
	for _, n := range sizes {
		stream = wsframe.AppendText(stream, []byte(`{"p":"`), bytes.Repeat([]byte("x"), n), `"}`)
	}
	stream = wsframe.AppendClose(stream, 4409, "Subscriber for 1 already exists")
	c := gorillaReads(t, stream)
	for _, n := range sizes {
		kind, p, err := c.ReadMessage()
		if err != nil || kind != websocket.TextMessage || string(p) != `{"p":"`+strings.Repeat("x", n)+`"}` {
			t.Fatalf("%d: kind %d, %d bytes, %v", n, kind, len(p), err)
		}
	}
	_, _, err := c.ReadMessage()
	if !websocket.IsCloseError(err, 4409) {
		t.Fatalf("close: %v", err)
	}
}

// gorillaWrites returns the bytes of a message as gorilla's client writes it.
func gorillaWrites(tb testing.TB, kind int, payload []byte) []byte {
	tb.Helper()
	ours, theirs := net.Pipe()
	defer func() { _ = ours.Close() }()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		// Answer the handshake by a server of gorilla's own.
		_ = http.Serve(&oneListener{conn: theirs, done: make(chan struct{})}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			up := websocket.Upgrader{}
			_, _ = up.Upgrade(w, r, nil)
		}))
	}()
	d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return ours, nil }, WriteBufferSize: 256}
	c, resp, err := d.DialContext(tb.Context(), "ws://host/", nil)
	if err != nil {
		tb.Fatal(err)
	}
	_ = resp.Body.Close()
	out := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(theirs)
		out <- b
	}()
	if err := c.WriteMessage(kind, payload); err != nil {
		tb.Fatal(err)
	}
	_ = c.Close()
	<-answered
	return <-out
}

type oneListener struct {
	conn net.Conn
	done chan struct{}
}

func (l *oneListener) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	return nil, io.EOF
}
func (l *oneListener) Close() error   { return nil }
func (l *oneListener) Addr() net.Addr { return &net.TCPAddr{} }

func TestWeReadGorillasFrames(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 300, 70_000} { // beyond 256 bytes gorilla fragments
		want := bytes.Repeat([]byte("y"), n)
		got, err := wsframe.NewReader(bytes.NewReader(gorillaWrites(t, websocket.TextMessage, want)), 1<<20).Next()
		if err != nil || got.Op != wsframe.Text || !bytes.Equal(got.Payload, want) {
			t.Fatalf("%d: op %d, %d bytes, %v", n, got.Op, len(got.Payload), err)
		}
	}
}

// FuzzReader feeds junk, and checks that the reader neither dies nor holds
// more than its limit, however the bytes arrive.
func FuzzReader(f *testing.F) {
	f.Add(text(true, wsframe.Text, `{"type":"connection_init"}`))
	f.Add(append(text(false, wsframe.Text, "a"), text(true, wsframe.Continuation, "b")...))
	f.Add([]byte{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Add(text(true, wsframe.Close, "\x03\xe8"))
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 1000
		whole := drainReader(wsframe.NewReader(bytes.NewReader(in), limit))
		split := drainReader(wsframe.NewReader(&stalling{src: bytes.NewReader(in)}, limit))
		if whole != split {
			t.Fatalf("depends on how bytes arrive:\n%q\n%q", whole, split)
		}
		for m := range strings.SplitSeq(whole, "\x00\x00") {
			if len(m) > limit+16 {
				t.Fatalf("message of %d bytes", len(m))
			}
		}
	})
}

func drainReader(r *wsframe.Reader) string {
	var all strings.Builder
	for {
		m, err := next(r)
		if err != nil {
			all.WriteString(err.Error())
			return all.String()
		}
		if m.Op == wsframe.Close {
			_, _, _ = wsframe.ParseClose(m.Payload)
		}
		all.WriteByte(byte(m.Op))
		all.Write(bytes.ReplaceAll(m.Payload, []byte{0}, []byte{1}))
		all.WriteString("\x00\x00")
	}
}

// FuzzRoundTrip: what we mask we read back.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("hello"), uint16(2), uint32(7))
	f.Fuzz(func(t *testing.T, payload []byte, cut uint16, k uint32) {
		mk := [4]byte{byte(k), byte(k >> 8), byte(k >> 16), byte(k >> 24)}
		at := min(int(cut), len(payload))
		in := wsframe.AppendMasked(nil, false, wsframe.Binary, mk, payload[:at])
		in = wsframe.AppendMasked(in, true, wsframe.Continuation, mk, payload[at:])
		got, err := wsframe.NewReader(bytes.NewReader(in), len(payload)).Next()
		if err != nil || !bytes.Equal(got.Payload, payload) {
			t.Fatalf("%v: %q, want %q", err, got.Payload, payload)
		}
	})
}
