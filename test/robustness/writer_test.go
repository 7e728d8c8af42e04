package robustness

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// op is one statement of a transaction.
type op struct {
	key      string
	old, row *record // row nil: DELETE; old nil: INSERT; both: UPDATE
}

// tx is a transaction: its statements in order, and what they lead to.
type tx struct {
	ops  []op
	rows map[string]*record // afterwards
	big  bool
}

// keys returns the keys that the transaction touches.
func (t *tx) keys() []string {
	set := map[string]bool{}
	for _, o := range t.ops {
		set[o.key] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// ledger draws random transactions that never change the sum of all balances.
// Lanes are disjoint sets of keys, so that transactions of different lanes can
// be open at the same time.
type ledger struct {
	r    *rand.Rand
	rows map[string]*record
	size int // of each lane: the number of keys
}

const lanes = 3

// pick draws one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// randomCell draws a cell of a column. Null may come for all but the key.
func randomCell(r *rand.Rand, col int) string {
	c := columns[col]
	if col > 0 && r.IntN(8) == 0 {
		return null
	}
	switch {
	case c.name == "branch":
		return pick(r, "north", "south", "east", "west")
	case col == noteAt && r.IntN(25) == 0:
		return strings.Repeat(strconv.FormatUint(r.Uint64(), 36), 1+r.IntN(700))
	}
	switch c.kind {
	case integer:
		return strconv.Itoa(1 + r.IntN(200))
	case bigint:
		return pick(r, "5", "-1", "9007199254740992", "9007199254740993", "9223372036854775807", "-9223372036854775808")
	case decimal:
		return pick(r, "0.3", "0.30000000000000000001", "1.5", "-7", "12345678901234567890.123456789", strconv.Itoa(r.IntN(50)))
	case float:
		return pick(r, "1.5", "-2.25", "0.125", strconv.Itoa(r.IntN(9))+".75")
	case boolean:
		return pick(r, "true", "false")
	case enum:
		return pick(r, levels...)
	case timestamp:
		return pick(r, "2026-01-01T00:00:00Z", "2026-01-01T00:00:30.000001Z", fmt.Sprintf("2026-01-01T00:%02d:00Z", r.IntN(60)))
	default:
		return pick(r, "a", "bob", "Anna", "ab", "b d", "é", "😀b", "", "tab\tand\nline", `back\slash "quoted"`, "zoé")
	}
}

func (l *ledger) fresh(key string, money int) *record {
	r := &record{make([]string, len(columns))}
	for i := range columns {
		r.cells[i] = randomCell(l.r, i)
	}
	r.cells[0], r.cells[balance] = key, strconv.Itoa(money)
	return r
}

// draft is a transaction that is being drawn.
type draft struct {
	*ledger
	tx   *tx
	lane int
}

// draw returns the next transaction of a lane. The ledger does not change:
// keep takes the transaction in once it is committed.
func (l *ledger) draw(lane int) *tx {
	d := &draft{ledger: l, tx: &tx{rows: maps.Clone(l.rows)}, lane: lane}
	n := 1 + l.r.IntN(5)
	if l.r.IntN(60) == 0 {
		n, d.tx.big = l.size*2, true
	}
	for range n {
		d.act()
	}
	return d.tx
}

func (l *ledger) keep(t *tx) {
	for _, key := range t.keys() { // other lanes may have changed other keys
		if r := t.rows[key]; r != nil {
			l.rows[key] = r
		} else {
			delete(l.rows, key)
		}
	}
}

// key draws a key of the lane.
func (d *draft) key() string { return strconv.Itoa(1 + d.lane + lanes*d.r.IntN(d.size)) }

// put replaces the row of a key, as the statement that fits.
func (d *draft) put(key string, row *record) {
	old := d.tx.rows[key]
	if old == nil && row == nil {
		return
	}
	d.tx.ops = append(d.tx.ops, op{key, old, row})
	if row == nil {
		delete(d.tx.rows, key)
		return
	}
	d.tx.rows[key] = row
}

// partner returns another live row of the lane to give money to or take it from.
func (d *draft) partner(not string) *record {
	for range 20 {
		if key := d.key(); key != not && d.tx.rows[key] != nil {
			return d.tx.rows[key]
		}
	}
	return nil
}

// give adds money to a row, which must be live.
func (d *draft) give(r *record, n int) {
	sum := strconv.Itoa(d.tx.rows[r.key()].money() + n)
	d.put(r.key(), d.tx.rows[r.key()].with(func(c []string) { c[balance] = sum }))
}

// act draws one change, which may take several statements.
func (d *draft) act() {
	key := d.key()
	row := d.tx.rows[key]
	other := d.partner(key)
	n := d.r.IntN(50)
	switch {
	case row == nil && other == nil:
		d.put(key, d.fresh(key, 0))
	case row == nil:
		d.put(key, d.fresh(key, n))
		d.give(other, -n)
	default:
		d.change(row, other, n)
	}
}

// change draws a change of a live row; other may be nil.
func (d *draft) change(row, other *record, n int) {
	key := row.key()
	money := row.money()
	switch d.r.IntN(12) {
	case 0, 1: // gone
		if other != nil {
			d.give(other, money)
			d.put(key, nil)
		}
	case 2: // gone and back, as it was or not
		back := row
		if d.r.IntN(2) == 0 {
			back = d.fresh(key, money)
		}
		d.put(key, nil)
		d.put(key, back)
	case 3: // written, and not changed
		d.put(key, row.with(func([]string) {}))
	case 4: // nothing but its key is left
		if other != nil {
			d.give(other, money)
			d.put(key, row.with(func(c []string) {
				for i := 1; i < len(c); i++ {
					c[i] = null
				}
			}))
		}
	case 5: // several times at once
		d.put(key, d.fresh(key, money))
		d.put(key, row)
		d.put(key, d.fresh(key, money))
	case 6, 7, 8: // a transfer
		if other != nil {
			d.give(row, -n)
			d.give(other, n)
		}
	default: // a few columns
		d.put(key, row.with(func(c []string) {
			for range 1 + d.r.IntN(3) {
				if i := 1 + d.r.IntN(len(c)-1); i != balance {
					c[i] = randomCell(d.r, i)
				}
			}
		}))
	}
}
