package e2e

import (
	"math/rand/v2"
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
	waiting := read(t, behind, resuming("{}", seen.Cursor))
	rest(t.Context(), time.Second)
	if got := waiting.all(); len(got) != 0 {
		t.Errorf("did not wait: %+v", got)
	}
	proxy.Stall(false)
	p := waiting.next(0)
	l.check(c, seen, &p)

	l.write(5)
	proxy.Stall(true)
	rest(t.Context(), 100*time.Millisecond)
	l.comeAndGo()
	seen = l.follows(c, read(t, ahead, ""), map[string]string{}, 0, l.settled())
	began := time.Now()
	lost := read(t, behind, resuming("{}", seen.Cursor))
	polled := make(chan page, 1)
	go func() {
		p, _ := poll(t, behind, resuming("{}", seen.Cursor))
		polled <- p
	}()
	p = lost.next(0)
	if took := time.Since(began); p.Kind != "RESET" || took < 4500*time.Millisecond {
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
