package transport

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/transport/delivery"
)

// partsReader reads a multipart answer as Apollo's clients do.
type partsReader struct {
	testing.TB
	body io.Reader
	buf  string
}

// openParts subscribes and checks the headers. Nothing but Apollo's own
// content type makes its clients read parts.
func (g *gateway) openParts(query, accept string) *partsReader {
	g.Helper()
	resp := g.open("POST", "/graphql", `{"query":`+strconv.Quote(query)+`}`, "Content-Type", "application/json", "Accept", accept)
	h := resp.Header
	if resp.StatusCode != http.StatusOK || h.Get("Content-Type") != `multipart/mixed;boundary="graphql";subscriptionSpec=1.0` ||
		h.Get("Cache-Control") != "no-cache" || h.Get("X-Accel-Buffering") != "no" {
		g.Fatalf("%s %v", resp.Status, h)
	}
	return &partsReader{TB: g.TB, body: resp.Body}
}

func (r *partsReader) read() error {
	var b [512]byte
	n, err := r.body.Read(b[:])
	r.buf += string(b[:n])
	if n > 0 {
		return nil // the end comes with the next read
	}
	return err
}

// next returns the text between two boundaries, and whether there was one.
func (r *partsReader) next() (string, bool) {
	r.Helper()
	const boundary = "\r\n--graphql"
	for {
		if part, rest, ok := strings.Cut(r.buf, boundary); ok {
			r.buf = rest
			header, body, ok := strings.Cut(part, "\r\n\r\n")
			if !ok || strings.TrimPrefix(header, "--graphql") != "\r\nContent-Type: application/json" {
				r.Fatalf("no part: %q", part)
			}
			return body, true
		}
		if err := r.read(); err != nil {
			return "", false
		}
	}
}

// want compares parts; they must be complete without the next one.
func (r *partsReader) want(parts ...string) {
	r.Helper()
	for _, want := range parts {
		if got, ok := r.next(); !ok || got != want {
			r.Fatalf("got  %s (%v, then %q)\nwant %s", got, ok, r.buf, want)
		}
	}
}

func (r *partsReader) wantEnd() {
	r.Helper()
	for err := error(nil); err == nil; {
		err = r.read()
	}
	if r.buf != "--\r\n" {
		r.Fatalf("it ends with %q", r.buf)
	}
}

func TestMultipart(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	for name, accept := range map[string]string{
		"Apollo Client": apolloAccept,
		"quoted":        `multipart/mixed;subscriptionSpec="1.0", application/json`,
		"Apollo Kotlin": `multipart/mixed;subscriptionSpec=1.0, application/graphql-response+json, application/json`,
		"nothing else":  `multipart/mixed;subscriptionSpec="1.0"`,
		"rather than":   `text/event-stream;q=0.9, multipart/mixed;subscriptionSpec=1.0`,
	} {
		t.Run(name, func(t *testing.T) {
			g.set(1, "S1", "100")
			r := g.openParts("subscription { trades { operation data { id price } } }", accept)
			for len(r.buf) < len("--graphql") {
				if err := r.read(); err != nil {
					t.Fatal(err)
				}
			}
			if !strings.HasPrefix(r.buf, "--graphql") {
				t.Fatalf("it begins with %q", r.buf)
			}
			r.want(`{"payload":{"data":{"trades":{"operation":"INSERT","data":{"id":1,"price":"100"}}}}}`)
			g.set(1, "S1", "101")
			r.want(`{"payload":{"data":{"trades":{"operation":"UPDATE","data":{"id":1,"price":"101"}}}}}`)
			s := g.Stats()
			if k := s.Kinds[KindMultipart]; k.Active != 1 || k.MessagesSent == 0 || s.of("trades", "rows").Active != 1 || s.Streams.Write.Count() == 0 {
				t.Errorf("%+v", s)
			}
			_ = r.body.(io.Closer).Close()
			eventually(t, "gone", func() bool { s := g.Stats(); return active(s) == 0 && s.of("trades", "rows").Active == 0 })
		})
	}
}

