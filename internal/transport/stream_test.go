package transport

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// reader reads a streamed answer.
type streamReader struct {
	testing.TB
	lines chan string
	err   error // why there are no more, once lines is closed
}

func readLines(tb testing.TB, resp *http.Response) *streamReader {
	tb.Helper()
	r := &streamReader{TB: tb, lines: make(chan string, 1024)}
	go func() {
		defer close(r.lines)
		sc := bufio.NewScanner(resp.Body)
		for sc.Scan() {
			r.lines <- sc.Text()
		}
		r.err = sc.Err()
	}()
	return r
}

func (r *streamReader) want(lines ...string) {
	r.Helper()
	for _, want := range lines {
		select {
		case got, ok := <-r.lines:
			if !ok || got != want {
				r.Fatalf("got %q (%v), want %q", got, ok, want)
			}
		case <-time.After(time.Minute):
			r.Fatalf("nothing came, want %q", want)
		}
	}
}

func (r *streamReader) wantEnd() {
	r.Helper()
	if err := r.end(); err != nil {
		r.Fatalf("it is broken off: %v", err)
	}
}

// wantBreak waits until the stream is broken off, as one that was not
// completed must be: a clean end would say that there is nothing more.
func (r *streamReader) wantBreak() {
	r.Helper()
	if err := r.end(); !errors.Is(err, io.ErrUnexpectedEOF) {
		r.Fatalf("it ends with %v", err)
	}
}

func (r *streamReader) end() error {
	r.Helper()
	select {
	case got, ok := <-r.lines:
		if ok {
			r.Fatalf("got %q, want the end", got)
		}
	case <-time.After(time.Minute):
		r.Fatal("it does not end")
	}
	return r.err
}

func TestEvents(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	const query = "subscription { trades { operation data { id price } } }"
	requests := map[string]func() *http.Response{
		"POST": func() *http.Response {
			return g.open("POST", "/graphql", `{"query":"`+query+`"}`, "Content-Type", "application/json", "Accept", "text/event-stream")
		},
		"GET": func() *http.Response {
			return g.open("GET", "/graphql?query="+url.QueryEscape(query), "", "Accept", "text/event-stream")
		},
		"urql": func() *http.Response {
			return g.open("POST", "/graphql", `{"query":"`+query+`"}`, "Content-Type", "application/json", "Accept", "text/event-stream, multipart/mixed")
		},
	}
	for name, request := range requests {
		t.Run(name, func(t *testing.T) {
			g.set(1, "S1", "100")
			resp := request()
			h := resp.Header
			if resp.StatusCode != http.StatusOK || h.Get("Content-Type") != "text/event-stream; charset=utf-8" ||
				h.Get("Cache-Control") != "no-cache" || h.Get("X-Accel-Buffering") != "no" {
				t.Fatalf("%s %v", resp.Status, h)
			}
			r := readLines(t, resp)
			r.want(":", "", "event: next", `data: {"data":{"trades":{"operation":"INSERT","data":{"id":1,"price":"100"}}}}`, "")
			g.set(1, "S1", "101")
			r.want("event: next", `data: {"data":{"trades":{"operation":"UPDATE","data":{"id":1,"price":"101"}}}}`, "")
			_ = resp.Body.Close()
			eventually(t, "gone", func() bool { s := g.Stats(); return active(s) == 0 && s.of("trades", "rows").Active == 0 })
		})
	}
}

func TestEventsOfOtherOperations(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	open := func(query string) *streamReader {
		resp := g.open("POST", "/graphql", `{"query":"`+query+`"}`, "Content-Type", "application/json", "Accept", "text/event-stream")
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
		return readLines(t, resp)
	}
	r := open("{ trades { id } }")
	r.want(":", "", "event: next", `data: {"data":{"trades":[{"id":1}]}}`, "", "event: complete", "data:", "")
	r.wantEnd()

	r = open("subscription { nothing }")
	r.want(":", "", "event: next")
	if got := <-r.lines; !strings.HasPrefix(got, `data: {"errors":[{"message":`) || strings.Contains(got, `"data":null`) {
		t.Error(got)
	}
	r.want("", "event: complete", "data:", "")
	r.wantEnd()
}

