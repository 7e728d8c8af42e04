package world

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/store"
)

// Options configure a World. Zero values mean the defaults named here.
type Options struct {
	Seed uint64
	// Rows is the number of instruments, that is of live_pnl's rows: 100.
	Rows int
	// Rate is the number of live_pnl rows that change per second: 100. A
	// negative rate means none: the world stands still.
	Rate float64
	// TradesPerInstrument there are on average at the start: 4.
	TradesPerInstrument int
	// MaxTrades bounds the trades; the oldest are busted beyond it, and
	// positions follow: 200,000.
	MaxTrades int
	// Unpriced is the share of instruments without a price at first, between
	// 0 and 1: 0.02. Negative: none.
	Unpriced float64
	// TradeShare is the share of changes that are trades; the others are
	// prices: 0.1. Negative: none.
	TradeShare float64
	// Churn is the number of instruments listed or delisted per second: 0.
	Churn float64
	// Times is how many times one Step spreads its changes over; they become
	// visible together. With more than one the first of them is the time that
	// the last progress row named, which catches clients that resume one too
	// late. 1.
	Times int
	// Retain is the history of every collection: 1 s.
	Retain time.Duration
}

func (o Options) withDefaults() Options {
	if o.Rows == 0 {
		o.Rows = 100
	}
	if o.Rate == 0 {
		o.Rate = 100
	}
	if o.TradesPerInstrument == 0 {
		o.TradesPerInstrument = 4
	}
	if o.MaxTrades == 0 {
		o.MaxTrades = 200_000
	}
	if o.Unpriced == 0 {
		o.Unpriced = 0.02
	}
	if o.TradeShare == 0 {
		o.TradeShare = 0.1
	}
	if o.Times == 0 {
		o.Times = 1
	}
	return o
}

// World moves four collections of a store.
type World struct {
	store *store.Store
	opts  Options

	mu          sync.Mutex
	rnd         *rand.Rand
	list        []*instrument // live ones, in no order that matters
	trades      []trade       // oldest first
	nextID      int           // of instruments
	nextTrade   int
	rowsDebt    float64 // changes due, below one
	churnDebt   float64
	stopped     bool
	lastPriced  []*instrument // of the last step, for Again
	tx          *store.Tx
	touched     map[*instrument]struct{}
	touchedList []*instrument
}

// New creates the collections in s and fills them.
func New(s *store.Store, opts Options) *World {
	w := &World{store: s, opts: opts.withDefaults(), nextID: 1, nextTrade: 1, touched: make(map[*instrument]struct{})}
	w.rnd = rand.New(rand.NewPCG(opts.Seed, 0x7c0)) //nolint:gosec // repeatable on purpose
	w.create()
	w.begin()
	now := time.Now()
	for range w.opts.Rows {
		in := w.listInstrument()
		if w.rnd.Float64() >= w.opts.Unpriced {
			w.setPrice(in, w.startPrice(), now)
		}
	}
	n := w.opts.Rows * w.opts.TradesPerInstrument
	for i := range n {
		at := now.Add(-time.Duration(n-i) * time.Second)
		w.addTrade(w.list[w.rnd.IntN(len(w.list))], at)
	}
	w.commit(0)
	return w
}

func (w *World) create() {
	tables := map[string][]store.Column{
		"instruments": store.Columns("id integer not null", "symbol text not null", "name text not null", "sector text not null", "currency text not null"),
		"trades":      store.Columns("id integer not null", "instrument_id integer not null", "side text not null", "quantity integer not null", "price numeric not null", "executed_at timestamptz not null"),
		"market_data": store.Columns("instrument_id integer not null", "price numeric not null", "updated_at timestamptz not null"),
	}
	for _, name := range []string{"instruments", "trades", "market_data"} {
		mustCreate(w.store.CreateTable(name, tables[name], store.Options{Retain: w.opts.Retain}))
	}
	mustCreate(w.store.CreateView("live_pnl", store.Columns(
		"instrument_id integer not null", "symbol text not null", "net_position bigint not null", "latest_price numeric",
		"market_value numeric", "avg_cost_basis numeric", "theoretical_pnl numeric"), store.Options{Retain: w.opts.Retain}))
}

// mustCreate panics: a fresh store has no such names.
func mustCreate(err error) {
	if err != nil {
		panic(err)
	}
}

// Step lets the world move for as long as elapsed.
func (w *World) Step(elapsed time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rowsDebt += max(w.opts.Rate, 0) * elapsed.Seconds()
	w.churnDebt += max(w.opts.Churn, 0) * elapsed.Seconds()
	rows, churn := int(w.rowsDebt), int(w.churnDebt)
	w.rowsDebt -= float64(rows)
	w.churnDebt -= float64(churn)
	if w.stopped || rows == 0 && churn == 0 {
		return
	}
	release := w.store.HoldUpper()
	defer release()
	now := time.Now()
	for i := range w.opts.Times {
		left := w.opts.Times - i
		at := now.Add(-elapsed * time.Duration(left-1) / time.Duration(w.opts.Times))
		w.begin()
		w.move(rows/left, churn/left, at)
		rows, churn = rows-rows/left, churn-churn/left
		ts := uint64(max(at.UnixMilli(), 1))
		if i == 0 && w.opts.Times > 1 {
			ts = 1 // the next possible time: exactly the last progress, which says nothing about it
		}
		w.commit(ts)
	}
}

// Stop makes every later Step do nothing, so that a test can compare states
// at leisure; Go ends that.
func (w *World) Stop() { w.setStopped(true) }

// Go lets the world move again after Stop.
func (w *World) Go() { w.setStopped(false) }

func (w *World) setStopped(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = on
}

// move makes changes of the running transaction.
func (w *World) move(rows, churn int, at time.Time) {
	for range churn {
		if w.rnd.IntN(2) == 0 && len(w.list) > 1 {
			w.delist(w.list[w.rnd.IntN(len(w.list))])
		} else {
			w.setPrice(w.listInstrument(), w.startPrice(), at)
		}
	}
	w.lastPriced = w.lastPriced[:0]
	for range rows {
		in := w.list[w.rnd.IntN(len(w.list))]
		if w.rnd.Float64() < w.opts.TradeShare {
			w.addTrade(in, at)
			continue
		}
		w.movePrice(in, at)
	}
	for len(w.trades) > w.opts.MaxTrades {
		w.bust()
	}
}

// Burst changes n rows at one time, as often as needed each: a giant
// timestamp. It returns the time.
func (w *World) Burst(n int) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin()
	w.lastPriced = w.lastPriced[:0]
	now := time.Now()
	for i := range n {
		w.movePrice(w.list[i%len(w.list)], now)
	}
	return w.commit(0)
}

// Again changes the rows once more that the last Step or Burst gave a new
// price, at a new time, and returns that time.
func (w *World) Again() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin()
	now := time.Now()
	for _, in := range append([]*instrument(nil), w.lastPriced...) {
		if !in.gone {
			w.movePrice(in, now)
		}
	}
	return w.commit(0)
}

// List puts a new instrument with a price on the list and returns its id.
func (w *World) List() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin()
	in := w.listInstrument()
	w.setPrice(in, w.startPrice(), time.Now())
	w.commit(0)
	return in.id
}

// Delist removes an instrument with its trades and price; false: there is none
// with that id.
func (w *World) Delist(id int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, in := range w.list {
		if in.id == id {
			w.begin()
			w.delist(in)
			w.commit(0)
			return true
		}
	}
	return false
}