// The first boundary comes at once, though there is nothing to say yet.
func TestMultipartBeginsAtOnce(t *testing.T) {
	g := newGateway(t, Options{}).live(0)
	r := g.openParts("subscription { trades { operation } }", apolloAccept)
	for r.buf != "--graphql" {
		if err := r.read(); err != nil || len(r.buf) > len("--graphql") {
			t.Fatalf("%q %v", r.buf, err)
		}
	}
}

func TestMultipartOfOtherOperations(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	const only = `multipart/mixed;subscriptionSpec="1.0"`
	r := g.openParts("{ trades { id } }", only)
	r.want(`{"payload":{"data":{"trades":[{"id":1}]}}}`)
	r.wantEnd()

	r = g.openParts("subscription { nothing }", only)
	if got, _ := r.next(); !strings.HasPrefix(got, `{"payload":{"errors":[{"message":`) || strings.Contains(got, `"data"`) {
		t.Error(got)
	}
	r.wantEnd()
}

// An error that ends the stream stands outside of the payload.
func TestMultipartEndsWithTheSource(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	r := g.openParts("subscription { trades { data { id } } }", apolloAccept)
	r.want(`{"payload":{"data":{"trades":{"data":{"id":1}}}}}`)
	g.feed.Close()
	if got, _ := r.next(); !strings.HasPrefix(got, `{"payload":null,"errors":[{"message":`) || !strings.Contains(got, `"code":"SOURCE_CLOSED"`) {
		t.Error(got)
	}
	r.wantEnd()
	eventually(t, "closed", func() bool { return g.Stats().Kinds[KindMultipart].Closed[codeNormal] == 1 })
}

func TestMultipartCompletes(t *testing.T) {
	o := liveOptions(func(func()) delivery.Source { return &drip{n: 2} })
	r := newGateway(t, o).openParts("s", apolloAccept)
	r.want(`{"payload":{"data":{"n":1}}}`, `{"payload":{"data":{"n":0}}}`)
	r.wantEnd()
}

// Every way of delivery wraps the same bytes.
func TestStreamsGiveTheSameAsWebSockets(t *testing.T) {
	g := newGateway(t, Options{}).live(3)
	const query = `subscription { t: trades(where: {id: {_lt: 3}}) { __typename operation data { id symbol price } fields timestamp } }`
	ws := g.modern()
	ws.ask("subscribe", "1", query)
	parts := g.openParts(query, apolloAccept)
	lines := readLines(t, g.open("POST", "/graphql", `{"query":`+strconv.Quote(query)+`}`, "Content-Type", typeJSON, "Accept", typeEvents))
	lines.want(":", "")
	same := func(n int) {
		t.Helper()
		for range n {
			payload := strings.TrimSuffix(strings.TrimPrefix(ws.next(), `{"id":"1","type":"next","payload":`), "}")
			parts.want(`{"payload":` + payload + `}`)
			lines.want("event: next", "data: "+payload, "")
		}
	}
	same(2)
	g.set(1, "quote\"and <tag> and \u00fc, \r\n--graphql--\r\n", "")
	g.set(2, "S2", "9007199254740993")
	same(2)
}

func TestMultipartIsCutOffWhenSlow(t *testing.T) {
	g := newGateway(t, Options{SlowClientTimeout: 50 * time.Millisecond}).live(1)
	g.openParts("subscription { trades { data { symbol } } }", apolloAccept)
	pad, i := strings.Repeat("x", 60_000), 0
	eventually(t, "cut off", func() bool {
		i++
		g.set(1, pad, strconv.Itoa(i))
		s := g.Stats()
		return s.Kinds[KindMultipart].Closed[codeTryLater] == 1 && s.SlowClients == 1 && s.QueueBytes == 0
	})
}
