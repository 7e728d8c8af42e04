package robustness

import (
	"context"
	"maps"
	"testing"
)

// upstream is the database, which can be written and broken.
type upstream interface {
	// settings lead a gateway there.
	settings() []string

	// write draws and commits a few transactions, and returns once they are
	// part of the model. An error means that the database is away.
	write(ctx context.Context) error

	// strike breaks something, and returns what mends it.
	strike(ctx context.Context, fault string) (mend func())
}

// book is what every upstream keeps: the model and the ledger, and how to go
// from one to the other.
type book struct {
	t      *testing.T
	model  *model
	ledger *ledger
	calm   func() bool
	era    int
}

// commit takes a transaction into the model.
func (b *book) commit(t *tx, before, after uint64) {
	b.ledger.keep(t)
	b.model.commit(&state{
		before: before, after: after, era: b.era, rows: maps.Clone(b.ledger.rows), keys: t.keys(), calm: b.calm(),
	})
}

// found fills the ledger with its first rows, as one transaction.
func (b *book) found(n int) *tx {
	d := &draft{ledger: b.ledger, tx: &tx{rows: map[string]*record{}}}
	for lane := range lanes {
		d.lane = lane
		for range n / lanes {
			if key := d.key(); d.tx.rows[key] == nil {
				d.put(key, d.fresh(key, 100+b.ledger.r.IntN(900)))
			}
		}
	}
	return d.tx
}
