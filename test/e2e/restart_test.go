package e2e

import (
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim"
)

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
