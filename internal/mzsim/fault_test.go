package mzsim_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim"
	"github.com/tycostream/tycostream/internal/mzsim/pgerr"
)

// streaming opens a COPY (SUBSCRIBE t ... PROGRESS) and reads to its first
// progress row above the snapshot.
func streaming(t *testing.T, sim *mzsim.Sim) *wire {
	t.Helper()
	w := session(t, sim)
	w.send(&pgproto3.Query{String: "COPY (SUBSCRIBE t WITH (PROGRESS)) TO STDOUT"})
	w.until("d")
	for {
		if l := w.next(); strings.Contains(l, "\tt\t") || l == "EOF" {
			return w
		}
	}
}

func table(t *testing.T, sim *mzsim.Sim, rows int) {
	t.Helper()
	create(t, sim, "t", mzsim.ObjectOptions{}, "id integer not null", "v text")
	tx := new(mzsim.Tx)
	for i := range rows {
		tx.Insert("t", i, "x")
	}
	if rows > 0 {
		write(t, sim, tx)
	}
}

func TestCutAfterBytes(t *testing.T) {
	sim := manual(t)
	table(t, sim, 10)
	w := streaming(t, sim)
	sim.Faults().Cut(50)
	tx := new(mzsim.Tx)
	for i := range 20 {
		tx.Insert("t", 100+i, "new")
	}
	write(t, sim, tx)
	_ = w.c.SetReadDeadline(time.Now().Add(time.Minute))
	rest, err := io.ReadAll(w.c)
	if err != nil || len(rest) != 50 {
		t.Errorf("%d bytes before the cut, %v", len(rest), err)
	}
	// One cut only; the data is still there.
	w = session(t, sim)
	same(t, w.query("SELECT count(*) FROM t"), "T count", "D 30", "C SELECT 1", "Z I")
	streaming(t, sim)
}

func TestCutPlaces(t *testing.T) {
	for _, c := range []struct {
		name  string
		place mzsim.Place
		check func(whole []string, rest string) bool
	}{
		{"header", mzsim.MidHeader, func(_ []string, rest string) bool { return len(rest) == 3 }},
		{"row", mzsim.MidRow, func(_ []string, rest string) bool {
			return len(rest) > 5 && rest[0] == 'd' && !strings.Contains(rest, "\n")
		}},
		{"timestamp", mzsim.MidTimestamp, func(whole []string, rest string) bool {
			return rest == "" && len(whole) == 1 && strings.Contains(whole[0], "\tf\t")
		}},
		{"before progress", mzsim.BeforeProgress, func(whole []string, rest string) bool {
			return rest == "" && len(whole) == 3 && strings.Contains(whole[2], "\tf\t")
		}},
		{"after progress", mzsim.AfterProgress, func(whole []string, rest string) bool {
			return rest == "" && len(whole) == 4 && strings.Contains(whole[3], "\tt\t")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sim := manual(t)
			table(t, sim, 3)
			w := streaming(t, sim)
			sim.Faults().CutAt(c.place, 0)
			write(t, sim, new(mzsim.Tx).Insert("t", 7, "a").Insert("t", 8, "b").Insert("t", 9, "c"))
			_ = w.c.SetReadDeadline(time.Now().Add(time.Minute))
			data, err := io.ReadAll(w.c)
			if err != nil {
				t.Fatal(err)
			}
			var whole []string
			for len(data) >= 5 {
				n := 1 + int(data[3])<<8 + int(data[4])
				if n > len(data) {
					break
				}
				whole = append(whole, string(data[5:n]))
				data = data[n:]
			}
			if !c.check(whole, string(data)) {
				t.Errorf("whole rows %q, then %q", whole, data)
			}
		})
	}
}

