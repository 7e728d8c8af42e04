package socket_test

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/socket"
	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubble is a socket and its peer, in simulated time.
type bubble struct {
	*testing.T
	*socket.Socket
	start time.Time
	peer  net.Conn
	br    *bufio.Reader

	got      []string // what Read returned
	received int      // bytes, by the config's count
	over     chan struct{}
}

// inBubble runs f as the peer of a socket that is read until it ends.
func inBubble(t *testing.T, cfg socket.Config, expired func(b *bubble) bool, f func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pool := delivery.NewPool(delivery.Config{SlowTimeout: time.Hour})
		server, peer := net.Pipe()
		b := &bubble{T: t, start: time.Now(), peer: peer, br: bufio.NewReader(peer), over: make(chan struct{})}
		cfg.PingInterval, cfg.SlowTimeout, cfg.MessageBytes = 10*time.Second, time.Minute, 100
		cfg.Received = func(n int) { b.received += n }
		b.Socket = socket.New(server, pool.NewConn(server, new(delivery.Counters)), &cfg)
		b.Arm(3 * time.Second)
		go func() {
			defer close(b.over)
			for {
				text, ok := b.Read(func() bool { return expired != nil && expired(b) }, func(code int, reason string) { b.Shut(code, reason) })
				if !ok {
					break
				}
				b.got = append(b.got, string(text))
			}
			b.Abort()
		}()
		f(b)
		_ = peer.Close()
		<-b.over
		pool.Close()
	})
}

func (b *bubble) since() time.Duration { return time.Since(b.start) }

func (b *bubble) say(op wsframe.Opcode, text string) {
	_, _ = b.peer.Write(wsframe.AppendMasked(nil, true, op, [4]byte{1, 2, 3, 4}, []byte(text)))
}

// next returns the next short frame.
func (b *bubble) next() (op wsframe.Opcode, payload string, err error) {
	var h [2]byte
	if _, err = io.ReadFull(b.br, h[:]); err != nil {
		return 0, "", err
	}
	p := make([]byte, h[1])
	_, err = io.ReadFull(b.br, p)
	return wsframe.Opcode(h[0] & 0xf), string(p), err
}

func (b *bubble) wantClose(code int, reason string) {
	b.Helper()
	for {
		op, payload, err := b.next()
		if err != nil {
			b.Fatalf("no close: %v", err)
		}
		if op != wsframe.Close {
			continue
		}
		if got, text, _ := wsframe.ParseClose([]byte(payload)); got != code || !strings.Contains(text, reason) {
			b.Errorf("closed with %d %q", got, text)
		}
		return
	}
}

func TestMessages(t *testing.T) {
	inBubble(t, socket.Config{}, nil, func(b *bubble) {
		b.say(wsframe.Text, "one")
		b.say(wsframe.Ping, "p")
		if op, text, err := b.next(); op != wsframe.Pong || text != "p" {
			b.Error(op, text, err)
		}
		b.say(wsframe.Text, "two")
		b.Send([]byte("three"))
		if op, text, err := b.next(); op != wsframe.Text || text != "three" {
			b.Error(op, text, err)
		}
		go b.say(wsframe.Close, "\x03\xe8bye")
		b.wantClose(1000, "")
		<-b.over
		if b.Code() != 1000 || !slices.Equal(b.got, []string{"one", "two"}) || b.received != 6 {
			b.Errorf("ended with %d, got %q, %d bytes", b.Code(), b.got, b.received)
		}
	})
}

func TestPings(t *testing.T) {
	inBubble(t, socket.Config{Beat: []byte("beat")}, nil, func(b *bubble) {
		for i := range 5 {
			op, _, err := b.next()
			if want := 3*time.Second + time.Duration(i)*10*time.Second; op != wsframe.Ping || b.since() != want {
				b.Fatal(op, err, b.since())
			}
			if op, text, err := b.next(); op != wsframe.Text || text != "beat" {
				b.Fatal(op, text, err)
			}
			b.say(wsframe.Pong, "")
		}
		for range 2 { // one more of each, not answered
			_, _, _ = b.next()
		}
		if _, _, err := b.next(); err == nil || b.since() != 63*time.Second || b.Code() != socket.CodeAbnormal {
			b.Errorf("%v after %v, %d", err, b.since(), b.Code())
		}
	})
}

