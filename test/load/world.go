package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tycostream/tycostream/internal/relation"
)

// document is what every client subscribes to. Its events are about 300 bytes
// on the wire.
const document = "subscription { livePnL%s { operation data { instrumentId symbol netPosition " +
	"latestPrice marketValue avgCostBasis theoreticalPnl seq sentAt } } }"

// world makes up a source: live_pnl, and in seq and sent_at the number of the
// event that wrote the row and when that was, in nanoseconds. One goroutine.
type world struct {
	schema *relation.Schema
	rows   []relation.Row // by key minus one
	seq    int
	time   uint64
	b      relation.Builder
	num    []byte
	next   int // key to change next, minus one
}

func newWorld(rows int) *world {
	w := &world{time: 1_700_000_000_000, rows: make([]relation.Row, rows), schema: &relation.Schema{
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
	for i := range w.rows {
		w.rows[i] = w.row(i+1, 0)
	}
	return w
}

// row is a key's row as event seq writes it now.
func (w *world) row(key, seq int) relation.Row {
	w.int(key)
	w.b.AppendString("SYMBOL AND NAME")
	w.int(12500)
	w.num = fmt.Appendf(w.num[:0], "1%02d.%02d", seq/100%100, seq%100)
	w.b.Append(w.num)
	w.num = fmt.Appendf(w.num[:0], "128%04d.25", seq%10_000)
	w.b.Append(w.num)
	w.b.AppendString("101.375")
	w.num = fmt.Appendf(w.num[:0], "17%03d.75", seq%1000)
	w.b.Append(w.num)
	w.int(seq)
	w.int(int(time.Now().UnixNano()))
	return w.b.Row()
}

func (w *world) int(n int) {
	w.num = strconv.AppendInt(w.num[:0], int64(n), 10)
	w.b.Append(w.num)
}

// step changes the next k rows of the first `keys`, as one upstream time or as
// one each.
func (w *world) step(k, keys int, oneTime bool) ([]relation.Batch, relation.Frontier) {
	changes := make([]relation.Change, k)
	for i := range changes {
		w.seq++
		key := w.next
		w.next = (w.next + 1) % keys
		changes[i] = relation.Change{Op: relation.Update, Old: w.rows[key], New: w.row(key+1, w.seq)}
		w.rows[key] = changes[i].New
	}
	if oneTime {
		f := w.tick()
		return []relation.Batch{{Time: f.Time, Wall: f.Wall, Changes: changes}}, f
	}
	batches := make([]relation.Batch, k)
	var f relation.Frontier
	for i := range batches {
		f = w.tick()
		batches[i] = relation.Batch{Time: f.Time, Wall: f.Wall, Changes: changes[i : i+1]}
	}
	return batches, f
}

func (w *world) tick() relation.Frontier {
	w.time++
	return relation.Frontier{Time: w.time, Wall: int64(w.time) * 1000} //nolint:gosec // milliseconds since 1970
}