func TestGarbled(t *testing.T) {
	for _, g := range []mzsim.Garbling{mzsim.GarbleBytes, mzsim.GarbleColumn, mzsim.GarbleTime, mzsim.GarbleDiff, mzsim.GarbleFrame} {
		t.Run(fmt.Sprint(g), func(t *testing.T) {
			sim := manual(t)
			table(t, sim, 0)
			w := streaming(t, sim)
			sim.Faults().Garble(g, 1)
			ts := write(t, sim, new(mzsim.Tx).Insert("t", 7, "a").Insert("t", 8, "a"))
			good := []string{fmt.Sprintf("d %d\tf\t1\t7\ta\n", ts), fmt.Sprintf("d %d\tf\t1\t8\ta\n", ts)}
			first, second := w.next(), w.next()
			if !slices.Contains(good, first) || slices.Contains(good, second) {
				t.Errorf("%q %q", first, second)
			}
			if g == mzsim.GarbleColumn && len(strings.Split(second, "\t")) != 4 {
				t.Errorf("%q still has its columns", second)
			}
		})
	}
}

func TestDisarm(t *testing.T) {
	sim := manual(t)
	table(t, sim, 0)
	w := streaming(t, sim)
	f := sim.Faults()
	f.Cut(5)
	f.CutAt(mzsim.MidRow, 0)
	f.FailNext(mzsim.AtConnect, pgerr.Unavailable())
	f.FailNext(mzsim.AtSubscribe, pgerr.Replica())
	f.Disarm()
	ts := write(t, sim, new(mzsim.Tx).Insert("t", 7, "a"))
	same(t, []string{w.next()}, fmt.Sprintf("d %d\tf\t1\t7\ta\n", ts))
	streaming(t, sim)
}

func TestStall(t *testing.T) {
	sim := manual(t)
	table(t, sim, 0)
	w := streaming(t, sim)
	release := sim.Faults().Stall()
	sim.Tick()
	_ = w.c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := w.fe.Receive(); err == nil {
		t.Fatal("a message came out of a stalled server")
	}
	if _, err := sim.Dial(t.Context()); err != nil {
		t.Fatal("a stalled server still listens")
	}
	release()
	_ = w.c.SetReadDeadline(time.Now().Add(time.Minute))
	if l := w.next(); !strings.HasPrefix(l, "d ") {
		t.Errorf("after the stall: %q", l)
	}
	// Closing a Sim must not hang on a stalled connection: manual's cleanup
	// would time out.
	sim.Faults().Stall()
	sim.Tick()
}

func TestSplitWrites(t *testing.T) {
	sim := manual(t)
	table(t, sim, 200)
	sim.Faults().Split(3, 0)
	w := session(t, sim)
	got := w.query("COPY (SELECT * FROM t ORDER BY id) TO STDOUT")
	if len(got) != 204 || got[1] != "d 0\tx\n" || got[200] != "d 199\tx\n" {
		t.Errorf("%d messages", len(got))
	}
}

func TestInjectedErrors(t *testing.T) {
	sim := manual(t)
	table(t, sim, 1)
	f := sim.Faults()
	for _, e := range []*mzsim.Error{
		pgerr.FellBehind(200, 100), pgerr.ResultSize("1.0 MiB"), pgerr.Replica(), pgerr.Evaluation("x"), pgerr.PlanChanged(), pgerr.ClusterGone(),
		pgerr.NoReplicas("c"), pgerr.Permission("VIEW", "d.s.v", "r"),
	} {
		w := streaming(t, sim)
		if n := f.FailStreams(e); n != 1 {
			t.Fatalf("%d streams", n)
		}
		lines := w.until("Z")
		same(t, lines[len(lines)-2:], "E ERROR "+e.Code+" "+e.Message, "Z I")
		f.FailNext(mzsim.AtSubscribe, e)
		same(t, w.query("COPY (SUBSCRIBE t) TO STDOUT"), "E ERROR "+e.Code+" "+e.Message, "Z I")
		_ = w.c.Close()
		waitFor(t, func() bool { return sim.Sessions() == 0 })
	}
	for _, e := range []*mzsim.Error{pgerr.Expired(), pgerr.TooMany(1, 1), pgerr.TLSRequired(), pgerr.Unavailable(), pgerr.LoginBlocked(), pgerr.SessionDenied(), pgerr.Password()} {
		f.FailNext(mzsim.AtConnect, e)
		w := dial(t, sim)
		same(t, []string{w.next(), w.next()}, "E FATAL "+e.Code+" "+e.Message, "EOF")
		w = streaming(t, sim)
		f.FailStreams(e)
		lines := w.until("E ")
		same(t, []string{lines[len(lines)-1], w.next()}, "E FATAL "+e.Code+" "+e.Message, "EOF")
		waitFor(t, func() bool { return sim.Sessions() == 0 })
	}
}

