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
	if now, err = b.clock(c); err != nil || now == 0 {
		return 0, 0, err
	}
	age := uint64(target.History.Milliseconds()) //nolint:gosec // it is positive
	return now - min(now, age), now, nil
}

// longAgo is older than any history that is retained, in milliseconds: a year.
const longAgo = 365 * 24 * 60 * 60 * 1000

// present returns the time at which a stream that goes on from a position has
// caught up: until then the source's rows are old. It is 0 when the server does
// not say, or has another clock than the position.
func (b *Backend) present(c *conn, position uint64) (uint64, error) {
	now, err := b.clock(c)
	if err != nil || now < position || now-position > longAgo {
		return 0, err
	}
	return now, nil
}

// clock returns the time upstream; 0 when the server does not say, or when it is
// the end of time, which no stream comes to.
func (b *Backend) clock(c *conn) (uint64, error) {
	rows, err := b.ask(c, "SELECT mz_now()")
	if now := number(rows); err == nil && now <= lastMilli {
		return now, nil
	}
	return 0, err
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
