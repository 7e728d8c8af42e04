package delivery_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/transport/delivery"
	"github.com/tycostream/tycostream/internal/transport/wsframe"
)

// The last frame is followed by TLS's own end: a client that is told so knows
// that nothing was cut off.
func TestTLSEndsProperly(t *testing.T) {
	server, nc := pair(t, sealed)
	p := newPool(t, delivery.Config{})
	c := p.NewConn(server, new(delivery.Counters))
	done := make(chan struct{})
	c.Finish(wsframe.AppendClose(nil, 1012, "restart"), func() { close(done) })
	<-done
	defer c.Abort()
	_ = nc.SetReadDeadline(time.Now().Add(time.Minute)) // the socket itself stays open
	if all, err := io.ReadAll(nc); err != nil || string(all) != "\x88\x09\x03\xf4restart" {
		t.Errorf("%q %v", all, err)
	}
}

// What TLS has to say by itself goes out though no frame does.
func TestTLSSpeaksByItself(t *testing.T) {
	server, nc := pair(t, sealed)
	p := newPool(t, delivery.Config{})
	c := p.NewConn(server, new(delivery.Counters))
	defer c.Abort()
	go func() { _, _ = server.Read(make([]byte, 1)) }()
	below := nc.(*tls.Conn).NetConn() //nolint:forcetypeassert // pair's
	if _, err := below.Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("x", 32))); err != nil {
		t.Fatal(err)
	}
	_, err := nc.Read(make([]byte, 1))
	if e, ok := errors.AsType[*net.OpError](err); !ok || e.Op != "remote error" {
		t.Errorf("%v, want the server's alert", err)
	}
}

// One whose TLS is broken gets no silence, but an end.
func TestTLSThatFailsEndsTheConnection(t *testing.T) {
	server, nc := pair(t, sealed)
	p := newPool(t, delivery.Config{})
	c := p.NewConn(server, new(delivery.Counters))
	below := nc.(*tls.Conn).NetConn() //nolint:forcetypeassert // pair's
	if _, err := below.Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("x", 32))); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); err == nil {
		t.Fatal("read what is no record")
	}
	if err := c.Send(wsframe.Append(nil, wsframe.Ping, nil)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ended", func() bool { return c.Err() != nil })
}

// A blocked client holds one pass, whatever comes for it.
func TestTLSBlockedMemory(t *testing.T) {
	server, nc := pair(t, sealed)
	p := newPool(t, delivery.Config{Workers: 1})
	c := p.NewConn(server, new(delivery.Counters))
	defer c.Abort()
	src := &numbers{conflate: true, pad: strings.Repeat(".", 60<<10)}
	attach(c, src, "", nil)
	for !c.Blocked() {
		src.advance(1)
	}
	before := heap()
	for range 5_000 { // 300 MB
		src.advance(1)
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	if q := p.Stats().Queued; q > 256<<10 {
		t.Errorf("%d bytes wait", q)
	}
	r := newClient(nc)
	for last := 0; last < src.head; {
		_, got, err := r.next()
		if err != nil {
			t.Fatal(err)
		}
		last, _ = strconv.Atoi(strings.TrimRight(got, "."))
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A connection that is cut in mid-record ends in an error, never in a frame
// that is not whole, and leaves nothing behind.
func TestTLSCutInMidRecord(t *testing.T) {
	for _, who := range []string{"server", "client"} {
		t.Run(who, func(t *testing.T) {
			server, nc := pair(t, sealed)
			p := newPool(t, delivery.Config{})
			c := p.NewConn(server, new(delivery.Counters))
			src := &numbers{pad: strings.Repeat(".", 10_000)}
			attach(c, src, "", nil)
			src.advance(10_000)
			eventually(t, "blocked", c.Blocked)
			if who == "client" {
				_ = nc.(*tls.Conn).NetConn().Close() //nolint:forcetypeassert // pair's
				eventually(t, "ended", func() bool { return c.Err() != nil })
			} else {
				c.Abort()
				r := newClient(nc)
				var err error
				for want := 1; err == nil; want++ {
					var got string
					if _, got, err = r.next(); err == nil && got != strconv.Itoa(want)+src.pad {
						t.Fatalf("got %.20q, want %d", got, want)
					}
				}
				if errors.Is(err, io.EOF) {
					t.Error("it looks like an end")
				}
			}
			eventually(t, "nothing is left", func() bool { s := p.Stats(); return s.Blocked == 0 && s.Queued == 0 })
		})
	}
}
