package world

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/store"
	"github.com/tycostream/tycostream/internal/relation"
)

// money is an amount in ten-thousandths. Prices stay below 10,000 and
// quantities below 1,000, so that sums over millions of trades fit.
type money int64

const unit = 10_000

// instrument is a listed instrument with its running sums.
type instrument struct {
	id       int
	index    int // in World.list
	symbol   string
	row      relation.Row // in instruments
	priced   bool
	price    money
	priceRow relation.Row // in market_data, when priced
	position int64
	bought   int64 // quantity of all buys
	cost     money // of all buys
	gone     bool
	pnl      relation.Row // in live_pnl as committed; empty: not there
}

type trade struct {
	in       *instrument
	buy      bool
	quantity int64
	price    money
	row      relation.Row
}

func (w *World) begin() {
	w.tx = new(store.Tx)
	clear(w.touched)
	w.touchedList = w.touchedList[:0]
}

// touch notes that the instrument's live_pnl row must be computed again.
func (w *World) touch(in *instrument) {
	if _, ok := w.touched[in]; !ok {
		w.touched[in] = struct{}{}
		w.touchedList = append(w.touchedList, in)
	}
}

// commit brings live_pnl up to date and writes everything at one time.
func (w *World) commit(at uint64) uint64 {
	for _, in := range w.touchedList {
		next := in.line()
		if next == in.pnl {
			continue
		}
		if in.pnl != "" {
			w.tx.Add("live_pnl", in.pnl, -1)
		}
		if next != "" {
			w.tx.Add("live_pnl", next, 1)
		}
		in.pnl = next
	}
	ts, err := w.store.WriteAt(at, w.tx)
	if err != nil {
		return 0 // a test dropped one of the collections: the world stands still
	}
	return ts
}

// line computes the instrument's row of live_pnl.
func (in *instrument) line() relation.Row {
	if in.gone {
		return ""
	}
	var b relation.Builder
	b.AppendString(strconv.Itoa(in.id))
	b.AppendString(in.symbol)
	b.AppendString(strconv.FormatInt(in.position, 10))
	average := in.average()
	cell := func(ok bool, m money) {
		if ok {
			b.AppendString(m.String())
		} else {
			b.AppendNull()
		}
	}
	cell(in.priced, in.price)
	cell(in.priced, in.price*money(in.position))
	cell(in.bought > 0, average)
	cell(in.priced && in.bought > 0, (in.price-average)*money(in.position))
	return b.Row()
}

// average is the mean price of all buys, rounded half away from zero.
func (in *instrument) average() money {
	if in.bought == 0 {
		return 0
	}
	q := money(in.bought)
	return (2*in.cost + q) / (2 * q)
}

// String prints the amount as numeric does: without trailing zeros.
func (m money) String() string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	s := sign + strconv.FormatInt(int64(m)/unit, 10)
	if f := int64(m) % unit; f != 0 {
		s += "." + strings.TrimRight(strconv.FormatInt(unit+f, 10)[1:], "0")
	}
	return s
}

func (w *World) listInstrument() *instrument {
	in := &instrument{id: w.nextID, index: len(w.list), symbol: symbol(w.nextID - 1)}
	w.nextID++
	name, sector := company(w.rnd, in.symbol, in.id-1)
	in.row = relation.Texts(strconv.Itoa(in.id), in.symbol, name, sector, currency(w.rnd))
	w.list = append(w.list, in)
	w.tx.Add("instruments", in.row, 1)
	w.touch(in)
	return in
}

func (w *World) delist(in *instrument) {
	last := w.list[len(w.list)-1]
	w.list[in.index], last.index = last, in.index
	w.list = w.list[:len(w.list)-1]
	w.tx.Add("instruments", in.row, -1)
	if in.priced {
		w.tx.Add("market_data", in.priceRow, -1)
	}
	w.trades = slices.DeleteFunc(w.trades, func(t trade) bool {
		if t.in == in {
			w.tx.Add("trades", t.row, -1)
		}
		return t.in == in
	})
	in.gone = true
	w.touch(in)
}

// startPrice is log-uniform between 2 and 2,000.
func (w *World) startPrice() money {
	p := 2.0
	for range 10 {
		p *= 1 + w.rnd.Float64()
	}
	return money(min(p, 2000)*100) * (unit / 100)
}

// movePrice is a step of a random walk: up to 0.5 %, at least a cent.
func (w *World) movePrice(in *instrument, at time.Time) {
	if !in.priced {
		w.setPrice(in, w.startPrice(), at)
		return
	}
	step := money(float64(in.price)*(w.rnd.Float64()-0.5)/100) / 100 * 100
	if step == 0 {
		step = 100 * money(1-2*w.rnd.Int64N(2))
	}
	p := in.price + step
	if p < unit/2 || p > 9000*unit {
		p = in.price - step
	}
	w.setPrice(in, p, at)
}

func (w *World) setPrice(in *instrument, p money, at time.Time) {
	if in.priced {
		w.tx.Add("market_data", in.priceRow, -1)
	}
	in.priced, in.price = true, p
	in.priceRow = relation.Texts(strconv.Itoa(in.id), p.String(), pgval.FormatTime(at))
	w.tx.Add("market_data", in.priceRow, 1)
	w.lastPriced = append(w.lastPriced, in)
	w.touch(in)
}

func (w *World) addTrade(in *instrument, at time.Time) {
	t := trade{in: in, buy: w.rnd.IntN(100) < 55, quantity: 10 * (1 + w.rnd.Int64N(50)), price: in.price}
	if !in.priced {
		t.price = w.startPrice()
	}
	t.price += money(w.rnd.Int64N(200) - 100)
	side := "sell"
	if t.buy {
		side = "buy"
	}
	t.row = relation.Texts(strconv.Itoa(w.nextTrade), strconv.Itoa(in.id), side, strconv.FormatInt(t.quantity, 10), t.price.String(), pgval.FormatTime(at))
	w.nextTrade++
	w.trades = append(w.trades, t)
	w.tx.Add("trades", t.row, 1)
	in.count(t, 1)
	w.touch(in)
}

// bust takes the oldest trade away.
func (w *World) bust() {
	t := w.trades[0]
	w.trades = w.trades[1:]
	w.tx.Add("trades", t.row, -1)
	t.in.count(t, -1)
	w.touch(t.in)
}

// count adds a trade to the running sums, or takes it out (sign -1).
func (in *instrument) count(t trade, sign int64) {
	if !t.buy {
		in.position -= sign * t.quantity
		return
	}
	in.position += sign * t.quantity
	in.bought += sign * t.quantity
	in.cost += money(sign*t.quantity) * t.price
}
