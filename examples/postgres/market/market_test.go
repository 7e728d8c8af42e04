package market_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tycostream/tycostream/examples/postgres/market"
	"github.com/tycostream/tycostream/internal/testpg"
)

var pool testpg.Pool

func TestMain(m *testing.M) { os.Exit(pool.Run(m)) }

func load(t *testing.T, instruments int) (*testpg.Database, *pgx.Conn) {
	t.Helper()
	db := pool.Database(t)
	conn := db.Connect(t)
	for range 2 { // the second time is harmless
		if err := market.Load(t.Context(), conn, instruments); err != nil {
			t.Fatal(err)
		}
	}
	return db, conn
}

// settled compares the derived tables with what they are derived from.
func settled(t *testing.T, db *testpg.Database, conn *pgx.Conn) {
	t.Helper()
	if _, err := market.Drain(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	const columns = "instrument_id, symbol, desk, net_position, latest_price, market_value, avg_cost_basis, theoretical_pnl"
	different(t, db, "SELECT "+columns+" FROM live_pnl", "SELECT "+columns+" FROM live_pnl_recomputed")
	different(t, db, "SELECT desk, instruments, market_value, theoretical_pnl FROM desk_totals WHERE instruments <> 0",
		"SELECT desk, count(*)::int, coalesce(sum(market_value), 0), coalesce(sum(theoretical_pnl), 0) FROM live_pnl_recomputed GROUP BY desk")
}

func different(t *testing.T, db *testpg.Database, a, b string) {
	t.Helper()
	diff := db.Text(t, `SELECT coalesce(string_agg(x::text, E'\n'), '') FROM (
		(SELECT '<' AS side, a.* FROM (`+a+` EXCEPT ALL `+b+`) a) UNION ALL (SELECT '>', b.* FROM (`+b+` EXCEPT ALL `+a+`) b)) x`)
	if diff != "" {
		t.Fatalf("%s\ndiffers from\n%s:\n%.3000s", a, b, diff)
	}
}

// Writers get the same events shuffled and repeated; whoever comes first, the
// outcome is that of the events in order.
func TestConcurrentWriters(t *testing.T) {
	const instruments, writers, trades, ticks = 20, 8, 1500, 3000
	db, conn := load(t, instruments)
	rnd := rand.New(rand.NewPCG(3, 4))
	type event struct {
		trade *market.Trade
		tick  *market.Tick
	}
	var events []event
	position := make([]int64, instruments+1)
	newest := make([]market.Tick, instruments+1)
	for i := range trades {
		tr := market.Trade{ID: int64(i), Instrument: 1 + rnd.IntN(instruments), Side: "buy", Quantity: 1 + rnd.IntN(9), Price: market.Money(1 + rnd.Int64N(1e6))}
		position[tr.Instrument] += int64(tr.Quantity)
		if rnd.IntN(2) == 0 {
			tr.Side = "sell"
			position[tr.Instrument] -= 2 * int64(tr.Quantity)
		}
		for range 1 + rnd.IntN(3) {
			events = append(events, event{trade: &tr})
		}
	}
	for i := range ticks {
		k := market.Tick{Instrument: 1 + rnd.IntN(instruments), Price: market.Money(1 + rnd.Int64N(1e6)), Epoch: 1 + i/1000, Seq: int64(i % 1000)}
		newest[k.Instrument] = k
		for range 1 + rnd.IntN(2) {
			events = append(events, event{tick: &k})
		}
	}
	rnd.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })

	work, stop := context.WithCancel(t.Context())
	var worker, wg sync.WaitGroup
	worker.Go(func() {
		if err := market.Work(work, db.URL(), 5*time.Millisecond); err != nil {
			t.Error(err)
		}
	})
	share := len(events)/writers + 1
	for w := range writers {
		mine := events[min(w*share, len(events)):min((w+1)*share, len(events))]
		wg.Go(func() {
			c, err := pgx.Connect(t.Context(), db.URL())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close(context.WithoutCancel(t.Context()))
			for len(mine) > 0 {
				n := min(len(mine), 25)
				var tr []market.Trade
				var tk []market.Tick
				for _, e := range mine[:n] {
					if e.trade != nil {
						tr = append(tr, *e.trade)
					} else {
						tk = append(tk, *e.tick)
					}
				}
				mine = mine[n:]
				if err := market.Record(t.Context(), c, tr, tk); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
			}
		})
	}
	wg.Wait()
	stop()
	worker.Wait()
	settled(t, db, conn)
	if n := db.Text(t, "SELECT deadlocks::text FROM pg_stat_database WHERE datname = current_database()"); n != "0" {
		t.Errorf("%s deadlocks", n)
	}
	for i := 1; i <= instruments; i++ {
		want := fmt.Sprintf("%d %s", position[i], newest[i].Price)
		if got := db.Text(t, "SELECT net_position || ' ' || latest_price FROM live_pnl WHERE instrument_id = $1", i); got != want {
			t.Errorf("instrument %d: %s, want %s", i, got, want)
		}
	}
}

