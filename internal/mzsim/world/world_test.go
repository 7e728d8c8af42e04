package world_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tycostream/tycostream/internal/mzsim/pgval"
	"github.com/tycostream/tycostream/internal/mzsim/store"
	"github.com/tycostream/tycostream/internal/mzsim/world"
	"github.com/tycostream/tycostream/internal/relation"
)

// book holds the rows of the world's collections at one time, by counting
// updates: a reference that shares nothing with the incremental computation.
type book map[string]map[relation.Row]int64

func (b book) add(name string, r relation.Row, n int64) {
	if b[name] == nil {
		b[name] = map[relation.Row]int64{}
	}
	if b[name][r] += n; b[name][r] == 0 {
		delete(b[name], r)
	}
}

func (b book) rows(t *testing.T, name string) []relation.Row {
	t.Helper()
	rows := make([]relation.Row, 0, len(b[name]))
	for r, n := range b[name] {
		if n != 1 {
			t.Fatalf("%s holds %d times %q", name, n, r)
		}
		rows = append(rows, r)
	}
	return rows
}

func number(t *testing.T, text string) *big.Rat {
	t.Helper()
	r, ok := pgval.Rational(text)
	if !ok {
		t.Fatalf("%q is not a number", text)
	}
	return r
}

// pnl computes live_pnl from trades and prices, as the package doc defines it.
func (b book) pnl(t *testing.T) map[relation.Row]int64 {
	t.Helper()
	type sums struct{ position, bought, cost *big.Rat }
	trades := map[string]*sums{}
	for _, r := range b.rows(t, "trades") {
		s := trades[r.Text(1)]
		if s == nil {
			s = &sums{new(big.Rat), new(big.Rat), new(big.Rat)}
			trades[r.Text(1)] = s
		}
		q, p := number(t, r.Text(3)), number(t, r.Text(4))
		if r.Text(2) == "sell" {
			s.position.Sub(s.position, q)
			continue
		}
		s.position.Add(s.position, q)
		s.bought.Add(s.bought, q)
		s.cost.Add(s.cost, q.Mul(q, p))
	}
	prices := map[string]*big.Rat{}
	for _, r := range b.rows(t, "market_data") {
		prices[r.Text(0)] = number(t, r.Text(1))
	}
	text := func(x *big.Rat) *string {
		if x == nil {
			return nil
		}
		s, err := pgval.FormatNumeric(x)
		if err != nil {
			t.Fatal(err)
		}
		return &s
	}
	want := map[relation.Row]int64{}
	for _, in := range b.rows(t, "instruments") {
		id, symbol := in.Text(0), in.Text(1)
		position, price := new(big.Rat), prices[id]
		var value, average, pnl *big.Rat
		if s := trades[id]; s != nil {
			position = s.position
			if s.bought.Sign() > 0 {
				average = number(t, new(big.Rat).Quo(s.cost, s.bought).FloatString(4))
			}
		}
		if price != nil {
			value = new(big.Rat).Mul(position, price)
		}
		if price != nil && average != nil {
			pnl = new(big.Rat).Mul(position, new(big.Rat).Sub(price, average))
		}
		want[relation.Cells(&id, &symbol, text(position), text(price), text(value), text(average), text(pnl))]++
	}
	return want
}

