package main

import (
	"bytes"
	"context"
	"os"
	"slices"
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

// TestScenarios runs every scenario, tiny. Whether targets are met says
// nothing at this size, but every client must end with the true rows.
func TestScenarios(t *testing.T) {
	for _, s := range (&plan{}).scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			p := plan{only: s.name, out: &out}
			p.hurry(200)
			p.duration, p.long, p.minute = 50*time.Millisecond, 200*time.Millisecond, 500*time.Millisecond
			if err := p.run(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, out.Bytes())
			}
			if !strings.Contains(out.String(), "others, %") && s.name != "idle" {
				t.Errorf("it reports nothing:\n%s", out.Bytes())
			}
			for _, bad := range []string{"NaN", "Inf"} {
				if strings.Contains(out.String(), bad) {
					t.Errorf("%s in a report:\n%s", bad, out.Bytes())
				}
			}
		})
	}
}

func TestChosen(t *testing.T) {
	p := plan{only: "slow,idle"}
	got, err := p.chosen()
	if err != nil || len(got) != 2 || got[0].name != "slow" || got[1].name != "idle" {
		t.Errorf("%v, %v", got, err)
	}
	p.only = "slwo"
	if _, err := p.chosen(); err == nil || !strings.Contains(err.Error(), `"slwo"`) {
		t.Errorf("got %v", err)
	}
}