func TestCorrections(t *testing.T) {
	db, conn := load(t, 6)
	err := market.Record(t.Context(), conn, []market.Trade{
		{1, 1, "buy", 10, "2.5"}, {2, 1, "sell", 4, "3"}, {3, 2, "buy", 1, "1"}, {4, 3, "sell", 7, "1"}, {1, 1, "buy", 99, "9"},
	}, []market.Tick{{1, "3.0000", 1, 5}, {1, "2.0000", 1, 4}, {2, "1.5", 1, 1}, {3, "8", 2, 1}})
	if err != nil {
		t.Fatal(err)
	}
	settled(t, db, conn)
	if got := db.Text(t, "SELECT concat_ws(' ', net_position, latest_price, market_value, avg_cost_basis, theoretical_pnl) FROM live_pnl WHERE instrument_id = 1"); got != "6 3.0000 18.0000 2.5000 3.0000" {
		t.Fatalf("live_pnl %s", got)
	}
	if err := market.Record(t.Context(), conn, nil, []market.Tick{{3, "7", 1, 99}}); err != nil {
		t.Fatal(err)
	}
	if got := db.Text(t, "SELECT latest_price::text FROM live_pnl WHERE instrument_id = 3"); got != "8.0000" {
		t.Fatalf("a tick of an older epoch won: %s", got)
	}
	for _, sql := range []string{
		"UPDATE trades SET quantity = 20 WHERE id = 1",
		"UPDATE trades SET instrument_id = 4 WHERE id = 2",
		"UPDATE trades SET instrument_id = 1, side = 'sell' WHERE id = 4",
		"DELETE FROM trades WHERE id = 3",
		"DELETE FROM latest_market_data WHERE instrument_id = 2",
		"UPDATE latest_market_data SET instrument_id = 5 WHERE instrument_id = 3",
		"UPDATE instruments SET desk = 'New', symbol = 'NEW' WHERE id = 1",
		"DELETE FROM instruments WHERE id = 1",
		"BEGIN; INSERT INTO trades VALUES (50, 2, 'buy', 5, 5); ROLLBACK",
		"INSERT INTO instruments VALUES (100, 'HUN', 'FX')",
	} {
		db.Exec(t, sql)
		settled(t, db, conn)
	}
}

func TestWriterMovesTheMarket(t *testing.T) {
	db, conn := load(t, 10)
	for seed := range uint64(2) { // the second one goes on behind the first
		ctx, stop := context.WithTimeout(t.Context(), 400*time.Millisecond)
		w := market.Writer{URL: db.URL(), Instruments: 10, Rate: 2000, Seed: seed}
		if err := w.Run(ctx); err != nil && !strings.Contains(err.Error(), "context") {
			t.Error(err)
		}
		stop()
		settled(t, db, conn)
	}
	if got := db.Text(t, "SELECT (count(*) > 50)::text FROM trades"); got != "true" {
		t.Fatal("too few trades")
	}
	if got := db.Text(t, "SELECT max(feed_epoch)::text FROM latest_market_data"); got != "2" {
		t.Fatalf("epoch %s", got)
	}
}
