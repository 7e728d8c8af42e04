package e2e

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/testpg"
)

func newRandom() *rand.Rand { return rand.New(rand.NewPCG(3, 4)) }

var retained = mzsim.ObjectOptions{Retain: time.Hour}

// begun serves a ledger and returns the first pages of readers of all
// conditions, whose connections are gone again.
func begun(t *testing.T, l *ledger, g *gateway) []page {
	t.Helper()
	g.ready()
	var out []page
	for _, c := range conditions {
		r := read(t, g, resuming(c.where, ""))
		p := l.follows(c, r, map[string]string{}, 0, 0)
		if p.Kind != "SNAPSHOT" || p.Cursor == "" {
			t.Fatalf("first page %+v", p)
		}
		r.sock.close()
		out = append(out, p)
	}
	return out
}

// resumed reads on from pages and fails unless each gets the difference and
// then what follows.
func resumed(t *testing.T, l *ledger, g *gateway, from []page) (out []page) {
	t.Helper()
	for i, c := range conditions {
		r := read(t, g, resuming(c.where, from[i].Cursor))
		p := r.next(0)
		l.check(c, from[i], &p)
		l.write(3)
		upto := l.settled()
		out = append(out, l.follows(c, r, l.at(c, p.time), 1, upto))
		r.sock.close()
	}
	return out
}

// comeAndGo writes changes of every sort, also of rows that are gone again.
func (l *ledger) comeAndGo() {
	l.t.Helper()
	l.set(900, []any{900, 1, "x"})
	l.write(10)
	l.set(901, []any{901, 999, "a"})
	l.set(902, []any{902, 501, "b"})
	l.write(10)
	l.set(900, nil)
	l.set(901, nil)
	l.set(902, []any{902, 499, "b"}) // out of a filter, and back below
	l.set(902, []any{902, 501, "b"})
}

func TestResume(t *testing.T) {
	t.Parallel()
	l, setting := newLedger(t, mzsim.ObjectOptions{})
	g := serve(t, sheetSchema, setting)
	at := begun(t, l, g)
	for range 5 {
		l.comeAndGo()
		next := resumed(t, l, g, at)
		resumed(t, l, g, at) // a silent retry sends the old cursor again
		at = next
	}
	if n := g.metric("tycostream_resumes_total"); n < 30 {
		t.Errorf("%v resumes counted", n)
	}
}

func TestResumeRefused(t *testing.T) {
	t.Parallel()
	l, setting := newLedger(t, mzsim.ObjectOptions{})
	g := serve(t, sheetSchema, setting)
	at := begun(t, l, g)
	for _, tt := range []struct{ name, arguments, want string }{
		{"another filter", resuming("{n: {_gt: 501}}", at[1].Cursor), "another filter"},
		{"no filter", `resumeFrom: "` + at[1].Cursor + `"`, "another filter"},
		{"not a cursor", `resumeFrom: "yesterday"`, "no cursor"},
		{"half a cursor", `resumeFrom: "` + at[0].Cursor[:10] + `"`, "no cursor"},
	} {
		if got := read(t, g, tt.arguments).failure(); !contains(got, "resumeFrom", tt.want) {
			t.Errorf("%s: %s", tt.name, got)
		}
		if _, got := poll(t, g, tt.arguments); !contains(got, "resumeFrom", tt.want) {
			t.Errorf("%s, polled: %s", tt.name, got)
		}
	}
	// The same filter in other words, with and without all rows.
	for _, arguments := range []string{
		resuming("{_and: [{n: {_gt: \"500\"}}]}", at[1].Cursor), `resumeFrom: "` + at[0].Cursor + `"`,
	} {
		if p := read(t, g, arguments).next(0); p.Kind != "RESUMED" {
			t.Errorf("%s: %s", arguments, p.Kind)
		}
	}
}

