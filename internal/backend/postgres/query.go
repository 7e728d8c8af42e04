package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// record is one row of a small query, as text; NULL is empty.
type record [][]byte

func (r record) text(i int) string { return string(r[i]) }

func (r record) bool(i int) bool { return len(r[i]) == 1 && r[i][0] == 't' }

func (r record) oid(i int) uint32 {
	n, _ := strconv.ParseUint(string(r[i]), 10, 32) // the server prints its own OIDs
	return uint32(n)
}

// char is the first byte of a "char" or text column.
func (r record) char(i int) byte {
	if len(r[i]) == 0 {
		return 0
	}
	return r[i][0]
}

// list reads a column made by to_json from an array of names.
func (r record) list(i int) ([]string, error) {
	var names []string
	if len(r[i]) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(r[i], &names); err != nil {
		return nil, fmt.Errorf("read a list of names: %w", err)
	}
	return names, nil
}

// session is an SQL connection. No statement may keep it waiting for longer
// than silence: the network may have gone without a word.
type session struct {
	conn    *pgconn.PgConn
	silence time.Duration
}

// query runs a small query.
func (s *session) query(ctx context.Context, step, sql string, args ...string) ([]record, error) {
	ctx, cancel := context.WithTimeout(ctx, s.silence)
	defer cancel()
	params := make([][]byte, len(args))
	for i, a := range args {
		params[i] = []byte(a)
	}
	result := s.conn.ExecParams(ctx, sql, params, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, classify(step, result.Err)
	}
	rows := make([]record, len(result.Rows))
	for i, r := range result.Rows {
		rows[i] = r
	}
	return rows, nil
}

// exec runs statements without a result.
func (s *session) exec(ctx context.Context, step, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, s.silence)
	defer cancel()
	_, err := s.conn.Exec(ctx, sql).ReadAll()
	return classify(step, err)
}
