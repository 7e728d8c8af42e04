package main

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
)

// firstTime is the upstream time of the first snapshot, in milliseconds.
const firstTime = 1_700_000_000_000

// world makes up a source: live_pnl, and in seq and sent_at the number of the
// event that wrote the row and when that was due, in nanoseconds. One
// goroutine at a time.
type world struct {
	schema *relation.Schema
	rows   []relation.Row // by key minus one; "" is a deleted one
	seq    int
	time   uint64
	b      relation.Builder
	num    []byte
	text   []byte
	next   int // key to change next, minus one

	sum  uint64   // of the digests of all rows, if there is a history
	sums []uint64 // history: sum by upstream time minus firstTime, as far as there is room
}

func newWorld(rows int) *world {
	w := &world{time: firstTime - 1, rows: make([]relation.Row, rows), schema: &relation.Schema{
		Key: []int{0},
		Columns: []relation.Column{
			{Name: "instrument_id", Field: "instrumentId", Kind: relation.Integer},
			{Name: "symbol", Field: "symbol", Kind: relation.String, Nullable: true},
			{Name: "net_position", Field: "netPosition", Kind: relation.BigInt, Nullable: true},
			{Name: "latest_price", Field: "latestPrice", Kind: relation.Float, Nullable: true},
			{Name: "market_value", Field: "marketValue", Kind: relation.Decimal, Nullable: true},
			{Name: "avg_cost_basis", Field: "avgCostBasis", Kind: relation.Decimal, Nullable: true},
			{Name: "theoretical_pnl", Field: "theoreticalPnl", Kind: relation.Decimal, Nullable: true},
			{Name: "seq", Field: "seq", Kind: relation.Integer, Nullable: true},
			{Name: "sent_at", Field: "sentAt", Kind: relation.BigInt, Nullable: true},
		},
	}}
	now := time.Now()
	for i := range w.rows {
		w.rows[i] = w.row(i+1, 0, now)
	}
	return w
}

// keep makes room for a history of so many upstream times, so that it does not
// grow while memory is watched.
func (w *world) keep(times int) {
	w.sums = make([]uint64, 0, times)
	for key := range w.rows {
		w.sum += w.digest(key)
	}
}

// row is a key's row as event seq writes it.
func (w *world) row(key, seq int, due time.Time) relation.Row {
	w.int(key)
	w.num = fmt.Appendf(w.num[:0], "SYM %06d NAME", key)
	w.b.Append(w.num)
	w.int(12500)
	w.num = fmt.Appendf(w.num[:0], "1%02d.%02d", seq/100%100, seq%100)
	w.b.Append(w.num)
	w.num = fmt.Appendf(w.num[:0], "128%04d.25", seq%10_000)
	w.b.Append(w.num)
	w.b.AppendString("101.375")
	w.num = fmt.Appendf(w.num[:0], "17%03d.75", seq%1000)
	w.b.Append(w.num)
	w.int(seq)
	w.int(int(due.UnixNano()))
	return w.b.Row()
}

func (w *world) int(n int) {
	w.num = strconv.AppendInt(w.num[:0], int64(n), 10)
	w.b.Append(w.num)
}

// stride is a step's size and shape.
type stride struct {
	events  int  // changes
	keys    int  // of the first so many keys
	oneTime bool // one upstream time, not one each
	churn   int  // every so many events delete a row, which comes back in its turn; 0: none does
}

// step changes the next rows.
func (w *world) step(s stride, due time.Time) ([]relation.Batch, relation.Frontier) {
	changes := make([]relation.Change, s.events)
	times := s.events
	if s.oneTime {
		times = 1
	}
	batches := make([]relation.Batch, times)
	var f relation.Frontier
	for i := range batches {
		part := changes[i : i+1]
		if s.oneTime {
			part = changes
		}
		for j := range part {
			part[j] = w.change(s, due)
		}
		f = w.tick()
		batches[i] = relation.Batch{Time: f.Time, Wall: f.Wall, Changes: part}
	}
	return batches, f
}

// change changes the next row.
func (w *world) change(s stride, due time.Time) relation.Change {
	w.seq++
	key := w.next
	w.next = (w.next + 1) % s.keys
	w.sum -= w.held(key)
	c := relation.Change{Op: relation.Update, Old: w.rows[key]}
	switch {
	case c.Old == "":
		c.Op = relation.Insert
	case s.churn > 0 && w.seq%s.churn == 0:
		c.Op = relation.Delete
	}
	if c.Op != relation.Delete {
		c.New = w.row(key+1, w.seq, due)
	}
	w.rows[key] = c.New
	w.sum += w.held(key)
	return c
}

// tick ends an upstream time.
func (w *world) tick() relation.Frontier {
	w.time++
	if len(w.sums) < cap(w.sums) {
		w.sums = append(w.sums, w.sum)
	}
	return relation.Frontier{Time: w.time, Wall: int64(w.time) * 1000} //nolint:gosec // milliseconds since 1970
}

// held is a row's part of sum, nothing while there is no history.
func (w *world) held(key int) uint64 {
	if w.sums == nil {
		return 0
	}
	return w.digest(key)
}

// verify says which of the states that a client was in are none that the
// source was in.
func (w *world) verify(states []state) error {
	for _, s := range states {
		i := s.Time - firstTime
		if i >= uint64(len(w.sums)) {
			return fmt.Errorf("a client's state is of time %d, of which there is no history", s.Time)
		}
		if w.sums[i] != s.Sum {
			return fmt.Errorf("a client's rows at time %d are not what they were then", s.Time)
		}
	}
	return nil
}

// truth is every row's digest, by key minus one.
func (w *world) truth() []uint64 {
	out := make([]uint64, len(w.rows))
	for key := range out {
		out[key] = w.digest(key)
	}
	return out
}

// digest is what a client has to hold of a row: 0 if there is none. It writes
// the row as JSON by itself, so that it checks the gateway's encoder too.
func (w *world) digest(key int) uint64 {
	r := w.rows[key]
	if r == "" {
		return 0
	}
	w.text = w.text[:0]
	for i := range w.schema.Columns {
		c := &w.schema.Columns[i]
		w.text = append(w.text, ",\""...)
		w.text = append(append(w.text, c.Field...), "\":"...)
		if c.Kind == relation.Integer || c.Kind == relation.Float {
			w.text = append(w.text, r.Text(i)...)
		} else {
			w.text = append(append(append(w.text, '"'), r.Text(i)...), '"')
		}
	}
	return digest(w.text[1:])
}

// digest tells two rows apart. It is the same in every process, and it is
// never 0, which stands for no row.
func digest(row []byte) uint64 {
	return uint64(len(row))<<32 | uint64(crc32.Checksum(row, castagnoli))
}

// castagnoli is the polynomial that processors know.
var castagnoli = crc32.MakeTable(crc32.Castagnoli) //nolint:gochecknoglobals // a constant