// TestResumeWithoutSnapshot: the difference or an error, never all rows.
func TestResumeWithoutSnapshot(t *testing.T) {
	t.Parallel()
	l, setting := newLedger(t, mzsim.ObjectOptions{})
	g := serve(t, sheetSchema, setting)
	at := begun(t, l, g)
	l.comeAndGo()
	for i, c := range conditions {
		r := read(t, g, resuming(c.where, at[i].Cursor)+", snapshot: false")
		p := r.next(0)
		l.check(c, at[i], &p)
	}
	g.kill(syscall.SIGTERM)
	g.again()
	g.ready()
	if got := read(t, g, resuming("{}", at[0].Cursor)+", snapshot: false").failure(); !contains(got, "RESYNC_REQUIRED") {
		t.Error(got)
	}
	if p := read(t, g, "snapshot: false").next(0); len(p.Changes) != 0 {
		t.Errorf("without a cursor: %+v", p)
	}
}

// TestResumePolled: fetch, poll, then subscribe, without a gap.
func TestResumePolled(t *testing.T) {
	t.Parallel()
	l, setting := newLedger(t, mzsim.ObjectOptions{})
	g := serve(t, sheetSchema, setting)
	g.ready()
	for _, c := range conditions {
		first, failed := poll(t, g, resuming(c.where, ""))
		if failed != "" || first.Kind != "SNAPSHOT" {
			t.Fatal(first.Kind, failed)
		}
		if err := same(first.lay(map[string]string{}), l.at(c, first.time)); err != nil {
			t.Fatal(err)
		}
		at := first
		for range 4 {
			l.comeAndGo()
			p, failed := poll(t, g, resuming(c.where, at.Cursor))
			if failed != "" {
				t.Fatal(failed)
			}
			l.check(c, at, &p)
			at = p
		}
		l.write(5)
		r := read(t, g, resuming(c.where, at.Cursor))
		p := r.next(0)
		l.check(c, at, &p)
		l.write(5)
		l.follows(c, r, l.at(c, p.time), 1, l.settled())
	}
}

// TestResumeAfterRestart: the gateway's memory is gone, the view's is not.
func TestResumeAfterRestart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		options mzsim.ObjectOptions
		env     string
		kind    string
	}{
		{"with history", retained, "", "RESUMED"},
		{"without", mzsim.ObjectOptions{}, "", "RESET"},
		{"with history, but told not to go so far back", retained, "TYCOSTREAM_UNDO_AGE=10ms", "RESET"},
		{"with an index in the way", mzsim.ObjectOptions{Retain: time.Hour, Indexed: true}, "", "RESET"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, setting := newLedger(t, tt.options)
			g := serve(t, sheetSchema, setting, tt.env)
			at := begun(t, l, g)
			for i, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
				l.comeAndGo()
				g.kill(sig)
				l.comeAndGo()
				rest(t.Context(), 2500*time.Millisecond) // history is kept in whole seconds
				g.again()
				l.write(5)
				if tt.kind == "RESUMED" {
					at = resumed(t, l, g, at) // also before it is ready
					continue
				}
				for n, c := range conditions {
					r := read(t, g, resuming(c.where, at[n].Cursor))
					p := l.follows(c, r, map[string]string{}, 0, 0)
					if p.Kind != "RESET" {
						t.Errorf("restart %d: %s of %d changes", i, p.Kind, len(p.Changes))
					}
					at[n] = l.follows(c, r, l.at(c, p.time), 1, l.settled())
				}
			}
		})
	}
}

// slow makes a gateway take about as long to come to the present as it is away.
var slow = mzsim.Options{MaxBatch: 40 * time.Millisecond}

// away kills a gateway and lets it come back after seconds of changes.
func away(t *testing.T, l *ledger, g *gateway) (now uint64) {
	t.Helper()
	g.kill(syscall.SIGKILL)
	stop := l.keepWriting()
	rest(t.Context(), 3500*time.Millisecond)
	stop()
	l.comeAndGo()
	g.again()
	return l.settled()
}

