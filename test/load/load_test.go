package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain plays the children's parts: rounds start this binary again.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := runChild(context.Background(), role); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestRounds runs each kind of round once, small: every client must have got
// every event and end with the rows that a late joiner gets.
func TestRounds(t *testing.T) {
	const d = 200 * time.Millisecond
	for _, tt := range []struct {
		name, role string
		spec       spec
		messages   uint64
	}{
		{"bare", roleBare, spec{Clients: 5, Merge: 2, Rate: 100, Duration: d, Bytes: eventBytes}, 5 * 2 * 20},
		{"nothing to merge", roleGateway, spec{Clients: 5, Rows: 7, Merge: 1, Rate: 100, Duration: d, Alone: true}, 5 * 20},
		{"merging", roleGateway, spec{Clients: 5, Rows: 7, Merge: 3, Rate: 100, Duration: d, Alone: true}, 5 * 3 * 20},
		{"one time", roleGateway, spec{Clients: 5, Rows: 7, Merge: 3, OneTime: true, Rate: 100, Duration: d}, 5 * 3 * 20},
		{"filters", roleGateway, spec{Clients: 2, Rows: 10, Filters: 3, Merge: 1, Rate: 100, Duration: d}, 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := round(t.Context(), tt.role, tt.spec)
			if err != nil {
				t.Fatal(err)
			}
			if r.server.Messages != tt.messages || r.clients.Messages != tt.messages {
				t.Errorf("%d messages sent and %d seen, want %d", r.server.Messages, r.clients.Messages, tt.messages)
			}
			if r.cost() <= 0 || r.clients.Latency.P99 <= 0 {
				t.Errorf("nothing measured: %+v", r)
			}
			if size := int(r.clients.Bytes / r.clients.Messages); size < eventBytes-15 || size > eventBytes+15 {
				t.Errorf("events of %d bytes are compared with bare ones of %d", size, eventBytes)
			}
		})
	}
}

// TestDifference shows that the check of the clients' rows can fail.
func TestDifference(t *testing.T) {
	late := &member{rows: []uint64{1, 2, 3, 4}}
	c := &crowd{members: []*member{{rows: []uint64{1, 2, 3, 4}}}}
	if err := c.difference(late); err != nil {
		t.Error(err)
	}
	c.members = append(c.members, &member{rows: []uint64{1, 2, 3, 5}})
	if err := c.difference(late); err == nil || !strings.Contains(err.Error(), "client 2 holds another row of key 4") {
		t.Errorf("got %v", err)
	}
	c.spec.Filters = 2
	c.members = []*member{{rows: []uint64{1, 2, 0, 0}}, {rows: []uint64{0, 0, 3, 4}}}
	if err := c.difference(late); err != nil {
		t.Error(err)
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	if h.spread() != (spread{}) {
		t.Error("an empty histogram has a spread")
	}
	for i := range 10_000 {
		h.add(time.Duration(i) * time.Microsecond)
	}
	for _, q := range []float64{0, 0.001, 0.01, 0.5, 0.9, 0.99} {
		want := time.Duration(q*10_000) * time.Microsecond
		if got := h.quantile(q); got > want || got < want*31/32-time.Microsecond {
			t.Errorf("quantile %v: %v, want %v", q, got, want)
		}
	}
	h.add(1 << 62)
	h.add(-time.Second)
	if h.quantile(1) != 1<<62 {
		t.Error("the largest is lost")
	}
}

func TestBusy(t *testing.T) {
	got, ok := parseBusy([]byte("cpu  100 20 3 5000 70 6 7 8 9 10\ncpu0 1 2 3\n"))
	if want := 1440 * time.Millisecond; got != want || !ok {
		t.Errorf("%v, %v, want %v", got, ok, want)
	}
	for _, bad := range []string{"", "cpu 1 2 3", "intr 1 2 3 4 5 6 7 8 9", "cpu 1 2 3 4 5 6 x 8"} {
		if _, ok := parseBusy([]byte(bad)); ok {
			t.Errorf("%q is taken for a machine's times", bad)
		}
	}
}

func TestParseEvent(t *testing.T) {
	w := newWorld(3)
	row := w.row(2, 77)
	text := `{"id":"0","type":"next","payload":{"data":{"livePnL":{"operation":"INSERT","data":{"instrumentId":2,"symbol":"S","seq":77,"sentAt":"` +
		row.Text(8) + `"}}}}}`
	e, err := parseEvent([]byte(text))
	if err != nil || e.key != 2 || e.seq != 77 || !e.insert || time.Since(time.Unix(0, e.sent)) > time.Minute {
		t.Errorf("%+v, %v", e, err)
	}
	for _, bad := range []string{"", text[:len(text)-5], strings.Replace(text, "sentAt", "x", 1), strings.Replace(text, "77", "x", 1)} {
		if _, err := parseEvent([]byte(bad)); err == nil {
			t.Errorf("%q is taken for an event", bad)
		}
	}
}