// Who was sent hardly anything but a ping and is silent is gone; who was sent
// data may just not read it, for a while, whenever it was sent.
func TestSilentPeers(t *testing.T) {
	for _, tt := range []struct {
		name        string
		first, then int // messages of 100 bytes: before the first ping, and after each
		answers     int // of the first pings
		want        time.Duration
	}{
		{"nothing", 0, 0, 0, 13 * time.Second},
		{"a little", 1, 1, 0, 13 * time.Second},
		{"data", 0, 15, 0, 73 * time.Second},
		{"a snapshot and no more", 15, 0, 0, 73 * time.Second},
		{"a snapshot that was read", 15, 0, 2, 33 * time.Second},
		{"a snapshot that was read, and data", 15, 15, 2, 93 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, socket.Config{}, nil, func(b *bubble) {
				send := func(n int) {
					for range n {
						b.Send([]byte(strings.Repeat("x", 100)))
					}
				}
				go send(tt.first)
				b.say(wsframe.Text, "hello")
				for pings := 0; ; {
					op, text, err := b.next()
					if err != nil {
						break
					}
					if op != wsframe.Ping {
						continue
					}
					if pings++; pings <= tt.answers {
						b.say(wsframe.Pong, text)
					}
					go send(tt.then)
				}
				if b.since() != tt.want {
					b.Errorf("ended after %v", b.since())
				}
			})
		})
	}
}

// What a pong holds may be anything.
func TestForgedPongs(t *testing.T) {
	inBubble(t, socket.Config{}, nil, func(b *bubble) {
		for _, text := range []string{"x", strings.Repeat("\xff", 8), strings.Repeat("\x00", 8), "123456789"} {
			if op, _, err := b.next(); op != wsframe.Ping {
				b.Fatal(op, err)
			}
			b.say(wsframe.Pong, text)
		}
		for range 15 {
			b.Send([]byte(strings.Repeat("x", 100)))
			_, _, _ = b.next()
		}
		for err := error(nil); err == nil; {
			_, _, err = b.next()
		}
		if b.since() != 113*time.Second {
			b.Errorf("ended after %v", b.since())
		}
	})
}

func TestExpiry(t *testing.T) {
	inBubble(t, socket.Config{}, func(b *bubble) bool { b.Shut(4408, "too late"); return true }, func(b *bubble) {
		b.wantClose(4408, "too late")
		if b.since() != 3*time.Second {
			b.Errorf("after %v", b.since())
		}
		if b.Shut(1000, "") {
			b.Error("it was closed before")
		}
		b.say(wsframe.Text, "what comes now is not read")
		<-b.over // it waits no longer than it must
		if b.since() != 3*time.Second+socket.CloseWait || len(b.got) > 0 || b.Code() != 4408 {
			b.Errorf("after %v, got %q, %d", b.since(), b.got, b.Code())
		}
	})
}

func TestJunk(t *testing.T) {
	for _, tt := range []struct {
		name, raw, reason string
		code              int
	}{
		{"binary", string(wsframe.AppendMasked(nil, true, wsframe.Binary, [4]byte{1, 2, 3, 4}, []byte("x"))), "text frames", socket.CodeBadMessage},
		{"too long", string(wsframe.AppendMasked(nil, true, wsframe.Text, [4]byte{1, 2, 3, 4}, make([]byte, 101))), "limits.message_bytes", 1009},
		{"not masked", "\x81\x02{}", "", 1002},
		{"a close that is none", "\x88\x82\x00\x00\x00\x00\x00\x01", "", 1002},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, socket.Config{}, nil, func(b *bubble) {
				go func() { _, _ = io.WriteString(b.peer, tt.raw) }()
				b.wantClose(tt.code, tt.reason)
				if b.Code() != tt.code || len(b.got) > 0 {
					b.Errorf("ended with %d, got %q", b.Code(), b.got)
				}
			})
		})
	}
}

func TestRefuse(t *testing.T) {
	inBubble(t, socket.Config{}, nil, func(b *bubble) {
		b.Refuse(socket.CodeTryLater, "no room")
		b.wantClose(socket.CodeTryLater, "no room")
		if _, _, err := b.next(); err == nil {
			b.Error("it stays")
		}
	})
}