// TestReadyInThePresent: a gateway that begins in the past does not say that it
// is ready, and shows no rows, before it has come to the present.
func TestReadyInThePresent(t *testing.T) {
	t.Parallel()
	l, setting := newLedger(t, retained, slow)
	g := serve(t, sheetSchema, setting, "TYCOSTREAM_QUERY_WAIT=100ms")
	at := begun(t, l, g)
	now := away(t, l, g)
	old := make([]*reader, len(conditions))
	for i, c := range conditions {
		old[i] = read(t, g, resuming(c.where, at[i].Cursor))
	}
	joins := read(t, g, "")
	refused := 0
	eventually(t, "the gateway is ready", func() error {
		code, body := g.get("/readyz")
		p, failed := poll(t, g, "")
		if failed != "" {
			refused++
			if !contains(failed, "SOURCE_NOT_READY") {
				t.Error(failed)
			}
			return errors.New(failed)
		}
		if p.time < now || p.State != "LIVE" {
			t.Errorf("answered %s of %d ms ago", p.State, int64(now)-int64(p.time))
		}
		if code != http.StatusOK {
			return errors.New(body) // asked a moment earlier
		}
		return nil
	})
	if refused == 0 {
		t.Error("it came to the present before anybody could ask")
	}
	if p := joins.next(0); p.Kind != "SNAPSHOT" || p.time < now {
		t.Errorf("joined with %s of %d ms ago", p.Kind, int64(now)-int64(p.time))
	}
	for i, c := range conditions {
		p := old[i].next(0)
		if p.time < now {
			t.Errorf("continued at %d ms ago", now-p.time)
		}
		l.check(c, at[i], &p)
		l.write(3)
		l.follows(c, old[i], l.at(c, p.time), 1, l.settled())
	}
}

// TestPastBreaksOff: when the connection breaks on the way, the present is taken
// as it is; nobody sees what was there of the past, or is told too little.
func TestPastBreaksOff(t *testing.T) {
	t.Parallel()
	l, setting := newLedger(t, retained, slow)
	g := serve(t, sheetSchema, setting)
	at := begun(t, l, g)
	now := away(t, l, g)
	g.state("sheet", "STARTING", "")
	eventually(t, "the past has begun", func() error {
		if contains(g.log(), "source begins in the past") {
			return nil
		}
		return errors.New("not yet")
	})
	l.sim.Faults().CutAll()
	for i, c := range conditions {
		p := read(t, g, resuming(c.where, at[i].Cursor)).next(0)
		if p.time < now {
			t.Errorf("%s of %d ms ago", p.Kind, now-p.time)
		}
		if err := same(p.lay(l.at(c, at[i].time)), l.at(c, p.time)); err != nil {
			t.Errorf("%s: %v", p.Kind, err)
		}
	}
	if n := strings.Count(g.log(), "source begins in the past"); n != 1 {
		t.Errorf("it began in the past %d times", n)
	}
}

func TestResumeOnAnotherGateway(t *testing.T) {
	t.Parallel()
	l, setting := newLedger(t, mzsim.ObjectOptions{})
	gateways := []*gateway{serve(t, sheetSchema, setting), serve(t, sheetSchema, setting)}
	gateways[1].ready()
	at := begun(t, l, gateways[0])
	for i := range 6 {
		l.comeAndGo()
		at = resumed(t, l, gateways[(i+1)%2], at)
	}
	// Another declaration of the same view is another source.
	other := serve(t, strings.Replace(sheetSchema, "id: Integer, n: BigInt", "id: BigInt, n: BigInt", 1), setting)
	other.ready()
	if p := read(t, other, resuming("{}", at[0].Cursor)).next(0); p.Kind != "RESET" {
		t.Errorf("other columns: %s", p.Kind)
	}
	// So is a view that was made anew.
	gateways[0].kill(syscall.SIGTERM)
	must[any](t)(nil, l.sim.Replace("sheet", mzsim.Columns("id integer not null", "n bigint", "name text"), mzsim.ObjectOptions{}))
	rest(t.Context(), 100*time.Millisecond)
	fresh := serve(t, sheetSchema, setting)
	fresh.ready()
	for name, g := range map[string]*gateway{"a new gateway": fresh, "the old one": gateways[1]} {
		eventually(t, name+" has the new view", func() error { return differ(rowsOf(t, g), nil) })
		if p := read(t, g, resuming("{}", at[0].Cursor)).next(0); p.Kind != "RESET" || len(p.Changes) != 0 {
			t.Errorf("%s over a view made anew: %s of %d changes", name, p.Kind, len(p.Changes))
		}
	}
}