// TestRounds runs kinds of rounds once, small, and looks at their figures.
func TestRounds(t *testing.T) {
	const d = 200 * time.Millisecond
	for _, tt := range []struct {
		name, role string
		spec       spec
		messages   uint64
	}{
		{"bare", roleBare, spec{Clients: 5, Merge: 2, Rate: 100, Duration: d, Bytes: eventBytes}, 5 * 2 * 20},
		{"bare to one each", roleBare, spec{Clients: 5, Merge: 1, Rate: 100, Duration: d, Bytes: eventBytes, One: true}, 20},
		{"nothing to merge", roleGateway, spec{Clients: 5, Rows: 7, Merge: 1, Rate: 100, Duration: d, Alone: true}, 5 * 20},
		{"merging", roleGateway, spec{Clients: 5, Rows: 7, Merge: 3, Rate: 100, Duration: d, Alone: true}, 5 * 3 * 20},
		{"one time", roleGateway, spec{Clients: 5, Rows: 7, Merge: 3, OneTime: true, Rate: 100, Duration: d}, 5 * 3 * 20},
		{"filters", roleGateway, spec{Clients: 2, Rows: 10, Filters: 3, Merge: 1, Rate: 100, Duration: d}, 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
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

// TestFrames runs rounds of frames whose rows come and go, with what can be
// checked of them.
func TestFrames(t *testing.T) {
	const d = 300 * time.Millisecond
	for _, tt := range []struct {
		name string
		spec spec
	}{
		{"live", spec{Clients: 3, Rows: 20, Merge: 1, Rate: 200, Duration: d, Frames: true, Churn: 5, History: true}},
		{"one time", spec{Clients: 3, Rows: 20, Merge: 7, OneTime: true, Rate: 100, Duration: d, Frames: true, Churn: 5, History: true}},
		{"slow", spec{Clients: 3, Rows: 20, Merge: 1, Rate: 200, Duration: d, Frames: true, Churn: 5, History: true, Slow: 1}},
		{"TLS", spec{Clients: 3, Rows: 20, Merge: 1, Rate: 200, Duration: d, Frames: true, Churn: 5, History: true, TLS: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := round(t.Context(), roleGateway, tt.spec)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.clients.States) < 10 {
				t.Errorf("%d states were compared", len(r.clients.States))
			}
			if got := r.joins.Kinds[kindSnapshot]; got != tt.spec.Clients {
				t.Errorf("first frames: %v", r.joins.Kinds)
			}
		})
	}
}

// TestLies shows that what the clients' rows are checked against matters.
func TestLies(t *testing.T) {
	s := spec{Clients: 2, Rows: 5, Merge: 1, Rate: 100, Duration: 50 * time.Millisecond, Frames: true, History: true}
	x, err := begin(t.Context(), roleGateway, s)
	if err != nil {
		t.Fatal(err)
	}
	defer x.end()
	if _, err := x.ready(); err != nil {
		t.Fatal(err)
	}
	ran, err := x.srv.call(call{Do: "run", Spec: s})
	if err != nil {
		t.Fatal(err)
	}
	ended, err := x.clients.call(call{Do: "end", Truth: ran.Server.Truth})
	if err != nil || !ended.Clients.Converged || len(ended.Clients.States) == 0 {
		t.Fatalf("%+v, %v", ended, err)
	}
	states := ended.Clients.States
	states[0].Sum++
	if _, err := x.srv.call(call{Do: "verify", States: states}); err == nil || !strings.Contains(err.Error(), "not what they were") {
		t.Errorf("got %v", err)
	}
	states[0].Time += 1 << 40
	if _, err := x.srv.call(call{Do: "verify", States: states}); err == nil || !strings.Contains(err.Error(), "no history") {
		t.Errorf("got %v", err)
	}
	if _, err := x.srv.call(call{Do: "stop"}); err == nil {
		t.Error("it stopped what was never started")
	}
}

func TestDiffers(t *testing.T) {
	truth := []uint64{1, 2, 3, 4}
	for _, tt := range []struct {
		name    string
		m       member
		key     int
		differs bool
	}{
		{"all", member{rows: []uint64{1, 2, 3, 4}}, 0, false},
		{"another row", member{rows: []uint64{1, 2, 3, 5}}, 3, true},
		{"a row too few", member{rows: []uint64{1, 0, 3, 4}}, 1, true},
		{"a part", member{first: 2, rows: []uint64{3, 4}}, 0, false},
		{"a wrong part", member{first: 2, rows: []uint64{3, 3}}, 3, true},
	} {
		if key, differs := tt.m.differs(truth); key != tt.key || differs != tt.differs {
			t.Errorf("%s: %d, %v", tt.name, key, differs)
		}
	}
}

// TestExact shows that an event that is left out is noticed.
func TestExact(t *testing.T) {
	c := &crowd{pending: make([]pass, 8)}
	m := &member{spec: spec{Exact: true}, rows: make([]uint64, 1), ready: true, last: 4}
	take := func(seq int) error {
		return c.takeEvent(m, event{op: 'U', key: 1, seq: seq, data: []byte("x")}, true, time.Now())
	}
	if err := take(5); err != nil {
		t.Error(err)
	}
	if err := take(7); err == nil || !strings.Contains(err.Error(), "event 7 came behind event 5") {
		t.Errorf("got %v", err)
	}
	if err := c.takeEvent(m, event{op: 'U', key: 2}, true, time.Now()); err == nil {
		t.Error("a row that was not asked for is taken")
	}
}

// TestReset shows that a new snapshot replaces what a client has.
func TestReset(t *testing.T) {
	c := &crowd{pending: make([]pass, 8), joins: joins{kinds: make(map[string]int)}}
	m := &member{spec: spec{Frames: true}, rows: make([]uint64, 3), whole: true}
	frame := func(kind, last, cursor string, keys ...string) {
		t.Helper()
		changes := make([]string, len(keys))
		for i, key := range keys {
			changes[i] = `{"operation":"INSERT","data":{"instrumentId":` + key + `,"seq":0,"sentAt":"1"}}`
		}
		text := `{"id":"0","type":"next","payload":{"data":{"livePnLChanges":{"kind":"` + kind + `","last":` + last +
			`,"timestamp":"17","cursor":"` + cursor + `","changes":[` + strings.Join(changes, ",") + `]}}}}`
		if err := c.takeFrame(m, []byte(text), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	held := func() (keys []int) {
		for i, row := range m.rows {
			if row != 0 {
				keys = append(keys, i+1)
			}
		}
		return keys
	}
	frame(kindSnapshot, "false", "", "1")
	frame(kindSnapshot, "true", "a", "2")
	if !slices.Equal(held(), []int{1, 2}) || string(m.cursor) != "a" || !m.ready {
		t.Errorf("after a snapshot: %v, %q, %v", held(), m.cursor, m.ready)
	}
	frame(kindReset, "false", "", "3")
	frame(kindReset, "true", "b")
	if !slices.Equal(held(), []int{3}) || string(m.cursor) != "b" {
		t.Errorf("after a reset: %v, %q", held(), m.cursor)
	}
	frame(kindReset, "true", "c", "1")
	if !slices.Equal(held(), []int{1}) {
		t.Errorf("after another reset: %v", held())
	}
	if m.sum != m.rows[0] {
		t.Errorf("sum %d of %v", m.sum, m.rows)
	}
}