func TestEventsEndWithTheSource(t *testing.T) {
	g := newGateway(t, Options{}).live(0)
	r := readLines(t, g.open("GET", "/graphql?query="+url.QueryEscape("subscription { trades { operation } }"), "", "Accept", "text/event-stream"))
	r.want(":", "")
	g.feed.Close()
	r.want("event: next")
	if got := <-r.lines; !strings.Contains(got, `"code":"SOURCE_CLOSED"`) {
		t.Error(got)
	}
	r.want("", "event: complete", "data:", "")
	r.wantEnd()
}

func TestEventsKeepAlive(t *testing.T) {
	g := newGateway(t, Options{PingInterval: 20 * time.Millisecond}).live(0)
	r := readLines(t, g.open("GET", "/graphql?query="+url.QueryEscape("subscription { trades { operation } }"), "", "Accept", "text/event-stream"))
	r.want(":", "", ":", "", ":", "")
}

func TestAppendEventSplitsLines(t *testing.T) {
	if got := string(appendEvent(nil, []byte("{\"a\":\n1}"))); got != "event: next\ndata: {\"a\":\ndata: 1}\n\n" {
		t.Errorf("%q", got)
	}
}

func TestRelay(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	resp := g.open("GET", "/stream/trades", "")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != tsvType {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	r := readLines(t, resp)
	r.want("timestamp\tdiff\tid\tsymbol\tprice", "1000\t1\t1\tS1\t100")
	g.set(2, "tab\there", "")
	r.want("1001\t1\t2\ttab\\there\t\\N")

	r = readLines(t, g.open("GET", "/stream/trades?format=jsonl&where="+url.QueryEscape(`{"price":{"_gt":99}}`), ""))
	r.want(`{"timestamp":"1001","diff":1,"row":{"id":1,"symbol":"S1","price":"100"}}`)
	g.set(1, "S1", "99")
	r.want(`{"timestamp":"1002","diff":-1,"row":{"id":1,"symbol":"S1","price":"100"}}`)
	if s := g.Stats(); s.Kinds[KindRelay].Active != 2 || s.of("trades", "stream").Active != 2 {
		t.Errorf("%+v", s)
	}
}

func TestRelayRefuses(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	tests := []struct {
		name, method, path string
		status             int
		contains           string
	}{
		{"unknown source", "GET", "/stream/nothing", 404, "trades, pending"},
		{"columns not known", "GET", "/stream/pending", 503, "not known yet"},
		{"format", "GET", "/stream/trades?format=xml", 400, "tsv or jsonl"},
		{"where is no JSON", "GET", "/stream/trades?where=x", 400, "where:"},
		{"where is a list", "GET", "/stream/trades?where=[]", 400, "where:"},
		{"where names no column", "GET", "/stream/trades?where=" + url.QueryEscape(`{"nope":{"_eq":1}}`), 400, "nope"},
		{"POST", "POST", "/stream/trades", 405, "GET"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := g.do(tt.method, tt.path, "")
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.contains) {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
		})
	}
}