// rowsOf returns the keys that a gateway has.
func rowsOf(t *testing.T, g *gateway) (out []string) {
	t.Helper()
	p, failed := poll(t, g, "")
	if failed != "" {
		return []string{failed}
	}
	for _, c := range p.Changes {
		out = append(out, text(c.Data["_key"]))
	}
	return out
}

// TestResumeAhead: a gateway that is behind waits a while for the time that a
// client has already seen.
func TestResumeAhead(t *testing.T) {
	t.Parallel()
	l, setting := newLedger(t, retained)
	ahead := serve(t, sheetSchema, setting)
	address, _, _ := strings.Cut(strings.TrimPrefix(setting, "DATABASE_URL=postgres://materialize@"), "/")
	proxy := testpg.NewProxy(t, address)
	behind := serve(t, sheetSchema, strings.Replace(setting, address, proxy.Addr(), 1), "TYCOSTREAM_STALL_TIMEOUT=1m")
	begun(t, l, behind)
	begun(t, l, ahead)

	proxy.Stall(true)
	rest(t.Context(), 100*time.Millisecond)
	l.comeAndGo()
	upto := l.settled()
	c := conditions[0]
	r := read(t, ahead, "")
	seen := l.follows(c, r, map[string]string{}, 0, upto)
	began := time.Now()
	waiting := read(t, behind, resuming("{}", seen.Cursor))
	rest(t.Context(), time.Second)
	if got := waiting.all(); len(got) != 0 {
		t.Errorf("did not wait: %+v", got)
	}
	proxy.Stall(false)
	p := waiting.next(0)
	l.check(c, seen, &p)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("told after %v", took)
	}

	l.write(5)
	proxy.Stall(true)
	rest(t.Context(), 100*time.Millisecond)
	l.comeAndGo()
	seen = l.follows(c, read(t, ahead, ""), map[string]string{}, 0, l.settled())
	began = time.Now()
	lost := read(t, behind, resuming("{}", seen.Cursor))
	polled := make(chan page, 1)
	go func() {
		p, _ := poll(t, behind, resuming("{}", seen.Cursor))
		polled <- p
	}()
	p = lost.next(0)
	if took := time.Since(began); p.Kind != "RESET" || took < 4500*time.Millisecond || took > 10*time.Second {
		t.Errorf("%s after %v", p.Kind, took)
	}
	if err := same(p.lay(map[string]string{}), l.at(c, p.time)); err != nil {
		t.Error(err)
	}
	if p := <-polled; p.Kind != "RESET" {
		t.Errorf("polled: %s", p.Kind)
	}
}

// TestResumeHopping: a client whose variables stay as they were at first goes
// from gateway to gateway while there is no rest.
func TestResumeHopping(t *testing.T) {
	t.Parallel()
	l, setting := newLedger(t, mzsim.ObjectOptions{})
	gateways := []*gateway{serve(t, sheetSchema, setting), serve(t, sheetSchema, setting)}
	gateways[1].ready()
	first := begun(t, l, gateways[0])
	held, times := make([]map[string]string, len(conditions)), make([]uint64, len(conditions))
	for i, c := range conditions {
		held[i], times[i] = l.at(c, first[i].time), first[i].time
	}
	stop := l.keepWriting()
	for hop := range 10 {
		for i, c := range conditions {
			r := read(t, gateways[hop%2], resuming(c.where, first[i].Cursor))
			for n := range 1 + hop%4 {
				p := r.next(n)
				if n == 0 && p.Kind != "RESUMED" {
					t.Fatalf("%s, hop %d: %s", c.where, hop, p.Kind)
				}
				held[i] = p.lay(held[i])
				if p.time < times[i] {
					continue // this gateway is not yet where the other was
				}
				times[i] = p.time
				if err := same(held[i], l.at(c, p.time)); err != nil {
					t.Fatalf("%s, hop %d, page %d: %v", c.where, hop, n, err)
				}
			}
			r.sock.close()
		}
	}
	stop()
}
