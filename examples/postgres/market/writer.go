package market

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Trade is one event of the table trades.
type Trade struct {
	ID         int64  `json:"id"`
	Instrument int    `json:"instrument_id"`
	Side       string `json:"side"`
	Quantity   int    `json:"quantity"`
	Price      string `json:"price"` // a decimal as text: exact
}

// Tick is a price. The one with the greatest (Epoch, Seq) of an instrument
// counts.
type Tick struct {
	Instrument int    `json:"instrument_id"`
	Price      string `json:"price"`
	Epoch      int    `json:"feed_epoch"`
	Seq        int64  `json:"feed_seq"`
}

// Record writes events in one transaction. It may be repeated after an error
// whose outcome is unknown: events that were counted are not counted again.
func Record(ctx context.Context, conn *pgx.Conn, trades []Trade, ticks []Tick) error {
	// Not nil: an absent array is the JSON null, which is no array.
	t, err := json.Marshal(append([]Trade{}, trades...))
	if err != nil {
		return fmt.Errorf("encode trades: %w", err)
	}
	k, err := json.Marshal(append([]Tick{}, ticks...))
	if err != nil {
		return fmt.Errorf("encode ticks: %w", err)
	}
	if _, err := conn.Exec(ctx, "SELECT record($1, $2)", string(t), string(k)); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// Writer makes the market move.
type Writer struct {
	URL         string
	Instruments int
	Rate        float64 // ticks a second
	Seed        uint64

	part, parts int
}

// Share makes the writer one of several that run at once: each feeds
// instruments of its own, and their trades have different ids.
func (w *Writer) Share(part, parts int) { w.part, w.parts = part, parts }

// perTrade is how many ticks come to one trade.
const perTrade = 10

// Run writes until ctx ends. It makes what real feeds make: some ticks come
// late, some trades come twice.
func (w *Writer) Run(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, w.URL)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing left to say
	if w.parts == 0 {
		w.parts = 1
	}
	f := newFeed(w)
	if err := f.resume(ctx, conn); err != nil {
		return err
	}
	const beat = 50 * time.Millisecond
	due := 0.0
	for {
		due += w.Rate * beat.Seconds()
		n := int(due)
		due -= float64(n)
		trades, ticks := f.batch(n)
		if err := Record(ctx, conn, trades, ticks); err != nil && ctx.Err() == nil {
			return err
		}
		if !wait(ctx, beat) {
			return nil
		}
	}
}

// feed makes events.
type feed struct {
	rnd   *rand.Rand
	price []int64 // per instrument, in ten-thousandths
	w     *Writer
	epoch int
	seq   int64
	trade int64
	late  []Tick  // to be sent again later, though newer ones have been
	twice []Trade // to be sent again
}

func newFeed(w *Writer) *feed {
	f := &feed{w: w, rnd: rand.New(rand.NewPCG(w.Seed, 1)), price: make([]int64, w.Instruments)} //nolint:gosec // a play of prices
	for i := range f.price {
		f.price[i] = 100_000 + f.rnd.Int64N(1_900_000)
	}
	return f
}

// resume takes a new epoch, and trade ids behind those that exist.
func (f *feed) resume(ctx context.Context, conn *pgx.Conn) error {
	const last = `SELECT coalesce((SELECT max(feed_epoch) FROM latest_market_data), 0) + 1, coalesce((SELECT max(id) FROM trades), 0)`
	if err := conn.QueryRow(ctx, last).Scan(&f.epoch, &f.trade); err != nil {
		return fmt.Errorf("look for the last events: %w", err)
	}
	// Behind all that exist, and equal to part modulo parts.
	f.trade += int64(f.w.parts) - f.trade%int64(f.w.parts) + int64(f.w.part)
	return nil
}

func (f *feed) batch(n int) (trades []Trade, ticks []Tick) {
	ticks, trades = append(ticks, f.late...), append(trades, f.twice...)
	f.late, f.twice = nil, nil
	for range n {
		i := f.rnd.IntN(len(f.price))/f.w.parts*f.w.parts + f.w.part // an instrument of this writer's
		if i >= len(f.price) {
			continue
		}
		f.price[i] = max(1, f.price[i]+f.price[i]*(f.rnd.Int64N(41)-20)/10_000)
		f.seq++
		tick := Tick{Instrument: i + 1, Price: Money(f.price[i]), Epoch: f.epoch, Seq: f.seq}
		if f.rnd.IntN(50) == 0 {
			f.late = append(f.late, tick)
			continue
		}
		ticks = append(ticks, tick)
		if f.rnd.IntN(perTrade) > 0 {
			continue
		}
		f.trade += int64(f.w.parts)
		side := "buy"
		if f.rnd.IntN(2) == 0 {
			side = "sell"
		}
		trade := Trade{ID: f.trade, Instrument: i + 1, Side: side, Quantity: 1 + f.rnd.IntN(500), Price: tick.Price}
		if f.rnd.IntN(20) == 0 {
			f.twice = append(f.twice, trade)
		}
		trades = append(trades, trade)
	}
	return trades, ticks
}

// Money prints ten-thousandths as a decimal.
func Money(v int64) string {
	return strconv.FormatInt(v/10_000, 10) + fmt.Sprintf(".%04d", v%10_000)
}