// waitFor polls a condition.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("condition never came true")
		case <-tick.C:
		}
	}
}

func TestRestart(t *testing.T) {
	sim := manual(t)
	table(t, sim, 5)
	w := streaming(t, sim)
	sim.Faults().Restart()
	same(t, []string{w.next()}, "EOF")
	w = session(t, sim)
	same(t, w.query("SELECT count(*) FROM t"), "T count", "D 5", "C SELECT 1", "Z I")

	sim.Faults().Down(pgerr.Unavailable())
	same(t, []string{w.next()}, "EOF")
	same(t, []string{dial(t, sim).next()}, "E FATAL 08004 backend unavailable")
	sim.Faults().Down(nil)
	if _, err := sim.Dial(t.Context()); err == nil {
		t.Error("a server that is down must not accept")
	}
	sim.Faults().Up()
	session(t, sim)
}

func TestLostHistory(t *testing.T) {
	sim := manual(t)
	create(t, sim, "t", mzsim.ObjectOptions{Retain: time.Hour}, "id integer not null", "v text")
	ts := write(t, sim, new(mzsim.Tx).Insert("t", 1, "a"))
	sim.Advance(ts + 100)
	resume := fmt.Sprintf("COPY (SUBSCRIBE t WITH (PROGRESS, SNAPSHOT = false) AS OF %d UP TO %d) TO STDOUT", ts, ts+10)
	w := session(t, sim)
	if got := w.query(resume); got[0] != "H ccccc" {
		t.Fatalf("before: %q", got)
	}
	sim.Faults().LoseHistory()
	same(t, w.query(resume), "E ERROR 22000 could not find a valid timestamp for the query", "Z I")
}

func TestDuplicateKey(t *testing.T) {
	sim := manual(t)
	table(t, sim, 3)
	w := streaming(t, sim)
	ts, row, err := sim.Faults().DuplicateKey("t", "id")
	if err != nil {
		t.Fatal(err)
	}
	same(t, []string{w.next()}, fmt.Sprintf("d %d\tf\t1\t0\t%s\n", ts, row.Text(1)))
	if row.Text(1) == "x" {
		t.Error("the second row is the first one")
	}
	if _, _, err := sim.Faults().DuplicateKey("nope"); err == nil {
		t.Error("unknown collection")
	}
}

func TestSchemaChanges(t *testing.T) {
	sim := manual(t)
	table(t, sim, 2)
	old := streaming(t, sim)
	if err := sim.Replace("t", mzsim.Columns("id bigint", "w text", "extra text"), mzsim.ObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	lines := old.until("Z")
	same(t, lines[len(lines)-2:], "E ERROR 42704 relation 'materialize.public.t' was dropped", "Z I")
	same(t, old.query("SELECT id, w, extra FROM t"), "T id w extra", "C SELECT 0", "Z I")
	same(t, old.query("SELECT id FROM mz_objects WHERE name = 't'"), "T id", "D u2", "C SELECT 1", "Z I")
}

func TestClosedSim(t *testing.T) {
	sim := manual(t)
	table(t, sim, 2)
	w := streaming(t, sim)
	sim.Close()
	same(t, []string{w.next()}, "EOF")
	if _, err := sim.Dial(t.Context()); !errors.Is(err, mzsim.ErrClosed) {
		t.Errorf("dial: %v", err)
	}
	sim.Close() // again
}
