package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
)

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

const eventText = `{"operation":"INSERT","data":{"instrumentId":2,"symbol":"S","seq":77,"sentAt":"1234567890123456789"}}`

func TestNextEvent(t *testing.T) {
	text := eventText + "," + strings.Replace(eventText, "INSERT", "DELETE", 1) + "," + strings.Replace(eventText, "INSERT", "UPDATE", 1)
	rest := []byte(text)
	for _, op := range []byte("IDU") {
		e, behind, ok := nextEvent(rest)
		if !ok || e.op != op || e.key != 2 || e.seq != 77 || e.sent != 1234567890123456789 {
			t.Fatalf("%+v, %v", e, ok)
		}
		if want := `"instrumentId":2,"symbol":"S","seq":77,"sentAt":"1234567890123456789"`; string(e.data) != want {
			t.Errorf("data %s", e.data)
		}
		rest = behind
	}
	if _, _, ok := nextEvent(rest); ok {
		t.Error("a fourth event of three")
	}
	for _, bad := range []string{
		"", eventText[:len(eventText)-3], strings.Replace(eventText, "sentAt", "x", 1), strings.Replace(eventText, "77", "x", 1),
		strings.Replace(eventText, "INSERT", "XNSERT", 1), strings.Replace(eventText, `"1234567890123456789"`, `""`, 1), eventText[25:],
	} {
		if _, _, ok := nextEvent([]byte(bad)); ok {
			t.Errorf("%q is taken for an event", bad)
		}
	}
}

func TestParseHead(t *testing.T) {
	const text = `{"id":"0","type":"next","payload":{"data":{"livePnLChanges":{"kind":"RESUMED","last":true,"timestamp":"1700","cursor":"abc","changes":[]}}}}`
	h, rest, err := parseHead([]byte(text))
	if err != nil || h.kind != kindResumed || !h.last || h.time != 1700 || string(h.cursor) != "abc" || !strings.HasPrefix(string(rest), `","changes"`) {
		t.Errorf("%+v, %q, %v", h, rest, err)
	}
	for _, bad := range []string{
		"", text[:60], strings.Replace(text, "RESUMED", "OTHER", 1), strings.Replace(text, "last", "x", 1), strings.Replace(text, "timestamp", "x", 1),
		strings.Replace(text, "cursor", "x", 1), strings.SplitAfter(text, "bc")[0], `{"id":"0","type":"error","payload":[{"message":"no"}]}`,
	} {
		if _, _, err := parseHead([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a frame", bad)
		}
	}
}

// FuzzParse feeds the parsers with anything: they must not panic, and each
// event must be shorter than what it was taken from.
func FuzzParse(f *testing.F) {
	f.Add([]byte(eventText))
	f.Add([]byte(`{"kind":"LIVE","last":false,"timestamp":"1","cursor":"","changes":[` + eventText + `]}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		if _, rest, err := parseHead(p); err == nil && len(rest) >= len(p) {
			t.Error("a head of no length")
		}
		for rest := p; ; {
			_, behind, ok := nextEvent(rest)
			if !ok {
				break
			}
			if len(behind) >= len(rest) {
				t.Fatal("an event of no length")
			}
			rest = behind
		}
	})
}

func TestQuery(t *testing.T) {
	for _, tt := range []struct {
		name string
		spec spec
		key  int
		from string
		want string
	}{
		{"all", spec{}, 0, "", "subscription { livePnL { operation"},
		{"one", spec{}, 7, "", "livePnL(where: {instrumentId: {_eq: 7}}) {"},
		{"like", spec{Own: ownLike}, 7, "", `where: {symbol: {_like: "%000007%"}}`},
		{"regex", spec{Own: ownRegex}, 7, "", `where: {symbol: {_regex: " 0*7 N"}}`},
		{"blanks", spec{Own: ownBlank}, 123456, "", `where: {_and: [{symbol: {_like: "____1_3_5%"}}, {symbol: {_like: "_____2_4_6%"}}]}`},
		{"frames", spec{Frames: true, MaxRate: 4}, 0, "abc", `livePnLChanges(maxRate: 4, resumeFrom: "abc") { kind`},
	} {
		if got := tt.spec.query(tt.key, tt.from); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}

// TestWorld follows made-up rows through changes.
func TestWorld(t *testing.T) {
	w := newWorld(4)
	w.keep(100)
	w.tick()
	if w.time != firstTime || w.sums[0] != w.sum {
		t.Fatalf("first time %d", w.time)
	}
	live := make(map[string]relation.Row)
	for _, r := range w.rows {
		live[r.Text(0)] = r
	}
	var ops [6]int
	for range 10 {
		batches, f := w.step(stride{events: 3, keys: 4, churn: 4}, time.Now())
		if len(batches) != 3 || batches[2].Time != f.Time {
			t.Fatalf("%d batches up to %d of %d", len(batches), batches[2].Time, f.Time)
		}
		for _, b := range batches {
			for _, c := range b.Changes {
				ops[c.Op]++
				key := (c.Old + c.New)
				if c.New != "" {
					key = c.New
				}
				if live[key.Text(0)] != c.Old {
					t.Fatalf("%v claims %q", c.Op, c.Old)
				}
				live[key.Text(0)] = c.New
			}
		}
	}
	if ops[relation.Insert] == 0 || ops[relation.Update] == 0 || ops[relation.Delete] < 3 {
		t.Errorf("operations: %v", ops)
	}
	sum := uint64(0)
	for _, d := range w.truth() {
		sum += d
	}
	if sum != w.sum || w.verify([]state{{w.time, sum}}) != nil || w.verify([]state{{w.time, sum + 1}}) == nil {
		t.Errorf("sum %d, want %d", w.sum, sum)
	}
	batches, _ := w.step(stride{events: 3, keys: 4, oneTime: true}, time.Now())
	if len(batches) != 1 || len(batches[0].Changes) != 3 {
		t.Errorf("%d batches of one time", len(batches))
	}
}

func TestPaced(t *testing.T) {
	began, n := time.Now(), 0
	err := paced(t.Context(), 20, 1000, func(due time.Time, _ bool) error {
		if n++; time.Since(due) < 0 {
			t.Error("too early")
		}
		return nil
	})
	if err != nil || n != 20 || time.Since(began) < 19*time.Millisecond {
		t.Errorf("%d passes in %v, %v", n, time.Since(began), err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errHalt)
	if err := paced(ctx, 20, 1, func(time.Time, bool) error { return nil }); !errors.Is(err, errHalt) {
		t.Errorf("got %v", err)
	}
}

func TestNeedFiles(t *testing.T) {
	if err := needFiles(10); err != nil {
		t.Error(err)
	}
	if err := needFiles(1 << 40); err == nil || !strings.Contains(err.Error(), "ulimit -Hn") {
		t.Errorf("got %v", err)
	}
}

func TestReport(t *testing.T) {
	var out strings.Builder
	p := plan{out: &out}
	r := result{spec: spec{Clients: 3}, clients: clientReport{Messages: 4, Bytes: 1200}}
	r.server.CPU.User, r.server.Elapsed, r.server.Writes = 8*time.Microsecond, time.Second, 2
	bare := r
	bare.server.CPU.User = 4 * time.Microsecond
	c := column{name: "a", rs: []result{r}, bares: []result{bare}}
	c.add("more", "%d", 42)
	p.report("title", c, column{name: "b", rs: []result{r}})
	p.judge(false, "what", "< 1", "%d", 2)
	p.printVerdicts()
	for _, want := range []string{
		"title\n", "server CPU per row, us                 2", "bytes per row                          300", "50 %      -", "42 ", "MISSED",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
