package materialize

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tycostream/tycostream/internal/relation"
	"github.com/tycostream/tycostream/internal/source"
)

// refused reports whether the server answered with an error that leaves the
// connection as it is.
func refused(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Severity == "ERROR"
}

// ask runs a query that the server may refuse: then there are no rows.
func (b *Backend) ask(c *conn, sql string) ([]relation.Row, error) {
	rows, err := b.query(c, sql)
	if refused(err) {
		b.log.Debug("the database does not say", "query", sql, "error", err)
		return nil, nil
	}
	return rows, err
}

// identity hashes what two streams must have in common for their rows and
// times to be comparable: the installation, because catalog ids begin at u1 in
// each, the name, the objects behind it, the key and the columns.
func (b *Backend) identity(c *conn, def *source.Definition, rel *source.Relation, objects ...string) (string, error) {
	rows, err := b.ask(c, "SELECT mz_environment_id()")
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "materialize %q %q %q %q %q", rows, rel.Name, def.Query, objects, def.Key) // never fails
	for i := range rel.Columns {
		_, _ = fmt.Fprintf(h, " %q %q", rel.Columns[i].Name, rel.Columns[i].SQLType)
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// inputs says what a query's names mean. They are not taken apart: whatever
// the catalog has under a name that occurs in the text may be meant, and an
// object too many does no harm. If the catalog does not say, nothing that was
// seen before is comparable.
func (b *Backend) inputs(c *conn, query string) ([]string, error) {
	path, err := b.ask(c, "SHOW search_path")
	if err != nil {
		return nil, err
	}
	found := []string{b.pg.Database}
	for _, r := range path {
		found = append(found, r.Text(0))
	}
	objects, err := b.ask(c, `SELECT id, name FROM mz_catalog.mz_objects WHERE id LIKE 'u%' ORDER BY id`)
	if len(objects) == 0 {
		return []string{strconv.FormatUint(rand.Uint64(), 36)}, err //nolint:gosec // unique, not secret
	}
	for _, r := range objects {
		if strings.Contains(strings.ToLower(query), strings.ToLower(strings.ReplaceAll(r.Text(1), `"`, `""`))) {
			found = append(found, r.Text(0)+" "+r.Text(1))
		}
	}
	return found, err
}
