package mzsim_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/tycostream/tycostream/internal/mzsim"
)

// TestBubble runs an hour of a moving world over Dial with a pgconn client in
// simulated time.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{Seed: 1, World: &mzsim.WorldOptions{Rows: 10, Rate: 5}})
		defer sim.Close()
		conn, err := pgconn.ConnectConfig(t.Context(), &config(t, sim).Config)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		progress, data := 0, 0
		conn.Frontend().SendQuery(&pgproto3.Query{String: "COPY (SUBSCRIBE live_pnl WITH (PROGRESS)) TO STDOUT"})
		if err := conn.Frontend().Flush(); err != nil {
			t.Fatal(err)
		}
		for {
			m, err := conn.ReceiveMessage(ctx)
			if err != nil {
				break
			}
			if d, ok := m.(*pgproto3.CopyData); ok {
				if strings.Contains(string(d.Data), "\tt\t") {
					progress++
				} else {
					data++
				}
			}
		}
		if progress < 3599 || progress > 3602 || data < 3600*5 {
			t.Errorf("%d progress rows and %d data rows in an hour", progress, data)
		}
		_ = conn.Close(t.Context())
	})
}

func TestFetchTimeouts(t *testing.T) { // V35
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{Manual: true})
		defer sim.Close()
		create(t, sim, "t", mzsim.ObjectOptions{}, "a integer")
		w := session(t, sim)
		w.cursor("SUBSCRIBE t")
		took := func(sql string, rows ...string) time.Duration {
			start := time.Now()
			w.send(&pgproto3.Query{String: sql})
			var got []string
			for {
				_ = w.c.SetReadDeadline(time.Time{})
				m, err := w.fe.Receive()
				if err != nil {
					t.Fatal(err)
				}
				if l := show(m); l[0] == 'Z' {
					break
				} else if l[0] == 'D' {
					got = append(got, masked.ReplaceAllString(l[2:], "T"))
				}
			}
			same(t, got, rows...)
			return time.Since(start)
		}
		if d := took("FETCH 1 c WITH (timeout='1.1s')"); d != 1100*time.Millisecond {
			t.Errorf("an empty FETCH took %v", d)
		}
		go func() {
			time.Sleep(3 * time.Second)
			_, _ = sim.Write(new(mzsim.Tx).Insert("t", 1))
			time.Sleep(time.Second)
			_, _ = sim.Write(new(mzsim.Tx).Insert("t", 2))
		}()
		if d := took("FETCH 5 c", "T 1 1"); d != 3*time.Second {
			t.Errorf("a FETCH without time-out took %v", d)
		}
		if d := took("FETCH 1 c WITH (timeout='1d')", "T 1 2"); d != time.Second {
			t.Errorf("a full FETCH took %v", d)
		}
		go func() {
			time.Sleep(time.Second)
			_, _ = sim.Write(new(mzsim.Tx).Insert("t", 3))
		}()
		if d := took("FETCH ALL c WITH (timeout='10s')", "T 1 3"); d != 10*time.Second {
			t.Errorf("a FETCH that collects took %v", d)
		}
		w.query("ROLLBACK; BEGIN; DECLARE c CURSOR FOR SELECT * FROM t WHERE a > 100")
		if d := took("FETCH 1 c WITH (timeout='1d')"); d != 0 {
			t.Errorf("a FETCH of a SELECT took %v", d)
		}
	})
}

func TestIdleInTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{Manual: true})
		defer sim.Close()
		create(t, sim, "t", mzsim.ObjectOptions{}, "a integer")
		w := session(t, sim)
		w.cursor("SUBSCRIBE t")
		time.Sleep(119 * time.Second)
		w.query("FETCH ALL c WITH (timeout='0s')")
		time.Sleep(121 * time.Second)
		w.send(&pgproto3.Query{String: "FETCH ALL c"})
		same(t, []string{w.next(), w.next()}, "E FATAL 25P03 terminating connection due to idle-in-transaction timeout", "EOF")

		w = session(t, sim)
		time.Sleep(time.Hour)
		same(t, w.query("SET idle_in_transaction_session_timeout = 0; SELECT 1"), "C SET", "T ?column?", "D 1", "C SELECT 1", "Z I")
		w.cursor("SUBSCRIBE t")
		time.Sleep(time.Hour)
		same(t, w.fetch("FETCH ALL c WITH (timeout='0s')"))
	})
}

func TestTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{TickInterval: 250 * time.Millisecond})
		defer sim.Close()
		start := sim.Upper()
		time.Sleep(10*time.Second + time.Millisecond)
		if n := sim.Upper() - start; n < 9_900 || n > 10_100 {
			t.Errorf("the upper moved %d ms in 10 s", n)
		}
	})
}

// TestUnreadStream lets a client sleep: nothing else may stop, and it finds
// everything when it wakes up.
func TestUnreadStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := mzsim.New(mzsim.Options{PipeBuffer: 4096})
		defer sim.Close()
		create(t, sim, "t", mzsim.ObjectOptions{}, "a integer", "b text")
		slow := session(t, sim)
		slow.send(&pgproto3.Query{String: "COPY (SUBSCRIBE t WITH (PROGRESS)) TO STDOUT"})
		const rows = 5000
		for i := range rows {
			write(t, sim, new(mzsim.Tx).Insert("t", i, strings.Repeat("x", 50)))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		w := session(t, sim)
		same(t, w.query("SELECT count(*) FROM t"), "T count", fmt.Sprint("D ", rows), "C SELECT 1", "Z I")
		for n := 0; n < rows; {
			if l := slow.next(); strings.Contains(l, "\tf\t") {
				n++
			} else if l == "EOF" {
				t.Fatalf("ended after %d rows", n)
			}
		}
	})
}
