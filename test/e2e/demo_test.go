package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// demo starts the demo on a free port.
func demo(t *testing.T, flags ...string) *gateway {
	t.Helper()
	return start(t, "", append([]string{"demo"}, flags...))
}

var pnlColumns = []string{"instrumentId", "symbol", "netPosition", "latestPrice", "marketValue", "avgCostBasis", "theoreticalPnl"}

// livePnL subscribes to rows of the demo's schema, one by one.
func livePnL(where string) subscription {
	return subscription{field: "livePnL", document: fmt.Sprintf(
		`subscription { livePnL(where: %s) { operation fields timestamp data { _key %s } } }`, where, strings.Join(pnlColumns, " "))}
}

// livePnLChanges subscribes to frames of the demo's schema.
func livePnLChanges(where string) subscription {
	return subscription{field: "livePnLChanges", document: fmt.Sprintf(
		`subscription { livePnLChanges(where: %s) { kind last state timestamp cursor
		   changes { operation fields timestamp data { _key %s } } } }`, where, strings.Join(pnlColumns, " "))}
}

func TestDemoMoves(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	g := demo(t, "--rows", "50", "--rate", "200")
	g.ready()
	t.Logf("live after %v", time.Since(begin))
	eventually(t, "the demo says where to look", func() error {
		for _, want := range []string{"/stream/live_pnl", "/playground", "/graphql", "/metrics"} {
			if !strings.Contains(g.log(), want) {
				return fmt.Errorf("no %s in %s", want, g.log())
			}
		}
		return nil
	})

	lines, header := relay(t, g, "/stream/live_pnl", 500)
	if header != "text/tab-separated-values; charset=utf-8" ||
		lines[0] != "timestamp\tdiff\tinstrument_id\tsymbol\tnet_position\tlatest_price\tmarket_value\tavg_cost_basis\ttheoretical_pnl" {
		t.Errorf("TSV: %s %q", header, lines[0])
	}
	keys, times := map[string]int{}, map[string]bool{}
	for _, l := range lines[1:] {
		cells := strings.Split(l, "\t")
		if len(cells) != 9 || cells[1] != "1" {
			t.Fatalf("TSV line %q", l)
		}
		keys[cells[2]]++
		times[cells[0]] = true
	}
	if len(keys) != 50 || len(times) < 5 {
		t.Errorf("%d rows, %d times", len(keys), len(times))
	}

	lines, _ = relay(t, g, "/stream/live_pnl?format=jsonl&where="+url.QueryEscape(`{"instrumentId":{"_lte":3}}`), 10)
	for _, l := range lines {
		var line struct {
			Timestamp string
			Diff      int
			Row       struct {
				ID int `json:"instrument_id"`
			}
		}
		if err := json.Unmarshal([]byte(l), &line); err != nil || line.Timestamp == "" || line.Diff != 1 || line.Row.ID > 3 || line.Row.ID < 1 {
			t.Errorf("JSON line %s: %v", l, err)
		}
	}

	c := follow(t, g, livePnL(`{netPosition: {_gt: 0}}`))
	eventually(t, "live events", func() error {
		if held, events := c.counts(); held == 0 || events < held+50 {
			return fmt.Errorf("%d rows, %d events", held, events)
		}
		return nil
	})
	if err := c.kept(); err != nil {
		t.Error(err)
	}
	if code := g.kill(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// relay reads so many lines of a stream.
func relay(t *testing.T, g *gateway, path string, n int) (lines []string, contentType string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.address()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", path, res.Status)
	}
	in := bufio.NewScanner(res.Body)
	for len(lines) < n && in.Scan() {
		lines = append(lines, in.Text())
	}
	if len(lines) < n {
		t.Fatalf("%s: %d lines: %v", path, len(lines), in.Err())
	}
	return lines, res.Header.Get("Content-Type")
}

// freePort returns a port that nobody listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// The demo stands still, so what clients hold can be compared with what the
// database answers.
func TestDemoEqualsSQL(t *testing.T) {
	t.Parallel()
	g := demo(t, "--rows", "200", "--rate", "0", "--materialize-listen", "127.0.0.1:0")
	var address []string
	eventually(t, "the demo says where its database is", func() error {
		if address = regexp.MustCompile(`psql -h (\S+) -p (\d+) -U materialize materialize\n`).FindStringSubmatch(g.log()); address == nil {
			return errors.New(g.log())
		}
		return nil
	})
	db := reach(t, "postgres://materialize@"+net.JoinHostPort(address[1], address[2])+"/materialize?sslmode=disable")
	const columns = "instrument_id, symbol, net_position, latest_price, market_value, avg_cost_basis, theoretical_pnl"
	for _, c := range []struct{ where, sql string }{
		{`{}`, `true`},
		{`{netPosition: {_gt: 100}, latestPrice: {_lt: "150.5"}}`, `net_position > 100 AND latest_price < 150.5`},
		{`{_or: [{theoreticalPnl: {_is_null: true}}, {symbol: {_like: "A%"}}]}`, `theoretical_pnl IS NULL OR symbol LIKE 'A%'`},
		{`{_not: {latestPrice: {_gte: 100}}}`, `NOT latest_price >= 100`},
		{`{instrumentId: {_in: [1, 2, 3, 999]}}`, `instrument_id IN (1, 2, 3, 999)`},
	} {
		want := db.lines("SELECT " + columns + " FROM live_pnl WHERE " + c.sql)
		if len(want) == 0 {
			t.Errorf("%s: no rows to compare", c.sql)
		}
		one := follow(t, g, livePnL(c.where))
		one.holds(t, pnlColumns, func() []string { return want })
		many := follow(t, g, livePnLChanges(c.where))
		many.holds(t, pnlColumns, func() []string { return want })
		for _, client := range []*client{one, many} {
			if err := client.kept(); err != nil {
				t.Errorf("%s: %v", c.where, err)
			}
		}

		document := "{ livePnL(where: " + c.where + ") { " + strings.Join(pnlColumns, " ") + " } }"
		if err := differ(answered(t, g.query(document), "livePnL", pnlColumns), want); err != nil {
			t.Errorf("POST %s: %v", c.where, err)
		}
		_, body := g.get("/graphql?query=" + url.QueryEscape(document))
		if err := differ(answered(t, body, "livePnL", pnlColumns), want); err != nil {
			t.Errorf("GET %s: %v", c.where, err)
		}
	}
	if got := g.query(`{ livePnLByPk(instrumentId: 7) { instrumentId _key } none: livePnLByPk(instrumentId: 7000) { symbol } }`); got !=
		`{"data":{"livePnLByPk":{"instrumentId":7,"_key":"7"},"none":null}}` {
		t.Errorf("by key: %s", got)
	}
}

// answered are the rows of a query's answer as lines.
func answered(t *testing.T, body, field string, columns []string) []string {
	t.Helper()
	var answer struct {
		Data   map[string][]row
		Errors json.RawMessage
	}
	if err := decode([]byte(body), &answer); err != nil || answer.Errors != nil {
		t.Errorf("%v: %.500s", err, body)
		return nil
	}
	r := newRows(field)
	for i, one := range answer.Data[field] {
		r.held[strconv.Itoa(i)] = one
	}
	return r.lines(columns)
}

// Behind complete nothing comes for an id, which can be used anew; the
// connection's other operations go on.
func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	g := demo(t, "--rows", "30", "--rate", "300")
	g.ready()
	s, err := open(t.Context(), g.address(), opening{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	stays := newRows("livePnL")
	if _, err := s.subscribe(livePnL(`{}`).document, nil, stays.take); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		leaves := newRows("livePnLChanges")
		id, err := s.subscribe(livePnLChanges(`{}`).document, nil, leaves.take)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "a snapshot", func() error {
			if held, _ := leaves.counts(); held == 30 {
				return nil
			}
			return errors.Join(errors.New("no snapshot"), leaves.kept())
		})
		if err := s.complete(id); err != nil {
			t.Fatal(err)
		}
		if err := s.complete("no such id"); err != nil {
			t.Fatal(err)
		}
		// An answer to a later question proves that the server knows.
		answered := make(chan struct{})
		if _, err := s.subscribe(`{ sources { name } }`, nil, func(m message) {
			if m.Type == "complete" {
				close(answered)
			}
		}); err != nil {
			t.Fatal(err)
		}
		<-answered
		_, before := leaves.counts()
		_, seen := stays.counts()
		eventually(t, "the other subscription goes on", func() error {
			if _, now := stays.counts(); now > seen+20 {
				return nil
			}
			return errors.Join(errors.New("it does not"), stays.kept())
		})
		if _, after := leaves.counts(); after != before {
			t.Fatalf("%d events behind complete", after-before)
		}
	}
	if got := g.query(`{ sources { subscribers } }`); got != `{"data":{"sources":[{"subscribers":1}]}}` {
		t.Errorf("subscribers: %s", got)
	}
}