func TestRelayWebSocket(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	c, _, err := g.tryDial("/stream/trades", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.want("timestamp\tdiff\tid\tsymbol\tprice")
	c.want("1000\t1\t1\tS1\t100")
	c.say("what clients say is ignored")
	g.set(1, "S1", "7")
	c.want("1001\t1\t1\tS1\t7")
	g.feed.Close()
	c.wantClose(1013, "source was closed")
	eventually(t, "gone", func() bool { return active(g.Stats()) == 0 })
}

// A relay that cannot go on must not look as if it had ended.
func TestRelayBreaksOff(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	r := readLines(t, g.open("GET", "/stream/trades", ""))
	r.want("timestamp\tdiff\tid\tsymbol\tprice", "1000\t1\t1\tS1\t100")
	g.feed.Close()
	r.wantBreak()
}

// Nor must a stream that the gateway takes back, over HTTP/1.1 or 2.
func TestShutdownBreaksStreamsOff(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for name, end := range map[string]func(*gateway){
			"drain": func(g *gateway) { g.Drain(g.Context(), time.Millisecond) },
			"close": func(g *gateway) { g.Close() },
		} {
			g := startGateway(t, Options{}, secure).live(1)
			const query = "/graphql?query=subscription{trades{operation}}"
			streams := map[string]*streamReader{
				"relay":     readLines(t, g.open("GET", "/stream/trades", "")),
				"events":    readLines(t, g.open("GET", query, "", "Accept", "text/event-stream")),
				"multipart": readLines(t, g.open("GET", query, "", "Accept", apolloAccept)),
			}
			streams["relay"].want("timestamp\tdiff\tid\tsymbol\tprice", "1000\t1\t1\tS1\t100")
			streams["events"].want(":", "", "event: next", `data: {"data":{"trades":{"operation":"INSERT"}}}`, "")
			streams["multipart"].want("--graphql", "Content-Type: application/json", "", `{"payload":{"data":{"trades":{"operation":"INSERT"}}}}`)
			end(g)
			for kind, r := range streams {
				var last []string
				if kind == "multipart" {
					last = append(last, "--graphql") // of the part before
				}
				r.want(last...)
				if err := r.end(); err == nil || !secure && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%s, TLS %v: %s ends with %v", name, secure, kind, err)
				}
			}
		}
	}
}

// A stream's connection is used again, after its last deadline; a header that
// forbade it would hide losses from clients in Node.js.
func TestStreamLeavesConnection(t *testing.T) {
	const slow = 20 * time.Millisecond
	g := newGateway(t, Options{SlowClientTimeout: slow}).live(1)
	var used []bool
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { used = append(used, c.Reused) }})
	for _, media := range []string{typeEvents, typeJSON, typeEvents} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url("/graphql?query={trades{id}}"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", media)
		resp, err := g.srv.Client().Do(req)
		if err != nil {
			t.Fatalf("%s: %v", media, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !strings.Contains(string(body), `{"data":{"trades":[{"id":1}]}}`) || resp.Close {
			t.Errorf("%q %v, the connection closes: %v", body, err, resp.Close)
		}
		<-time.After(2 * slow)
	}
	if !slices.Equal(used, []bool{false, true, true}) {
		t.Errorf("used again: %v", used)
	}
}

// A stream's client that does not read costs its own goroutine one buffer; when
// it reads again it ends with the newest row.
func TestSlowStream(t *testing.T) {
	g := newGateway(t, Options{}).live(1)
	slow := g.open("GET", "/stream/trades", "")
	quick := g.modern()
	quick.ask("subscribe", "1", "subscription { trades { data { price } } }")
	quick.next()
	pad := strings.Repeat("x", 60_000)
	const total = 1000 // 60 MB, far beyond what sockets hold
	for i := 1; i <= total; i++ {
		g.set(1, pad, strconv.Itoa(i))
		quick.want(`{"id":"1","type":"next","payload":{"data":{"trades":{"data":{"price":"` + strconv.Itoa(i) + `"}}}}}`)
	}
	sc := bufio.NewScanner(slow.Body)
	sc.Buffer(nil, 1<<20)
	lines, last := 0, ""
	for last != strconv.Itoa(total) && sc.Scan() {
		lines++
		last = sc.Text()[strings.LastIndexByte(sc.Text(), '\t')+1:]
	}
	if last != strconv.Itoa(total) {
		t.Fatalf("ended at %q: %v", last, sc.Err())
	}
	if lines > total/2 {
		t.Errorf("%d lines of %d: nothing was conflated", lines, total)
	}
}

func TestStreamIsCutOffWhenSlow(t *testing.T) {
	g := newGateway(t, Options{SlowClientTimeout: 50 * time.Millisecond}).live(1)
	g.open("GET", "/stream/trades", "")
	pad := strings.Repeat("x", 60_000)
	i := 0
	eventually(t, "cut off", func() bool {
		i++
		g.set(1, pad, strconv.Itoa(i))
		return g.Stats().Kinds[KindRelay].Closed[codeTryLater] == 1
	})
}
