package materialize

import (
	"strconv"
	"strings"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// defaultHistory is what every object retains without being told to, less than
// what a gateway takes to restart.
const defaultHistory = 1000 // milliseconds

// past returns where a first snapshot may begin so that what happened since
// comes with it, and the time at which such a stream has caught up; zeros when
// it is not worth it, or the server does not say. Both questions are answered
// from the catalog and the clock: neither builds a dataflow or waits for one.
//
// Views and queries retain nothing of their own, and an index in the way makes
// the past as short as its own second: both cost nothing but the attempt.
func (b *Backend) past(c *conn, target *source.Target, id string) (begin, now uint64, err error) {
	if _, able := target.Sink.(source.HistorySink); !able || target.History <= 0 || target.Resume.Identity != "" || id == "" {
		return 0, 0, nil
	}
	rows, err := b.ask(c, `SELECT value FROM mz_internal.mz_history_retention_strategies WHERE strategy = 'FOR' AND id = `+quoteText(id))
	if retained := number(rows); err != nil || retained <= defaultHistory {
		return 0, 0, err
	}
	if rows, err = b.ask(c, "SELECT mz_now()"); err != nil {
		return 0, 0, err
	}
	if now = number(rows); now > lastMilli {
		return 0, 0, nil // the end of time, which no stream comes to
	}
	age := uint64(target.History.Milliseconds()) //nolint:gosec // it is positive
	return now - min(now, age), now, nil
}

// number reads a result of one number, which JSON may have quoted; 0 if it is
// none.
func number(rows []relation.Row) uint64 {
	if len(rows) != 1 || rows[0].Len() != 1 {
		return 0
	}
	n, err := strconv.ParseUint(strings.Trim(rows[0].Text(0), `"`), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