// TestEveryTimeIsRight recomputes live_pnl at every time of a lively hour.
func TestEveryTimeIsRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := store.New(nil)
		w := world.New(s, world.Options{Seed: 3, Rows: 25, Rate: 40, Churn: 0.5, Times: 3, MaxTrades: 120, TradeShare: 0.4, Unpriced: 0.2, Retain: 24 * time.Hour})
		names := []string{"instruments", "trades", "market_data", "live_pnl"}
		first := s.Upper() - 1
		b := book{}
		colls := map[string]*store.Collection{}
		for _, n := range names {
			c, ok := s.Lookup(store.ParseName(n))
			if !ok {
				t.Fatal(n)
			}
			colls[n] = c
			rows, err := s.Snapshot(c, first)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				b.add(n, r.Row, r.N)
			}
		}
		check(t, b, first)
		for range 120 {
			<-time.After(time.Second)
			w.Step(time.Second)
		}
		w.Burst(60)
		w.Again()
		w.Delist(w.List())
		byTime := map[uint64]map[string][]store.Update{}
		var times []uint64
		for _, n := range names {
			ups, err := s.Updates(colls[n], first+1, s.Upper())
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range ups {
				if byTime[u.Time] == nil {
					byTime[u.Time] = map[string][]store.Update{}
					times = append(times, u.Time)
				}
				byTime[u.Time][n] = append(byTime[u.Time][n], u)
			}
		}
		slices.Sort(times)
		if len(times) < 350 {
			t.Errorf("only %d times", len(times))
		}
		for _, ts := range times {
			for n, ups := range byTime[ts] {
				for _, u := range ups {
					b.add(n, u.Row, u.Diff)
				}
			}
			check(t, b, ts)
		}
		if n := len(b.rows(t, "trades")); n > 120 {
			t.Errorf("%d trades, over the limit", n)
		}
	})
}

func check(t *testing.T, b book, ts uint64) {
	t.Helper()
	want := b.pnl(t)
	for r := range b["live_pnl"] {
		if want[r] == 0 {
			t.Fatalf("at %d live_pnl has %q", ts, cellsOf(r))
		}
		delete(want, r)
	}
	for r := range want {
		t.Fatalf("at %d live_pnl lacks %q", ts, cellsOf(r))
	}
}

func cellsOf(r relation.Row) string {
	var s []string
	for i := range r.Len() {
		text, ok := r.Cell(i)
		s = append(s, fmt.Sprint(text, ok))
	}
	return strings.Join(s, "|")
}

func TestSameSeedSameWorld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dump := func(seed uint64) string {
			s := store.New(nil)
			w := world.New(s, world.Options{Seed: seed, Rows: 200, Rate: 500, Churn: 3})
			w.Step(time.Second)
			var out []string
			for _, n := range []string{"instruments", "trades", "market_data", "live_pnl"} {
				rows, err := s.Rows(n)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range rows {
					out = append(out, n+cellsOf(r))
				}
			}
			slices.Sort(out)
			return strings.Join(out, "\n")
		}
		a, b, c := dump(1), dump(1), dump(2)
		if a != b || a == c {
			t.Error("the seed must decide about everything")
		}
	})
}

func TestShapeOfTheWorld(t *testing.T) {
	s := store.New(nil)
	w := world.New(s, world.Options{Rows: 3000, Rate: 1000})
	rows, err := s.Rows("live_pnl")
	if err != nil || len(rows) != 3000 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	symbols := map[string]bool{}
	unpriced := 0
	for _, r := range rows {
		symbols[r.Text(1)] = true
		if r.Null(3) {
			unpriced++
		}
	}
	if len(symbols) != 3000 || unpriced == 0 || unpriced > 200 {
		t.Errorf("%d symbols, %d without a price", len(symbols), unpriced)
	}
	before := s.Upper()
	w.Step(time.Second)
	c, _ := s.Lookup(store.ParseName("live_pnl"))
	ups, err := s.Updates(c, before, s.Upper())
	if err != nil || len(ups) < 1200 || len(ups) > 2000 {
		t.Errorf("%d updates for 1000 changed rows, %v", len(ups), err)
	}
	still := world.New(store.New(nil), world.Options{Rate: -1})
	still.Step(time.Hour)
	// A dropped table stops the world, not the process.
	if err := s.Drop("trades"); err != nil {
		t.Fatal(err)
	}
	w.Step(time.Second)
}

func BenchmarkStep(b *testing.B) {
	s := store.New(nil)
	w := world.New(s, world.Options{Rows: 10_000, Rate: 10_000})
	b.ReportAllocs()
	for b.Loop() {
		w.Step(time.Second)
	}
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "rows/s")
}
